//! Health reports that say more than how a component is: what an agent lost, and how wrong its clock was (PROTOCOL 2).

use super::envelope::{short_text, whole};
use super::{Health, lists};
use serde_json::Value;

/// No outbox ever held more. What a broken one says must not make the sum of all of them overflow.
const MOST_LOST: i64 = 1_000_000_000;

/// Events that an agent lost or can no longer send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Of the outbox; empty where the report does not say.
    pub epoch: String,
    pub from_seq: Option<i64>,
    pub to_seq: Option<i64>,
    /// 0 to a thousand million.
    pub count: i64,
    /// What was lost, in the agent's word: `plate`, `health`, …
    pub kind: String,
    pub reason: String,
}

/// What a gap means to those who look for plates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// Plate events, or what we do not know.
    Events,
    HealthReports,
    /// The events arrived, without their pictures.
    Pictures,
}

impl Gap {
    /// The gap that `health` reports, if it is a report of the outbox about one. Whatever is unreadable in it does not
    /// hide that something was lost.
    pub fn of(health: &Health) -> Option<Self> {
        if health.component != "outbox" {
            return None;
        }
        let details = health.body.get("details")?.as_object()?;
        let seq = |key: &str| integer(details.get(key));
        let (from_seq, to_seq) = (seq("from_seq"), seq("to_seq"));
        let span = || to_seq?.checked_sub(from_seq?)?.checked_add(1);
        // An ordinary word about the outbox names neither.
        let count = seq("count").or_else(span)?.clamp(0, MOST_LOST);
        let text = |key: &str| short_text(details.get(key)).unwrap_or_default();
        Some(Self { epoch: text("epoch"), from_seq, to_seq, count, kind: text("kind"), reason: text("reason") })
    }

    pub fn loss(&self) -> Loss {
        match self.kind.as_str() {
            "health" | "health_check" => Loss::HealthReports,
            "image" | "images" | "picture" | "pictures" | "evidence" => Loss::Pictures,
            _ => Loss::Events,
        }
    }
}

/// How far an agent's wall clock was off during one boot, until it was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockReport {
    pub boot_id: String,
    /// To be added to what the clock said, in microseconds.
    pub offset_us: i64,
}

impl ClockReport {
    /// The clock report in `health`, if it is one that can be read.
    pub fn of(health: &Health) -> Option<Self> {
        if health.component != "clock" {
            return None;
        }
        let details = health.body.get("details")?.as_object()?;
        let boot_id = short_text(details.get("boot_id"))?;
        let offset_us = integer(details.get("offset_ms"))?.checked_mul(1000)?;
        Some(Self { boot_id, offset_us })
    }
}

/// A whole number, or text of one; fractions are cut.
fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => whole(number).or_else(|| lists::number(value).map(|float| float as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::incoming::Context;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use serde_json::json;

    fn health(component: &str, details: Value) -> Health {
        let payload = json!({"type": "health_check", "camera_id": "c", "timestamp": 1_734_602_400, "status": "warning",
            "component": component, "details": details});
        Health::read(&payload, Context { zone: &TimeZone::UTC, received_us: 0 }).unwrap()
    }

    #[test]
    fn a_gap_is_read_as_the_protocol_has_it() {
        let details = json!({"epoch": "e", "from_seq": 4, "to_seq": 6, "count": 3, "kind": "plate", "reason": "age"});
        let gap = Gap::of(&health("outbox", details.clone())).unwrap();
        let (epoch, kind, reason) = ("e".to_owned(), "plate".to_owned(), "age".to_owned());
        assert_eq!(gap, Gap { epoch, from_seq: Some(4), to_seq: Some(6), count: 3, kind, reason });
        assert_eq!(gap.loss(), Loss::Events);
        assert_eq!(Gap::of(&health("camera", details)), None);
        assert_eq!(Gap::of(&health("outbox", json!({"pending": 7}))), None, "an ordinary word about the outbox");
        assert_eq!(Gap::of(&health("outbox", json!({"from_seq": "4", "to_seq": 6}))).unwrap().count, 3);
        assert_eq!(Gap::of(&health("outbox", json!({"count": -4}))).unwrap().count, 0);
        assert_eq!(
            Gap::of(&health("outbox", json!({"count": 1, "kind": "health"}))).unwrap().loss(),
            Loss::HealthReports
        );
        assert_eq!(Gap::of(&health("outbox", json!({"count": 1, "kind": "evidence"}))).unwrap().loss(), Loss::Pictures);
    }

    #[test]
    fn a_clock_report_is_read_as_the_protocol_has_it() {
        let report = |details| ClockReport::of(&health("clock", details));
        let read = report(json!({"boot_id": "b", "offset_ms": -1500}));
        assert_eq!(read, Some(ClockReport { boot_id: "b".into(), offset_us: -1_500_000 }));
        assert_eq!(report(json!({"boot_id": "b"})), None);
        assert_eq!(report(json!({"offset_ms": 1})), None);
        assert_eq!(report(json!({"boot_id": "b", "offset_ms": i64::MAX})), None);
        assert_eq!(ClockReport::of(&health("camera", json!({"boot_id": "b", "offset_ms": 1}))), None);
    }

    proptest! {
        #[test]
        fn any_details_give_an_answer(from in any::<i64>(), to in any::<f64>(), text in "\\PC{0,200}") {
            let details = json!({"from_seq": from, "to_seq": to, "count": text, "kind": text, "boot_id": text,
                "offset_ms": to, "epoch": from});
            let gap = Gap::of(&health("outbox", details.clone()));
            prop_assert!(gap.is_none_or(|gap| gap.count >= 0));
            let _ = ClockReport::of(&health("clock", details));
        }
    }
}
