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
    let before = tx.total_changes();
    for job in batch {
        job.run(&tx);
        // SQLite itself rolls everything back at faults such as a full disk; what ran on would commit piece by piece.
        if tx.is_autocommit() {
            return Err(rolled_back());
        }
    }
    let step = i64::from(tx.total_changes() > before);
    let checkpoint = advance(&tx, step)?;
    killpoint::hit("server.commit.before");
    tx.commit()?;
    killpoint::hit("server.commit.after");
    Ok(checkpoint)
}

/// The commit's number. One that changes nothing only shows that the disk takes commits (`/readyz`, the watchdog): it is
/// written, and has the number of the last. If it rose with the clock, a restored backup would soon seem to have all that
/// the agents have seen.
fn advance(tx: &Transaction<'_>, step: i64) -> rusqlite::Result<i64> {
    tx.prepare_cached("UPDATE meta SET checkpoint = checkpoint + ?1 RETURNING checkpoint")?
        .query_row([step], |row| row.get(0))
}

fn rolled_back() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_ABORT_ROLLBACK), None)
}
