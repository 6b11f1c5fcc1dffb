//! A thread of its own for code that may hang: OpenCV reads with no time-out of their own. The caller waits with a
//! deadline; when it passes, the thread is left behind and the camera gets a new one.

use super::{CaptureError, FrameSource, OpenOptions};
use crate::domain::Frame;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Hanging threads one camera may leave behind; each holds a device or a connection, and some memory.
pub const MAX_HANGING: usize = 4;

/// How often a waiting caller looks at the stop flag.
const SLICE: Duration = Duration::from_millis(100);

/// How long a caller who drops the source waits for its thread, so that the device is free for whoever comes next.
const FAREWELL: Duration = Duration::from_millis(500);

/// What one turn of the grabbing thread gave.
pub enum Pulled {
    Frame(Frame),
    /// A frame that is not wanted (see [`super::Pace`]): a sign of life.
    Skipped,
    End,
}

/// The blocking half of a source: runs on the grabber's thread only.
pub trait Pull {
    fn pull(&mut self) -> Result<Pulled, CaptureError>;
}

/// What the grabber is told about its source.
pub struct Subject {
    /// The source without its credentials.
    pub from: String,
    pub live: bool,
}

/// A source on a thread of its own.
pub struct Grabber {
    subject: Subject,
    options: OpenOptions,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    opened: bool,
    frame: Option<Frame>,
    /// How the thread ended, until the caller has asked.
    ending: Option<Result<(), CaptureError>>,
    /// Counts every sign of life.
    pulse: u64,
    overwritten: u64,
    /// The caller has gone; the thread ends as soon as it can.
    abandoned: bool,
    /// The thread has let go of the source.
    gone: bool,
    /// The caller gave the thread up, and counted it.
    hanging: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Grabber {
    /// Runs `open` on a new thread and waits until it has opened, at most the open time-out.
    pub fn start<P: Pull>(
        subject: Subject,
        options: &OpenOptions,
        open: impl FnOnce() -> Result<P, CaptureError> + Send + 'static,
    ) -> Result<Self, CaptureError> {
        let threads = options.hanging.load(Ordering::Relaxed);
        if threads >= MAX_HANGING {
            return Err(CaptureError::Wedged { from: subject.from, threads });
        }
        let shared = Arc::<Shared>::default();
        let (ours, live, hanging) = (shared.clone(), subject.live, options.hanging.clone());
        let spawned = thread::Builder::new().name("grab".into()).spawn(move || grab(&ours, live, &hanging, open));
        spawned.map_err(|reason| CaptureError::Thread { from: subject.from.clone(), reason })?;
        let grabber = Self { subject, options: options.clone(), shared };
        grabber.wait_open()?;
        Ok(grabber)
    }

    fn wait_open(&self) -> Result<(), CaptureError> {
        let timeout = self.options.open_timeout;
        let mut state = self.wait(timeout, |state| state.opened || state.ending.is_some())?;
        if state.opened {
            return Ok(());
        }
        match state.ending.take() {
            Some(Err(error)) => Err(error),
            _ => Err(CaptureError::OpenTimeout { from: self.subject.from.clone(), seconds: timeout.as_secs_f64() }),
        }
    }

    /// Waits until `ready`, at most `timeout` after the last sign of life; the state then, ready or not.
    fn wait(&self, timeout: Duration, ready: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>, CaptureError> {
        let mut state = self.shared.lock();
        let (mut pulse, mut since) = (state.pulse, Instant::now());
        while !ready(&state) && since.elapsed() < timeout {
            if self.options.stopped() {
                return Err(CaptureError::Stopped { from: self.subject.from.clone() });
            }
            state = self.shared.changed.wait_timeout(state, SLICE).unwrap_or_else(PoisonError::into_inner).0;
            if state.pulse != pulse {
                (pulse, since) = (state.pulse, Instant::now());
            }
        }
        Ok(state)
    }
}

impl FrameSource for Grabber {
    fn next(&mut self) -> Result<Option<Frame>, CaptureError> {
        let timeout = self.options.read_timeout;
        let mut state = self.wait(timeout, |state| state.frame.is_some() || state.ending.is_some())?;
        if let Some(frame) = state.frame.take() {
            self.shared.changed.notify_all();
            return Ok(Some(frame));
        }
        let from = self.subject.from.clone();
        match state.ending.take() {
            Some(Err(error)) => Err(error),
            Some(Ok(())) if self.subject.live => Err(CaptureError::Lost { from }),
            Some(Ok(())) => {
                state.ending = Some(Ok(()));
                Ok(None)
            }
            None if state.gone => Err(CaptureError::Lost { from }),
            None => Err(CaptureError::ReadTimeout { from, seconds: timeout.as_secs_f64() }),
        }
    }

    fn is_live(&self) -> bool {
        self.subject.live
    }

    fn label(&self) -> String {
        self.subject.from.clone()
    }

    fn overwritten(&self) -> u64 {
        self.shared.lock().overwritten
    }
}

impl Drop for Grabber {
    /// Sends the thread home; one that hangs is left behind and counted until it comes back.
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.abandoned = true;
        self.shared.changed.notify_all();
        let until = Instant::now() + FAREWELL;
        while !state.gone {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                state.hanging = true;
                self.options.hanging.fetch_add(1, Ordering::Relaxed);
                return;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The thread: opens, pulls and hands over until the end or until nobody listens.
fn grab<P: Pull>(shared: &Shared, live: bool, hanging: &AtomicUsize, open: impl FnOnce() -> Result<P, CaptureError>) {
    let ending = match open() {
        Ok(mut source) => {
            let mut state = shared.lock();
            state.opened = true;
            state.pulse += 1;
            shared.changed.notify_all();
            drop(state);
            pull_all(shared, live, &mut source)
            // The source is closed here, before `gone` says so.
        }
        Err(error) => Err(error),
    };
    let mut state = shared.lock();
    state.ending = Some(ending);
    state.gone = true;
    if state.hanging {
        hanging.fetch_sub(1, Ordering::Relaxed);
    }
    shared.changed.notify_all();
}

fn pull_all(shared: &Shared, live: bool, source: &mut impl Pull) -> Result<(), CaptureError> {
    loop {
        let pulled = source.pull()?;
        let mut state = shared.lock();
        state.pulse += 1;
        // A file's frames wait for their taker; a camera's do not.
        while !live && state.frame.is_some() && !state.abandoned {
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.abandoned {
            return Ok(());
        }
        match pulled {
            Pulled::Frame(frame) => state.overwritten += u64::from(state.frame.replace(frame).is_some()),
            Pulled::Skipped => {}
            Pulled::End => return Ok(()),
        }
        shared.changed.notify_all();
    }
}
