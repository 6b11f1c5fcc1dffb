//! Rows that go: by age, for room, by a person's order. Each call inside a transaction, with the reports of what is lost.

use super::policy::{Class, Load, age_us, kept_us};
use super::report::{Gap, Range};
use super::store::Store;
use super::tally::{Lane, Sum};
use super::{OutboxError, RowId};
use crate::domain::CaptureTime;
use crate::media::EvidenceRefs;
use std::collections::{BTreeMap, HashSet};

/// Delivered rows are counted in blocks of so many numbers once they are gone: what a forgetful server may have lost.
const BLOCK: i64 = 4096;

/// What a slice took.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// To be removed once the transaction is committed.
    pub(super) files: Vec<EvidenceRefs>,
}

/// A row on its way out.
#[derive(Debug, Clone)]
pub(super) struct Goer {
    id: RowId,
    lane: Lane,
    kind: String,
    epoch: i64,
    seq: i64,
    sum: Sum,
    checkpoint: Option<i64>,
    evidence: EvidenceRefs,
}

/// What a slice of [`Store::purge`] did.
#[derive(Debug)]
pub(super) struct Purge {
    pub(super) taken: Taken,
    pub(super) of_unknown_time: u64,
    /// Where to go on; `None`: it is done.
    pub(super) next: Option<RowId>,
}

/// Bytes and rows that a slice may take at the most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice {
    pub(super) bytes: u64,
    pub(super) rows: usize,
}

impl Store {
    pub(super) fn load(&self) -> Load {
        let of = |lane| self.head.tally.of(lane);
        Load {
            delivered: of(Lane::Delivered).total(),
            health: of(Lane::Health).total(),
            pictures: of(Lane::Plate).evidence,
            plates: of(Lane::Plate).bytes,
            quarantined: of(Lane::Quarantined).total(),
            reports: of(Lane::Report).total(),
        }
    }

    /// The oldest of a class go, for room.
    pub(super) fn evict(
        &mut self,
        class: Class,
        slice: Slice,
        reason: &'static str,
        pinned: &HashSet<RowId>,
        now: CaptureTime,
    ) -> Result<Taken, OutboxError> {
        let lane = match class {
            Class::Delivered => Lane::Delivered,
            Class::Health => Lane::Health,
            Class::Pictures => return self.strip(slice, reason, pinned, now),
            Class::Plates => Lane::Plate,
            Class::Quarantined => Lane::Quarantined,
        };
        let mut left = slice.bytes;
        let mut goers = self.oldest(lane, slice.rows, pinned)?;
        goers.retain(|goer| {
            let wanted = left > 0;
            left = left.saturating_sub(goer.sum.total());
            wanted
        });
        self.remove(goers, reason, now)
    }

    /// What has been kept long enough: delivered rows after `keep_us`, waiting ones after `max_age_us` (`None`: never).
    pub(super) fn outdate(
        &mut self,
        keep_us: i64,
        max_age_us: Option<i64>,
        rows: usize,
        pinned: &HashSet<RowId>,
        now: CaptureTime,
    ) -> Result<Taken, OutboxError> {
        let present = self.present(now)?;
        let mut goers = Vec::new();
        for lane in [Lane::Delivered, Lane::Plate, Lane::Health, Lane::Quarantined] {
            let limit = if lane == Lane::Delivered { Some(keep_us) } else { max_age_us };
            let Some(limit) = limit.filter(|_| self.head.tally.of(lane).rows > 0) else { continue };
            let after = self.refs.aged.get(&lane).copied().unwrap_or(RowId(0));
            let aged = self.aged(lane, after, rows, |id, times| {
                let age = if lane == Lane::Delivered { kept_us(times, present) } else { age_us(times, present) };
                Some(!pinned.contains(&id) && (limit == 0 || age? >= limit))
            })?;
            self.refs.aged.insert(lane, aged.next.unwrap_or(RowId(0)));
            goers.extend(self.goers(&aged.ids)?);
        }
        self.remove(goers, "age", now)
    }

