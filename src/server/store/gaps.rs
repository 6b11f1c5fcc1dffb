//! What agents say they lost.

use super::tally;
use crate::domain::CameraKey;
use crate::wire::incoming::Gap;
use rusqlite::{Connection, Result, params};

/// A stored gap report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    pub health_id: String,
    pub camera_id: String,
    pub checkpoint_id: String,
    pub at_us: i64,
    pub received_us: i64,
    pub gap: Gap,
}

/// Keeps `gap` beside the health report that told of it.
pub fn keep(conn: &Connection, camera: &CameraKey, health_id: &str, at: (i64, i64), gap: &Gap) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO gaps (health_id, camera_id, checkpoint_id, at_us, received_us, epoch, from_seq, to_seq, count,
             kind, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        health_id,
        camera.camera.as_str(),
        camera.checkpoint.as_str(),
        at.0,
        at.1,
        gap.epoch,
        gap.from_seq,
        gap.to_seq,
        gap.count,
        gap.kind,
        gap.reason
    ])?;
    tally::lost(conn, camera, gap.loss(), gap.count)
}

/// How many gap reports there are, of one camera id or of all, and the latest `limit` of them, oldest first.
pub fn gaps(conn: &Connection, camera_id: Option<&str>, limit: usize) -> Result<(i64, Vec<GapRow>)> {
    let matching = if camera_id.is_some() { "camera_id = ?1" } else { "?1 IS NULL" };
    let tx = conn.unchecked_transaction()?;
    let total = tx
        .prepare_cached(&format!("SELECT count(*) FROM gaps WHERE {matching}"))?
        .query_row([camera_id], |row| row.get(0))?;
    let mut rows = tx
        .prepare_cached(&format!(
            "SELECT health_id, camera_id, checkpoint_id, at_us, received_us, epoch, from_seq, to_seq, count, kind, reason
             FROM gaps WHERE {matching} ORDER BY seq DESC LIMIT ?2"
        ))?
        .query_map(params![camera_id, limit as i64], |row| {
            let gap = Gap {
                epoch: row.get(5)?,
                from_seq: row.get(6)?,
                to_seq: row.get(7)?,
                count: row.get(8)?,
                kind: row.get(9)?,
                reason: row.get(10)?,
            };
            Ok(GapRow {
                health_id: row.get(0)?,
                camera_id: row.get(1)?,
                checkpoint_id: row.get(2)?,
                at_us: row.get(3)?,
                received_us: row.get(4)?,
                gap,
            })
        })?
        .collect::<Result<Vec<GapRow>>>()?;
    rows.reverse();
    Ok((total, rows))
}
