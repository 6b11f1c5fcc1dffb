//! The database's half of `lpr-server check` and of `lpr-server backup`.

use super::{Connection, StoreError, schema};
use rusqlite::OpenFlags;
use std::path::Path;
use std::time::Duration;

/// Two countings of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub what: &'static str,
    /// As it is kept with the commits.
    pub kept: i64,
    /// As it is.
    pub is: i64,
}

/// Opens the database for reading, beside a server that works on it or alone. It must be of this program's version.
pub fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let open = || {
        let conn =
            Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        conn.busy_timeout(Duration::from_secs(10))?;
        schema::recognise(&conn, path)?;
        Ok(conn)
    };
    open().map_err(|error: StoreError| error.named(path))
}

/// What is damaged in the file, up to `most` findings. `quick` does not compare the indexes with their tables.
pub fn damage(conn: &Connection, quick: bool, most: usize) -> Result<Vec<String>, StoreError> {
    let pragma = if quick { "quick_check" } else { "integrity_check" };
    let mut found = conn
        .prepare(&format!("PRAGMA {pragma}({most})"))?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    found.retain(|line| line != "ok");
    Ok(found)
}

/// What is counted with the commits, beside what there is. Reads every index once.
pub fn counts(conn: &Connection) -> Result<Vec<Count>, StoreError> {
    let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let all = [
        ("records", "SELECT coalesce(sum(detection_count), 0) FROM cameras", "SELECT count(*) FROM detections"),
        (
            "records by time",
            "SELECT coalesce(sum(count), 0) FROM tally WHERE kind = 'detection'",
            "SELECT count(*) FROM detections",
        ),
        (
            "records by camera and hour",
            "SELECT coalesce(sum(count), 0) FROM camera_hours",
            "SELECT count(*) FROM detections",
        ),
        ("health reports", "SELECT coalesce(sum(health_count), 0) FROM cameras", "SELECT count(*) FROM health"),
        (
            "health reports by time",
            "SELECT coalesce(sum(count), 0) FROM tally WHERE kind = 'health'",
            "SELECT count(*) FROM health",
        ),
        (
            "records by class",
            "SELECT coalesce(sum(records), 0) FROM usage WHERE class < 3",
            "SELECT count(*) FROM detections WHERE class IS NOT NULL",
        ),
        (
            "bytes by class",
            "SELECT coalesce(sum(bytes), 0) FROM usage WHERE class < 3",
            "SELECT coalesce(sum(bytes), 0) FROM detections WHERE class IS NOT NULL",
        ),
        (
            "plates that belong to a record",
            "SELECT count(*) FROM plates",
            "SELECT count(*) FROM plates p CROSS JOIN detections d ON d.seq = p.seq",
        ),
        (
            "pictures that belong to a record",
            "SELECT count(*) FROM images",
            "SELECT count(*) FROM images i CROSS JOIN detections d ON d.detection_id = i.detection_id",
        ),
    ];
    // One moment for all, while others write.
    let _snapshot = conn.unchecked_transaction()?;
    all.into_iter().map(|(what, kept, is)| Ok(Count { what, kept: one(kept)?, is: one(is)? })).collect()
}

/// A picture that a record names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The record.
    pub id: String,
    /// Below the images folder.
    pub path: String,
    pub bytes: i64,
}

/// Every picture that a record names.
pub fn pictures(conn: &Connection, mut each: impl FnMut(Named)) -> Result<(), StoreError> {
    let mut statement = conn.prepare("SELECT detection_id, path, bytes FROM images")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(Named { id: row.get(0)?, path: row.get(1)?, bytes: row.get(2)? });
    }
    Ok(())
}

/// Writes the database as it is at this moment into a new file, whole and without waste, while others go on writing; marked
/// as a copy.
pub fn copy_to(conn: &Connection, file: &Path) -> Result<(), StoreError> {
    conn.execute("VACUUM INTO ?1", [file.to_string_lossy()])?;
    Connection::open(file)?.execute("UPDATE meta SET is_copy = 1", [])?;
    Ok(())
}

/// The store's id and its last commit.
pub fn identity(conn: &Connection) -> Result<(String, i64), StoreError> {
    Ok(conn.query_row("SELECT store_id, checkpoint FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)))?)
}
