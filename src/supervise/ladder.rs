//! What is done about a part that hangs: rebuild it → end the process, which systemd starts anew. (A camera that merely
//! gives no frames is opened again by `capture`, without asking here.) Each rung has a budget, so that what is broken for
//! good is left alone and said so, instead of starting the process anew for ever.

use super::ExitLog;
use std::collections::VecDeque;
use std::time::Duration;

/// At most so many within so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub times: usize,
    pub within: Duration,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Leave its thread behind and start another with everything new.
    Rebuild,
    /// Only a new process helps.
    Exit,
    /// That has been tried too often: it stays as it is, degraded and visible.
    Leave,
}

/// How often which rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// `None`: it owns what cannot be had twice.
    pub rebuild: Option<Allowance>,
    /// Both must have room.
    pub exit: [Allowance; 2],
}

impl Budget {
    /// Process exits: two an hour, six a day.
    pub const EXITS: [Allowance; 2] = [Allowance { times: 2, within: HOUR }, Allowance { times: 6, within: DAY }];

    /// Cameras and the inference thread: what is left behind at each rebuilding takes memory until the process ends.
    pub const REBUILDS: Budget = Budget { rebuild: Some(Allowance { times: 2, within: DAY }), exit: Self::EXITS };

    /// Threads that own what cannot be had twice (the outbox's lock, the evidence).
    pub const ONLY_EXIT: Budget = Budget { rebuild: None, exit: Self::EXITS };
}

/// One part's ladder.
#[derive(Debug, Clone)]
pub struct Ladder {
    budget: Budget,
    rebuilt: VecDeque<Duration>,
}

impl Ladder {
    pub fn new(budget: Budget) -> Self {
        Self { budget, rebuilt: VecDeque::new() }
    }

    /// The part hangs at `now` (monotonic): what is to be done? What is returned counts as done. `exits`: those of all
    /// parts, of earlier processes too.
    pub fn climb(&mut self, now: Duration, exits: &ExitLog) -> Rung {
        if spend(&mut self.rebuilt, self.budget.rebuild, now) {
            return Rung::Rebuild;
        }
        let room = |allowance: &Allowance| exits.within(allowance.within, now) < allowance.times;
        if self.budget.exit.iter().all(room) { Rung::Exit } else { Rung::Leave }
    }
}

/// Takes one from the allowance, if there is one left.
fn spend(done: &mut VecDeque<Duration>, allowance: Option<Allowance>, now: Duration) -> bool {
    let Some(Allowance { times, within }) = allowance else { return false };
    while done.front().is_some_and(|at| now.saturating_sub(*at) >= within) {
        done.pop_front();
    }
    let left = done.len() < times;
    if left {
        done.push_back(now);
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervise::Exited;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Exited {
        Exited { part: "infer".into(), boot: "b".into(), mono_s: seconds, wall_s: 0 }
    }

    #[test]
    fn the_rungs_come_in_their_order_and_the_last_is_patience() {
        let mut ladder = Ladder::new(Budget::REBUILDS);
        let mut exits = ExitLog::new("b".into(), Vec::new());
        let mut taken = Vec::new();
        for second in 0..6 {
            let rung = ladder.climb(second * SECOND, &exits);
            if rung == Rung::Exit {
                exits.add(at(u64::from(second)));
            }
            taken.push(rung);
        }
        use Rung::{Exit, Leave, Rebuild};
        assert_eq!(taken, [Rebuild, Rebuild, Exit, Exit, Leave, Leave]);
        assert_eq!(ladder.climb(3610 * SECOND, &exits), Exit, "an hour later there may be another");
        assert_eq!(ladder.climb(25 * 3600 * SECOND, &exits), Rebuild, "a day later it begins anew");
    }

    #[test]
    fn what_cannot_be_had_twice_is_not_rebuilt() {
        let exits = ExitLog::new("b".into(), Vec::new());
        assert_eq!(Ladder::new(Budget::ONLY_EXIT).climb(SECOND, &exits), Rung::Exit);
        assert_eq!(Ladder::new(Budget::REBUILDS).climb(SECOND, &exits), Rung::Rebuild);
    }

    proptest! {
        /// Whatever hangs how often, and however often the process has started anew.
        #[test]
        fn no_rung_is_taken_more_often_than_its_budget_has(hangs in prop::collection::vec((1u64..4000, 0u8..10), 1..300)) {
            let mut exits = ExitLog::new("b".into(), Vec::new());
            let mut ladder = Ladder::new(Budget::REBUILDS);
            let (mut now, mut taken) = (0, Vec::new());
            for (seconds, fresh) in hangs {
                now += seconds;
                // A process started anew knows nothing of its predecessor but the log of exits.
                if fresh == 0 {
                    ladder = Ladder::new(Budget::REBUILDS);
                    taken.retain(|(rung, _)| *rung == Rung::Exit);
                }
                let rung = ladder.climb(Duration::from_secs(now), &exits);
                if rung == Rung::Exit {
                    exits.add(at(now));
                    ladder = Ladder::new(Budget::REBUILDS);
                    taken.retain(|(rung, _)| *rung == Rung::Exit);
                }
                taken.push((rung, now));
                let count = |rung, within| taken.iter().filter(|(r, at)| *r == rung && now - at < within).count();
                prop_assert!(count(Rung::Rebuild, 24 * 3600) <= 2);
                prop_assert!(count(Rung::Exit, 3600) <= 2, "more than two exits in an hour");
                prop_assert!(count(Rung::Exit, 24 * 3600) <= 6, "more than six exits in a day");
            }
        }
    }
}
