//! Health reports at an interval, by the same road as plates and at the lowest priority.

use super::cameras::Watched;
use super::infer::Counters;
use crate::capture::CameraState;
use crate::clock::Clock;
use crate::config::HealthConfig;
use crate::domain::{CameraKey, HealthReport};
use crate::health::{CameraSample, Sampler, camera_report, system_report};
use crate::outbox::OutboxHandle;
use crate::supervise::Shutdown;
use crate::uplink::health_row;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::watch;
use tracing::warn;

/// What the reports are about.
pub struct Reporter {
    pub config: watch::Receiver<HealthConfig>,
    pub data_dir: PathBuf,
    pub cameras: Vec<Watched>,
    /// Its cameras are in the order of `cameras`.
    pub counters: Arc<Counters>,
    pub outbox: OutboxHandle,
    pub clock: Arc<dyn Clock>,
}

impl Reporter {
    /// Reports until `stop`: first after a second, so that a new installation shows life at once.
    pub async fn run(mut self, stop: Shutdown) {
        let mut sampler = Sampler::new(&self.data_dir);
        let mut frames_before = vec![0; self.cameras.len()];
        let mut waited = Duration::from_secs(1).min(self.interval());
        loop {
            let begun = self.clock.monotonic();
            tokio::select! {
                () = stop.triggered() => return,
                () = tokio::time::sleep(waited) => {}
                Ok(()) = self.config.changed() => {}
            }
            let elapsed = self.clock.monotonic().saturating_sub(begun).max(Duration::from_millis(1));
            for report in self.reports(&mut sampler, &mut frames_before, elapsed) {
                if let Err(error) = self.outbox.submit(health_row(&report)).await {
                    warn!(%error, "health report lost: it cannot be stored");
                }
            }
            waited = self.interval();
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.config.borrow().interval_s)
    }

    fn reports(&self, sampler: &mut Sampler, frames_before: &mut [u64], waited: Duration) -> Vec<HealthReport> {
        let at = self.clock.stamp();
        let system = sampler.sample();
        let mut reports = Vec::new();
        for (index, (watched, before)) in self.cameras.iter().zip(frames_before).enumerate() {
            let sample = camera_sample(watched, before, waited);
            let mut report = camera_report(&watched.key, at, &sample, watched.read_timeout_s, &system);
            if let Some(counts) = self.counters.cameras.get(index) {
                report.details.insert("frames_gated".into(), json!(counts.gated.load(Ordering::Relaxed)));
                report.details.insert("funnel".into(), json!(counts.funnel()));
            }
            reports.push(report);
        }
        if let Some(first) = self.first_camera() {
            let counts = self.outbox.counts();
            reports.push(system_report(&self.config.borrow(), first, at, &system, counts.pending, counts.quarantined));
        }
        reports
    }

    /// The box has no id of its own on the wire: it reports as its first camera.
    fn first_camera(&self) -> Option<&CameraKey> {
        self.cameras.first().map(|watched| &watched.key)
    }
}

fn camera_sample(watched: &Watched, frames_before: &mut u64, waited: Duration) -> CameraSample {
    let snapshot = watched.stats.snapshot();
    let new = snapshot.frames.saturating_sub(*frames_before);
    *frames_before = snapshot.frames;
    let state = match snapshot.state {
        CameraState::Opening => "opening",
        CameraState::Streaming => "streaming",
        CameraState::Resting => "resting",
        CameraState::Ended => "ended",
        CameraState::Failed => "failed",
    };
    CameraSample {
        fps: new as f64 / waited.as_secs_f64(),
        // A camera that rests has no frame to grow old.
        frame_age_ms: snapshot
            .last_frame_age
            .filter(|_| snapshot.state != CameraState::Resting)
            .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
        frames: snapshot.frames,
        overwritten: snapshot.overwritten,
        reopened: snapshot.reopened,
        state: state.to_owned(),
        fault: snapshot.last_error,
    }
}
