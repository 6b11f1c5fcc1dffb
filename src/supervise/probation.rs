//! A part that has taken another's place and must prove itself for a while. Pure.

use std::time::Duration;

/// What a failure costs; a success takes one back.
const COST: u32 = 10;
/// What may be owed: two failures in a row, or one in eleven for ever.
const CREDIT: u32 = 29;

/// How the part does so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probation {
    until: Duration,
    owed: u32,
}

impl Probation {
    pub fn until(until: Duration) -> Self {
        Self { until, owed: 0 }
    }

    pub fn succeeded(&mut self) {
        self.owed = self.owed.saturating_sub(1);
    }

    /// Has it failed once too often?
    pub fn failed(&mut self) -> bool {
        self.owed = self.owed.saturating_add(COST);
        self.owed > CREDIT
    }

    pub fn is_over(&self, now: Duration) -> bool {
        now >= self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_failures_in_a_row_are_too_many_and_one_now_and_then_is_not() {
        let mut probation = Probation::until(Duration::from_secs(600));
        assert_eq!([(); 3].map(|()| probation.failed()), [false, false, true]);
        let mut probation = Probation::until(Duration::from_secs(600));
        for _ in 0..1000 {
            assert!(!probation.failed());
            (0..10).for_each(|_| probation.succeeded());
        }
        assert!(!probation.is_over(Duration::from_secs(599)) && probation.is_over(Duration::from_secs(600)));
    }

    proptest! {
        #[test]
        fn whatever_went_well_before_what_breaks_is_found_out_within_three_looks_and_half_broken_within_ten(
            well in 0u32..100_000, starts_well in any::<bool>(),
        ) {
            let mut broken = Probation::until(Duration::ZERO);
            (0..well).for_each(|_| broken.succeeded());
            let mut half = broken;
            prop_assert!((0..3).any(|_| broken.failed()));
            let fails = |look: usize| look.is_multiple_of(2) != starts_well;
            let mut found = false;
            for look in 0..10 {
                if fails(look) { found |= half.failed() } else { half.succeeded() }
            }
            prop_assert!(found);
        }
    }
}
