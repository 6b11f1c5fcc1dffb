//! A worker's pulse: it beats whenever the worker has got something done, and says when there is nothing to do. Whether a
//! pulse that stands still is a worker that hangs is [`Progress`]'s judgement, which is pure.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Shared by a worker and who watches it. Costs the worker an atomic addition.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    beats: AtomicU64,
    idle: AtomicBool,
    ended: AtomicBool,
}

/// A pulse at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Beats {
    pub count: u64,
    /// There is nothing to do, or the worker has ended: standing still is right.
    pub idle: bool,
}

impl Pulse {
    /// Something has been done, and there is more to do.
    pub fn beat(&self) {
        self.shared.idle.store(false, Ordering::Relaxed);
        self.shared.beats.fetch_add(1, Ordering::Release);
    }

    /// Nothing is to be done until the next [`Pulse::beat`].
    pub fn rest(&self) {
        self.shared.beats.fetch_add(1, Ordering::Release);
        self.shared.idle.store(true, Ordering::Relaxed);
    }

    /// The worker has come to its end and is not to be missed.
    pub fn end(&self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }

    pub fn has_ended(&self) -> bool {
        self.shared.ended.load(Ordering::Relaxed)
    }

    pub fn read(&self) -> Beats {
        let count = self.shared.beats.load(Ordering::Acquire);
        Beats { count, idle: self.shared.idle.load(Ordering::Relaxed) || self.has_ended() }
    }
}

/// Does a worker get on? Told its pulse now and then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    deadline: Duration,
    /// The newest beat, and when it was first seen.
    last: Option<(u64, Duration)>,
    /// A beat has been seen since the beginning, or since [`Progress::forgive`].
    moved: bool,
    late: bool,
}

impl Progress {
    /// Without a beat for `deadline` it hangs, unless it rests.
    pub fn within(deadline: Duration) -> Self {
        Self { deadline, last: None, moved: false, late: false }
    }

    /// For how long it has hung beyond all patience; `None` while it is well.
    pub fn look(&mut self, beats: Beats, now: Duration) -> Option<Duration> {
        match self.last {
            Some((count, since)) if count == beats.count && !beats.idle => {
                let still = now.saturating_sub(since);
                self.late = still >= self.deadline;
                self.late.then_some(still)
            }
            last => {
                self.moved |= last.is_some_and(|(count, _)| count != beats.count) || beats.idle;
                (self.last, self.late) = (Some((beats.count, now)), false);
                None
            }
        }
    }

    /// A new worker stands where the old one hung: it gets the whole deadline.
    pub fn forgive(&mut self) {
        (self.last, self.moved, self.late) = (None, false, false);
    }

    pub(super) fn is_late(&self) -> bool {
        self.late
    }

    pub(super) fn has_moved(&self) -> bool {
        self.moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    #[test]
    fn who_stops_amid_work_hangs_and_who_rests_does_not() {
        let pulse = Pulse::default();
        let mut progress = Progress::within(DEADLINE);
        let at = Duration::from_secs;
        pulse.beat();
        assert_eq!(progress.look(pulse.read(), at(0)), None);
        assert_eq!(progress.look(pulse.read(), at(9)), None);
        assert_eq!(progress.look(pulse.read(), at(10)), Some(at(10)));
        pulse.rest();
        assert_eq!(progress.look(pulse.read(), at(1000)), None);
        assert_eq!(progress.look(pulse.read(), at(9000)), None, "it rests");
        pulse.beat();
        assert_eq!(progress.look(pulse.read(), at(9001)), None);
        assert_eq!(progress.look(pulse.read(), at(9012)), Some(at(11)));
        pulse.end();
        assert_eq!(progress.look(pulse.read(), at(9999)), None);
    }

    proptest! {
        #[test]
        fn a_hang_is_seen_within_its_deadline_and_a_look_and_progress_never_is_one(
            steps in prop::collection::vec((1u64..4, any::<bool>()), 1..80)
        ) {
            let pulse = Pulse::default();
            pulse.beat();
            let mut progress = Progress::within(DEADLINE);
            let (mut now, mut still_since) = (0, 0);
            for (seconds, beats) in steps {
                now += seconds;
                if beats {
                    pulse.beat();
                    still_since = now;
                }
                let hangs = progress.look(pulse.read(), Duration::from_secs(now)).is_some();
                let still = now - still_since;
                // The first look may come up to 3 s after the first beat.
                prop_assert!(!hangs || still >= 10, "{still} s without a beat is no hang");
                prop_assert!(hangs || still < 10 + 3, "{still} s without a beat went unseen");
            }
        }
    }
}
