//! Receipts on their way into the outbox. Pure. What a server has confirmed is never sent again by this process, also
//! while the disk cannot note it: the receipt is kept here and its commit tried again, less and less often.

use crate::outbox::{RowId, Settled};
use std::collections::HashSet;
use std::time::Duration;

/// Between tries: doubling from the first to the second.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How often it is said that receipts cannot be kept.
const SAY: Duration = Duration::from_secs(60);
/// With so many that cannot be committed nothing more is sent: they are held in memory alone.
const MOST: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    committing: HashSet<RowId>,
    failed: Vec<Settled>,
    /// In succession.
    failures: u32,
    again: Duration,
    said: Option<Duration>,
}

impl Ledger {
    /// Confirmed by the server; the commit of that begins.
    pub(super) fn begin(&mut self, id: RowId) {
        self.committing.insert(id);
    }

    /// That they were delivered has been committed, or could not be. `true`: the failure is to be said.
    pub(super) fn ended(&mut self, settled: Vec<Settled>, kept: bool, now: Duration) -> bool {
        settled.iter().for_each(|one| {
            self.committing.remove(&one.id);
        });
        if kept {
            self.failures = 0;
            self.again = now;
            return false;
        }
        self.failed.extend(settled);
        self.failures = self.failures.saturating_add(1);
        self.again = now + AGAIN.0.saturating_mul(1 << (self.failures - 1).min(10)).min(AGAIN.1);
        let say = self.failures == 1 || self.said.is_none_or(|said| now >= said + SAY);
        if say {
            self.said = Some(now);
        }
        say
    }

    /// Those whose commit is to be tried again now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Settled> {
        if now < self.again {
            return Vec::new();
        }
        self.committing.extend(self.failed.iter().map(|one| one.id));
        std::mem::take(&mut self.failed)
    }

    /// When to look for [`Ledger::due`] again.
    pub(super) fn wake_at(&self) -> Option<Duration> {
        (!self.failed.is_empty()).then_some(self.again)
    }

    /// The server has lost what it had confirmed: receipts that are not committed yet name what is to be sent again.
    pub(super) fn forget(&mut self) -> Vec<RowId> {
        self.failed.drain(..).map(|one| one.id).collect()
    }

    /// Rows that must not be sent.
    pub(super) fn ids(&self) -> impl Iterator<Item = RowId> + '_ {
        self.committing.iter().copied().chain(self.failed.iter().map(|one| one.id))
    }

    pub(super) fn len(&self) -> usize {
        self.committing.len() + self.failed.len()
    }

    pub(super) fn committing(&self) -> usize {
        self.committing.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.failures > 0 && self.len() >= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn receipt(number: i64) -> Settled {
        Settled { id: RowId::for_tests(number), duplicate: false, checkpoint: None }
    }

    #[test]
    fn a_receipt_that_cannot_be_committed_is_kept_and_tried_less_and_less_often() {
        let mut ledger = Ledger::default();
        let (mut now, mut waits, mut said) = (s(0), Vec::new(), 0);
        ledger.begin(receipt(1).id);
        let mut batch = vec![receipt(1)];
        for _ in 0..9 {
            said += u32::from(ledger.ended(batch, false, now));
            assert_eq!(ledger.ids().collect::<Vec<_>>(), [receipt(1).id], "never sent again");
            let at = ledger.wake_at().unwrap();
            assert!(ledger.due(at - s(1) / 2).is_empty());
            waits.push((at - now).as_secs());
            now = at;
            batch = ledger.due(now);
            assert_eq!((batch.clone(), ledger.committing()), (vec![receipt(1)], 1));
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(said <= 4, "said {said} times in {now:?}");
        assert!(!ledger.ended(batch, true, now));
        assert_eq!((ledger.len(), ledger.wake_at()), (0, None));
    }

    #[test]
    fn after_one_commit_that_works_the_others_are_tried_at_once() {
        let mut ledger = Ledger::default();
        (1..=2).for_each(|number| ledger.begin(receipt(number).id));
        for _ in 0..5 {
            ledger.ended(vec![receipt(1)], false, s(0));
        }
        ledger.ended(vec![receipt(2)], true, s(3));
        assert_eq!(ledger.due(s(3)).first(), Some(&receipt(1)));
    }

    #[test]
    fn too_many_receipts_in_memory_stop_the_sending_and_a_server_that_lost_them_frees_them() {
        let mut ledger = Ledger::default();
        (0..MOST as i64).for_each(|number| ledger.begin(receipt(number).id));
        assert!(!ledger.is_full(), "they are only being committed");
        ledger.ended((0..MOST as i64).map(receipt).collect(), false, s(0));
        assert!(ledger.is_full());
        assert_eq!((ledger.forget().len(), ledger.len(), ledger.is_full()), (MOST, 0, false));
    }
}
