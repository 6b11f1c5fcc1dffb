//! Counts that are kept with the commit, so that nobody ever counts records.

use crate::domain::CameraKey;
use crate::wire::incoming::Loss;
use rusqlite::{Connection, Result, params};

/// A quarter of an hour in microseconds.
pub const QUARTER_US: i64 = 900_000_000;
pub const HOUR_US: i64 = 4 * QUARTER_US;

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
    shift(conn, kind, (camera.camera.as_str(), camera.checkpoint.as_str()), at_us, 1)
}

/// One record of `kind` less.
pub fn remove(conn: &Connection, kind: Kind, camera: (&str, &str), at_us: i64) -> Result<()> {
    shift(conn, kind, camera, at_us, -1)
}

/// The time of a record changed.
pub fn moved(conn: &Connection, kind: Kind, camera: (&str, &str), from_us: i64, to_us: i64) -> Result<()> {
    if from_us.div_euclid(QUARTER_US) == to_us.div_euclid(QUARTER_US) {
        return Ok(());
    }
    by_time(conn, kind, camera, from_us, -1)?;
    by_time(conn, kind, camera, to_us, 1)
}

fn shift(conn: &Connection, kind: Kind, camera: (&str, &str), at_us: i64, by: i64) -> Result<()> {
    let column = match kind {
        Kind::Detection => "detection_count",
        Kind::Health => "health_count",
    };
    conn.prepare_cached(&format!(
        "UPDATE cameras SET {column} = {column} + ?3 WHERE camera_id = ?1 AND checkpoint_id = ?2"
    ))?
    .execute(params![camera.0, camera.1, by])?;
    by_time(conn, kind, camera, at_us, by)
}

fn by_time(conn: &Connection, kind: Kind, camera: (&str, &str), at_us: i64, by: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO tally VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + excluded.count",
    )?
    .execute(params![kind.as_str(), at_us.div_euclid(QUARTER_US), by])?;
    if kind == Kind::Detection {
        conn.prepare_cached(
            "INSERT INTO camera_hours VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?
        .execute(params![camera.0, camera.1, at_us.div_euclid(HOUR_US), by])?;
    }
    Ok(())
}

/// How many records of each hour since 1970 from `hours.0` up to, not including, `hours.1`: of a camera id, a checkpoint id,
/// both or neither. Hours without any are left out.
pub fn hours(conn: &Connection, of: (Option<&str>, Option<&str>), hours: (i64, i64)) -> Result<Vec<(i64, i64)>> {
    let (from, to) = hours;
    match of {
        (None, None) => conn
            .prepare_cached(
                "SELECT (quarter - (quarter % 4 + 4) % 4) / 4 AS hour, sum(count) FROM tally
                 WHERE kind = 'detection' AND quarter >= ?1 * 4 AND quarter < ?2 * 4 GROUP BY hour ORDER BY hour",
            )?
            .query_map([from, to], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect(),
        (camera_id, checkpoint_id) => conn
            .prepare_cached(
                "SELECT hour, sum(count) FROM cameras c JOIN camera_hours h USING (camera_id, checkpoint_id)
                 WHERE (?3 IS NULL OR camera_id = ?3) AND (?4 IS NULL OR checkpoint_id = ?4)
                 AND hour >= ?1 AND hour < ?2 GROUP BY hour ORDER BY hour",
            )?
            .query_map(params![from, to, camera_id, checkpoint_id], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect(),
    }
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
