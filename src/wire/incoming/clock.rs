//! Times that were stamped while the sender's wall clock was wrong, and how they are put right (PROTOCOL 2).

use super::envelope::{flag, short_text};
use crate::wire::timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

/// The boot whose wall clock was wrong when the payload was stamped; `None` where its time is right, was corrected by the
/// sender, or nothing is known of the clock.
pub(super) fn raw_boot(payload: &Map<String, Value>) -> Option<String> {
    let wrong = flag(payload.get("clock_synced")) == Some(false);
    let corrected = flag(payload.get("time_corrected")) == Some(true);
    if wrong && !corrected { short_text(payload.get("boot_id")) } else { None }
}

/// Keys beside `timestamp` that hold moments of the same clock: a text or a list of them.
const MOMENTS: [&str; 2] = ["first_seen", "last_seen"];

/// The year 9999 ends here, in microseconds since the epoch.
const END_OF_TIME_US: i64 = 253_402_300_800_000_000;

/// Moves every moment of a stored body by `offset_us` and keeps what it was under `raw_…`. `raw_us` is its timestamp;
/// gives the corrected one. `None`, and nothing changed, where that would be no time between 1970 and 9999.
pub fn correct(body: &mut Map<String, Value>, raw_us: i64, offset_us: i64) -> Option<i64> {
    let at_us = raw_us.checked_add(offset_us).filter(|us| (0..END_OF_TIME_US).contains(us))?;
    body.insert("raw_timestamp".into(), json!(timestamp::format(raw_us)));
    body.insert("timestamp".into(), json!(timestamp::format(at_us)));
    for key in MOMENTS {
        let Some(raw) = body.get(key).cloned() else { continue };
        body.insert(key.into(), moved(&raw, offset_us));
        body.insert(format!("raw_{key}"), raw);
    }
    body.insert("time_corrected".into(), json!(true));
    Some(at_us)
}

fn moved(moment: &Value, offset_us: i64) -> Value {
    match moment {
        Value::Array(moments) => moments.iter().map(|moment| moved(moment, offset_us)).collect(),
        Value::String(_) => {
            let us = timestamp::parse(moment, &TimeZone::UTC).and_then(|us| us.checked_add(offset_us));
            us.map_or_else(|| moment.clone(), |us| json!(timestamp::format(us)))
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn only_a_time_that_nobody_corrected_yet_is_raw() {
        let raw = |value| raw_boot(&object(value));
        assert_eq!(raw(json!({"boot_id": "b", "clock_synced": false})), Some("b".into()));
        assert_eq!(raw(json!({"boot_id": "b", "clock_synced": "false", "time_corrected": false})), Some("b".into()));
        assert_eq!(raw(json!({"boot_id": "b", "clock_synced": false, "time_corrected": true})), None);
        assert_eq!(raw(json!({"boot_id": "b", "clock_synced": true})), None);
        assert_eq!(raw(json!({"boot_id": "b"})), None);
        assert_eq!(raw(json!({"boot_id": " ", "clock_synced": false})), None);
        assert_eq!(raw(json!({"clock_synced": false})), None);
    }

    #[test]
    fn every_moment_moves_and_the_raw_one_is_kept() {
        let mut body = object(json!({"timestamp": "1970-01-01T00:05:00.000000+00:00", "mono_ms": 7,
            "first_seen": ["1970-01-01T00:04:59.000000+00:00", null, "soon"], "last_seen": 5}));
        let offset_us = 1_734_602_400_000_000;
        assert_eq!(correct(&mut body, 300_000_000, offset_us), Some(offset_us + 300_000_000));
        let expected = json!({"timestamp": "2024-12-19T10:05:00.000000+00:00", "time_corrected": true, "mono_ms": 7,
            "raw_timestamp": "1970-01-01T00:05:00.000000+00:00",
            "first_seen": ["2024-12-19T10:04:59.000000+00:00", null, "soon"], "last_seen": 5,
            "raw_first_seen": ["1970-01-01T00:04:59.000000+00:00", null, "soon"], "raw_last_seen": 5});
        assert_eq!(Value::Object(body), expected);
    }

    proptest! {
        #[test]
        fn an_offset_out_of_all_reason_changes_nothing(raw_us in any::<i64>(), offset_us in any::<i64>()) {
            let before = object(json!({"timestamp": "x", "first_seen": "2024-12-19T10:04:59Z"}));
            let mut body = before.clone();
            match correct(&mut body, raw_us, offset_us) {
                Some(us) => prop_assert_eq!(i128::from(us), i128::from(raw_us) + i128::from(offset_us)),
                None => prop_assert_eq!(body, before),
            }
        }
    }
}
