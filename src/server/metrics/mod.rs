//! What the process counts of itself, for `GET /metrics`. The names are in docs/metrics.md.
//!
//! One set for the process, so that whatever is counted needs one line where it happens.

mod text;

pub use text::{Now, Watching, render};

use super::fault::Code;
use super::store::{ImageRow, Verdict};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Road {
    Rest,
    Socket,
}

impl Road {
    const ALL: [Road; 2] = [Road::Rest, Road::Socket];

    fn as_str(self) -> &'static str {
        match self {
            Road::Rest => "rest",
            Road::Socket => "socket",
        }
    }
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Registration,
    Detection,
    Health,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Registration, Kind::Detection, Kind::Health];

    fn as_str(self) -> &'static str {
        match self {
            Kind::Registration => "registration",
            Kind::Detection => "detection",
            Kind::Health => "health",
        }
    }
}

/// What becomes of an attempt to tell the webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    Delivered,
    /// To be tried again.
    Failed,
    GivenUp,
}

impl Delivery {
    const ALL: [Delivery; 3] = [Delivery::Delivered, Delivery::Failed, Delivery::GivenUp];

    fn as_str(self) -> &'static str {
        match self {
            Delivery::Delivered => "delivered",
            Delivery::Failed => "failed",
            Delivery::GivenUp => "given_up",
        }
    }
}

/// What an alert is about.
const ALERTS: [&str; 2] = ["plate", "camera"];

const VERDICTS: [(Verdict, &str); 3] =
    [(Verdict::New, "new"), (Verdict::Update, "update"), (Verdict::Duplicate, "duplicate")];

/// Upper bounds of the commit histogram, in seconds.
const COMMIT_BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

#[derive(Debug)]
struct Counters {
    /// By road, kind, verdict.
    events: [[[AtomicU64; 3]; 3]; 2],
    refused: Mutex<BTreeMap<(Road, &'static str), u64>>,
    /// Not cumulative; what is above the last bound is in the last place.
    commits: [AtomicU64; COMMIT_BOUNDS.len() + 1],
    commit_us: AtomicU64,
    commits_failed: AtomicU64,
    jobs: AtomicU64,
    waiting: AtomicU64,
    images: AtomicU64,
    image_bytes: AtomicU64,
    /// Raised; as in [`ALERTS`].
    alerts: [AtomicU64; 2],
    deliveries: [AtomicU64; 3],
}

static COUNTERS: Counters = Counters {
    events: [const { [const { [const { AtomicU64::new(0) }; 3] }; 3] }; 2],
    refused: Mutex::new(BTreeMap::new()),
    commits: [const { AtomicU64::new(0) }; COMMIT_BOUNDS.len() + 1],
    commit_us: AtomicU64::new(0),
    commits_failed: AtomicU64::new(0),
    jobs: AtomicU64::new(0),
    waiting: AtomicU64::new(0),
    images: AtomicU64::new(0),
    image_bytes: AtomicU64::new(0),
    alerts: [const { AtomicU64::new(0) }; 2],
    deliveries: [const { AtomicU64::new(0) }; 3],
};

/// An event was accepted.
pub fn accepted(road: Road, (kind, verdict): (Kind, Verdict)) {
    let verdict = match verdict {
        Verdict::New => 0,
        Verdict::Update => 1,
        Verdict::Duplicate => 2,
    };
    let [rest, socket] = &COUNTERS.events;
    let road = if road == Road::Rest { rest } else { socket };
    if let Some(counter) = road.get(kind as usize).and_then(|kind| kind.get(verdict)) {
        counter.fetch_add(1, Relaxed);
    }
}

/// A call or an event was refused.
pub fn refused(road: Road, code: Code) {
    let mut refused = COUNTERS.refused.lock().unwrap_or_else(PoisonError::into_inner);
    *refused.entry((road, code.as_str())).or_default() += 1;
}

/// The writer worked on `jobs` for `took`, to the end of the commit.
pub fn committed(took: Duration, jobs: usize, succeeded: bool) {
    if !succeeded {
        COUNTERS.commits_failed.fetch_add(1, Relaxed);
        return;
    }
    let seconds = took.as_secs_f64();
    let place = COMMIT_BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(COMMIT_BOUNDS.len());
    if let Some(counter) = COUNTERS.commits.get(place) {
        counter.fetch_add(1, Relaxed);
    }
    COUNTERS.commit_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    COUNTERS.jobs.fetch_add(jobs as u64, Relaxed);
}

/// Pictures are on the disk.
pub fn images_written(rows: &[ImageRow]) {
    COUNTERS.images.fetch_add(rows.len() as u64, Relaxed);
    let bytes = rows.iter().filter_map(|row| u64::try_from(row.bytes).ok()).sum();
    COUNTERS.image_bytes.fetch_add(bytes, Relaxed);
}

/// An alert was raised.
pub fn alerted(of_plate: bool) {
    let [plate, camera] = &COUNTERS.alerts;
    if of_plate { plate } else { camera }.fetch_add(1, Relaxed);
}

/// So many deliveries to the webhook have come to this.
pub fn told(what: Delivery, count: u64) {
    if let Some(counter) = COUNTERS.deliveries.get(what as usize) {
        counter.fetch_add(count, Relaxed);
    }
}

/// Counts as one that waits for its commit as long as it lives.
#[derive(Debug)]
pub struct Waiting(());

impl Waiting {
    pub fn new() -> Self {
        COUNTERS.waiting.fetch_add(1, Relaxed);
        Self(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        COUNTERS.waiting.fetch_sub(1, Relaxed);
    }
}
