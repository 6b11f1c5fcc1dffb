//! New rows.

use super::store::{Store, signed};
use super::tally::{Lane, Sum};
use super::{NewRow, OutboxError, RowId};
use crate::domain::{BootId, CameraId, CameraKey, CaptureTime, CheckpointId};
use rusqlite::OptionalExtension;
use uuid::Uuid;

/// What a row takes beside its body, about: ids, times, index entries.
const ROW_OVERHEAD: usize = 128;
/// How far the wall clock's start of this boot may wander before it is noted anew.
const BASE_TOLERANCE_US: i64 = 10_000;

/// Where a row comes from that was not made by this outbox: salvaged or imported.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Origin {
    /// `None`: it had none, and gets one here.
    pub(super) number: Option<(Uuid, i64)>,
    pub(super) boot: BootId,
}

impl Store {
    /// Inside a transaction. `None`: it is there already.
    pub(super) fn insert(
        &mut self,
        row: &NewRow,
        lane: Lane,
        evidence_bytes: u64,
        origin: Option<&Origin>,
    ) -> Result<Option<RowId>, OutboxError> {
        let fault = OutboxError::sql("keep an event");
        let json = |error: serde_json::Error| OutboxError::Sql {
            doing: "write an event as JSON",
            reason: error.to_string(),
            code: None,
        };
        let body = serde_json::to_string(&row.body).map_err(json)?;
        let evidence = serde_json::to_string(&row.evidence).map_err(json)?;
        if self.has(row.event_id, row.revision)? {
            return Ok(None);
        }
        let camera = self.camera_ref(&row.camera)?;
        let number = origin.and_then(|origin| origin.number);
        let epoch = self.epoch_ref(number.map_or(self.epoch(), |(epoch, _)| epoch))?;
        let boot = match origin {
            Some(origin) => self.boot_ref(&origin.boot)?,
            None => self.boot_ref(&self.boot().clone())?,
        };
        self.head.last_id += 1;
        let (id, bytes) = (self.head.last_id, (body.len() + ROW_OVERHEAD) as u64);
        let seq = match number {
            Some((epoch, seq)) => {
                // One of our own that comes back: its number must not be given again.
                if epoch == self.epoch() {
                    self.head.last_seq = self.head.last_seq.max(seq);
                }
                seq
            }
            None => {
                self.head.last_seq += 1;
                self.head.last_seq
            }
        };
        self.connection
            .prepare_cached(
                "INSERT INTO event (id, lane, event_id, revision, kind, camera, epoch, seq, boot, wall_us, mono_ms, synced,
                                    bytes, evidence_bytes)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )
            .and_then(|mut insert| {
                insert.execute(rusqlite::params![
                    id,
                    lane.number(),
                    row.event_id.as_bytes().as_slice(),
                    row.revision,
                    row.kind.as_str(),
                    camera,
                    epoch,
                    seq,
                    boot,
                    row.at.wall_us,
                    signed(row.at.mono_ms),
                    row.at.synced,
                    signed(bytes),
                    signed(evidence_bytes),
                ])
            })
            .map_err(&fault)?;
        self.connection
            .prepare_cached("INSERT INTO payload (id, body, evidence) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute((id, body, evidence)))
            .map_err(&fault)?;
        self.head.tally.add(lane, Sum::of(bytes, evidence_bytes));
        self.head.reporter = Some(camera);
        if origin.is_none() {
            self.note_base(boot, row.at)?;
        }
        Ok(Some(RowId(id)))
    }

