//! Other models while the agent runs (docs/models.md): they are loaded and tried on a thread of their own beside those in use,
//! take over between two frames, and are on probation for a while, during which the old ones stay loaded.

pub mod ask;
mod conductor;
mod control;
mod in_use;
mod place;
mod shadow;

pub use conductor::{Conductor, PROBATION_S, TRIAL_S};
pub use control::listen;
pub use in_use::InUse;
pub use place::Place;
pub use shadow::{Frames, Sample};

use crate::config::ModelsConfig;
use crate::domain::HealthStatus;
use crate::inference::{InferenceError, Pipeline};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tracing::{info, warn};

/// What a stopping agent waits for the thread of a trial.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// One model in the place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub place: Place,
    pub old: String,
    pub new: String,
}

impl Change {
    /// `new` in the place that is given, or else in the one that its manifest says.
    pub fn of(models: &ModelsConfig, new: &str, place: Option<Place>) -> Result<Self, InferenceError> {
        let place = place.map_or_else(|| Place::of(models, new), Ok)?;
        let mut models = models.clone();
        Ok(Self { place, old: std::mem::take(place.name_in(&mut models)), new: new.to_owned() })
    }

    /// What to type for one of its two models.
    fn command(&self, model: &str) -> String {
        format!("lpr-agent models use {model} --as {}", self.place.key())
    }

    /// `models` with the change made.
    pub fn made_to(&self, mut models: ModelsConfig) -> ModelsConfig {
        self.place.name_in(&mut models).clone_from(&self.new);
        models
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in place of {} as models.{}", self.new, self.old, self.place.key())
    }
}

/// How far a change has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stage {
    /// The models in use have proven themselves.
    #[default]
    Settled,
    Trial(Change),
    Probation(Change),
    /// Why the old model is in use again.
    WentBack(Change, String),
}

/// What is shared by the inference thread, who takes new models up, the conductor, who tries them, and the caretaker, who
/// rebuilds with the proven ones.
pub struct Swap {
    known: Mutex<Known>,
    stage: watch::Sender<Stage>,
    /// Threads of trials that have not ended yet.
    threads: Arc<AtomicUsize>,
}

struct Known {
    proven: ModelsConfig,
    /// Where the frames of a trial go.
    frames: Option<Frames>,
    ready: Option<Ready>,
}

/// New models that may take over.
struct Ready {
    pipeline: Pipeline,
    change: Change,
    probation: Duration,
}

