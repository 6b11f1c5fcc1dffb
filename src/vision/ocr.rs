//! From a recogniser's output to characters.

use super::{DecodeError, Script, TensorView, normalise};
use crate::domain::CharRead;

/// A text as it was read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextRead {
    /// Normalised; empty where nothing was read.
    pub text: String,
    /// The text's characters with their probabilities, in order.
    pub characters: Vec<CharRead>,
    /// Their mean probability, 0–1; 0 where nothing was read.
    pub confidence: f32,
}

impl TextRead {
    /// This text with another behind it.
    pub fn followed_by(mut self, next: TextRead) -> Self {
        self.text.push_str(&next.text);
        self.characters.extend(next.characters);
        let sum: f32 = self.characters.iter().map(|read| read.confidence).sum();
        self.confidence = if self.characters.is_empty() { 0.0 } else { sum / self.characters.len() as f32 };
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

    /// The lowest probability of its characters; 0 where nothing was read.
    pub fn least_certain(&self) -> f32 {
        self.characters.iter().map(|read| read.confidence).reduce(f32::min).unwrap_or(0.0)
    }

    /// Of what was read, what belongs on a plate. A character that normalises to several keeps its probability for each.
    fn from_raw(raw: impl Iterator<Item = CharRead>) -> Self {
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
        let mean = match characters.len() {
            0 => 0.0,
            n => characters.iter().map(|c| c.confidence).sum::<f32>() / n as f32,
        };
        if !text.chars().eq(characters.iter().map(|c| c.character)) {
            characters = text.chars().map(|character| CharRead { character, confidence: mean }).collect();
        }
        let confidence = if text.is_empty() { 0.0 } else { mean };
        Self { text, characters, confidence }
    }
}

/// Fewer characters than this are found in too many texts.
const SHORTEST_PART: usize = 3;
/// With more characters it is hardly a part, and another look is not worth its time.
const LONGEST_PART: usize = 6;
/// No registration is longer.
const LONGEST: usize = 10;

/// The characters of a recogniser's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alphabet {
    characters: Vec<char>,
}

impl Alphabet {
    /// One class a character, in order.
    pub fn from_text(text: &str) -> Self {
        Self { characters: text.chars().collect() }
    }

    /// One class a line, as PaddleOCR exports write it into the ONNX metadata key `character`; the last class is the
    /// space, which the list leaves out. Lines of several characters keep their first, a line of none is a space.
    pub fn from_lines(text: &str) -> Self {
        let mut characters: Vec<char> = text.split('\n').map(|line| line.chars().next().unwrap_or(' ')).collect();
        characters.push(' ');
        Self { characters }
    }

    pub fn has(&self, character: char) -> bool {
        self.characters.contains(&character)
    }

