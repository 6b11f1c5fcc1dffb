//! One picture from a camera.

use super::CaptureTime;
use std::sync::Arc;

/// A frame: BGR, 8 bits a channel, rows tightly packed (`3 · width` bytes a row), top row first. Cheap to clone.
#[derive(Clone)]
pub struct Frame {
    width: u32,
    height: u32,
    pixels: Arc<[u8]>,
    /// Number within its source, from 1.
    pub number: u64,
    /// When it was captured, not when it was decoded or sent.
    pub captured: CaptureTime,
}

/// Why pixels do not make a frame.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FrameError {
    #[error("a frame of {width}x{height} needs {expected} bytes, got {got}")]
    Size { width: u32, height: u32, expected: usize, got: usize },
    #[error("a frame of {width}x{height} has no pixels")]
    Empty { width: u32, height: u32 },
}

impl Frame {
    /// Takes `3 · width · height` bytes.
    pub fn new(
        width: u32,
        height: u32,
        pixels: impl Into<Arc<[u8]>>,
        number: u64,
        captured: CaptureTime,
    ) -> Result<Self, FrameError> {
        let pixels = pixels.into();
        let expected = width as usize * height as usize * 3;
        if expected == 0 {
            return Err(FrameError::Empty { width, height });
        }
        if pixels.len() != expected {
            return Err(FrameError::Size { width, height, expected, got: pixels.len() });
        }
        Ok(Self { width, height, pixels, number, captured })
    }

    pub fn width(&self) -> u32 {
        self.width
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    /// `3 · width · height` bytes, BGR.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame #{} {}x{}", self.number, self.width, self.height)
    }
}
