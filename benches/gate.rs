//! What an empty road costs behind the motion gate, as a share of what a busy one costs, image decoding apart: its frames go
//! through the gate and, where that opens, through the models, as the agent does it. docs/tracking.md and docs/cost.md quote it.
//!
//! `cargo bench --bench gate`; LPR_MODELS_… choose the models, as everywhere.
#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]

use lpr::config::agent_from;
use lpr::domain::{CaptureTime, Frame};
use lpr::imaging::Resampler;
use lpr::inference::{Lookout, Pipeline};
use lpr::sim::{SimSpec, Simulator};
use lpr::track::{GRID, MotionGate};
use std::time::{Duration, Instant};

/// Length of the empty clip, seconds: the gate lets a frame through every three.
const SECONDS: u64 = 30;
/// Frames of the busy road that are read, one a second; there the gate is always open.
const LOOKS: u64 = 20;

/// Means, milliseconds.
struct Busy {
    gate: f64,
    look: f64,
}

fn main() {
    let variables = std::env::vars().filter(|(name, _)| name.starts_with("LPR_MODELS_"));
    let models = agent_from("[[camera]]\nsource = \"command line\"\n", "defaults", variables).unwrap().models;
    let mut pipeline = Pipeline::load(&models).unwrap();
    println!("{} + {} + {}, {} thread(s)", models.vehicle, models.plate, models.ocr, models.threads);
    println!(
        "| frames | gate, ms a frame | a look at the busy road, ms | frames looked at of the empty road | its cost, share of the busy road's |"
    );
    println!("|---|---|---|---|---|");
    for (size, fps) in [("1280x720", 5), ("1280x720", 15), ("1920x1080", 5)] {
        let busy = busy(&mut pipeline, size);
        let (looked_at, cost) = empty(&mut pipeline, size, fps);
        let frames = SECONDS * fps;
        println!(
            "| {size}, {fps} a second | {:.2} | {:.1} | {looked_at} of {frames} | {:.1} % |",
            busy.gate,
            busy.look,
            100.0 * cost / (frames as f64 * (busy.gate + busy.look)),
        );
    }
}

fn busy(pipeline: &mut Pipeline, size: &str) -> Busy {
    let mut simulator = simulator(&format!("seed=1;fps=1;size={size};seconds={LOOKS};vehicles={LOOKS}"));
    let (mut eye, mut lookout) = (Eye::new(), Lookout::default());
    let (mut gate, mut look) = (Duration::ZERO, Duration::ZERO);
    for number in 0..LOOKS {
        let frame = frame(&mut simulator, number, 1);
        gate += timed(|| _ = eye.is_open(&frame));
        look += timed(|| drop(pipeline.read_next(&frame, &mut lookout).unwrap()));
    }
    let mean = |sum: Duration| milliseconds(sum) / LOOKS as f64;
    Busy { gate: mean(gate), look: mean(look) }
}

/// Frames looked at, and what the whole clip cost, milliseconds.
fn empty(pipeline: &mut Pipeline, size: &str, fps: u64) -> (u64, f64) {
    let mut simulator = simulator(&format!("seed=1;fps={fps};size={size};seconds={SECONDS};vehicles=0"));
    let (mut eye, mut lookout) = (Eye::new(), Lookout::default());
    let (mut looked_at, mut cost) = (0, Duration::ZERO);
    for number in 0..SECONDS * fps {
        let frame = frame(&mut simulator, number, fps);
        cost += timed(|| {
            // The gate learns the background first; that is not what an empty road costs in the long run.
            if eye.is_open(&frame) && frame.captured.mono_ms >= WARM_UP_MS {
                lookout.set_still(!eye.gate.sees_motion(frame.captured.mono_ms));
                drop(pipeline.read_next(&frame, &mut lookout).unwrap());
                looked_at += 1;
            }
        });
    }
    (looked_at, milliseconds(cost))
}

/// As long as the gate is open at first.
const WARM_UP_MS: u64 = 2_000;

/// The gate with what it needs to see.
struct Eye {
    resampler: Resampler,
    gate: MotionGate,
    grid: Vec<u8>,
}

impl Eye {
    fn new() -> Self {
        Self { resampler: Resampler::new().unwrap(), gate: MotionGate::default(), grid: Vec::new() }
    }

    fn is_open(&mut self, frame: &Frame) -> bool {
        self.resampler.luma_grid(frame, GRID.0 as u32, GRID.1 as u32, &mut self.grid).unwrap();
        self.gate.is_open(&self.grid, frame.captured.mono_ms, false)
    }
}

fn simulator(spec: &str) -> Simulator {
    Simulator::new(&SimSpec::parse(spec).unwrap())
}

fn frame(simulator: &mut Simulator, number: u64, fps: u64) -> Frame {
    let shot = simulator.render(number);
    let captured = CaptureTime { mono_ms: number * 1000 / fps, ..CaptureTime::default() };
    Frame::new(shot.width, shot.height, shot.pixels, number + 1, captured).unwrap()
}

fn timed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
