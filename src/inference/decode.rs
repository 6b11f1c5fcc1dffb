//! From a recogniser's outputs to a plate's text and province.

use super::plate_text::Province;
use super::{RecogniserLayout, RecogniserSpec};
use crate::vision::{
    Alphabet, Blank, DecodeError, Fitting, Grammar, Script, Steps, TensorView, TextRead, decode_ctc, decode_slots,
    likeliest_fitting, most_likely, softmax, without,
};

/// Which letters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// All of an alphabet without Thai ones.
    All,
    /// All but the Thai ones of the alphabet: no Thai plate comes here.
    Latin,
    /// Those of one script, which the plate decides.
    OneScript,
}

/// How a recogniser's outputs are understood.
pub(super) struct Decoder<'a> {
    pub(super) spec: &'a RecogniserSpec,
    pub(super) alphabet: &'a Alphabet,
    pub(super) letters: Letters,
}

/// What a recogniser saw in one look.
#[derive(Default)]
pub(super) struct Decoded {
    pub(super) read: TextRead,
    pub(super) fitting: Option<Fitting>,
    pub(super) province: Option<Province>,
}

/// A province less likely than this is none: a crest is not taken for one. Of 125 plates on 108 photos of Latin ones `plate-ocr`
/// gives a province to one, .30 sure, whose text it took for a Thai one.
const LEAST_PROVINCE: f32 = 0.25;

impl Decoder<'_> {
    /// A text with the letters that it may have, and what the second head says: a Thai province, or whatever else it was made for.
    /// Where the text fits none of `formats`, which are those of whole plates, one that fits and was nearly read goes with it.
    pub(super) fn decode(&self, outputs: &[TensorView<'_>], formats: Option<&Grammar>) -> Result<Decoded, DecodeError> {
        let missing = DecodeError::Outputs { layout: "ocr", expected: 1, got: 0 };
        let text = outputs.first().ok_or(missing)?;
        let probabilities = self.spec.logits.then(|| softmax(text));
        let text = &TensorView { data: probabilities.as_deref().unwrap_or(text.data), ..*text };
        let read = self.characters(text)?;
        let province = outputs.get(1).and_then(|provinces| self.province(provinces));
        let other = match self.letters {
            Letters::All => None,
            Letters::Latin => Some(Script::Thai),
            Letters::OneScript => Some(Script::of(&read.text, province.is_some()).other()),
        };
        let asked = formats.filter(|grammar| !grammar.fits(&read.text));
        let mixed = other.filter(|other| read.text.chars().any(|letter| other.has(letter)));
        if asked.is_none() && mixed.is_none() {
            return Ok(Decoded { read, fitting: None, province });
        }
        let data = other.map(|other| without(text, self.alphabet, self.first_class(), other));
        let text = &TensorView { data: data.as_deref().unwrap_or(text.data), ..*text };
        let read = if mixed.is_some() { self.characters(text)? } else { read };
        let fitting = asked.filter(|grammar| !grammar.fits(&read.text));
        let fitting = fitting.and_then(|grammar| likeliest_fitting(text, self.alphabet, self.steps(), grammar, &read));
        Ok(Decoded { read, fitting, province })
    }

    fn province(&self, probabilities: &TensorView<'_>) -> Option<Province> {
        let (class, confidence) = most_likely(probabilities.data);
        let believed = match self.letters {
            Letters::All => true,
            Letters::Latin => false,
            Letters::OneScript => confidence >= LEAST_PROVINCE,
        };
        let name = self.spec.provinces.get(class).filter(|name| believed && !name.is_empty())?.clone();
        Some(Province { name, confidence })
    }

    fn characters(&self, text: &TensorView<'_>) -> Result<TextRead, DecodeError> {
        match self.steps() {
            Steps::Slots { pad } => decode_slots(text, self.alphabet, pad),
            Steps::Ctc(blank) => decode_ctc(text, self.alphabet, blank),
        }
    }

    fn steps(&self) -> Steps {
        match (self.spec.layout, self.spec.pad) {
            (RecogniserLayout::Slots, Some(pad)) => Steps::Slots { pad },
            _ if self.spec.blank_last => Steps::Ctc(Blank::Last),
            _ => Steps::Ctc(Blank::First),
        }
    }

    /// The class of the alphabet's first character.
    fn first_class(&self) -> usize {
        usize::from(self.steps() == Steps::Ctc(Blank::First))
    }
}
