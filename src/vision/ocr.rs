//! From a recogniser's output to characters.

use super::{DecodeError, Script, TensorView, normalise};
use crate::domain::CharRead;
use std::cmp::Ordering;

/// A text as it was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextRead {
    /// Normalised; empty where nothing was read.
    pub text: String,
    /// The text's characters with their probabilities, in order.
    pub characters: Vec<CharRead>,
    pub lost: Lost,
    /// The characters' mean probability, less as one between them may be lost, 0–1; 0 where nothing was read.
    pub confidence: f32,
    /// What was read with no format in mind, where this text stands in its place.
    pub freely: Option<String>,
}

/// How likely a character was left out, 0–1: the highest probability of one where the model rather saw a gap.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Lost {
    /// Between two characters.
    pub inside: f32,
    /// There, or before the first or behind the last one, where it may be the plate's edge or a crest as well.
    pub anywhere: f32,
}

impl Lost {
    fn or(self, other: Self) -> Self {
        Self { inside: self.inside.max(other.inside), anywhere: self.anywhere.max(other.anywhere) }
    }
}

impl TextRead {
    /// This text with another behind it.
    pub fn followed_by(mut self, next: TextRead) -> Self {
        self.text.push_str(&next.text);
        self.characters.extend(next.characters);
        self.lost = self.lost.or(next.lost);
        self.confidence = mean(&self.characters) * (1.0 - self.lost.inside);
        self
    }

    /// May this be a part of what stands on the plate? Most registrations have six to eight characters.
    pub fn may_be_a_part(&self) -> bool {
        (SHORTEST_PART..=LONGEST_PART).contains(&self.characters.len())
    }

    /// Is this the other text with more characters before or behind it?
    pub fn continues(&self, part: &TextRead) -> bool {
        let (length, of_part) = (self.characters.len(), part.characters.len());
        of_part >= SHORTEST_PART && (of_part + 1..=LONGEST).contains(&length) && self.text.contains(&part.text)
    }

    /// The lowest probability of its characters, and of there being no more of them; 0 where nothing was read.
    pub fn least_certain(&self) -> f32 {
        self.characters
            .iter()
            .map(|read| read.confidence)
            .reduce(f32::min)
            .map_or(0.0, |p| p.min(1.0 - self.lost.anywhere))
    }

    /// Of what was read, what belongs on a plate. A character that normalises to several keeps its probability for each.
    fn from_raw(raw: impl Iterator<Item = CharRead>, lost: Lost) -> Self {
        // Combining marks must meet their base before normalisation, so the text is normalised as a whole first; where
        // that changes nothing but case and gaps, which is nearly always, each character keeps its own probability.
        let raw: Vec<CharRead> = raw.collect();
        let text = normalise(&raw.iter().map(|c| c.character).collect::<String>());
        let mut characters: Vec<CharRead> = raw
            .iter()
            .flat_map(|read| {
                let confidence = read.confidence;
                let kept: Vec<char> = normalise(&read.character.to_string()).chars().collect();
                kept.into_iter().map(move |character| CharRead { character, confidence })
            })
            .collect();
        let mean = mean(&characters);
        if !text.chars().eq(characters.iter().map(|c| c.character)) {
            characters = text.chars().map(|character| CharRead { character, confidence: mean }).collect();
        }
        let confidence = if text.is_empty() { 0.0 } else { mean * (1.0 - lost.inside) };
        Self { text, characters, lost, confidence, freely: None }
    }

    /// A text that fits a format, in place of `read`, than which it is less likely by `share`, 0–1. Characters that it has
    /// more were lost in the other; what it has less may be missing.
    pub(super) fn fitted(characters: Vec<CharRead>, share: f32, read: &TextRead) -> Self {
        let missing = 1.0 / (1.0 + share);
        let lost = match characters.len().cmp(&read.characters.len()) {
            Ordering::Less => read.lost.or(Lost { inside: missing, anywhere: missing }),
            Ordering::Equal => read.lost,
            Ordering::Greater => Lost::default(),
        };
        let confidence = mean(&characters) * (1.0 - lost.inside);
        let text = characters.iter().map(|read| read.character).collect();
        Self { text, characters, lost, confidence, freely: Some(read.text.clone()) }
    }
}

/// The mean probability of characters; 0 of none.
fn mean(characters: &[CharRead]) -> f32 {
    characters.iter().map(|read| read.confidence).sum::<f32>() / characters.len().max(1) as f32
}

/// Fewer characters than this are found in too many texts.
const SHORTEST_PART: usize = 3;
/// With more characters it is hardly a part, and another look is not worth its time.
const LONGEST_PART: usize = 6;
/// No registration is longer.
const LONGEST: usize = 10;

/// A gap this sure holds no character that is worth a search.
const SURE_GAP: f32 = 0.98;
/// What a step shows less likely than this it does not show.
const LEAST_SHOWN: f32 = 0.01;

/// The characters of a recogniser's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alphabet {
    characters: Vec<char>,
    /// Which of them stand on plates.
    on_plates: Vec<bool>,
}

