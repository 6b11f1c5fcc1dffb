//! The outbox thread: takes commands, groups what is written into few commits, answers after the commit.

use super::disk::Disk;
use super::housekeeping::{LOOK, RoomStep, State};
use super::policy::Class;
use super::sidecar::Sidecar;
use super::store::Store;
use super::tally::Lane;
use super::{Counts, NewRow, OutboxError, Reconciled, Row, RowId, Settled, Want};
use crate::clock::Clock;
use crate::config::OutboxConfig;
use crate::domain::{CameraKey, CaptureTime, EventKind};
use crate::killpoint::hit;
use crate::media::{EvidencePath, EvidenceStore};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use uuid::Uuid;

/// Changes in one commit at the most, when so many wait already.
const GROUP: usize = 512;
/// For one change, each after something has been done about what stopped it.
const TRIES: usize = 6;

pub(super) type Answer<T> = oneshot::Sender<Result<T, OutboxError>>;

/// Something that changes rows; several share a commit.
#[derive(Debug)]
pub(super) enum Change {
    /// With the bytes of its pictures.
    Submit(Box<NewRow>, u64),
    Settle(Vec<Settled>),
    Quarantine(RowId, String),
    Requeue(Vec<RowId>),
    ClockSet(CaptureTime, CameraKey),
    ServerSeen(String, Option<u64>),
}

impl Change {
    fn is_plate(&self) -> bool {
        matches!(self, Change::Submit(row, _) if row.kind == EventKind::Plate)
    }
}

/// What a change comes to; most have nothing to tell.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Done {
    pub(super) reconciled: Reconciled,
    pub(super) moved: u64,
}

/// What the thread is asked for.
#[derive(Debug)]
pub(super) enum Command {
    Change(Change, Answer<Done>),
    Next(Want, Answer<Vec<Row>>),
    /// Of these files, those that no row names.
    Orphans(Vec<EvidencePath>, Answer<Vec<EvidencePath>>),
    /// The background check has found the file damaged.
    Damage(String, Answer<()>),
    Close(Answer<()>),
}

/// What the thread shares with the handles.
#[derive(Debug)]
pub(super) struct Shared {
    pins: Mutex<HashSet<RowId>>,
    newest: AtomicI64,
    epoch: Mutex<Uuid>,
    file: PathBuf,
    /// Health reports dropped since the thread last took note.
    dropped: AtomicU64,
    /// Events whose pictures could not be written, since then.
    bare: AtomicU64,
    turns: AtomicU64,
    repairing: AtomicBool,
}

impl Shared {
    pub(super) fn new(store: &Store, file: PathBuf) -> Self {
        let newest = AtomicI64::new(store.head.last_id);
        Self {
            pins: Mutex::default(),
            newest,
            epoch: Mutex::new(store.epoch()),
            file,
            dropped: AtomicU64::new(0),
            bare: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            repairing: AtomicBool::new(false),
        }
    }

    fn pins(&self) -> MutexGuard<'_, HashSet<RowId>> {
        self.pins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pinned(&self) -> HashSet<RowId> {
        self.pins().clone()
    }

    pub(super) fn forget_pins(&self) {
        self.pins().clear();
    }

    pub(super) fn unpin(&self, ids: impl Iterator<Item = RowId>) {
        let mut pins = self.pins();
        for id in ids {
            pins.remove(&id);
        }
    }

    pub(super) fn newest(&self) -> RowId {
        RowId(self.newest.load(Ordering::Acquire))
    }

    pub(super) fn epoch(&self) -> Uuid {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_epoch(&self, epoch: Uuid) {
        *self.epoch.lock().unwrap_or_else(PoisonError::into_inner) = epoch;
    }

    /// There was no place for a health report.
    pub(super) fn drop_one(&self) {
        self.dropped.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::AcqRel)
    }

