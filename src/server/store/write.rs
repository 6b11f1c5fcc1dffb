//! What is written for each kind of event. Each function runs inside the writer's transaction.

use super::read::ImageRow;
use crate::domain::CameraKey;
use rusqlite::{Connection, OptionalExtension, Result, params};

/// What to do with an event, given what is stored of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Never seen.
    New,
    /// A higher revision of a known event: the same record, brought up to date.
    Update,
    /// Stored already.
    Duplicate,
}

/// `stored` is the highest revision that was accepted of this event, if any (PROTOCOL 2).
pub fn verdict(stored: Option<i64>, sent: i64) -> Verdict {
    match stored {
        None => Verdict::New,
        Some(stored) if sent > stored => Verdict::Update,
        Some(_) => Verdict::Duplicate,
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    pub verdict: Verdict,
    /// The record's id: the one given, or the first one where the event was known.
    pub record_id: String,
    /// Image files, below the images folder, that no row names any more.
    pub orphans: Vec<String>,
}

/// A detection whose images are already on the disk.
#[derive(Debug, Clone)]
pub struct NewDetection {
    pub camera: CameraKey,
    pub key: String,
    pub revision: i64,
    pub detection_id: String,
    pub captured_us: i64,
    pub received_us: i64,
    /// A JSON object.
    pub body: String,
    pub images: Vec<ImageRow>,
}

impl NewDetection {
    pub fn insert(&self, conn: &Connection) -> Result<Accepted> {
        touch(conn, &self.camera, self.received_us)?;
        let receipt = Receipt::find(conn, "detection", &self.camera, &self.key)?;
        let verdict = verdict(receipt.as_ref().map(|receipt| receipt.revision), self.revision);
        let record_id = receipt.map_or_else(|| self.detection_id.clone(), |receipt| receipt.record_id);
        let orphans = match verdict {
            Verdict::Duplicate => self.unnamed(conn, &record_id)?,
            Verdict::New => {
                self.insert_row(conn)?;
                Vec::new()
            }
            Verdict::Update => self.update_row(conn, &record_id)?,
        };
        if verdict != Verdict::Duplicate {
            self.insert_images(conn, &record_id)?;
            let receipt = Receipt { revision: self.revision, record_id: record_id.clone() };
            receipt.keep(conn, "detection", &self.camera, &self.key, self.received_us)?;
        }
        Ok(Accepted { verdict, record_id, orphans })
    }

    /// Our files that the record does not name. The same revision sent twice at once has the same file names, and the
    /// one that came first needs them.
    fn unnamed(&self, conn: &Connection, record_id: &str) -> Result<Vec<String>> {
        let named = conn
            .prepare_cached("SELECT path FROM images WHERE detection_id = ?1")?
            .query_map([record_id], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()?;
        Ok(self.images.iter().map(|image| image.path.clone()).filter(|path| !named.contains(path)).collect())
    }

    fn insert_row(&self, conn: &Connection) -> Result<()> {
        let (camera, checkpoint) = (self.camera.camera.as_str(), self.camera.checkpoint.as_str());
        conn.prepare_cached(
            "INSERT INTO detections (detection_id, camera_id, checkpoint_id, captured_us, received_us, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            self.detection_id,
            camera,
            checkpoint,
            self.captured_us,
            self.received_us,
            self.body
        ])?;
        conn.prepare_cached(
            "UPDATE cameras SET detection_count = detection_count + 1 WHERE camera_id = ?1 AND checkpoint_id = ?2",
        )?
        .execute([camera, checkpoint])?;
        Ok(())
    }

    /// The record as it now is; gives the files of the images that it had.
    fn update_row(&self, conn: &Connection, record_id: &str) -> Result<Vec<String>> {
        let old = conn
            .prepare_cached("DELETE FROM images WHERE detection_id = ?1 RETURNING path")?
            .query_map([record_id], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()?;
        conn.prepare_cached("UPDATE detections SET captured_us = ?2, body = ?3 WHERE detection_id = ?1")?
            .execute(params![record_id, self.captured_us, self.body])?;
        Ok(old)
    }

    fn insert_images(&self, conn: &Connection, record_id: &str) -> Result<()> {
        let mut insert =
            conn.prepare_cached("INSERT INTO images (detection_id, name, path, bytes) VALUES (?1, ?2, ?3, ?4)")?;
        for image in &self.images {
            insert.execute(params![record_id, image.name, image.path, image.bytes])?;
        }
        Ok(())
    }
}

/// A health report.
#[derive(Debug, Clone)]
pub struct NewHealth {
    pub camera: CameraKey,
    pub key: String,
    pub revision: i64,
    pub health_id: String,
    pub component: String,
    /// `healthy`, `warning` or `error`.
    pub status: String,
    pub message: String,
    pub at_us: i64,
    pub received_us: i64,
    /// A JSON object.
    pub body: String,
}

impl NewHealth {
    pub fn insert(&self, conn: &Connection) -> Result<Accepted> {
        touch(conn, &self.camera, self.received_us)?;
        let receipt = Receipt::find(conn, "health", &self.camera, &self.key)?;
        if let Some(receipt) = receipt {
            return Ok(Accepted { verdict: Verdict::Duplicate, record_id: receipt.record_id, orphans: Vec::new() });
        }
        let (camera, checkpoint) = (self.camera.camera.as_str(), self.camera.checkpoint.as_str());
        conn.prepare_cached(
            "INSERT INTO health (health_id, camera_id, checkpoint_id, at_us, received_us, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![self.health_id, camera, checkpoint, self.at_us, self.received_us, self.body])?;
        // A backlog may arrive late: only the latest report is a component's state.
        conn.prepare_cached(
            "INSERT INTO component_health VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT DO UPDATE SET status = excluded.status, message = excluded.message, at_us = excluded.at_us
             WHERE excluded.at_us >= at_us",
        )?
        .execute(params![camera, checkpoint, self.component, self.status, self.message, self.at_us])?;
        let receipt = Receipt { revision: self.revision, record_id: self.health_id.clone() };
        receipt.keep(conn, "health", &self.camera, &self.key, self.received_us)?;
        Ok(Accepted { verdict: Verdict::New, record_id: self.health_id.clone(), orphans: Vec::new() })
    }
}

/// Notes that a camera spoke, making it known if it was not.
pub fn touch(conn: &Connection, camera: &CameraKey, now_us: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO cameras (camera_id, checkpoint_id, registered_us, last_seen_us) VALUES (?1, ?2, ?3, ?3)
         ON CONFLICT DO UPDATE SET last_seen_us = max(last_seen_us, excluded.last_seen_us)",
    )?
    .execute(params![camera.camera.as_str(), camera.checkpoint.as_str(), now_us])?;
    Ok(())
}

/// What was accepted of an event.
pub struct Receipt {
    pub revision: i64,
    pub record_id: String,
}

impl Receipt {
    pub fn find(conn: &Connection, kind: &str, camera: &CameraKey, key: &str) -> Result<Option<Self>> {
        conn.prepare_cached(
            "SELECT revision, record_id FROM receipts
             WHERE kind = ?1 AND camera_id = ?2 AND checkpoint_id = ?3 AND event_key = ?4",
        )?
        .query_row([kind, camera.camera.as_str(), camera.checkpoint.as_str(), key], |row| {
            Ok(Self { revision: row.get(0)?, record_id: row.get(1)? })
        })
        .optional()
    }

    fn keep(&self, conn: &Connection, kind: &str, camera: &CameraKey, key: &str, now_us: i64) -> Result<()> {
        let (camera, checkpoint) = (camera.camera.as_str(), camera.checkpoint.as_str());
        conn.prepare_cached(
            "INSERT INTO receipts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET revision = excluded.revision",
        )?
        .execute(params![kind, camera, checkpoint, key, self.revision, self.record_id, now_us])?;
        Ok(())
    }
}
