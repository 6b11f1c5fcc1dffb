//! Rows whose fate the server has decided, and servers that forget. Everything here runs inside a transaction.

use super::report::{Gap, Range};
use super::store::{Passed, Store, signed};
use super::tally::{Lane, Sum};
use super::{OutboxError, Reconciled, RowId, Settled};
use crate::domain::{CaptureTime, EventKind};
use rusqlite::OptionalExtension;

/// What a change of state needs to know of a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brief {
    pub(super) lane: Lane,
    pub(super) kind: EventKind,
    pub(super) sum: Sum,
    /// It has been delivered before, to a server that lost it.
    pub(super) again: bool,
}

/// In place of the server's number: delivered before, and counted then.
const AGAIN: i64 = -1;
/// Of a row of `event`: whether it is a report of the outbox itself, which is never given up.
const IS_REPORT: &str =
    "kind = 'health' AND EXISTS (SELECT 1 FROM payload y WHERE y.id = event.id AND json_valid(y.body)
                         AND json_extract(y.body, '$.component') IN ('outbox', 'clock'))";

impl Store {
    /// Rows become `delivered`. An id that is gone meanwhile changes nothing.
    pub(super) fn settle(&mut self, settled: &[Settled], now: CaptureTime) -> Result<(), OutboxError> {
        for one in settled {
            let Some(brief) = self.brief(one.id)? else { continue };
            if brief.lane == Lane::Delivered {
                continue;
            }
            if brief.lane == Lane::Quarantined {
                self.drop_reason(one.id)?;
            }
            let checkpoint = one.checkpoint.map(signed);
            self.connection
                .prepare_cached("UPDATE event SET lane = ?2, settled_us = ?3, checkpoint = ?4 WHERE id = ?1")
                .and_then(|mut update| {
                    let at = now.synced.then_some(now.wall_us);
                    update.execute((one.id.0, Lane::Delivered.number(), at, checkpoint))
                })
                .map_err(OutboxError::sql("settle an event"))?;
            self.head.tally.shift(brief.lane, Lane::Delivered, brief.sum);
            self.head.delivered += u64::from(!brief.again);
            self.head.duplicates += u64::from(one.duplicate && !brief.again);
            self.head.server_checkpoint = self.head.server_checkpoint.max(checkpoint);
        }
        Ok(())
    }

    pub(super) fn quarantine(&mut self, id: RowId, reason: &str) -> Result<(), OutboxError> {
        let Some(brief) = self.brief(id)?.filter(|brief| Lane::PENDING.contains(&brief.lane)) else { return Ok(()) };
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO quarantine (id, reason) VALUES (?1, ?2)")
            .and_then(|mut insert| insert.execute((id.0, reason)))
            .map_err(OutboxError::sql("quarantine an event"))?;
        self.move_row(id, &brief, Lane::Quarantined)
    }

    /// Quarantined rows wait again. Returns how many.
    pub(super) fn requeue(&mut self, ids: &[RowId]) -> Result<u64, OutboxError> {
        let mut moved = 0;
        for id in ids {
            let Some(brief) = self.brief(*id)?.filter(|brief| brief.lane == Lane::Quarantined) else { continue };
            self.drop_reason(*id)?;
            let lane = if self.is_report(*id)? { Lane::Report } else { Lane::waiting(brief.kind) };
            self.move_row(*id, &brief, lane)?;
            moved += 1;
        }
        Ok(moved)
    }

    /// Compares the server's store with the one that the rows were delivered to. A changed store, or a checkpoint lower
    /// than one seen, has lost data: what is still kept waits again, what is not is reported.
    pub(super) fn server_seen(
        &mut self,
        store_id: &str,
        checkpoint: Option<u64>,
        now: CaptureTime,
    ) -> Result<Reconciled, OutboxError> {
        let checkpoint = checkpoint.map(signed);
        let known = self.head.server_store.replace(store_id.to_owned());
        let seen = self.head.server_checkpoint;
        let changed = known.as_deref().is_some_and(|known| known != store_id);
        let behind = checkpoint.zip(seen).is_some_and(|(now, seen)| now < seen);
        self.head.server_checkpoint = if known.is_none() || changed { checkpoint } else { seen.max(checkpoint) };
        if known.is_none() || !(changed || behind) {
            return Ok(Reconciled::default());
        }
        self.head.server_checkpoint = checkpoint;
        let again = self.send_again()?;
        let gone = self.report_purged(if changed { None } else { checkpoint }, now)?;
        Ok(Reconciled { again, gone })
    }