    /// An event came without its pictures.
    pub(super) fn bare_one(&self) {
        self.bare.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn take_bare(&self) -> u64 {
        self.bare.swap(0, Ordering::AcqRel)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    fn count_turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    pub(super) fn set_repairing(&self, repairing: bool) {
        self.repairing.store(repairing, Ordering::Relaxed);
    }

    pub(super) fn is_repairing(&self) -> bool {
        self.repairing.load(Ordering::Relaxed)
    }
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) dir: PathBuf,
    pub(super) evidence: EvidenceStore,
    pub(super) disk: Disk,
    pub(super) sidecar: Sidecar,
    pub(super) config: OutboxConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) counts: watch::Sender<Counts>,
    pub(super) shared: Arc<Shared>,
    /// Rows of the last group: so many are likely to come again at about the same time.
    pub(super) company: usize,
    /// How long the last commit took.
    pub(super) commit_took: Duration,
    pub(super) state: State,
}

impl Writer {
    /// Works until it is told to close or nobody is left to tell it anything.
    pub(super) async fn run(mut self) {
        let mut next = None;
        loop {
            self.shared.count_turn();
            let command = match next.take() {
                Some(command) => command,
                None => match self.receive().await {
                    Some(command) => command,
                    None => break,
                },
            };
            match command {
                Command::Change(change, answer) => {
                    let (group, follower) = self.gather((change, answer)).await;
                    self.apply(group);
                    next = follower;
                }
                Command::Close(answer) => {
                    self.end();
                    let _ = answer.send(Ok(()));
                    return;
                }
                other => self.answer(other),
            }
            // A slice after each command: whoever waits, waits for no more than one. Also where commands never cease.
            if self.is_busy() || self.is_due() {
                self.keep_house();
            }
        }
        self.end();
    }

    /// The next command; keeps house while there is none. `None`: nobody is left.
    async fn receive(&mut self) -> Option<Command> {
        loop {
            let wait = if self.is_busy() { Duration::ZERO } else { LOOK };
            match tokio::time::timeout(wait, self.commands.recv()).await {
                Ok(command) => return command,
                Err(_) => self.keep_house(),
            }
            self.shared.count_turn();
        }
    }

    fn answer(&mut self, command: Command) {
        match command {
            Command::Next(want, answer) => {
                let mut rows = self.store.next(&want);
                if let Err(error) = &rows
                    && error.is_broken()
                {
                    self.repair(&error.to_string());
                    rows = self.store.next(&want);
                }
                match &rows {
                    Ok(rows) => {
                        let ids: Vec<RowId> = rows.iter().map(|row| row.id).collect();
                        self.shared.pins().extend(ids.iter().copied());
                        self.store.close_gaps(&ids);
                    }
                    Err(error) => self.trouble(error),
                }
                self.publish();
                let _ = answer.send(rows);
            }
            Command::Orphans(files, answer) => {
                let _ = answer.send(self.store.orphans(files));
            }
            Command::Damage(what, answer) => {
                self.repair(&what);
                let _ = answer.send(Ok(()));
            }
            // Taken care of where they are received.
            Command::Change(..) | Command::Close(_) => {}
        }
    }

    /// A log that cannot be written back (the disk is full) is no fault of the end: the next start does it.
    fn end(&mut self) {
        self.report_refused();
        self.note();
        self.sidecar.sync();
        if let Err(error) = self.store.checkpoint() {
            tracing::warn!(%error, "the outbox was closed without writing its log back");
        }
    }

    /// What waits already, and as many more as came together the last time. For those it waits `batch_ms` at the most, and
    /// no longer than a commit takes, which is all that waiting can save: one submitter alone is answered at once. Ends early at a command of another kind, which it returns too.
    async fn gather(&mut self, first: (Change, Answer<Done>)) -> (Vec<(Change, Answer<Done>)>, Option<Command>) {
        let deadline = Instant::now() + Duration::from_millis(self.config.batch_ms).min(self.commit_took);
        let expected = self.company.min(self.config.batch_rows);
        let mut group = vec![first];
        let mut follower = None;
        while group.len() < GROUP {
            let command = match self.commands.try_recv() {
                Ok(command) => Some(command),
                Err(_) if group.len() >= expected => break,
                Err(_) => match tokio::time::timeout_at(deadline, self.commands.recv()).await {
                    Ok(command) => command,
                    Err(_) => break,
                },
            };
            match command {
                Some(Command::Change(change, answer)) => group.push((change, answer)),
                other => {
                    follower = other;
                    break;
                }
            }
        }
        self.company = group.len();
        (group, follower)
    }

