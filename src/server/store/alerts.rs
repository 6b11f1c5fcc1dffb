//! Alerts: raised in the transaction of what they are about, ended, acknowledged. A row for the webhook goes with them.

use super::write::{Accepted, Verdict};
use super::{watchlists, webhooks};
use crate::domain::CameraKey;
use crate::server::watch::alert::{Happening, Told};
use crate::server::watch::matching::{Hit, Read, hits};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use uuid::{NoContext, Timestamp, Uuid};

/// An alert as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertRow {
    pub seq: i64,
    pub alert_id: String,
    /// `plate` or `camera`.
    pub kind: String,
    pub severity: String,
    pub title: String,
    pub camera_id: String,
    pub checkpoint_id: String,
    /// Of capture, by the record as it is now; of a camera: when it began.
    pub at_us: i64,
    pub detection_id: Option<String>,
    pub plate: Option<String>,
    pub entry_id: Option<i64>,
    pub entry_plate: Option<String>,
    pub why: Option<String>,
    pub watchlist_id: Option<i64>,
    pub watchlist: Option<String>,
    pub note: Option<String>,
    pub problem: Option<String>,
    pub ended_us: Option<i64>,
    pub acknowledged_us: Option<i64>,
    pub acknowledged_by: Option<String>,
    pub acknowledged_note: Option<String>,
}

/// The time is the record's own: it may be corrected after the alert.
const SELECT: &str = "SELECT seq, alert_id, kind, severity, title, a.camera_id, a.checkpoint_id,
    coalesce((SELECT captured_us FROM detections d WHERE d.detection_id = a.detection_id), at_us), a.detection_id, plate,
    entry_id, entry_plate, why, watchlist_id, watchlist, note, problem, ended_us, acknowledged_us, acknowledged_by,
    acknowledged_note FROM alerts a";

fn alert(row: &Row<'_>) -> Result<AlertRow> {
    Ok(AlertRow {
        seq: row.get(0)?,
        alert_id: row.get(1)?,
        kind: row.get(2)?,
        severity: row.get(3)?,
        title: row.get(4)?,
        camera_id: row.get(5)?,
        checkpoint_id: row.get(6)?,
        at_us: row.get(7)?,
        detection_id: row.get(8)?,
        plate: row.get(9)?,
        entry_id: row.get(10)?,
        entry_plate: row.get(11)?,
        why: row.get(12)?,
        watchlist_id: row.get(13)?,
        watchlist: row.get(14)?,
        note: row.get(15)?,
        problem: row.get(16)?,
        ended_us: row.get(17)?,
        acknowledged_us: row.get(18)?,
        acknowledged_by: row.get(19)?,
        acknowledged_note: row.get(20)?,
    })
}

/// A detection that is looked up in the watchlists.
#[derive(Debug, Clone)]
pub struct Watched {
    pub camera: CameraKey,
    pub reads: Vec<Read>,
    /// When it was captured, as far as its sender knows.
    pub captured_us: i64,
    /// The sender's clock was wrong then.
    pub is_raw: bool,
    pub received_us: i64,
    /// There is a webhook to tell.
    pub webhook: bool,
}

impl Watched {
    /// Raises what is new, ends what is no longer so. Gives what the rooms are to be told after the commit.
    pub fn settle(&self, conn: &Connection, accepted: &Accepted) -> Result<Vec<Told>> {
        if accepted.verdict == Verdict::Duplicate {
            return Ok(Vec::new());
        }
        // A time that nobody can know is taken for now.
        let captured_us = accepted.corrected_us.unwrap_or(self.captured_us);
        let is_unknown = self.is_raw && accepted.corrected_us.is_none();
        let judged_us = if is_unknown { self.received_us } else { captured_us };
        let mut wanted = Vec::new();
        for key in self.keys() {
            wanted.extend(watchlists::wanted(conn, &key)?);
        }
        let hits = hits(&self.reads, wanted, judged_us);
        let mut told = Vec::new();
        let known =
            if accepted.verdict == Verdict::Update { of_record(conn, &accepted.record_id)? } else { Vec::new() };
        for alert in &known {
            let hit = hits.iter().find(|hit| Some(hit.wanted.entry_id) == alert.entry_id);
            told.extend(self.revise(conn, alert, hit)?);
        }
        for hit in &hits {
            if !known.iter().any(|alert| alert.entry_id == Some(hit.wanted.entry_id)) {
                told.push(self.raise(conn, &accepted.record_id, captured_us, hit)?);
            }
        }
        for told in told.iter().filter(|_| self.webhook) {
            webhooks::enqueue(conn, told, self.received_us)?;
        }
        Ok(told)
    }

    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.reads.iter().map(Read::confusion_key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn raise(&self, conn: &Connection, record_id: &str, at_us: i64, hit: &Hit) -> Result<Told> {
        let (wanted, alert_id) = (&hit.wanted, new_id(self.received_us));
        conn.prepare_cached(
            "INSERT INTO alerts (alert_id, kind, severity, title, camera_id, checkpoint_id, at_us, detection_id, plate,
                 entry_id, entry_plate, why, watchlist_id, watchlist, note)
             VALUES (?1, 'plate', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            alert_id,
            wanted.severity.as_str(),
            format!("{} is on \"{}\"", wanted.entry.plate, wanted.watchlist),
            self.camera.camera.as_str(),
            self.camera.checkpoint.as_str(),
            at_us,
            record_id,
            hit.plate,
            wanted.entry_id,
            wanted.entry.plate,
            hit.why,
            wanted.watchlist_id,
            wanted.watchlist,
            wanted.note,
        ])?;
        super::usage::mark_alert(conn, record_id)?;
        Ok(Told { happening: Happening::Opened, alert: required(conn, &alert_id)? })
    }