impl Alphabet {
    /// One class a character, in order.
    pub fn from_text(text: &str) -> Self {
        Self::of(text.chars().collect())
    }

    fn of(characters: Vec<char>) -> Self {
        let on_plates = characters.iter().map(|character| !normalise(&character.to_string()).is_empty()).collect();
        Self { characters, on_plates }
    }

    /// One class a line, as PaddleOCR exports write it into the ONNX metadata key `character`; the last class is the
    /// space, which the list leaves out. Lines of several characters keep their first, a line of none is a space.
    pub fn from_lines(text: &str) -> Self {
        let mut characters: Vec<char> = text.split('\n').map(|line| line.chars().next().unwrap_or(' ')).collect();
        characters.push(' ');
        Self::of(characters)
    }

    pub fn has(&self, character: char) -> bool {
        self.characters.contains(&character)
    }

    /// The character of a class as it stands on plates; `None` where it stands on none, or for several.
    pub(super) fn on_plate(&self, class: usize) -> Option<char> {
        let written = normalise(&self.characters.get(class)?.to_string());
        let mut characters = written.chars();
        characters.next().filter(|_| characters.next().is_none())
    }

    /// Has it a letter of this script?
    pub fn knows(&self, script: Script) -> bool {
        self.characters.iter().any(|&character| script.has(character))
    }

    /// Characters that a step may show, with their probabilities, 0–1; without what stands on no plate and the characters beside.
    fn likely_in<'a>(
        &self,
        probabilities: &'a [f32],
        beside: &'a [Option<usize>],
    ) -> impl Iterator<Item = (usize, f32)> + use<'a, '_> {
        let found = probabilities.iter().zip(&self.on_plates).enumerate();
        let others = found.filter(|(index, (_, on_plates))| **on_plates && !beside.contains(&Some(*index)));
        others.map(|(index, (probability, _))| (index, probability.clamp(0.0, 1.0))).filter(|(_, p)| *p >= LEAST_SHOWN)
    }

    pub fn len(&self) -> usize {
        self.characters.len()
    }

    pub fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }
}

/// Where a CTC output has its blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// Class 0; class i is the alphabet's character i − 1.
    First,
    /// The last class; class i is the alphabet's character i.
    Last,
}

/// The output's numbers with a softmax over the classes of each step.
pub fn softmax(output: &TensorView<'_>) -> Vec<f32> {
    let classes = output.shape.last().copied().unwrap_or(0).max(1);
    let mut data = output.data.to_vec();
    for step in data.chunks_mut(classes) {
        let highest = step.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        step.iter_mut().for_each(|score| *score = (*score - highest).exp());
        let sum: f32 = step.iter().sum();
        step.iter_mut().for_each(|score| *score /= sum);
    }
    data
}

/// The output's numbers with 0 for the letters of one script; the alphabet's first character is class `first`.
pub fn without(output: &TensorView<'_>, alphabet: &Alphabet, first: usize, script: Script) -> Vec<f32> {
    let classes = output.shape.last().copied().unwrap_or(0).max(1);
    let mut data = output.data.to_vec();
    for step in data.chunks_mut(classes) {
        let letters = step.iter_mut().skip(first).zip(&alphabet.characters);
        letters.filter(|(_, letter)| script.has(**letter)).for_each(|(score, _)| *score = 0.0);
    }
    data
}

/// CTC: `[1, T, C]` probabilities of the blank and the alphabet's characters. Runs of the same class are one character, whose
/// probability is the run's highest. Between runs stands a character as well where it is likelier than that there is none
/// (`Gap`): where several steps share it, each of them alone rather shows the blank.
pub fn decode_ctc(output: &TensorView<'_>, alphabet: &Alphabet, blank: Blank) -> Result<TextRead, DecodeError> {
    let classes = classes_of(output, "ctc")?;
    if alphabet.len() + 1 != classes {
        let rule = "CTC has one class a character and the blank";
        return Err(DecodeError::Alphabet { got: alphabet.len(), classes, rule });
    }
    let blank_class = if blank == Blank::First { 0 } else { classes - 1 };
    let shift = usize::from(blank == Blank::First);
    let steps: Vec<(&[f32], usize, f32)> = output
        .data
        .chunks_exact(classes)
        .map(|step| (step, most_likely(step)))
        .map(|(step, (class, confidence))| (step, class, confidence))
        .collect();
    let mut raw: Vec<CharRead> = Vec::new();
    let (mut lost, mut gap, mut before) = (Lost::default(), Gap::default(), blank_class);
    for (index, &(step, class, confidence)) in steps.iter().enumerate() {
        if class == blank_class {
            let after = steps.get(index + 1).map_or(blank_class, |(_, class, _)| *class);
            gap.goes_on(&step[shift..], confidence, alphabet, [before, after].map(|class| class.checked_sub(shift)));
        } else if class == before {
            if let Some(last) = raw.last_mut() {
                last.confidence = last.confidence.max(confidence);
            }
        } else if let Some(&character) = class.checked_sub(shift).and_then(|i| alphabet.characters.get(i)) {
            let inside = !raw.is_empty();
            std::mem::take(&mut gap).ends(&mut raw, inside, &mut lost, alphabet);
            raw.push(CharRead { character, confidence });
        }
        before = class;
    }
    gap.ends(&mut raw, false, &mut lost, alphabet);
    Ok(TextRead::from_raw(raw.into_iter(), lost))
}

