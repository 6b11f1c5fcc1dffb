//! Health reports: all parts are looked at every few seconds, and what is due goes the same road as plates, at the lowest
//! priority (docs/health.md).

use super::cameras::Watched;
use super::eye;
use super::page::snapshot::newest;
use super::snapshot::Vitals;
use super::swap::Swap;
use crate::capture::CameraState;
use crate::config::{AgentConfig, HealthConfig};
use crate::domain::{CameraKey, HealthReport, HealthStatus};
use crate::health::{
    CameraSample, ClockSample, DetectorSample, Due, LinkSample, OutboxSample, PartsSample, Post, Sampler,
    camera_report, component_reports, system_report, wear, written_bytes,
};
use crate::supervise::Shutdown;
use crate::uplink::{Link, health_row};
use crate::vision::Picture;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{error, info, warn};

/// Between two looks at the most.
const LOOK: Duration = Duration::from_secs(5);

/// What the reports are about.
pub struct Reporter {
    pub config: watch::Receiver<HealthConfig>,
    /// Of the outbox, at the most.
    pub max_bytes: u64,
    pub data_dir: PathBuf,
    pub vitals: Vitals,
    pub swap: Arc<Swap>,
    /// Always the newest report of every component.
    pub latest: watch::Sender<Arc<Vec<HealthReport>>>,
}

/// What was counted at the last look.
#[derive(Default)]
struct Before {
    camera_frames: Vec<u64>,
    frames: u64,
    failed_frames: u64,
    dropped_events: u64,
    outbox_failed: u64,
    /// Since when no road has been open.
    down_since: Option<Duration>,
    cpu_usage: Option<f64>,
}

/// The processor's usage is a mean over about this time: a vehicle that passes is no trouble.
const CPU_MEMORY_S: f64 = 30.0;

impl Before {
    fn smooth_cpu(&mut self, usage: f64, waited: Duration) -> f64 {
        let share = (waited.as_secs_f64() / CPU_MEMORY_S).min(1.0);
        let smooth = self.cpu_usage.map_or(usage, |before| before + share * (usage - before));
        self.cpu_usage = Some(smooth);
        (smooth * 10.0).round() / 10.0
    }
}

impl Reporter {
    pub fn new(
        config: &AgentConfig,
        health: watch::Receiver<HealthConfig>,
        vitals: Vitals,
        swap: Arc<Swap>,
        latest: watch::Sender<Arc<Vec<HealthReport>>>,
    ) -> Self {
        let (max_bytes, data_dir) = (config.outbox.max_bytes, config.data_dir.clone());
        Self { config: health, max_bytes, data_dir, vitals, swap, latest }
    }

    /// Reports until `stop`: first after a second, so that a new installation shows life at once.
    pub async fn run(mut self, stop: Shutdown) {
        let mut sampler = Sampler::new(&self.data_dir);
        let mut before = Before { camera_frames: vec![0; self.vitals.cameras.len()], ..Before::default() };
        let mut post = Post::new(self.interval());
        let mut waited = Duration::from_secs(1).min(self.interval());
        loop {
            let begun = self.vitals.clock.monotonic();
            tokio::select! {
                () = stop.triggered() => return,
                () = tokio::time::sleep(waited) => {}
                Ok(()) = self.config.changed() => {}
            }
            let elapsed = self.vitals.clock.monotonic().saturating_sub(begun).max(Duration::from_millis(1));
            let reports = self.reports(&mut sampler, &mut before, elapsed);
            post.set_interval(self.interval());
            self.send(&mut post, &reports, before.down_since.is_none()).await;
            self.latest.send_modify(|known| *known = Arc::new(newest(known, reports)));
            waited = LOOK.min(self.interval());
        }
    }

    async fn send(&self, post: &mut Post, reports: &[HealthReport], link_up: bool) {
        let now = self.vitals.clock.monotonic();
        for report in reports {
            let Some(due) = post.due(report, now, link_up) else { continue };
            say(report, due);
            if let Err(error) = self.vitals.outbox.submit(health_row(report)).await {
                warn!(%error, "health report lost: it cannot be stored");
            }
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.config.borrow().interval_s)
    }

