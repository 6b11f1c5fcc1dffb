//! Looking into an outbox without changing it, also while the agent works with it.

use super::read::{ROW, read_leniently, read_row};
use super::store::{Head, read_head};
use super::tally::Lane;
use super::{Counts, OutboxError, Row, RowId, schema};
use crate::clock::Clock;
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;
use uuid::Uuid;

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Delivered,
    Quarantined,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Delivered => "delivered",
            State::Quarantined => "quarantined",
        }
    }

    pub(super) fn lanes(self) -> &'static [Lane] {
        match self {
            State::Pending => &Lane::PENDING,
            State::Delivered => &[Lane::Delivered],
            State::Quarantined => &[Lane::Quarantined],
        }
    }

    fn of(lane: Lane) -> State {
        match lane {
            Lane::Delivered => State::Delivered,
            Lane::Quarantined => State::Quarantined,
            Lane::Plate | Lane::Report | Lane::Health => State::Pending,
        }
    }
}

/// A row, and what only a person wants to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub row: Row,
    pub state: State,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// Of the row and its pictures.
    pub bytes: u64,
    /// Why it cannot be read: then only what could be is in `row`.
    pub unreadable: Option<String>,
}

/// How an outbox stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stats {
    pub counts: Counts,
    /// `(kind, reason, count)` of all that was given up, ever.
    pub evicted: Vec<(String, String, u64)>,
    /// Age of the oldest event that waits, by the clock as far as it can be trusted; `None`: none waits.
    pub oldest_age_s: Option<f64>,
    pub epoch: Uuid,
}

/// An outbox opened to read.
#[derive(Debug)]
pub struct Inspector {
    connection: Connection,
    head: Head,
}

impl Inspector {
    /// # Errors
    /// No outbox there, not one of this version, or not readable.
    pub fn open(dir: &Path) -> Result<Inspector, OutboxError> {
        let path = dir.join("outbox.db");
        let connection = schema::open_existing(&path)?;
        schema::check_newest(&connection, &path)?;
        let head = read_head(&connection)?;
        Ok(Inspector { connection, head })
    }

    pub fn stats(&self, clock: &dyn Clock) -> Result<Stats, OutboxError> {
        let fault = OutboxError::sql("read what it gave up");
        let mut query =
            self.connection.prepare("SELECT kind, reason, count FROM evicted ORDER BY kind, reason").map_err(&fault)?;
        let evicted = query
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.unsigned_abs())))
            .and_then(Iterator::collect)
            .map_err(&fault)?;
        let oldest_us = self.oldest_us()?;
        Ok(Stats {
            counts: self.head.tally.counts(self.head.delivered, self.head.duplicates),
            evicted,
            oldest_age_s: oldest_us.map(|then| ((clock.wall_us() - then) as f64 / 1e6).max(0.0)),
            epoch: self.head.epoch,
        })
    }

    fn oldest_us(&self) -> Result<Option<i64>, OutboxError> {
        let mut oldest = None;
        for lane in Lane::PENDING {
            let first: Option<i64> = self
                .connection
                .query_row(
                    "SELECT CASE WHEN synced THEN wall_us ELSE coalesce(b.base_us + mono_ms * 1000, wall_us) END
                     FROM event e LEFT JOIN boot b ON b.id = e.boot WHERE lane = ?1 ORDER BY e.id LIMIT 1",
                    [lane.number()],
                    |row| row.get(0),
                )
                .optional()
                .map_err(OutboxError::sql("find the oldest event"))?;
            oldest = [oldest, first].into_iter().flatten().min();
        }
        Ok(oldest)
    }

    /// Rows of a state (`None`: of all), oldest first; those after `after`, up to `limit`. With it the mark to go on from.
    pub fn list(&self, state: Option<State>, after: i64, limit: usize) -> Result<(Vec<Kept>, i64), OutboxError> {
        let which = format!("{} ORDER BY e.id LIMIT ?2", page_of(state));
        let rows = self.select(&which, (after, i64::try_from(limit).unwrap_or(i64::MAX)))?;
        let mark = rows.last().map_or(after, |kept| kept.row.id.0);
        Ok((rows, mark))
    }

    /// Every revision of the events whose id begins with `prefix` (as printed, dashes or not).
    pub fn find(&self, prefix: &str) -> Result<Vec<Kept>, OutboxError> {
        let digits: String = prefix.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
        if digits.is_empty() || digits.len() > 32 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
            return Ok(Vec::new());
        }
        let bound = |fill: char| format!("{digits:<32}").replace(' ', &fill.to_string());
        self.select("WHERE e.event_id BETWEEN unhex(?1) AND unhex(?2) ORDER BY e.id", (bound('0'), bound('f')))
    }

    fn select(&self, which: &str, parameters: impl rusqlite::Params) -> Result<Vec<Kept>, OutboxError> {
        let fault = OutboxError::sql("list its events");
        let mut query = self.connection.prepare(&selection(which)).map_err(&fault)?;
        let mut rows = query.query(parameters).map_err(&fault)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(&fault)? {
            let id = RowId(row.get(0).map_err(&fault)?);
            let (read, unreadable) = match read_row(id, row) {
                Ok(read) => (read, None),
                Err(why) => (read_leniently(id, row), Some(why)),
            };
            found.push(Kept {
                row: read,
                state: State::of(Lane::from_number(row.get(15).map_err(&fault)?).unwrap_or(Lane::Quarantined)),
                reason: row.get(16).unwrap_or_default(),
                bytes: row.get::<_, i64>(17).unwrap_or_default().unsigned_abs(),
                unreadable,
            });
        }
        Ok(found)
    }
}

/// The rows of a state, by their number. Where a state has several lanes the index on them is of no use: it would have
/// every row sorted for each page.
fn page_of(state: Option<State>) -> String {
    match state.map(State::lanes) {
        None => "WHERE e.id > ?1".into(),
        Some([one]) => format!("WHERE e.lane = {} AND e.id > ?1", one.number()),
        Some(several) => {
            let numbers: Vec<String> = several.iter().map(|lane| lane.number().to_string()).collect();
            format!("WHERE +e.lane IN ({}) AND e.id > ?1", numbers.join(", "))
        }
    }
}

fn selection(which: &str) -> String {
    format!(
        "{} LEFT JOIN quarantine q ON q.id = e.id {which}",
        ROW.trim_end().replacen("y.evidence", "y.evidence, e.lane, q.reason, e.bytes + e.evidence_bytes", 1)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_page_of_a_list_has_all_rows_sorted() {
        let dir = tempfile::tempdir().unwrap();
        let file = schema::open(&dir.path().join("outbox.db"), 0).unwrap();
        for state in [None, Some(State::Pending), Some(State::Delivered), Some(State::Quarantined)] {
            let which = format!("{} ORDER BY e.id LIMIT ?2", page_of(state));
            let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {}", selection(&which))).unwrap();
            let steps = plan.query_map((0, 64), |row| row.get::<_, String>(3)).unwrap();
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "{state:?}: {steps:?}");
        }
    }
}
