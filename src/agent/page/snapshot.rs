//! How the machine stands, as the page's JSON. Pure.

use super::recent::RecentRead;
use crate::domain::{FrameReading, HealthReport, PlateLight, PlateRead};
use crate::outbox::Counts;
use crate::track::{Funnel, Refusal, TrackSettings};
use crate::uplink::LinkStatus;
use crate::wire::timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// One camera.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraFacts {
    pub camera: String,
    pub checkpoint: String,
    /// Without credentials.
    pub source: String,
    /// `opening`, `streaming`, `ended`, `failed`.
    pub state: &'static str,
    pub fault: Option<String>,
    pub frames: u64,
    pub overwritten: u64,
    pub reopened: u64,
    pub gated: u64,
    pub frame_age_ms: Option<u64>,
    pub min_plate_height: f32,
    pub funnel: Funnel,
}

/// The whole machine at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facts {
    pub at_us: i64,
    pub cameras: Vec<CameraFacts>,
    pub frames_read: u64,
    pub frames_failed: u64,
    pub events: u64,
    pub events_dropped: u64,
    pub outbox: Counts,
    pub link: LinkStatus,
    pub health: Arc<Vec<HealthReport>>,
    pub reads: Vec<RecentRead>,
    /// Who looks at live pictures just now.
    pub watchers: usize,
    pub config: String,
    pub config_writable: bool,
}

/// What the page asks every few seconds.
pub fn json(facts: &Facts) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "at": timestamp::format(facts.at_us),
        "cameras": facts.cameras.iter().map(camera).collect::<Vec<_>>(),
        "frames_read": facts.frames_read,
        "frames_failed": facts.frames_failed,
        "events": facts.events,
        "events_dropped": facts.events_dropped,
        "outbox": {
            "pending": facts.outbox.pending, "pending_plates": facts.outbox.pending_plates,
            "quarantined": facts.outbox.quarantined, "delivered": facts.outbox.delivered,
            "bytes": facts.outbox.bytes, "failed": facts.outbox.failed,
        },
        "link": {
            "state": facts.link.link.as_str(), "in_flight": facts.link.in_flight, "trouble": facts.link.trouble,
        },
        "health": facts.health.iter().map(report).collect::<Vec<_>>(),
        "reads": facts.reads.iter().map(read).collect::<Vec<_>>(),
        "watchers": facts.watchers,
        "config": {"path": facts.config, "writable": facts.config_writable},
    })
}

fn camera(facts: &CameraFacts) -> Value {
    json!({
        "camera": facts.camera, "checkpoint": facts.checkpoint, "source": facts.source,
        "state": facts.state, "fault": facts.fault, "frames": facts.frames, "overwritten": facts.overwritten,
        "reopened": facts.reopened, "gated": facts.gated, "frame_age_ms": facts.frame_age_ms,
        "min_plate_height": facts.min_plate_height, "funnel": facts.funnel,
    })
}

fn report(report: &HealthReport) -> Value {
    json!({
        "camera": report.camera.camera.to_string(), "component": report.component, "status": report.status,
        "message": report.message, "at": timestamp::format(report.at.wall_us), "details": report.details,
    })
}

fn read(read: &RecentRead) -> Value {
    let plate = |(index, plate): (usize, &super::recent::RecentPlate)| {
        json!({
            "text": plate.text, "province": plate.province, "confidence": plate.text_confidence,
            "doubtful": plate.doubtful, "height": plate.height.round(), "sharpness": plate.sharpness,
            "crop": plate.crop.is_some().then(|| format!("reads/{}/{index}", read.event_id)),
        })
    };
    json!({
        "event_id": read.event_id, "camera": read.camera, "checkpoint": read.checkpoint,
        "at": timestamp::format(read.at_us), "reads": read.reads, "provisional": read.provisional,
        "plates": read.plates.iter().enumerate().map(plate).collect::<Vec<_>>(),
    })
}

