//! The outbox's sums: how many rows wait where, and how large they are. Kept with each change and written with each
//! commit, so that nothing is ever counted by reading all rows. Pure.

use super::Counts;
use crate::domain::EventKind;

/// State and priority of a row in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Plate,
    /// What the outbox itself reports: gaps, the clock. Never evicted.
    Report,
    Health,
    Delivered,
    Quarantined,
}

impl Lane {
    pub(super) const ALL: [Lane; 5] = [Lane::Plate, Lane::Report, Lane::Health, Lane::Delivered, Lane::Quarantined];
    /// Waiting, in the order of sending.
    pub(super) const PENDING: [Lane; 3] = [Lane::Plate, Lane::Report, Lane::Health];

    /// As in the file.
    pub(super) fn number(self) -> i64 {
        match self {
            Lane::Plate => 0,
            Lane::Report => 1,
            Lane::Health => 2,
            Lane::Delivered => 8,
            Lane::Quarantined => 9,
        }
    }

    pub(super) fn from_number(number: i64) -> Option<Lane> {
        Lane::ALL.into_iter().find(|lane| lane.number() == number)
    }

    /// Where a row of this kind waits. A report that comes back from another lane is health like any other.
    pub(super) fn waiting(kind: EventKind) -> Lane {
        match kind {
            EventKind::Plate => Lane::Plate,
            EventKind::Health => Lane::Health,
        }
    }

    fn index(self) -> usize {
        match self {
            Lane::Plate => 0,
            Lane::Report => 1,
            Lane::Health => 2,
            Lane::Delivered => 3,
            Lane::Quarantined => 4,
        }
    }
}

/// Of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) rows: u64,
    /// Of the rows themselves.
    pub(super) bytes: u64,
    /// Of their pictures.
    pub(super) evidence: u64,
}

impl Sum {
    pub(super) fn of(bytes: u64, evidence: u64) -> Sum {
        Sum { rows: 1, bytes, evidence }
    }

    pub(super) fn total(self) -> u64 {
        self.bytes + self.evidence
    }
}

/// Of all lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally([Sum; 5]);

impl Tally {
    pub(super) fn of(&self, lane: Lane) -> Sum {
        self.0[lane.index()]
    }

    pub(super) fn set(&mut self, lane: Lane, sum: Sum) {
        self.0[lane.index()] = sum;
    }

    pub(super) fn add(&mut self, lane: Lane, sum: Sum) {
        let into = &mut self.0[lane.index()];
        into.rows += sum.rows;
        into.bytes += sum.bytes;
        into.evidence += sum.evidence;
    }

    pub(super) fn take(&mut self, lane: Lane, sum: Sum) {
        let from = &mut self.0[lane.index()];
        from.rows = from.rows.saturating_sub(sum.rows);
        from.bytes = from.bytes.saturating_sub(sum.bytes);
        from.evidence = from.evidence.saturating_sub(sum.evidence);
    }

    pub(super) fn shift(&mut self, from: Lane, to: Lane, sum: Sum) {
        self.take(from, sum);
        self.add(to, sum);
    }

    /// Of all rows and pictures.
    pub(super) fn total(&self) -> u64 {
        self.0.iter().map(|sum| sum.total()).sum()
    }

    pub(super) fn counts(&self, delivered: u64, duplicates: u64) -> Counts {
        Counts {
            pending: Lane::PENDING.iter().map(|lane| self.of(*lane).rows).sum(),
            pending_plates: self.of(Lane::Plate).rows,
            quarantined: self.of(Lane::Quarantined).rows,
            delivered,
            duplicates,
            kept: self.of(Lane::Delivered).rows,
            bytes: self.total(),
            failed: 0,
        }
    }
}
