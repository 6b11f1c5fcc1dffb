//! Counts that are kept with the commit, so that nobody ever counts records.

use crate::domain::CameraKey;
use crate::wire::incoming::Loss;
use rusqlite::{Connection, Result, params};

/// A quarter of an hour in microseconds.
const QUARTER_US: i64 = 900_000_000;

/// What is counted by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Detection,
    Health,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Detection => "detection",
            Kind::Health => "health",
        }
    }
}

/// One record more of `kind` at `at_us`, of `camera`.
pub fn add(conn: &Connection, kind: Kind, camera: &CameraKey, at_us: i64) -> Result<()> {
    let column = match kind {
        Kind::Detection => "detection_count",
        Kind::Health => "health_count",
    };
    conn.prepare_cached(&format!(
        "UPDATE cameras SET {column} = {column} + 1 WHERE camera_id = ?1 AND checkpoint_id = ?2"
    ))?
    .execute([camera.camera.as_str(), camera.checkpoint.as_str()])?;
    shift(conn, kind, at_us, 1)
}

/// The time of a record changed.
pub fn moved(conn: &Connection, kind: Kind, from_us: i64, to_us: i64) -> Result<()> {
    if from_us.div_euclid(QUARTER_US) == to_us.div_euclid(QUARTER_US) {
        return Ok(());
    }
    shift(conn, kind, from_us, -1)?;
    shift(conn, kind, to_us, 1)
}

fn shift(conn: &Connection, kind: Kind, at_us: i64, by: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO tally VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + excluded.count",
    )?
    .execute(params![kind.as_str(), at_us.div_euclid(QUARTER_US), by])?;
    Ok(())
}

/// Records of `kind` from `span_us.0` up to, not including, `span_us.1`, both rounded down to a quarter of an hour.
pub fn between(conn: &Connection, kind: Kind, span_us: (i64, i64)) -> Result<i64> {
    let (from, to) = (span_us.0.div_euclid(QUARTER_US), span_us.1.div_euclid(QUARTER_US));
    conn.prepare_cached("SELECT coalesce(sum(count), 0) FROM tally WHERE kind = ?1 AND quarter >= ?2 AND quarter < ?3")?
        .query_row(params![kind.as_str(), from, to], |row| row.get(0))
}

/// `camera`'s agent says that it lost so many.
pub fn lost(conn: &Connection, camera: &CameraKey, loss: Loss, count: i64) -> Result<()> {
    let column = match loss {
        Loss::Events => "lost_events",
        Loss::HealthReports => "lost_health",
        Loss::Pictures => "lost_pictures",
    };
    // Bounded, so that no report however absurd can make the sum overflow.
    conn.prepare_cached(&format!(
        "UPDATE cameras SET {column} = min({column} + min(?3, 1000000000), 1000000000000)
         WHERE camera_id = ?1 AND checkpoint_id = ?2"
    ))?
    .execute(params![camera.camera.as_str(), camera.checkpoint.as_str(), count])?;
    Ok(())
}