    /// By a person's order: a slice of a lane, from `after` on; with `limit_us` those older than that.
    pub(super) fn purge(
        &mut self,
        lane: Lane,
        limit_us: Option<i64>,
        after: RowId,
        rows: usize,
        now: CaptureTime,
    ) -> Result<Purge, OutboxError> {
        let present = self.present(now)?;
        let aged = self.aged(lane, after, rows, |_, times| match limit_us {
            None => Some(true),
            Some(limit) => age_us(times, present).map(|age| age >= limit),
        })?;
        let goers = self.goers(&aged.ids)?;
        Ok(Purge { taken: self.remove(goers, "purged", now)?, of_unknown_time: aged.unknown, next: aged.next })
    }

    /// Pictures of the oldest waiting plates go; the reads stay.
    fn strip(
        &mut self,
        slice: Slice,
        reason: &'static str,
        pinned: &HashSet<RowId>,
        now: CaptureTime,
    ) -> Result<Taken, OutboxError> {
        let fault = OutboxError::sql("give up pictures");
        let from = self.refs.stripped;
        let goers = self.select(
            "WHERE e.lane = ?1 AND e.id > ?2 AND e.evidence_bytes > 0 ORDER BY e.id LIMIT ?3",
            (Lane::Plate.number(), from, slice.rows as i64),
        )?;
        // Some before may have been pinned; they come with the next round.
        self.refs.stripped = goers.last().filter(|_| goers.len() == slice.rows).map_or(0, |last| last.id.0);
        let mut taken = Taken::default();
        let mut gaps = Gaps::default();
        for goer in goers.into_iter().filter(|goer| !pinned.contains(&goer.id)) {
            if taken.bytes >= slice.bytes {
                self.refs.stripped = 0;
                break;
            }
            self.connection
                .prepare_cached("UPDATE event SET evidence_bytes = 0 WHERE id = ?1")
                .and_then(|mut update| update.execute([goer.id.0]))
                .map_err(&fault)?;
            let none = serde_json::to_string(&EvidenceRefs::default()).unwrap_or_default();
            self.connection
                .prepare_cached("UPDATE payload SET evidence = ?2 WHERE id = ?1")
                .and_then(|mut update| update.execute((goer.id.0, none)))
                .map_err(&fault)?;
            self.head.tally.take(Lane::Plate, Sum { rows: 0, bytes: 0, evidence: goer.sum.evidence });
            taken.rows += 1;
            taken.bytes += goer.sum.evidence;
            gaps.add("picture", &goer);
            taken.files.push(goer.evidence);
        }
        self.report_all(gaps, reason, now)?;
        Ok(taken)
    }

    fn remove(&mut self, goers: Vec<Goer>, reason: &'static str, now: CaptureTime) -> Result<Taken, OutboxError> {
        let fault = OutboxError::sql("remove events");
        let mut taken = Taken::default();
        let mut gaps = Gaps::default();
        for goer in goers {
            for sql in ["DELETE FROM event WHERE id = ?1", "DELETE FROM payload WHERE id = ?1"] {
                self.connection
                    .prepare_cached(sql)
                    .and_then(|mut delete| delete.execute([goer.id.0]))
                    .map_err(&fault)?;
            }
            if goer.lane == Lane::Quarantined {
                self.drop_reason(goer.id)?;
            }
            self.head.tally.take(goer.lane, goer.sum);
            taken.rows += 1;
            taken.bytes += goer.sum.total();
            if goer.lane == Lane::Delivered {
                self.note_purged(&goer)?;
            } else {
                gaps.add(&goer.kind.clone(), &goer);
            }
            taken.files.push(goer.evidence);
        }
        self.report_all(gaps, reason, now)?;
        Ok(taken)
    }

