//! What the models saw in one frame.

use super::{BBox, Quad};
use serde::Serialize;

/// One object found by a detector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Detection {
    /// In pixels of the full frame.
    pub bbox: BBox,
    /// 0–1.
    pub confidence: f32,
    /// The model's word for it: `car`, `motorcycle`, `bus`, `truck`, `plate`, …
    pub class: String,
    /// Plate corners, where the model gives them.
    #[serde(skip)]
    pub corners: Option<Quad>,
}

/// One character of a read, with its probability 0–1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CharRead {
    pub character: char,
    pub confidence: f32,
}

/// How a plate's picture is lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlateLight {
    Even,
    /// Even its brightest parts are dark.
    Dark,
    /// Even its darkest parts are bright, or most of it is white.
    Glare,
}

/// One plate found and read in one frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlateRead {
    /// In pixels of the full frame.
    pub bbox: BBox,
    /// Where the plate was cut out: its corners in the frame.
    pub corners: Quad,
    /// Detector's confidence, 0–1.
    pub confidence: f32,
    /// NFC, upper case, without spaces and separators; empty where nothing was read.
    pub text: String,
    /// What the frame gave before a grammar or a vote changed it to `text`; `None` where nothing did.
    pub raw_text: Option<String>,
    /// Mean probability of the characters, 0–1; 0 where nothing was read.
    pub text_confidence: f32,
    pub characters: Vec<CharRead>,
    /// Province or state, where the model reads it.
    pub province: Option<String>,
    /// How sure that is, 0–1; 0 where there is none.
    pub province_confidence: f32,
    /// Index of the vehicle it hangs on.
    pub vehicle: Option<usize>,
    /// How sharp the plate's picture is, 0–1, where it was measured.
    pub sharpness: Option<f32>,
    /// How it is lit, where that was measured.
    pub light: Option<PlateLight>,
    /// Does the text fit a configured format? `None` where none is asked for.
    pub fits_grammar: Option<bool>,
}

/// Milliseconds spent in each step of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Timing {
    pub decode: f64,
    pub vehicle: f64,
    pub plate: f64,
    pub ocr: f64,
    pub total: f64,
    /// The part of `total` that was spent inside the inference runtime.
    pub runtime: f64,
}

/// All that was read in one frame; plates best first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameReading {
    pub vehicles: Vec<Detection>,
    pub plates: Vec<PlateRead>,
    pub timing: Timing,
}
