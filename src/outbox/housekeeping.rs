//! What the outbox thread does besides its commands: keeps within its limits, slice by slice, and comes back from
//! trouble with the disk or the file.

use super::gone::{Slice, Taken};
use super::policy::{self, Caps, Class};
use super::report::Gap;
use super::store::Store;
use super::tally::Lane;
use super::writer::Writer;
use super::{OutboxError, recover};
use crate::domain::EventKind;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows that go in one commit.
const ROWS: usize = 128;
/// Between two looks at the clock and the disk.
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// Between two tries to open a file that could not be written, and between two complaints.
const RETRY: Duration = Duration::from_secs(5);
const COMPLAIN: Duration = Duration::from_secs(60);
const HOUR_US: f64 = 3.6e9;

/// Failures to read the same file after which it is rebuilt from what still reads.
const UNREAD_MAX: u32 = 3;

/// What is done on a full disk, one after the other until a change can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RoomStep {
    /// The reserve is given free.
    Release,
    /// The log begins anew, within what room there is now.
    Restart,
    /// A slice of what matters less goes.
    Evict,
}

impl RoomStep {
    pub(super) const ALL: [RoomStep; 5] =
        [RoomStep::Release, RoomStep::Restart, RoomStep::Evict, RoomStep::Evict, RoomStep::Evict];
}

/// Events that were not taken, by kind and reason, until that can be written down.
#[derive(Debug, Default)]
pub(super) struct Refused(BTreeMap<(&'static str, &'static str), u64>);

impl Refused {
    pub(super) fn add(&mut self, kind: &'static str, reason: &'static str, count: u64) {
        if count > 0 {
            *self.0.entry((kind, reason)).or_default() += count;
        }
    }
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct State {
    /// From 90 % on, until 80 %.
    cutting: bool,
    /// The cap was full of rows that cannot go (pinned): not tried again before the next look.
    stuck: bool,
    /// Rows too old may wait: the last slice was full of them.
    outdated: bool,
    next_look: Duration,
    retry_at: Option<Duration>,
    /// Times in a row that the file could not be read, each after it had been opened again.
    unread: u32,
    /// Events that were not taken, not reported yet.
    pub(super) refused: Refused,
    complained: Option<Duration>,
}

impl Writer {
    /// Once, before the first command.
    pub(super) fn begin(&self) {
        self.set_limit();
    }

    /// Is there something to do that cannot wait for the next look?
    pub(super) fn is_busy(&self) -> bool {
        !self.state.stuck && (self.state.outdated || !self.cuts().is_empty())
    }

    /// Is it time for the next look?
    pub(super) fn is_due(&self) -> bool {
        self.clock.monotonic() >= self.state.next_look
    }

    fn caps(&self) -> Caps {
        Caps::new(self.config.max_bytes, self.config.keep_delivered_mb.saturating_mul(1_000_000))
    }

    fn cuts(&self) -> Vec<policy::Cut> {
        if self.config.keep_delivered_h == 0.0 && self.store.head.tally.of(Lane::Delivered).rows > 0 {
            let bytes = u64::MAX;
            return vec![policy::Cut { class: Class::Delivered, bytes }];
        }
        policy::cuts(&self.store.load(), &self.caps(), self.state.cutting)
    }

    /// One slice of work.
    pub(super) fn keep_house(&mut self) {
        if self.is_due() {
            self.state.next_look = self.clock.monotonic() + LOOK;
            self.state.stuck = false;
            self.look();
        }
        if self.state.outdated {
            self.outdate();
        }
        let cuts = self.cuts();
        let Some(cut) = cuts.first().copied().filter(|_| !self.state.stuck) else {
            self.state.cutting = false;
            return;
        };
        self.state.cutting = true;
        match self.take_out(cut.class, Slice { bytes: cut.bytes, rows: ROWS }, "size") {
            // The next class, if there is one: all of this is pinned.
            Ok(0) => {
                let others = cuts.iter().skip(1);
                let mut moved = 0;
                for other in others {
                    moved = self.take_out(other.class, Slice { bytes: other.bytes, rows: ROWS }, "size").unwrap_or(0);
                    if moved > 0 {
                        break;
                    }
                }
                self.state.stuck = moved == 0;
            }
            Ok(_) => {}
            Err(error) => {
                self.state.stuck = true;
                self.trouble(&error);
            }
        }
    }

    fn look(&mut self) {
        if self.state.retry_at.is_some_and(|at| at <= self.clock.monotonic()) {
            self.reopen();
        }
        match self.store.refresh() {
            Ok(true) => self.publish(),
            Ok(false) => {}
            Err(error) => self.trouble(&error),
        }
        if !self.disk.holds_reserve() && self.disk.free() < self.disk.reserve() * 2 && self.disk.reserve() > 0 {
            // What is kept for a forgetful server goes first, so that the reserve can be had back.
            let _ = self.take_out(Class::Delivered, Slice { bytes: self.disk.reserve(), rows: ROWS }, "disk");
        }
        self.disk.take();
        self.set_limit();
        self.report_refused();
        self.state.outdated = true;
    }

    fn set_limit(&self) {
        let limited = self.store.limit_growth(self.disk.growth());
        // The reserve must hold what is in the log, or the log could not be written back on a full disk.
        if let Err(error) = limited.and_then(|()| self.store.limit_log(self.disk.reserve() / 4)) {
            tracing::debug!(%error, "the outbox cannot be limited");
        }
    }

