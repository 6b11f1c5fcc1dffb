//! The agent's figures in words for `systemctl status` and in Prometheus' text format (docs/metrics.md). Pure.

use crate::domain::HealthStatus;
use crate::outbox::Counts;
use crate::telemetry::prometheus::Page;
use crate::track::Funnel;
use crate::uplink::Link;
use crate::vision::Picture;

/// The agent at one moment. Counters are since its start. `None` where something cannot be had.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    pub cameras: Vec<CameraFigures>,
    /// Frames that the models have looked at.
    pub frames: u64,
    pub failed_frames: u64,
    pub events: u64,
    pub dropped_events: u64,
    pub outbox: Counts,
    pub link: Link,
    pub in_flight: usize,
    /// The last thing that went wrong with the link.
    pub trouble: Option<String>,
    pub celsius: Option<f64>,
    /// Share of the time that the models may work, for the heat.
    pub duty_percent: u8,
    /// Parts that hung and were rebuilt.
    pub rebuilds: u64,
    /// Parts that hang, and whether they were given up.
    pub hanging: Vec<(String, bool)>,
    /// Component, camera and status of the newest health reports.
    pub health: Vec<(String, String, HealthStatus)>,
    /// To the disk, by this process.
    pub written_bytes: Option<u64>,
    pub resident_bytes: Option<u64>,
    pub open_files: Option<u64>,
    /// Who looks at live pictures on the local page just now, and how many were made for them.
    pub watchers: usize,
    pub pictures: u64,
    pub uptime_s: f64,
}

/// One camera of it.
#[derive(Debug, Clone, Default)]
pub struct CameraFigures {
    pub camera: String,
    pub checkpoint: String,
    /// It gives frames, or it is a file that has been read.
    pub up: bool,
    pub frames: u64,
    pub overwritten: u64,
    pub reopened: u64,
    /// Reads that never came back.
    pub hanging: usize,
    /// Frames without motion, which nobody looked at.
    pub gated: u64,
    /// Frames that nobody looked at for the heat.
    pub left_for_heat: u64,
    /// Of the newest frame.
    pub age_s: Option<f64>,
    pub picture: Picture,
    pub funnel: Funnel,
}

/// One plain line for `STATUS=`. `fps`: frames looked at per second lately.
pub fn status_line(now: &Snapshot, fps: f64) -> String {
    let up = now.cameras.iter().filter(|camera| camera.up).count();
    let mut line = format!(
        "{up} of {} cameras up, {fps:.1} frames/s looked at, {} waiting",
        now.cameras.len(),
        now.outbox.pending
    );
    let mut add = |words: String| {
        line.push_str(", ");
        line.push_str(&words);
    };
    if now.outbox.quarantined > 0 {
        add(format!("{} in quarantine", now.outbox.quarantined));
    }
    add(match now.link {
        Link::Probing => "looking for the server".into(),
        Link::Socket => "link by Socket.IO".into(),
        Link::Rest => "link by REST".into(),
        Link::Down => "no link to the server".into(),
        Link::AuthPaused => "the server refuses our token".into(),
    });
    for camera in now.cameras.iter().filter(|camera| !camera.up) {
        add(format!("no frames from {}", camera.camera));
    }
    for camera in now.cameras.iter().filter(|camera| camera.picture >= Picture::Blinded) {
        add(format!("{} is {}", camera.camera, camera.picture.as_str()));
    }
    if now.duty_percent < 100 {
        add(format!("slowed to {} % for the heat", now.duty_percent));
    }
    for (part, given_up) in &now.hanging {
        add(format!("{part} hangs{}", if *given_up { " and was given up" } else { "" }));
    }
    line
}

