//! Cameras rest outside their hours.

use crate::clock::Clock;
use crate::config::is_looked_at;
use crate::domain::CaptureTime;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_secs(5);

/// Raises and lowers the cameras' flags, for ever.
pub async fn keep(mut hours: watch::Receiver<Vec<Vec<String>>>, rests: Vec<Arc<AtomicBool>>, clock: Arc<dyn Clock>) {
    loop {
        // Each time: it may be set while the agent runs, too. It is kept for some minutes, not read from the disk.
        let zone = TimeZone::system();
        for (rest, hours) in rests.iter().zip(hours.borrow_and_update().iter()) {
            rest.store(is_resting(hours, clock.stamp(), &zone), Ordering::Relaxed);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            changed = hours.changed() => if changed.is_err() { tokio::time::sleep(LOOK).await },
        }
    }
}

/// A clock that may be wrong lets no camera rest: it would be at the wrong hours.
fn is_resting(hours: &[String], at: CaptureTime, zone: &TimeZone) -> bool {
    let Ok(moment) = Timestamp::from_microsecond(at.wall_us) else { return false };
    let local = moment.to_zoned(zone.clone()).time();
    let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
    at.synced && !is_looked_at(hours, minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SimClock;

    fn moment(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    fn rests(hours: &str, zone: &str, at: &str) -> bool {
        let at = CaptureTime { wall_us: moment(at), mono_ms: 0, synced: true };
        is_resting(&[hours.to_owned()], at, &TimeZone::get(zone).unwrap())
    }

    #[test]
    fn a_camera_rests_by_the_local_clock_if_that_is_right() {
        let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
        let hours = ["06:00-22:00".to_owned()];
        // 23:30 in Bangkok.
        let at = |synced| CaptureTime { wall_us: moment("2026-01-10T16:30:00Z"), mono_ms: 0, synced };
        assert!(is_resting(&hours, at(true), &bangkok));
        assert!(!is_resting(&hours, at(false), &bangkok), "the clock may be wrong");
        assert!(!is_resting(&hours, at(true), &TimeZone::UTC));
        assert!(!is_resting(&[], at(true), &bangkok));
    }

    #[test]
    fn borders_are_to_the_minute_in_local_time_in_summer_and_in_winter() {
        for (border, before, after) in [
            ("2026-01-10T05:00:00Z", "2026-01-10T04:59:59Z", "2026-01-10T05:00:01Z"),
            ("2026-07-10T04:00:00Z", "2026-07-10T03:59:59Z", "2026-07-10T04:00:01Z"),
        ] {
            let at = |text| rests("06:00-22:00", "Europe/Berlin", text);
            assert!(at(before) && !at(border) && !at(after), "{border}");
        }
    }

    #[test]
    fn a_night_over_midnight_goes_on_through_the_hour_that_is_missing_and_the_one_that_comes_twice() {
        let at = |text| rests("22:00-06:00", "Europe/Berlin", text);
        // 29 March: 02:00 becomes 03:00; 25 October: 03:00 becomes 02:00. 21:59, 22:00 on the evening before, then to 06:00.
        for (evening, night, last, morning) in [
            ("2026-03-28T20:59:00Z", "2026-03-29T00:59:59Z", "2026-03-29T03:59:59Z", "2026-03-29T04:00:00Z"),
            ("2026-10-24T19:59:00Z", "2026-10-25T01:30:00Z", "2026-10-25T04:59:59Z", "2026-10-25T05:00:00Z"),
        ] {
            assert!(at(evening) && !at(night) && !at(last) && at(morning), "{evening}");
        }
        // Between 02:15 and 02:45: not at all in that night, twice in the other.
        let at = |text| rests("02:15-02:45", "Europe/Berlin", text);
        assert!(at("2026-03-29T00:59:00Z") && at("2026-03-29T01:00:00Z") && at("2026-03-29T01:30:00Z"));
        assert!(!at("2026-10-25T00:30:00Z") && !at("2026-10-25T01:30:00Z") && at("2026-10-25T02:30:00Z"));
    }

    /// In the host's zone, whichever that is: hours that end a minute after `now`.
    fn over_in_a_minute(now: i64) -> Vec<Vec<String>> {
        let zoned = Timestamp::from_microsecond(now).unwrap().to_zoned(TimeZone::system());
        let text = |by: jiff::Span| zoned.checked_add(by).unwrap().strftime("%H:%M").to_string();
        vec![vec![format!("{}-{}", text(jiff::Span::new().hours(-2)), text(jiff::Span::new().minutes(1)))], vec![]]
    }

    #[tokio::test]
    async fn the_flag_follows_a_clock_that_passes_the_border_is_set_and_steps() {
        let start = moment("2026-05-01T03:00:00Z");
        let clock = Arc::new(SimClock::new(CaptureTime { wall_us: start, mono_ms: 0, synced: false }));
        let hours = watch::Sender::new(over_in_a_minute(start));
        let flags: Vec<Arc<AtomicBool>> = vec![Arc::default(), Arc::default()];
        let keeper = tokio::spawn(keep(hours.subscribe(), flags.clone(), clock.clone()));
        // The hours said again have the clock looked at at once, before this task has its next turn but a few.
        let says = async |expected: bool, what: &str| {
            hours.send_modify(|_| {});
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            assert_eq!(flags[0].load(Ordering::Relaxed), expected, "{what}");
            assert!(!flags[1].load(Ordering::Relaxed), "a camera without hours never rests");
        };
        says(false, "within its hours").await;
        clock.advance(Duration::from_secs(60));
        says(false, "its hours are over, by a clock that may be wrong").await;
        clock.set_synced(true);
        says(true, "its hours are over").await;
        clock.step_wall_us(-3_600_000_000);
        says(false, "the clock was an hour ahead").await;
        clock.advance(Duration::from_secs(3600));
        says(true, "its hours are over again").await;
        hours.send_replace(vec![vec![], vec![]]);
        says(false, "hours that are taken away").await;
        keeper.abort();
    }
}
