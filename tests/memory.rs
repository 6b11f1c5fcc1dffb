//! Models that are changed again and again take no more memory than at first. A test binary of its own: it measures its process.

#![cfg(feature = "vision")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking, as tests do")]

#[path = "common/shots.rs"]
mod shots;

use lpr::config::ModelsConfig;
use lpr::domain::Frame;
use lpr::inference::{Pipeline, give_memory_back};
use shots::{default_models, shots};
use std::process::Command;
use std::sync::Mutex;

/// They measure the same process, so one at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn frames() -> Vec<Frame> {
    shots("seed=3;seconds=6;fps=4;size=1280x720;vehicles=9", 8..12)
}

/// Resident memory of this process, kB.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn models_that_are_changed_again_and_again_leave_no_memory_behind() {
    let _alone = ALONE.lock();
    let Some(dir) = default_models() else { return };
    // The C library as the unit (systemd/lpr-agent.service) sets it.
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "models_that_are_changed_again_and_again_leave_no_memory_behind", "--nocapture"]);
        again.envs([("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "1048576")]);
        assert!(again.status().unwrap().success());
        return;
    }
    let frames = frames();
    let load = |latin: &str| {
        let config = ModelsConfig { dir: dir.clone(), threads: 1, latin: latin.to_owned(), ..ModelsConfig::default() };
        let mut pipeline = Pipeline::load(&config).unwrap();
        frames.iter().for_each(|frame| drop(pipeline.read(frame).unwrap()));
        pipeline
    };
    let mut in_use = load("ppocr-v6");
    let mut after_changes = Vec::new();
    for _ in 0..6 {
        for latin in [ModelsConfig::NONE, "ppocr-v6"] {
            // As the agent does: new models load and read while the old ones are still in use.
            let next = std::thread::scope(|scope| scope.spawn(|| load(latin)).join().unwrap());
            in_use = next;
        }
        after_changes.push(resident_kb());
    }
    drop(in_use);
    println!("resident after two changes each, kB: {after_changes:?}");
    let (least, most) = (after_changes.iter().min().unwrap(), after_changes.iter().max().unwrap());
    assert!(most * 100 < least * 103, "{least} kB have become {most} kB");
}

/// Bytes in use in the C library's heaps: what is mapped by itself does not count.
fn in_use_in_heaps() -> usize {
    #[allow(unsafe_code, reason = "mallinfo2 takes no pointer")]
    unsafe {
        libc::mallinfo2().uordblks
    }
}

#[test]
fn weights_of_models_are_mapped_by_themselves_and_leave_no_holes_in_the_heap() {
    let _alone = ALONE.lock();
    let Some(dir) = default_models() else { return };
    let config = ModelsConfig { dir, latin: "ppocr-v6".into(), threads: 1, ..ModelsConfig::default() };
    // The runtime's own comes with the first.
    let first = Pipeline::load(&config).unwrap();
    let before = in_use_in_heaps();
    let second = Pipeline::load(&config).unwrap();
    let more = in_use_in_heaps().saturating_sub(before) / 1000;
    println!("a second set of models keeps {more} kB in the heaps");
    assert!(more < 18_000, "{more} kB");
    drop((first, second));
}

#[test]
fn what_is_free_between_what_stays_goes_back_to_the_system() {
    let _alone = ALONE.lock();
    // Pieces too small to be mapped one by one, as tensors are; each eighth stays.
    let mut pieces: Vec<Option<Vec<u8>>> = (0..2000).map(|number| Some(vec![number as u8; 64 << 10])).collect();
    pieces.iter_mut().enumerate().filter(|(number, _)| number % 8 != 0).for_each(|(_, piece)| *piece = None);
    let before = resident_kb();
    give_memory_back();
    let after = resident_kb();
    assert!(after + 90_000 < before, "{before} kB have become {after} kB");
    assert_eq!(pieces.iter().flatten().count(), 250);
}
