//! The plates of a record as they are searched for, with their provinces, its class and its size. What an older program
//! stored is looked at in the background ([`backfill`]).
//!
//! Whoever changes `domain::plate_key` needs a migration that empties `plates`, zeroes `usage` and sets all classes NULL; for
//! `domain::province_key` one that sets `meta.provinces_below` as schema 8 does.

use super::usage::{self, Class};
use crate::domain::{confusion_key, plate_key, province_key};
use rusqlite::{Connection, OptionalExtension, Result, params};
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

/// The key that a province is stored under; `None` where there is none.
pub fn stored_province(text: &str) -> Option<String> {
    let key: String = province_key(text).chars().take(LONGEST).collect();
    (!key.is_empty()).then_some(key)
}

/// Of a record's plate: parallel to `ocr_results`, or one for all.
pub fn province_of(province: Option<&Value>, position: usize) -> Option<&str> {
    match province? {
        Value::Array(provinces) => provinces.get(position)?.as_str(),
        one => one.as_str(),
    }
}

/// What was read of one plate.
#[derive(Debug)]
struct Plate {
    /// In `ocr_results`.
    position: usize,
    key: String,
    province: Option<String>,
}

/// What a record's body says was read.
#[derive(Debug, Default)]
pub struct Plates(Vec<Plate>);

impl Plates {
    /// Of a body that `wire::incoming` made; anything else has none.
    pub fn of(body: &str) -> Self {
        #[derive(Deserialize)]
        struct Body {
            #[serde(default)]
            ocr_results: Vec<Value>,
            province: Option<Value>,
        }
        let Ok(Body { ocr_results, province }) = serde_json::from_str(body) else { return Self::default() };
        let plates = ocr_results.iter().enumerate().filter_map(|(position, text)| {
            let key = stored_key(text.as_str()?);
            let province = province_of(province.as_ref(), position).and_then(stored_province);
            (!key.is_empty()).then_some(Plate { position, key, province })
        });
        Self(plates.take(MOST).collect())
    }

    /// Unless there is an alert.
    pub fn class(&self) -> Class {
        if self.0.is_empty() { Class::NoText } else { Class::Read }
    }

    pub fn keep(&self, conn: &Connection, seq: i64) -> Result<()> {
        let mut insert = conn.prepare_cached("INSERT INTO plates VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for Plate { position, key, province } in &self.0 {
            insert.execute(params![seq, *position as i64, key, confusion_key(key), province])?;
        }
        Ok(())
    }

    /// Of a record whose plates are stored: adds their provinces.
    fn keep_provinces(&self, conn: &Connection, seq: i64) -> Result<()> {
        let mut update = conn.prepare_cached("UPDATE plates SET province = ?3 WHERE seq = ?1 AND position = ?2")?;
        for Plate { position, province, .. } in self.0.iter().filter(|plate| plate.province.is_some()) {
            update.execute(params![seq, *position as i64, province])?;
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
    match backfill_plates(conn, rows)? {
        0 => backfill_provinces(conn, rows),
        looked_at => Ok(looked_at),
    }
}

fn backfill_plates(conn: &Connection, rows: usize) -> Result<usize> {
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

/// Of plates that are stored without.
fn backfill_provinces(conn: &Connection, rows: usize) -> Result<usize> {
    let Some(below) = provinces_below(conn)? else { return Ok(0) };
    let found = conn
        .prepare_cached("SELECT seq, body FROM detections WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2")?
        .query_map(params![below, rows as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, String)>>>()?;
    for (seq, body) in &found {
        Plates::of(body).keep_provinces(conn, *seq)?;
    }
    let below = found.last().filter(|_| found.len() == rows).map(|(seq, _)| *seq);
    conn.prepare_cached("UPDATE meta SET provinces_below = ?1")?.execute([below])?;
    Ok(found.len())
}

fn provinces_below(conn: &Connection) -> Result<Option<i64>> {
    let below = conn.prepare_cached("SELECT provinces_below FROM meta")?.query_row([], |row| row.get(0)).optional()?;
    Ok(below.flatten())
}

/// Are the plates of all records known, and with `provinces` these too?
pub fn is_complete(conn: &Connection, provinces: bool) -> Result<bool> {
    let unknown = conn
        .prepare_cached("SELECT 1 FROM detections INDEXED BY detections_by_class WHERE class IS NULL LIMIT 1")?
        .exists([])?;
    Ok(!unknown && (!provinces || provinces_below(conn)?.is_none()))
}