    fn apply(&mut self, group: Vec<(Change, Answer<Done>)>) {
        let (changes, answers): (Vec<Change>, Vec<Answer<Done>>) = group.into_iter().unzip();
        let results = match self.commit(&changes) {
            Ok(done) => {
                self.worked();
                done.into_iter().map(Ok).collect::<Vec<_>>()
            }
            // Another process holds the file and was waited for: not once more for each of them, with others waiting behind.
            Err(error) if error.is_held() => {
                changes.iter().map(|change| Err(self.failed(change, error.copy()))).collect()
            }
            // One of them may be at fault, or all of them too much for the disk: each alone.
            Err(_) => changes.iter().map(|change| self.commit_one(change)).collect(),
        };
        self.publish();
        self.note();
        for (answer, result) in answers.into_iter().zip(results) {
            let _ = answer.send(result);
        }
        for change in &changes {
            match change {
                Change::Settle(settled) => self.shared.unpin(settled.iter().map(|one| one.id)),
                Change::Quarantine(id, _) => self.shared.unpin(std::iter::once(*id)),
                _ => {}
            }
        }
    }

    /// A change that has failed with others, alone; on a full disk once more after room has been made, in a file found
    /// damaged once more after it has been rebuilt.
    fn commit_one(&mut self, change: &Change) -> Result<Done, OutboxError> {
        let one = std::slice::from_ref(change);
        let first = |done: Vec<Done>| done.first().copied().unwrap_or_default();
        let mut result = self.commit(one).map(first);
        let mut steps = RoomStep::ALL.iter();
        for _ in 0..TRIES {
            match &result {
                Ok(_) => break,
                Err(error) if error.is_full_on(&self.disk) => {
                    let goes = Class::to_make_room(change.is_plate());
                    if !steps.any(|step| self.make_room(*step, goes)) {
                        break;
                    }
                }
                Err(error) if error.is_broken() => self.repair(&error.to_string()),
                Err(_) => break,
            }
            result = self.commit(one).map(first);
        }
        if result.is_ok() {
            self.worked();
        }
        result.map_err(|error| self.failed(change, error))
    }

    /// Counts a change that could not be made.
    fn failed(&mut self, change: &Change, error: OutboxError) -> OutboxError {
        self.counts.send_modify(|counts| counts.failed += 1);
        if let Change::Submit(row, _) = change {
            self.state.refused.add(row.kind.as_str(), "refused", 1);
        }
        self.trouble(&error);
        error
    }

    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Done>, OutboxError> {
        let (now, start) = (self.clock.stamp(), Instant::now());
        hit("outbox.begin");
        let settles = changes.iter().any(|change| matches!(change, Change::Settle(_)));
        let done = self.store.transact(|store| {
            let one = |change: &Change| -> Result<Done, OutboxError> {
                let mut done = Done::default();
                match change {
                    Change::Submit(row, bytes) => {
                        store.insert(row, Lane::waiting(row.kind), *bytes, None)?;
                    }
                    Change::Settle(settled) => store.settle(settled, now)?,
                    Change::Quarantine(id, reason) => store.quarantine(*id, reason)?,
                    Change::Requeue(ids) => done.moved = store.requeue(ids)?,
                    Change::ClockSet(at, reporter) => store.clock_set(*at, reporter)?,
                    Change::ServerSeen(store_id, checkpoint) => {
                        done.reconciled = store.server_seen(store_id, *checkpoint, now)?;
                    }
                }
                Ok(done)
            };
            let done = changes.iter().map(one).collect::<Result<Vec<Done>, OutboxError>>()?;
            hit("outbox.commit.before");
            if settles {
                hit("outbox.settle.before");
            }
            Ok(done)
        })?;
        self.commit_took = start.elapsed();
        hit("outbox.commit.after");
        if settles {
            hit("outbox.settle.after");
        }
        Ok(done)
    }

    pub(super) fn publish(&self) {
        self.shared.newest.store(self.store.head.last_id, Ordering::Release);
        self.counts.send_if_modified(|last| {
            let counts = Counts { failed: last.failed, ..self.store.counts() };
            std::mem::replace(last, counts) != counts
        });
    }

    fn note(&mut self) {
        let note = self.store.note();
        self.sidecar.write(note);
    }
}