/// The steps between two characters of a CTC output, and what they nearly show.
#[derive(Default)]
struct Gap {
    /// The characters that a step may show.
    nearly: Vec<Nearly>,
    step: usize,
}

/// A character that steps of a gap may show.
#[derive(Default)]
struct Nearly {
    /// Its place in the alphabet.
    index: usize,
    /// Its highest probability.
    confidence: f32,
    /// Of all the ways to see it once in the gap, over the one way to see none.
    odds: f32,
    /// Of those ways the ones that end with the step `last`.
    ending: f32,
    last: usize,
}

impl Gap {
    /// One step more, whose blank has `blank`. What the characters beside it are is a part of them.
    fn goes_on(&mut self, step: &[f32], blank: f32, alphabet: &Alphabet, beside: [Option<usize>; 2]) {
        self.step += 1;
        if blank >= SURE_GAP {
            return;
        }
        for (index, probability) in alphabet.likely_in(step, &beside) {
            let (now, share) = (self.step, probability / blank);
            let nearly = self.nearly(index);
            let going_on = if nearly.last + 1 == now { nearly.ending } else { 0.0 };
            nearly.ending = share * (1.0 + going_on);
            nearly.odds += nearly.ending;
            nearly.confidence = nearly.confidence.max(probability);
            nearly.last = now;
        }
    }

    /// What is known of a character, nothing so far of one that no step before showed.
    fn nearly(&mut self, index: usize) -> &mut Nearly {
        let known = self.nearly.iter().position(|nearly| nearly.index == index);
        let at = known.unwrap_or_else(|| {
            self.nearly.push(Nearly { index, ..Nearly::default() });
            self.nearly.len() - 1
        });
        &mut self.nearly[at]
    }

    /// A character that is likelier to be there than not is read; of any other `lost` knows.
    fn ends(self, raw: &mut Vec<CharRead>, inside: bool, lost: &mut Lost, alphabet: &Alphabet) {
        let likeliest = self.nearly.iter().max_by(|a, b| a.odds.total_cmp(&b.odds));
        if let Some(found) = likeliest.filter(|found| found.odds > 1.0) {
            raw.push(CharRead { character: alphabet.characters[found.index], confidence: found.confidence });
            return;
        }
        let highest = self.nearly.iter().map(|nearly| nearly.confidence).fold(0.0, f32::max);
        let between = if inside { highest } else { 0.0 };
        *lost = lost.or(Lost { inside: between, anywhere: highest });
    }
}

/// One character a slot: `[1, S, C]` probabilities; slots of the `pad` character are empty.
pub fn decode_slots(output: &TensorView<'_>, alphabet: &Alphabet, pad: char) -> Result<TextRead, DecodeError> {
    let classes = classes_of(output, "slots")?;
    if alphabet.len() != classes {
        let rule = "a slot has one class a character, the pad character included";
        return Err(DecodeError::Alphabet { got: alphabet.len(), classes, rule });
    }
    let slots = output.data.chunks_exact(classes).map(most_likely);
    let raw = slots.filter_map(|(class, confidence)| {
        let character = *alphabet.characters.get(class)?;
        (character != pad).then_some(CharRead { character, confidence })
    });
    Ok(TextRead::from_raw(raw, Lost::default()))
}

/// Index and value of the highest probability, brought into 0–1; the first of several. `(0, 0)` for none.
pub fn most_likely(probabilities: &[f32]) -> (usize, f32) {
    let best = highest(probabilities);
    let class = probabilities.iter().position(|&p| p == best).unwrap_or(0);
    (class, best.clamp(0.0, 1.0))
}

/// The highest value that is a number. In lanes, as an alphabet may have 18,000 characters, and each step of a text is
/// looked through.
fn highest(values: &[f32]) -> f32 {
    let higher = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; 16];
    let chunks = values.chunks_exact(lanes.len());
    let rest = chunks.remainder();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = higher(*lane, *value));
    }
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |best, value| higher(best, *value))
}

fn classes_of(output: &TensorView<'_>, layout: &'static str) -> Result<usize, DecodeError> {
    match output.shape {
        [1, steps, classes] if *classes > 0 && steps * classes == output.data.len() => Ok(*classes),
        _ => Err(DecodeError::Shape {
            layout,
            output: output.name.to_owned(),
            expected: "[1, ?, classes]".to_owned(),
            got: output.shape.to_vec(),
        }),
    }
}

#[cfg(test)]
#[path = "ocr_tests.rs"]
mod tests;
