//! Bytes written, and how long the card lasts at that rate.

use std::fs;
use std::time::Duration;

const DAY_S: f64 = 86_400.0;
/// A rate is judged only after so long: the start writes more than an ordinary hour.
const JUDGED_AFTER: Duration = Duration::from_secs(6 * 3600);
/// A card that lasts less than this is a warning, days.
const SHORT_LIFE: f64 = 365.0;

/// What this process has sent to the disk since it began, as the kernel counts it: pages, not calls. `None` where /proc
/// does not tell.
pub fn written_bytes() -> Option<u64> {
    let io = fs::read_to_string("/proc/self/io").ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes:"))?.trim().parse().ok()
}

/// How the card wears.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wear {
    pub bytes_per_day: f64,
    /// A new card's life at that rate; `None` where nothing is written.
    pub life_days: Option<f64>,
    /// It is judged, and short.
    pub short: bool,
}

/// `written` bytes in `since` on a card that takes `terabytes` in its life.
pub fn wear(written: u64, since: Duration, terabytes: f64) -> Option<Wear> {
    let days = since.as_secs_f64() / DAY_S;
    let bytes_per_day = written as f64 / days;
    if !bytes_per_day.is_finite() {
        return None;
    }
    let life_days = Some(terabytes * 1e12 / bytes_per_day).filter(|life| life.is_finite());
    let short = since >= JUDGED_AFTER && life_days.is_some_and(|life| life < SHORT_LIFE);
    Some(Wear { bytes_per_day, life_days, short })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_knows_what_it_has_written() {
        assert!(written_bytes().is_some());
    }

    #[test]
    fn a_gigabyte_a_day_wears_a_card_of_20_tb_in_55_years_and_a_hundred_in_half_a_one() {
        let day = Duration::from_secs(86_400);
        let calm = wear(1_000_000_000, day, 20.0).unwrap();
        assert_eq!((calm.life_days, calm.short), (Some(20_000.0), false));
        let busy = wear(100_000_000_000, day, 20.0).unwrap();
        assert_eq!((busy.life_days, busy.short), (Some(200.0), true));
        assert!(!wear(1_000_000_000_000, Duration::from_secs(60), 20.0).unwrap().short, "not yet judged");
        assert_eq!(wear(5, Duration::ZERO, 20.0), None);
        assert_eq!(wear(0, day, 20.0).unwrap().life_days, None);
    }
}