    fn outdate(&mut self) {
        let now = self.clock.stamp();
        let keep_us = (self.config.keep_delivered_h * HOUR_US) as i64;
        let max_age_us = (self.config.max_age_h > 0.0).then_some((self.config.max_age_h * HOUR_US) as i64);
        let pinned = self.shared.pinned();
        let taken = self.store.transact(|store| store.outdate(keep_us, max_age_us, ROWS, &pinned, now));
        self.state.outdated = match taken {
            Ok(taken) => self.finish(taken) >= ROWS as u64,
            Err(error) => {
                self.trouble(&error);
                false
            }
        };
    }

    /// Returns how many rows went.
    fn take_out(&mut self, class: Class, slice: Slice, reason: &'static str) -> Result<u64, OutboxError> {
        let (now, pinned) = (self.clock.stamp(), self.shared.pinned());
        let taken = self.store.transact(|store| store.evict(class, slice, reason, &pinned, now))?;
        if taken.rows > 0 && class != Class::Delivered {
            tracing::debug!(?class, rows = taken.rows, bytes = taken.bytes, reason, "evicted");
        }
        Ok(self.finish(taken))
    }

    /// After the commit: files go after the rows that named them.
    fn finish(&mut self, taken: Taken) -> u64 {
        for files in &taken.files {
            self.evidence.remove(files);
        }
        if taken.rows > 0 {
            self.publish();
        }
        taken.rows
    }

    /// A step towards room on a full disk; of the classes of `may_go` only, the least important first. `true`: worth another try.
    pub(super) fn make_room(&mut self, step: RoomStep, may_go: &[Class]) -> bool {
        if step == RoomStep::Release {
            if !self.disk.release() {
                return false;
            }
            tracing::warn!(free = self.disk.free(), "the disk is full; the reserve is given free");
        }
        // Even a deletion writes to the log: from its start again, where it has its room already.
        self.store.restart_log();
        self.set_limit();
        if step != RoomStep::Evict {
            return true;
        }
        let bytes = self.store.head.tally.total() / 20 + 1;
        for class in may_go {
            match self.take_out(*class, Slice { bytes, rows: ROWS }, "disk") {
                Ok(rows) if rows > 0 => {
                    tracing::warn!(?class, rows, "the disk is full; events or pictures are given up");
                    return true;
                }
                Ok(_) => {}
                Err(error) => {
                    self.trouble(&error);
                    return false;
                }
            }
        }
        false
    }

    /// Writes down what was not taken, and reports it to the server, once something can be written again.
    pub(super) fn report_refused(&mut self) {
        self.state.refused.add(EventKind::Health.as_str(), "overload", self.shared.take_dropped());
        self.state.refused.add("picture", "refused", self.shared.take_bare());
        if self.state.refused.0.is_empty() || self.state.retry_at.is_some() {
            return;
        }
        let now = self.clock.stamp();
        let refused = &self.state.refused.0;
        let written = self.store.transact(|store| {
            refused.iter().try_for_each(|((kind, reason), count)| {
                store.report_gap(&Gap { kind: (*kind).to_owned(), reason, range: None, count: *count }, now)
            })
        });
        match written {
            Ok(()) => {
                self.state.refused.0.clear();
                self.publish();
            }
            Err(error) => self.trouble(&error),
        }
    }

    /// Takes note of a failure: damage is repaired now, a file out of reach is opened again later. Says so, not too often.
    pub(super) fn trouble(&mut self, error: &OutboxError) {
        let now = self.clock.monotonic();
        if error.is_broken() {
            self.repair(&error.to_string());
            return;
        }
        if error.is_unread() && self.state.retry_at.is_none_or(|at| at <= now) {
            self.state.unread += 1;
            if self.state.unread >= UNREAD_MAX {
                self.repair(&error.to_string());
                return;
            }
        }
        if self.state.retry_at.is_none() && error.code().is_some() {
            self.state.retry_at = Some(now + RETRY);
        }
        if self.state.complained.is_none_or(|last| now.saturating_sub(last) >= COMPLAIN) {
            self.state.complained = Some(now);
            tracing::error!(%error, failed = self.counts.borrow().failed, "the outbox cannot be written; events are refused");
        }
    }

    pub(super) fn worked(&mut self) {
        if self.state.complained.take().is_some() {
            tracing::info!("the outbox can be written again");
        }
        self.state.retry_at = None;
        self.state.unread = 0;
    }

    fn reopen(&mut self) {
        self.state.retry_at = Some(self.clock.monotonic() + RETRY);
        let path = self.dir.join("outbox.db");
        match Store::open(&path, self.store.boot().clone(), self.clock.wall_us()) {
            // The same file: what is in flight is so still.
            Ok(store) => self.replace(store),
            Err(error) if error.is_damage() => self.repair(&error.to_string()),
            Err(error) => tracing::debug!(%error, "the outbox cannot be opened again yet"),
        }
    }

    /// The file is damaged: what reads is carried into a new one, and work goes on.
    pub(super) fn repair(&mut self, why: &str) {
        let last_id = self.store.head.last_id;
        self.store.let_go();
        self.shared.set_repairing(true);
        let rebuilt = recover::rebuild(&self.dir, &self.store.boot().clone(), self.clock.stamp(), why, last_id);
        self.shared.set_repairing(false);
        match rebuilt {
            Ok(store) => {
                // Numbers of another file mean nothing in this one.
                self.shared.forget_pins();
                self.state.unread = 0;
                self.replace(store);
            }
            Err(error) => {
                if error.is_full_on(&self.disk) {
                    self.disk.release();
                }
                tracing::error!(%error, "the damaged outbox cannot be rebuilt yet");
                self.state.retry_at = Some(self.clock.monotonic() + RETRY);
            }
        }
    }

    fn replace(&mut self, store: Store) {
        self.store = store;
        self.shared.set_epoch(self.store.epoch());
        self.set_limit();
        self.publish();
    }
}
