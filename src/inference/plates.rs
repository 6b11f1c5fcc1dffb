//! Where the plates of a frame are: which parts are looked at, and from how near.

use super::detector::{DetectorModel, View};
use super::{InferenceError, Reach};
use crate::domain::{BBox, Detection, Frame};
use crate::imaging::{PixelRect, Resampler};
use crate::vision::{better_framed, fuse_looks, mean_of, prominence, same_plate};
use std::cmp::Ordering;
use std::time::Duration;

/// Vehicles looked at closely in one frame, surest first: bounds the time of a frame of a full car park.
const MAX_VEHICLES: usize = 12;
/// Plates read in one frame, surest first.
const MAX_PLATES: usize = 16;
/// Candidates that the detector is not sure of looked at from near by, surest first.
const MAX_FAINT: usize = 3;
/// A vehicle narrower or lower than this carries no legible plate.
const MIN_VEHICLE_PIXELS: u32 = 64;
/// A vehicle is looked at closely if that shows it at least so much larger than the full frame does. On 108 photos, fewer
/// close looks than at 1.0 and no fewer plates read right.
const MIN_ZOOM: f32 = 1.6;
/// Width of what a close look shows, in widths of the plate; its height is three quarters of that, or three plates.
const CLOSE_WIDTHS: f32 = 2.0;
const CLOSE_ASPECT: f32 = 0.75;
const CLOSE_HEIGHTS: f32 = 3.0;
/// A far look has at most so many parts on a side; they share an eighth of their length.
const MAX_PARTS: u32 = 4;
const SHARED: u32 = 8;

/// A plate's box as it was found, and from close by, where that look found it again.
pub(super) struct FoundPlate {
    pub(super) first: Detection,
    pub(super) close: Option<Detection>,
}

impl FoundPlate {
    /// The more exact of both, with the higher confidence.
    pub(super) fn best(&self) -> Detection {
        match &self.close {
            Some(close) => better_framed(&self.first, close),
            None => self.first.clone(),
        }
    }

    pub(super) fn mean(&self) -> Detection {
        self.close.as_ref().map_or_else(|| self.first.clone(), |close| mean_of(&self.first, close))
    }
}

/// The plate detector at work on one frame.
pub(super) struct PlateSearch<'a> {
    pub(super) model: &'a mut DetectorModel,
    pub(super) resampler: &'a mut Resampler,
    pub(super) spent: &'a mut Duration,
    pub(super) reach: Reach,
    /// What the looks so far were not sure enough of.
    pub(super) faint: Vec<Detection>,
}

