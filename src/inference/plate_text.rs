//! What was read of a plate, and which of two reads stays.

use crate::domain::Quad;
use crate::vision::{Fitting, Grammar, Script, TextRead};

/// A province that is at least as likely as this is there.
const SURE_PROVINCE: f32 = 0.6;
/// A crest or an edge is read as one letter now and then.
const FEWEST_LETTERS: usize = 2;

/// What a recogniser's second head says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Province {
    pub(super) name: String,
    /// 0–1.
    pub(super) confidence: f32,
}

/// What stands on a plate, and where it was cut out.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PlateText {
    pub(super) read: TextRead,
    /// Where that fits no format, what fits and was nearly read.
    pub(super) fitting: Option<Fitting>,
    pub(super) province: Option<Province>,
    pub(super) corners: Quad,
}

impl PlateText {
    pub(super) fn script(&self) -> Script {
        Script::of(&self.read.text, self.province.is_some())
    }

    /// Does its province leave no doubt that the plate is a Thai one?
    pub(super) fn is_surely_thai(&self) -> bool {
        self.province.as_ref().is_some_and(|province| province.confidence >= SURE_PROVINCE)
    }

    /// Of a Thai plate a reader without Thai letters shows the figures: is this more, a text with letters and no shorter?
    pub(super) fn is_no_part_of(&self, thai: &Self) -> bool {
        let length = |read: &TextRead| read.text.chars().count();
        Script::Latin.count(&self.read.text) >= FEWEST_LETTERS && length(&self.read) >= length(&thai.read)
    }

    /// Is it what a plate of the configured regions may say? Nothing speaks against it where none is configured.
    pub(super) fn fits(&self, grammar: &Grammar) -> bool {
        grammar.judge(&self.read.text).fits != Some(false)
    }

    /// With what fits in the place of what does not, unless one confusion alone explains it and is as good a reason. Only at
    /// the end, when the surest of all looks is known: of many looks at a plate of another country one nearly shows what fits.
    pub(super) fn settled(mut self, grammar: &Grammar) -> Self {
        if let Some(fitting) = self.fitting.take()
            && (fitting.is_clear() || !self.fits(grammar))
        {
            self.read = fitting.read;
        }
        self
    }

    /// Of two reads of a plate the one that ranks higher stays: one that fits the grammar before one that does not, then the surer.
    pub(super) fn rank(&self, grammar: &Grammar) -> (bool, f32) {
        (self.fits(grammar), self.read.confidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::{Alphabet, Blank, Steps, TensorView, decode_ctc, likeliest_fitting};

    /// What is read of a plate that says B and a 0, an O or a Q of these probabilities.
    fn settled(last: [f32; 3]) -> String {
        let (alphabet, grammar) = (Alphabet::from_text("0OQB"), Grammar::of(&["LL".into()]).unwrap());
        let data = [[0.0, 0.0, 0.0, 0.0, 1.0], [0.0, last[0], last[1], last[2], 0.0]].concat();
        let view = TensorView { name: "ctc", shape: &[1, 2, 5], data: &data };
        let read = decode_ctc(&view, &alphabet, Blank::First).unwrap();
        let fitting = likeliest_fitting(&view, &alphabet, Steps::Ctc(Blank::First), &grammar, &read);
        let text = PlateText { read, fitting, ..PlateText::default() }.settled(&grammar);
        grammar.judge(&text.read.text).text
    }

    fn text(said: &str, province: Option<f32>) -> PlateText {
        let read = TextRead { text: said.into(), ..TextRead::default() };
        let province = province.map(|confidence| Province { name: "กำแพงเพชร".into(), confidence });
        PlateText { read, province, ..PlateText::default() }
    }

    #[test]
    fn what_a_latin_reader_sees_of_a_thai_plate_does_not_stand_for_it() {
        let thai = text("บธ664", Some(0.34));
        assert!(!thai.is_surely_thai() && text("บธ664", Some(0.9)).is_surely_thai());
        assert!(text("EUS664", None).is_no_part_of(&thai), "the default read this US plate as a Thai one");
        assert!(!text("664", None).is_no_part_of(&thai), "its figures");
        assert!(!text("N5664", None).is_no_part_of(&text("บธ1664", None)), "of its letters one");
        assert!(!text("58664", None).is_no_part_of(&thai), "no letters");
    }

    #[test]
    fn a_0_that_is_an_o_is_no_q_because_the_recogniser_saw_a_little_of_one() {
        assert_eq!(settled([0.9, 0.03, 0.07]), "BO", "O and 0 look the same, and only the format tells them apart");
        assert_eq!(settled([0.6, 0.05, 0.35]), "BQ", "it was nearly a Q");
    }
}
