//! When a delivery is tried again, and when no more. Pure.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// The other side as a whole cannot take anything now: no answer, 408, 425, 429, 5xx. It may say until when.
    Down {
        reason: String,
        wait: Option<Duration>,
    },
    /// It was answered and not taken; others may be.
    Refused {
        reason: String,
    },
}

impl Outcome {
    /// What an HTTP status says. Redirects are not followed: the signature is for the address that was configured.
    pub fn of(status: u16, retry_after: Option<Duration>) -> Self {
        let reason = format!("HTTP {status}");
        match status {
            200..=299 => Outcome::Delivered,
            408 | 425 | 429 | 500..=599 => Outcome::Down { reason, wait: retry_after },
            300..=399 => Outcome::Refused { reason: format!("{reason}: redirects are not followed") },
            _ => Outcome::Refused { reason },
        }
    }
}

/// The pause after so many attempts have failed (from 1): it doubles from 1 s to 10 min, and a random part of it, `chance`
/// of 0–1, between its half and its whole is taken.
pub fn pause(failed: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1u32 << failed.saturating_sub(1).min(20)).min(LONGEST);
    doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

/// Is it time to stop trying what was made at `created_us`?
pub fn is_hopeless(created_us: i64, now_us: i64, give_up: Duration) -> bool {
    i128::from(now_us) - i128::from(created_us) >= i128::try_from(give_up.as_micros()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert_eq!(Outcome::of(204, None), Outcome::Delivered);
        for status in [100, 301, 302, 400, 401, 404, 410] {
            assert!(matches!(Outcome::of(status, None), Outcome::Refused { .. }), "{status}");
        }
        for status in [408, 429, 500, 503] {
            let outcome = Outcome::of(status, Some(Duration::from_secs(9)));
            assert!(matches!(outcome, Outcome::Down { wait: Some(wait), .. } if wait.as_secs() == 9), "{status}");
        }
    }

    proptest! {
        #[test]
        fn pauses_grow_and_have_an_end(failed in 0u32..10_000, chance in 0.0f64..1.0) {
            let now = pause(failed, chance);
            prop_assert!(now >= FIRST / 2 && now <= LONGEST);
            prop_assert!(pause(failed + 1, chance) >= now);
        }

        #[test]
        fn what_was_given_up_stays_so(created in any::<i64>(), now in any::<i64>(), more in 0i64..1_000_000) {
            let day = Duration::from_secs(86_400);
            if is_hopeless(created, now, day) {
                prop_assert!(is_hopeless(created, now.saturating_add(more), day));
                prop_assert!(now > created);
            }
        }
    }
}
