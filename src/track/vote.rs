//! What the plate says, character by character, when no two frames read it alike.
//!
//! Each read is aligned with a reference, so that a read that lost a character still votes for the others; each of its
//! characters votes with its own weight. The reference is the read that is most like all others.

use super::association::text_likeness;
use crate::domain::{PlateRead, TextVote, VoteTable};

/// Different texts a ballot remembers; the weakest is forgotten.
const MAX_TEXTS: usize = 24;
/// Texts looked at as reference, the weightiest.
const MAX_REFERENCES: usize = 8;
/// Texts and characters that go with an event.
const TABLE_TEXTS: usize = 8;
/// Longer reads are cut: no plate is so long.
const MAX_CHARACTERS: usize = 24;
/// A plate of so many pixels in height has half the weight of a very large one.
const HALF_WEIGHT_HEIGHT: f32 = 16.0;
/// A right read is surer than a wrong one by little, so that this power of its confidence counts.
const SURE_POWER: i32 = 8;

/// So many reads that agree so much on their characters establish a text.
const ESTABLISHED_READS: u32 = 3;
const ESTABLISHED_SUPPORT: f32 = 0.7;
const ESTABLISHED_CONFIDENCE: f32 = 0.85;
/// And such a share for every character, times its confidence, puts it beyond doubt.
const BEYOND_DOUBT: f32 = 0.8;

/// How much a plate's picture is worth as evidence or vote, 0–1: its size, its sharpness where that was measured, and how
/// sure its text is.
pub(super) fn quality(plate: &PlateRead) -> f32 {
    let height = plate.bbox.height().max(1.0);
    let size = height / (height + HALF_WEIGHT_HEIGHT);
    let sharp = plate.sharpness.map_or(1.0, |sharpness| 0.25 + 0.75 * sharpness.clamp(0.0, 1.0));
    size * sharp * plate.text_confidence.clamp(0.0, 1.0).powi(SURE_POWER)
}

/// A weight in steps so coarse that sums of some thousands of them are exact in whatever order they are added.
fn in_steps(weight: f32) -> f32 {
    const STEPS: f32 = 4096.0;
    (weight * STEPS).round() / STEPS
}

/// All reads of one text.
#[derive(Debug, Clone)]
struct Text {
    text: String,
    characters: Vec<char>,
    reads: u32,
    /// Per character: the sum of its reads' weights, and the same times their confidence.
    weights: Vec<f32>,
    confident: Vec<f32>,
}

impl Text {
    fn weight(&self) -> f32 {
        self.weights.iter().sum::<f32>() / self.weights.len().max(1) as f32
    }
}

/// All reads of one province: the sum of their weights, and the same times how sure they were.
#[derive(Debug, Clone)]
struct ProvinceVotes {
    name: String,
    weight: f32,
    confident: f32,
}

/// The reads of one vehicle.
#[derive(Debug, Clone, Default)]
pub(super) struct Ballot {
    reads: u32,
    texts: Vec<Text>,
    provinces: Vec<ProvinceVotes>,
}

/// What the reads add up to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Verdict {
    pub(super) text: String,
    /// Per character: share of the weight that stood for it, 0–1.
    pub(super) support: Vec<f32>,
    /// Per character: mean confidence of the reads that stood for it, 0–1.
    pub(super) confidence: Vec<f32>,
    /// Of the places that it leaves out the greatest share of the reads' weight that had something there, 0–1.
    pub(super) left_out: f32,
    pub(super) province: Option<String>,
    /// Its share of the weight, times how sure the reads were that stood for it, 0–1; 0 where there is none.
    pub(super) province_confidence: f32,
    pub(super) reads: u32,
}

fn mean(shares: &[f32]) -> f32 {
    shares.iter().sum::<f32>() / shares.len().max(1) as f32
}

impl Verdict {
    /// Is it beyond being overturned by a few reads? Reads of a far plate can be anything.
    pub(super) fn is_established(&self) -> bool {
        self.reads >= ESTABLISHED_READS
            && mean(&self.support) >= ESTABLISHED_SUPPORT
            && mean(&self.confidence) >= ESTABLISHED_CONFIDENCE
    }

    /// Is each of its characters?
    pub(super) fn is_beyond_doubt(&self) -> bool {
        self.reads >= ESTABLISHED_READS && self.certainty() >= BEYOND_DOUBT
    }

    /// How sure the text is, 0–1: as sure as the character that the reads agree on least, be it one that it leaves out. A mean
    /// would hide a wrong one among six right ones (docs/tracking.md).
    pub(super) fn certainty(&self) -> f32 {
        self.shares().reduce(f32::min).map_or(0.0, |least| least.min(1.0 - self.left_out))
    }

    /// Per character: how much of the reads stands for it, and how surely.
    fn shares(&self) -> impl Iterator<Item = f32> + '_ {
        self.support.iter().zip(&self.confidence).map(|(support, confidence)| support * confidence)
    }
}

