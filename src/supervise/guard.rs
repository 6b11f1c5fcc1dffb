//! All parts that may hang, watched together. Pure: it is told what is seen and says what is to be done.

use super::{Beats, Budget, ExitLog, Exited, Ladder, Progress, Rung};
use std::time::Duration;

/// What is seen of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    pub beats: Beats,
    /// It lives and says itself that it cannot get on.
    pub wedged: bool,
    /// It has never worked in this process, so that another would be no better.
    pub hopeless: bool,
}

/// What a part is told to have done to it, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Rebuild(usize),
    Exit(usize),
}

/// What is worth a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    Hangs { part: String, seconds: u64, rung: Rung },
    GoesOn { part: String },
}

/// One part.
#[derive(Debug, Clone)]
struct Part {
    name: String,
    progress: Progress,
    ladder: Ladder,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    /// Something is being done about it.
    Tended,
    /// Nothing more may be done for now.
    Left,
}

/// The parts, and the log of exits.
#[derive(Debug, Clone)]
pub struct Guard {
    parts: Vec<Part>,
    exits: ExitLog,
    looked: Option<Duration>,
}

/// Who has not looked for so long was held up himself (the box slept, or was swamped), and the parts with him.
const HELD_UP: Duration = Duration::from_secs(15);

impl Guard {
    pub fn new(exits: ExitLog) -> Self {
        Self { parts: Vec::new(), exits, looked: None }
    }

    /// Watches a part that must get on within `deadline`; its place is the number of those before it.
    pub fn add(&mut self, name: impl Into<String>, deadline: Duration, budget: Budget) {
        let (progress, ladder) = (Progress::within(deadline), Ladder::new(budget));
        self.parts.push(Part { name: name.into(), progress, ladder, state: State::Well });
    }

    /// Looks at all parts, `seen` in their order.
    pub fn look(&mut self, seen: &[Seen], now: Duration) -> (Vec<Order>, Vec<Word>) {
        let (mut orders, mut words) = (Vec::new(), Vec::new());
        if self.looked.replace(now).is_some_and(|looked| now.saturating_sub(looked) >= HELD_UP) {
            self.parts.iter_mut().for_each(|part| part.progress.forgive());
        }
        for (place, (part, seen)) in self.parts.iter_mut().zip(seen).enumerate() {
            // Turns that lead nowhere are no progress.
            let beats = if seen.wedged { Beats { count: u64::MAX, idle: false } } else { seen.beats };
            let Some(hung) = part.progress.look(beats, now) else {
                if part.state != State::Well && part.progress.has_moved() {
                    part.state = State::Well;
                    words.push(Word::GoesOn { part: part.name.clone() });
                }
                continue;
            };
            let rung = match part.ladder.climb(now, &self.exits) {
                Rung::Exit if seen.hopeless => Rung::Leave,
                rung => rung,
            };
            if rung != Rung::Leave || part.state != State::Left {
                words.push(Word::Hangs { part: part.name.clone(), seconds: hung.as_secs(), rung });
            }
            part.state = if rung == Rung::Leave { State::Left } else { State::Tended };
            match rung {
                Rung::Rebuild => {
                    part.progress.forgive();
                    orders.push(Order::Rebuild(place));
                }
                Rung::Exit => orders.push(Order::Exit(place)),
                Rung::Leave => {}
            }
        }
        (orders, words)
    }

    /// May systemd be told that all is well? Not while a part hangs for which something is still to be done; one that was
    /// tried too often is left to itself, so that the others work on.
    pub fn is_well(&self) -> bool {
        self.parts.iter().all(|part| part.state != State::Tended || !part.progress.is_late())
    }

    /// Parts that do not work, and whether they were given up.
    pub fn hanging(&self) -> Vec<(String, bool)> {
        let hang = self.parts.iter().filter(|part| part.state != State::Well);
        hang.map(|part| (part.name.clone(), part.state == State::Left)).collect()
    }

    pub fn name(&self, place: usize) -> &str {
        self.parts.get(place).map_or("", |part| &part.name)
    }

    /// Writes down that the process ends for want of anything better.
    pub fn note_exit(&mut self, exited: Exited) -> &ExitLog {
        self.exits.add(exited);
        &self.exits
    }

