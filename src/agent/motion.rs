//! The motion gate's eyes: a frame becomes the small grid that the gate compares.

use super::luma_grid::LumaGrid;
use crate::domain::Frame;
use crate::track::{GRID, MotionGate};
use tracing::warn;

/// A camera's gate, with the buffers it needs.
#[derive(Default)]
pub struct FrameGate {
    gate: MotionGate,
    grid: LumaGrid,
}

impl FrameGate {
    /// Is the frame worth a look? `held`: a vehicle is followed. A frame that cannot be reduced always is.
    pub fn is_open(&mut self, frame: &Frame, held: bool) -> bool {
        match self.grid.of(frame, GRID) {
            Ok(grid) => self.gate.is_open(grid, frame.captured.mono_ms, held),
            Err(error) => {
                // The pipeline fails on such a frame too, and says so.
                warn!(frame = frame.number, %error, "the motion gate cannot see");
                true
            }
        }
    }

    /// Does something move, as of that frame?
    pub fn sees_motion(&self, frame: &Frame) -> bool {
        self.gate.sees_motion(frame.captured.mono_ms)
    }
}
