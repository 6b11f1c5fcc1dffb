//! A configuration that was changed while the agent runs: what counts at once, and what only after a restart. Pure.

use super::{AgentConfig, HealthConfig, PipelineConfig};
use toml::{Table, Value};

/// What a changed file means for a running agent.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// What holds from now on: the running configuration with all of the new one that can change live.
    pub now: AgentConfig,
    /// Keys that count at once, in the order of the file's tables.
    pub live: Vec<String>,
    /// Keys that wait for a restart.
    pub restart: Vec<String>,
}

impl Changes {
    /// `running`: what the agent works with; `new`: what its file says now.
    pub fn between(running: &AgentConfig, new: &AgentConfig) -> Self {
        let mut now = running.clone();
        now.log.level = new.log.level.clone();
        now.health = HealthConfig { frozen_s: running.health.frozen_s, ..new.health.clone() };
        now.pipeline = PipelineConfig { motion_gate: running.pipeline.motion_gate, ..new.pipeline.clone() };
        // Which cameras there are, and where their frames come from, is a matter of threads.
        if running.camera_keys() == new.camera_keys() {
            for (camera, new) in now.camera.iter_mut().zip(&new.camera) {
                camera.min_plate_height = new.min_plate_height;
                camera.zone = new.zone.clone();
                camera.line = new.line.clone();
                camera.hours = new.hours.clone();
            }
        }
        let (live, restart) = (differing(running, &now), differing(&now, new));
        Self { now, live, restart }
    }
}

/// The keys whose values differ, written as faults write them.
fn differing(one: &AgentConfig, other: &AgentConfig) -> Vec<String> {
    let table = |config: &AgentConfig| Value::Table(Table::try_from(config).unwrap_or_default());
    let mut keys = Vec::new();
    compare(&table(one), &table(other), "", &mut keys);
    keys
}

fn compare(one: &Value, other: &Value, path: &str, keys: &mut Vec<String>) {
    let join = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let tables = |items: &[Value]| items.iter().all(Value::is_table);
    match (one, other) {
        (Value::Table(one), Value::Table(other)) => {
            let nothing = Value::Boolean(false);
            let all: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in all {
                let (one, other) = (one.get(key).unwrap_or(&nothing), other.get(key).unwrap_or(&nothing));
                compare(one, other, &join(key), keys);
            }
        }
        // Zones and lines change as a whole; cameras key by key.
        (Value::Array(one), Value::Array(other))
            if path == "camera" && one.len() == other.len() && tables(one) && tables(other) =>
        {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(one, other, &format!("{path}[{}]", index + 1), keys);
            }
        }
        (one, other) if one == other => {}
        _ => keys.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CameraConfig, ZoneConfig};
    use proptest::prelude::*;

    fn config(change: impl FnOnce(&mut AgentConfig)) -> AgentConfig {
        let camera = CameraConfig { source: "/dev/video0".into(), ..CameraConfig::default() };
        let mut config = AgentConfig { camera: vec![camera], ..AgentConfig::default() };
        change(&mut config);
        config
    }

    #[test]
    fn thresholds_zones_and_the_log_change_live_and_the_rest_waits() {
        let new = config(|new| {
            new.log.level = "debug".into();
            new.health.interval_s = 5.0;
            new.pipeline.min_text_confidence = 0.9;
            new.pipeline.motion_gate = false;
            new.camera[0].zone = vec![ZoneConfig { kind: "exclude".into(), points: vec![[0.0, 0.0]; 3] }];
            new.camera[0].source = "/dev/video1".into();
            new.uplink.server_url = "https://other".into();
        });
        let changes = Changes::between(&config(|_| {}), &new);
        assert_eq!(changes.live, ["camera[1].zone", "health.interval_s", "log.level", "pipeline.min_text_confidence"]);
        assert_eq!(changes.restart, ["camera[1].source", "pipeline.motion_gate", "uplink.server_url"]);
        assert_eq!(changes.now.camera[0].source, "/dev/video0");
        assert_eq!(changes.now.log.level, "debug");
    }

    #[test]
    fn another_set_of_cameras_waits_for_a_restart_as_a_whole() {
        let new = config(|new| {
            new.camera[0].id = "another".into();
            new.camera[0].min_plate_height = 9.0;
        });
        let changes = Changes::between(&config(|_| {}), &new);
        assert_eq!((changes.live.len(), changes.restart.len()), (0, 2), "{changes:?}");
        let more = config(|new| new.camera.push(CameraConfig { id: "b".into(), ..CameraConfig::default() }));
        assert_eq!(Changes::between(&config(|_| {}), &more).restart, ["camera"]);
    }

    proptest! {
        #[test]
        fn every_change_is_named_once_and_taking_it_up_twice_changes_nothing(
            interval in 1.0..100.0f64, threads in 1usize..9, height in 0.0..50.0f64, id in "[ab]", gate in any::<bool>(),
        ) {
            let running = config(|_| {});
            let new = config(|new| {
                new.health.interval_s = interval;
                new.models.threads = threads;
                new.camera[0].min_plate_height = height;
                new.camera[0].id = id;
                new.pipeline.motion_gate = gate;
            });
            let first = Changes::between(&running, &new);
            let mut named = [first.live.clone(), first.restart.clone()].concat();
            named.sort();
            prop_assert_eq!(named, differing(&running, &new));
            let second = Changes::between(&first.now, &new);
            prop_assert!(second.live.is_empty());
            prop_assert_eq!((second.now, second.restart), (first.now, first.restart));
        }
    }
}
