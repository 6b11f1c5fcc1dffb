//! Wrong clocks: times are corrected once their boot's offset is known, whichever came first (PROTOCOL 2).

use super::tally::{self, Kind};
use crate::domain::CameraKey;
use crate::wire::incoming::{ClockReport, correct};
use rusqlite::{Connection, OptionalExtension, Result, params};
use serde_json::{Map, Value};

/// When something was, and what was said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub at_us: i64,
    /// The boot whose wrong clock stamped it, until that is corrected.
    pub raw_boot: Option<String>,
    /// A JSON object.
    pub body: String,
}

impl Timed {
    /// Corrects the time if its boot's offset is known already. Gives the new time then.
    pub fn settle(&mut self, conn: &Connection) -> Result<Option<i64>> {
        let Some(boot) = &self.raw_boot else { return Ok(None) };
        let offset_us = conn
            .prepare_cached("SELECT offset_us FROM clocks WHERE boot_id = ?1")?
            .query_row([boot], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(offset_us.and_then(|offset_us| self.correct(offset_us)))
    }

    /// No longer raw, whatever comes of it: an offset that makes no sense now makes none later.
    fn correct(&mut self, offset_us: i64) -> Option<i64> {
        self.raw_boot = None;
        let mut body: Map<String, Value> = serde_json::from_str(&self.body).ok()?;
        let at_us = correct(&mut body, self.at_us, offset_us)?;
        self.body = Value::Object(body).to_string();
        self.at_us = at_us;
        Some(at_us)
    }
}

/// Rows that are corrected at a time: their bodies are in memory.
const CHUNK: usize = 500;

/// Keeps the boot's offset, if it is the first, and corrects what is stored of that boot. Gives how many times changed.
pub fn report(conn: &Connection, camera: &CameraKey, report: &ClockReport, now_us: i64) -> Result<usize> {
    let first = conn.prepare_cached("INSERT INTO clocks VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING")?.execute(
        params![report.boot_id, report.offset_us, camera.camera.as_str(), camera.checkpoint.as_str(), now_us],
    )?;
    if first == 0 {
        return Ok(0);
    }
    Ok(correct_stored(conn, Kind::Detection, report)? + correct_stored(conn, Kind::Health, report)?)
}

fn correct_stored(conn: &Connection, kind: Kind, report: &ClockReport) -> Result<usize> {
    let (table, at) = match kind {
        Kind::Detection => ("detections", "captured_us"),
        Kind::Health => ("health", "at_us"),
    };
    let mut select = conn.prepare_cached(&format!(
        "SELECT seq, {at}, body, camera_id, checkpoint_id FROM {table} WHERE raw_boot = ?1 LIMIT {CHUNK}"
    ))?;
    let mut update =
        conn.prepare_cached(&format!("UPDATE {table} SET {at} = ?2, body = ?3, raw_boot = NULL WHERE seq = ?1"))?;
    let mut corrected = 0;
    loop {
        let rows = select
            .query_map([&report.boot_id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?
            .collect::<Result<Vec<(i64, i64, String, String, String)>>>()?;
        if rows.is_empty() {
            return Ok(corrected);
        }
        for (seq, raw_us, body, camera, checkpoint) in rows {
            let mut timed = Timed { at_us: raw_us, raw_boot: None, body };
            if let Some(at_us) = timed.correct(report.offset_us) {
                corrected += 1;
                tally::moved(conn, kind, (&camera, &checkpoint), raw_us, at_us)?;
                if kind == Kind::Health {
                    correct_what_it_told(conn, seq, raw_us, at_us)?;
                }
            }
            update.execute(params![seq, timed.at_us, timed.body])?;
        }
    }
}

/// A gap has the time of its report. And the report may be its component's last word: a later one must still be able to
/// take its place.
fn correct_what_it_told(conn: &Connection, seq: i64, raw_us: i64, at_us: i64) -> Result<()> {
    conn.prepare_cached("UPDATE gaps SET at_us = ?2 WHERE health_id = (SELECT health_id FROM health WHERE seq = ?1)")?
        .execute([seq, at_us])?;
    conn.prepare_cached(
        "UPDATE component_health SET at_us = ?3 WHERE at_us = ?2 AND (camera_id, checkpoint_id, component) =
             (SELECT camera_id, checkpoint_id, json_extract(body, '$.component') FROM health WHERE seq = ?1)",
    )?
    .execute([seq, raw_us, at_us])?;
    Ok(())
}
