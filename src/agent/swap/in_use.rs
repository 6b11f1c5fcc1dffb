//! The models in the hands of the inference thread. Where new ones fail on probation, the old ones read the frame.

use super::{Change, Ready, Sample, Swap};
use crate::domain::{Frame, FrameReading};
use crate::inference::{InferenceError, Lookout, Pipeline, give_memory_back};
use crate::supervise::Probation;
use std::sync::Arc;
use std::time::Duration;
use tracing::debug;

pub struct InUse {
    pipeline: Pipeline,
    before: Option<Before>,
    swap: Arc<Swap>,
    /// When freed memory was last given back, since boot.
    tidied: Duration,
}

/// Between two times that freed memory is given back.
const TIDY: Duration = Duration::from_secs(60);

/// The models that were in use before, while the new ones are on probation.
struct Before {
    pipeline: Pipeline,
    probation: Probation,
    change: Change,
}

impl InUse {
    pub fn new(pipeline: Pipeline, swap: Arc<Swap>) -> Self {
        Self { pipeline, before: None, swap, tidied: Duration::ZERO }
    }

    /// Between two frames: takes up what is ready, lets go of what is no longer needed, of freed memory each minute.
    pub fn settle(&mut self, now: Duration) {
        if let Some(before) = self.before.take_if(|before| before.probation.is_over(now)) {
            self.swap.passed(&before.change);
        }
        if let Some(Ready { pipeline, change, probation }) = self.swap.take_ready() {
            let pipeline = std::mem::replace(&mut self.pipeline, pipeline);
            self.before = Some(Before { pipeline, probation: Probation::until(now + probation), change });
        }
        if now.saturating_sub(self.tidied) >= TIDY {
            self.tidied = now;
            give_memory_back();
        }
    }

    /// Reads a frame; one of a stream with its lookout.
    pub fn read(&mut self, frame: &Frame, lookout: Option<&mut Lookout>) -> Result<FrameReading, InferenceError> {
        let Some(before) = &mut self.before else { return read(&mut self.pipeline, frame, lookout) };
        let mut again = lookout.as_deref().cloned();
        let error = match read(&mut self.pipeline, frame, lookout) {
            Ok(reading) => {
                before.probation.succeeded();
                return Ok(reading);
            }
            Err(error) => error,
        };
        // What the old ones cannot read either is the frame's fault.
        let reading = read(&mut before.pipeline, frame, again.as_mut())?;
        debug!(%error, "the new models fail, the old ones read the frame");
        if before.probation.failed() {
            self.go_back(&error);
        }
        Ok(reading)
    }

    /// What was read, for models that are on trial, if they want a frame just now.
    pub fn show(&self, sample: impl FnOnce() -> Sample) {
        if let Some(frames) = self.swap.wants_frame() {
            frames.offer(sample());
        }
    }

    fn go_back(&mut self, error: &InferenceError) {
        if let Some(Before { pipeline, change, .. }) = self.before.take() {
            self.pipeline = pipeline;
            self.swap.went_back(&change, &format!("frames could not be read: {error}"));
        }
    }
}

/// A frame of a stream, with its lookout, or a still picture.
pub(super) fn read(
    pipeline: &mut Pipeline,
    frame: &Frame,
    lookout: Option<&mut Lookout>,
) -> Result<FrameReading, InferenceError> {
    match lookout {
        Some(lookout) => pipeline.read_next(frame, lookout),
        None => pipeline.read(frame),
    }
}
