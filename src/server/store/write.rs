//! What is written for a detection. Each function runs inside the writer's transaction.

use super::clocks::Timed;
use super::keys;
use super::plates::{self, Plates};
use super::read::ImageRow;
use super::tally::{self, Kind};
use super::usage::{self, Class};
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
    /// Its time, where the server corrected what the sender's wrong clock said.
    pub corrected_us: Option<i64>,
}

/// A detection whose images are already on the disk.
#[derive(Debug, Clone)]
pub struct NewDetection {
    pub camera: CameraKey,
    pub key: String,
    pub revision: i64,
    pub detection_id: String,
    pub captured: Timed,
    pub received_us: i64,
    pub images: Vec<ImageRow>,
}

impl NewDetection {
    pub fn insert(mut self, conn: &Connection) -> Result<Accepted> {
        touch(conn, &self.camera, self.received_us)?;
        let receipt = Receipt::find(conn, Kind::Detection, &self.camera, &self.key)?;
        let verdict = verdict(receipt.as_ref().map(|receipt| receipt.revision), self.revision);
        let record_id = receipt.map_or_else(|| self.detection_id.clone(), |receipt| receipt.record_id);
        if verdict == Verdict::Duplicate {
            keys::used(conn, Kind::Detection, &self.camera, &self.key, self.received_us)?;
            let orphans = self.unnamed(conn, &record_id)?;
            return Ok(Accepted { verdict, record_id, orphans, corrected_us: None });
        }
        let corrected_us = self.captured.settle(conn)?;
        let orphans = match verdict {
            Verdict::Update => self.update_row(conn, &record_id)?,
            _ => None,
        };
        let orphans = match orphans {
            Some(orphans) => orphans,
            None => {
                self.insert_row(conn, &record_id)?;
                Vec::new()
            }
        };
        self.insert_images(conn, &record_id)?;
        let receipt = Receipt { revision: self.revision, record_id: record_id.clone() };
        receipt.keep(conn, Kind::Detection, &self.camera, &self.key, self.received_us)?;
        Ok(Accepted { verdict, record_id, orphans, corrected_us })
    }

    /// Our pictures that the record does not name.
    fn unnamed(&self, conn: &Connection, record_id: &str) -> Result<Vec<String>> {
        let named = conn
            .prepare_cached("SELECT path FROM images WHERE detection_id = ?1")?
            .query_map([record_id], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()?;
        Ok(self.images.iter().map(|image| image.path.clone()).filter(|path| !named.contains(path)).collect())
    }

    fn insert_row(&self, conn: &Connection, record_id: &str) -> Result<()> {
        let at = &self.captured;
        let plates = Plates::of(&at.body);
        let (class, bytes) = (plates.class(), self.bytes());
        conn.prepare_cached(
            "INSERT INTO detections (detection_id, camera_id, checkpoint_id, captured_us, received_us, body, raw_boot,
                 class, bytes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            record_id,
            self.camera.camera.as_str(),
            self.camera.checkpoint.as_str(),
            at.at_us,
            self.received_us,
            at.body,
            at.raw_boot,
            class as i64,
            bytes
        ])?;
        plates.keep(conn, conn.last_insert_rowid())?;
        usage::add(conn, class, 1, bytes)?;
        tally::add(conn, Kind::Detection, &self.camera, at.at_us)
    }

    /// Of the body and the pictures.
    fn bytes(&self) -> i64 {
        self.captured.body.len() as i64 + self.images.iter().map(|image| image.bytes).sum::<i64>()
    }

    /// The record as it now is; gives the files of the images that it had. `None` where it is no longer kept.
    fn update_row(&self, conn: &Connection, record_id: &str) -> Result<Option<Vec<String>>> {
        let before: Option<(i64, i64, Option<i64>, Option<i64>)> = conn
            .prepare_cached("SELECT seq, captured_us, class, bytes FROM detections WHERE detection_id = ?1")?
            .query_row([record_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()?;
        let Some((seq, before_us, class, bytes)) = before else { return Ok(None) };
        let at = &self.captured;
        let plates = Plates::of(&at.body);
        // Not counted yet where an older program stored it.
        let class = class.map(Class::of);
        if let (Some(class), Some(bytes)) = (class, bytes) {
            usage::add(conn, class, -1, -bytes)?;
        }
        let (class, bytes) = (class.filter(|class| *class == Class::Alert).unwrap_or(plates.class()), self.bytes());
        conn.prepare_cached(
            "UPDATE detections SET captured_us = ?2, body = ?3, raw_boot = ?4, class = ?5, bytes = ?6 WHERE seq = ?1",
        )?
        .execute(params![seq, at.at_us, at.body, at.raw_boot, class as i64, bytes])?;
        usage::add(conn, class, 1, bytes)?;
        plates::forget(conn, seq)?;
        plates.keep(conn, seq)?;
        let camera = (self.camera.camera.as_str(), self.camera.checkpoint.as_str());
        tally::moved(conn, Kind::Detection, camera, before_us, at.at_us)?;
        conn.prepare_cached("DELETE FROM images WHERE detection_id = ?1 RETURNING path")?
            .query_map([record_id], |row| row.get(0))?
            .collect::<Result<Vec<String>>>()
            .map(Some)
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
    pub fn find(conn: &Connection, kind: Kind, camera: &CameraKey, key: &str) -> Result<Option<Self>> {
        conn.prepare_cached(
            "SELECT revision, record_id FROM receipts
             WHERE kind = ?1 AND camera_id = ?2 AND checkpoint_id = ?3 AND event_key = ?4",
        )?
        .query_row([kind.as_str(), camera.camera.as_str(), camera.checkpoint.as_str(), key], |row| {
            Ok(Self { revision: row.get(0)?, record_id: row.get(1)? })
        })
        .optional()
    }

    pub fn keep(&self, conn: &Connection, kind: Kind, camera: &CameraKey, key: &str, now_us: i64) -> Result<()> {
        let (camera, checkpoint) = (camera.camera.as_str(), camera.checkpoint.as_str());
        conn.prepare_cached(
            "INSERT INTO receipts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET revision = excluded.revision, received_us = excluded.received_us",
        )?
        .execute(params![kind.as_str(), camera, checkpoint, key, self.revision, self.record_id, now_us])?;
        Ok(())
    }
}
