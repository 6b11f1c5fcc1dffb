//! The agent's SQL, all of it. Runs on the outbox thread only.

use super::{Counts, NewRow, OutboxError, Row, RowId, schema};
use crate::domain::{BootId, CameraId, CameraKey, CaptureTime, CheckpointId, EventKind};
use crate::media::{EvidencePath, EvidenceRefs};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;
use std::path::Path;
use uuid::Uuid;

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    epoch: Uuid,
    boot: BootId,
}

impl Store {
    pub(super) fn open(path: &Path, boot: BootId, now_us: i64) -> Result<Self, OutboxError> {
        let connection = schema::open(path, now_us)?;
        let epoch: String = connection
            .query_row("SELECT epoch FROM outbox", [], |row| row.get(0))
            .map_err(|source| OutboxError::Open { path: path.to_owned(), source })?;
        let epoch = Uuid::parse_str(&epoch)
            .map_err(|error| OutboxError::Sql { doing: "read its epoch", reason: error.to_string() })?;
        Ok(Self { connection, epoch, boot })
    }

    pub(super) fn epoch(&self) -> Uuid {
        self.epoch
    }

    pub(super) fn begin(&self) -> Result<(), OutboxError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(OutboxError::sql("begin a commit"))
    }

    /// Durable when it returns `Ok`; undone when it returns an error.
    pub(super) fn commit(&self) -> Result<(), OutboxError> {
        self.connection.execute_batch("COMMIT").map_err(|error| {
            // SQLite may have rolled back already; then this fails and says nothing new.
            let _ = self.connection.execute_batch("ROLLBACK");
            OutboxError::sql("commit")(error)
        })
    }

    /// Inside a transaction.
    pub(super) fn insert(&self, row: &NewRow, now_us: i64) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("keep an event");
        let json =
            |error: serde_json::Error| OutboxError::Sql { doing: "write an event as JSON", reason: error.to_string() };
        let body = serde_json::to_string(&row.body).map_err(json)?;
        let evidence = serde_json::to_string(&row.evidence).map_err(json)?;
        let known: Option<i64> = self
            .connection
            .prepare_cached("SELECT 1 FROM event WHERE event_id = ?1 AND revision = ?2")
            .and_then(|mut query| query.query_row((row.event_id.to_string(), row.revision), |r| r.get(0)).optional())
            .map_err(&fault)?;
        if known.is_some() {
            return Ok(());
        }
        let seq: i64 = self
            .connection
            .prepare_cached("UPDATE outbox SET last_seq = last_seq + 1 RETURNING last_seq")
            .and_then(|mut update| update.query_row([], |r| r.get(0)))
            .map_err(&fault)?;
        self.connection
            .prepare_cached(
                "INSERT INTO event (event_id, revision, kind, priority, camera, checkpoint, epoch, seq, boot_id, wall_us,
                                    mono_ms, clock_synced, body, evidence, created_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )
            .and_then(|mut insert| {
                insert.execute(rusqlite::params![
                    row.event_id.to_string(),
                    row.revision,
                    row.kind.as_str(),
                    priority(row.kind),
                    row.camera.camera.as_str(),
                    row.camera.checkpoint.as_str(),
                    self.epoch.to_string(),
                    seq,
                    self.boot.0,
                    row.at.wall_us,
                    i64::try_from(row.at.mono_ms).unwrap_or(i64::MAX),
                    row.at.synced,
                    body,
                    evidence,
                    now_us,
                ])
            })
            .map_err(&fault)?;
        Ok(())
    }

    /// Inside a transaction: delivered rows go, and are counted.
    pub(super) fn delete_delivered(&self, ids: &[RowId]) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("delete delivered events");
        let mut gone = 0;
        for id in ids {
            gone += self
                .connection
                .prepare_cached("DELETE FROM event WHERE id = ?1")
                .and_then(|mut delete| delete.execute([id.0]))
                .map_err(&fault)?;
        }
        self.connection
            .prepare_cached("UPDATE outbox SET delivered = delivered + ?1")
            .and_then(|mut update| update.execute([i64::try_from(gone).unwrap_or(i64::MAX)]))
            .map_err(&fault)?;
        Ok(())
    }

    /// Inside a transaction.
    pub(super) fn quarantine(&self, id: RowId, reason: &str) -> Result<(), OutboxError> {
        self.connection
            .prepare_cached("UPDATE event SET state = 'quarantined', reason = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute((id.0, reason)))
            .map_err(OutboxError::sql("quarantine an event"))?;
        Ok(())
    }

    /// The next rows to send, by priority, oldest first, without those in `skip`. A row that cannot be read is
    /// quarantined here: it must neither be lost silently nor stop the others.
    pub(super) fn next(&self, limit: usize, skip: &HashSet<RowId>) -> Result<Vec<Row>, OutboxError> {
        let fault = OutboxError::sql("read the next events");
        let mut rows = Vec::new();
        let mut unreadable = Vec::new();
        let mut query = self
            .connection
            .prepare_cached(
                "SELECT id, event_id, revision, kind, camera, checkpoint, epoch, seq, boot_id, wall_us, mono_ms,
                        clock_synced, body, evidence
                 FROM event WHERE state = 'pending' ORDER BY priority, id",
            )
            .map_err(&fault)?;
        let mut found = query.query([]).map_err(&fault)?;
        while rows.len() < limit
            && let Some(row) = found.next().map_err(&fault)?
        {
            let id = RowId(row.get(0).map_err(&fault)?);
            if skip.contains(&id) {
                continue;
            }
            match read_row(id, row) {
                Ok(row) => rows.push(row),
                Err(reason) => unreadable.push((id, reason)),
            }
        }
        drop(found);
        for (id, reason) in unreadable {
            tracing::error!(row = id.0, %reason, "an event in the outbox cannot be read; it is quarantined");
            self.quarantine(id, &format!("unreadable: {reason}"))?;
        }
        Ok(rows)
    }

    pub(super) fn counts(&self) -> Result<Counts, OutboxError> {
        self.connection
            .prepare_cached(
                "SELECT count(*) FILTER (WHERE state = 'pending'),
                        count(*) FILTER (WHERE state = 'pending' AND kind = 'plate'),
                        count(*) FILTER (WHERE state = 'quarantined'),
                        (SELECT delivered FROM outbox)
                 FROM event",
            )
            .and_then(|mut query| {
                query.query_row([], |row| {
                    let number = |index| row.get::<_, i64>(index).map(i64::unsigned_abs);
                    Ok(Counts {
                        pending: number(0)?,
                        pending_plates: number(1)?,
                        quarantined: number(2)?,
                        delivered: number(3)?,
                    })
                })
            })
            .map_err(OutboxError::sql("count its events"))
    }

    /// Every evidence file that a row names.
    pub(super) fn evidence(&self) -> Result<HashSet<EvidencePath>, OutboxError> {
        let fault = OutboxError::sql("list its evidence");
        let mut query = self.connection.prepare("SELECT evidence FROM event").map_err(&fault)?;
        let texts = query.query_map([], |row| row.get::<_, String>(0)).map_err(&fault)?;
        let mut named = HashSet::new();
        for text in texts {
            if let Ok(refs) = serde_json::from_str::<EvidenceRefs>(&text.map_err(&fault)?) {
                named.extend(refs.paths().cloned());
            }
        }
        Ok(named)
    }

    /// Moves the log into the file, so that the next start has nothing to recover.
    pub(super) fn checkpoint(&self) -> Result<(), OutboxError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(OutboxError::sql("write its log back"))
    }
}