impl Ballot {
    pub(super) fn reads(&self) -> u32 {
        self.reads
    }

    /// Counts a read that is worth so much. An empty text changes nothing.
    pub(super) fn cast(&mut self, plate: &PlateRead, worth: f32) {
        let characters: Vec<char> = plate.text.chars().take(MAX_CHARACTERS).collect();
        if characters.is_empty() {
            return;
        }
        self.reads += 1;
        // Where the model gives no character's own confidence, the text's stands for it.
        let own = plate.characters.len() == characters.len();
        let confidence = |index: usize| {
            let confidence = if own { plate.characters[index].confidence } else { plate.text_confidence };
            if confidence.is_finite() { confidence.clamp(0.01, 1.0) } else { 0.01 }
        };
        let place = self.texts.iter().position(|text| text.characters == characters).unwrap_or_else(|| {
            let none = vec![0.0; characters.len()];
            let text = characters.iter().collect();
            self.texts.push(Text { text, characters, reads: 0, weights: none.clone(), confident: none });
            self.texts.len() - 1
        });
        let text = &mut self.texts[place];
        text.reads += 1;
        for (index, (weight, confident)) in text.weights.iter_mut().zip(&mut text.confident).enumerate() {
            let sure = confidence(index);
            let voice = in_steps(worth * sure * sure);
            *weight += voice;
            *confident += in_steps(voice * sure);
        }
        self.forget_the_weakest();
        if let Some(province) = &plate.province {
            self.cast_province(province, worth, plate.province_confidence);
        }
    }

    fn cast_province(&mut self, name: &str, worth: f32, confidence: f32) {
        let sure = if confidence.is_finite() { confidence.clamp(0.01, 1.0) } else { 0.01 };
        let weight = worth * sure * sure;
        let place = self.provinces.iter().position(|votes| votes.name == name);
        if place.is_none() && self.provinces.len() >= MAX_TEXTS {
            return;
        }
        let place = place.unwrap_or_else(|| {
            self.provinces.push(ProvinceVotes { name: name.to_owned(), weight: 0.0, confident: 0.0 });
            self.provinces.len() - 1
        });
        self.provinces[place].weight += in_steps(weight);
        self.provinces[place].confident += in_steps(weight * sure);
    }

    fn forget_the_weakest(&mut self) {
        if self.texts.len() <= MAX_TEXTS {
            return;
        }
        let weakest = (0..self.texts.len()).min_by(|a, b| self.texts[*a].weight().total_cmp(&self.texts[*b].weight()));
        if let Some(index) = weakest {
            self.texts.remove(index);
        }
    }

    /// The weightiest first; equal ones by their text, so that the order of the frames decides nothing.
    fn by_weight(&self) -> Vec<&Text> {
        let mut texts: Vec<&Text> = self.texts.iter().collect();
        texts.sort_by(|a, b| b.weight().total_cmp(&a.weight()).then_with(|| a.text.cmp(&b.text)));
        texts
    }

    /// What the plate says; `None` before the first read.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        let texts = self.by_weight();
        let reference = reference(&texts)?;
        let mut columns = Columns::of(reference);
        texts.iter().for_each(|text| columns.add(text));
        let mut verdict = columns.verdict();
        verdict.reads = self.reads;
        let best = self.provinces.iter().max_by(|a, b| a.weight.total_cmp(&b.weight).then_with(|| b.name.cmp(&a.name)));
        if let Some(best) = best {
            let all: f32 = self.provinces.iter().map(|votes| votes.weight).sum();
            verdict.province = Some(best.name.clone());
            verdict.province_confidence = (best.confident / all.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0);
        }
        Some(verdict)
    }

    /// The table that goes with the event.
    pub(super) fn table(&self, verdict: &Verdict) -> VoteTable {
        let row = |text: &&Text| TextVote { text: text.text.clone(), reads: text.reads, weight: text.weight() };
        VoteTable {
            reads: self.reads,
            support: verdict.support.clone(),
            texts: self.by_weight().iter().take(TABLE_TEXTS).map(row).collect(),
        }
    }
}

/// The text that is most like all of them, by weight.
fn reference<'a>(texts: &[&'a Text]) -> Option<&'a Text> {
    let likeness = |candidate: &Text| -> f32 {
        texts.iter().map(|other| other.weight() * text_likeness(&candidate.text, &other.text)).sum()
    };
    let mut best: Option<(f32, &Text)> = None;
    for candidate in texts.iter().take(MAX_REFERENCES) {
        let score = likeness(candidate);
        if best.is_none_or(|(most, _)| score > most) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, text)| text)
}

/// A candidate for one place: the character, its weight, and its weight times its confidence.
type Candidate = (char, f32, f32);

/// One place of the plate.
#[derive(Debug, Clone, Default)]
struct Column {
    candidates: Vec<Candidate>,
    /// Weight of the reads that have something here, however unsure of what it is.
    something: f32,
    /// Weight of the reads that have nothing here.
    nothing: f32,
}

