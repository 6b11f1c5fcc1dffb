//! What can be the matter with a camera, and when that is said. Pure.
//!
//! Between what opens an alert and what ends it lies a band in which nothing changes, and what health reports show must be
//! shown by two in succession: a value that trembles does not flap.

use crate::config::CamerasConfig;
use crate::domain::HealthStatus;
use serde_json::{Map, Value};

/// Kinds of alert about a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Problem {
    /// It should have spoken and has not.
    Silent,
    Hot,
    /// Its disk.
    Full,
    /// It gives no fresh picture.
    Frozen,
    /// Its clock is wrong.
    Skewed,
}

impl Problem {
    pub const ALL: [Problem; 5] = [Problem::Silent, Problem::Hot, Problem::Full, Problem::Frozen, Problem::Skewed];

    pub fn as_str(self) -> &'static str {
        match self {
            Problem::Silent => "silent",
            Problem::Hot => "hot",
            Problem::Full => "full",
            Problem::Frozen => "frozen",
            Problem::Skewed => "skewed",
        }
    }

    /// Observations in succession that it takes to open or end the alert.
    pub fn confirm(self) -> u32 {
        match self {
            Problem::Hot | Problem::Full | Problem::Frozen => 2,
            // These are judged over minutes as it is.
            Problem::Silent | Problem::Skewed => 1,
        }
    }
}

/// What an observation speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    Bad,
    /// Neither: all stays as it is.
    Between,
    Good,
}

impl Reading {
    /// Bad from `bad` on, good below `good`.
    fn of(value: f64, bad: f64, good: f64) -> Self {
        if value >= bad {
            Reading::Bad
        } else if value < good {
            Reading::Good
        } else {
            Reading::Between
        }
    }
}

/// How far a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Track {
    pub open: bool,
    /// Observations in succession that speak for a change.
    pub streak: u32,
}

/// The alert opens or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Opens,
    Ends,
}

impl Track {
    /// One more observation.
    pub fn step(self, reading: Reading, confirm: u32) -> (Self, Option<Change>) {
        let speaks_for_change = reading == if self.open { Reading::Good } else { Reading::Bad };
        if !speaks_for_change {
            return (Self { streak: 0, ..self }, None);
        }
        let streak = self.streak.saturating_add(1);
        if streak < confirm {
            return (Self { streak, ..self }, None);
        }
        let change = if self.open { Change::Ends } else { Change::Opens };
        (Self { open: !self.open, streak: 0 }, Some(change))
    }
}

/// One observation of one problem, with the words for an alert that it may open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    pub problem: Problem,
    pub reading: Reading,
    pub title: String,
}

/// Degrees below the limit at which it counts as cool again.
const COOLER: f64 = 5.0;
/// Percent below the limit at which the disk counts as having room again.
const EMPTIER: f64 = 3.0;

/// Names of the temperature, in °C, in the reports of agents that we know.
const TEMPERATURES: [&str; 5] = ["temperature", "temperature_c", "cpu_temperature", "cpu_temp", "temp"];

/// What a health report shows.
pub fn in_health(
    component: &str,
    status: HealthStatus,
    message: &str,
    details: &Map<String, Value>,
    limits: &CamerasConfig,
) -> Vec<Observation> {
    let number = |key: &str| details.get(key).and_then(number);
    let mut found = Vec::new();
    if let Some(celsius) = TEMPERATURES.iter().find_map(|key| number(key)) {
        let reading = Reading::of(celsius, limits.hot_celsius, limits.hot_celsius - COOLER);
        found.push(Observation { problem: Problem::Hot, reading, title: format!("{celsius:.0} °C") });
    }
    if let Some(percent) = number("disk_usage") {
        let reading = Reading::of(percent, limits.full_percent, limits.full_percent - EMPTIER);
        found.push(Observation { problem: Problem::Full, reading, title: format!("disk {percent:.0} % full") });
    }
    if component.eq_ignore_ascii_case("camera") {
        let state = details.get("state").and_then(Value::as_str);
        let reading = picture(status, state, number("frame_age_ms"), limits.frozen_s);
        let said: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
        let title = if said.is_empty() { "no fresh picture".to_owned() } else { format!("no fresh picture: {said}") };
        found.push(Observation { problem: Problem::Frozen, reading, title });
    }
    found
}

/// How fresh the pictures are. A source that has come to its end has nothing more to show.
fn picture(status: HealthStatus, state: Option<&str>, age_ms: Option<f64>, frozen_s: f64) -> Reading {
    if state == Some("ended") {
        return Reading::Good;
    }
    let age = age_ms.map(|age_ms| Reading::of(age_ms / 1000.0, frozen_s, frozen_s / 2.0));
    match (status, age) {
        (HealthStatus::Error, _) | (_, Some(Reading::Bad)) => Reading::Bad,
        (HealthStatus::Healthy, None | Some(Reading::Good)) => Reading::Good,
        _ => Reading::Between,
    }
}