/// What is in the picture now, for who aims the camera; the highest plate first.
pub fn seen(width: u32, height: u32, reading: &FrameReading, settings: &TrackSettings, age_ms: u64) -> Value {
    let mut plates: Vec<&PlateRead> = reading.plates.iter().collect();
    plates.sort_by(|one, other| other.bbox.height().total_cmp(&one.bbox.height()));
    let plate = |plate: &PlateRead| {
        let verdict = settings.judge(plate, width, height).map_err(Refusal::as_str).err();
        json!({
            "text": plate.text, "height": plate.bbox.height().round(), "width": plate.bbox.width().round(),
            "sharpness": plate.sharpness, "light": plate.light.map(light), "confidence": plate.text_confidence,
            "refused": verdict,
        })
    };
    json!({
        "width": width, "height": height, "age_ms": age_ms, "vehicles": reading.vehicles.len(),
        "min_plate_height": settings.min_plate_height,
        "plates": plates.into_iter().map(plate).collect::<Vec<_>>(),
    })
}

fn light(light: PlateLight) -> &'static str {
    match light {
        PlateLight::Even => "even",
        PlateLight::Dark => "dark",
        PlateLight::Glare => "glare",
    }
}

/// The newest report of every component: `reports` over what was known before.
pub fn newest(known: &[HealthReport], reports: Vec<HealthReport>) -> Vec<HealthReport> {
    let is_new =
        |old: &&HealthReport| !reports.iter().any(|new| new.camera == old.camera && new.component == old.component);
    let mut all: Vec<HealthReport> = known.iter().filter(is_new).cloned().collect();
    all.extend(reports);
    all.sort_by(|one, other| one.component.cmp(&other.component).then_with(|| one.camera.cmp(&other.camera)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{BBox, CameraId, CameraKey, CaptureTime, CheckpointId, HealthStatus};
    use uuid::Uuid;

    fn report_of(component: &str, message: &str) -> HealthReport {
        HealthReport {
            event_id: Uuid::nil(),
            camera: CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("g").unwrap() },
            at: CaptureTime::default(),
            component: component.into(),
            status: HealthStatus::Healthy,
            message: message.into(),
            details: serde_json::Map::new(),
        }
    }

    #[test]
    fn the_newest_report_of_every_component_is_kept() {
        let known = newest(&[], vec![report_of("system", "1"), report_of("camera", "1")]);
        let all = newest(&known, vec![report_of("camera", "2"), report_of("disk", "2")]);
        let said: Vec<(&str, &str)> = all.iter().map(|one| (one.component.as_str(), one.message.as_str())).collect();
        assert_eq!(said, [("camera", "2"), ("disk", "2"), ("system", "1")]);
    }

    #[test]
    fn who_aims_sees_the_highest_plate_first_and_why_it_does_not_count() {
        let plate = |height: f32, text: &str| PlateRead {
            bbox: BBox::new(0.0, 0.0, 4.0 * height, height),
            text: text.into(),
            text_confidence: 0.9,
            ..PlateRead::default()
        };
        let reading =
            FrameReading { plates: vec![plate(18.4, "AB12"), plate(31.0, "CD34")], ..FrameReading::default() };
        let settings = TrackSettings { min_plate_height: 24.0, ..TrackSettings::default() };
        let seen = seen(640, 480, &reading, &settings, 12);
        assert_eq!((&seen["plates"][0]["height"], &seen["plates"][0]["refused"]), (&json!(31.0), &Value::Null));
        assert_eq!((&seen["plates"][1]["height"], &seen["plates"][1]["refused"]), (&json!(18.0), &json!("too_small")));
    }

    #[test]
    fn numbers_that_are_none_do_not_break_the_json() {
        let plate = PlateRead {
            bbox: BBox::new(f32::NAN, 0.0, 1.0, f32::NAN),
            text_confidence: f32::NAN,
            ..PlateRead::default()
        };
        let reading = FrameReading { plates: vec![plate.clone(), plate], ..FrameReading::default() };
        let seen = seen(1, 1, &reading, &TrackSettings::default(), 0);
        assert_eq!((&seen["plates"][0]["height"], &seen["plates"][0]["confidence"]), (&json!(0.0), &Value::Null));
    }
}
