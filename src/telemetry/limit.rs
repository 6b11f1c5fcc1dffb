//! A limit on warnings: what flaps is said a few times and then seldom, so that the journal at `warning` shows what is wrong
//! and not how often. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// So many of a kind at once …
const BURST: u32 = 3;
/// … then one in this time, which also gives one back.
const REFILL: Duration = Duration::from_secs(600);
/// Kinds that are remembered; beyond, the longest silent are forgotten.
const KINDS: usize = 512;

/// Whether a line may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Write it. So many of its kind were left out before it.
    Write {
        left_out: u64,
    },
    LeaveOut,
}

/// Remembers what has been written of each kind.
#[derive(Debug)]
pub struct Limiter<K> {
    kinds: HashMap<K, Kind>,
}

#[derive(Debug)]
struct Kind {
    /// Lines that may still be written at once.
    left: u32,
    refilled: Duration,
    left_out: u64,
}

impl<K> Default for Limiter<K> {
    fn default() -> Self {
        Self { kinds: HashMap::new() }
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    /// A line of this kind is to be written at `now`.
    pub fn ask(&mut self, kind: K, now: Duration) -> Verdict {
        if self.kinds.len() >= KINDS && !self.kinds.contains_key(&kind) {
            self.forget_oldest();
        }
        let kind = self.kinds.entry(kind).or_insert(Kind { left: BURST, refilled: now, left_out: 0 });
        let refills = now.saturating_sub(kind.refilled).as_secs() / REFILL.as_secs();
        if refills > 0 {
            kind.left = kind.left.saturating_add(u32::try_from(refills).unwrap_or(u32::MAX)).min(BURST);
            kind.refilled = now;
        }
        if kind.left == 0 {
            kind.left_out += 1;
            return Verdict::LeaveOut;
        }
        kind.left -= 1;
        Verdict::Write { left_out: std::mem::take(&mut kind.left_out) }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.kinds.iter().min_by_key(|(_, kind)| kind.refilled).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            self.kinds.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_are_written_then_one_in_ten_minutes_that_says_how_many_were_left_out() {
        let mut limiter = Limiter::default();
        let mut ask = |second| limiter.ask("down", Duration::from_secs(second));
        for second in 0..3 {
            assert_eq!(ask(second), Verdict::Write { left_out: 0 });
        }
        for second in 3..600 {
            assert_eq!(ask(second), Verdict::LeaveOut);
        }
        assert_eq!(ask(600), Verdict::Write { left_out: 597 });
        assert_eq!(ask(601), Verdict::LeaveOut);
        assert_eq!(limiter.ask("another kind", Duration::from_secs(601)), Verdict::Write { left_out: 0 });
    }

    proptest! {
        #[test]
        fn every_line_is_written_or_counted_and_a_day_holds_no_more_than_its_share(
            gaps in prop::collection::vec(0u64..400, 1..800)
        ) {
            let mut limiter = Limiter::default();
            let (mut now, mut written, mut counted, mut pending) = (0, 0u64, 0u64, 0u64);
            for gap in &gaps {
                now += gap;
                match limiter.ask(7, Duration::from_secs(now)) {
                    Verdict::Write { left_out } => {
                        prop_assert_eq!(left_out, pending);
                        (written, counted, pending) = (written + 1, counted + left_out, 0);
                    }
                    Verdict::LeaveOut => pending += 1,
                }
            }
            prop_assert_eq!(written + counted + pending, gaps.len() as u64);
            prop_assert!(written <= u64::from(BURST) + now / REFILL.as_secs());
        }

        #[test]
        fn no_number_of_kinds_grows_it_for_ever(kinds in prop::collection::vec(any::<u16>(), 1..2000)) {
            let mut limiter = Limiter::default();
            for (second, kind) in kinds.into_iter().enumerate() {
                limiter.ask(kind, Duration::from_secs(second as u64));
                prop_assert!(limiter.kinds.len() <= KINDS);
            }
        }
    }
}