/// A finite number, or text of one.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// What a clock's difference shows, in microseconds; positive: the camera's is behind.
pub fn in_clock(skew_us: i64, limits: &CamerasConfig) -> Observation {
    let seconds = (skew_us as f64 / 1e6).abs();
    let side = if skew_us > 0 { "behind" } else { "ahead of" };
    let title = format!("its clock is {seconds:.0} s {side} the server's");
    let reading = Reading::of(seconds, limits.skew_s, limits.skew_s / 2.0);
    Observation { problem: Problem::Skewed, reading, title }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn readings(component: &str, status: HealthStatus, details: Value) -> Vec<(Problem, Reading)> {
        let found = in_health(component, status, "m", details.as_object().unwrap(), &CamerasConfig::default());
        found.into_iter().map(|seen| (seen.problem, seen.reading)).collect()
    }

    #[test]
    fn health_reports_of_every_make_show_heat_and_full_disks() {
        use HealthStatus::{Error, Healthy};
        assert_eq!(readings("system", Healthy, json!({"temperature": 91.5})), [(Problem::Hot, Reading::Bad)]);
        assert_eq!(readings("cpu", Healthy, json!({"cpu_temp": "78"})), [(Problem::Hot, Reading::Between)]);
        assert_eq!(readings("cpu", Healthy, json!({"temp": 40})), [(Problem::Hot, Reading::Good)]);
        assert_eq!(readings("disk", Error, json!({"disk_usage": 97})), [(Problem::Full, Reading::Bad)]);
        assert_eq!(readings("disk", Error, json!({"disk_usage": null, "temp": "hot"})), []);
    }

    #[test]
    fn a_camera_without_fresh_pictures_is_frozen_and_an_ended_file_is_not() {
        use HealthStatus::{Error, Healthy, Warning};
        let frozen = |status, details| readings("camera", status, details)[0].1;
        assert_eq!(frozen(Error, json!({})), Reading::Bad);
        assert_eq!(frozen(Warning, json!({"frame_age_ms": 90_000})), Reading::Bad);
        assert_eq!(frozen(Warning, json!({"frame_age_ms": 12_000})), Reading::Between);
        assert_eq!(frozen(Healthy, json!({"frame_age_ms": 100})), Reading::Good);
        assert_eq!(frozen(Healthy, json!({})), Reading::Good);
        assert_eq!(frozen(Error, json!({"state": "ended", "frame_age_ms": 900_000})), Reading::Good);
    }

    fn reading() -> impl Strategy<Value = Reading> {
        prop_oneof![Just(Reading::Bad), Just(Reading::Between), Just(Reading::Good)]
    }

    proptest! {
        #[test]
        fn alerts_open_and_end_in_turn_and_never_on_one_word(
            readings in proptest::collection::vec(reading(), 0..200), confirm in 2u32..4,
        ) {
            let mut track = Track::default();
            let mut last: Option<Change> = None;
            for (index, reading) in readings.iter().enumerate() {
                let (next, change) = track.step(*reading, confirm);
                if let Some(change) = change {
                    prop_assert_ne!(last, Some(change));
                    prop_assert!(last.is_some() || change == Change::Opens);
                    let speaking = readings[..=index].iter().rev().take_while(|seen| *seen == reading).count();
                    prop_assert!(speaking >= confirm as usize);
                    last = Some(change);
                }
                prop_assert_eq!(next.open, last == Some(Change::Opens));
                track = next;
            }
        }

        #[test]
        fn a_value_that_trembles_within_the_band_changes_nothing_more(
            first in 0.0f64..120.0, noise in proptest::collection::vec(-2.4f64..2.4, 1..100),
        ) {
            let limits = CamerasConfig::default();
            let mut track = Track::default();
            let mut changes = 0;
            for noise in noise {
                let reading = Reading::of(first + noise, limits.hot_celsius, limits.hot_celsius - COOLER);
                let (next, change) = track.step(reading, 2);
                changes += usize::from(change.is_some());
                track = next;
            }
            prop_assert!(changes <= 1);
        }

        #[test]
        fn any_details_give_an_answer(value in any::<f64>(), text in "\\PC{0,20}") {
            let _ = readings("camera", HealthStatus::Warning,
                json!({"temperature": value, "disk_usage": text, "frame_age_ms": text, "state": text}));
        }
    }
}