impl Column {
    /// Adds a text's character.
    fn add(&mut self, text: &Text, index: usize) {
        self.something += text.weight();
        let (character, weight, confident) = (text.characters[index], text.weights[index], text.confident[index]);
        match self.candidates.iter_mut().find(|(known, ..)| *known == character) {
            Some((_, sum, sure)) => {
                *sum += weight;
                *sure += confident;
            }
            None => self.candidates.push((character, weight, confident)),
        }
    }

    fn total(&self) -> f32 {
        self.nothing + self.candidates.iter().map(|(_, weight, _)| weight).sum::<f32>()
    }

    /// The heaviest candidate, where it outweighs having nothing here.
    fn winner(&self) -> Option<Candidate> {
        let mut best: Option<Candidate> = None;
        for candidate in &self.candidates {
            if best.is_none_or(|(_, weight, _)| candidate.1 > weight) {
                best = Some(*candidate);
            }
        }
        let present: f32 = self.total() - self.nothing;
        best.filter(|_| present > self.nothing)
    }
}

/// The reference's places, and the gaps before, between and after them.
struct Columns {
    reference: Vec<char>,
    places: Vec<Column>,
    gaps: Vec<Column>,
    total: f32,
}

impl Columns {
    fn of(reference: &Text) -> Self {
        let length = reference.characters.len();
        Self {
            reference: reference.characters.clone(),
            places: vec![Column::default(); length],
            gaps: vec![Column::default(); length + 1],
            total: 0.0,
        }
    }

    fn add(&mut self, text: &Text) {
        self.total += text.weight();
        let mut place = 0;
        let mut gap_taken = false;
        for step in align(&self.reference, &text.characters) {
            match step {
                Step::Both(index) => {
                    self.places[place].add(text, index);
                    (place, gap_taken) = (place + 1, false);
                }
                Step::Missing => {
                    self.places[place].nothing += text.weight();
                    (place, gap_taken) = (place + 1, false);
                }
                // One character a gap: reads with two more than the reference there are rare, and never many.
                Step::Extra(index) if !gap_taken => {
                    self.gaps[place].add(text, index);
                    gap_taken = true;
                }
                Step::Extra(_) => {}
            }
        }
    }

    fn verdict(mut self) -> Verdict {
        for gap in &mut self.gaps {
            let present: f32 = gap.candidates.iter().map(|(_, weight, _)| weight).sum();
            gap.nothing = (self.total - present).max(0.0);
        }
        let mut verdict = Verdict::default();
        let between = self.gaps.iter().zip(self.places.iter().map(Some).chain([None]));
        for column in between.flat_map(|(gap, place)| [Some(gap), place]).flatten() {
            if let Some((character, weight, confident)) = column.winner() {
                verdict.text.push(character);
                verdict.support.push((weight / column.total().max(f32::MIN_POSITIVE)).clamp(0.0, 1.0));
                verdict.confidence.push((confident / weight.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0));
            } else {
                verdict.left_out =
                    verdict.left_out.max((column.something / self.total.max(f32::MIN_POSITIVE)).min(1.0));
            }
        }
        verdict
    }
}

/// One step of an alignment with the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// The text's character of this index stands in the reference's next place.
    Both(usize),
    /// The text has nothing in the reference's next place.
    Missing,
    /// The text's character of this index stands between the reference's places.
    Extra(usize),
}

/// Needleman–Wunsch: a wrong character costs 10, a missing or extra one 8, so that two texts of one length are held
/// character against character unless shifting matches much more.
fn align(reference: &[char], text: &[char]) -> Vec<Step> {
    let (rows, columns) = (reference.len(), text.len());
    let mut cost = vec![vec![0u32; columns + 1]; rows + 1];
    for (i, row) in cost.iter_mut().enumerate() {
        row[0] = 8 * i as u32;
    }
    cost[0].iter_mut().enumerate().for_each(|(j, cell)| *cell = 8 * j as u32);
    let wrong = |i: usize, j: usize| if reference[i] == text[j] { 0 } else { 10 };
    for i in 1..=rows {
        for j in 1..=columns {
            let both = cost[i - 1][j - 1] + wrong(i - 1, j - 1);
            cost[i][j] = both.min(cost[i - 1][j] + 8).min(cost[i][j - 1] + 8);
        }
    }
    let (mut i, mut j) = (rows, columns);
    let mut steps = Vec::with_capacity(rows + columns);
    while i > 0 || j > 0 {
        if i > 0 && j > 0 && cost[i][j] == cost[i - 1][j - 1] + wrong(i - 1, j - 1) {
            (i, j) = (i - 1, j - 1);
            steps.push(Step::Both(j));
        } else if i > 0 && cost[i][j] == cost[i - 1][j] + 8 {
            i -= 1;
            steps.push(Step::Missing);
        } else {
            j -= 1;
            steps.push(Step::Extra(j));
        }
    }
    steps.reverse();
    steps
}

#[cfg(test)]
#[path = "vote_tests.rs"]
mod tests;
