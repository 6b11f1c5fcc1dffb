//! What a damaged outbox file has counted beside its rows. As far as it reads: a number that is lost here is lost for good.

use super::OutboxError;
use super::store::Store;
use rusqlite::Connection;
use rusqlite::types::Value;

/// Each: how to read it of the old file, how to write it into the new one. Rows of the new file come after.
const CARRIED: [(&str, &str); 3] = [
    (
        "SELECT kind, reason, count FROM evicted",
        "INSERT INTO evicted (kind, reason, count) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + ?3",
    ),
    (
        "SELECT boot_id, base_us, unsynced_base_us FROM boot WHERE boot_id IS NOT NULL",
        "INSERT INTO boot (boot_id, base_us, unsynced_base_us) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET base_us = ?2, unsynced_base_us = ?3",
    ),
    (
        "SELECT p.kind, e.epoch, p.block, p.count, p.from_seq, p.to_seq, p.max_checkpoint
         FROM purged p JOIN epoch e ON e.id = p.epoch",
        "INSERT INTO purged (kind, epoch, block, count, from_seq, to_seq, max_checkpoint)
         VALUES (?1, (SELECT id FROM epoch WHERE epoch = ?2), ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    ),
];
const EPOCHS: (&str, &str) = ("SELECT epoch FROM epoch", "INSERT OR IGNORE INTO epoch (epoch) VALUES (?1)");

pub(super) fn carry_sums(old: &Connection, store: &mut Store) -> Result<(), OutboxError> {
    for (read, write) in [EPOCHS].into_iter().chain(CARRIED) {
        let rows = readable(old, read);
        let written = store.transact(|store| {
            let fault = OutboxError::sql("carry its sums over");
            let mut insert = store.connection.prepare(write).map_err(&fault)?;
            for row in &rows {
                insert.execute(rusqlite::params_from_iter(row)).map_err(&fault)?;
            }
            Ok(())
        });
        match written {
            // Values that do not fit are damage of the old file, and no reason not to have a new one.
            Err(error) if error.code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                tracing::warn!(%error, "some of the damaged outbox's sums are lost");
            }
            done => done?,
        }
    }
    Ok(())
}

/// Up to the first that does not read.
fn readable(old: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    let Ok(mut query) = old.prepare(sql) else { return found };
    let columns = query.column_count();
    let Ok(mut rows) = query.query([]) else { return found };
    while let Ok(Some(row)) = rows.next() {
        let Ok(values) = (0..columns).map(|column| row.get(column)).collect() else { continue };
        found.push(values);
    }
    found
}
