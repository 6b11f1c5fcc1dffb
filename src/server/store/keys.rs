//! Keys of events: how long they are known after their last use. There is no index by age, which would cost every event;
//! instead they are looked through now and then, a few at a time.

use super::tally::Kind;
use super::usage::{self, Class};
use crate::domain::CameraKey;
use rusqlite::{Connection, Result, params};

/// A repeat makes a key young again; one that is sent over and over costs one write in this time.
const FRESH_US: i64 = 86_400_000_000;

/// An event came again.
pub fn used(conn: &Connection, kind: Kind, camera: &CameraKey, key: &str, now_us: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE receipts SET received_us = ?5
         WHERE kind = ?1 AND camera_id = ?2 AND checkpoint_id = ?3 AND event_key = ?4 AND received_us < ?6",
    )?
    .execute(params![
        kind.as_str(),
        camera.camera.as_str(),
        camera.checkpoint.as_str(),
        key,
        now_us,
        now_us.saturating_sub(FRESH_US)
    ])?;
    Ok(())
}

/// Cameras (id, checkpoint) that may have keys from before this moment.
pub fn old_cameras(conn: &Connection, before_us: i64) -> Result<Vec<(String, String)>> {
    conn.prepare_cached("SELECT camera_id, checkpoint_id FROM cameras WHERE registered_us < ?1")?
        .query_map([before_us], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Keys that were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OldKeys {
    /// Those that may go.
    pub keys: Vec<String>,
    /// Where to go on.
    pub next: Option<String>,
}

/// Looks at up to `most` keys of a camera, behind `after`. A key may go that was last used before `before_us` and whose
/// record is gone.
pub fn old_keys(
    conn: &Connection,
    (kind, camera): (Kind, &(String, String)),
    after: &str,
    before_us: i64,
    most: usize,
) -> Result<OldKeys> {
    let rows = conn
        .prepare_cached(&format!(
            "SELECT event_key, received_us < ?5 AND NOT {} FROM receipts r
             WHERE kind = ?1 AND camera_id = ?2 AND checkpoint_id = ?3 AND event_key > ?4 ORDER BY event_key LIMIT ?6",
            has_record(kind)
        ))?
        .query_map(params![kind.as_str(), camera.0, camera.1, after, before_us, most as i64], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<Vec<(String, bool)>>>()?;
    let next = rows.last().filter(|_| rows.len() == most).map(|(key, _)| key.clone());
    let keys = rows.into_iter().filter(|(_, may_go)| *may_go).map(|(key, _)| key).collect();
    Ok(OldKeys { keys, next })
}

/// Forgets these, unless they were used meanwhile; gives how many.
pub fn forget_keys(
    conn: &Connection,
    (kind, camera): (Kind, &(String, String)),
    keys: &[String],
    before_us: i64,
) -> Result<i64> {
    let mut forget = conn.prepare_cached(&format!(
        "DELETE FROM receipts AS r WHERE kind = ?1 AND camera_id = ?2 AND checkpoint_id = ?3 AND event_key = ?4
             AND received_us < ?5 AND NOT {}",
        has_record(kind)
    ))?;
    let mut forgotten = 0;
    for key in keys {
        forgotten += forget.execute(params![kind.as_str(), camera.0, camera.1, key, before_us])? as i64;
    }
    usage::forgotten(conn, Class::Key, forgotten)?;
    Ok(forgotten)
}

fn has_record(kind: Kind) -> &'static str {
    match kind {
        Kind::Detection => "EXISTS (SELECT 1 FROM detections d WHERE d.detection_id = r.record_id)",
        Kind::Health => "EXISTS (SELECT 1 FROM health h WHERE h.health_id = r.record_id)",
    }
}
