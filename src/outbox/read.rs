//! Rows on their way out.

use super::keep::base_us;
use super::store::{Passed, Store};
use super::tally::Lane;
use super::{OutboxError, Row, RowId, Want};
use crate::domain::{BootId, CameraId, CameraKey, CaptureTime, CheckpointId, EventKind};
use crate::media::{EvidencePath, EvidenceRefs};
use rusqlite::OptionalExtension;
use serde_json::Value;
use uuid::Uuid;

/// The columns that [`read_row`] reads, in its order.
pub(super) const ROW: &str = "
    SELECT e.id, e.event_id, e.revision, e.kind, c.camera, c.checkpoint, p.epoch, e.seq, b.boot_id, e.wall_us, e.mono_ms,
           e.synced, b.base_us, y.body, y.evidence
    FROM event e
    LEFT JOIN payload y ON y.id = e.id
    LEFT JOIN camera c ON c.id = e.camera
    LEFT JOIN epoch p ON p.id = e.epoch
    LEFT JOIN boot b ON b.id = e.boot ";

impl Store {
    /// The next rows to send, by priority, oldest first. A row that cannot be read is quarantined here: it must
    /// neither be lost silently nor stop the others.
    pub(super) fn next(&mut self, want: &Want) -> Result<Vec<Row>, OutboxError> {
        let mut rows = Vec::new();
        let mut unreadable = Vec::new();
        let held = self.camera_numbers(&want.held)?;
        if self.refs.passed.held != held {
            self.refs.passed = Passed { held, ..Passed::default() };
        }
        for lane in Lane::PENDING {
            self.read_lane(lane, want, &mut rows, &mut unreadable)?;
        }
        if !unreadable.is_empty()
            && let Err(error) = self.set_aside(&unreadable)
        {
            // They come up again; meanwhile the others go.
            tracing::error!(%error, count = unreadable.len(), "events that cannot be read cannot be quarantined either");
        }
        Ok(rows)
    }

    fn set_aside(&mut self, unreadable: &[(RowId, String)]) -> Result<(), OutboxError> {
        self.transact(|store| {
            for (id, reason) in unreadable {
                tracing::error!(row = id.0, %reason, "an event in the outbox cannot be read; it is quarantined");
                store.quarantine(*id, &format!("unreadable: {reason}"))?;
            }
            Ok(())
        })
    }

    /// Of these files, those that no row names.
    pub(super) fn orphans(&self, files: Vec<EvidencePath>) -> Result<Vec<EvidencePath>, OutboxError> {
        let mut orphans = Vec::new();
        for path in files {
            if !self.names(&path)? {
                orphans.push(path);
            }
        }
        Ok(orphans)
    }

    fn names(&self, path: &EvidencePath) -> Result<bool, OutboxError> {
        let fault = OutboxError::sql("look for a picture's event");
        let mut query = self
            .connection
            .prepare_cached("SELECT y.evidence FROM event e JOIN payload y ON y.id = e.id WHERE e.event_id = ?1")
            .map_err(&fault)?;
        let mut rows = query.query([path.event_id().as_bytes().as_slice()]).map_err(&fault)?;
        while let Some(row) = rows.next().map_err(&fault)? {
            let text: String = row.get(0).map_err(&fault)?;
            match serde_json::from_str::<EvidenceRefs>(&text) {
                Ok(refs) if !refs.paths().any(|named| named == path) => {}
                // What cannot be read may name it.
                _ => return Ok(true),
            }
        }
        Ok(false)
    }

