//! Where a box is going: constant velocity and constant growth, learnt from its sightings.

use crate::domain::{BBox, Point};

/// A moving box as its sightings have it, smoothed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    bbox: BBox,
    /// Pixels per second of the centre.
    velocity: (f32, f32),
    /// Of the logarithm of the height, per second.
    growth: f32,
    at_ms: u64,
    sightings: u32,
}

/// A velocity is corrected by new sightings over about this time.
const MEMORY_S: f32 = 0.5;
/// The share of a new sighting in the smoothed box never falls below this.
const LEAST_SHARE: f32 = 0.6;
/// A smoothed box is no further from where it was seen, widths.
const MOST_JITTER: f32 = 0.1;
/// A prediction grows or shrinks by at most this factor (as logarithm): ln 2.
const MOST_GROWTH: f32 = std::f32::consts::LN_2;

/// Nothing takes the place of another in so short a time unseen, seconds.
const MOMENT_S: f32 = 0.45;
/// What goes on is as far off where it should be (widths), and as much larger or smaller (as logarithm), at the most.
const MOST_OFF: f32 = 0.6;
const MOST_LARGER: f32 = 0.25;

impl Motion {
    pub(super) fn new(bbox: BBox, at_ms: u64) -> Self {
        Self { bbox, velocity: (0.0, 0.0), growth: 0.0, at_ms, sightings: 1 }
    }

    /// Takes a new sighting. A filter with growing memory: the first sightings set the velocity, later ones correct it, so
    /// that jitter is averaged out at 30 frames a second and a braking car is followed at 5.
    pub(super) fn update(&mut self, bbox: BBox, at_ms: u64) {
        let seconds = seconds_between(self.at_ms, at_ms);
        if seconds <= 0.0 {
            self.bbox = bbox;
            return;
        }
        self.sightings += 1;
        let n = self.sightings as f32;
        let share = (2.0 * (2.0 * n - 1.0) / (n * (n + 1.0))).max(LEAST_SHARE);
        let correction = (6.0 / (n * (n + 1.0))).max((seconds / MEMORY_S).clamp(0.04, 0.4)) / seconds;
        let expected = self.predicted(at_ms);
        let (center, seen) = (expected.center(), bbox.center());
        let (dx, dy) = (seen.x - center.x, seen.y - center.y);
        self.velocity.0 += correction * dx;
        self.velocity.1 += correction * dy;
        let larger = (bbox.height().max(1.0) / expected.height().max(1.0)).ln();
        self.growth += correction * larger;
        let blend = |a: f32, b: f32| a + share * (b - a);
        let (width, height) = (blend(expected.width(), bbox.width()), blend(expected.height(), bbox.height()));
        // What is left of a prediction is no more than boxes jitter by: after a gap it may be far off.
        let left = |off: f32| ((1.0 - share) * off).clamp(-MOST_JITTER * bbox.width(), MOST_JITTER * bbox.width());
        self.bbox = BBox::from_center(seen.x - left(dx), seen.y - left(dy), width, height);
        self.at_ms = at_ms;
    }

    /// The smoothed box of the last sighting.
    pub(super) fn bbox(&self) -> BBox {
        self.bbox
    }

    /// Seconds since the last sighting.
    pub(super) fn age(&self, at_ms: u64) -> f32 {
        seconds_between(self.at_ms, at_ms)
    }

    /// Is the velocity known, or is this a first sighting?
    pub(super) fn is_known(&self) -> bool {
        self.sightings >= 2
    }

    /// Is this the same box a moment later, near where it should be and as large?
    pub(super) fn goes_on_to(&self, bbox: &BBox, at_ms: u64) -> bool {
        let expected = self.predicted(at_ms);
        let off = expected.center().distance(bbox.center()) / expected.width().max(1.0);
        let larger = (bbox.height().max(1.0) / expected.height().max(1.0)).ln().abs();
        self.is_known() && self.age(at_ms) <= MOMENT_S && off <= MOST_OFF && larger <= MOST_LARGER
    }

    /// Where the box should be at a later time.
    pub(super) fn predicted(&self, at_ms: u64) -> BBox {
        let seconds = self.age(at_ms);
        let scale = (self.growth * seconds).clamp(-MOST_GROWTH, MOST_GROWTH).exp();
        let Point { x, y } = self.bbox.center();
        let (x, y) = (x + self.velocity.0 * seconds, y + self.velocity.1 * seconds);
        BBox::from_center(x, y, self.bbox.width() * scale, self.bbox.height() * scale)
    }
}

fn seconds_between(from_ms: u64, to_ms: u64) -> f32 {
    to_ms.saturating_sub(from_ms) as f32 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn steady_motion_is_predicted_whatever_the_frame_rate(
            vx in -400f32..400.0, vy in -200f32..200.0, step_ms in 30u64..250, frames in 4u64..30, gap_ms in 0u64..1000,
        ) {
            let at = |ms: u64| {
                let s = ms as f32 / 1000.0;
                BBox::from_center(500.0 + vx * s, 400.0 + vy * s, 80.0, 20.0)
            };
            let mut motion = Motion::new(at(0), 0);
            (1..frames).for_each(|i| motion.update(at(i * step_ms), i * step_ms));
            let then = (frames - 1) * step_ms + gap_ms;
            let off = motion.predicted(then).center().distance(at(then).center());
            prop_assert!(off < 1.0, "{} px off", off);
        }

        #[test]
        fn a_box_is_near_where_it_was_seen_however_far_off_the_prediction_was(
            speed in -900f32..900.0, gap_ms in 100u64..3000, x in 0f32..1000.0,
        ) {
            let mut motion = Motion::new(BBox::from_center(500.0, 300.0, 60.0, 15.0), 0);
            motion.update(BBox::from_center(500.0 + speed / 5.0, 300.0, 50.0, 12.0), 200);
            let seen = BBox::from_center(x, 280.0, 40.0, 10.0);
            motion.update(seen, 200 + gap_ms);
            prop_assert!(motion.bbox().center().distance(seen.center()) <= 0.2 * seen.width());
        }

        #[test]
        fn odd_times_and_boxes_never_give_a_wild_box(
            sightings in proptest::collection::vec((0u64..3000, -1e4f32..1e4, 0f32..1e3), 1..20)
        ) {
            let mut motion = Motion::new(BBox::new(0.0, 0.0, 10.0, 10.0), 1000);
            for (ms, x, size) in sightings {
                motion.update(BBox::new(x, x, x + size, x + size), ms);
                let predicted = motion.predicted(ms + 1000);
                prop_assert!(predicted.x1.is_finite() && predicted.height() < 1e6);
            }
        }
    }
}
