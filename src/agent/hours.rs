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
    let zone = TimeZone::system();
    loop {
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

    #[test]
    fn a_camera_rests_by_the_local_clock_if_that_is_right() {
        let bangkok = TimeZone::get("Asia/Bangkok").unwrap();
        let hours = ["06:00-22:00".to_owned()];
        // 23:30 in Bangkok.
        let night: Timestamp = "2026-01-10T16:30:00Z".parse().unwrap();
        let at = |synced| CaptureTime { wall_us: night.as_microsecond(), mono_ms: 0, synced };
        assert!(is_resting(&hours, at(true), &bangkok));
        assert!(!is_resting(&hours, at(false), &bangkok), "the clock may be wrong");
        assert!(!is_resting(&hours, at(true), &TimeZone::UTC));
        assert!(!is_resting(&[], at(true), &bangkok));
    }
}
