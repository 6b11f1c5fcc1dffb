//! Removing what need not be kept any longer, a few records at a time: the writer has others to serve between.

use super::plates;
use super::tally::{self, Kind};
use super::usage::{self, Class};
use rusqlite::{Connection, Result, params};

/// What may go: records of one class, oldest arrival first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removal {
    pub class: Class,
    /// Only what arrived before this moment.
    pub before_us: Option<i64>,
    /// No more than is needed to free so many bytes.
    pub bytes: Option<i64>,
}

/// What has gone. Its files are still there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    pub records: i64,
    pub bytes: i64,
    /// Of pictures that no row names any more, below the images folder.
    pub files: Vec<String>,
}

struct Old {
    seq: i64,
    id: String,
    camera: String,
    checkpoint: String,
    at_us: i64,
    received_us: i64,
    bytes: i64,
}

/// Is there anything to remove? To be asked first: a commit that holds nothing raises the checkpoint for nothing.
pub fn is_due(conn: &Connection, removal: &Removal) -> Result<bool> {
    let oldest = oldest(conn, removal, 1)?;
    Ok(oldest.first().is_some_and(|old| removal.before_us.is_none_or(|before_us| old.received_us < before_us)))
}

fn oldest(conn: &Connection, removal: &Removal, rows: usize) -> Result<Vec<Old>> {
    let select = match removal.class {
        Class::Key => return Ok(Vec::new()),
        Class::Health => {
            "SELECT seq, health_id, camera_id, checkpoint_id, at_us, received_us, octet_length(body) FROM health
             WHERE ?1 = 3 ORDER BY received_us LIMIT ?2"
        }
        _ => {
            "SELECT seq, detection_id, camera_id, checkpoint_id, captured_us, received_us, coalesce(bytes, 0)
             FROM detections INDEXED BY detections_by_class WHERE class = ?1 ORDER BY seq LIMIT ?2"
        }
    };
    conn.prepare_cached(select)?
        .query_map(params![removal.class as i64, rows as i64], |row| {
            Ok(Old {
                seq: row.get(0)?,
                id: row.get(1)?,
                camera: row.get(2)?,
                checkpoint: row.get(3)?,
                at_us: row.get(4)?,
                received_us: row.get(5)?,
                bytes: row.get(6)?,
            })
        })?
        .collect()
}

/// Removes up to `rows` records. The keys of their events stay: what is sent again becomes no second record.
pub fn remove(conn: &Connection, removal: &Removal, rows: usize) -> Result<Removed> {
    let mut removed = Removed::default();
    for old in &oldest(conn, removal, rows)? {
        let young = removal.before_us.is_some_and(|before_us| old.received_us >= before_us);
        let enough = removal.bytes.is_some_and(|bytes| removed.bytes >= bytes);
        if young || enough {
            break;
        }
        match removal.class {
            Class::Health => remove_health(conn, old)?,
            _ => remove_detection(conn, old, &mut removed.files)?,
        }
        removed.records += 1;
        removed.bytes += old.bytes;
    }
    if removal.class == Class::Health {
        // Their cameras count them until now.
        usage::add(conn, Class::Health, removed.records, removed.bytes)?;
    }
    usage::removed(conn, removal.class, removed.records, removed.bytes)?;
    Ok(removed)
}

fn remove_detection(conn: &Connection, old: &Old, files: &mut Vec<String>) -> Result<()> {
    plates::forget(conn, old.seq)?;
    let mut images = conn.prepare_cached("DELETE FROM images WHERE detection_id = ?1 RETURNING path")?;
    for path in images.query_map([&old.id], |row| row.get(0))? {
        files.push(path?);
    }
    conn.prepare_cached("DELETE FROM detections WHERE seq = ?1")?.execute([old.seq])?;
    tally::remove(conn, Kind::Detection, (&old.camera, &old.checkpoint), old.at_us)
}

fn remove_health(conn: &Connection, old: &Old) -> Result<()> {
    conn.prepare_cached("DELETE FROM health WHERE seq = ?1")?.execute([old.seq])?;
    tally::remove(conn, Kind::Health, (&old.camera, &old.checkpoint), old.at_us)
}
