//! From samples to reports: thresholds, words, numbers. Pure.

use super::SystemSample;
use crate::config::HealthConfig;
use crate::domain::{CameraKey, CaptureTime, HealthReport, HealthStatus, new_event_id};
use serde_json::{Map, Value, json};

/// How a camera does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CameraSample {
    /// Frames per second since the last report.
    pub fps: f64,
    /// Milliseconds since its newest frame; `None` before the first.
    pub frame_age_ms: Option<u64>,
    pub frames: u64,
    /// Frames that a newer one overtook before they were looked at.
    pub overwritten: u64,
    pub reopened: u64,
    /// What it is doing, in a word: `opening`, `streaming`, `ended`, …
    pub state: String,
    /// Why it gives no frames, where it does not.
    pub fault: Option<String>,
    /// What its picture is like, in a word, and what to do about it where something is to be done.
    pub picture: String,
    pub remedy: Option<&'static str>,
    /// The picture shows nothing of the road.
    pub sees_nothing: bool,
}

/// The box as a whole: usages, temperature, outbox.
pub fn system_report(
    config: &HealthConfig,
    camera: &CameraKey,
    at: CaptureTime,
    sample: &SystemSample,
    outbox_depth: u64,
    quarantined: u64,
) -> HealthReport {
    let mut found = Vec::new();
    for (name, usage) in [("cpu", sample.cpu_usage), ("memory", sample.memory_usage), ("disk", sample.disk_usage)] {
        if let Some(usage) = usage {
            let status = level(usage, config.warning_percent, config.error_percent);
            found.push((status, format!("{name} at {usage} %")));
        }
    }
    if let Some(celsius) = sample.temperature {
        let status = level(celsius, config.warning_celsius, config.error_celsius);
        found.push((status, format!("{celsius:.1} °C")));
    }
    if quarantined > 0 {
        found.push((HealthStatus::Warning, format!("{quarantined} event(s) in quarantine")));
    }
    let mut details = Map::new();
    put(&mut details, "cpu_usage", sample.cpu_usage.map(Value::from));
    put(&mut details, "memory_usage", sample.memory_usage.map(Value::from));
    put(&mut details, "disk_usage", sample.disk_usage.map(Value::from));
    put(&mut details, "disk_free_bytes", sample.disk_free_bytes.map(Value::from));
    put(&mut details, "temperature", sample.temperature.map(Value::from));
    put(&mut details, "outbox_depth", Some(json!(outbox_depth)));
    put(&mut details, "outbox_quarantined", Some(json!(quarantined)));
    let (status, message) = worst(found, "Everything within limits");
    report(camera, at, "system", status, message, details)
}

/// One camera: is it giving frames?
pub fn camera_report(
    camera: &CameraKey,
    at: CaptureTime,
    sample: &CameraSample,
    read_timeout_s: f64,
    system: &SystemSample,
) -> HealthReport {
    let stale = sample.frame_age_ms.is_none_or(|age| age as f64 > read_timeout_s * 1000.0);
    let (status, message) = match (&sample.fault, sample.state.as_str()) {
        (_, "ended") => (HealthStatus::Healthy, "Source has ended".to_owned()),
        (_, "resting") => (HealthStatus::Healthy, "Resting outside its hours".to_owned()),
        (Some(fault), _) => (HealthStatus::Error, fault.clone()),
        (None, _) if stale => (HealthStatus::Warning, "No fresh frame".to_owned()),
        (None, _) => match sample.remedy {
            Some(remedy) if sample.sees_nothing => {
                (HealthStatus::Error, format!("picture {}: {remedy}", sample.picture))
            }
            Some(remedy) => (HealthStatus::Warning, format!("picture {}: {remedy}", sample.picture)),
            None => (HealthStatus::Healthy, "Camera working normally".to_owned()),
        },
    };
    let mut details = Map::new();
    put(&mut details, "fps", Some(json!((sample.fps * 10.0).round() / 10.0)));
    put(&mut details, "frame_age_ms", sample.frame_age_ms.map(Value::from));
    put(&mut details, "frames", Some(json!(sample.frames)));
    put(&mut details, "frames_overwritten", Some(json!(sample.overwritten)));
    put(&mut details, "reopened", Some(json!(sample.reopened)));
    put(&mut details, "state", Some(json!(sample.state)));
    put(&mut details, "picture", (!sample.picture.is_empty()).then(|| json!(sample.picture)));
    // First-generation dashboards look for the usages in the camera's own report.
    put(&mut details, "cpu_usage", system.cpu_usage.map(Value::from));
    put(&mut details, "memory_usage", system.memory_usage.map(Value::from));
    put(&mut details, "disk_usage", system.disk_usage.map(Value::from));
    report(camera, at, "camera", status, message, details)
}

