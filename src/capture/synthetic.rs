//! The simulator as a source.

use super::{CaptureError, FrameSource, OpenOptions, Pace};
use crate::domain::{CaptureTime, Frame};
use crate::imaging::ImagingError;
use crate::sim::{SimSpec, Simulator};

/// Renders the frames of `sim:TEXT`; `label` is what the caller sees.
pub fn open(label: String, text: &str, options: &OpenOptions) -> Result<Box<dyn FrameSource>, CaptureError> {
    let simulator = Simulator::new(&SimSpec::parse(text)?);
    let pace = Pace::new(options.max_fps);
    Ok(Box::new(Synthetic { label, simulator, pace, index: 0, opened: options.clock.stamp() }))
}

struct Synthetic {
    label: String,
    simulator: Simulator,
    pace: Pace,
    index: u64,
    opened: CaptureTime,
}

impl FrameSource for Synthetic {
    fn next(&mut self) -> Result<Option<Frame>, CaptureError> {
        while self.index < self.simulator.frame_count() {
            let index = self.index;
            self.index += 1;
            let at_ms = index as f64 * 1000.0 / self.simulator.fps();
            if !self.simulator.is_dropped(index) && self.pace.keep(at_ms) {
                let image = self.simulator.render(index);
                let captured = later(self.opened, at_ms);
                let frame = Frame::new(image.width, image.height, image.pixels, index + 1, captured);
                return Ok(Some(frame.map_err(ImagingError::from)?));
            }
        }
        Ok(None)
    }

    fn is_live(&self) -> bool {
        false
    }

    fn label(&self) -> String {
        self.label.clone()
    }
}

/// The moment `by_ms` milliseconds after `start`.
pub fn later(start: CaptureTime, by_ms: f64) -> CaptureTime {
    CaptureTime {
        wall_us: start.wall_us + (by_ms * 1000.0).round() as i64,
        mono_ms: start.mono_ms + by_ms.round() as u64,
        synced: start.synced,
    }
}
