//! Is a camera there? Pure.

/// How long silence may last, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of a camera without an open socket.
    pub window_us: i64,
    /// Of a camera that reports its health: so many of its intervals.
    pub silence_us: i64,
}

/// What is known of a camera; moments of a clock that never steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// That speak for it.
    pub sockets: usize,
    /// When the last of them closed.
    pub hung_up_us: Option<i64>,
    /// Its last word.
    pub heard_us: i64,
    /// It has reported its health at least once, so that it is expected to go on.
    pub reports_health: bool,
}

impl Facts {
    pub fn is_online(&self, limits: &Limits, now_us: i64) -> bool {
        // An open socket says that the box is there, not that its program still works.
        if self.is_silent(limits, now_us) {
            return false;
        }
        let is_recent = now_us.saturating_sub(self.heard_us) < limits.window_us;
        self.sockets > 0 || (is_recent && self.hung_up_us.is_none_or(|hung_up| self.heard_us > hung_up))
    }

    /// It should have spoken and has not.
    pub fn is_silent(&self, limits: &Limits, now_us: i64) -> bool {
        self.reports_health && now_us.saturating_sub(self.heard_us) >= limits.silence_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits { window_us: 300, silence_us: 100 };

    fn facts(sockets: usize, hung_up_us: Option<i64>, heard_us: i64, reports_health: bool) -> Facts {
        Facts { sockets, hung_up_us, heard_us, reports_health }
    }

    #[test]
    fn without_a_socket_the_window_counts_and_hanging_up_ends_it() {
        assert!(facts(0, None, 0, false).is_online(&LIMITS, 299));
        assert!(!facts(0, None, 0, false).is_online(&LIMITS, 300));
        assert!(!facts(0, Some(50), 40, false).is_online(&LIMITS, 51), "it hung up");
        assert!(facts(0, Some(50), 60, false).is_online(&LIMITS, 61), "it spoke again by REST");
    }

    #[test]
    fn an_open_socket_counts_unless_health_reports_stay_away() {
        assert!(facts(1, None, 0, false).is_online(&LIMITS, 1_000_000), "it never promised to report");
        assert!(facts(1, None, 0, true).is_online(&LIMITS, 99));
        assert!(!facts(1, None, 0, true).is_online(&LIMITS, 100));
        assert!(!facts(0, None, 0, true).is_online(&LIMITS, 100), "by REST too");
    }

    proptest! {
        #[test]
        fn a_camera_that_says_nothing_goes_at_most_once(
            sockets in 0usize..3, hung_up in proptest::option::of(0i64..500), heard in 0i64..500, reports in any::<bool>(),
        ) {
            let facts = facts(sockets, hung_up, heard, reports);
            let seen: Vec<bool> = (500..2000).map(|now| facts.is_online(&LIMITS, now)).collect();
            prop_assert!(seen.windows(2).all(|pair| pair[0] || !pair[1]), "it does not come back by itself");
        }
    }
}
