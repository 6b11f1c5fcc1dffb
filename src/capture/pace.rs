//! Which frames to keep so that no more than `max_fps` come, evenly. Pure.

/// Thins a stream of frames by their times.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Milliseconds between two kept frames; 0 keeps all.
    step_ms: f64,
    /// Frames from here on are kept.
    due_ms: Option<f64>,
}

/// A frame may come this share of a step early and still be kept: cameras and clip time stamps jitter.
const EARLY: f64 = 0.05;

impl Pace {
    /// `max_fps` of 0 (or less, or not a number) keeps every frame.
    pub fn new(max_fps: f64) -> Self {
        let step_ms = if max_fps > 0.0 && max_fps.is_finite() { 1000.0 / max_fps } else { 0.0 };
        Self { step_ms, due_ms: None }
    }

    /// Keep the frame of this time? Times go forward; one that steps back starts a new count.
    pub fn keep(&mut self, at_ms: f64) -> bool {
        let step = self.step_ms;
        if step == 0.0 {
            return true;
        }
        let due = match self.due_ms {
            Some(due) if at_ms > due - 2.0 * step => due,
            _ => at_ms,
        };
        if at_ms < due - EARLY * step {
            self.due_ms = Some(due);
            return false;
        }
        // From when it was due, not from when it came: otherwise 10 of 15 fps would give 7.5. After a gap, from now.
        let next = due + step;
        self.due_ms = Some(if next > at_ms { next } else { at_ms + step });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(source_fps: f64, max_fps: f64, frames: usize) -> Vec<usize> {
        let mut pace = Pace::new(max_fps);
        (0..frames).filter(|n| pace.keep(*n as f64 * 1000.0 / source_fps)).collect()
    }

    #[test]
    fn five_of_fifteen_is_every_third() {
        assert_eq!(kept(15.0, 5.0, 12), [0, 3, 6, 9]);
    }

    #[test]
    fn ten_of_fifteen_is_two_of_three() {
        assert_eq!(kept(15.0, 10.0, 9), [0, 2, 3, 5, 6, 8]);
    }

    #[test]
    fn a_clock_that_steps_back_does_not_starve_the_camera() {
        let mut pace = Pace::new(5.0);
        assert!(pace.keep(100_000.0));
        assert!(pace.keep(50.0));
        assert!(!pace.keep(100.0));
        assert!(pace.keep(260.0));
    }

    proptest! {
        #[test]
        fn the_rate_is_met_and_not_exceeded(source_fps in 1.0f64..120.0, max_fps in 0.5f64..120.0) {
            let seconds = 20.0;
            let frames = (source_fps * seconds) as usize;
            let got = kept(source_fps, max_fps, frames).len() as f64;
            let wanted = source_fps.min(max_fps) * seconds;
            prop_assert!(got <= max_fps * seconds * 1.06 + 1.0, "{got} of {wanted}");
            prop_assert!(got >= wanted * 0.94 - 1.0, "{got} of {wanted}");
        }

        #[test]
        fn without_a_limit_every_frame_is_kept(times in prop::collection::vec(0.0f64..1e6, 1..50)) {
            let mut pace = Pace::new(0.0);
            prop_assert!(times.iter().all(|at| pace.keep(*at)));
        }
    }
}
