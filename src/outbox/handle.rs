//! How everyone else talks to the outbox thread.

use super::lock::DirLock;
use super::store::Store;
use super::writer::{Answer, Change, Command, Writer};
use super::{Counts, NewRow, OutboxError, Row, RowId};
use crate::clock::Clock;
use crate::config::OutboxConfig;
use crate::domain::BootId;
use crate::media::EvidencePath;
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
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
    epoch: Uuid,
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
        let store = Store::open(&dir.join("outbox.db"), boot.clone(), clock.wall_us())?;
        // SQLite makes its log's entry in the directory durable, but not that of the file itself.
        let refused = |source| OutboxError::Directory { dir: dir.to_owned(), source };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(refused)?;
        let (counts, watched) = watch::channel(store.counts()?);
        let (commands, received) = mpsc::channel(QUEUE);
        let handle = OutboxHandle { commands, counts: watched, epoch: store.epoch(), boot };
        let writer = Writer { store, config: config.clone(), clock, commands: received, counts };
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
    /// Keeps an event; durable when it returns `Ok`. The same event again is no error and changes nothing.
    pub async fn submit(&self, row: NewRow) -> Result<(), OutboxError> {
        self.ask(|answer| Command::Change(Change::Submit(Box::new(row)), answer)).await
    }

    /// [`OutboxHandle::submit`] for a thread of its own. Must not be called in a task.
    pub fn submit_blocking(&self, row: NewRow) -> Result<(), OutboxError> {
        let (answer, done) = oneshot::channel();
        let command = Command::Change(Change::Submit(Box::new(row)), answer);
        self.commands.blocking_send(command).map_err(|_| OutboxError::Closed)?;
        done.blocking_recv().map_err(|_| OutboxError::Closed)?
    }

    /// Up to `limit` rows to send: by priority, oldest first, without those in `skip` (in flight, set aside).
    pub async fn next(&self, limit: usize, skip: HashSet<RowId>) -> Result<Vec<Row>, OutboxError> {
        self.ask(|answer| Command::Next { limit, skip, answer }).await
    }

    /// Deletes rows that an answer has named. Their evidence is to be removed afterwards, not before.
    pub async fn delete_delivered(&self, ids: Vec<RowId>) -> Result<(), OutboxError> {
        self.ask(|answer| Command::Change(Change::DeleteDelivered(ids), answer)).await
    }

    /// Sets a row aside that the server refuses for good. It stays, counted, with its reason and its evidence.
    pub async fn quarantine(&self, id: RowId, reason: String) -> Result<(), OutboxError> {
        self.ask(|answer| Command::Change(Change::Quarantine(id, reason), answer)).await
    }

    /// Every evidence file that a row names, for the sweep at start. For a thread, not for a task.
    pub fn evidence_blocking(&self) -> Result<HashSet<EvidencePath>, OutboxError> {
        let (answer, done) = oneshot::channel();
        self.commands.blocking_send(Command::Evidence(answer)).map_err(|_| OutboxError::Closed)?;
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

    /// Of this outbox file.
    pub fn epoch(&self) -> Uuid {
        self.epoch
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

fn boot_id() -> BootId {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    // Without one no two rows may be taken for the same boot's.
    let id = if text.trim().is_empty() { Uuid::new_v4().to_string() } else { text.trim().to_owned() };
    BootId(id)
}
