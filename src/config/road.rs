//! From frame to event: `[pipeline]`, and the zones and lines of a camera.

use super::Fault;
use super::agent::range;
use serde::{Deserialize, Serialize};

/// `[pipeline]`: from frame to event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PipelineConfig {
    /// A read below this mean character probability (0–1) makes no event.
    pub min_text_confidence: f32,
    /// A read with fewer characters makes no event.
    pub min_text_length: usize,
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

impl ZoneConfig {
    /// All keys with a value of their type, for the check of a file's keys.
    pub(super) fn example() -> Self {
        Self { kind: "exclude".into(), points: vec![[0.0, 0.0]] }
    }
}

impl LineConfig {
    /// As [`ZoneConfig::example`].
    pub(super) fn example() -> Self {
        Self { name: String::new(), from: vec![0.0, 0.0], to: vec![1.0, 1.0] }
    }
}

impl PipelineConfig {
    pub(super) fn check(&self, faults: &mut Vec<Fault>) {
        range(faults, "pipeline.min_text_confidence", f64::from(self.min_text_confidence), 0.0, 1.0);
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