    /// The wall clock now, by which exits of other boots are dated.
    pub fn tell_wall(&mut self, wall_s: i64) {
        self.exits.tell_wall(wall_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn seen(count: u64) -> Seen {
        Seen { beats: Beats { count, idle: false }, ..Seen::default() }
    }

    fn guard() -> Guard {
        let mut guard = Guard::new(ExitLog::new("b".into(), Vec::new()));
        guard.add("infer", DEADLINE, Budget::REBUILDS);
        guard.add("media", DEADLINE, Budget::ONLY_EXIT);
        guard
    }

    fn exited(mono_s: u64) -> Exited {
        Exited { part: "infer".into(), boot: "b".into(), mono_s, wall_s: 0 }
    }

    #[test]
    fn a_part_that_hangs_is_rebuilt_and_the_other_is_left_alone() {
        let mut guard = guard();
        let at = Duration::from_secs;
        assert_eq!(guard.look(&[seen(1), seen(1)], at(0)), (vec![], vec![]));
        let (orders, words) = guard.look(&[seen(1), seen(2)], at(10));
        assert_eq!(orders, [Order::Rebuild(0)]);
        assert_eq!(words, [Word::Hangs { part: "infer".into(), seconds: 10, rung: Rung::Rebuild }]);
        assert_eq!(guard.hanging(), [("infer".into(), false)]);
        assert!(guard.is_well(), "its successor has the whole deadline");
        guard.look(&[seen(1), seen(3)], at(11));
        let (orders, words) = guard.look(&[seen(2), seen(4)], at(12));
        assert_eq!((orders, words), (vec![], vec![Word::GoesOn { part: "infer".into() }]));
        assert!(guard.hanging().is_empty());
    }

    #[test]
    fn what_hangs_for_ever_ends_the_process_a_few_times_and_is_then_left_while_the_watchdog_is_fed() {
        let mut guard = guard();
        let (mut exits, mut fed, mut hangs) = (Vec::new(), Vec::new(), 0);
        for second in 0..3_000 {
            let (orders, words) = guard.look(&[seen(1), seen(second)], Duration::from_secs(second));
            hangs += words.len();
            if orders.contains(&Order::Exit(0)) {
                exits.push(second);
                guard.note_exit(exited(second));
            }
            fed.push(guard.is_well());
        }
        assert_eq!(exits.len(), 2, "{exits:?}");
        assert!(!fed[exits[0] as usize], "systemd may end us, too, if we cannot");
        assert!(fed[2_999], "given up: the others work on");
        assert_eq!(guard.hanging(), [("infer".into(), true)]);
        assert_eq!(hangs, 2 + 2 + 1, "one line for each step, none for its repetition");
    }

    #[test]
    fn a_box_that_slept_is_not_taken_for_one_that_hangs() {
        let mut guard = guard();
        let at = Duration::from_secs;
        guard.look(&[seen(1), seen(1)], at(0));
        assert_eq!(guard.look(&[seen(1), seen(1)], at(8 * 3600)), (vec![], vec![]));
        guard.look(&[seen(1), seen(2)], at(8 * 3600 + 9));
        let (orders, _) = guard.look(&[seen(1), seen(3)], at(8 * 3600 + 10));
        assert_eq!(orders, [Order::Rebuild(0)], "one that hangs afterwards is");
    }

    #[test]
    fn a_camera_that_never_gave_a_frame_ends_no_process() {
        let mut guard = guard();
        let mut orders = Vec::new();
        for second in 0..3_000 {
            let never = Seen { hopeless: true, ..seen(1) };
            orders.extend(guard.look(&[never, seen(second)], Duration::from_secs(second)).0);
        }
        assert_eq!(orders, [Order::Rebuild(0), Order::Rebuild(0)]);
        assert_eq!((guard.hanging(), guard.is_well()), (vec![("infer".into(), true)], true));
    }

    #[test]
    fn a_camera_that_turns_round_and_round_without_getting_on_hangs() {
        let mut guard = guard();
        let mut orders = Vec::new();
        for second in 0..12 {
            let wedged = Seen { wedged: true, ..seen(second) };
            orders.extend(guard.look(&[wedged, seen(second)], Duration::from_secs(second)).0);
        }
        assert_eq!(orders, [Order::Rebuild(0)]);
    }
}
