//! What a camera's worker tells about itself: read by health, the status page and the log.

use super::grabber::MAX_HANGING;
use crate::clock::Clock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How a camera is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameraState {
    /// Not open yet, for the first time.
    Opening,
    Streaming,
    /// Closed, outside its hours.
    Resting,
    /// A file source that is through.
    Ended,
    /// No frames: a live source waits for its next attempt, a file source has given up.
    Failed,
}

impl CameraState {
    /// As health reports and the local page say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Streaming => "streaming",
            Self::Resting => "resting",
            Self::Ended => "ended",
            Self::Failed => "failed",
        }
    }
}

/// A camera's counters; clones share them.
#[derive(Clone)]
pub struct CameraStats {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

struct Shared {
    frames: AtomicU64,
    overwritten: AtomicU64,
    reopened: AtomicU64,
    skipped: AtomicU64,
    turns: AtomicU64,
    waiting: AtomicBool,
    /// Of the worker's present thread; see [`OpenOptions`].
    hanging: Mutex<Arc<AtomicUsize>>,
    /// Milliseconds since boot; `u64::MAX` before the first frame.
    last_frame_ms: AtomicU64,
    condition: Mutex<(CameraState, Option<String>)>,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSnapshot {
    pub state: CameraState,
    /// Frames handed over since the start, those overwritten later included.
    pub frames: u64,
    /// Frames that a newer one replaced before anyone took them.
    pub overwritten: u64,
    /// Times the camera came back after it was lost.
    pub reopened: u64,
    /// Unreadable images of a folder.
    pub skipped: u64,
    /// Turns of the worker: each is progress, with a frame or without.
    pub turns: u64,
    /// The worker waits for its frame to be taken, or has ended: no turns are expected.
    pub waiting: bool,
    /// Reads that were left behind with their thread and have not come back: no more than [`MAX_HANGING`].
    pub hanging: usize,
    /// So many hang that no further attempt is made.
    pub wedged: bool,
    /// Since the last frame was handed over; `None` before the first.
    pub last_frame_age: Option<Duration>,
    /// What went wrong last, without credentials; `None` while all is well.
    pub last_error: Option<String>,
}

impl CameraStats {
    pub(super) fn new(clock: Arc<dyn Clock>, hanging: Arc<AtomicUsize>) -> Self {
        let shared = Shared {
            frames: AtomicU64::new(0),
            overwritten: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
            hanging: Mutex::new(hanging),
            last_frame_ms: AtomicU64::new(u64::MAX),
            condition: Mutex::new((CameraState::Opening, None)),
        };
        Self { shared: Arc::new(shared), clock }
    }

    pub fn snapshot(&self) -> CameraSnapshot {
        let (state, last_error) = self.shared.condition.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hanging = self.hanging().load(Ordering::Relaxed);
        let last_ms = self.shared.last_frame_ms.load(Ordering::Relaxed);
        let now = self.clock.monotonic();
        CameraSnapshot {
            state,
            frames: self.shared.frames.load(Ordering::Relaxed),
            overwritten: self.shared.overwritten.load(Ordering::Relaxed),
            reopened: self.shared.reopened.load(Ordering::Relaxed),
            skipped: self.shared.skipped.load(Ordering::Relaxed),
            turns: self.shared.turns.load(Ordering::Relaxed),
            waiting: self.shared.waiting.load(Ordering::Relaxed),
            hanging,
            wedged: hanging >= MAX_HANGING,
            last_frame_age: (last_ms != u64::MAX).then(|| now.saturating_sub(Duration::from_millis(last_ms))),
            last_error,
        }
    }

    fn hanging(&self) -> MutexGuard<'_, Arc<AtomicUsize>> {
        self.shared.hanging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new thread takes over: what its predecessor left behind is no longer counted.
    pub(super) fn hand_on(&self, hanging: Arc<AtomicUsize>) {
        *self.hanging() = hanging;
    }

    pub(super) fn count_turn(&self) {
        self.shared.waiting.store(false, Ordering::Relaxed);
        self.shared.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn wait(&self) {
        self.shared.waiting.store(true, Ordering::Relaxed);
    }

    pub(super) fn count_frame(&self) {
        let now = u64::try_from(self.clock.monotonic().as_millis()).unwrap_or(u64::MAX - 1);
        self.shared.last_frame_ms.store(now, Ordering::Relaxed);
        self.shared.frames.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_overwritten(&self, count: u64) {
        self.shared.overwritten.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn count_reopened(&self) {
        self.shared.reopened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_skipped(&self) {
        self.shared.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set(&self, state: CameraState, error: Option<String>) {
        *self.shared.condition.lock().unwrap_or_else(PoisonError::into_inner) = (state, error);
    }
}