    /// Has it a letter of this script?
    pub fn knows(&self, script: Script) -> bool {
        self.characters.iter().any(|&character| script.has(character))
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

/// Greedy CTC: `[1, T, C]` probabilities of the blank and the alphabet's characters; runs of the same class are one
/// character, whose probability is the run's highest.
pub fn decode_ctc(output: &TensorView<'_>, alphabet: &Alphabet, blank: Blank) -> Result<TextRead, DecodeError> {
    let classes = classes_of(output, "ctc")?;
    if alphabet.len() + 1 != classes {
        let rule = "CTC has one class a character and the blank";
        return Err(DecodeError::Alphabet { got: alphabet.len(), classes, rule });
    }
    let mut raw: Vec<CharRead> = Vec::new();
    let blank_class = if blank == Blank::First { 0 } else { classes - 1 };
    let shift = usize::from(blank == Blank::First);
    let mut before = blank_class;
    for step in output.data.chunks_exact(classes) {
        let (class, confidence) = most_likely(step);
        if class != blank_class && class == before {
            if let Some(last) = raw.last_mut() {
                last.confidence = last.confidence.max(confidence);
            }
        } else if let Some(&character) = class.checked_sub(shift).and_then(|i| alphabet.characters.get(i)) {
            raw.push(CharRead { character, confidence });
        }
        before = class;
    }
    Ok(TextRead::from_raw(raw.into_iter()))
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
    Ok(TextRead::from_raw(raw))
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn view<'a>(shape: &'a [usize], data: &'a [f32]) -> TensorView<'a> {
        TensorView { name: "text", shape, data }
    }

    /// Rows with one sure class each.
    fn rows(classes: usize, sure: &[(usize, f32)]) -> Vec<f32> {
        sure.iter().flat_map(|&(class, p)| (0..classes).map(move |c| if c == class { p } else { 0.01 })).collect()
    }

    #[test]
    fn ctc_merges_runs_and_a_blank_parts_doubles() {
        let alphabet = Alphabet::from_text("AB1");
        let data = rows(4, &[(0, 0.9), (1, 0.5), (1, 0.8), (0, 0.9), (1, 0.6), (3, 0.7)]);
        let read = decode_ctc(&view(&[1, 6, 4], &data), &alphabet, Blank::First).unwrap();
        assert_eq!(read.text, "AA1");
        let confidences: Vec<f32> = read.characters.iter().map(|c| c.confidence).collect();
        assert_eq!(confidences, [0.8, 0.6, 0.7]);
        assert!((read.confidence - 0.7).abs() < 1e-6);
    }

    #[test]
    fn gaps_fall_and_do_not_count_for_the_confidence() {
        let alphabet = Alphabet::from_lines("a\n-");
        assert_eq!(alphabet.len(), 3, "the space comes on top");
        let data = rows(4, &[(1, 0.8), (2, 0.3), (1, 0.8), (3, 0.2)]);
        let read = decode_ctc(&view(&[1, 4, 4], &data), &alphabet, Blank::First).unwrap();
        assert_eq!((read.text.as_str(), read.confidence), ("AA", 0.8));
    }

    #[test]
    fn the_blank_may_be_last_and_scores_may_be_raw() {
        let alphabet = Alphabet::from_text("AB1");
        let data = rows(4, &[(3, 9.0), (0, 9.0), (3, 9.0), (0, 9.0), (2, 9.0)]);
        let raw = view(&[1, 5, 4], &data);
        let probabilities = softmax(&raw);
        let read = decode_ctc(&TensorView { data: &probabilities, ..raw }, &alphabet, Blank::Last).unwrap();
        assert_eq!(read.text, "AA1");
        assert!(read.confidence > 0.99 && read.confidence < 1.0, "{}", read.confidence);
    }

    #[test]
    fn without_a_script_the_next_likeliest_letter_is_read() {
        let alphabet = Alphabet::from_text("SEร6");
        let mut data = rows(5, &[(2, 0.9), (3, 0.5), (4, 0.9)]);
        data[5 + 1] = 0.4;
        let output = view(&[1, 3, 5], &data);
        assert_eq!(decode_ctc(&output, &alphabet, Blank::First).unwrap().text, "Eร6");
        let latin = without(&output, &alphabet, 1, Script::Thai);
        let read = decode_ctc(&TensorView { data: &latin, ..output }, &alphabet, Blank::First).unwrap();
        assert_eq!((read.text.as_str(), read.characters[1].confidence), ("ES6", 0.4));
    }

    fn read(text: &str) -> TextRead {
        TextRead::from_raw(text.chars().map(|character| CharRead { character, confidence: 0.9 }))
    }

    #[test]
    fn a_text_cut_off_by_its_box_is_known_again_in_the_whole_one() {
        let part = read("0440");
        assert!(read("1B70440").continues(&part) && read("RK977AF").continues(&read("RK977A")));
        assert!(!read("1B70448").continues(&part), "another text");
        assert!(!part.continues(&part) && !read("44").continues(&part));
        assert!(!read("1B70440").continues(&read("44")), "too little to know it again");
        assert!(part.may_be_a_part() && read("RK977A").may_be_a_part());
        assert!(!read("44").may_be_a_part() && !read("RK977AF").may_be_a_part());
        assert!(!read("CALIFORNIA0440").continues(&part), "no registration is so long");
    }

    #[test]
    fn slots_drop_the_pad() {
        let data = rows(3, &[(0, 0.9), (2, 0.9), (1, 0.7)]);
        let read = decode_slots(&view(&[1, 3, 3], &data), &Alphabet::from_text("A1_"), '_').unwrap();
        assert_eq!(read.text, "A1");
    }

    #[test]
    fn a_foreign_alphabet_or_shape_is_refused() {
        let data = vec![0.1; 12];
        let error = decode_ctc(&view(&[1, 3, 4], &data), &Alphabet::from_text("ABCDEF"), Blank::First).unwrap_err();
        assert!(error.to_string().starts_with("an alphabet of 6 characters does not fit 4 classes"));
        assert!(decode_slots(&view(&[3, 4], &data), &Alphabet::from_text("ABC_"), '_').is_err());
        assert!(decode_ctc(&view(&[1, 0, 0], &[]), &Alphabet::from_text(""), Blank::First).is_err());
    }

    proptest! {
        #[test]
        fn a_text_with_more_before_or_behind_it_continues_it(
            before in "[A-C1-3]{0,5}", text in "[A-C1-3]{0,8}", behind in "[A-C1-3]{0,5}", other in "[A-C1-3]{0,12}",
        ) {
            let whole = format!("{before}{text}{behind}");
            let known_again = text.len() >= SHORTEST_PART && whole.len() > text.len() && whole.len() <= LONGEST;
            prop_assert_eq!(read(&whole).continues(&read(&text)), known_again);
            if read(&other).continues(&read(&text)) {
                prop_assert!(other.contains(&text) && !read(&text).continues(&read(&other)));
            }
        }

        #[test]
        fn the_likeliest_is_the_first_of_the_highest(
            values in proptest::collection::vec(prop_oneof![4 => 0f32..1.0, 1 => Just(0.5), 1 => Just(f32::NAN)], 0..70),
        ) {
            let mut expected = (0, f32::NEG_INFINITY);
            for (class, &p) in values.iter().enumerate() {
                if p > expected.1 {
                    expected = (class, p);
                }
            }
            prop_assert_eq!(most_likely(&values), (expected.0, expected.1.clamp(0.0, 1.0)));
        }

        #[test]
        fn any_numbers_give_a_text_whose_characters_agree_with_it(
            data in proptest::collection::vec(prop_oneof![3 => 0f32..1.0, 1 => any::<f32>()], 60),
        ) {
            let alphabet = Alphabet::from_text("ABก-1");
            for read in [
                decode_ctc(&view(&[1, 10, 6], &data), &alphabet, Blank::First).unwrap(),
                decode_slots(&view(&[1, 12, 5], &data), &alphabet, '-').unwrap(),
            ] {
                prop_assert_eq!(&read.text, &read.characters.iter().map(|c| c.character).collect::<String>());
                prop_assert!((0.0..=1.0).contains(&read.confidence));
                prop_assert!(read.characters.iter().all(|c| (0.0..=1.0).contains(&c.confidence)));
            }
        }
    }
}