/// The whole page of metrics.
pub fn prometheus_text(now: &Snapshot) -> String {
    let mut page = Page::default();
    page.family("lpr_agent_build_info", "gauge", "The program; always 1.");
    page.value(&[("version", env!("CARGO_PKG_VERSION"))], 1);
    cameras(&mut page, &now.cameras);
    page.one("lpr_agent_frames_total", "counter", "Frames that the models have looked at.", now.frames);
    page.one("lpr_agent_frames_failed_total", "counter", "Frames on which they failed.", now.failed_frames);
    page.one("lpr_agent_events_total", "counter", "Events made.", now.events);
    page.one(
        "lpr_agent_events_dropped_total",
        "counter",
        "Events lost because the disk did not keep up.",
        now.dropped_events,
    );
    outbox(&mut page, &now.outbox);
    page.family("lpr_agent_link", "gauge", "1 for the state the link is in.");
    for link in [Link::Probing, Link::Socket, Link::Rest, Link::Down, Link::AuthPaused] {
        page.value(&[("state", link.as_str())], u8::from(link == now.link));
    }
    page.one("lpr_agent_in_flight", "gauge", "Events sent and not yet settled.", now.in_flight);
    page.family("lpr_agent_health", "gauge", "The newest report of a component: 0 healthy, 1 warning, 2 error.");
    for (component, camera, status) in &now.health {
        page.value(&[("component", component), ("camera", camera)], *status as u8);
    }
    page.family("lpr_agent_part_hangs", "gauge", "Parts that hang: 1, or 2 where they were given up.");
    for (part, given_up) in &now.hanging {
        page.value(&[("part", part)], 1 + u8::from(*given_up));
    }
    page.one("lpr_agent_rebuilds_total", "counter", "Parts that hung and were rebuilt.", now.rebuilds);
    page.family("lpr_agent_celsius", "gauge", "The hottest sensor.");
    page.known(&[], now.celsius);
    page.one(
        "lpr_agent_duty_ratio",
        "gauge",
        "Share of the time that the models may work, for the heat.",
        f64::from(now.duty_percent) / 100.0,
    );
    page.family("lpr_agent_written_bytes_total", "counter", "Sent to the disk by this process.");
    page.known(&[], now.written_bytes);
    page.one("lpr_agent_page_watchers", "gauge", "Live pictures of the local page that are watched now.", now.watchers);
    page.one("lpr_agent_page_pictures_total", "counter", "Live pictures made for who watched.", now.pictures);
    page.family("process_resident_memory_bytes", "gauge", "Resident memory.");
    page.known(&[], now.resident_bytes);
    page.family("process_open_fds", "gauge", "Open files and sockets.");
    page.known(&[], now.open_files);
    page.one("lpr_agent_uptime_seconds", "gauge", "Since the agent began.", now.uptime_s);
    page.into_text()
}

fn cameras(page: &mut Page, cameras: &[CameraFigures]) {
    let mut each = |name, kind, help, value: &dyn Fn(&CameraFigures) -> Option<f64>| {
        page.family(name, kind, help);
        for camera in cameras {
            if let Some(value) = value(camera) {
                page.value(&[("camera", &camera.camera), ("checkpoint", &camera.checkpoint)], value);
            }
        }
    };
    each("lpr_agent_camera_up", "gauge", "1 where the camera gives frames.", &|c| Some(f64::from(u8::from(c.up))));
    each("lpr_agent_camera_frames_total", "counter", "Frames taken from the camera.", &|c| Some(c.frames as f64));
    let help = "Frames that a newer one replaced before they were looked at.";
    each("lpr_agent_camera_overwritten_total", "counter", help, &|c| Some(c.overwritten as f64));
    each("lpr_agent_camera_gated_total", "counter", "Frames without motion.", &|c| Some(c.gated as f64));
    each("lpr_agent_camera_left_for_heat_total", "counter", "Frames not looked at for the heat.", &|c| {
        Some(c.left_for_heat as f64)
    });
    each("lpr_agent_camera_reopened_total", "counter", "Times it came back.", &|c| Some(c.reopened as f64));
    each("lpr_agent_camera_hanging_reads", "gauge", "Reads that never came back.", &|c| Some(c.hanging as f64));
    each("lpr_agent_camera_frame_age_seconds", "gauge", "Since its newest frame.", &|c| c.age_s);
    page.family("lpr_agent_camera_picture", "gauge", "1 for what its picture is like.");
    for camera in cameras {
        page.value(
            &[("camera", &camera.camera), ("checkpoint", &camera.checkpoint), ("picture", camera.picture.as_str())],
            1,
        );
    }
    page.family("lpr_agent_passages_total", "counter", "Vehicles that passed, and what became of them.");
    for camera in cameras {
        for (outcome, count) in outcomes(&camera.funnel) {
            page.value(&[("camera", &camera.camera), ("checkpoint", &camera.checkpoint), ("outcome", outcome)], count);
        }
    }
}