    fn send_again(&mut self) -> Result<u64, OutboxError> {
        let fault = OutboxError::sql("send delivered events again");
        let mut again = 0;
        self.refs.passed = Passed::default();
        let lanes = [
            (Lane::Plate, "kind = 'plate'"),
            (Lane::Report, IS_REPORT),
            // All that are left.
            (Lane::Health, "1"),
        ];
        for (lane, which) in lanes {
            let (rows, bytes, evidence): (i64, i64, i64) = self
                .connection
                .prepare_cached(&format!(
                    "SELECT count(*), coalesce(sum(bytes), 0), coalesce(sum(evidence_bytes), 0)
                     FROM event WHERE lane = ?1 AND {which}"
                ))
                .and_then(|mut query| {
                    query.query_row([Lane::Delivered.number()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                })
                .map_err(&fault)?;
            self.connection
                .prepare_cached(&format!(
                    "UPDATE event SET lane = ?2, settled_us = NULL, checkpoint = ?3 WHERE lane = ?1 AND {which}"
                ))
                .and_then(|mut update| update.execute((Lane::Delivered.number(), lane.number(), AGAIN)))
                .map_err(&fault)?;
            let sum = Sum { rows: rows.unsigned_abs(), bytes: bytes.unsigned_abs(), evidence: evidence.unsigned_abs() };
            self.head.tally.shift(Lane::Delivered, lane, sum);
            again += sum.rows;
        }
        Ok(again)
    }

    fn is_report(&self, id: RowId) -> Result<bool, OutboxError> {
        self.connection
            .prepare_cached(&format!("SELECT {IS_REPORT} FROM event WHERE id = ?1"))
            .and_then(|mut query| query.query_row([id.0], |row| row.get(0)))
            .map_err(OutboxError::sql("look for an event"))
    }

    /// Rows delivered after `since` (`None`: ever) that are no longer kept.
    fn report_purged(&mut self, since: Option<i64>, now: CaptureTime) -> Result<u64, OutboxError> {
        let fault = OutboxError::sql("report what the server lost");
        let since = since.unwrap_or(-1);
        let mut query = self
            .connection
            .prepare(
                "SELECT p.kind, e.epoch, min(from_seq), max(to_seq), sum(count) FROM purged p JOIN epoch e ON e.id = p.epoch
                 WHERE coalesce(max_checkpoint, ?1 + 1) > ?1 GROUP BY p.kind, e.epoch",
            )
            .map_err(&fault)?;
        let gaps: Vec<Gap> = query
            .query_map([since], |row| {
                Ok(Gap {
                    kind: row.get(0)?,
                    reason: "server_lost",
                    range: Some(Range { epoch: row.get(1)?, from_seq: row.get(2)?, to_seq: row.get(3)? }),
                    count: row.get::<_, i64>(4)?.unsigned_abs(),
                })
            })
            .and_then(Iterator::collect)
            .map_err(&fault)?;
        drop(query);
        self.connection
            .execute("DELETE FROM purged WHERE coalesce(max_checkpoint, ?1 + 1) > ?1", [since])
            .map_err(&fault)?;
        let gone = gaps.iter().map(|gap| gap.count).sum();
        for gap in &gaps {
            self.report_gap(gap, now)?;
        }
        Ok(gone)
    }

    pub(super) fn move_row(&mut self, id: RowId, brief: &Brief, to: Lane) -> Result<(), OutboxError> {
        self.refs.passed = Passed::default();
        self.connection
            .prepare_cached("UPDATE event SET lane = ?2 WHERE id = ?1")
            .and_then(|mut update| update.execute((id.0, to.number())))
            .map_err(OutboxError::sql("change an event's state"))?;
        self.head.tally.shift(brief.lane, to, brief.sum);
        Ok(())
    }

    pub(super) fn drop_reason(&self, id: RowId) -> Result<(), OutboxError> {
        self.connection
            .prepare_cached("DELETE FROM quarantine WHERE id = ?1")
            .and_then(|mut delete| delete.execute([id.0]))
            .map(drop)
            .map_err(OutboxError::sql("drop a reason"))
    }

    pub(super) fn brief(&self, id: RowId) -> Result<Option<Brief>, OutboxError> {
        let found: Option<(i64, String, i64, i64, Option<i64>)> = self
            .connection
            .prepare_cached("SELECT lane, kind, bytes, evidence_bytes, checkpoint FROM event WHERE id = ?1")
            .and_then(|mut query| {
                query
                    .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
                    .optional()
            })
            .map_err(OutboxError::sql("look for an event"))?;
        Ok(found.and_then(|(lane, kind, bytes, evidence, checkpoint)| {
            Some(Brief {
                lane: Lane::from_number(lane)?,
                kind: if kind == "plate" { EventKind::Plate } else { EventKind::Health },
                sum: Sum::of(bytes.unsigned_abs(), evidence.unsigned_abs()),
                again: checkpoint == Some(AGAIN),
            })
        }))
    }
}
