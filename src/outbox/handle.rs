//! How everyone else talks to the outbox thread.

use super::disk::Disk;
use super::lock::DirLock;
use super::sidecar::Sidecar;
use super::writer::{Answer, Change, Command, Done, Shared, Writer};
use super::{Counts, NewRow, OutboxError, Reconciled, Row, RowId, Settled, Want};
use super::{housekeeping, recover};
use crate::clock::Clock;
use crate::config::OutboxConfig;
use crate::domain::{BootId, CameraKey, CaptureTime, EventKind};
use crate::media::{EvidencePath, EvidenceStore};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

/// Commands that may wait for the outbox thread; further ones wait for a place.
const QUEUE: usize = 256;

/// The running outbox: owns its thread and the lock on the data directory.
#[derive(Debug)]
pub struct Outbox {
    handle: OutboxHandle,
    thread: JoinHandle<()>,
}

/// Cheap to clone; for any thread or task.
#[derive(Debug, Clone)]
pub struct OutboxHandle {
    commands: mpsc::Sender<Command>,
    counts: watch::Receiver<Counts>,
    shared: Arc<Shared>,
    evidence: EvidenceStore,
    boot: BootId,
}

impl Outbox {
    /// Locks the directory (made where missing), opens or makes `outbox.db` in it, and starts the thread.
    ///
    /// # Errors
    /// Each names the directory or file and what to do: not writable, in use, not ours, made by a newer version.
    pub fn open(dir: &Path, config: &OutboxConfig, clock: Arc<dyn Clock>) -> Result<Self, OutboxError> {
        let lock = DirLock::take(dir)?;
        let boot = boot_id();
        let disk = Disk::new(dir, config.reserve_mb);
        let mut store = recover::open(dir, &boot, clock.stamp(), &disk)?;
        let mut sidecar = Sidecar::at(dir);
        sidecar.write(store.note());
        // SQLite makes its log's entry in the directory durable, but not that of the file itself.
        let refused = |source| OutboxError::Directory { dir: dir.to_owned(), source };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(refused)?;
        disk.take();
        let (counts, watched) = watch::channel(store.counts());
        let (commands, received) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared::new(&store, dir.join("outbox.db")));
        let evidence = EvidenceStore::at(dir);
        let handle =
            OutboxHandle { commands, counts: watched, shared: shared.clone(), evidence: evidence.clone(), boot };
        let writer = Writer {
            store,
            dir: dir.to_owned(),
            evidence,
            disk,
            sidecar,
            config: config.clone(),
            clock,
            commands: received,
            counts,
            shared,
            company: 1,
            commit_took: Duration::ZERO,
            state: housekeeping::State::default(),
        };
        writer.begin();
        // Only for the group commit's deadline; no IO goes through it.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(refused)?;
        let thread = std::thread::Builder::new()
            .name("outbox".into())
            .spawn(move || {
                runtime.block_on(writer.run());
                drop(lock);
            })
            .map_err(refused)?;
        Ok(Self { handle, thread })
    }

    pub fn handle(&self) -> OutboxHandle {
        self.handle.clone()
    }

    /// Commits what is waiting, writes the log back, ends the thread and frees the directory. Handles that are still
    /// about get [`OutboxError::Closed`] from now on. For a thread, not for a task.
    pub fn close(self) -> Result<(), OutboxError> {
        let (answer, done) = oneshot::channel();
        self.handle.commands.blocking_send(Command::Close(answer)).map_err(|_| OutboxError::Closed)?;
        let result = done.blocking_recv().map_err(|_| OutboxError::Closed)?;
        self.thread.join().map_err(|_| OutboxError::Closed)?;
        result
    }
}

impl OutboxHandle {
    /// Keeps an event; durable when it returns `Ok`. The same event again is no error and changes nothing. A plate waits
    /// until there is a place for it; a health report that finds none is dropped and counted.
    pub async fn submit(&self, row: NewRow) -> Result<(), OutboxError> {
        if row.kind == EventKind::Health {
            return self.try_submit(row)?.await.map_err(|_| OutboxError::Closed)?.map(drop);
        }
        self.change(self.submission(row)).await.map(drop)
    }

