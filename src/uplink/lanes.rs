//! Which of the waiting rows goes next. Pure.
//!
//! After an outage there are two lanes: what has come since the link became usable (live) and what waited before
//! (backlog). Live rows go first, but every fifth place belongs to the backlog, oldest first; a lane without rows leaves
//! its places to the other. When the backlog is used up there is one lane again.

use crate::outbox::RowId;
use std::collections::VecDeque;

/// One place in so many is the backlog's.
const BACKLOG_SHARE: u32 = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Live,
    Backlog,
}

/// What of a row says which goes first.
pub trait Ranked {
    /// Lower goes first; rows of the same rank go by age.
    fn rank(&self) -> u8;
}

/// Rows taken from the outbox and not yet sent, each lane in the order in which they go.
#[derive(Debug)]
pub struct Lanes<T> {
    live: VecDeque<(RowId, T)>,
    /// Also everything while there is no mark.
    backlog: VecDeque<(RowId, T)>,
    /// Rows with a higher number are live.
    mark: Option<RowId>,
    /// Live rows sent since the last of the backlog.
    live_in_a_row: u32,
    /// The outbox had nothing more for the lane when it was last asked.
    dry: [bool; 2],
    /// Something may have come since the outbox was last asked.
    news: bool,
    /// Asked for last.
    last: Lane,
    /// What was asked for before these rows were dropped is not taken in.
    round: u64,
}

/// A question to the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub lane: Lane,
    /// Above which row; `None`: all.
    pub above: Option<RowId>,
    round: u64,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        let (live, backlog) = (VecDeque::new(), VecDeque::new());
        Self {
            live,
            backlog,
            mark: None,
            live_in_a_row: 0,
            dry: [false; 2],
            news: false,
            last: Lane::Backlog,
            round: 0,
        }
    }
}

impl<T: Ranked> Lanes<T> {
    /// The link has become usable: all rows up to `newest` are backlog. Gives back what has to be fetched anew.
    pub fn begin(&mut self, newest: RowId) -> Vec<RowId> {
        self.mark = Some(newest);
        self.look_again();
        self.live.drain(..).map(|(id, _)| id).collect()
    }

    /// What to ask the outbox for now; `None`: both lanes have `enough` rows or no more to come.
    pub fn ask(&mut self, enough: usize) -> Option<Asked> {
        let wanting = |rows: &VecDeque<_>, lane| rows.len() < enough && !self.dry[lane as usize];
        let live = self.mark.is_some() && wanting(&self.live, Lane::Live);
        let backlog = wanting(&self.backlog, Lane::Backlog);
        let lane = match (live, backlog) {
            // In turn: where there is always news, both must have their answers.
            (true, true) if self.last == Lane::Live => Lane::Backlog,
            (true, _) => Lane::Live,
            (false, true) => Lane::Backlog,
            (false, false) => return None,
        };
        let above = if lane == Lane::Live { self.mark } else { None };
        (self.news, self.last) = (false, lane);
        Some(Asked { lane, above, round: self.round })
    }

    /// Takes in what the outbox gave; `more`: it may have more. Gives back what is too old to be taken in.
    pub fn fetched(&mut self, Asked { lane, round, .. }: Asked, rows: Vec<(RowId, T)>, more: bool) -> Vec<RowId> {
        if round != self.round {
            return rows.into_iter().map(|(id, _)| id).collect();
        }
        // What came while the outbox was looking may not be among these.
        self.dry[lane as usize] = !more && !self.news;
        let old = |id: &RowId| self.mark.is_some_and(|mark| *id <= mark);
        if lane == Lane::Backlog && !self.news && self.backlog.is_empty() && !rows.iter().any(|(id, _)| old(id)) {
            // Nothing old is left: one lane again, in which the live rows already taken come first.
            self.mark = None;
            self.backlog = std::mem::take(&mut self.live);
        }
        for (id, row) in rows {
            self.put_back(id, row);
        }
        Vec::new()
    }

    /// Drops every row, also those that the outbox is being asked for; they are fetched anew. Gives back which.
    pub fn drop_all(&mut self) -> Vec<RowId> {
        self.round += 1;
        self.dry = [false; 2];
        self.live.drain(..).chain(self.backlog.drain(..)).map(|(id, _)| id).collect()
    }

    /// There may be new rows, or old ones that are due again.
    pub fn look_again(&mut self) {
        self.dry = [false; 2];
        self.news = true;
    }

