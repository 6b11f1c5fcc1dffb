//! One report for each part of the box, in the words of PROTOCOL 1.5. Pure.

use super::judge::{level, put, report};
use super::{SystemSample, Wear};
use crate::config::HealthConfig;
use crate::domain::{CameraKey, CaptureTime, HealthReport, HealthStatus};
use serde_json::{Map, Value, json};

/// What is known of the box beside [`SystemSample`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartsSample {
    pub detector: DetectorSample,
    pub outbox: OutboxSample,
    pub link: LinkSample,
    pub wear: Option<Wear>,
    pub clock: ClockSample,
}

/// The models at work.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DetectorSample {
    /// Frames looked at per second since the last look.
    pub fps: f64,
    pub frames: u64,
    pub failed_frames: u64,
    /// Frames failed since the last look.
    pub newly_failed: u64,
    /// Events lost since the last look because the disk did not keep up.
    pub newly_dropped: u64,
    /// Share of the time that the models may work, for the heat.
    pub duty_percent: u8,
    /// Frames not looked at for the heat.
    pub left_for_heat: u64,
    /// Parts that hang, and whether they were given up.
    pub hanging: Vec<(String, bool)>,
    /// What is to be said of the models while others are tried, or after they have failed.
    pub models: Option<(HealthStatus, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboxSample {
    pub pending: u64,
    pub pending_plates: u64,
    pub quarantined: u64,
    pub bytes: u64,
    pub max_bytes: u64,
    /// Changes that could not be written since the last look.
    pub newly_failed: u64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkSample {
    /// `probing`, `socketio`, `rest`, `down`, `auth-paused`.
    pub state: String,
    /// For how long no road to the server has been open.
    pub down_s: Option<f64>,
    /// The server refuses our token.
    pub refused: bool,
    pub trouble: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClockSample {
    pub synced: bool,
    /// Since the agent began.
    pub running_s: u64,
}

/// A clock is missed only after NTP has had this long, seconds.
const CLOCK_GRACE_S: u64 = 600;
/// Share of its limit at which the outbox begins to evict, percent.
const OUTBOX_FULL: f64 = 90.0;

/// What a report says, before it has an id.
struct Finding {
    component: &'static str,
    status: HealthStatus,
    message: String,
    details: Map<String, Value>,
}

/// All parts: `detector`, `outbox`, `uplink`, `cpu`, `memory`, `disk`, `temperature`, `clock`. What the box cannot measure is
/// left out.
pub fn component_reports(
    config: &HealthConfig,
    camera: &CameraKey,
    at: CaptureTime,
    system: &SystemSample,
    parts: &PartsSample,
) -> Vec<HealthReport> {
    let found = [
        Some(detector(&parts.detector)),
        Some(outbox(&parts.outbox)),
        Some(uplink(config, &parts.link)),
        system.cpu_usage.map(|usage| usage_of(config, "cpu", "cpu_usage", usage)),
        system.memory_usage.map(|usage| usage_of(config, "memory", "memory_usage", usage)),
        system.disk_usage.map(|usage| disk(config, usage, system.disk_free_bytes, parts.wear.as_ref())),
        system.temperature.map(|celsius| temperature(config, celsius, parts.detector.duty_percent)),
        Some(clock(parts.clock)),
    ];
    let made =
        |Finding { component, status, message, details }| report(camera, at, component, status, message, details);
    found.into_iter().flatten().map(made).collect()
}

fn detector(sample: &DetectorSample) -> Finding {
    let (status, message) = match sample.hanging.first() {
        Some((part, true)) => {
            (HealthStatus::Error, format!("{part} hangs and was given up; restart the agent or the box"))
        }
        Some((part, false)) => (HealthStatus::Error, format!("{part} hangs; it is being rebuilt")),
        None if sample.newly_failed > 0 => {
            (HealthStatus::Error, format!("{} frames could not be read; see the log", sample.newly_failed))
        }
        None if sample.newly_dropped > 0 => {
            (HealthStatus::Error, format!("{} events lost: the disk does not keep up", sample.newly_dropped))
        }
        None if sample.duty_percent < 100 => {
            (HealthStatus::Warning, format!("slowed to {} % for the heat", sample.duty_percent))
        }
        None => sample.models.clone().unwrap_or((HealthStatus::Healthy, "Reading".into())),
    };
    let mut details = Map::new();
    put(&mut details, "fps", Some(json!((sample.fps * 10.0).round() / 10.0)));
    put(&mut details, "frames", Some(json!(sample.frames)));
    put(&mut details, "frames_failed", Some(json!(sample.failed_frames)));
    put(&mut details, "duty_percent", Some(json!(sample.duty_percent)));
    put(&mut details, "frames_left_for_heat", Some(json!(sample.left_for_heat)));
    Finding { component: "detector", status, message, details }
}

/// Its details have none of the words of a gap report (PROTOCOL 2): a server would count a loss.
fn outbox(sample: &OutboxSample) -> Finding {
    let filled = 100.0 * sample.bytes as f64 / sample.max_bytes.max(1) as f64;
    let (status, message) = if sample.newly_failed > 0 {
        (
            HealthStatus::Error,
            format!("{} events could not be stored; is the disk full or read-only?", sample.newly_failed),
        )
    } else if filled >= OUTBOX_FULL {
        (HealthStatus::Error, format!("{filled:.0} % full: the least important goes"))
    } else if sample.quarantined > 0 {
        (HealthStatus::Warning, format!("{} event(s) in quarantine", sample.quarantined))
    } else {
        (HealthStatus::Healthy, format!("{} waiting", sample.pending))
    };
    let mut details = Map::new();
    put(&mut details, "pending", Some(json!(sample.pending)));
    put(&mut details, "pending_plates", Some(json!(sample.pending_plates)));
    put(&mut details, "quarantined", Some(json!(sample.quarantined)));
    put(&mut details, "stored_bytes", Some(json!(sample.bytes)));
    put(&mut details, "filled_percent", Some(json!((filled * 10.0).round() / 10.0)));
    Finding { component: "outbox", status, message, details }
}

fn uplink(config: &HealthConfig, sample: &LinkSample) -> Finding {
    let trouble = sample.trouble.as_deref().unwrap_or("no answer");
    let (status, message) = match sample.down_s {
        _ if sample.refused => (HealthStatus::Error, "the server refuses our token; give the agent a valid one".into()),
        Some(down_s) if down_s >= config.link_down_s => {
            (HealthStatus::Warning, format!("no link to the server for {:.0} min: {trouble}", down_s / 60.0))
        }
        Some(_) => (HealthStatus::Healthy, "between two links".into()),
        None => (HealthStatus::Healthy, format!("link by {}", sample.state)),
    };
    let mut details = Map::new();
    put(&mut details, "link", Some(json!(sample.state)));
    put(&mut details, "down_s", sample.down_s.map(|seconds| json!(seconds.round())));
    Finding { component: "uplink", status, message, details }
}

fn usage_of(config: &HealthConfig, component: &'static str, key: &str, usage: f64) -> Finding {
    let status = level(usage, config.warning_percent, config.error_percent);
    let mut details = Map::new();
    put(&mut details, key, Some(json!(usage)));
    Finding { component, status, message: format!("{usage} % used"), details }
}

fn disk(config: &HealthConfig, usage: f64, free: Option<u64>, wear: Option<&Wear>) -> Finding {
    let mut finding = usage_of(config, "disk", "disk_usage", usage);
    put(&mut finding.details, "disk_free_bytes", free.map(Value::from));
    if let Some(wear) = wear {
        put(&mut finding.details, "written_bytes_per_day", Some(json!(wear.bytes_per_day.round())));
        put(&mut finding.details, "life_days", wear.life_days.map(|days| json!(days.round())));
        if wear.short && finding.status < HealthStatus::Warning {
            finding.status = HealthStatus::Warning;
            let (days, gb) = (wear.life_days.unwrap_or(0.0), wear.bytes_per_day / 1e9);
            finding.message = format!("{gb:.1} GB written a day: the card lasts about {days:.0} days");
        }
    }
    finding
}

fn temperature(config: &HealthConfig, celsius: f64, duty_percent: u8) -> Finding {
    let status = level(celsius, config.warning_celsius, config.error_celsius);
    let mut details = Map::new();
    put(&mut details, "temperature", Some(json!(celsius)));
    put(&mut details, "duty_percent", Some(json!(duty_percent)));
    Finding { component: "temperature", status, message: format!("{celsius:.1} °C"), details }
}

/// Its details have no offset: that is said once, when the clock is set (docs/clock.md).
fn clock(sample: ClockSample) -> Finding {
    let (status, message) = match sample {
        ClockSample { synced: true, .. } => (HealthStatus::Healthy, "The clock is right"),
        ClockSample { running_s, .. } if running_s < CLOCK_GRACE_S => (HealthStatus::Healthy, "Waiting for NTP"),
        _ => (HealthStatus::Warning, "The clock is not set: NTP has not answered; see docs/clock.md"),
    };
    let mut details = Map::new();
    put(&mut details, "synced", Some(json!(sample.synced)));
    Finding { component: "clock", status, message: message.into(), details }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CheckpointId};
    use crate::wire::incoming::{Context, Gap, Health};
    use proptest::prelude::*;

    fn reports(system: &SystemSample, parts: &PartsSample) -> Vec<HealthReport> {
        let key = CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() };
        component_reports(&HealthConfig::default(), &key, CaptureTime::default(), system, parts)
    }

    fn status_of(parts: &PartsSample, component: &str) -> (HealthStatus, String) {
        let system = SystemSample { disk_usage: Some(10.0), temperature: Some(50.0), ..SystemSample::default() };
        let found = reports(&system, parts).into_iter().find(|report| report.component == component).unwrap();
        (found.status, found.message)
    }

    fn well() -> PartsSample {
        let detector = DetectorSample { duty_percent: 100, ..DetectorSample::default() };
        let outbox = OutboxSample { max_bytes: 1000, ..OutboxSample::default() };
        PartsSample { detector, outbox, ..PartsSample::default() }
    }

    #[test]
    fn a_box_that_is_well_says_so_part_by_part_and_leaves_out_what_it_cannot_measure() {
        let found = reports(&SystemSample { cpu_usage: Some(10.0), ..SystemSample::default() }, &well());
        let components: Vec<&str> = found.iter().map(|report| report.component.as_str()).collect();
        assert_eq!(components, ["detector", "outbox", "uplink", "cpu", "clock"]);
        assert!(found.iter().all(|report| report.status == HealthStatus::Healthy), "{found:?}");
    }

    #[test]
    fn each_trouble_is_told_by_its_part() {
        let mut parts = well();
        parts.detector.hanging = vec![("infer".into(), true)];
        parts.outbox.bytes = 950;
        parts.link = LinkSample {
            state: "down".into(),
            down_s: Some(600.0),
            trouble: Some("refused".into()),
            ..LinkSample::default()
        };
        parts.clock.running_s = 3600;
        parts.wear = super::super::wear(80_000_000_000, std::time::Duration::from_secs(86_400), 20.0);
        assert_eq!(status_of(&parts, "detector").0, HealthStatus::Error);
        assert_eq!(status_of(&parts, "outbox"), (HealthStatus::Error, "95 % full: the least important goes".into()));
        assert_eq!(
            status_of(&parts, "uplink"),
            (HealthStatus::Warning, "no link to the server for 10 min: refused".into())
        );
        assert_eq!(status_of(&parts, "clock").0, HealthStatus::Warning);
        let life = "80.0 GB written a day: the card lasts about 250 days";
        assert_eq!(status_of(&parts, "disk"), (HealthStatus::Warning, life.into()));
        parts.link.down_s = Some(100.0);
        assert_eq!(status_of(&parts, "uplink").0, HealthStatus::Healthy, "mobile links come and go");
    }

    #[test]
    fn all_parts_together_cost_a_mobile_link_little_more_than_a_tenth_of_a_megabyte_a_day() {
        use crate::domain::{BootId, EventKind};
        use crate::wire::outgoing::{Envelope, Pictures, health_body, serialise};
        let system = SystemSample {
            cpu_usage: Some(61.3),
            memory_usage: Some(41.7),
            disk_usage: Some(23.4),
            disk_free_bytes: Some(23_456_789_012),
            temperature: Some(61.4),
        };
        let boot = BootId("0b1f2c9e-3b2f-4f5e-9c0e-0a1b2c3d4e5f".into());
        let mut parts = well();
        parts.wear = super::super::wear(1_000_000_000, std::time::Duration::from_secs(86_400), 20.0);
        let on_the_wire = |report: &HealthReport| {
            let (event_id, camera, at) = (report.event_id, &report.camera, report.at);
            let envelope = Envelope {
                event_id,
                revision: 0,
                kind: EventKind::Health,
                camera,
                epoch: event_id,
                seq: 123_456,
                boot: &boot,
                at,
            };
            serialise(&envelope, &health_body(report), &Pictures::default(), None).to_string().len()
        };
        let a_day = 24 * reports(&system, &parts).iter().map(on_the_wire).sum::<usize>();
        assert!((60_000..120_000).contains(&a_day), "{a_day} bytes");
    }

    proptest! {
        /// A server takes a report of the outbox or the clock with certain words for a loss, or for a correction of times.
        #[test]
        fn no_report_is_taken_for_a_gap(pending in any::<u64>(), bytes in any::<u64>(), failed in any::<u64>()) {
            let mut parts = well();
            parts.outbox = OutboxSample { pending, bytes, newly_failed: failed, ..parts.outbox };
            for report in reports(&SystemSample::default(), &parts) {
                let payload = json!({"type": "health_check", "camera_id": "c", "timestamp": 1, "component": report.component,
                    "status": report.status, "message": report.message, "details": report.details});
                let context = Context { zone: &jiff::tz::TimeZone::UTC, received_us: 0 };
                let health = Health::read(&payload, context).unwrap();
                prop_assert_eq!(Gap::of(&health), None);
                prop_assert_eq!(crate::wire::incoming::ClockReport::of(&health), None);
            }
        }
    }
}
