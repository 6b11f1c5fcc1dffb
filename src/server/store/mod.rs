//! All of the server's SQL. One thread writes and commits in groups; readers have connections of their own.
//!
//! Invariants: an answer follows the commit of what it answers; an image is on the disk before the row that names it;
//! a receipt outlives its record.

mod access;
mod alerts;
mod camera_health;
mod clocks;
mod codes;
mod find;
mod find_count;
mod gaps;
mod health;
mod keys;
mod plates;
mod problems;
mod read;
mod retire;
mod schema;
mod tally;
mod usage;
pub mod verify;
mod wanted;
mod watchlists;
mod webhooks;
mod write;
mod writer;

pub use access::{AuditRow, SessionRow, TokenFile, TokenRow, TokenWatch, audit, end_session, purge_access, tokens};
pub use alerts::{AlertRow, Watched, acknowledge, alerts, find_alert, open_alerts};
pub use camera_health::{HealthFilter, HealthRow, Known, components, known_cameras, last_detection_us};
pub use clocks::Timed;
pub use codes::{CodeRow, Unnamed};
pub use find::{Filter, Order, Place, knows_all, knows_all_plates, records};
pub use gaps::{GapRow, gaps};
pub use health::NewHealth;
pub use keys::{OldKeys, forget_keys, old_cameras, old_keys};
pub use plates::{backfill, province_of};
pub use problems::{Observed, Reported, observe, problems};
pub use read::{CameraRow, ImageRow, RecordRow, cameras, counts, image_path, names_image, receipt};
pub use retire::{Removal, is_due, remove};
pub use tally::{HOUR_US, Kind, hours};
pub use usage::{Class, Usage, free_inside, usage};
pub use wanted::{Mode, Wanted};
pub use watchlists::{
    Watchlist, Written, delete_entries, delete_entry, delete_watchlist, entries, entry_ids, find_entry, find_watchlist,
    put_entries, put_entry, put_watchlist, valid_entries, watchlists,
};
pub use webhooks::{
    Delivery, backlog, delivered, failed, forget_given_up, give_up, next_delivery, queue, wake_deliveries,
};
pub use write::{Accepted, NewDetection, Verdict, touch, verdict};

use super::metrics;
pub use rusqlite::Connection;
use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Why the store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0} is a database of another program; name another folder with --data-dir")]
    Foreign(PathBuf),
    #[error(
        "{path} was written by a newer lpr-server (schema {version}, this one knows {known}); install that version again"
    )]
    Newer { path: PathBuf, version: usize, known: usize },
    #[error(
        "{path} was written by an older lpr-server (schema {version}, this one knows {known}); start this version of the \
         server once, or restart it if an older one runs"
    )]
    Older { path: PathBuf, version: usize, known: usize },
    #[error("{0} cannot be written; give this user the right to write it, or name another folder with --data-dir")]
    ReadOnly(PathBuf),
    #[error(
        "{path} is damaged ({reason}); put a backup in its place, or move it and its -wal and -shm files away to start \
         with an empty one: agents send again what they still keep"
    )]
    Damaged { path: PathBuf, reason: String },
    #[error("the database failed: {0}")]
    Sql(#[from] rusqlite::Error),
    #[error("the commit failed: {0}")]
    Commit(Arc<rusqlite::Error>),
    #[error("the writer thread cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Is it certain that nothing of what failed will ever turn up? Otherwise a crash now could bring it back.
    pub fn is_final(&self) -> bool {
        use rusqlite::ErrorCode::{DiskFull, OperationAborted};
        match self {
            StoreError::Sql(_) => true,
            StoreError::Commit(error) => matches!(error.sqlite_error_code(), Some(DiskFull | OperationAborted)),
            _ => false,
        }
    }

    /// A database that cannot be read as one is said to be damaged.
    fn named(self, path: &Path) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, ReadOnly};
        let path = path.to_owned();
        match &self {
            StoreError::Sql(error) => match error.sqlite_error_code() {
                Some(DatabaseCorrupt | NotADatabase) => StoreError::Damaged { path, reason: error.to_string() },
                Some(ReadOnly) => StoreError::ReadOnly(path),
                _ => self,
            },
            _ => self,
        }
    }
}

/// Readers kept open between calls.
const IDLE_READERS: usize = 4;

/// The store. Cheap to share behind an `Arc`; [`Store::close`] ends its thread.
pub struct Store {
    path: PathBuf,
    jobs: Mutex<Option<mpsc::Sender<Box<dyn writer::Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Vec<Connection>>,
    store_id: String,
    /// The last commit.
    checkpoint: Arc<AtomicI64>,
}

