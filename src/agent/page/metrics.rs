//! `GET /metrics`: counters and states in Prometheus' text form. Pure.

use super::snapshot::{CameraFacts, Facts};
use std::fmt::Write;

/// All of it.
pub fn text(facts: &Facts) -> String {
    let mut text = String::new();
    let mut one = |name: &str, kind: &str, help: &str, value: u64| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    };
    one("lpr_agent_frames_read_total", "counter", "Frames the models looked at.", facts.frames_read);
    one("lpr_agent_frames_failed_total", "counter", "Frames that could not be read.", facts.frames_failed);
    one("lpr_agent_events_total", "counter", "Reads that became events.", facts.events);
    one("lpr_agent_events_dropped_total", "counter", "Events the disk was too slow for.", facts.events_dropped);
    one("lpr_agent_outbox_pending", "gauge", "Events and reports that wait for delivery.", facts.outbox.pending);
    one("lpr_agent_outbox_quarantined", "gauge", "Events the server refused for good.", facts.outbox.quarantined);
    one("lpr_agent_outbox_bytes", "gauge", "Size of events and pictures on the disk.", facts.outbox.bytes);
    one("lpr_agent_delivered_total", "counter", "Events and reports ever delivered.", facts.outbox.delivered);
    one("lpr_agent_page_watchers", "gauge", "Live pictures that are watched now.", facts.watchers as u64);
    one("lpr_agent_page_pictures_total", "counter", "Live pictures made for who watched.", facts.pictures);

    let _ = writeln!(
        text,
        "# HELP lpr_agent_link 1 for the state the link to the server is in.\n# TYPE lpr_agent_link gauge"
    );
    for state in ["probing", "socketio", "rest", "down", "auth-paused"] {
        let _ = writeln!(text, "lpr_agent_link{{state=\"{state}\"}} {}", u8::from(facts.link.link.as_str() == state));
    }
    let mut each = |name: &str, kind: &str, help: &str, value: &dyn Fn(&CameraFacts) -> u64| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for camera in &facts.cameras {
            let (id, checkpoint) = (label(&camera.camera), label(&camera.checkpoint));
            let _ = writeln!(text, "{name}{{camera=\"{id}\",checkpoint=\"{checkpoint}\"}} {}", value(camera));
        }
    };
    each("lpr_agent_camera_up", "gauge", "Does the camera give frames?", &|camera| {
        u64::from(camera.state == "streaming")
    });
    each("lpr_agent_camera_frames_total", "counter", "Frames of the camera.", &|camera| camera.frames);
    each("lpr_agent_camera_overwritten_total", "counter", "Frames a newer one replaced.", &|camera| camera.overwritten);
    each("lpr_agent_camera_gated_total", "counter", "Frames in which nothing moved.", &|camera| camera.gated);
    each("lpr_agent_camera_reopened_total", "counter", "Times the camera came back.", &|camera| camera.reopened);
    each("lpr_agent_camera_vehicles_total", "counter", "Vehicles that passed.", &|camera| camera.funnel.vehicles_seen);
    each("lpr_agent_camera_sent_total", "counter", "Vehicles that became events.", &|camera| camera.funnel.sent);
    text
}

/// The text between the quotes of a label.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_stands_under_its_help_and_labels_cannot_break_out() {
        let camera =
            CameraFacts { camera: "a\"} 1\n\\".into(), state: "streaming", frames: 7, ..CameraFacts::default() };
        let text = text(&Facts { cameras: vec![camera], ..Facts::default() });
        let mut helped = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                helped = rest.split(' ').next().unwrap();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(rest.starts_with(helped), "{line}");
            } else {
                assert!(line.starts_with(helped), "{line}");
                assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
            }
        }
        assert!(text.contains(r#"lpr_agent_camera_frames_total{camera="a\"} 1\n\\",checkpoint=""} 7"#), "{text}");
        assert!(text.contains("lpr_agent_link{state=\"probing\"} 1"), "{text}");
    }
}
