//! Frames of the simulator, and the default models, for what measures the pipeline.
#![allow(dead_code)] // each user takes a part

use lpr::domain::{CaptureTime, Frame};
use lpr::sim::{SimSpec, Simulator};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The frames of these numbers, from 0 on.
pub fn shots(spec: &str, numbers: Range<u64>) -> Vec<Frame> {
    let mut simulator = Simulator::new(&SimSpec::parse(spec).unwrap());
    let frame = |number: u64| {
        let shot = simulator.render(number);
        Frame::new(shot.width, shot.height, shot.pixels, number + 1, CaptureTime::default()).unwrap()
    };
    numbers.map(frame).collect()
}

/// The folder of the default models; says loudly where they are missing.
pub fn default_models() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    if dir.join("runtime").is_dir() && dir.join("PP-OCRv6_rec_small.onnx").is_file() {
        return Some(dir);
    }
    eprintln!("\n*** SKIPPED: the default models are missing; get them with `lpr-agent models fetch` ***\n");
    None
}