    /// What a revision of the record means for an alert that it raised before.
    fn revise(&self, conn: &Connection, alert: &AlertRow, hit: Option<&Hit>) -> Result<Option<Told>> {
        let happening = match (hit, alert.ended_us) {
            (None, Some(_)) => return Ok(None),
            (None, None) => {
                conn.prepare_cached("UPDATE alerts SET ended_us = ?2 WHERE seq = ?1")?
                    .execute(params![alert.seq, self.received_us])?;
                Happening::Ended
            }
            (Some(hit), None) if alert.plate.as_ref() == Some(&hit.plate) => return Ok(None),
            (Some(hit), _) => {
                conn.prepare_cached("UPDATE alerts SET ended_us = NULL, plate = ?2, why = ?3 WHERE seq = ?1")?
                    .execute(params![alert.seq, hit.plate, hit.why])?;
                Happening::Changed
            }
        };
        Ok(Some(Told { happening, alert: required(conn, &alert.alert_id)? }))
    }
}

/// An id that sorts by time and is never given twice, not even after a restored backup.
fn new_id(now_us: i64) -> String {
    let seconds = u64::try_from(now_us.div_euclid(1_000_000)).unwrap_or(0);
    let nanos = u32::try_from(now_us.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, nanos)).to_string()
}

fn of_record(conn: &Connection, detection_id: &str) -> Result<Vec<AlertRow>> {
    conn.prepare_cached(&format!("{SELECT} WHERE detection_id = ?1"))?.query_map([detection_id], alert)?.collect()
}

fn required(conn: &Connection, alert_id: &str) -> Result<AlertRow> {
    conn.prepare_cached(&format!("{SELECT} WHERE alert_id = ?1"))?.query_row([alert_id], alert)
}

/// One alert.
pub fn find_alert(conn: &Connection, alert_id: &str) -> Result<Option<AlertRow>> {
    required(conn, alert_id).optional()
}

/// The latest `limit` alerts before `before`, latest first; only those that wait for a person where `open`.
pub fn alerts(conn: &Connection, open: bool, before: i64, limit: usize) -> Result<Vec<AlertRow>> {
    let condition = if open { "ended_us IS NULL AND acknowledged_us IS NULL" } else { "1" };
    conn.prepare_cached(&format!("{SELECT} WHERE {condition} AND seq < ?1 ORDER BY seq DESC LIMIT ?2"))?
        .query_map(params![before, limit as i64], alert)?
        .collect()
}

/// How many alerts wait for a person, of plates and of cameras.
pub fn open_alerts(conn: &Connection) -> Result<[i64; 2]> {
    conn.prepare_cached(
        "SELECT count(*) FILTER (WHERE kind = 'plate'), count(*) FILTER (WHERE kind = 'camera') FROM alerts
         WHERE ended_us IS NULL AND acknowledged_us IS NULL",
    )?
    .query_row([], |row| Ok([row.get(0)?, row.get(1)?]))
}

/// A person has seen it: the first word stays. `None` where there is no such alert; tells only of the first.
pub fn acknowledge(
    conn: &Connection,
    alert_id: &str,
    by: &str,
    note: &str,
    now_us: i64,
) -> Result<Option<(AlertRow, bool)>> {
    let changed = conn
        .prepare_cached(
            "UPDATE alerts SET acknowledged_us = ?2, acknowledged_by = ?3, acknowledged_note = ?4
             WHERE alert_id = ?1 AND acknowledged_us IS NULL",
        )?
        .execute(params![alert_id, now_us, by, note])?;
    Ok(find_alert(conn, alert_id)?.map(|alert| (alert, changed > 0)))
}

/// A camera's alert begins.
pub fn open_camera(conn: &Connection, camera: &CameraKey, problem: &str, title: &str, at_us: i64) -> Result<AlertRow> {
    let alert_id = new_id(at_us);
    conn.prepare_cached(
        "INSERT INTO alerts (alert_id, kind, severity, title, camera_id, checkpoint_id, at_us, problem)
         VALUES (?1, 'camera', 'warning', ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![alert_id, title, camera.camera.as_str(), camera.checkpoint.as_str(), at_us, problem])?;
    required(conn, &alert_id)
}

/// A camera's alert ends; `None` where it was none.
pub fn end_camera(conn: &Connection, camera: &CameraKey, problem: &str, at_us: i64) -> Result<Option<AlertRow>> {
    let ended: Option<String> = conn
        .prepare_cached(
            "UPDATE alerts SET ended_us = ?4
             WHERE camera_id = ?1 AND checkpoint_id = ?2 AND problem = ?3 AND ended_us IS NULL RETURNING alert_id",
        )?
        .query_row(params![camera.camera.as_str(), camera.checkpoint.as_str(), problem, at_us], |row| row.get(0))
        .optional()?;
    ended.map(|alert_id| required(conn, &alert_id)).transpose()
}
