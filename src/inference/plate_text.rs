//! What was read of a plate, and which of two reads stays.

use crate::domain::Quad;
use crate::vision::{Grammar, Script, TextRead};

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
    pub(super) fitting: Option<TextRead>,
    pub(super) province: Option<Province>,
    pub(super) corners: Quad,
}

impl PlateText {
    pub(super) fn script(&self) -> Script {
        Script::of(&self.read.text, self.province.is_some())
    }

    /// Is it what a plate of the configured regions may say? Nothing speaks against it where none is configured.
    pub(super) fn fits(&self, grammar: &Grammar) -> bool {
        grammar.judge(&self.read.text).fits != Some(false)
    }

    /// With what fits in the place of what does not. Only at the end, when the surest of all looks is known: of many looks
    /// at a plate of another country one nearly shows what fits.
    pub(super) fn settled(mut self) -> Self {
        if let Some(fitting) = self.fitting.take() {
            self.read = fitting;
        }
        self
    }

    /// Of two reads of a plate the one that ranks higher stays: one that fits the grammar before one that does not, then the surer.
    pub(super) fn rank(&self, grammar: &Grammar) -> (bool, f32) {
        (self.fits(grammar), self.read.confidence)
    }
}
