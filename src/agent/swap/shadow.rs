//! The thread on which new models are loaded and tried: it looks at a share of the frames that the set in use has looked at,
//! and nobody waits for it.

use super::Swap;
use super::in_use::read;
use crate::agent::care::Care;
use crate::agent::doctor;
use crate::config::ModelsConfig;
use crate::domain::{Frame, FrameReading, PlateRead};
use crate::health::rest_ms;
use crate::inference::{Looked, Lookout, Pipeline};
use crate::supervise::{self, Pulse};
use crate::track::TrackSettings;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Share of the time that it may look, percent: the set in use has the rest.
const SHARE: u8 = 25;

/// Until a frame comes, or the trial is over.
const FOR_EVER: Duration = Duration::from_secs(3600);

/// A frame that the set in use has read.
pub struct Sample {
    pub frame: Frame,
    /// As it was before that; `None` for a still picture.
    pub lookout: Option<Lookout>,
    pub settings: TrackSettings,
    pub plates: Vec<PlateRead>,
    pub took_ms: f64,
}

impl Sample {
    pub fn of(
        frame: &Frame,
        lookout: Option<Lookout>,
        settings: &TrackSettings,
        reading: &FrameReading,
        took_ms: f64,
    ) -> Self {
        Self { frame: frame.clone(), lookout, settings: settings.clone(), plates: reading.plates.clone(), took_ms }
    }
}

/// Where frames go that are to be tried.
#[derive(Clone)]
pub struct Frames {
    sender: SyncSender<Sample>,
    wanted: Arc<AtomicBool>,
}

impl Frames {
    /// Is a frame wanted? It is asked for once.
    pub(super) fn wants_one(&self) -> bool {
        self.wanted.swap(false, Ordering::SeqCst)
    }

    /// Never waits.
    pub fn offer(&self, sample: Sample) {
        // Refused only once the trial is over.
        let _ = self.sender.try_send(sample);
    }
}

/// What the thread tells.
pub(super) enum Told {
    /// It is loaded, and has looked at a drawn picture.
    Loaded,
    Looked(Looked),
    Failed(String),
    /// All frames are looked at.
    Ended(Box<Pipeline>),
}

/// A trial's thread, seen from outside.
pub(super) struct Shadow {
    pub told: UnboundedReceiver<Told>,
    /// Beats with each look.
    pub pulse: Pulse,
}

impl Shadow {
    pub fn start(swap: &Swap, models: ModelsConfig, care: Arc<Care>) -> std::io::Result<(Self, Frames)> {
        let (sender, samples) = sync_channel(1);
        let (tell, told) = unbounded_channel();
        let (frames, pulse) = (Frames { sender, wanted: Arc::new(AtomicBool::new(true)) }, Pulse::default());
        let alive = Alive::count(swap.threads.clone());
        let work = Work { samples, wanted: frames.wanted.clone(), tell, pulse: pulse.clone(), care };
        supervise::spawn("trial", move || {
            work.run(&models);
            drop(alive);
        })?;
        Ok((Self { told, pulse }, frames))
    }
}

/// Counts a thread for as long as it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn count(threads: Arc<AtomicUsize>) -> Self {
        threads.fetch_add(1, Ordering::SeqCst);
        Self(threads)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Work {
    samples: Receiver<Sample>,
    wanted: Arc<AtomicBool>,
    tell: UnboundedSender<Told>,
    pulse: Pulse,
    care: Arc<Care>,
}

impl Work {
    fn run(self, models: &ModelsConfig) {
        let failed = |reason: String| drop(self.tell.send(Told::Failed(reason)));
        self.pulse.beat();
        // The first look takes longer than all others: it is no part of the trial.
        let mut pipeline = match doctor::load_models(models) {
            Ok((pipeline, loaded)) => match loaded.golden {
                Ok(_) => pipeline,
                Err(reason) => return failed(format!("a drawn picture cannot be read: {reason}")),
            },
            Err(error) => return failed(error.to_string()),
        };
        self.pulse.rest();
        let _ = self.tell.send(Told::Loaded);
        self.look_at_frames(&mut pipeline);
        // Nobody may be there any more to take it.
        let _ = self.tell.send(Told::Ended(Box::new(pipeline)));
    }

    /// Until nobody has a frame to give any more.
    fn look_at_frames(&self, pipeline: &mut Pipeline) {
        let mut rest = FOR_EVER;
        loop {
            let sample = match self.samples.recv_timeout(rest) {
                Ok(sample) => sample,
                Err(RecvTimeoutError::Timeout) => {
                    self.wanted.store(true, Ordering::SeqCst);
                    rest = FOR_EVER;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.pulse.beat();
            let begun = Instant::now();
            let looked = look(pipeline, sample);
            let new_ms = begun.elapsed().as_secs_f64() * 1000.0;
            self.pulse.rest();
            // Who is told may be gone: then the frames end too.
            let _ = self.tell.send(match looked {
                Ok(looked) => Told::Looked(Looked { new_ms, ..looked }),
                Err(reason) => Told::Failed(reason),
            });
            rest = Duration::from_millis(rest_ms(new_ms, SHARE.min(self.care.duty_percent())));
        }
    }
}

fn look(pipeline: &mut Pipeline, sample: Sample) -> Result<Looked, String> {
    let Sample { frame, mut lookout, settings, plates, took_ms } = sample;
    let reading = read(pipeline, &frame, lookout.as_mut()).map_err(|error| error.to_string())?;
    let texts = |plates: Vec<PlateRead>| {
        let counts = plates.into_iter().filter(|plate| settings.judge(plate, frame.width(), frame.height()).is_ok());
        counts.map(|plate| plate.text).collect()
    };
    Ok(Looked { old: texts(plates), new: texts(reading.plates), old_ms: took_ms, new_ms: 0.0 })
}
