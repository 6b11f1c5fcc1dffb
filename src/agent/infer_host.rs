//! Runs the inference thread, and puts another in its place when it hangs. A thread cannot be killed: the old one is left
//! behind with its models, and ends, if it ever comes back, without a word.

use super::cameras::Camera;
use super::care::Care;
use super::infer::{Counters, InferLoop, Outlets};
use super::swap::Swap;
use super::{Exit, Failure};
use crate::capture::Slots;
use crate::clock::Clock;
use crate::config::AgentConfig;
use crate::domain::Frame;
use crate::inference::Pipeline;
use crate::supervise::{self, Pulse};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What every inference thread works with.
pub struct InferHost {
    pub swap: Arc<Swap>,
    pub frozen_s: f64,
    pub cameras: Vec<Camera>,
    pub slots: Slots<Frame>,
    pub counters: Arc<Counters>,
    pub care: Arc<Care>,
    pub clock: Arc<dyn Clock>,
    pub pulse: Pulse,
    running: Mutex<Running>,
}

struct Running {
    /// Gone once the agent stops: the media thread ends with the last of its senders.
    outlets: Option<Outlets>,
    thread: Option<JoinHandle<()>>,
    /// Tells the present thread that another has taken its place.
    replaced: Arc<AtomicBool>,
}

impl InferHost {
    pub fn new(
        config: &AgentConfig,
        cameras: Vec<Camera>,
        slots: Slots<Frame>,
        care: Arc<Care>,
        outlets: Outlets,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let counters = Arc::new(Counters::new(cameras.len()));
        let running = Mutex::new(Running { outlets: Some(outlets), thread: None, replaced: Arc::default() });
        let (swap, frozen_s, pulse) = (Swap::new(config.models.clone()), config.health.frozen_s, Pulse::default());
        Self { swap, frozen_s, cameras, slots, counters, care, clock, pulse, running }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread with these models; one that runs already is left behind.
    pub fn start(&self, pipeline: Pipeline) -> Result<(), Failure> {
        let mut running = self.running();
        let Some(outlets) = running.outlets.clone() else { return Ok(()) };
        let replaced = Arc::<AtomicBool>::default();
        let work = InferLoop::new(self, pipeline, outlets, replaced.clone());
        let thread = supervise::spawn("infer", move || work.run())
            .map_err(|error| Failure::new(Exit::Internal, format!("cannot start: {error}")))?;
        std::mem::replace(&mut running.replaced, replaced).store(true, Ordering::SeqCst);
        running.thread = Some(thread);
        Ok(())
    }

    /// Loads the proven models anew and starts another thread with them. Takes seconds.
    pub fn rebuild(&self) -> Result<(), Failure> {
        let pipeline = Pipeline::load(&self.swap.proven()).map_err(|error| Failure::new(Exit::Models, error))?;
        self.start(pipeline)?;
        self.swap.rebuilt();
        Ok(())
    }

    /// Waits for the thread's end; nothing is started any more.
    pub fn join(&self) -> std::thread::Result<()> {
        let mut running = self.running();
        running.outlets = None;
        let thread = running.thread.take();
        drop(running);
        thread.map_or(Ok(()), JoinHandle::join)
    }
}
