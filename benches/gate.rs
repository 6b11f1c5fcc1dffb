//! What the motion gate costs: a frame reduced and compared, beside what the models take for the same frame.
//! `cargo bench --bench gate`; docs/tracking.md quotes it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench fails by panicking and prints")]

use lpr::config::ModelsConfig;
use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::Resampler;
use lpr::inference::Pipeline;
use lpr::sim::{SimSpec, Simulator};
use lpr::track::{GRID, MotionGate};
use std::path::Path;
use std::time::Instant;

const FRAMES: u64 = 300;
const LOOKS: u64 = 20;

fn empty_road(spec: &str) -> Frame {
    let shot = Simulator::new(&SimSpec::parse(spec).unwrap()).render(0);
    Frame::new(shot.width, shot.height, shot.pixels, 1, CaptureTime::default()).unwrap()
}

fn main() {
    for size in ["1280x720", "1920x1080"] {
        let frame = empty_road(&format!("seed=1;seconds=1;vehicles=0;size={size}"));
        let (mut resampler, mut gate, mut grid) = (Resampler::new().unwrap(), MotionGate::default(), Vec::new());
        let started = Instant::now();
        let mut open = 0;
        for number in 0..FRAMES {
            resampler.luma_grid(&frame, GRID.0 as u32, GRID.1 as u32, &mut grid).unwrap();
            open += u64::from(gate.is_open(&grid, number * 66, false));
        }
        let gated = started.elapsed().as_secs_f64() * 1e3 / FRAMES as f64;
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut pipeline = Pipeline::load(&ModelsConfig { dir, ..ModelsConfig::default() }).unwrap();
        let started = Instant::now();
        (0..LOOKS).for_each(|_| drop(pipeline.read(&frame).unwrap()));
        let looked = started.elapsed().as_secs_f64() * 1e3 / LOOKS as f64;
        println!(
            "{size}: gate {gated:.2} ms a frame, models {looked:.1} ms; {open} of {FRAMES} frames at 15 fps opened it"
        );
    }
}
