//! The one thread that writes. Jobs that wait together are committed together; each is answered after the commit.

use rusqlite::Connection;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Jobs of one commit.
const BATCH: usize = 64;

/// Runs inside the transaction and gives back what to call once the fate of the commit is known.
pub type Job = Box<dyn FnOnce(&Connection) -> Finish + Send>;

/// Called with the error of the commit, if it failed.
pub type Finish = Box<dyn FnOnce(Option<Arc<rusqlite::Error>>) + Send>;

/// Works until all senders are gone, then tidies the WAL away.
pub fn run(mut conn: Connection, mut jobs: mpsc::Receiver<Job>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        commit(&mut conn, batch);
    }
    if let Err(error) = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the database's log could not be folded in; the next start will do it");
    }
}

fn commit(conn: &mut Connection, batch: Vec<Job>) {
    let mut finishers = Vec::with_capacity(batch.len());
    let outcome = (|| {
        let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for job in batch {
            finishers.push(job(&tx));
        }
        tx.execute("UPDATE meta SET checkpoint = checkpoint + 1", [])?;
        tx.commit()
    })();
    let failure = outcome.err().map(Arc::new);
    if let Some(error) = &failure {
        tracing::error!(%error, jobs = finishers.len(), "commit failed; the senders are told to try again");
    }
    for finish in finishers {
        finish(failure.clone());
    }
}
