//! What processes used, as the kernel counts it.

use std::fs;
use std::time::Instant;

/// Clock ticks a second: fixed on Linux for what /proc shows.
const TICKS: f64 = 100.0;

/// Processor time so far, of this process and of another, and what the other wrote.
pub struct Usage {
    at: Instant,
    ours: f64,
    theirs: f64,
    written: f64,
    other: u32,
}

/// What was used between two moments.
pub struct Used {
    /// Shares of all cores.
    pub ours: f64,
    pub theirs: f64,
    /// Bytes that the other sent to the disk.
    pub written: f64,
}

impl Usage {
    pub fn now(other: u32) -> Self {
        let (ours, theirs) = (seconds("self"), seconds(&other.to_string()));
        Self { at: Instant::now(), ours, theirs, written: written(other), other }
    }

    pub fn since(&self, before: &Usage) -> Used {
        assert_eq!(self.other, before.other);
        let cores = std::thread::available_parallelism().unwrap().get() as f64;
        let whole = self.at.duration_since(before.at).as_secs_f64() * cores;
        Used {
            ours: (self.ours - before.ours) / whole,
            theirs: (self.theirs - before.theirs) / whole,
            written: self.written - before.written,
        }
    }
}

fn written(pid: u32) -> f64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().parse().unwrap()
}

fn seconds(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    let ticks: f64 = after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / TICKS
}

/// The most memory that a process ever had resident, in MB.
pub fn resident_most(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().unwrap() / 1024.0
}

/// How much came through, and how long each waited.
pub struct Load {
    pub events: usize,
    pub rate: f64,
    /// Milliseconds, sorted.
    waits: Vec<f32>,
}

impl Load {
    pub fn new(begun: Instant, mut waits: Vec<f32>) -> Self {
        let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
        waits.sort_by(f32::total_cmp);
        Self { events: waits.len(), rate, waits }
    }

    pub fn quantile(&self, share: f64) -> f32 {
        self.waits.get((self.waits.len() as f64 * share) as usize).copied().unwrap_or(f32::NAN)
    }
}
