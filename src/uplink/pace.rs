//! How many bytes may be in flight at once: about what the link carries in a few seconds, learnt from how long answers
//! take. Pure. Without a bound of this kind a slow link has so much queued that no answer comes in time.

use std::time::Duration;

/// Bytes at the start, at the least, and at the most: memory on a small box is worth more than speed.
const FIRST: usize = 256 << 10;
const LEAST: usize = 32 << 10;
const MOST: usize = 8 << 20;
/// An answer that took longer than this was queued too long.
const SLOW: Duration = Duration::from_secs(4);
/// One that came sooner than this says that there is room for more.
const FAST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    /// When it was last halved: what was sent before says nothing about the new bound.
    since: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { most: FIRST, since: Duration::ZERO }
    }
}

impl Pace {
    /// May something be added to what is in flight? One event always may, however large.
    pub(super) fn has_room(&self, in_flight: usize) -> bool {
        in_flight < self.most
    }

    /// An event of this size was answered; with it, `in_flight` bytes were under way.
    pub(super) fn answered(&mut self, bytes: usize, in_flight: usize, sent: Duration, now: Duration) {
        match now.saturating_sub(sent) {
            took if took >= SLOW => self.halve(sent, now),
            took if took <= FAST && in_flight >= self.most / 2 => self.most = (self.most + bytes).min(MOST),
            _ => {}
        }
    }

    /// An event had no answer: its connection broke, or it waited in vain.
    pub(super) fn broke(&mut self, sent: Duration, now: Duration) {
        self.halve(sent, now);
    }

    fn halve(&mut self, sent: Duration, now: Duration) {
        if sent >= self.since {
            self.most = (self.most / 2).max(LEAST);
            self.since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// Sends events of this size over a link of so many bytes a second, as many at once as may be; how long the last
    /// answers took at the most.
    fn longest_wait(bytes: usize, rate: f64, window: usize) -> Duration {
        let mut pace = Pace::default();
        let mut flights: Vec<Duration> = Vec::new();
        let (mut now, mut longest) = (Duration::ZERO, Duration::ZERO);
        for number in 0..400 {
            while flights.len() < window && (flights.is_empty() || pace.has_room(flights.len() * bytes)) {
                flights.push(now);
            }
            now += Duration::from_secs_f64(bytes as f64 / rate) + ms(1);
            let in_flight = flights.len() * bytes;
            let sent = flights.remove(0);
            pace.answered(bytes, in_flight, sent, now);
            if number >= 100 {
                longest = longest.max(now - sent);
            }
        }
        longest
    }

    #[test]
    fn a_slow_link_has_no_more_queued_than_it_carries_in_seconds_and_a_fast_one_is_filled() {
        assert!(longest_wait(266_000, 50_000.0, 16) < ms(11_000), "two pictures at the most");
        assert!(longest_wait(2_000, 16_000.0, 16) < ms(4_000));
        let mut pace = Pace::default();
        (0..100).for_each(|_| pace.answered(266_000, 4 << 20, ms(0), ms(20)));
        assert!(pace.has_room(4 << 20), "a fast link may have a window of pictures");
    }

    #[test]
    fn what_was_sent_together_slows_down_once() {
        let mut pace = Pace::default();
        (0..16).for_each(|_| pace.broke(ms(10), ms(5000)));
        assert!(pace.has_room(FIRST / 2 - 1) && !pace.has_room(FIRST / 2));
        pace.broke(ms(5000), ms(9000));
        assert!(!pace.has_room(FIRST / 4));
    }

    proptest! {
        #[test]
        fn one_event_always_has_room(steps in prop::collection::vec((any::<bool>(), 0usize..10_000_000, 0u64..20_000), 0..200)) {
            let (mut pace, mut now) = (Pace::default(), Duration::ZERO);
            for (breaks, bytes, took) in steps {
                let sent = now;
                now += ms(took);
                if breaks { pace.broke(sent, now) } else { pace.answered(bytes, bytes, sent, now) }
                prop_assert!(pace.has_room(0) && !pace.has_room(MOST));
            }
        }
    }
}