    /// The camera whose event this is; `None`: it is not here.
    pub(super) fn camera_of(&self, event_id: Uuid, revision: u32) -> Result<Option<CameraKey>, OutboxError> {
        let names: Option<(String, String)> = self
            .connection
            .prepare_cached(
                "SELECT coalesce(c.camera, ''), coalesce(c.checkpoint, '') FROM event e LEFT JOIN camera c ON c.id = e.camera
                 WHERE e.event_id = ?1 AND e.revision = ?2",
            )
            .and_then(|mut query| {
                query.query_row((event_id.as_bytes().as_slice(), revision), |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(OutboxError::sql("look for an event"))?;
        Ok(names.map(|(camera, checkpoint)| CameraKey {
            camera: CameraId::new(&camera).unwrap_or_else(|_| CameraId::unknown()),
            checkpoint: CheckpointId::new(&checkpoint).unwrap_or_else(|_| CheckpointId::unknown()),
        }))
    }

    pub(super) fn has(&self, event_id: Uuid, revision: u32) -> Result<bool, OutboxError> {
        self.connection
            .prepare_cached("SELECT 1 FROM event WHERE event_id = ?1 AND revision = ?2")
            .and_then(|mut query| query.query_row((event_id.as_bytes().as_slice(), revision), |_| Ok(())).optional())
            .map(|found| found.is_some())
            .map_err(OutboxError::sql("look for an event"))
    }

    /// Whether any revision of an event is kept.
    pub(super) fn has_any(&self, event_id: Uuid) -> Result<bool, OutboxError> {
        self.connection
            .prepare_cached("SELECT 1 FROM event WHERE event_id = ?1 LIMIT 1")
            .and_then(|mut query| query.query_row([event_id.as_bytes().as_slice()], |_| Ok(())).optional())
            .map(|found| found.is_some())
            .map_err(OutboxError::sql("look for an event"))
    }

    /// Numbers start anew, so that none is ever used twice.
    pub(super) fn new_epoch(&mut self) -> Result<(), OutboxError> {
        self.head.epoch = Uuid::new_v4();
        self.head.last_seq = 0;
        self.connection
            .execute("UPDATE outbox SET epoch = ?1", [self.head.epoch.to_string()])
            .map(drop)
            .map_err(OutboxError::sql("start a new epoch"))
    }

    /// What a salvaged row had beside what [`Store::insert`] writes.
    pub(super) fn restore(
        &self,
        id: RowId,
        reason: Option<String>,
        settled_us: Option<i64>,
        checkpoint: Option<i64>,
    ) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("restore an event");
        if let Some(reason) = reason {
            self.connection
                .prepare_cached("INSERT OR REPLACE INTO quarantine (id, reason) VALUES (?1, ?2)")
                .and_then(|mut insert| insert.execute((id.0, reason)))
                .map_err(&fault)?;
        }
        if settled_us.is_some() || checkpoint.is_some() {
            self.connection
                .prepare_cached("UPDATE event SET settled_us = ?2, checkpoint = ?3 WHERE id = ?1")
                .and_then(|mut update| update.execute((id.0, settled_us, checkpoint)))
                .map_err(&fault)?;
        }
        Ok(())
    }

    pub(super) fn restore_base(&mut self, boot: &BootId, at: CaptureTime, offset_us: i64) -> Result<(), OutboxError> {
        let id = self.boot_ref(boot)?;
        self.connection
            .prepare_cached("UPDATE boot SET base_us = ?2 WHERE id = ?1 AND base_us IS NULL")
            .and_then(|mut update| update.execute((id, base_us(at).saturating_add(offset_us))))
            .map(drop)
            .map_err(OutboxError::sql("restore the clock's offset"))
    }

    /// Remembers how wrong the clock stands before it is set: the rows may be gone by then.
    fn note_base(&mut self, boot: i64, at: CaptureTime) -> Result<(), OutboxError> {
        let base = base_us(at);
        let near = |noted: i64| (base - noted).abs() <= BASE_TOLERANCE_US;
        if at.synced || self.refs.noted_base.is_some_and(near) {
            return Ok(());
        }
        self.connection
            .prepare_cached("UPDATE boot SET unsynced_base_us = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute((boot, base)))
            .map_err(OutboxError::sql("note the clock"))?;
        self.refs.noted_base = Some(base);
        Ok(())
    }
}

/// What the wall clock says of the moment when the monotonic clock stood at zero.
pub(super) fn base_us(at: CaptureTime) -> i64 {
    at.wall_us.saturating_sub(signed(at.mono_ms).saturating_mul(1000))
}
