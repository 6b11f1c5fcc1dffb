//! A frame costs no large allocation once the pipeline is warm: every buffer is kept. What a frame needs is counted in
//! this process's Rust code; what OpenCV and ONNX Runtime take from the system shows in the pages the process touches anew.

#![cfg(feature = "vision")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[path = "common/shots.rs"]
mod shots;

use allocation_counter::{AllocationInfo, measure};
use lpr::config::ModelsConfig;
use lpr::domain::Frame;
use lpr::imaging::Resampler;
use lpr::inference::Pipeline;
use shots::{default_models, shots};

/// Smaller than the smallest picture or tensor of a frame.
const LARGE: u64 = 64 * 1024;

/// Three seconds of a road with vehicles near and far: cuts of every size.
fn frames() -> Vec<Frame> {
    shots("seed=3;seconds=6;fps=4;size=1280x720;vehicles=9", 6..18)
}

/// Pages that the process has touched for the first time since it began: a large buffer made anew costs one for each 4 kB.
fn fresh_pages() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    behind_name.split_whitespace().nth(7).unwrap().parse().unwrap()
}

#[test]
fn a_frame_once_all_is_warm_allocates_nothing_large() {
    let Some(dir) = default_models() else { return };
    let frames = frames();
    let mut pipeline = Pipeline::load(&ModelsConfig { dir, threads: 1, ..ModelsConfig::default() }).unwrap();
    let mut plates = 0;
    for _ in 0..2 {
        plates = frames.iter().map(|frame| pipeline.read(frame).unwrap().plates.len()).sum();
    }
    assert!(plates >= frames.len() / 2, "{plates} plates: the frames show too little to prove anything");

    let before = fresh_pages();
    let counts: Vec<AllocationInfo> =
        (frames.iter()).map(|frame| measure(|| drop(pipeline.read(frame).unwrap()))).collect();
    let pages = (fresh_pages() - before) / frames.len() as u64;
    let most = counts.iter().map(|info| info.bytes_max).max().unwrap();
    println!("at the most {most} bytes at once in Rust, {pages} fresh pages a frame in the mean");
    assert!(most < LARGE, "a frame has {most} bytes allocated at once: {counts:?}");
    assert!(pages * 4096 < LARGE, "{pages} fresh pages a frame: a large buffer is made anew for each");
}

#[test]
fn the_motion_gates_grid_allocates_nothing_large() {
    let frames = frames();
    let (mut resampler, mut grid) = (Resampler::new().unwrap(), Vec::new());
    resampler.luma_grid(&frames[0], 64, 36, &mut grid).unwrap();
    let info = measure(|| frames.iter().for_each(|frame| resampler.luma_grid(frame, 64, 36, &mut grid).unwrap()));
    assert!(info.bytes_max < LARGE, "{info:?}");
}
