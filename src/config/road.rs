//! From frame to event: `[pipeline]`, and the zones and lines of a camera.

use super::agent::range;
use super::{CameraConfig, Fault};
use serde::{Deserialize, Serialize};

/// `[pipeline]`: from frame to event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PipelineConfig {
    /// A read below this mean character probability (0–1) makes no event.
    pub min_text_confidence: f32,
    /// A read with fewer characters makes no event.
    pub min_text_length: usize,
    /// An event whose text is less sure than this (0–1) is marked as doubtful; docs/tracking.md has what the default is worth.
    pub doubtful_below: f32,
    /// Seconds a vehicle may be out of sight before its event is made.
    pub track_timeout_s: f64,
    /// Seconds after which a vehicle still in sight is reported all the same.
    pub track_limit_s: f64,
    /// Seconds within which the same text again is the same vehicle.
    pub repeat_window_s: f64,
    /// Send an event at the first confident read, too, and its final form as revision 1; only to servers that know revisions.
    pub provisional: bool,
    /// Look only at frames of live cameras in which something moves, and at one every few seconds.
    pub motion_gate: bool,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            min_text_confidence: 0.6,
            min_text_length: 3,
            doubtful_below: 0.7,
            track_timeout_s: 1.0,
            track_limit_s: 30.0,
            repeat_window_s: 5.0,
            provisional: false,
            motion_gate: true,
        }
    }
}

/// One `[[camera.zone]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct ZoneConfig {
    /// `include`: only plates in such a zone make events; `exclude`: plates in it make none.
    pub kind: String,
    /// Corners `[x, y]` in order, as shares of the picture (0–1, from its top left corner), at least 3.
    pub points: Vec<[f64; 2]>,
}

/// One `[[camera.line]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct LineConfig {
    /// What events call it.
    pub name: String,
    /// Its ends `[x, y]`, as shares of the picture.
    pub from: Vec<f64>,
    pub to: Vec<f64>,
}

/// A camera that has every key, with a value of its type: for the check of a file's keys.
pub(super) fn example_camera() -> CameraConfig {
    let zone = ZoneConfig { kind: "exclude".into(), points: vec![[0.0, 0.0]] };
    let line = LineConfig { name: String::new(), from: vec![0.0, 0.0], to: vec![1.0, 1.0] };
    CameraConfig { zone: vec![zone], line: vec![line], hours: vec![String::new()], ..CameraConfig::default() }
}

impl PipelineConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        range(faults, "pipeline.min_text_confidence", f64::from(self.min_text_confidence), 0.0, 1.0);
        range(faults, "pipeline.doubtful_below", f64::from(self.doubtful_below), 0.0, 1.0);
        range(faults, "pipeline.track_timeout_s", self.track_timeout_s, 0.1, 60.0);
        range(faults, "pipeline.track_limit_s", self.track_limit_s, 1.0, 3600.0);
        range(faults, "pipeline.repeat_window_s", self.repeat_window_s, 0.0, 3600.0);
        if self.track_timeout_s >= self.track_limit_s {
            let message = format!(
                "{} is not below pipeline.track_limit_s ({}): every vehicle would be reported before it has passed",
                self.track_timeout_s, self.track_limit_s
            );
            faults.push(Fault::new("pipeline.track_timeout_s", message));
        }
    }
}

pub(super) fn check_zones(faults: &mut Vec<Fault>, key: &str, zones: &[ZoneConfig]) {
    for (index, zone) in zones.iter().enumerate() {
        let at = |inner: &str| format!("{key}[{}].{inner}", index + 1);
        if !["include", "exclude"].contains(&zone.kind.as_str()) {
            let message = format!("\"{}\" is no kind of zone; write \"include\" or \"exclude\"", zone.kind);
            faults.push(Fault::new(at("kind"), message));
        }
        if zone.points.len() < 3 {
            let message = format!("a zone needs at least 3 corners, not {}", zone.points.len());
            faults.push(Fault::new(at("points"), message));
        }
        zone.points.iter().for_each(|point| check_point(faults, &at("points"), point));
        if zone.points.len() >= 3 && area(&zone.points) < LEAST_AREA {
            faults.push(Fault::new(
                at("points"),
                "the corners lie on a line, or cross over; write them in order around the zone",
            ));
        }
    }
}

pub(super) fn check_lines(faults: &mut Vec<Fault>, key: &str, lines: &[LineConfig]) {
    for (index, line) in lines.iter().enumerate() {
        let at = |inner: &str| format!("{key}[{}].{inner}", index + 1);
        if line.name.is_empty() || line.name.len() > 64 {
            faults.push(Fault::new(at("name"), "a line needs a name of 1 to 64 bytes, which its events carry"));
        }
        if lines[..index].iter().any(|other| other.name == line.name && !line.name.is_empty()) {
            faults.push(Fault::new(
                at("name"),
                format!("\"{}\" is another line's name; events could not tell them apart", line.name),
            ));
        }
        check_point(faults, &at("from"), &line.from);
        check_point(faults, &at("to"), &line.to);
        if line.from == line.to {
            faults.push(Fault::new(at("to"), "is where the line begins; a line needs two different ends"));
        }
    }
}