    /// In the file; a camera that no row knows has none.
    fn camera_numbers(&self, cameras: &[CameraKey]) -> Result<Vec<i64>, OutboxError> {
        let number = |key: &CameraKey| {
            let mut query =
                self.connection.prepare_cached("SELECT id FROM camera WHERE camera = ?1 AND checkpoint = ?2")?;
            query.query_row((key.camera.as_str(), key.checkpoint.as_str()), |row| row.get(0)).optional()
        };
        let numbers: Result<Vec<Option<i64>>, _> = cameras.iter().map(number).collect();
        let mut numbers: Vec<i64> =
            numbers.map_err(OutboxError::sql("look for cameras"))?.into_iter().flatten().collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read_lane(
        &mut self,
        lane: Lane,
        want: &Want,
        rows: &mut Vec<Row>,
        unreadable: &mut Vec<(RowId, String)>,
    ) -> Result<(), OutboxError> {
        if rows.len() >= want.limit || self.head.tally.of(lane).rows == 0 {
            return Ok(());
        }
        let fault = OutboxError::sql("read the next events");
        let held = Value::from(self.refs.passed.held.as_slice()).to_string();
        let (newer_than, passed) =
            (want.newer_than.map_or(0, |id| id.0), self.refs.passed.up_to.get(&lane).copied().unwrap_or(0));
        let mut query = self
            .connection
            .prepare_cached(&format!(
                "{ROW} WHERE e.lane = ?1 AND e.id > ?2 AND e.camera NOT IN (SELECT value FROM json_each(?3)) ORDER BY e.id"
            ))
            .map_err(&fault)?;
        let mut found = query.query((lane.number(), newer_than.max(passed), held)).map_err(&fault)?;
        let mut first = None;
        while rows.len() < want.limit
            && let Some(row) = found.next().map_err(&fault)?
        {
            let id = RowId(row.get(0).map_err(&fault)?);
            first.get_or_insert(id.0);
            if want.skip.contains(&id) {
                continue;
            }
            match read_row(id, row) {
                Ok(row) => rows.push(row),
                Err(reason) => unreadable.push((id, reason)),
            }
        }
        drop(found);
        drop(query);
        if newer_than <= passed && !self.refs.passed.held.is_empty() {
            self.refs.passed.up_to.insert(lane, first.map_or(self.head.last_id, |first| first - 1));
        }
        Ok(())
    }
}

pub(super) fn read_row(id: RowId, row: &rusqlite::Row<'_>) -> Result<Row, String> {
    let text = |index: usize| row.get::<_, String>(index).map_err(|error| error.to_string());
    let number = |index: usize| row.get::<_, i64>(index).map_err(|error| error.to_string());
    let unsigned = |index: usize| u64::try_from(number(index)?).map_err(|error| error.to_string());
    let kind = match text(3)?.as_str() {
        "plate" => EventKind::Plate,
        "health" => EventKind::Health,
        other => return Err(format!("unknown kind \"{other}\"")),
    };
    let event_id: Vec<u8> = row.get(1).map_err(|error| error.to_string())?;
    let at = CaptureTime { wall_us: number(9)?, mono_ms: unsigned(10)?, synced: number(11)? != 0 };
    let base: Option<i64> = row.get(12).map_err(|error| error.to_string())?;
    Ok(Row {
        id,
        event_id: Uuid::from_slice(&event_id).map_err(|error| error.to_string())?,
        revision: u32::try_from(number(2)?).map_err(|error| error.to_string())?,
        kind,
        camera: CameraKey {
            camera: CameraId::new(&text(4)?).map_err(|error| error.to_string())?,
            checkpoint: CheckpointId::new(&text(5)?).map_err(|error| error.to_string())?,
        },
        epoch: Uuid::parse_str(&text(6)?).map_err(|error| error.to_string())?,
        seq: unsigned(7)?,
        boot: BootId(text(8)?),
        at,
        // From the row's own base: right even where the wall clock was stepped about before it was set.
        offset_us: base.filter(|_| !at.synced).map(|base| base.saturating_sub(base_us(at))),
        body: serde_json::from_str(&text(13)?).map_err(|error| error.to_string())?,
        evidence: serde_json::from_str(&text(14)?).map_err(|error| error.to_string())?,
    })
}

/// What can be read of a row that cannot be read: for a person who looks for it.
pub(super) fn read_leniently(id: RowId, row: &rusqlite::Row<'_>) -> Row {
    let text = |index: usize| row.get::<_, String>(index).unwrap_or_default();
    let number = |index: usize| row.get::<_, i64>(index).unwrap_or_default();
    let event_id: Vec<u8> = row.get(1).unwrap_or_default();
    Row {
        id,
        event_id: Uuid::from_slice(&event_id).unwrap_or_default(),
        revision: u32::try_from(number(2)).unwrap_or_default(),
        kind: if text(3) == "plate" { EventKind::Plate } else { EventKind::Health },
        camera: CameraKey {
            camera: CameraId::new(&text(4)).unwrap_or_else(|_| CameraId::unknown()),
            checkpoint: CheckpointId::new(&text(5)).unwrap_or_else(|_| CheckpointId::unknown()),
        },
        epoch: Uuid::parse_str(&text(6)).unwrap_or_default(),
        seq: number(7).unsigned_abs(),
        boot: BootId(text(8)),
        at: CaptureTime { wall_us: number(9), mono_ms: number(10).unsigned_abs(), synced: number(11) != 0 },
        offset_us: None,
        body: serde_json::from_str(&text(13)).unwrap_or_default(),
        evidence: serde_json::from_str(&text(14)).unwrap_or_default(),
    }
}
