//! The thread that drives one camera: open, hand over, reopen.

use super::{CameraState, CameraStats, CaptureError, OpenOptions, Slots, open};
use crate::capture::Backoff;
use crate::config::SourceSpec;
use crate::domain::{CameraKey, Frame};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A running camera; clones share it. Raise `stop` of its [`OpenOptions`] and [`Worker::join`] it: the thread ends within a
/// second, even when the camera's driver hangs.
#[derive(Clone)]
pub struct Worker {
    stats: CameraStats,
    running: Arc<Mutex<Running>>,
}

/// The thread, and what a successor needs.
struct Running {
    thread: Option<JoinHandle<()>>,
    setup: Setup,
}

#[derive(Clone)]
struct Setup {
    index: usize,
    key: CameraKey,
    spec: SourceSpec,
    options: OpenOptions,
    slots: Slots<Frame>,
}

/// How long the end of a thread is waited for.
const FAREWELL: Duration = Duration::from_secs(3);

impl Worker {
    /// Starts the thread `capture-INDEX`, which puts frames into slot `index`.
    ///
    /// A live source overwrites, and is opened again after 1 s to 30 s whenever it fails, for ever; one that refuses our
    /// password only every 5 minutes. A file source
    /// waits for its frames to be taken and ends; one that cannot be opened has failed for good and ends as well.
    pub fn start(
        index: usize,
        key: CameraKey,
        spec: SourceSpec,
        options: OpenOptions,
        slots: Slots<Frame>,
    ) -> io::Result<Self> {
        let stats = CameraStats::new(options.clock.clone(), options.hanging.clone());
        let setup = Setup { index, key, spec, options, slots };
        let thread = Some(setup.spawn(&stats)?);
        Ok(Self { stats, running: Arc::new(Mutex::new(Running { thread, setup })) })
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves the thread behind, however it hangs, and starts another with everything new. The counters go on.
    pub fn rebuild(&self) -> io::Result<()> {
        let mut running = self.running();
        let successor = Setup { options: running.setup.options.for_successor(), ..running.setup.clone() };
        let thread = successor.spawn(&self.stats)?;
        running.setup.options.replaced.store(true, Ordering::Relaxed);
        self.stats.hand_on(successor.options.hanging.clone());
        *running = Running { thread: Some(thread), setup: successor };
        Ok(())
    }

    /// The camera's counters.
    pub fn stats(&self) -> CameraStats {
        self.stats.clone()
    }

    /// Has the source ended, or failed for good?
    pub fn has_ended(&self) -> bool {
        self.running().thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the thread's end: at the end of a file source, or after `stop` was raised. One that hangs is left behind.
    pub fn join(self) {
        let mut until = None;
        while !self.has_ended() && until.is_none_or(|until| Instant::now() < until) {
            if self.running().setup.options.stopped() {
                until = until.or(Some(Instant::now() + FAREWELL));
            }
            thread::sleep(Duration::from_millis(10));
        }
        if let Some(thread) = self.running().thread.take_if(|thread| thread.is_finished()) {
            // A panic aborts the process in a release build, and has been printed in any other.
            let _ = thread.join();
        }
    }
}

impl Setup {
    fn spawn(&self, stats: &CameraStats) -> io::Result<JoinHandle<()>> {
        let Setup { index, key, spec, options, slots } = self.clone();
        let camera = Camera { index, key, spec, options, slots, stats: stats.clone(), silence: Silence::default() };
        thread::Builder::new().name(format!("capture-{index}")).spawn(move || camera.run())
    }
}

/// Many cameras lock the account, or our address, after a handful of wrong passwords in a row.
const REFUSED_WAIT: Duration = Duration::from_secs(300);

struct Camera {
    index: usize,
    key: CameraKey,
    spec: SourceSpec,
    options: OpenOptions,
    slots: Slots<Frame>,
    stats: CameraStats,
    silence: Silence,
}

/// How one opening of the source went.
enum Ending {
    Ended,
    Stopped,
    /// Its hours are over.
    Resting,
    Lost(CaptureError),
}

impl Camera {
    fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            if !self.rest() {
                break;
            }
            let frames_before = self.stats.snapshot().frames;
            match self.stream() {
                Ending::Ended => {
                    self.stats.set(CameraState::Ended, None);
                    tracing::info!(camera = %self.key, source = %self.spec, frames = self.stats.snapshot().frames, "source ended");
                    break;
                }
                Ending::Stopped => break,
                Ending::Resting => {}
                Ending::Lost(error) => {
                    if self.stats.snapshot().frames > frames_before {
                        backoff.reset();
                    }
                    let wait = match error {
                        CaptureError::Refused { .. } => REFUSED_WAIT,
                        _ => backoff.next(chance()),
                    };
                    self.report(&error, wait);
                    if !self.spec.is_live() || !self.pause(wait) {
                        break;
                    }
                }
            }
        }
        if !self.options.is_replaced() {
            self.stats.wait();
            self.slots.end(self.index);
        }
    }

