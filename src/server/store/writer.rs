//! The one thread that writes. Jobs that wait together are committed together; each is answered after the commit.

use crate::killpoint;
use crate::server::alarm::Alarm;
use crate::server::metrics;
use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Jobs of one commit.
const BATCH: usize = 256;

/// What became of a commit: its number, or why there is none.
pub type Fate = Result<i64, Arc<rusqlite::Error>>;

/// Something to write.
pub trait Job: Send {
    /// Works inside the transaction.
    fn run(&mut self, conn: &Connection);
    /// Hears the fate of the commit; also where `run` was never called.
    fn finish(self: Box<Self>, fate: Fate);
}

/// Works until all senders are gone, then tidies the WAL away.
pub fn run(mut conn: Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    let mut alarm = Alarm::default();
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        commit(&mut conn, batch, &mut alarm);
    }
    if let Err(error) = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the database's log could not be folded in; the next start will do it");
    }
}

fn commit(conn: &mut Connection, mut batch: Vec<Box<dyn Job>>, alarm: &mut Alarm) {
    let begun = Instant::now();
    let fate = transaction(conn, &mut batch).map_err(Arc::new);
    metrics::committed(begun.elapsed(), batch.len(), fate.is_ok());
    match &fate {
        Ok(_) => {
            if let Some(failures) = alarm.clear() {
                tracing::warn!(failures, "commits succeed again");
            }
        }
        Err(error) => {
            if let Some(failures) = alarm.raise() {
                tracing::error!(%error, failures, "commits fail; the senders are told to try again. {}", remedy(error));
            }
        }
    }
    for job in batch {
        job.finish(fate.clone());
    }
}

fn remedy(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => "Make room on the disk of the data directory",
        Some(rusqlite::ErrorCode::DatabaseCorrupt) => "Stop the server and put a backup of the database in its place",
        _ => "Look at the disk of the data directory",
    }
}

fn transaction(conn: &mut Connection, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<i64> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        job.run(&tx);
        // SQLite itself rolls everything back at faults such as a full disk; what ran on would commit piece by piece.
        if tx.is_autocommit() {
            return Err(rolled_back());
        }
    }
    let checkpoint = next_checkpoint(&tx)?;
    killpoint::hit("server.commit.before");
    tx.commit()?;
    killpoint::hit("server.commit.after");
    Ok(checkpoint)
}

fn next_checkpoint(tx: &Transaction<'_>) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE meta SET checkpoint = checkpoint + 1 RETURNING checkpoint")?
        .query_row([], |row| row.get(0))
}

fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK), None)
}