pub(super) fn level(value: f64, warning: f64, error: f64) -> HealthStatus {
    if value >= error {
        HealthStatus::Error
    } else if value >= warning {
        HealthStatus::Warning
    } else {
        HealthStatus::Healthy
    }
}

/// The worst status, and everything that shares it.
fn worst(found: Vec<(HealthStatus, String)>, healthy: &str) -> (HealthStatus, String) {
    let status = found.iter().map(|(status, _)| *status).max().unwrap_or(HealthStatus::Healthy);
    if status == HealthStatus::Healthy {
        return (status, healthy.to_owned());
    }
    let words: Vec<String> = found.into_iter().filter(|(s, _)| *s == status).map(|(_, words)| words).collect();
    (status, words.join(", "))
}

pub(super) fn put(details: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        details.insert(key.to_owned(), value);
    }
}

pub(super) fn report(
    camera: &CameraKey,
    at: CaptureTime,
    component: &str,
    status: HealthStatus,
    message: String,
    details: Map<String, Value>,
) -> HealthReport {
    HealthReport {
        event_id: new_event_id(at),
        camera: camera.clone(),
        at,
        component: component.to_owned(),
        status,
        message,
        details,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CheckpointId};

    fn key() -> CameraKey {
        CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() }
    }

    fn system(sample: &SystemSample) -> HealthReport {
        system_report(&HealthConfig::default(), &key(), CaptureTime::default(), sample, 3, 0)
    }

    #[test]
    fn a_healthy_box_says_so_with_its_numbers() {
        let sample = SystemSample {
            cpu_usage: Some(12.5),
            memory_usage: Some(40.0),
            disk_usage: Some(20.0),
            temperature: Some(51.0),
            ..SystemSample::default()
        };
        let report = system(&sample);
        assert_eq!(report.status, HealthStatus::Healthy);
        assert_eq!(report.details["cpu_usage"], 12.5);
        assert_eq!(report.details["outbox_depth"], 3);
    }

    #[test]
    fn the_worst_finding_gives_status_and_words() {
        let sample = SystemSample { cpu_usage: Some(90.0), disk_usage: Some(97.0), ..SystemSample::default() };
        let report = system(&sample);
        assert_eq!((report.status, report.message.as_str()), (HealthStatus::Error, "disk at 97 %"));
    }

    #[test]
    fn a_box_without_sensors_reports_what_it_has() {
        let report = system(&SystemSample::default());
        assert_eq!(report.status, HealthStatus::Healthy);
        assert!(!report.details.contains_key("temperature"));
    }

    #[test]
    fn a_camera_that_gives_no_frames_is_an_error_with_its_reason() {
        let sample = CameraSample { fault: Some("connection refused".into()), ..CameraSample::default() };
        let report = camera_report(&key(), CaptureTime::default(), &sample, 10.0, &SystemSample::default());
        assert_eq!((report.status, report.message.as_str()), (HealthStatus::Error, "connection refused"));
    }

    #[test]
    fn a_camera_outside_its_hours_rests_and_is_well() {
        let sample = CameraSample { state: "resting".into(), ..CameraSample::default() };
        let report = camera_report(&key(), CaptureTime::default(), &sample, 10.0, &SystemSample::default());
        assert_eq!(report.status, HealthStatus::Healthy);
        assert!(!report.details.contains_key("frame_age_ms"), "the server would call it frozen");
    }

    #[test]
    fn an_old_frame_is_a_warning_and_a_fresh_one_is_fine() {
        let status = |age| {
            let sample = CameraSample { frame_age_ms: Some(age), ..CameraSample::default() };
            camera_report(&key(), CaptureTime::default(), &sample, 10.0, &SystemSample::default()).status
        };
        assert_eq!(status(200), HealthStatus::Healthy);
        assert_eq!(status(20_000), HealthStatus::Warning);
    }
}
