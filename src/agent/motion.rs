//! The motion gate's eyes: a frame becomes the small grid that the gate compares.

use crate::domain::Frame;
use crate::imaging::Resampler;
use crate::track::{GRID, MotionGate};
use tracing::warn;

/// A camera's gate, with the buffers it needs.
#[derive(Default)]
pub struct FrameGate {
    gate: MotionGate,
    resampler: Option<Resampler>,
    grid: Vec<u8>,
}

impl FrameGate {
    /// Is the frame worth a look? `held`: a vehicle is followed. A frame that cannot be reduced always is.
    pub fn is_open(&mut self, frame: &Frame, held: bool) -> bool {
        if let Err(error) = self.reduce(frame) {
            // The pipeline fails on such a frame too, and says so.
            warn!(frame = frame.number, %error, "the motion gate cannot see");
            return true;
        }
        self.gate.is_open(&self.grid, frame.captured.mono_ms, held)
    }

    /// Does something move, as of that frame?
    pub fn sees_motion(&self, frame: &Frame) -> bool {
        self.gate.sees_motion(frame.captured.mono_ms)
    }

    fn reduce(&mut self, frame: &Frame) -> Result<(), crate::imaging::WarpError> {
        let resampler = match &mut self.resampler {
            Some(resampler) => resampler,
            none => none.insert(Resampler::new()?),
        };
        resampler.luma_grid(frame, GRID.0 as u32, GRID.1 as u32, &mut self.grid)
    }
}