/// A share of the picture: less is a slip of the pen.
const LEAST_AREA: f64 = 1e-4;

/// Of a polygon (the shoelace formula).
fn area(points: &[[f64; 2]]) -> f64 {
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

fn check_point(faults: &mut Vec<Fault>, key: &str, point: &[f64]) {
    if point.len() != 2 || !point.iter().all(|share| (0.0..=1.0).contains(share)) {
        faults.push(Fault::new(key, format!("{point:?} is no point; write [x, y], both from 0 to 1")));
    }
}

/// The commented file with the zone and line that it shows as an example: lines that begin with `#` and no space.
#[cfg(test)]
pub(super) fn with_examples(file: &str) -> String {
    let shown = |line: &str| match line.strip_prefix('#') {
        Some(code) if !code.starts_with(' ') => format!("{code}\n"),
        _ => format!("{line}\n"),
    };
    file.lines().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use crate::config::agent_from;

    const CAMERA: &str = "[[camera]]\nsource = \"/dev/video0\"\n";

    fn env(variables: &[(&str, &str)]) -> std::vec::IntoIter<(String, String)> {
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>().into_iter()
    }

    fn faults(text: &str) -> String {
        agent_from(text, "agent.toml", env(&[])).unwrap_err().to_string()
    }

    #[test]
    fn zones_and_lines_are_checked_and_can_come_from_the_environment() {
        let zone = "[[camera.zone]]\nkind = \"exclude\"\npoints = [[0, 0], [1, 0], [1, 0.3]]\n";
        let line = "[[camera.line]]\nname = \"gate\"\nfrom = [0.0, 0.7]\nto = [1, 0.7]\n";
        let text = format!("{CAMERA}{zone}{line}");
        let variable = ("LPR_CAMERA_1_ZONE_2_POINTS", "[[0, 0.5], [1, 0.5], [1, 1], [0, 1]]");
        let config = agent_from(&text, "f", env(&[variable, ("LPR_CAMERA_1_ZONE_2_KIND", "include")])).unwrap();
        assert_eq!(config.camera[0].zone[0].points[2], [1.0, 0.3]);
        assert_eq!((config.camera[0].zone[1].points.len(), config.camera[0].zone[1].kind.as_str()), (4, "include"));
        assert_eq!(config.camera[0].line[0].to, [1.0, 0.7]);
        let twice = faults(&format!("{text}[pipeline]\ntrack_timeout_s = 40.0\n{line}"));
        assert!(twice.contains("camera[1].line[2].name: \"gate\" is another line's name"), "{twice}");
        assert!(twice.contains("line 11: pipeline.track_timeout_s: 40 is not below pipeline.track_limit_s"), "{twice}");

        let wrong =
            "[[camera.zone]]\nkind = \"out\"\npoints = [[0, 0], [2, 0]]\n[[camera.line]]\nfrom = [0.5]\nto = [0.5]\n";
        let found = faults(&format!("{CAMERA}{wrong}"));
        for part in [
            "camera[1].zone[1].kind: \"out\" is no kind of zone",
            "camera[1].zone[1].points: a zone needs at least 3 corners, not 2",
            "camera[1].zone[1].points: [2.0, 0.0] is no point",
            "camera[1].line[1].name: a line needs a name",
            "camera[1].line[1].from: [0.5] is no point",
            "camera[1].line[1].to: is where the line begins",
        ] {
            assert!(found.contains(part), "{part} is not in\n{found}");
        }
        let misspelt = faults(&format!("{CAMERA}[[camera.zone]]\nkindd = \"include\"\n"));
        assert!(misspelt.contains("did you mean \"kind\"?"), "{misspelt}");
    }

    #[test]
    fn a_value_of_the_environment_is_not_blamed_on_a_line_of_the_file() {
        let text = format!("{CAMERA}[pipeline]\ntrack_limit_s = 20.0\n");
        let variables = env(&[("LPR_PIPELINE_TRACK_LIMIT_S", "0.5")]);
        let faults = agent_from(&text, "agent.toml", variables).unwrap_err().to_string();
        assert!(faults.contains("agent.toml: pipeline.track_limit_s: 0.5 is out of range"), "{faults}");
    }

    #[test]
    fn a_zone_without_area_is_a_fault() {
        let zone = |points: &str| faults(&format!("{CAMERA}[[camera.zone]]\nkind = \"include\"\npoints = {points}\n"));
        for points in ["[[0, 0], [0.5, 0.5], [1, 1]]", "[[0, 0], [1, 1], [1, 0], [0, 1]]"] {
            let faults = zone(points);
            assert!(faults.contains("line 5: camera[1].zone[1].points: the corners lie on a line"), "{faults}");
        }
    }
}
