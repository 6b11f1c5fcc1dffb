//! All of the server's SQL. One thread writes and commits in groups; readers have connections of their own.
//!
//! Invariants: an answer follows the commit of what it answers; an image is on the disk before the row that names it;
//! a receipt outlives its record.

mod read;
mod schema;
mod write;
mod writer;

pub use read::{CameraRow, Filter, ImageRow, RecordRow, cameras, checkpoint, counts, image_path, receipt};
pub use write::{Accepted, NewDetection, NewHealth, Verdict, touch, verdict};

pub use rusqlite::Connection;
use rusqlite::OpenFlags;
use std::path::{Path, PathBuf};
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
    #[error("the database failed: {0}")]
    Sql(#[from] rusqlite::Error),
    #[error("the commit failed: {0}")]
    Commit(Arc<rusqlite::Error>),
    #[error("the writer thread cannot be started: {0}")]
    Thread(std::io::Error),
    #[error("the store is closed")]
    Closed,
}

/// Readers kept open between calls.
const IDLE_READERS: usize = 4;

/// The store. Cheap to share behind an `Arc`; [`Store::close`] ends its thread.
pub struct Store {
    path: PathBuf,
    jobs: Mutex<Option<mpsc::Sender<writer::Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Vec<Connection>>,
    store_id: String,
}

impl Store {
    /// Opens or makes the database at `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut conn = Connection::open(path)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        schema::prepare(&mut conn, path, &uuid::Uuid::new_v4().to_string())?;
        let store_id = conn.query_row("SELECT store_id FROM meta", [], |row| row.get(0))?;
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
        })
    }

    /// Made when the database was made, and never again.
    pub fn store_id(&self) -> &str {
        &self.store_id
    }

    /// Runs `work` in the writer's next transaction and gives its result once that is committed. A failing `work`
    /// leaves nothing behind and does not touch the others of its group.
    pub async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: writer::Job = Box::new(move |conn| {
            let result = in_savepoint(conn, work);
            Box::new(move |failure| {
                let _ = reply.send(match failure {
                    Some(error) => Err(StoreError::Commit(error)),
                    None => result.map_err(StoreError::Sql),
                });
            })
        });
        let sender = lock(&self.jobs).clone().ok_or(StoreError::Closed)?;
        sender.send(job).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Runs `work` on a reader, off the async threads.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            let reader = store.reader()?;
            let result = work(&reader)?;
            let mut idle = lock(&store.readers);
            if idle.len() < IDLE_READERS {
                idle.push(reader);
            }
            Ok(result)
        });
        result.await.map_err(|_| StoreError::Closed)?
    }

    fn reader(&self) -> Result<Connection, StoreError> {
        if let Some(reader) = lock(&self.readers).pop() {
            return Ok(reader);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&self.path, flags)?;
        reader.busy_timeout(Duration::from_secs(10))?;
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

fn in_savepoint<T>(conn: &Connection, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
    conn.execute_batch("SAVEPOINT job")?;
    let result = work(conn);
    let end = if result.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    conn.execute_batch(end)?;
    result
}

/// What a panicking holder left is still whole: every holder only pushes, pops or takes.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
