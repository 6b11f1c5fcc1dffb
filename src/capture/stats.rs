//! What a camera's worker tells about itself: read by health, the status page and the log.

use crate::clock::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    /// Since the last frame was handed over; `None` before the first.
    pub last_frame_age: Option<Duration>,
    /// What went wrong last, without credentials; `None` while all is well.
    pub last_error: Option<String>,
}

impl CameraStats {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            frames: AtomicU64::new(0),
            overwritten: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            last_frame_ms: AtomicU64::new(u64::MAX),
            condition: Mutex::new((CameraState::Opening, None)),
        };
        Self { shared: Arc::new(shared), clock }
    }

    pub fn snapshot(&self) -> CameraSnapshot {
        let (state, last_error) = self.shared.condition.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let last_ms = self.shared.last_frame_ms.load(Ordering::Relaxed);
        let now = self.clock.monotonic();
        CameraSnapshot {
            state,
            frames: self.shared.frames.load(Ordering::Relaxed),
            overwritten: self.shared.overwritten.load(Ordering::Relaxed),
            reopened: self.shared.reopened.load(Ordering::Relaxed),
            skipped: self.shared.skipped.load(Ordering::Relaxed),
            last_frame_age: (last_ms != u64::MAX).then(|| now.saturating_sub(Duration::from_millis(last_ms))),
            last_error,
        }
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
