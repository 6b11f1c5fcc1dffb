//! The agent at one moment, for STATUS=, the metrics and whoever else asks.

use super::cameras::Watched;
use super::care::Care;
use super::infer::Counters;
use super::metrics::{CameraFigures, Snapshot};
use crate::clock::Clock;
use crate::domain::HealthReport;
use crate::health::written_bytes;
use crate::outbox::OutboxHandle;
use crate::telemetry::process;
use crate::uplink::LinkStatus;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;

/// Everything that is looked at; cheap to clone.
#[derive(Clone)]
pub struct Vitals {
    pub cameras: Arc<[Watched]>,
    /// Its cameras are in the order of `cameras`.
    pub counters: Arc<Counters>,
    pub outbox: OutboxHandle,
    pub link: watch::Receiver<LinkStatus>,
    pub care: Arc<Care>,
    pub clock: Arc<dyn Clock>,
    /// When the agent began, on the monotonic clock.
    pub started: Duration,
}

impl Vitals {
    /// All of it now. `reports`: the newest of each component.
    pub fn snapshot(&self, reports: &[HealthReport]) -> Snapshot {
        let link = self.link.borrow().clone();
        let counters = &self.counters;
        let health = |report: &HealthReport| (report.component.clone(), report.camera.to_string(), report.status);
        Snapshot {
            cameras: self.cameras.iter().enumerate().map(|(index, watched)| self.camera(index, watched)).collect(),
            frames: counters.frames.load(Relaxed),
            failed_frames: counters.failed_frames.load(Relaxed),
            events: counters.events.load(Relaxed),
            dropped_events: counters.dropped_events.load(Relaxed),
            outbox: self.outbox.counts(),
            link: link.link,
            in_flight: link.in_flight,
            trouble: link.trouble,
            celsius: self.care.celsius(),
            duty_percent: self.care.duty_percent(),
            rebuilds: self.care.rebuilds(),
            hanging: self.care.hanging(),
            health: reports.iter().map(health).collect(),
            written_bytes: written_bytes(),
            resident_bytes: process::resident_bytes(),
            watchers: 0,
            pictures: 0,
            open_files: process::open_files(),
            uptime_s: self.clock.monotonic().saturating_sub(self.started).as_secs_f64(),
        }
    }

    fn camera(&self, index: usize, watched: &Watched) -> CameraFigures {
        let stats = watched.stats.snapshot();
        let counts = self.counters.cameras.get(index);
        CameraFigures {
            camera: watched.key.camera.to_string(),
            checkpoint: watched.key.checkpoint.to_string(),
            up: watched.is_up(&stats),
            frames: stats.frames,
            overwritten: stats.overwritten,
            reopened: stats.reopened,
            hanging: stats.hanging,
            gated: counts.map_or(0, |counts| counts.gated.load(Relaxed)),
            left_for_heat: counts.map_or(0, |counts| counts.left_for_heat.load(Relaxed)),
            age_s: stats.last_frame_age.map(|age| age.as_secs_f64()),
            picture: counts.map(|counts| counts.picture()).unwrap_or_default(),
            funnel: counts.map(|counts| counts.funnel()).unwrap_or_default(),
        }
    }
}
