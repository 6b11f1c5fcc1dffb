//! How old rows are, and by which clock. Read in slices: of a million rows each look takes a few thousand.

use super::keep::base_us;
use super::policy::{Present, Times};
use super::store::{Store, signed};
use super::tally::Lane;
use super::{OutboxError, RowId};
use crate::domain::CaptureTime;
use rusqlite::OptionalExtension;

/// Rows whose age is looked at in one go.
const WINDOW: usize = 2048;

/// Of a lane, from some row on.
#[derive(Debug, Default)]
pub(super) struct Aged {
    /// Those old enough.
    pub(super) ids: Vec<RowId>,
    /// How many there are whose age nobody knows.
    pub(super) unknown: u64,
    /// Where to go on; `None`: this was the end.
    pub(super) next: Option<RowId>,
}

impl Store {
    /// The present as far as it can be trusted: where the wall clock of this boot has been stepped about, by the earlier of
    /// what it said.
    pub(super) fn present(&mut self, now: CaptureTime) -> Result<Present, OutboxError> {
        let mut us = None;
        if now.synced {
            let noted: Option<i64> = self.this_boot("base_us")?.flatten();
            let lowest = [Some(base_us(now)), noted, self.lowest_base].into_iter().flatten().min();
            self.lowest_base = lowest;
            us = lowest.map(|base| base.saturating_add(signed(now.mono_ms).saturating_mul(1000)));
        }
        Ok(Present { us, mono_ms: now.mono_ms })
    }

    /// The rows of a lane behind `after` for which `old` holds (`None`: it cannot be told), `most` at the most.
    pub(super) fn aged(
        &self,
        lane: Lane,
        after: RowId,
        most: usize,
        old: impl Fn(RowId, &Times) -> Option<bool>,
    ) -> Result<Aged, OutboxError> {
        let fault = OutboxError::sql("look for old events");
        let this_boot = self.this_boot::<i64>("id")?;
        let mut query = self
            .connection
            .prepare_cached(
                "SELECT e.id, e.wall_us, e.mono_ms, e.synced, e.boot, b.base_us, e.settled_us
                 FROM event e LEFT JOIN boot b ON b.id = e.boot WHERE e.lane = ?1 AND e.id > ?2 ORDER BY e.id LIMIT ?3",
            )
            .map_err(&fault)?;
        let mut rows = query.query((lane.number(), after.0, WINDOW as i64)).map_err(&fault)?;
        let (mut aged, mut seen) = (Aged::default(), 0);
        while let Some(row) = rows.next().map_err(&fault)? {
            let id = RowId(row.get(0).map_err(&fault)?);
            let times = times(row, this_boot).map_err(&fault)?;
            match old(id, &times) {
                Some(true) => aged.ids.push(id),
                Some(false) => {}
                None => aged.unknown += 1,
            }
            seen += 1;
            if seen == WINDOW || aged.ids.len() == most {
                aged.next = Some(id);
                break;
            }
        }
        Ok(aged)
    }

    fn this_boot<T: rusqlite::types::FromSql>(&self, column: &str) -> Result<Option<T>, OutboxError> {
        self.connection
            .prepare_cached(&format!("SELECT {column} FROM boot WHERE boot_id = ?1"))
            .and_then(|mut query| query.query_row([&self.boot().0], |row| row.get(0)).optional())
            .map_err(OutboxError::sql("look for this boot"))
    }
}

fn times(row: &rusqlite::Row<'_>, this_boot: Option<i64>) -> rusqlite::Result<Times> {
    let at = CaptureTime { wall_us: row.get(1)?, mono_ms: row.get::<_, i64>(2)?.unsigned_abs(), synced: row.get(3)? };
    Ok(Times { at, this_boot: Some(row.get(4)?) == this_boot, base_us: row.get(5)?, settled_us: row.get(6)? })
}
