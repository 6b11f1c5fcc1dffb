//! What the outbox itself reports, as rows like any other, made in the transaction of what they report.

use super::keep::base_us;
use super::store::Store;
use super::tally::{Lane, Sum};
use super::{NewRow, OutboxError, RowId};
use crate::domain::{CameraId, CameraKey, CaptureTime, CheckpointId, EventKind, new_event_id};
use crate::media::EvidenceRefs;
use crate::wire::outgoing;
use rusqlite::OptionalExtension;
use serde_json::{Map, Value};

/// Events that will not be delivered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gap {
    /// `plate`, `health`, `picture` (the event is delivered without), or `event` where the kind is not known.
    pub(super) kind: String,
    pub(super) reason: &'static str,
    /// `None` where no number is known.
    pub(super) range: Option<Range>,
    pub(super) count: u64,
}

/// The first and last of them within an epoch; others of the kind may lie between.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) epoch: String,
    pub(super) from_seq: i64,
    pub(super) to_seq: i64,
}

/// A gap report that has not been handed out yet: more of the same is added to it.
#[derive(Debug, Clone)]
pub(super) struct OpenGap {
    id: RowId,
    gap: Gap,
}

impl Store {
    /// Inside a transaction. Goes out in the name of the last camera that an event came from; before any has, there
    /// is nothing that could be missing.
    pub(super) fn report_gap(&mut self, gap: &Gap, now: CaptureTime) -> Result<(), OutboxError> {
        self.count_evicted(&gap.kind, gap.reason, gap.count)?;
        if let Some(at) = self.refs.open_gaps.iter().position(|open| open.gap.joins(gap)) {
            let mut open = self.refs.open_gaps[at].clone();
            open.gap.add(gap);
            self.rewrite(open.id, &open.gap.body())?;
            self.refs.open_gaps[at] = open;
            return Ok(());
        }
        let Some(camera) = self.reporter()? else { return Ok(()) };
        if let Some(id) = self.insert(&report(camera, now, gap.body()), Lane::Report, 0, None)? {
            self.refs.open_gaps.push(OpenGap { id, gap: gap.clone() });
        }
        Ok(())
    }

    /// Rows handed out stay as they are: the server may have them.
    pub(super) fn close_gaps(&mut self, handed_out: &[RowId]) {
        self.refs.open_gaps.retain(|open| !handed_out.contains(&open.id));
    }

    fn rewrite(&mut self, id: RowId, body: &Map<String, Value>) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("extend a gap report");
        let text = Value::Object(body.clone()).to_string();
        let Some(brief) = self.brief(id)? else { return Ok(()) };
        let before: i64 = self
            .connection
            .query_row("SELECT length(CAST(body AS BLOB)) FROM payload WHERE id = ?1", [id.0], |row| row.get(0))
            .map_err(&fault)?;
        let bytes = brief.sum.bytes.saturating_sub(before.unsigned_abs()) + text.len() as u64;
        self.connection.execute("UPDATE payload SET body = ?2 WHERE id = ?1", (id.0, text)).map_err(&fault)?;
        self.connection
            .execute("UPDATE event SET bytes = ?2 WHERE id = ?1", (id.0, super::store::signed(bytes)))
            .map_err(&fault)?;
        self.head.tally.take(brief.lane, brief.sum);
        self.head.tally.add(brief.lane, Sum { bytes, ..brief.sum });
        Ok(())
    }

    pub(super) fn count_evicted(&self, kind: &str, reason: &str, count: u64) -> Result<(), OutboxError> {
        self.connection
            .prepare_cached(
                "INSERT INTO evicted (kind, reason, count) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET count = count + excluded.count",
            )
            .and_then(|mut insert| insert.execute((kind, reason, super::store::signed(count))))
            .map(drop)
            .map_err(OutboxError::sql("count what is gone"))
    }

    pub(super) fn reporter(&self) -> Result<Option<CameraKey>, OutboxError> {
        let names: Option<(String, String)> = self
            .connection
            .query_row("SELECT camera, checkpoint FROM camera WHERE id = ?1", [self.head.reporter], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(OutboxError::sql("find whom to report as"))?;
        Ok(names.and_then(|(camera, checkpoint)| {
            Some(CameraKey { camera: CameraId::new(&camera).ok()?, checkpoint: CheckpointId::new(&checkpoint).ok()? })
        }))
    }

    /// Inside a transaction: this boot's wall clock can be trusted from `now` on. Keeps the boot's true base and reports
    /// how far off the clock stood before; once per boot.
    pub(super) fn clock_set(&mut self, now: CaptureTime, reporter: &CameraKey) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("keep the clock's offset");
        let boot = self.boot().clone();
        let id = self.boot_ref(&boot)?;
        let (known, unsynced): (Option<i64>, Option<i64>) = self
            .connection
            .query_row("SELECT base_us, unsynced_base_us FROM boot WHERE id = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(&fault)?;
        if known.is_some() {
            return Ok(());
        }
        let base = base_us(now);
        self.connection.execute("UPDATE boot SET base_us = ?2 WHERE id = ?1", (id, base)).map_err(&fault)?;
        // Nothing was captured before the clock was right: nothing to correct.
        let Some(unsynced) = unsynced else { return Ok(()) };
        let body = outgoing::clock_body(&boot, base.saturating_sub(unsynced) / 1000);
        let row = report(reporter.clone(), CaptureTime { synced: true, ..now }, body);
        self.insert(&row, Lane::Report, 0, None).map(drop)
    }
}

impl Gap {
    fn joins(&self, other: &Gap) -> bool {
        let epoch = |gap: &Gap| gap.range.as_ref().map(|range| range.epoch.clone());
        self.kind == other.kind && self.reason == other.reason && epoch(self) == epoch(other)
    }

    fn add(&mut self, other: &Gap) {
        self.count += other.count;
        if let (Some(mine), Some(theirs)) = (&mut self.range, &other.range) {
            mine.from_seq = mine.from_seq.min(theirs.from_seq);
            mine.to_seq = mine.to_seq.max(theirs.to_seq);
        }
    }

    fn body(&self) -> Map<String, Value> {
        let range = self.range.as_ref();
        outgoing::gap_body(&outgoing::Gap {
            epoch: range.map(|range| range.epoch.as_str()),
            from_seq: range.map(|range| range.from_seq.unsigned_abs()),
            to_seq: range.map(|range| range.to_seq.unsigned_abs()),
            count: self.count,
            kind: &self.kind,
            reason: self.reason,
        })
    }
}

pub(super) fn report(camera: CameraKey, at: CaptureTime, body: Map<String, Value>) -> NewRow {
    NewRow {
        event_id: new_event_id(at),
        revision: 0,
        kind: EventKind::Health,
        camera,
        at,
        body,
        evidence: EvidenceRefs::default(),
    }
}
