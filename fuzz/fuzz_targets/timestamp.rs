//! A timestamp in any form, in a zone with summer time: read or refused, and what was read can be said again.

#![no_main]

use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use lpr::wire::timestamp;
use serde_json::Value;
use std::sync::LazyLock;

static ZONE: LazyLock<TimeZone> = LazyLock::new(|| TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap_or(TimeZone::UTC));

fuzz_target!(|text: &str| {
    let number = text.parse::<f64>().ok().map(Value::from);
    for value in [Some(Value::from(text)), number].into_iter().flatten() {
        let Some(us) = timestamp::parse(&value, &ZONE) else { continue };
        let said = timestamp::format(us);
        // Years that have four digits, which are all that the other side understands.
        if (0..253_402_300_800_000_000).contains(&us) {
            assert_eq!(timestamp::parse(&Value::from(said.as_str()), &ZONE), Some(us), "{text} → {said}");
        }
    }
});