    fn reports(&self, sampler: &mut Sampler, before: &mut Before, waited: Duration) -> Vec<HealthReport> {
        let at = self.vitals.clock.stamp();
        let mut system = sampler.sample();
        system.cpu_usage = system.cpu_usage.map(|usage| before.smooth_cpu(usage, waited));
        let mut reports = Vec::new();
        for (index, (watched, frames)) in self.vitals.cameras.iter().zip(&mut before.camera_frames).enumerate() {
            let counts = self.vitals.counters.cameras.get(index);
            let mut sample = camera_sample(watched, frames, waited);
            if let Some(picture) = counts.map(|counts| counts.picture()).filter(|picture| *picture != Picture::Unknown)
            {
                sample.picture = picture.as_str().into();
                sample.remedy = eye::remedy(picture);
                sample.sees_nothing = picture >= Picture::Covered;
            }
            let mut report = camera_report(&watched.key, at, &sample, watched.read_timeout_s, &system);
            if let Some(counts) = counts {
                report.details.insert("frames_gated".into(), json!(counts.gated.load(Relaxed)));
                report.details.insert("funnel".into(), json!(counts.funnel()));
            }
            reports.push(report);
        }
        if let Some(first) = self.first_camera() {
            let (counts, config) = (self.vitals.outbox.counts(), self.config.borrow().clone());
            reports.push(system_report(&config, first, at, &system, counts.pending, counts.quarantined));
            let parts = self.parts(before, waited, &config);
            reports.extend(component_reports(&config, first, at, &system, &parts));
        }
        reports
    }

    fn parts(&self, before: &mut Before, waited: Duration, config: &HealthConfig) -> PartsSample {
        let now = self.vitals.clock.monotonic();
        let running = now.saturating_sub(self.vitals.started);
        let counters = &self.vitals.counters;
        let (frames, failed_frames) = (counters.frames.load(Relaxed), counters.failed_frames.load(Relaxed));
        let dropped = counters.dropped_events.load(Relaxed);
        let detector = DetectorSample {
            fps: (frames - before.frames) as f64 / waited.as_secs_f64(),
            frames,
            failed_frames,
            newly_failed: failed_frames - before.failed_frames,
            newly_dropped: dropped - before.dropped_events,
            duty_percent: self.vitals.care.duty_percent(),
            left_for_heat: counters.cameras.iter().map(|camera| camera.left_for_heat.load(Relaxed)).sum(),
            hanging: self.vitals.care.hanging(),
            models: self.swap.note(),
        };
        (before.frames, before.failed_frames, before.dropped_events) = (frames, failed_frames, dropped);
        let counts = self.vitals.outbox.counts();
        let outbox = OutboxSample {
            pending: counts.pending,
            pending_plates: counts.pending_plates,
            quarantined: counts.quarantined,
            bytes: counts.bytes,
            max_bytes: self.max_bytes,
            newly_failed: counts.failed.saturating_sub(before.outbox_failed),
        };
        before.outbox_failed = counts.failed;
        let written = written_bytes();
        PartsSample {
            detector,
            outbox,
            link: self.link_sample(before, now),
            wear: written.and_then(|written| wear(written, running, config.disk_life_tb)),
            clock: ClockSample { synced: self.vitals.clock.synced(), running_s: running.as_secs() },
        }
    }

    fn link_sample(&self, before: &mut Before, now: Duration) -> LinkSample {
        let status = self.vitals.link.borrow().clone();
        let down = matches!(status.link, Link::Down | Link::AuthPaused);
        before.down_since = down.then(|| before.down_since.unwrap_or(now));
        LinkSample {
            state: status.link.as_str().into(),
            down_s: before.down_since.map(|since| now.saturating_sub(since).as_secs_f64()),
            refused: status.link == Link::AuthPaused,
            trouble: status.trouble,
        }
    }

    /// The box has no id of its own on the wire: it reports as its first camera.
    fn first_camera(&self) -> Option<&CameraKey> {
        self.vitals.cameras.first().map(|watched| &watched.key)
    }
}

/// One line when a part's status changes. What capture and inference say of their own is not said twice, nor is the system's
/// sum of its parts; a busy processor needs nobody's hands.
fn say(report: &HealthReport, due: Due) {
    let HealthReport { component, message, status, .. } = report;
    if matches!(component.as_str(), "camera" | "system" | "detector") {
        return;
    }
    match (due, status) {
        (Due::Again, _) | (Due::Changed(None), HealthStatus::Healthy) => {}
        (Due::Changed(_), _) if component == "cpu" => info!(component, "{component}: {message}"),
        (Due::Changed(_), HealthStatus::Error) => error!(component, "{component}: {message}"),
        (Due::Changed(_), HealthStatus::Warning) => warn!(component, "{component}: {message}"),
        (Due::Changed(_), HealthStatus::Healthy) => info!(component, "{component} is well again: {message}"),
    }
}

fn camera_sample(watched: &Watched, frames_before: &mut u64, waited: Duration) -> CameraSample {
    let snapshot = watched.stats.snapshot();
    let new = snapshot.frames.saturating_sub(*frames_before);
    *frames_before = snapshot.frames;
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
        state: snapshot.state.as_str().to_owned(),
        fault: snapshot.last_error,
        ..CameraSample::default()
    }
}
