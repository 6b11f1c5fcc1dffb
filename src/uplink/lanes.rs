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

/// Rows taken from the outbox and not yet sent.
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
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { live: VecDeque::new(), backlog: VecDeque::new(), mark: None, live_in_a_row: 0, dry: [false; 2] }
    }
}

impl<T> Lanes<T> {
    /// The link has become usable: all rows up to `newest` are backlog. Gives back what has to be fetched anew.
    pub fn begin(&mut self, newest: RowId) -> Vec<RowId> {
        self.mark = Some(newest);
        self.dry = [false; 2];
        self.live.drain(..).map(|(id, _)| id).collect()
    }

    /// The lane to ask the outbox for, and above which row; `None`: both have `enough` rows or no more to come.
    pub fn wants(&self, enough: usize) -> Option<(Lane, Option<RowId>)> {
        if self.mark.is_some() && self.live.len() < enough && !self.dry[Lane::Live as usize] {
            return Some((Lane::Live, self.mark));
        }
        (self.backlog.len() < enough && !self.dry[Lane::Backlog as usize]).then_some((Lane::Backlog, None))
    }

    /// Takes in what the outbox gave for a lane; `more`: it may have more.
    pub fn fetched(&mut self, lane: Lane, rows: Vec<(RowId, T)>, more: bool) {
        self.dry[lane as usize] = !more;
        let old = |id: &RowId| self.mark.is_some_and(|mark| *id <= mark);
        if lane == Lane::Backlog && self.backlog.is_empty() && !rows.iter().any(|(id, _)| old(id)) {
            // Nothing old is left: one lane again, in which the live rows already taken come first.
            self.mark = None;
            self.backlog = std::mem::take(&mut self.live);
        }
        for (id, row) in rows {
            self.lane_of(id).push_back((id, row));
        }
    }

    /// There may be new rows, or old ones that are due again.
    pub fn look_again(&mut self) {
        self.dry = [false; 2];
    }

    /// A row that did not go after all: it is the next of its lane.
    pub fn put_back(&mut self, id: RowId, row: T) {
        self.lane_of(id).push_front((id, row));
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
        assert_eq!(lanes.wants(4), Some((Lane::Backlog, None)));
        lanes.fetched(Lane::Backlog, rows([3, 1, 2]), false);
        assert_eq!(lanes.wants(4), None);
        assert_eq!(drain(&mut lanes, 9), [3, 1, 2]);
        lanes.look_again();
        assert_eq!(lanes.wants(4), Some((Lane::Backlog, None)));
    }

    #[test]
    fn after_an_outage_live_rows_go_first_and_every_fifth_place_is_the_backlogs() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(100));
        assert_eq!(lanes.wants(4), Some((Lane::Live, Some(RowId::for_tests(100)))));
        lanes.fetched(Lane::Live, rows(101..=108), true);
        lanes.fetched(Lane::Backlog, rows(1..=4), true);
        assert_eq!(drain(&mut lanes, 12), [101, 102, 103, 104, 1, 105, 106, 107, 108, 2, 3, 4]);
    }

    #[test]
    fn when_the_backlog_is_used_up_there_is_one_lane_again() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(10));
        lanes.fetched(Lane::Live, rows(11..=12), false);
        lanes.fetched(Lane::Backlog, rows(13..=13), false);
        assert_eq!(drain(&mut lanes, 9), [11, 12, 13]);
        lanes.look_again();
        assert_eq!(lanes.wants(1), Some((Lane::Backlog, None)));
    }

    #[test]
    fn a_row_that_did_not_go_is_the_next_of_its_lane() {
        let mut lanes = Lanes::default();
        lanes.begin(RowId::for_tests(10));
        lanes.fetched(Lane::Live, rows(11..=12), false);
        let (id, row) = lanes.pop().unwrap();
        lanes.put_back(id, row);
        assert_eq!(drain(&mut lanes, 2), [11, 12]);
        lanes.fetched(Lane::Live, rows(13..=14), true);
        let again: Vec<i64> = lanes.begin(RowId::for_tests(14)).into_iter().map(number).collect();
        assert_eq!(again, [13, 14], "what was live is backlog after the next outage");
    }

    proptest! {
        /// However rows come, none is lost or doubled, the backlog has its share and keeps its order.
        #[test]
        fn no_row_is_lost_and_the_backlog_has_its_share(
            old in 1i64..60, steps in prop::collection::vec((0i64..4, 0usize..6), 1..60),
        ) {
            let mut lanes = Lanes::default();
            lanes.begin(RowId::for_tests(old));
            lanes.fetched(Lane::Backlog, rows(1..=old), true);
            let (mut newest, mut sent, mut live_in_a_row) = (old, Vec::new(), 0);
            for (new, places) in steps {
                lanes.fetched(Lane::Live, rows(newest + 1..=newest + new), false);
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