    fn try_submit(&self, row: NewRow) -> Result<oneshot::Receiver<Result<Done, OutboxError>>, OutboxError> {
        let (answer, done) = oneshot::channel();
        match self.commands.try_send(Command::Change(self.submission(row), answer)) {
            Ok(()) => Ok(done),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(OutboxError::Closed),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.shared.drop_one();
                Err(OutboxError::Overload)
            }
        }
    }

    /// [`OutboxHandle::submit`] for a thread of its own. Must not be called in a task.
    pub fn submit_blocking(&self, row: NewRow) -> Result<(), OutboxError> {
        if row.kind == EventKind::Health {
            return self.try_submit(row)?.blocking_recv().map_err(|_| OutboxError::Closed)?.map(drop);
        }
        let (answer, done) = oneshot::channel();
        let command = Command::Change(self.submission(row), answer);
        self.commands.blocking_send(command).map_err(|_| OutboxError::Closed)?;
        done.blocking_recv().map_err(|_| OutboxError::Closed)?.map(drop)
    }

    /// The pictures of an event could not be written: it is submitted without. Counted and reported to the server, as what is given up.
    pub fn pictures_refused(&self) {
        self.shared.bare_one();
    }

    fn submission(&self, row: NewRow) -> Change {
        let bytes = self.evidence.bytes(&row.evidence);
        Change::Submit(Box::new(row), bytes)
    }

    /// Rows to send: by priority, oldest first. They are pinned, so that nothing evicts them, until they are settled,
    /// quarantined or unpinned; a pinned row is handed out again unless `want.skip` names it.
    pub async fn next(&self, want: Want) -> Result<Vec<Row>, OutboxError> {
        self.ask(|answer| Command::Next(want, answer)).await
    }

    /// Puts rows back that were not sent.
    pub fn unpin(&self, ids: Vec<RowId>) {
        self.shared.unpin(ids.into_iter());
    }

    /// The newest row committed so far: the mark between what is live and the backlog.
    pub fn newest(&self) -> RowId {
        self.shared.newest()
    }

    /// Rows that an answer has named become delivered. They are kept for a while, first to be evicted, should the server
    /// lose them; their evidence goes when they go.
    pub async fn settle(&self, settled: Vec<Settled>) -> Result<(), OutboxError> {
        self.change(Change::Settle(settled)).await.map(drop)
    }

    /// Sets a row aside that the server refuses for good. It stays, counted, with its reason and its evidence.
    pub async fn quarantine(&self, id: RowId, reason: String) -> Result<(), OutboxError> {
        self.change(Change::Quarantine(id, reason)).await.map(drop)
    }

    /// To be told whenever a server names its store: one with another `store_id`, or with a lower `checkpoint` than it
    /// named before, has lost data. What is still kept is sent again, the rest is reported as a gap. Remembered durably.
    pub async fn server_seen(&self, store_id: String, checkpoint: Option<u64>) -> Result<Reconciled, OutboxError> {
        self.change(Change::ServerSeen(store_id, checkpoint)).await.map(|done| done.reconciled)
    }

    /// The wall clock can be trusted from `now` on: keeps this boot's offset, which [`Row::offset_us`] then gives for its
    /// earlier rows, and reports it in `reporter`'s name, where there were any. Once per boot; later calls change nothing.
    pub async fn clock_set(&self, now: CaptureTime, reporter: CameraKey) -> Result<(), OutboxError> {
        self.change(Change::ClockSet(now, reporter)).await.map(drop)
    }

    /// Quarantined rows wait for delivery again. Returns how many did.
    pub async fn requeue(&self, ids: Vec<RowId>) -> Result<u64, OutboxError> {
        self.change(Change::Requeue(ids)).await.map(|done| done.moved)
    }

    async fn change(&self, change: Change) -> Result<Done, OutboxError> {
        self.ask(|answer| Command::Change(change, answer)).await
    }

    /// Starts, on a thread of its own, what need not be done before the agent is ready: pictures without an event are
    /// removed, and the file is checked; damage that is found is repaired as at start. Ends early when the outbox closes.
    pub fn check_in_background(&self, evidence: EvidenceStore) -> std::io::Result<JoinHandle<()>> {
        let handle = self.clone();
        std::thread::Builder::new().name("outbox-check".into()).spawn(move || super::watch::run(&handle, &evidence))
    }

    /// Of these files, those that no row names. For a thread, not for a task.
    pub(super) fn orphans(&self, files: Vec<EvidencePath>) -> Result<Vec<EvidencePath>, OutboxError> {
        self.ask_blocking(|answer| Command::Orphans(files, answer))
    }

    pub(super) fn found_damage(&self, what: String) -> Result<(), OutboxError> {
        self.ask_blocking(|answer| Command::Damage(what, answer))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.commands.is_closed()
    }

    pub(super) fn file(&self) -> &Path {
        self.shared.file()
    }

    fn ask_blocking<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, OutboxError> {
        let (answer, done) = oneshot::channel();
        self.commands.blocking_send(command(answer)).map_err(|_| OutboxError::Closed)?;
        done.blocking_recv().map_err(|_| OutboxError::Closed)?
    }

    /// How it stands after the last commit.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Changes with every commit that changes the counts: wakes the uplink, feeds the status page.
    pub fn watch(&self) -> watch::Receiver<Counts> {
        self.counts.clone()
    }

    /// Turns of the outbox thread: it makes one every few seconds at the least.
    pub fn turns(&self) -> u64 {
        self.shared.turns()
    }

    /// A damaged file is being carried into a new one, which takes as long as it takes.
    pub fn is_repairing(&self) -> bool {
        self.shared.is_repairing()
    }

    /// Of the outbox file. Changes when a damaged file is replaced while the agent runs.
    pub fn epoch(&self) -> Uuid {
        self.shared.epoch()
    }

    /// Of the running kernel: rows with the same boot share its monotonic clock.
    pub fn boot(&self) -> &BootId {
        &self.boot
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, OutboxError> {
        let (answer, done) = oneshot::channel();
        self.commands.send(command(answer)).await.map_err(|_| OutboxError::Closed)?;
        done.await.map_err(|_| OutboxError::Closed)?
    }
}

pub(super) fn boot_id() -> BootId {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // Without one no two rows may be taken for the same boot's.
    let id = if text.trim().is_empty() { Uuid::new_v4().to_string() } else { text.trim().to_owned() };
    BootId(id)
}
