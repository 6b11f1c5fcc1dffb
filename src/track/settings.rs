//! What makes an event, and why a plate does not count.

use super::region::{self, Line, Zone};
use crate::domain::{PlateLight, PlateRead, Point};

/// What makes an event of one camera, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackSettings {
    /// A read below this mean character probability does not count.
    pub min_text_confidence: f32,
    /// A read with fewer characters does not count.
    pub min_text_length: usize,
    /// The text of an event that is less sure than this, 0–1, is doubtful.
    pub doubtful_below: f32,
    /// A plate lower than this does not count, pixels.
    pub min_plate_height: f32,
    /// A vehicle out of sight for this long has passed. Where frames come seldom, three of them at least.
    pub timeout_ms: u64,
    /// A vehicle in sight for this long is reported all the same.
    pub limit_ms: u64,
    /// The same text again within this time of its last sighting is the same vehicle.
    pub repeat_window_ms: u64,
    /// Also give a provisional passage at the first confident read.
    pub provisional: bool,
    /// Keep a picture of what makes no event, for [`super::Tracker::take_unread`].
    pub keep_unread: bool,
    pub zones: Vec<Zone>,
    pub lines: Vec<Line>,
}

/// Sharpness (0–1, where it is measured) below which a bad read is put down to blur.
const BLURRED: f32 = 0.25;

/// Why a plate does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    OutOfZone,
    TooSmall,
    Blurred,
    /// Too dark or too bright to be read.
    GlareOrDark,
    /// Nothing was read, or not surely enough.
    LowConfidence,
    /// Too short, or of no configured format.
    Refused,
}

impl Refusal {
    /// As the counters and folders call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfZone => "out_of_zone",
            Self::TooSmall => "too_small",
            Self::Blurred => "blurred",
            Self::GlareOrDark => "glare_or_dark",
            Self::LowConfidence => "low_confidence",
            Self::Refused => "refused",
        }
    }

    pub(super) const ALL: [Self; 6] =
        [Self::OutOfZone, Self::TooSmall, Self::Blurred, Self::GlareOrDark, Self::LowConfidence, Self::Refused];

    /// How far it got: questions are asked in this order.
    pub(super) fn stage(self) -> u8 {
        match self {
            Self::OutOfZone => 0,
            Self::TooSmall => 1,
            Self::Blurred | Self::GlareOrDark | Self::LowConfidence => 2,
            Self::Refused => 3,
        }
    }
}

impl TrackSettings {
    /// Does this plate count, in a frame of `width` × `height` pixels?
    pub fn judge(&self, plate: &PlateRead, width: u32, height: u32) -> Result<(), Refusal> {
        let center = plate.bbox.center();
        let place = Point::new(center.x / width.max(1) as f32, center.y / height.max(1) as f32);
        if !region::counts(&self.zones, place) {
            return Err(Refusal::OutOfZone);
        }
        if plate.bbox.height() < self.min_plate_height {
            return Err(Refusal::TooSmall);
        }
        // Written so that a confidence that is no number does not count either.
        let sure = plate.text_confidence >= self.min_text_confidence && !plate.text.is_empty();
        if !sure {
            return Err(why_unsure(plate));
        }
        if plate.text.chars().count() < self.min_text_length || plate.fits_grammar == Some(false) {
            return Err(Refusal::Refused);
        }
        Ok(())
    }

    /// Is a text of this certainty, 0–1, to be compared with the picture? One that is no number is.
    pub fn is_doubtful(&self, certainty: f32) -> bool {
        certainty.is_nan() || certainty < self.doubtful_below
    }
}

fn why_unsure(plate: &PlateRead) -> Refusal {
    if matches!(plate.light, Some(PlateLight::Dark | PlateLight::Glare)) {
        Refusal::GlareOrDark
    } else if plate.sharpness.is_some_and(|sharpness| sharpness < BLURRED) {
        Refusal::Blurred
    } else {
        Refusal::LowConfidence
    }
}

impl Default for TrackSettings {
    fn default() -> Self {
        Self {
            min_text_confidence: 0.6,
            min_text_length: 3,
            doubtful_below: 0.7,
            min_plate_height: 0.0,
            timeout_ms: 1000,
            limit_ms: 30_000,
            repeat_window_ms: 5000,
            provisional: false,
            keep_unread: false,
            zones: Vec::new(),
            lines: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::region::ZoneKind;
    use super::*;
    use crate::domain::BBox;

    #[test]
    fn a_plate_that_does_not_count_is_told_the_first_reason() {
        let settings = TrackSettings {
            min_plate_height: 12.0,
            zones: vec![Zone {
                kind: ZoneKind::Exclude,
                points: vec![Point::new(0.0, 0.0), Point::new(1.0, 0.0), Point::new(1.0, 0.2), Point::new(0.0, 0.2)],
            }],
            ..TrackSettings::default()
        };
        let plate = |y: f32, height: f32, text: &str, confidence: f32| PlateRead {
            bbox: BBox::new(100.0, y, 180.0, y + height),
            text: text.into(),
            text_confidence: confidence,
            ..PlateRead::default()
        };
        let judged = |plate: &PlateRead| settings.judge(plate, 640, 480);
        assert_eq!(judged(&plate(300.0, 20.0, "ABC1234", 0.9)), Ok(()));
        assert_eq!(judged(&plate(20.0, 20.0, "ABC1234", 0.9)), Err(Refusal::OutOfZone));
        assert_eq!(judged(&plate(300.0, 10.0, "ABC1234", 0.9)), Err(Refusal::TooSmall));
        assert_eq!(judged(&plate(300.0, 20.0, "ABC1234", 0.4)), Err(Refusal::LowConfidence));
        assert_eq!(judged(&plate(300.0, 20.0, "", f32::NAN)), Err(Refusal::LowConfidence));
        assert_eq!(judged(&plate(300.0, 20.0, "AB", 0.9)), Err(Refusal::Refused));
        let blurred = PlateRead { sharpness: Some(0.1), ..plate(300.0, 20.0, "A", 0.4) };
        assert_eq!(judged(&blurred), Err(Refusal::Blurred));
        let dark = PlateRead { light: Some(PlateLight::Dark), ..blurred.clone() };
        assert_eq!(judged(&dark), Err(Refusal::GlareOrDark));
        let odd = PlateRead { fits_grammar: Some(false), ..plate(300.0, 20.0, "ABC1234", 0.9) };
        assert_eq!(judged(&odd), Err(Refusal::Refused));
    }
}
