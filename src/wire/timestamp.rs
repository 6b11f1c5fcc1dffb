//! Timestamps on the wire (PROTOCOL 1.7 and 3.2.4).

use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};
use serde_json::Value;

/// Microseconds since the epoch as `YYYY-MM-DDTHH:MM:SS.ffffff+00:00`, the one form every peer reads.
pub fn format(wall_us: i64) -> String {
    let at = Timestamp::from_microsecond(wall_us).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

/// A peer's timestamp in microseconds since the epoch: RFC 3339 with `Z` or an offset, naive (read in `zone`), a
/// space instead of `T`, or epoch seconds or milliseconds as number or text. `None` for anything else.
pub fn parse(value: &Value, zone: &TimeZone) -> Option<i64> {
    match value {
        Value::Number(number) => from_epoch(number.as_f64()?),
        Value::String(text) => parse_text(text.trim(), zone),
        _ => None,
    }
}

fn parse_text(text: &str, zone: &TimeZone) -> Option<i64> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at.as_microsecond());
    }
    if let Ok(number) = text.parse::<f64>() {
        return from_epoch(number);
    }
    let naive: civil::DateTime = text.parse().ok()?;
    let zoned = naive.to_zoned(zone.clone()).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

/// Seconds, or milliseconds where the number would otherwise lie beyond the year 5138.
fn from_epoch(number: f64) -> Option<i64> {
    if !number.is_finite() || number <= 0.0 {
        return None;
    }
    let us = if number >= 1e11 { number * 1e3 } else { number * 1e6 };
    // Beyond the year 9999 it is no timestamp but a mistake.
    (us < 253_402_300_800e6).then_some(us as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const US: i64 = 1_734_602_400_000_000; // 2024-12-19T10:00:00Z

    #[test]
    fn we_send_the_form_that_old_pythons_read() {
        assert_eq!(format(US + 1500), "2024-12-19T10:00:00.001500+00:00");
    }

    #[test]
    fn every_form_that_peers_send_is_read() {
        let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
        for value in [
            json!("2024-12-19T10:00:00Z"),
            json!("2024-12-19T17:00:00+07:00"),
            json!("2024-12-19 10:00:00+00:00"),
            json!("2024-12-19T17:00:00"),
            json!("2024-12-19 17:00:00.000000"),
            json!(1_734_602_400),
            json!(1_734_602_400.0),
            json!(1_734_602_400_000_i64),
            json!("1734602400"),
        ] {
            assert_eq!(parse(&value, &bangkok), Some(US), "{value}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for value in [json!("yesterday"), json!(""), json!(null), json!(-5), json!(1e300), json!([1])] {
            assert_eq!(parse(&value, &TimeZone::UTC), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_we_send_reads_back(us in 0i64..4_102_444_800_000_000) {
            prop_assert_eq!(parse(&json!(format(us)), &TimeZone::UTC), Some(us));
        }
    }
}