    fn count_turn(&self) {
        if !self.options.is_replaced() {
            self.stats.count_turn();
        }
    }

    /// Opens the source and hands over its frames until it ends, is lost, or we are stopped.
    fn stream(&mut self) -> Ending {
        let mut source = match open(&self.spec, &self.options) {
            Ok(source) => source,
            Err(error) if error.is_stop() => return Ending::Stopped,
            Err(error) => return Ending::Lost(error),
        };
        let mut dropped = 0;
        loop {
            if self.options.stopped() {
                return Ending::Stopped;
            }
            if self.is_to_rest() {
                return Ending::Resting;
            }
            let next = source.next();
            self.count_turn();
            match next {
                Ok(Some(frame)) => {
                    self.note_streaming(&frame);
                    if !self.hand_over(frame, source.is_live()) {
                        return Ending::Stopped;
                    }
                }
                Ok(None) => return Ending::Ended,
                Err(error) if error.is_per_item() => {
                    self.stats.count_skipped();
                    tracing::warn!(camera = %self.key, %error, "image skipped");
                }
                Err(error) if error.is_stop() => return Ending::Stopped,
                Err(error) => return Ending::Lost(error),
            }
            self.stats.count_overwritten(source.overwritten() - dropped);
            dropped = source.overwritten();
        }
    }

    /// False where we were stopped before the frame could be handed over.
    fn hand_over(&self, frame: Frame, live: bool) -> bool {
        if self.options.is_replaced() {
            return false;
        }
        if live {
            let overwrote = self.slots.put(self.index, frame);
            self.stats.count_overwritten(u64::from(overwrote));
        } else {
            self.stats.wait();
            if !self.slots.put_waiting(self.index, frame, &self.options.stop) {
                return false;
            }
            self.count_turn();
        }
        self.stats.count_frame();
        true
    }

    /// The first frame of an opening is news; the others are not.
    fn note_streaming(&mut self, frame: &Frame) {
        let before = self.stats.snapshot();
        if before.state == CameraState::Streaming {
            return;
        }
        let (width, height) = (frame.width(), frame.height());
        if before.state == CameraState::Failed && before.frames > 0 {
            self.stats.count_reopened();
            let lost_s = before.last_frame_age.unwrap_or_default().as_secs();
            tracing::info!(camera = %self.key, source = %self.spec, width, height, lost_s, "camera is back");
        } else {
            tracing::info!(camera = %self.key, source = %self.spec, width, height, "camera opened");
        }
        self.silence = Silence::default();
        self.stats.set(CameraState::Streaming, None);
    }

    /// Whoever hands over a file wants it read, at whatever hour.
    fn is_to_rest(&self) -> bool {
        self.options.rests() && !matches!(self.spec, SourceSpec::Path(_))
    }

    /// Rests for as long as it is told to; false where we were stopped meanwhile.
    fn rest(&mut self) -> bool {
        if !self.is_to_rest() {
            return true;
        }
        self.stats.set(CameraState::Resting, None);
        tracing::info!(camera = %self.key, "camera rests: its hours are over");
        while self.is_to_rest() {
            if !self.pause(Duration::from_millis(200)) {
                return false;
            }
        }
        self.stats.set(CameraState::Opening, None);
        tracing::info!(camera = %self.key, "camera is looked at again");
        true
    }

    /// One warning when a camera is lost, then one in ten minutes; the state always knows the last error.
    fn report(&mut self, error: &CaptureError, wait: Duration) {
        self.stats.set(CameraState::Failed, Some(error.to_string()));
        if !self.spec.is_live() {
            tracing::error!(camera = %self.key, %error, "source failed");
        } else if self.silence.is_over(Instant::now()) {
            let retry_s = wait.as_secs_f64().ceil();
            tracing::warn!(camera = %self.key, %error, retry_s, "no frames from this camera; it is tried again");
        }
    }

    /// Waits; false where we were stopped meanwhile.
    fn pause(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        while !self.options.stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            self.count_turn();
            thread::sleep(left.min(Duration::from_millis(100)));
        }
        false
    }
}

/// Keeps a lost camera from filling the journal.
#[derive(Default)]
struct Silence {
    until: Option<Instant>,
}

impl Silence {
    const LENGTH: Duration = Duration::from_secs(600);

    fn is_over(&mut self, now: Instant) -> bool {
        let over = self.until.is_none_or(|until| now >= until);
        if over {
            self.until = Some(now + Self::LENGTH);
        }
        over
    }
}

/// Uniform in 0–1. The hasher's keys are random, which is good enough to keep cameras apart.
fn chance() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}
