//! Rounds in which the wall clock is wrong. Every record's time is computed from the script and held against what the
//! server says.

use crate::site::Site;
use jiff::Timestamp;
use serde_json::Value;

/// A box without a battery: 1970 until NTP answers.
pub const UNSYNCED: &str = "0@1970-01-01T00:05:00Z?,2500@2026-05-01T08:00:00Z";
/// Someone sets it wrong by years, and back. It claims to be right all the time.
pub const STEPS: &str =
    "0@2026-05-01T08:00:00Z,1200@2036-05-01T08:00:00Z,2400@2006-05-01T08:00:00Z,3600@2026-05-01T08:00:10Z";

/// What a timestamp may differ from the script, in microseconds: the clocks are read one after the other.
const TOLERANCE_US: i64 = 1_500_000;
/// So near to a step of the clock nobody can say which side of it a stamp is on.
const STEP_MS: u64 = 100;

pub fn run(site: &mut Site) {
    let steps = site.plan.clock_script.split(',').count();
    site.start();
    site.wait("the last step of the clock", |oracle| oracle.clocks.len() >= steps);
    site.healed();
}

/// Each record has the time at which it was captured, as well as the agent can know it by the end.
pub fn check(site: &Site, failures: &mut Vec<String>) {
    let oracle = site.oracle();
    let stored = site.stored();
    let mut wrong = Vec::new();
    let mut late = 0;
    for id in oracle.events.keys() {
        let Some(row) = stored.rows.get(id).and_then(|rows| rows.first()) else { continue };
        // A stamp reads one clock after the other: at the moment of a step either side of it is right.
        let mono_ms = row["mono_ms"].as_u64().unwrap_or(0);
        let around = [mono_ms, mono_ms.saturating_sub(STEP_MS), mono_ms + STEP_MS];
        let allowed: Vec<i64> = around.iter().filter_map(|at| expected_us(&oracle.clocks, *at)).collect();
        let Some(&expected) = allowed.first() else { continue };
        late += usize::from(row["clock_synced"] == false);
        let found = timestamp_us(row);
        if found.is_none_or(|found| allowed.iter().all(|allowed| (found - allowed).abs() > TOLERANCE_US)) {
            let expected = Timestamp::from_microsecond(expected).unwrap();
            wrong.push(format!("{id}: {} instead of {expected}; {row:.300}", row["timestamp"]));
        }
    }
    if !wrong.is_empty() {
        failures.push(format!("{} records have a wrong time, such as {}", wrong.len(), wrong[0]));
    }
    let clocks = stored.rows.values().flatten().filter(|row| row["component"] == "clock").count();
    let unsynced = oracle.clocks.iter().any(|(_, _, synced)| !synced);
    if clocks != usize::from(unsynced) {
        failures.push(format!("{clocks} clock reports; {} wanted", usize::from(unsynced)));
    }
    if unsynced && late == 0 {
        failures.push("no event was captured before the clock was set".into());
    }
}

fn timestamp_us(row: &Value) -> Option<i64> {
    row["timestamp"].as_str()?.parse::<Timestamp>().ok().map(Timestamp::as_microsecond)
}

/// By the step that held then, if it was synced; else by the first synced one after it.
fn expected_us(clocks: &[(u64, i64, bool)], mono_ms: u64) -> Option<i64> {
    let held = clocks.iter().rposition(|(at, _, _)| *at <= mono_ms).unwrap_or(0);
    let (at, wall, _) = clocks[held..].iter().find(|(_, _, synced)| *synced)?;
    Some(wall + (mono_ms as i64 - *at as i64) * 1000)
}