/// What was written, and the number of the commit that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed<T> {
    pub value: T,
    pub checkpoint: i64,
}

impl Store {
    /// Opens or makes the database at `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_any(path).map_err(|error| error.named(path))
    }

    fn open_any(path: &Path) -> Result<Self, StoreError> {
        let mut conn = Connection::open(path)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        conn.set_prepared_statement_cache_capacity(128);
        schema::prepare(&mut conn, path, &uuid::Uuid::new_v4().to_string())?;
        // What a savepoint may have to take back stays in memory: in a temporary file it cost twice what the log does. Not
        // before the migrations, which sort whole tables.
        conn.execute_batch("PRAGMA temp_store = MEMORY")?;
        // No plan depends on a value: otherwise the search of the watchlists was planned anew for every plate.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let (store_id, checkpoint) = schema::look(&conn)?;
        let (jobs, inbox) = mpsc::channel(256);
        let thread = std::thread::Builder::new()
            .name("store".into())
            .spawn(move || writer::run(conn, inbox))
            .map_err(StoreError::Thread)?;
        Ok(Self {
            path: path.to_owned(),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            readers: Mutex::default(),
            store_id,
            checkpoint: Arc::new(AtomicI64::new(checkpoint)),
        })
    }

    /// Made when the database was made, and never again.
    pub fn store_id(&self) -> &str {
        &self.store_id
    }

    /// The number of the last commit; it rises with each.
    pub fn checkpoint(&self) -> i64 {
        self.checkpoint.load(Ordering::Acquire)
    }

    /// Runs `work` in the writer's next transaction and gives its result once that is committed. A failing `work`
    /// leaves nothing behind and does not touch the others of its group.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<Committed<T>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Write { work: Some(work), result: None, reply, checkpoint: self.checkpoint.clone() };
        let _waiting = metrics::Waiting::new();
        let sender = lock(&self.jobs).clone().ok_or(StoreError::Closed)?;
        sender.send(Box::new(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` on a reader, off the async threads.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || store.read_here(work)).await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` on a reader, on this thread, which must not be an async one.
    pub fn read_here<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let reader = self.reader()?;
        let result = work(&reader)?;
        let mut idle = lock(&self.readers);
        if idle.len() < IDLE_READERS {
            idle.push(reader);
        }
        Ok(result)
    }

    /// Looks for damage in the whole file; gives the first that was found. Takes its time.
    pub async fn inspect(self: &Arc<Self>) -> Result<Option<String>, StoreError> {
        self.read(|conn| {
            let found: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
            Ok((found != "ok").then_some(found))
        })
        .await
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(reader) = lock(&self.readers).pop() {
            return Ok(reader);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.path, flags)?;
        reader.busy_timeout(Duration::from_secs(10))?;
        reader.set_prepared_statement_cache_capacity(64);
        reader.execute_batch(schema::READER)?;
        Ok(reader)
    }

    /// Commits what is queued and ends the writer. Blocks; nothing can be written afterwards.
    pub fn close(&self) {
        lock(&self.readers).clear();
        drop(lock(&self.jobs).take());
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// A job of [`Store::write`].
struct Write<W, T> {
    work: Option<W>,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<Committed<T>, StoreError>>,
    checkpoint: Arc<AtomicI64>,
}

impl<T: Send, W: FnOnce(&Connection) -> rusqlite::Result<T> + Send> writer::Job for Write<W, T> {
    fn run(&mut self, conn: &Connection) {
        self.result = self.work.take().map(|work| in_savepoint(conn, work));
    }

    fn finish(self: Box<Self>, fate: writer::Fate) {
        let outcome = match (self.result, fate) {
            (Some(Err(error)), _) => Err(StoreError::Sql(error)),
            (_, Err(error)) => Err(StoreError::Commit(error)),
            (Some(Ok(value)), Ok(checkpoint)) => {
                self.checkpoint.fetch_max(checkpoint, Ordering::AcqRel);
                Ok(Committed { value, checkpoint })
            }
            (None, Ok(_)) => Err(StoreError::Closed),
        };
        let _ = self.reply.send(outcome);
    }
}

fn in_savepoint<T>(conn: &Connection, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    conn.prepare_cached("SAVEPOINT job")?.execute([])?;
    let result = work(conn);
    if result.is_ok() {
        conn.prepare_cached("RELEASE job")?.execute([])?;
    } else if let Err(error) = conn.execute_batch("ROLLBACK TO job; RELEASE job") {
        // Some faults end the whole transaction, and the savepoint with it.
        tracing::debug!(%error, "the savepoint was gone");
    }
    result
}

/// What a panicking holder left is still whole: every holder only pushes, pops or takes.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