    fn note_purged(&self, goer: &Goer) -> Result<(), OutboxError> {
        self.connection
            .prepare_cached(
                "INSERT INTO purged (kind, epoch, block, count, from_seq, to_seq, max_checkpoint)
                 VALUES (?1, ?2, ?3, 1, ?4, ?4, ?5)
                 ON CONFLICT DO UPDATE SET count = count + 1, from_seq = min(from_seq, ?4), to_seq = max(to_seq, ?4),
                     max_checkpoint = max(max_checkpoint, ?5)",
            )
            .and_then(|mut insert| {
                insert.execute((&goer.kind, goer.epoch, goer.seq / BLOCK, goer.seq, goer.checkpoint))
            })
            .map(drop)
            .map_err(OutboxError::sql("count what is no longer kept"))
    }

    fn report_all(&mut self, gaps: Gaps, reason: &'static str, now: CaptureTime) -> Result<(), OutboxError> {
        for ((kind, epoch), (from_seq, to_seq, count)) in gaps.0 {
            let epoch: String = self
                .connection
                .query_row("SELECT epoch FROM epoch WHERE id = ?1", [epoch], |row| row.get(0))
                .map_err(OutboxError::sql("report what is gone"))?;
            self.report_gap(&Gap { kind, reason, range: Some(Range { epoch, from_seq, to_seq }), count }, now)?;
        }
        Ok(())
    }

    fn oldest(&self, lane: Lane, rows: usize, pinned: &HashSet<RowId>) -> Result<Vec<Goer>, OutboxError> {
        // Pinned ones are the oldest, mostly: enough are read to find others behind them.
        let limit = (rows + pinned.len()) as i64;
        let mut goers = self.select("WHERE e.lane = ?1 ORDER BY e.id LIMIT ?2", (lane.number(), limit))?;
        goers.retain(|goer| !pinned.contains(&goer.id));
        goers.truncate(rows);
        Ok(goers)
    }

    fn goers(&self, ids: &[RowId]) -> Result<Vec<Goer>, OutboxError> {
        let mut goers = Vec::with_capacity(ids.len());
        for id in ids {
            goers.extend(self.select("WHERE e.id = ?1", [id.0])?);
        }
        Ok(goers)
    }

    fn select(&self, which: &str, parameters: impl rusqlite::Params) -> Result<Vec<Goer>, OutboxError> {
        let sql = format!(
            "SELECT e.id, e.lane, e.kind, e.epoch, e.seq, e.bytes, e.evidence_bytes,
                    e.checkpoint, y.evidence
             FROM event e LEFT JOIN payload y ON y.id = e.id {which}"
        );
        let fault = OutboxError::sql("find what can go");
        let mut query = self.connection.prepare_cached(&sql).map_err(&fault)?;
        let found = query.query_map(parameters, |row| {
            let evidence: Option<String> = row.get(8)?;
            Ok(Goer {
                id: RowId(row.get(0)?),
                lane: Lane::from_number(row.get(1)?).unwrap_or(Lane::Quarantined),
                kind: row.get(2)?,
                epoch: row.get(3)?,
                seq: row.get(4)?,
                sum: Sum::of(row.get::<_, i64>(5)?.unsigned_abs(), row.get::<_, i64>(6)?.unsigned_abs()),
                checkpoint: row.get(7)?,
                evidence: evidence.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default(),
            })
        });
        found.and_then(Iterator::collect).map_err(&fault)
    }
}

/// By kind and epoch: first and last number, how many.
#[derive(Debug, Default)]
struct Gaps(BTreeMap<(String, i64), (i64, i64, u64)>);

impl Gaps {
    fn add(&mut self, kind: &str, goer: &Goer) {
        let seq = goer.seq;
        let gap = self.0.entry((kind.to_owned(), goer.epoch)).or_insert((seq, seq, 0));
        *gap = (gap.0.min(seq), gap.1.max(seq), gap.2 + 1);
    }
}