impl Swap {
    pub fn new(models: ModelsConfig) -> Arc<Self> {
        let known = Mutex::new(Known { proven: models, frames: None, ready: None });
        Arc::new(Self { known, stage: watch::Sender::default(), threads: Arc::default() })
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a rebuilt inference thread works with.
    pub fn proven(&self) -> ModelsConfig {
        self.known().proven.clone()
    }

    /// What the inference thread works with just now.
    pub fn in_use(&self) -> ModelsConfig {
        let proven = self.proven();
        match &*self.stage.borrow() {
            Stage::Probation(change) => change.made_to(proven),
            _ => proven,
        }
    }

    /// For the health report: what is said of the models beyond that they read.
    pub fn note(&self) -> Option<(HealthStatus, String)> {
        match &*self.stage.borrow() {
            Stage::Settled => None,
            Stage::Trial(change) => Some((HealthStatus::Healthy, format!("Reading; on trial: {change}"))),
            Stage::Probation(change) => Some((HealthStatus::Healthy, format!("Reading; on probation: {change}"))),
            Stage::WentBack(change, reason) => {
                let Change { old, new, .. } = change;
                let said = format!("went back from {new} to {old}: {reason}; {} confirms it", change.command(old));
                Some((HealthStatus::Warning, said))
            }
        }
    }

    /// Where a frame goes that is to be tried, if one is wanted just now.
    pub fn wants_frame(&self) -> Option<Frames> {
        self.known().frames.as_ref().filter(|frames| frames.wants_one()).cloned()
    }

    /// Begins a trial; it ends with what is given. One at a time.
    fn begin(self: &Arc<Self>, change: &Change) -> Result<Trying, String> {
        let mut busy = None;
        self.stage.send_if_modified(|stage| {
            busy = match stage {
                Stage::Trial(other) => Some(format!("another trial is under way: {other}")),
                Stage::Probation(other) => Some(format!("another change is on probation: {other}")),
                _ if self.threads.load(Ordering::SeqCst) > 0 => {
                    Some("the thread of an earlier trial has not ended yet; restart the agent if it does not".into())
                }
                Stage::Settled | Stage::WentBack(..) => {
                    *stage = Stage::Trial(change.clone());
                    None
                }
            };
            busy.is_none()
        });
        busy.map_or_else(|| Ok(Trying { swap: self.clone(), change: change.clone() }), Err)
    }

    /// The same models as are in use are wanted: whatever was said of an earlier change holds no more.
    fn confirm(&self) {
        self.stage.send_if_modified(|stage| {
            let went_back = matches!(stage, Stage::WentBack(..));
            if went_back {
                *stage = Stage::Settled;
            }
            went_back
        });
    }

    fn take_ready(&self) -> Option<Ready> {
        let mut known = self.known();
        let ready = known.ready.take()?;
        info!(model = ready.change.new, "models taken over between two frames: {}", ready.change);
        self.stage.send_replace(Stage::Probation(ready.change.clone()));
        Some(ready)
    }

    /// The new models have done well for long enough.
    fn passed(&self, change: &Change) {
        self.leave_probation(change, |known| {
            known.proven = change.made_to(known.proven.clone());
            info!(model = change.new, "models have proven themselves: {change}");
            Stage::Settled
        });
    }

    /// The old models are in use again.
    fn went_back(&self, change: &Change, reason: &str) {
        self.leave_probation(change, |_| {
            let Change { old, new, .. } = change;
            warn!(model = old, "went back from {new} to {old}: {reason}");
            Stage::WentBack(change.clone(), reason.to_owned())
        });
    }

    /// The inference thread is started anew, with the proven models.
    pub fn rebuilt(&self) {
        let stage = self.stage.borrow().clone();
        if let Stage::Probation(change) = stage {
            self.went_back(&change, "the inference thread hung");
        }
    }

    /// A thread that was left behind may come too late.
    fn leave_probation(&self, change: &Change, next: impl FnOnce(&mut Known) -> Stage) {
        let mut known = self.known();
        self.stage.send_if_modified(|stage| {
            let on_probation = matches!(stage, Stage::Probation(now) if now == change);
            if on_probation {
                *stage = next(&mut known);
            }
            on_probation
        });
    }

    /// Ends a trial, and waits a little for its thread: the runtime's library must not be unloaded under it.
    pub fn stop(&self) {
        self.known().frames = None;
        let until = Instant::now() + LAST_LOOK;
        while self.threads.load(Ordering::SeqCst) > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A trial under way. Whichever way it ends, nothing of it is left behind.
struct Trying {
    swap: Arc<Swap>,
    change: Change,
}

impl Trying {
    fn show_frames(&self, frames: Frames) {
        self.swap.known().frames = Some(frames);
    }

    fn hide_frames(&self) {
        self.swap.known().frames = None;
    }

    fn hand_over(&self, pipeline: Pipeline, probation: Duration) {
        self.swap.known().ready = Some(Ready { pipeline, change: self.change.clone(), probation });
    }
}

impl Drop for Trying {
    fn drop(&mut self) {
        let mut known = self.swap.known();
        known.frames = None;
        let unused = known.ready.take();
        self.swap.stage.send_if_modified(|stage| {
            let trying = matches!(stage, Stage::Trial(_));
            if trying {
                *stage = Stage::Settled;
            }
            trying
        });
        drop(known);
        drop(unused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Change {
        Change::of(&ModelsConfig::default(), "other", Some(Place::Ocr)).unwrap()
    }

    fn on_probation() -> Arc<Swap> {
        let swap = Swap::new(ModelsConfig::default());
        swap.stage.send_replace(Stage::Probation(change()));
        swap
    }

    #[test]
    fn what_is_rebuilt_has_the_old_models_until_the_new_ones_have_proven_themselves() {
        let swap = on_probation();
        assert_eq!((swap.proven().ocr.as_str(), swap.in_use().ocr.as_str()), ("plate-ocr", "other"));
        swap.passed(&change());
        assert_eq!((swap.proven().ocr.as_str(), swap.in_use().ocr.as_str()), ("other", "other"));
        assert_eq!(swap.note(), None);
        swap.rebuilt();
        swap.went_back(&change(), "a thread that was left behind comes too late");
        assert_eq!(swap.in_use().ocr, "other");
    }

    #[test]
    fn going_back_is_a_warning_until_someone_confirms_it() {
        let swap = on_probation();
        swap.rebuilt();
        assert_eq!(swap.in_use().ocr, "plate-ocr");
        let (status, said) = swap.note().unwrap();
        assert!(status == HealthStatus::Warning && said.contains("lpr-agent models use plate-ocr --as ocr"), "{said}");
        swap.confirm();
        assert_eq!(swap.note(), None);
    }

    #[test]
    fn one_trial_at_a_time_and_one_that_is_called_off_leaves_nothing_behind() {
        let swap = Swap::new(ModelsConfig::default());
        let trying = swap.begin(&change()).unwrap();
        assert!(swap.begin(&change()).is_err_and(|reason| reason.contains("under way")));
        assert_eq!(swap.in_use(), swap.proven());
        drop(trying);
        assert_eq!(*swap.stage.borrow(), Stage::Settled);
        assert!(on_probation().begin(&change()).is_err_and(|reason| reason.contains("probation")));
    }
}
