//! The outbox file's form. A migration is never changed once released; a new form is a new migration.

use super::{OutboxError, header};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::Path;
use std::time::Duration;
use uuid::Uuid;

/// For another process (`lpr-agent outbox …`) to end its transaction.
const BUSY: Duration = Duration::from_secs(2);

/// "lprO" in the file's header: this file is an outbox of ours.
pub(super) const APPLICATION_ID: i64 = 0x6c70_724f;

/// From nothing to version 1, from 1 to 2, …
const MIGRATIONS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// Opens or makes the file, sets what every connection needs, and brings it to the newest form.
pub(super) fn open(path: &Path, now_us: i64) -> Result<Connection, OutboxError> {
    let fault = |source| OutboxError::Open { path: path.to_owned(), source };
    check_header(path)?;
    let mut connection = Connection::open(path).map_err(fault)?;
    refuse_strangers(&connection, path)?;
    tune(&connection).map_err(fault)?;
    migrate(&mut connection, path, now_us)?;
    Ok(connection)
}

/// [`open_to_read`] of a file that must be there.
pub(super) fn open_existing(path: &Path) -> Result<Connection, OutboxError> {
    match path.try_exists() {
        Ok(true) => open_to_read(path),
        Ok(false) => Err(OutboxError::Missing { path: path.to_owned() }),
        Err(source) => Err(OutboxError::Hidden { path: path.to_owned(), source }),
    }
}

/// Opens a file beside the agent that owns it; changes nothing.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, OutboxError> {
    let fault = |source| OutboxError::Open { path: path.to_owned(), source };
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(fault)?;
    connection.busy_timeout(BUSY).map_err(fault)?;
    connection.pragma_update(None, "cache_size", -CACHE_KB).map_err(fault)?;
    Ok(connection)
}

fn check_header(path: &Path) -> Result<(), OutboxError> {
    match header::damage(path, MIGRATIONS.len() as i64) {
        Some(what) => Err(OutboxError::Damaged { path: path.to_owned(), what }),
        None => Ok(()),
    }
}

/// Refuses a file that is not of the newest form; for those who must not migrate it.
pub(super) fn check_newest(connection: &Connection, path: &Path) -> Result<(), OutboxError> {
    refuse_strangers(connection, path)?;
    let fault = |source| OutboxError::Open { path: path.to_owned(), source };
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault)?;
    let known = MIGRATIONS.len() as i64;
    match found {
        _ if !is_version(found) => Err(OutboxError::Damaged { path: path.to_owned(), what: "its version" }),
        _ if found == known => Ok(()),
        _ if found > known => Err(OutboxError::Newer { path: path.to_owned(), found, known }),
        _ => Err(OutboxError::Older { path: path.to_owned(), found }),
    }
}

/// Bytes of a page. Small, since a commit writes whole pages: at 4096 a body of 2 kB takes one for itself and every commit
/// rewrites as much for each index. Counts for new files only.
const PAGE_BYTES: i64 = 1024;
/// Pages of log after which it is written back: large, so that a page changed often is written back once.
pub(super) const LOG_PAGES: i64 = 8192;

/// Of pages in memory. Set, or the file's header would say.
const CACHE_KB: i64 = 2000;

/// More than this room has, so that none is compiled twice.
const STATEMENTS: usize = 64;

fn tune(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KB)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", 2 * LOG_PAGES * PAGE_BYTES)
}

fn refuse_strangers(connection: &Connection, path: &Path) -> Result<(), OutboxError> {
    let fault = |source| OutboxError::Open { path: path.to_owned(), source };
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(fault);
    let found = number("PRAGMA application_id")?;
    let empty = number("SELECT count(*) FROM sqlite_schema")? == 0;
    if found == APPLICATION_ID || (found == 0 && empty) {
        return Ok(());
    }
    // Our tables under a wrong id: the header is damaged, and no stranger's file.
    if number("SELECT count(*) FROM sqlite_schema WHERE name IN ('outbox', 'event')")? == 2 {
        return Err(OutboxError::Damaged { path: path.to_owned(), what: "its header" });
    }
    Err(OutboxError::Foreign { path: path.to_owned(), found })
}

/// One that there may be some day; all others are damage.
fn is_version(version: i64) -> bool {
    (0..=MIGRATIONS.len() as i64 + header::VERSIONS_AHEAD).contains(&version)
}

fn migrate(connection: &mut Connection, path: &Path, now_us: i64) -> Result<(), OutboxError> {
    let fault = |source| OutboxError::Open { path: path.to_owned(), source };
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(fault)?;
    let known = MIGRATIONS.len() as i64;
    let done = match usize::try_from(version) {
        Ok(done) if done == MIGRATIONS.len() => return Ok(()),
        Ok(0)
            if connection
                .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))
                .map_err(fault)?
                > 0 =>
        {
            return Err(OutboxError::Damaged { path: path.to_owned(), what: "its version" });
        }
        Ok(done) if done <= MIGRATIONS.len() => done,
        _ if !is_version(version) => return Err(OutboxError::Damaged { path: path.to_owned(), what: "its version" }),
        _ => return Err(OutboxError::Newer { path: path.to_owned(), found: version, known }),
    };
    // One transaction for all: after a power cut the file has its old form or its new one.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    for sql in &MIGRATIONS[done..] {
        transaction.execute_batch(sql).map_err(fault)?;
    }
    if done == 0 {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(fault)?;
        transaction
            .execute("INSERT INTO outbox (epoch, created_us) VALUES (?1, ?2)", (Uuid::new_v4().to_string(), now_us))
            .map_err(fault)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(fault)?;
    transaction.commit().map_err(fault)
}
