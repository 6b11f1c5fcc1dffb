//! What is read for the REST calls and the page.

use super::write::Receipt;
use crate::domain::CameraKey;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub camera_id: Option<String>,
    pub checkpoint_id: Option<String>,
    /// The latest so many.
    pub limit: usize,
}

/// A stored detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    pub detection_id: String,
    pub received_us: i64,
    /// A JSON object.
    pub body: String,
    pub images: Vec<ImageRow>,
}

/// An image file of a detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRow {
    /// `frame`, `original`, `data`, `crop-0`, `crop-1`, …
    pub name: String,
    /// Below the images folder.
    pub path: String,
    pub bytes: i64,
}

/// A known camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraRow {
    pub camera_id: String,
    pub checkpoint_id: String,
    pub registered_us: i64,
    pub last_seen_us: i64,
    pub detection_count: i64,
    /// The worst of its components' last words; `unknown` where none has spoken.
    pub health_status: String,
}

/// What `/api/statistics` counts in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub detections: i64,
    pub detections_today: i64,
    pub health: i64,
    pub health_today: i64,
    /// Cameras with at least one detection.
    pub cameras_with_detections: i64,
}

const MATCHING: &str = "(?1 IS NULL OR camera_id = ?1) AND (?2 IS NULL OR checkpoint_id = ?2)";

impl Filter {
    /// How many match, and the latest `limit` of them, oldest first.
    pub fn select(&self, conn: &Connection) -> Result<(i64, Vec<RecordRow>)> {
        // One snapshot for both questions.
        let tx = conn.unchecked_transaction()?;
        let total = tx
            .prepare_cached(&format!("SELECT count(*) FROM detections WHERE {MATCHING}"))?
            .query_row(params![self.camera_id, self.checkpoint_id], |row| row.get(0))?;
        let mut records = tx
            .prepare_cached(&format!(
                "SELECT detection_id, received_us, body FROM detections WHERE {MATCHING} ORDER BY seq DESC LIMIT ?3"
            ))?
            .query_map(params![self.camera_id, self.checkpoint_id, self.limit as i64], record)?
            .collect::<Result<Vec<RecordRow>>>()?;
        records.reverse();
        for record in &mut records {
            record.images = images(&tx, &record.detection_id)?;
        }
        Ok((total, records))
    }
}

fn record(row: &Row<'_>) -> Result<RecordRow> {
    Ok(RecordRow { detection_id: row.get(0)?, received_us: row.get(1)?, body: row.get(2)?, images: Vec::new() })
}

impl RecordRow {
    pub fn find(conn: &Connection, detection_id: &str) -> Result<Option<Self>> {
        let found = conn
            .prepare_cached("SELECT detection_id, received_us, body FROM detections WHERE detection_id = ?1")?
            .query_row([detection_id], record)
            .optional()?;
        let Some(mut found) = found else { return Ok(None) };
        found.images = images(conn, detection_id)?;
        Ok(Some(found))
    }
}

fn images(conn: &Connection, detection_id: &str) -> Result<Vec<ImageRow>> {
    conn.prepare_cached("SELECT name, path, bytes FROM images WHERE detection_id = ?1")?
        .query_map([detection_id], |row| Ok(ImageRow { name: row.get(0)?, path: row.get(1)?, bytes: row.get(2)? }))?
        .collect()
}

/// The file of one image, if there is one.
pub fn image_path(conn: &Connection, detection_id: &str, name: &str) -> Result<Option<String>> {
    conn.prepare_cached("SELECT path FROM images WHERE detection_id = ?1 AND name = ?2")?
        .query_row([detection_id, name], |row| row.get(0))
        .optional()
}

/// The record and revision that an event was accepted as.
pub fn receipt(conn: &Connection, kind: &str, camera: &CameraKey, key: &str) -> Result<Option<(String, i64)>> {
    Ok(Receipt::find(conn, kind, camera, key)?.map(|receipt| (receipt.record_id, receipt.revision)))
}

/// All cameras, by checkpoint and id.
pub fn cameras(conn: &Connection) -> Result<Vec<CameraRow>> {
    conn.prepare_cached(
        "SELECT camera_id, checkpoint_id, registered_us, last_seen_us, detection_count,
             (SELECT CASE max(CASE status WHEN 'error' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END)
                  WHEN 3 THEN 'error' WHEN 2 THEN 'warning' WHEN 1 THEN 'healthy' ELSE 'unknown' END
              FROM component_health h WHERE h.camera_id = c.camera_id AND h.checkpoint_id = c.checkpoint_id)
         FROM cameras c ORDER BY checkpoint_id, camera_id",
    )?
    .query_map([], |row| {
        Ok(CameraRow {
            camera_id: row.get(0)?,
            checkpoint_id: row.get(1)?,
            registered_us: row.get(2)?,
            last_seen_us: row.get(3)?,
            detection_count: row.get(4)?,
            health_status: row.get(5)?,
        })
    })?
    .collect()
}

/// Counts; "today" is from `day_us.0` up to, not including, `day_us.1`.
pub fn counts(conn: &Connection, day_us: (i64, i64)) -> Result<Counts> {
    let one = |sql: &str| conn.prepare_cached(sql)?.query_row([], |row| row.get(0));
    let today = |sql: &str| conn.prepare_cached(sql)?.query_row([day_us.0, day_us.1], |row| row.get(0));
    Ok(Counts {
        detections: one("SELECT count(*) FROM detections")?,
        detections_today: today("SELECT count(*) FROM detections WHERE captured_us >= ?1 AND captured_us < ?2")?,
        health: one("SELECT count(*) FROM health")?,
        health_today: today("SELECT count(*) FROM health WHERE at_us >= ?1 AND at_us < ?2")?,
        cameras_with_detections: one("SELECT count(*) FROM cameras WHERE detection_count > 0")?,
    })
}

/// The rising number of commits.
pub fn checkpoint(conn: &Connection) -> Result<i64> {
    conn.query_row("SELECT checkpoint FROM meta", [], |row| row.get(0))
}