/// Each passage once; those without a plate are what is missing to `vehicles_seen`.
fn outcomes(funnel: &Funnel) -> [(&'static str, u64); 9] {
    [
        ("no_plate", funnel.vehicles_seen.saturating_sub(funnel.plate_found)),
        ("out_of_zone", funnel.out_of_zone),
        ("too_small", funnel.too_small),
        ("blurred", funnel.blurred),
        ("glare_or_dark", funnel.glare_or_dark),
        ("low_confidence", funnel.low_confidence),
        ("refused", funnel.refused),
        ("suppressed", funnel.suppressed),
        ("sent", funnel.sent),
    ]
}

fn outbox(page: &mut Page, counts: &Counts) {
    page.family("lpr_agent_outbox_rows", "gauge", "Rows of the outbox.");
    for (state, count) in [("waiting", counts.pending), ("quarantined", counts.quarantined), ("kept", counts.kept)] {
        page.value(&[("state", state)], count);
    }
    page.one("lpr_agent_outbox_plates_waiting", "gauge", "Of those that wait, plates.", counts.pending_plates);
    page.one("lpr_agent_outbox_bytes", "gauge", "Rows and their pictures on the disk.", counts.bytes);
    page.one("lpr_agent_delivered_total", "counter", "Ever delivered from this outbox.", counts.delivered);
    page.one("lpr_agent_duplicates_total", "counter", "Of them, those that the server had already.", counts.duplicates);
    page.one("lpr_agent_outbox_failed_total", "counter", "Changes that could not be written.", counts.failed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn snapshot() -> Snapshot {
        let camera = CameraFigures {
            camera: "north \"1\"\\".into(),
            checkpoint: "gate".into(),
            up: true,
            age_s: Some(0.1),
            funnel: Funnel { vehicles_seen: 9, plate_found: 7, sent: 7, ..Funnel::default() },
            ..CameraFigures::default()
        };
        let dead = CameraFigures { camera: "south".into(), picture: Picture::Covered, ..CameraFigures::default() };
        Snapshot {
            cameras: vec![camera, dead],
            outbox: Counts { pending: 12, ..Counts::default() },
            link: Link::Down,
            duty_percent: 100,
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_status_is_one_plain_line_that_says_what_is_wrong() {
        let mut now = snapshot();
        let line = status_line(&now, 11.96);
        let expected = "1 of 2 cameras up, 12.0 frames/s looked at, 12 waiting, no link to the server, \
            no frames from south, south is covered";
        assert_eq!(line, expected);
        (now.duty_percent, now.hanging) = (50, vec![("infer".into(), true)]);
        assert!(status_line(&now, 0.0).ends_with(", slowed to 50 % for the heat, infer hangs and was given up"));
    }

    #[test]
    fn every_line_is_a_comment_or_a_name_with_a_number_and_every_family_is_documented() {
        let mut now = snapshot();
        now.health = vec![("disk".into(), "c/p".into(), HealthStatus::Error)];
        now.hanging = vec![("infer".into(), false)];
        (now.celsius, now.written_bytes, now.resident_bytes, now.open_files) = (Some(51.5), Some(7), Some(8), Some(9));
        let text = prometheus_text(&now);
        let (mut series, mut families) = (BTreeSet::new(), BTreeSet::new());
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(series.insert(name.to_owned()), "twice: {name}");
            families.insert(name.split('{').next().unwrap());
        }
        let docs = include_str!("../../docs/metrics.md");
        let words = docs.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let documented: BTreeSet<&str> = words.filter(|word| word.starts_with("lpr_agent_")).collect();
        let ours = families.iter().copied().filter(|family| family.starts_with("lpr_agent_")).collect();
        assert_eq!(documented, ours);
        for expected in [
            "lpr_agent_camera_up{camera=\"north \\\"1\\\"\\\\\",checkpoint=\"gate\"} 1\n",
            "lpr_agent_health{component=\"disk\",camera=\"c/p\"} 2\n",
            "lpr_agent_link{state=\"down\"} 1\n",
            "lpr_agent_passages_total{camera=\"north \\\"1\\\"\\\\\",checkpoint=\"gate\",outcome=\"no_plate\"} 2\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in {text}");
        }
        assert!(
            !prometheus_text(&Snapshot::default()).contains("\nlpr_agent_celsius "),
            "what is not known is not said"
        );
    }
}
