//! How many records match.

use super::find::{Camera, Filter};
use super::tally::{self, HOUR_US, Kind, QUARTER_US};
use rusqlite::{Connection, Result, params};

impl Filter {
    /// How many match, from what was counted with the commits; only pieces of an hour are counted one by one.
    pub(super) fn total(&self, conn: &Connection, cameras: &[Camera]) -> Result<i64> {
        if !self.by_time() {
            return Ok(cameras.iter().map(|camera| camera.2).sum());
        }
        if self.camera_id.is_none() && self.checkpoint_id.is_none() {
            return counted(conn, self.span(), QUARTER_US, None);
        }
        let each = cameras
            .iter()
            .map(|(camera, checkpoint, _)| counted(conn, self.span(), HOUR_US, Some((camera, checkpoint))));
        each.sum()
    }
}

/// Records with a time in `span`, which is counted in whole `unit`s as far as it has any.
fn counted(conn: &Connection, span: (i64, i64), unit: i64, camera: Option<(&str, &str)>) -> Result<i64> {
    let (from, to) = span;
    let first = from.div_euclid(unit) + i64::from(from.rem_euclid(unit) != 0);
    let last = to.div_euclid(unit);
    if first >= last {
        return one_by_one(conn, from, to, camera);
    }
    let whole = match camera {
        None => tally::between(conn, Kind::Detection, (first.saturating_mul(unit), last * unit))?,
        Some((camera, checkpoint)) => conn
            .prepare_cached(
                "SELECT coalesce(sum(count), 0) FROM camera_hours
                 WHERE camera_id = ?1 AND checkpoint_id = ?2 AND hour >= ?3 AND hour < ?4",
            )?
            .query_row(params![camera, checkpoint, first, last], |row| row.get(0))?,
    };
    let edges = [(from, first.saturating_mul(unit)), (last * unit, to)];
    edges.iter().try_fold(whole, |sum, (from, to)| Ok(sum + one_by_one(conn, *from, *to, camera)?))
}

fn one_by_one(conn: &Connection, from: i64, to: i64, camera: Option<(&str, &str)>) -> Result<i64> {
    if from >= to {
        return Ok(0);
    }
    match camera {
        None => conn
            .prepare_cached("SELECT count(*) FROM detections WHERE captured_us >= ?1 AND captured_us < ?2")?
            .query_row([from, to], |row| row.get(0)),
        Some((camera, checkpoint)) => conn
            .prepare_cached(
                "SELECT count(*) FROM detections INDEXED BY detections_by_camera_time
                 WHERE camera_id = ?3 AND checkpoint_id = ?4 AND captured_us >= ?1 AND captured_us < ?2",
            )?
            .query_row(params![from, to, camera, checkpoint], |row| row.get(0)),
    }
}