impl PlateSearch<'_> {
    /// Plates of the full frame and of the crops of smaller vehicles together, each plate once, the most prominent first.
    /// The full frame is always looked at: on close-ups the vehicle's crop alone finds fewer, and a plate may hang where no
    /// vehicle was seen. Where nothing is found, and no vehicle was looked at closely, the frame is looked at again, larger.
    pub(super) fn all(
        &mut self,
        frame: &Frame,
        vehicles: Option<&[Detection]>,
    ) -> Result<Vec<FoundPlate>, InferenceError> {
        let whole = PixelRect::whole(frame);
        let full = self.look(frame, whole, View::Frame)?;
        let (mut close, mut looked_closely) = (Vec::new(), false);
        for vehicle in vehicles.unwrap_or_default().iter().take(MAX_VEHICLES) {
            if let Some(area) = PixelRect::of(&vehicle.bbox, frame).filter(|area| self.is_worth_a_look(whole, *area)) {
                close.extend(self.look(frame, area, View::Vehicle)?);
                looked_closely = true;
            }
        }
        let mut plates = fuse_looks(full, close);
        // An empty road is not searched for small plates frame after frame.
        let may_have_plates = vehicles.is_none_or(|vehicles| !vehicles.is_empty());
        if plates.is_empty() && !looked_closely && may_have_plates && self.reach == Reach::Far {
            plates = self.far(frame)?;
        }
        if plates.is_empty() && may_have_plates {
            return self.confirmed(frame);
        }
        plates.truncate(MAX_PLATES);
        let closely = plates.into_iter().map(|first| Ok(FoundPlate { close: self.close(frame, &first)?, first }));
        let mut found = closely.collect::<Result<Vec<_>, InferenceError>>()?;
        found.sort_by(most_prominent_first);
        Ok(found)
    }

    /// Of what no look was sure enough of, what a look from near by is.
    fn confirmed(&mut self, frame: &Frame) -> Result<Vec<FoundPlate>, InferenceError> {
        let mut faint = fuse_looks(std::mem::take(&mut self.faint), Vec::new());
        faint.truncate(MAX_FAINT);
        let mut found: Vec<FoundPlate> = Vec::new();
        for first in faint {
            let Some(close) = self.close(frame, &first)? else { continue };
            if found.iter().all(|plate| !same_plate(&plate.best().bbox, &close.bbox)) {
                found.push(FoundPlate { first, close: Some(close) });
            }
        }
        found.sort_by(most_prominent_first);
        Ok(found)
    }

    fn look(&mut self, frame: &Frame, area: PixelRect, view: View) -> Result<Vec<Detection>, InferenceError> {
        let (found, faint) = self.model.detect_with_faint(frame, area, view, self.resampler, self.spent)?;
        self.faint.extend(faint);
        Ok(found)
    }

    fn is_worth_a_look(&self, whole: PixelRect, vehicle: PixelRect) -> bool {
        let zoom = self.model.scale(vehicle, View::Vehicle) / self.model.scale(whole, View::Frame);
        vehicle.width.min(vehicle.height) >= MIN_VEHICLE_PIXELS && zoom >= MIN_ZOOM
    }

    /// The same plate from close by.
    fn close(&mut self, frame: &Frame, plate: &Detection) -> Result<Option<Detection>, InferenceError> {
        let around = surroundings(&plate.bbox);
        let area = self.model.side_of(View::Close).and_then(|_| PixelRect::of(&around, frame));
        let Some(area) = area else { return Ok(None) };
        let found = self.model.detect(frame, area, View::Close, self.resampler, self.spent)?;
        Ok(found.into_iter().find(|close| same_plate(&plate.bbox, &close.bbox)))
    }

    /// The frame in parts, if that shows more of it than the first look did.
    fn far(&mut self, frame: &Frame) -> Result<Vec<Detection>, InferenceError> {
        let whole = PixelRect::whole(frame);
        let Some(side) = self.model.side_of(View::Far) else { return Ok(Vec::new()) };
        if self.model.scale(whole, View::Frame) >= 1.0 {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for part in parts(frame.width(), frame.height(), side as u32) {
            let seen = self.look(frame, part, View::Far)?;
            found = fuse_looks(found, seen);
        }
        Ok(found)
    }
}

fn most_prominent_first(a: &FoundPlate, b: &FoundPlate) -> Ordering {
    prominence(&b.best()).total_cmp(&prominence(&a.best()))
}

fn surroundings(plate: &BBox) -> BBox {
    let width = plate.width() * CLOSE_WIDTHS;
    let height = (width * CLOSE_ASPECT).max(plate.height() * CLOSE_HEIGHTS);
    let center = plate.center();
    BBox::from_center(center.x, center.y, width, height)
}

/// Overlapping parts that cover the frame, each at most `side` pixels long where that takes no more than 4 × 4.
fn parts(width: u32, height: u32, side: u32) -> Vec<PixelRect> {
    let spans = |length: u32| -> Vec<(u32, u32)> {
        let count = length.div_ceil(side.max(1)).clamp(1, MAX_PARTS);
        let (step, shared) = (length / count, if count > 1 { length / count / SHARED } else { 0 });
        let end = |index: u32| if index + 1 == count { length } else { (index + 1) * step + shared };
        (0..count).map(|index| ((index * step).saturating_sub(shared), end(index))).collect()
    };
    let rows = spans(height);
    let columns = spans(width);
    let part = |(x1, x2): (u32, u32), (y1, y2): (u32, u32)| PixelRect { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
    rows.into_iter().flat_map(|row| columns.iter().map(move |column| part(*column, row))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_frame_of_the_far_side_is_one_part() {
        assert_eq!(parts(1280, 720, 1280), [PixelRect { x: 0, y: 0, width: 1280, height: 720 }]);
        assert_eq!(parts(3840, 2160, 1280).len(), 6);
    }

    proptest! {
        #[test]
        fn every_pixel_is_in_a_part(width in 1u32..9000, height in 1u32..9000, side in 1u32..2000, x in 0f32..1.0, y in 0f32..1.0) {
            let parts = parts(width, height, side);
            prop_assert!(parts.len() <= 16);
            let (x, y) = ((x * width as f32) as u32, (y * height as f32) as u32);
            prop_assert!(parts.iter().any(|p| (p.x..p.x + p.width).contains(&x) && (p.y..p.y + p.height).contains(&y)));
            prop_assert!(parts.iter().all(|p| p.x + p.width <= width && p.y + p.height <= height && p.width > 0 && p.height > 0));
        }
    }
}
