//! How long to wait before a lost camera is opened again. Pure.

use std::time::Duration;

/// First wait at the most.
const FLOOR: Duration = Duration::from_secs(1);
/// Longest wait.
const CEILING: Duration = Duration::from_secs(30);

/// Exponential backoff with jitter: attempt n waits between half and all of `min(30 s, 1 s · 2ⁿ)`. Half is kept, so
/// that a camera which is booting is not pestered; the other half is random, so that ten cameras behind one switch
/// do not all come at once.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    attempt: u32,
}

impl Backoff {
    /// The next wait; `chance` is uniform in 0–1 (clamped).
    pub fn next(&mut self, chance: f64) -> Duration {
        let whole = CEILING.min(FLOOR * 2u32.saturating_pow(self.attempt.min(16)));
        self.attempt = self.attempt.saturating_add(1);
        let share = if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 1.0 };
        whole.mul_f64(0.5 + 0.5 * share)
    }

    /// Frames flow again: the next loss starts from the first wait.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Failed attempts since the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_grows_within_its_bounds_and_starts_over_after_a_reset(chances in prop::collection::vec(-1.0f64..2.0, 1..60)) {
            let mut backoff = Backoff::default();
            for (n, chance) in chances.iter().enumerate() {
                let wait = backoff.next(*chance);
                let whole = (1u64 << n.min(5)).min(30) as f64;
                prop_assert!(wait.as_secs_f64() >= whole / 2.0 - 1e-6 && wait.as_secs_f64() <= whole + 1e-6, "{n}: {wait:?}");
            }
            backoff.reset();
            prop_assert!(backoff.next(1.0) <= FLOOR);
        }
    }
}
