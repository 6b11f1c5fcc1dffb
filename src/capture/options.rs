//! How to open a source.

use crate::clock::{Clock, SystemClock};
use crate::config::Secret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How to open a source, and how long to wait for it. Clone it for every attempt of the same camera: the clones share
/// the stop flag and the count of hanging reads.
#[derive(Clone)]
pub struct OpenOptions {
    /// Wait this long for a live source to open.
    pub open_timeout: Duration,
    /// Wait this long for the next frame of a live source.
    pub read_timeout: Duration,
    /// `user:password` for an `rtsp://` source that has none of its own; see [`super::open`].
    pub credentials: Option<Secret>,
    /// Hand over at most so many frames a second, evenly; 0: all. Folders and single images are never thinned.
    pub max_fps: f64,
    pub clock: Arc<dyn Clock>,
    /// Raise it, and `open` and `next` return [`super::CaptureError::Stopped`] within a quarter of a second.
    pub stop: Arc<AtomicBool>,
    /// Raise it, and a [`super::Worker`] closes its live source and rests until it is lowered.
    pub rest: Arc<AtomicBool>,
    /// Threads of this camera that were abandoned in a read and have not come back.
    pub(super) hanging: Arc<AtomicUsize>,
    /// Likewise, for one thread alone: another has taken its place.
    pub(super) replaced: Arc<AtomicBool>,
}

impl OpenOptions {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            open_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(10),
            credentials: None,
            max_fps: 0.0,
            clock,
            stop: Arc::default(),
            rest: Arc::default(),
            hanging: Arc::default(),
            replaced: Arc::default(),
        }
    }

    pub(super) fn rests(&self) -> bool {
        self.rest.load(Ordering::Relaxed)
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is_replaced()
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Relaxed)
    }

    /// For a thread that takes the place of one with these: what that has left behind counts no more.
    pub(super) fn for_successor(&self) -> Self {
        Self { hanging: Arc::default(), replaced: Arc::default(), ..self.clone() }
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}