    /// A row that did not go after all takes its place again.
    pub fn put_back(&mut self, id: RowId, row: T) {
        let (lane, order) = (self.lane_of(id), (row.rank(), id));
        let place = lane.partition_point(|(other, row)| (row.rank(), *other) < order);
        lane.insert(place, (id, row));
    }

    /// The row whose turn it is.
    pub fn pop(&mut self) -> Option<(RowId, T)> {
        let backlog_turn = self.live_in_a_row + 1 >= BACKLOG_SHARE;
        if self.live.is_empty() || (backlog_turn && !self.backlog.is_empty()) {
            self.live_in_a_row = 0;
            return self.backlog.pop_front();
        }
        self.live_in_a_row = self.live_in_a_row.saturating_add(1);
        self.live.pop_front()
    }

    /// Every row held here.
    pub fn ids(&self) -> impl Iterator<Item = RowId> + '_ {
        self.live.iter().chain(&self.backlog).map(|(id, _)| *id)
    }

    fn lane_of(&mut self, id: RowId) -> &mut VecDeque<(RowId, T)> {
        match self.mark {
            Some(mark) if id > mark => &mut self.live,
            _ => &mut self.backlog,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Ranked for () {
        fn rank(&self) -> u8 {
            0
        }
    }

    impl Ranked for u8 {
        fn rank(&self) -> u8 {
            *self
        }
    }

    fn asked(lane: Lane) -> Asked {
        Asked { lane, above: None, round: 0 }
    }

    fn rows(numbers: impl IntoIterator<Item = i64>) -> Vec<(RowId, ())> {
        numbers.into_iter().map(|number| (RowId::for_tests(number), ())).collect()
    }

    fn number(id: RowId) -> i64 {
        (1..10_000).find(|n| RowId::for_tests(*n) == id).unwrap()
    }

    fn drain(lanes: &mut Lanes<()>, count: usize) -> Vec<i64> {
        std::iter::from_fn(|| lanes.pop()).take(count).map(|(id, ())| number(id)).collect()
    }

    #[test]
    fn without_an_outage_rows_go_in_the_outboxs_order() {
        let mut lanes = Lanes::default();
        assert_eq!(lanes.ask(4), Some(asked(Lane::Backlog)));
        lanes.fetched(asked(Lane::Backlog), rows([1, 2, 3]), false);
        assert_eq!(lanes.ask(4), None);
        assert_eq!(drain(&mut lanes, 9), [1, 2, 3]);
        lanes.look_again();
        assert_eq!(lanes.ask(4), Some(asked(Lane::Backlog)));
    }

    #[test]
    fn after_an_outage_live_rows_go_first_and_every_fifth_place_is_the_backlogs() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(100));
        assert_eq!(lanes.ask(4).unwrap().above, Some(RowId::for_tests(100)));
        lanes.fetched(asked(Lane::Live), rows(101..=108), true);
        lanes.fetched(asked(Lane::Backlog), rows(1..=4), true);
        assert_eq!(drain(&mut lanes, 12), [101, 102, 103, 104, 1, 105, 106, 107, 108, 2, 3, 4]);
    }

    #[test]
    fn when_the_backlog_is_used_up_there_is_one_lane_again() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(10));
        lanes.ask(4).unwrap();
        lanes.fetched(asked(Lane::Live), rows(11..=12), false);
        lanes.fetched(asked(Lane::Backlog), rows(13..=13), false);
        assert_eq!(drain(&mut lanes, 9), [11, 12, 13]);
        lanes.look_again();
        assert_eq!(lanes.ask(1), Some(asked(Lane::Backlog)));
    }

    #[test]
    fn rows_that_did_not_go_take_their_places_again_in_whatever_order_they_come_back() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(10));
        lanes.fetched(asked(Lane::Live), rows(11..=12), false);
        let (first, second) = (lanes.pop().unwrap(), lanes.pop().unwrap());
        lanes.put_back(first.0, ());
        lanes.put_back(second.0, ());
        assert_eq!(drain(&mut lanes, 2), [11, 12]);
        lanes.fetched(asked(Lane::Live), rows(13..=14), true);
        let again: Vec<i64> = lanes.begin(RowId::for_tests(14)).into_iter().map(number).collect();
        assert_eq!(again, [13, 14], "what was live is backlog after the next outage");
    }

    #[test]
    fn a_plate_passes_health_reports_that_were_fetched_before_it() {
        let mut lanes = Lanes::default();
        let row = |number, rank: u8| (RowId::for_tests(number), rank);
        lanes.fetched(asked(Lane::Backlog), vec![row(1, 1), row(2, 1)], false);
        lanes.fetched(asked(Lane::Backlog), vec![row(3, 0)], false);
        lanes.put_back(RowId::for_tests(4), 0);
        let order: Vec<i64> = std::iter::from_fn(|| lanes.pop()).map(|(id, _)| number(id)).collect();
        assert_eq!(order, [3, 4, 1, 2]);
    }

    #[test]
    fn a_row_that_comes_while_the_outbox_is_asked_is_asked_for_again() {
        let mut lanes: Lanes<()> = Lanes::default();
        let asked = lanes.ask(4).unwrap();
        lanes.look_again();
        lanes.fetched(asked, Vec::new(), false);
        let again = lanes.ask(4).expect("what came meanwhile may have been overlooked");
        lanes.fetched(again, Vec::new(), false);
        assert_eq!(lanes.ask(4), None);
    }

    #[test]
    fn rows_given_back_while_the_outbox_is_asked_are_asked_for_again() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(1));
        lanes.fetched(asked(Lane::Live), rows([2]), false);
        let under_way = lanes.ask(4).unwrap();
        assert_eq!(lanes.begin(RowId::for_tests(2)), [RowId::for_tests(2)]);
        lanes.fetched(under_way, Vec::new(), false);
        let asked_for: Vec<Lane> = (0..2).filter_map(|_| lanes.ask(4)).map(|asked| asked.lane).collect();
        assert!(asked_for.contains(&Lane::Backlog), "{asked_for:?}");
        assert_eq!(lanes.mark, Some(RowId::for_tests(2)), "nor does the old answer say that there is no backlog");
    }

    #[test]
    fn news_without_end_does_not_keep_the_backlog_from_being_asked_for() {
        let mut lanes: Lanes<()> = Lanes::default();
        lanes.begin(RowId::for_tests(10));
        let mut asked_for = Vec::new();
        for _ in 0..4 {
            let asked = lanes.ask(4).unwrap();
            lanes.look_again();
            lanes.fetched(asked, Vec::new(), false);
            asked_for.push(asked.lane);
        }
        assert!(asked_for.contains(&Lane::Backlog), "{asked_for:?}");
    }

    #[test]
    fn what_was_asked_for_before_everything_was_dropped_is_not_taken_in() {
        let mut lanes = Lanes::default();
        lanes.fetched(asked(Lane::Backlog), rows([1, 2]), true);
        let under_way = lanes.ask(4).unwrap();
        assert_eq!(lanes.drop_all().len(), 2);
        assert_eq!(lanes.fetched(under_way, rows([3]), false), [RowId::for_tests(3)]);
        assert!(lanes.pop().is_none() && lanes.ask(4).is_some());
    }

    proptest! {
        /// However rows come, none is lost or doubled, the backlog has its share and keeps its order.
        #[test]
        fn no_row_is_lost_and_the_backlog_has_its_share(
            old in 1i64..60, steps in prop::collection::vec((0i64..4, 0usize..6), 1..60),
        ) {
            let mut lanes = Lanes::default();
            lanes.begin(RowId::for_tests(old));
            lanes.fetched(asked(Lane::Backlog), rows(1..=old), true);
            let (mut newest, mut sent, mut live_in_a_row) = (old, Vec::new(), 0);
            for (new, places) in steps {
                lanes.fetched(asked(Lane::Live), rows(newest + 1..=newest + new), false);
                newest += new;
                for _ in 0..places {
                    let backlog_waits = !lanes.backlog.is_empty();
                    let Some((id, ())) = lanes.pop() else { break };
                    let id = number(id);
                    live_in_a_row = if id > old && backlog_waits { live_in_a_row + 1 } else { 0 };
                    prop_assert!(live_in_a_row < 5, "the backlog starves");
                    sent.push(id);
                }
            }
            let (backlog, live): (Vec<i64>, Vec<i64>) = sent.iter().copied().partition(|id| *id <= old);
            prop_assert!(backlog.is_sorted() && live.is_sorted());
            sent.extend(lanes.ids().map(number));
            sent.sort_unstable();
            prop_assert_eq!(sent, (1..=newest).collect::<Vec<_>>());
        }
    }
}
