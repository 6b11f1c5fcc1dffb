//! From a decoded frame to its reads, against the time of the same sessions inside ONNX Runtime, in one run.
//!
//! `cargo bench --bench read`; LPR_BENCH_PHOTOS=FOLDER takes photos instead of simulated frames, and LPR_MODELS_… the
//! models, as everywhere.

#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use lpr::config::{ModelsConfig, agent_from};
use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::{decode_file, is_image_name};
use lpr::inference::Pipeline;
use lpr::sim::{SimSpec, Simulator};
use std::path::Path;

/// Looks at each frame; the quickest counts, which other work on the machine disturbed least.
const ROUNDS: usize = 5;

fn main() {
    let models = models();
    let mut pipeline = Pipeline::load(&models).unwrap();
    let frames = match std::env::var_os("LPR_BENCH_PHOTOS") {
        Some(folder) => photos(Path::new(&folder)),
        None => simulated(),
    };
    // The first inferences of a session are slower.
    for frame in frames.iter().take(5) {
        pipeline.read(frame).unwrap();
    }
    let (mut total, mut runtime, mut plates) = (0.0, 0.0, 0);
    for frame in &frames {
        let rounds: Vec<_> = (0..ROUNDS).map(|_| pipeline.read(frame).unwrap()).collect();
        let best = rounds.iter().min_by(|a, b| a.timing.total.total_cmp(&b.timing.total)).unwrap();
        total += best.timing.total;
        runtime += best.timing.runtime;
        plates += best.plates.len();
    }
    let each = frames.len() as f64;
    println!(
        "{} + {} + {}, {} thread(s), {} frames, {plates} plates: {:.2} ms a frame, {:.2} ms of it inside ONNX Runtime: {:.3} times",
        models.vehicle,
        models.plate,
        models.ocr,
        models.threads,
        frames.len(),
        total / each,
        runtime / each,
        total / runtime
    );
}

fn models() -> ModelsConfig {
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("LPR_MODELS_"));
    agent_from("[[camera]]\nsource = \"command line\"\n", "defaults", variables).unwrap().models
}

fn simulated() -> Vec<Frame> {
    let mut simulator = Simulator::new(&SimSpec::parse("seed=3;seconds=4;fps=10;size=1280x720").unwrap());
    let frame = |number: u64| {
        let shot = simulator.render(number);
        Frame::new(shot.width, shot.height, shot.pixels, number + 1, CaptureTime::default()).unwrap()
    };
    (0..40).map(frame).collect()
}

fn photos(folder: &Path) -> Vec<Frame> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| is_image_name(file));
    files.sort();
    let frame = |file: &std::path::PathBuf| {
        let picture = decode_file(file).unwrap();
        Frame::new(picture.width, picture.height, picture.pixels, 1, CaptureTime::default()).unwrap()
    };
    files.iter().map(frame).collect()
}
