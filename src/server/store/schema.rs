//! The database's shape, and how an older one becomes it.

use super::StoreError;
use rusqlite::Connection;
use std::path::Path;

/// "LPRS": tells our database from any other SQLite file.
const APPLICATION_ID: i64 = 0x4c50_5253;

/// One entry a version; `user_version` counts how many have been applied. Never edit one that has shipped.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
];

/// FULL, in a log that is folded in at 32 MB: a page that many commits touch is written to its place once.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16000;";

/// Of a connection that only reads: the inner pages of the indexes that searches go through.
pub const READER: &str = "PRAGMA cache_size = -8000;";

/// Is the file ours, and of this program's version?
pub fn recognise(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    let application_id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    let version: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let (path, version, known) = (path.to_owned(), version as usize, MIGRATIONS.len());
    match version.cmp(&known) {
        std::cmp::Ordering::Less => Err(StoreError::Older { path, version, known }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::Newer { path, version, known }),
    }
}

/// Makes sure that the file is ours and up to date; a fresh one gets `store_id`, and a backup's too.
pub fn prepare(conn: &mut Connection, path: &Path, store_id: &str) -> Result<(), StoreError> {
    let application_id: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application_id != APPLICATION_ID && (application_id != 0 || tables > 0) {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if conn.is_readonly("main")? {
        return Err(StoreError::ReadOnly(path.to_owned()));
    }
    conn.execute_batch(SETTINGS)?;
    let version: u32 = conn.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let version = version as usize;
    if version > MIGRATIONS.len() {
        return Err(StoreError::Newer { path: path.to_owned(), version, known: MIGRATIONS.len() });
    }
    if version == MIGRATIONS.len() {
        // Nothing is written then: a server must start on a full disk too.
        return identify(conn, store_id);
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
    identify(conn, store_id)
}

/// Agents compare the store's id and its last commit with what they have seen. A backup that others have written to may have
/// come past an agent's number unseen; under another id it cannot.
fn identify(conn: &Connection, store_id: &str) -> Result<(), StoreError> {
    if conn.query_row("SELECT is_copy FROM meta", [], |row| row.get(0))? {
        conn.execute("UPDATE meta SET store_id = ?1, is_copy = 0", [store_id])?;
        tracing::info!(
            store_id,
            "this database is a backup's and has a new identity: agents send again what they still keep"
        );
    }
    Ok(())
}

/// Reads from every table, so that a file damaged in those places is refused at the start. Gives the store's id and its
/// last commit.
pub fn look(conn: &Connection) -> Result<(String, i64), StoreError> {
    for table in ["cameras", "component_health", "tally", "clocks", "gaps", "watchlists", "camera_problems", "usage"] {
        conn.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))?;
    }
    for table in ["detections", "health"] {
        conn.query_row(&format!("SELECT max(seq), max(rowid) FROM {table}"), [], |_| Ok(()))?;
    }
    let large = ["receipts", "images", "plates", "camera_hours", "watch_entries", "alerts", "webhook_queue"];
    for table in large.into_iter().chain(["tokens", "token_codes", "token_code_cameras", "sessions", "audit"]) {
        conn.query_row(&format!("SELECT count(*) FROM (SELECT * FROM {table} LIMIT 1)"), [], |_| Ok(()))?;
    }
    let meta = conn.query_row("SELECT store_id, checkpoint FROM meta", [], |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(meta?)
}
