//! The plates of a record as they are searched for, its class and its size. What an older program stored is looked at in
//! the background ([`backfill`]).
//!
//! Whoever changes `domain::plate_key` needs a migration that empties `plates`, zeroes `usage` and sets all classes NULL.

use super::usage::{self, Class};
use crate::domain::{confusion_key, plate_key};
use rusqlite::{Connection, Result, params};
use serde::Deserialize;
use serde_json::Value;

/// Plates of a record that can be searched for; nobody reads more from one picture.
const MOST: usize = 64;
/// Characters of a key; no plate has more.
const LONGEST: usize = 32;

/// The key that a text is stored and looked for under.
pub fn stored_key(text: &str) -> String {
    plate_key(text).chars().take(LONGEST).collect()
}

/// What a record's body says was read, each with its position.
#[derive(Debug, Default)]
pub struct Plates(Vec<(usize, String)>);

impl Plates {
    /// Of a body that `wire::incoming` made; anything else has none.
    pub fn of(body: &str) -> Self {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            ocr_results: Vec<Value>,
        }
        let Ok(Body { ocr_results }) = serde_json::from_str(body) else { return Self::default() };
        let keys = ocr_results.iter().enumerate().filter_map(|(at, text)| Some((at, stored_key(text.as_str()?))));
        Self(keys.filter(|(_, key)| !key.is_empty()).take(MOST).collect())
    }

    /// Unless there is an alert.
    pub fn class(&self) -> Class {
        if self.0.is_empty() { Class::NoText } else { Class::Read }
    }

    pub fn keep(&self, conn: &Connection, seq: i64) -> Result<()> {
        let mut insert = conn.prepare_cached("INSERT INTO plates VALUES (?1, ?2, ?3, ?4)")?;
        for (position, key) in &self.0 {
            insert.execute(params![seq, *position as i64, key, confusion_key(key)])?;
        }
        Ok(())
    }
}

/// Removes what is known of a record's plates.
pub fn forget(conn: &Connection, seq: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM plates WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// Looks at up to `rows` records that an older program stored, the latest first; gives how many there were. What is done
/// stays done: after a restart it goes on.
pub fn backfill(conn: &Connection, rows: usize) -> Result<usize> {
    let found = conn
        .prepare_cached(
            "SELECT seq, body, octet_length(body) + (SELECT coalesce(sum(i.bytes), 0) FROM images i
                 WHERE i.detection_id = d.detection_id)
             FROM detections d INDEXED BY detections_by_class WHERE class IS NULL ORDER BY seq DESC LIMIT ?1",
        )?
        .query_map([rows as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(i64, String, i64)>>>()?;
    let mut update = conn.prepare_cached("UPDATE detections SET class = ?2, bytes = ?3 WHERE seq = ?1")?;
    for (seq, body, bytes) in &found {
        let plates = Plates::of(body);
        forget(conn, *seq)?;
        plates.keep(conn, *seq)?;
        update.execute(params![seq, plates.class() as i64, bytes])?;
        usage::add(conn, plates.class(), 1, *bytes)?;
    }
    Ok(found.len())
}

/// Are there records whose plates are not known yet?
pub fn is_complete(conn: &Connection) -> Result<bool> {
    Ok(!conn
        .prepare_cached("SELECT 1 FROM detections INDEXED BY detections_by_class WHERE class IS NULL LIMIT 1")?
        .exists([])?)
}
