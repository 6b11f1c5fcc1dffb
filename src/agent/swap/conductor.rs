//! Leads a change of models from being asked for to its end, and tells who asked.

use super::ask::{Ask, Said};
use super::shadow::{Shadow, Told};
use super::{Change, Stage, Swap, Trying};
use crate::agent::care::Care;
use crate::agent::infer::Counters;
use crate::clock::Clock;
use crate::inference::{Pipeline, Trial};
use crate::supervise::Progress;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tracing::info;

/// Where few plates pass, a trial lasts up to so many times as long as was asked for.
const PATIENCE: f64 = 10.0;
/// Loading takes a while from an SD card, and TensorRT builds an engine.
const LOADING: Duration = Duration::from_secs(180);
const TENSORRT_LOADING: Duration = Duration::from_secs(900);
/// A look that takes so long hangs; so does an inference thread that does not take models up in this time.
const LOOK: Duration = Duration::from_secs(60);
/// How often it is looked whether something hangs.
const TICK: Duration = Duration::from_millis(250);

/// Seconds that may be asked for.
pub const TRIAL_S: std::ops::RangeInclusive<f64> = 1.0..=3600.0;
pub const PROBATION_S: std::ops::RangeInclusive<f64> = 1.0..=86_400.0;

/// What it works with.
#[derive(Clone)]
pub struct Conductor {
    pub swap: Arc<Swap>,
    pub care: Arc<Care>,
    pub counters: Arc<Counters>,
    pub clock: Arc<dyn Clock>,
}

/// Tells who asked, who may be gone.
pub(super) type Speaker = UnboundedSender<Said>;

impl Conductor {
    /// Does what is asked. Dropped before the new models have taken over, it leaves the old ones in use.
    pub(super) async fn use_model(&self, ask: Ask, speaker: Speaker) {
        let said = self.change(&ask, &speaker).await;
        let _ = speaker.send(said.map_or_else(Said::Kept, Said::Taken));
    }

    async fn change(&self, ask: &Ask, speaker: &Speaker) -> Result<String, String> {
        if !TRIAL_S.contains(&ask.trial_s) || !PROBATION_S.contains(&ask.probation_s) {
            return Err("a trial lasts 1 to 3600 s, a probation 1 to 86400 s".into());
        }
        let in_use = self.swap.in_use();
        let change = Change::of(&in_use, &ask.model, ask.place).map_err(|error| error.to_string())?;
        if change.old == change.new {
            let stage = self.swap.stage.borrow().clone();
            if let Stage::Probation(under_way) = stage {
                note(speaker, format!("{under_way}: on probation"));
                return self.outcome(&under_way).await;
            }
            self.swap.confirm();
            return Ok(format!("{} is in use", change.new));
        }
        if let Err(reason) = self.try_out(&change, ask, speaker).await {
            info!(model = change.new, "the models in use stay: {reason}");
            return Err(reason);
        }
        note(speaker, format!("{change}: taken over; on probation for {} s", ask.probation_s));
        self.outcome(&change).await
    }

    /// From the trial to the frame from which on the new models are in use.
    async fn try_out(&self, change: &Change, ask: &Ask, speaker: &Speaker) -> Result<(), String> {
        let trying = self.swap.begin(change)?;
        info!(model = change.new, "models on trial: {change}");
        note(speaker, format!("{change}: being loaded beside the models in use"));
        let models = change.made_to(self.swap.proven());
        let (mut shadow, frames) = Shadow::start(&self.swap, models, self.care.clone())
            .map_err(|error| format!("no thread can be started: {error}"))?;
        while !matches!(self.next(&mut shadow, self.loading()).await?, Some(Told::Loaded)) {}
        note(speaker, format!("tried on live frames for {} s, or until enough plates have passed", ask.trial_s));
        trying.show_frames(frames);
        let (trial, looks_per_s) = self.watch(&mut shadow, ask).await?;
        trying.hide_frames();
        let pipeline = self.end(&mut shadow).await?;
        if let Some(objection) = trial.objection(looks_per_s) {
            return Err(format!("{objection} ({trial})"));
        }
        info!(model = change.new, "the trial went well: {trial}");
        note(speaker, format!("the trial went well: {trial}"));
        self.hand_over(&trying, pipeline, Duration::from_secs_f64(ask.probation_s)).await
    }

    fn loading(&self) -> Duration {
        let tensorrt = self.swap.proven().providers.iter().any(|name| name == "tensorrt");
        if tensorrt { TENSORRT_LOADING } else { LOADING }
    }

    /// What both made of the frames, and how many frames the set in use looked at in a second.
    async fn watch(&self, shadow: &mut Shadow, ask: &Ask) -> Result<(Trial, f64), String> {
        let (begun, looked_at) = (self.clock.monotonic(), self.counters.frames.load(Ordering::Relaxed));
        let mut trial = Trial::default();
        loop {
            if let Some(Told::Looked(looked)) = self.next(shadow, LOOK).await? {
                trial.add(&looked);
            }
            let seconds = self.clock.monotonic().saturating_sub(begun).as_secs_f64();
            let enough = if trial.is_telling() { ask.trial_s } else { PATIENCE * ask.trial_s };
            if seconds >= enough {
                let looks = self.counters.frames.load(Ordering::Relaxed).saturating_sub(looked_at);
                return Ok((trial, looks as f64 / seconds.max(0.001)));
            }
        }
    }

    /// The pipeline, once its thread lets go of it.
    async fn end(&self, shadow: &mut Shadow) -> Result<Pipeline, String> {
        loop {
            if let Some(Told::Ended(pipeline)) = self.next(shadow, LOOK).await? {
                return Ok(*pipeline);
            }
        }
    }

    /// What the thread tells next, if it tells anything within a tick. A thread that works on one thing for longer than
    /// `patience` hangs.
    async fn next(&self, shadow: &mut Shadow, patience: Duration) -> Result<Option<Told>, String> {
        let mut progress = Progress::within(patience);
        loop {
            match tokio::time::timeout(TICK, shadow.told.recv()).await {
                Ok(Some(Told::Failed(reason))) => return Err(reason),
                Ok(Some(told)) => return Ok(Some(told)),
                Ok(None) => return Err("its thread ended by a panic".into()),
                Err(_) if shadow.pulse.read().idle => return Ok(None),
                Err(_) => {}
            }
            if progress.look(shadow.pulse.read(), self.clock.monotonic()).is_some() {
                return Err(format!("it hangs: nothing came of it in {} s", patience.as_secs()));
            }
        }
    }

    async fn hand_over(&self, trying: &Trying, pipeline: Pipeline, probation: Duration) -> Result<(), String> {
        let mut stage = self.swap.stage.subscribe();
        trying.hand_over(pipeline, probation);
        let taken = stage.wait_for(|stage| matches!(stage, Stage::Probation(now) if *now == trying.change));
        match tokio::time::timeout(LOOK, taken).await {
            Ok(_) => Ok(()),
            Err(_) => Err("the inference thread takes nothing up: it hangs".into()),
        }
    }

    /// How the probation ends.
    async fn outcome(&self, change: &Change) -> Result<String, String> {
        let mut stage = self.swap.stage.subscribe();
        let ended = stage.wait_for(|stage| !matches!(stage, Stage::Probation(_))).await;
        match ended.as_deref() {
            Ok(Stage::WentBack(went_back, reason)) if went_back == change => {
                Err(format!("it failed on probation, {} is in use again: {reason}", change.old))
            }
            _ => Ok(format!("{change}: has proven itself")),
        }
    }
}

fn note(speaker: &Speaker, text: String) {
    let _ = speaker.send(Said::Note(text));
}
