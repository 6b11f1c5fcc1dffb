//! The simulator: a road scene with moving vehicles that carry plates of known text. Pure and deterministic.

use crate::domain::BBox;
use serde::Serialize;

/// One vehicle of one frame, as `truth.jsonl` writes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VehicleTruth {
    /// The same vehicle has the same id in every frame.
    pub id: u32,
    pub bbox: BBox,
    /// Registration, without spaces.
    pub text: String,
    /// Thai plates only.
    pub province: Option<String>,
    pub plate_bbox: BBox,
    /// Share of the plate that is inside the frame and not covered, 0–1.
    pub visible: f32,
}

/// A rendered frame: BGR, 8 bits, tightly packed.
pub struct SimFrame {
    pub width: u32,
    pub height: u32,
    pub pixels: Vec<u8>,
    /// Seconds since the scene began.
    pub time_s: f64,
    pub vehicles: Vec<VehicleTruth>,
}

/// What `sim:` was told.
#[derive(Debug, Clone, PartialEq)]
pub struct SimSpec {}

/// Why a spec is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SimError(pub String);

impl SimSpec {
    pub fn parse(_text: &str) -> Result<Self, SimError> {
        Ok(Self {})
    }
}

/// Renders the frames of one spec, each from its number alone.
pub struct Simulator {}

impl Simulator {
    pub fn new(_spec: &SimSpec) -> Self {
        Self {}
    }

    pub fn frame_count(&self) -> u64 {
        0
    }

    pub fn fps(&self) -> f64 {
        15.0
    }

    /// Frame `index`, from 0.
    pub fn render(&mut self, _index: u64) -> SimFrame {
        SimFrame { width: 1, height: 1, pixels: vec![0; 3], time_s: 0.0, vehicles: Vec::new() }
    }
}
