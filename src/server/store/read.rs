//! What is read for the REST calls and the page.

use super::tally::{self, Kind};
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

impl Filter {
    /// How many match, and the latest `limit` of them, oldest first.
    pub fn select(&self, conn: &Connection) -> Result<(i64, Vec<RecordRow>)> {
        // One snapshot for all questions.
        let tx = conn.unchecked_transaction()?;
        let cameras = self.cameras(&tx)?;
        let total = cameras.iter().map(|camera| camera.2).sum();
        let mut records = match (&self.camera_id, &self.checkpoint_id) {
            (None, None) => self.latest(&tx, "?1 IS NULL AND ?2 IS NULL", (None, None))?,
            (None, checkpoint) => {
                self.latest(&tx, "?1 IS NULL AND checkpoint_id = ?2", (None, checkpoint.as_deref()))?
            }
            // One way into the index for each place that has a camera of this name.
            (Some(_), _) => {
                let mut found = Vec::new();
                for (camera, checkpoint, _) in &cameras {
                    let of = (Some(camera.as_str()), Some(checkpoint.as_str()));
                    found.extend(self.latest(&tx, "camera_id = ?1 AND checkpoint_id = ?2", of)?);
                }
                found.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
                found.truncate(self.limit);
                found
            }
        };
        records.reverse();
        let mut records: Vec<RecordRow> = records.into_iter().map(|(_, record)| record).collect();
        for record in &mut records {
            record.images = images(&tx, &record.detection_id)?;
        }
        Ok((total, records))
    }

    /// The cameras that match, with the number of their records.
    fn cameras(&self, conn: &Connection) -> Result<Vec<(String, String, i64)>> {
        conn.prepare_cached(
            "SELECT camera_id, checkpoint_id, detection_count FROM cameras
             WHERE (?1 IS NULL OR camera_id = ?1) AND (?2 IS NULL OR checkpoint_id = ?2)",
        )?
        .query_map(params![self.camera_id, self.checkpoint_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect()
    }

    /// The latest that match `condition`, newest first, each with its place in the order of arrival.
    fn latest(
        &self,
        conn: &Connection,
        condition: &str,
        of: (Option<&str>, Option<&str>),
    ) -> Result<Vec<(i64, RecordRow)>> {
        conn.prepare_cached(&format!(
            "SELECT detection_id, received_us, body, seq FROM detections WHERE {condition} ORDER BY seq DESC LIMIT ?3"
        ))?
        .query_map(params![of.0, of.1, self.limit as i64], |row| Ok((row.get(3)?, record(row)?)))?
        .collect()
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
