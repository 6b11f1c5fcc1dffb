//! What is read for the REST calls and the page.

use super::tally::{self, Kind};
use super::write::Receipt;
use crate::domain::CameraKey;
use rusqlite::{Connection, OptionalExtension, Result, Row};

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
    /// Plate events that its agent says it lost.
    pub lost_events: i64,
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
    /// What agents say they lost.
    pub lost_events: i64,
    pub lost_health: i64,
    pub lost_pictures: i64,
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

    /// The one that arrived as number `seq`.
    pub fn at(conn: &Connection, seq: i64) -> Result<Option<Self>> {
        let found = conn
            .prepare_cached("SELECT detection_id, received_us, body FROM detections WHERE seq = ?1")?
            .query_row([seq], record)
            .optional()?;
        let Some(mut found) = found else { return Ok(None) };
        found.images = images(conn, &found.detection_id)?;
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

/// Does the record name this file?
pub fn names_image(conn: &Connection, detection_id: &str, path: &str) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM images WHERE detection_id = ?1 AND path = ?2")?.exists([detection_id, path])
}

/// The record and revision that an event was accepted as.
pub fn receipt(conn: &Connection, kind: Kind, camera: &CameraKey, key: &str) -> Result<Option<(String, i64)>> {
    Ok(Receipt::find(conn, kind, camera, key)?.map(|receipt| (receipt.record_id, receipt.revision)))
}

/// All cameras, by checkpoint and id.
pub fn cameras(conn: &Connection) -> Result<Vec<CameraRow>> {
    conn.prepare_cached(
        "SELECT camera_id, checkpoint_id, registered_us, last_seen_us, detection_count, lost_events,
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
            lost_events: row.get(5)?,
            health_status: row.get(6)?,
        })
    })?
    .collect()
}

/// Counts; "today" is from `day_us.0` up to, not including, `day_us.1`. Never slower for more records.
pub fn counts(conn: &Connection, day_us: (i64, i64)) -> Result<Counts> {
    let detections_today = tally::between(conn, Kind::Detection, day_us)?;
    let health_today = tally::between(conn, Kind::Health, day_us)?;
    conn.prepare_cached(
        "SELECT coalesce(sum(detection_count), 0), coalesce(sum(health_count), 0), count(nullif(detection_count, 0)),
             coalesce(sum(lost_events), 0), coalesce(sum(lost_health), 0), coalesce(sum(lost_pictures), 0)
         FROM cameras",
    )?
    .query_row([], |row| {
        Ok(Counts {
            detections: row.get(0)?,
            detections_today,
            health: row.get(1)?,
            health_today,
            cameras_with_detections: row.get(2)?,
            lost_events: row.get(3)?,
            lost_health: row.get(4)?,
            lost_pictures: row.get(5)?,
        })
    })
}