fn priority(kind: EventKind) -> i64 {
    match kind {
        EventKind::Plate => 0,
        EventKind::Health => 1,
    }
}

fn read_row(id: RowId, row: &rusqlite::Row<'_>) -> Result<Row, String> {
    let text = |index: usize| row.get::<_, String>(index).map_err(|error| error.to_string());
    let number = |index: usize| row.get::<_, i64>(index).map_err(|error| error.to_string());
    let unsigned = |index: usize| u64::try_from(number(index)?).map_err(|error| error.to_string());
    let uuid = |index: usize| Uuid::parse_str(&text(index)?).map_err(|error| error.to_string());
    let kind = match text(3)?.as_str() {
        "plate" => EventKind::Plate,
        "health" => EventKind::Health,
        other => return Err(format!("unknown kind \"{other}\"")),
    };
    Ok(Row {
        id,
        event_id: uuid(1)?,
        revision: u32::try_from(number(2)?).map_err(|error| error.to_string())?,
        kind,
        camera: CameraKey {
            camera: CameraId::new(&text(4)?).map_err(|error| error.to_string())?,
            checkpoint: CheckpointId::new(&text(5)?).map_err(|error| error.to_string())?,
        },
        epoch: uuid(6)?,
        seq: unsigned(7)?,
        boot: BootId(text(8)?),
        at: CaptureTime { wall_us: number(9)?, mono_ms: unsigned(10)?, synced: number(11)? != 0 },
        body: serde_json::from_str(&text(12)?).map_err(|error| error.to_string())?,
        evidence: serde_json::from_str(&text(13)?).map_err(|error| error.to_string())?,
    })
}
