//! "Why was it not read?": where the passing vehicles of one camera ended up, each counted once.

use super::settings::Refusal;
use crate::domain::{BBox, Frame};
use serde::Serialize;

/// Passages since the agent started. `plate_found` is the sum of all below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Funnel {
    pub vehicles_seen: u64,
    pub plate_found: u64,
    pub out_of_zone: u64,
    pub too_small: u64,
    pub blurred: u64,
    pub glare_or_dark: u64,
    pub low_confidence: u64,
    /// Too short, or of no configured format.
    pub refused: u64,
    /// The same vehicle again.
    pub suppressed: u64,
    pub sent: u64,
}

/// Where one passage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    NoPlate,
    /// The furthest that its plates got.
    Refused(Refusal),
    /// The same vehicle again.
    Suppressed,
    Sent,
}

/// A passage without an event, and a picture of it.
#[derive(Debug, Clone)]
pub struct Unread {
    pub why: Outcome,
    pub frame: Frame,
    /// The plate, or the vehicle where none was found.
    pub bbox: BBox,
}

impl Outcome {
    /// As the counters and folders call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPlate => "no_plate",
            Self::Refused(refusal) => refusal.as_str(),
            Self::Suppressed => "suppressed",
            Self::Sent => "sent",
        }
    }
}

impl Funnel {
    pub(super) fn count(&mut self, outcome: Outcome) {
        self.vehicles_seen += 1;
        let end = match outcome {
            Outcome::NoPlate => return,
            Outcome::Refused(Refusal::OutOfZone) => &mut self.out_of_zone,
            Outcome::Refused(Refusal::TooSmall) => &mut self.too_small,
            Outcome::Refused(Refusal::Blurred) => &mut self.blurred,
            Outcome::Refused(Refusal::GlareOrDark) => &mut self.glare_or_dark,
            Outcome::Refused(Refusal::LowConfidence) => &mut self.low_confidence,
            Outcome::Refused(Refusal::Refused) => &mut self.refused,
            Outcome::Suppressed => &mut self.suppressed,
            Outcome::Sent => &mut self.sent,
        };
        *end += 1;
        self.plate_found += 1;
    }
}
