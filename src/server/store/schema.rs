//! The database's shape, and how an older one becomes it.

use super::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// "LPRS": tells our database from any other SQLite file.
const APPLICATION_ID: i64 = 0x4c50_5253;

/// One entry a version; `user_version` counts how many have been applied. Never edit one that has shipped.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE meta (
    store_id TEXT NOT NULL,
    -- Rises with every commit: an agent sees from it that a backup was restored.
    checkpoint INTEGER NOT NULL
) STRICT;

CREATE TABLE cameras (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    registered_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    detection_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (camera_id, checkpoint_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE detections (
    seq INTEGER PRIMARY KEY,
    detection_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    captured_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX detections_by_camera ON detections (camera_id, checkpoint_id, seq);
CREATE INDEX detections_by_checkpoint ON detections (checkpoint_id, seq);
CREATE INDEX detections_by_time ON detections (captured_us);

CREATE TABLE images (
    detection_id TEXT NOT NULL REFERENCES detections (detection_id),
    -- frame, original, data, crop-0, crop-1, …
    name TEXT NOT NULL,
    -- Below the images folder.
    path TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (detection_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE health (
    seq INTEGER PRIMARY KEY,
    health_id TEXT NOT NULL UNIQUE,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX health_by_time ON health (at_us);

-- The last word of each component.
CREATE TABLE component_health (
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    component TEXT NOT NULL,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    PRIMARY KEY (camera_id, checkpoint_id, component)
) STRICT, WITHOUT ROWID;

-- What was accepted, and what was answered: kept longer than the records themselves.
CREATE TABLE receipts (
    kind TEXT NOT NULL,
    camera_id TEXT NOT NULL,
    checkpoint_id TEXT NOT NULL,
    event_key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    -- The detection_id or health_id of the first answer.
    record_id TEXT NOT NULL,
    received_us INTEGER NOT NULL,
    PRIMARY KEY (kind, camera_id, checkpoint_id, event_key)
) STRICT, WITHOUT ROWID;
"];

/// Makes sure that the file is ours and up to date; a fresh one gets `store_id`.
pub fn prepare(conn: &mut Connection, path: &Path, store_id: &str) -> Result<(), StoreError> {
    let application_id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID && (application_id != 0 || tables > 0) {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    let version: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = version as usize;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Newer { path: path.to_owned(), version, known: MIGRATIONS.len() });
    }
    let tx = conn.transaction()?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    for migration in MIGRATIONS.iter().skip(version) {
        tx.execute_batch(migration)?;
    }
    tx.pragma_update(None, "user_version", MIGRATIONS.len() as u32)?;
    if version == 0 {
        tx.execute("INSERT INTO meta (store_id, checkpoint) VALUES (?1, 0)", [store_id])?;
    }
    tx.commit()?;
    Ok(())
}
