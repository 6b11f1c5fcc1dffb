//! How far a camera's clock is from ours, from when its events were stamped and when they came. Pure.
//!
//! An event comes later than it was stamped, by as long as it waited: minutes and days where it comes from a backlog. So
//! what is seen is `ours − theirs + waited`, and the smallest of many is the nearest to the truth. It is sure where the
//! wait cannot be the reason: the clock is ahead of ours, or the event is a registration, which never waits, or the
//! smallest of two different minutes agree. A backlog that is caught up with comes closer from minute to minute.

use std::collections::VecDeque;

const SLOT_US: i64 = 60_000_000;
/// Minutes that are remembered.
const SLOTS: i64 = 10;
/// Two minutes agree if they are no further apart.
const AGREE_US: i64 = 5_000_000;

/// What the last minutes showed.
#[derive(Debug, Clone, Default)]
pub struct SkewWindow {
    /// Minute, smallest difference in it, and whether that was of an event that did not wait.
    slots: VecDeque<(i64, i64, bool)>,
}

/// One event's difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When it came minus when it was stamped.
    pub difference_us: i64,
    /// It cannot have waited.
    pub is_live: bool,
}

impl SkewWindow {
    /// Takes a sample at `now_us` of a clock that never steps.
    pub fn add(&mut self, now_us: i64, sample: Sample) {
        let slot = now_us.div_euclid(SLOT_US);
        let Sample { difference_us, is_live } = sample;
        match self.slots.back_mut() {
            Some((last, smallest, live)) if *last == slot => {
                if difference_us < *smallest {
                    (*smallest, *live) = (difference_us, is_live || (*live && *smallest - difference_us <= AGREE_US));
                } else {
                    *live |= is_live && difference_us - *smallest <= AGREE_US;
                }
            }
            _ => self.slots.push_back((slot, difference_us, is_live)),
        }
        while self.slots.len() > SLOTS as usize {
            self.slots.pop_front();
        }
    }

    /// Positive: the camera's clock is behind ours. `None` where nothing is sure.
    pub fn skew_us(&self, now_us: i64) -> Option<i64> {
        let oldest = now_us.div_euclid(SLOT_US) - SLOTS + 1;
        let slots = || self.slots.iter().filter(|(slot, ..)| *slot >= oldest);
        let smallest = slots().map(|(_, smallest, _)| *smallest).min()?;
        let near = || slots().filter(|(_, other, _)| other.saturating_sub(smallest) <= AGREE_US);
        let sure = smallest <= AGREE_US || near().any(|(.., live)| *live) || near().count() >= 2;
        sure.then_some(smallest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    /// `(when it came, stamped so much earlier, live)`, in seconds.
    fn skew(samples: &[(i64, i64, bool)]) -> Option<i64> {
        let mut window = SkewWindow::default();
        let mut last = 0;
        for (at, difference, is_live) in samples {
            last = at * SECOND;
            window.add(last, Sample { difference_us: difference * SECOND, is_live: *is_live });
        }
        window.skew_us(last).map(|us| us / SECOND)
    }

    #[test]
    fn a_backlog_is_no_skew_and_a_live_event_among_it_tells() {
        assert_eq!(skew(&[]), None);
        let draining: Vec<_> = (0..60).map(|n| (n * 10, 36_000 - n * 300, false)).collect();
        assert_eq!(skew(&draining), None);
        let mut with_live = draining.clone();
        with_live.push((600, 0, false));
        assert_eq!(skew(&with_live), Some(0));
    }

    #[test]
    fn a_clock_ahead_shows_at_once_and_one_behind_once_it_is_sure() {
        assert_eq!(skew(&[(0, -600, false)]), Some(-600), "no wait makes an event come before it was");
        assert_eq!(skew(&[(0, 600, true)]), Some(600), "a registration does not wait");
        assert_eq!(skew(&[(0, 600, false)]), None);
        assert_eq!(skew(&[(0, 600, false), (30, 600, false)]), None, "one minute is one word");
        assert_eq!(skew(&[(0, 600, false), (30, 601, false), (61, 602, false)]), Some(600));
    }

    #[test]
    fn a_clock_that_was_set_is_right_after_the_window() {
        let mut samples = vec![(0, -600, false)];
        samples.extend((1..=20).map(|n| (n * 30, 0, false)));
        assert_eq!(skew(&samples), Some(0));
    }

    proptest! {
        #[test]
        fn however_long_events_wait_the_truth_is_found_where_some_did_not(
            truth in -100_000i64..100_000, waits in proptest::collection::vec((0i64..86_400, any::<bool>()), 1..200),
        ) {
            let mut window = SkewWindow::default();
            let mut at = 0;
            let mut last_minute_seen = Vec::new();
            for (wait, waited) in &waits {
                at += 5 * SECOND;
                let wait = if *waited { *wait } else { 0 };
                window.add(at, Sample { difference_us: (truth + wait) * SECOND, is_live: false });
                last_minute_seen.push((at, wait));
            }
            let Some(found) = window.skew_us(at) else { return Ok(()) };
            prop_assert!(found >= truth * SECOND, "never further ahead than the truth");
            let oldest = (at.div_euclid(SLOT_US) - SLOTS + 1) * SLOT_US;
            if last_minute_seen.iter().any(|(at, wait)| *at >= oldest && *wait == 0) {
                prop_assert_eq!(found, truth * SECOND);
            }
        }

        #[test]
        fn no_number_is_too_much(samples in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<bool>()), 0..50)) {
            let mut window = SkewWindow::default();
            for (at, difference_us, is_live) in samples {
                window.add(at, Sample { difference_us: difference_us / 4, is_live });
                let _ = window.skew_us(at);
            }
        }
    }
}
