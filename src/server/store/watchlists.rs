//! Watchlists and their entries.

use crate::server::watch::entry::{Entry, Keys, Mode, Severity};
use crate::server::watch::matching::Wanted;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watchlist {
    pub watchlist_id: i64,
    pub name: String,
    pub severity: Severity,
    pub note: String,
    pub entries_count: i64,
}

/// What became of a wish to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// With its id.
    Done(i64),
    Missing,
    /// Another has that name, or is for that plate.
    Taken,
}

const LISTS: &str = "SELECT watchlist_id, name, severity, note,
    (SELECT count(*) FROM watch_entries e WHERE e.watchlist_id = w.watchlist_id) FROM watchlists w";

fn watchlist(row: &Row<'_>) -> Result<Watchlist> {
    Ok(Watchlist {
        watchlist_id: row.get(0)?,
        name: row.get(1)?,
        severity: severity(row.get(2)?),
        note: row.get(3)?,
        entries_count: row.get(4)?,
    })
}

/// We wrote it; if a disk fault made it another word the alert still comes.
fn severity(text: String) -> Severity {
    Severity::parse(&text).unwrap_or(Severity::Warning)
}

/// All lists by name.
pub fn watchlists(conn: &Connection) -> Result<Vec<Watchlist>> {
    conn.prepare_cached(&format!("{LISTS} ORDER BY name"))?.query_map([], watchlist)?.collect()
}

pub fn find_watchlist(conn: &Connection, id: i64) -> Result<Option<Watchlist>> {
    conn.prepare_cached(&format!("{LISTS} WHERE watchlist_id = ?1"))?.query_row([id], watchlist).optional()
}

/// Makes a list, or changes the one with `id`.
pub fn put_watchlist(
    conn: &Connection,
    id: Option<i64>,
    name: &str,
    severity: Severity,
    note: &str,
) -> Result<Written> {
    let other = conn
        .prepare_cached("SELECT 1 FROM watchlists WHERE name = ?1 AND watchlist_id IS NOT ?2")?
        .exists(params![name, id])?;
    if other {
        return Ok(Written::Taken);
    }
    let Some(id) = id else {
        conn.prepare_cached("INSERT INTO watchlists (name, severity, note) VALUES (?1, ?2, ?3)")?.execute(params![
            name,
            severity.as_str(),
            note
        ])?;
        return Ok(Written::Done(conn.last_insert_rowid()));
    };
    let changed = conn
        .prepare_cached("UPDATE watchlists SET name = ?2, severity = ?3, note = ?4 WHERE watchlist_id = ?1")?
        .execute(params![id, name, severity.as_str(), note])?;
    Ok(if changed == 0 { Written::Missing } else { Written::Done(id) })
}

/// With its entries. Its alerts stay.
pub fn delete_watchlist(conn: &Connection, id: i64) -> Result<bool> {
    conn.prepare_cached("DELETE FROM watch_entries WHERE watchlist_id = ?1")?.execute([id])?;
    Ok(conn.prepare_cached("DELETE FROM watchlists WHERE watchlist_id = ?1")?.execute([id])? > 0)
}

const ENTRY: &str = "plate, province, e.note, e.severity, valid_from_us, valid_to_us, match, entry_id";

fn entry(row: &Row<'_>) -> Result<Entry> {
    Ok(Entry {
        plate: row.get(0)?,
        province: row.get(1)?,
        note: row.get(2)?,
        severity: row.get::<_, Option<String>>(3)?.map(severity),
        valid_from_us: row.get(4)?,
        valid_to_us: row.get(5)?,
        // Rather an alert too few than one for every look-alike.
        mode: Mode::parse(&row.get::<_, String>(6)?).unwrap_or(Mode::Exact),
    })
}

/// `limit` entries of a list after the entry `after`, in the order in which they were made, with their ids; only those
/// whose plate key begins with `prefix`.
pub fn entries(
    conn: &Connection,
    watchlist_id: i64,
    prefix: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, Entry)>> {
    // Both bounds are texts of letters and digits: nothing sorts after the last character there is.
    conn.prepare_cached(&format!(
        "SELECT {ENTRY} FROM watch_entries e WHERE watchlist_id = ?1 AND entry_id > ?2
             AND (?3 = '' OR plate_key BETWEEN ?3 AND ?3 || char(1114111)) ORDER BY entry_id LIMIT ?4"
    ))?
    .query_map(params![watchlist_id, after, prefix, limit as i64], |row| Ok((row.get(7)?, entry(row)?)))?
    .collect()
}

pub fn find_entry(conn: &Connection, watchlist_id: i64, entry_id: i64) -> Result<Option<Entry>> {
    conn.prepare_cached(&format!("SELECT {ENTRY} FROM watch_entries e WHERE watchlist_id = ?1 AND entry_id = ?2"))?
        .query_row([watchlist_id, entry_id], entry)
        .optional()
}

/// Adds an entry to a list, or changes the one with `entry_id`.
pub fn put_entry(conn: &Connection, watchlist_id: i64, entry_id: Option<i64>, entry: &Entry) -> Result<Written> {
    if !exists(conn, watchlist_id)? {
        return Ok(Written::Missing);
    }
    let keys = entry.keys();
    let other = conn
        .prepare_cached(
            "SELECT 1 FROM watch_entries
             WHERE watchlist_id = ?1 AND plate_key = ?2 AND province_key = ?3 AND entry_id IS NOT ?4",
        )?
        .exists(params![watchlist_id, keys.plate, keys.province, entry_id])?;
    if other {
        return Ok(Written::Taken);
    }
    let Some(entry_id) = entry_id else {
        put(conn, watchlist_id, entry, &keys)?;
        return Ok(Written::Done(conn.last_insert_rowid()));
    };
    let changed = change(conn, watchlist_id, entry_id, entry, &keys)?;
    Ok(if changed == 0 { Written::Missing } else { Written::Done(entry_id) })
}

fn exists(conn: &Connection, watchlist_id: i64) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM watchlists WHERE watchlist_id = ?1")?.exists([watchlist_id])
}

/// What is written of an entry, and where [`written`] binds it.
const COLUMNS: &str =
    "plate, plate_key, confusion_key, province, province_key, note, severity, valid_from_us, valid_to_us, match";
const VALUES: &str = "?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12";

/// An entry for the same plate and province takes its place, and keeps its id.
fn put(conn: &Connection, watchlist_id: i64, entry: &Entry, keys: &Keys) -> Result<usize> {
    let sql = format!(
        "INSERT INTO watch_entries (watchlist_id, entry_id, {COLUMNS}) VALUES (?1, ?2, {VALUES})
         ON CONFLICT (watchlist_id, plate_key, province_key) DO UPDATE SET ({COLUMNS}) = ({VALUES})"
    );
    written(conn, &sql, watchlist_id, None, entry, keys)
}

fn change(conn: &Connection, watchlist_id: i64, entry_id: i64, entry: &Entry, keys: &Keys) -> Result<usize> {
    let sql = format!("UPDATE watch_entries SET ({COLUMNS}) = ({VALUES}) WHERE watchlist_id = ?1 AND entry_id = ?2");
    written(conn, &sql, watchlist_id, Some(entry_id), entry, keys)
}

fn written(
    conn: &Connection,
    sql: &str,
    watchlist_id: i64,
    entry_id: Option<i64>,
    entry: &Entry,
    keys: &Keys,
) -> Result<usize> {
    conn.prepare_cached(sql)?.execute(params![
        watchlist_id,
        entry_id,
        entry.plate,
        keys.plate,
        keys.confusion,
        entry.province,
        keys.province,
        entry.note,
        entry.severity.map(Severity::as_str),
        entry.valid_from_us,
        entry.valid_to_us,
        entry.mode.as_str(),
    ])
}

/// Adds entries to a list, each in the place of one for the same plate. `false`: there is no such list.
pub fn put_entries(conn: &Connection, watchlist_id: i64, entries: &[(Entry, Keys)]) -> Result<bool> {
    if !exists(conn, watchlist_id)? {
        return Ok(false);
    }
    for (entry, keys) in entries {
        put(conn, watchlist_id, entry, keys)?;
    }
    Ok(true)
}

/// Ids of the entries of a list that `is_wanted` by plate key and province key.
pub fn entry_ids(
    conn: &Connection,
    watchlist_id: i64,
    mut is_wanted: impl FnMut(&str, &str) -> bool,
) -> Result<Vec<i64>> {
    let mut select = conn.prepare_cached(
        "SELECT entry_id, plate_key, province_key FROM watch_entries WHERE watchlist_id = ?1 ORDER BY entry_id",
    )?;
    let mut rows = select.query([watchlist_id])?;
    let mut ids = Vec::new();
    while let Some(row) = rows.next()? {
        if is_wanted(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?) {
            ids.push(row.get(0)?);
        }
    }
    Ok(ids)
}

/// Removes those entries of a list.
pub fn delete_entries(conn: &Connection, watchlist_id: i64, ids: &[i64]) -> Result<()> {
    ids.iter().try_for_each(|entry_id| delete_entry(conn, watchlist_id, *entry_id).map(drop))
}

pub fn delete_entry(conn: &Connection, watchlist_id: i64, entry_id: i64) -> Result<bool> {
    let deleted = conn
        .prepare_cached("DELETE FROM watch_entries WHERE watchlist_id = ?1 AND entry_id = ?2")?
        .execute([watchlist_id, entry_id])?;
    Ok(deleted > 0)
}

/// Every entry that a plate of this confusion key may be, valid or not.
pub fn wanted(conn: &Connection, confusion_key: &str) -> Result<Vec<Wanted>> {
    conn.prepare_cached(&format!(
        "SELECT {ENTRY}, w.watchlist_id, w.name, w.severity, w.note
         FROM watch_entries e JOIN watchlists w USING (watchlist_id) WHERE confusion_key = ?1"
    ))?
    .query_map([confusion_key], |row| {
        let entry = entry(row)?;
        let of_list = severity(row.get(10)?);
        let note = if entry.note.is_empty() { row.get(11)? } else { entry.note.clone() };
        Ok(Wanted {
            entry_id: row.get(7)?,
            watchlist_id: row.get(8)?,
            watchlist: row.get(9)?,
            severity: entry.severity.unwrap_or(of_list),
            note,
            entry,
        })
    })?
    .collect()
}

/// How many entries are valid at `now_us`, and until when that is so.
pub fn valid_entries(conn: &Connection, now_us: i64) -> Result<(i64, i64)> {
    conn.prepare_cached(
        "SELECT (SELECT count(*) FROM watch_entries)
                - (SELECT count(*) FROM watch_entries WHERE valid_from_us > ?1)
                - (SELECT count(*) FROM watch_entries WHERE valid_to_us <= ?1),
            min(coalesce((SELECT min(valid_from_us) FROM watch_entries WHERE valid_from_us > ?1), 9223372036854775807),
                coalesce((SELECT min(valid_to_us) FROM watch_entries WHERE valid_to_us > ?1), 9223372036854775807))",
    )?
    .query_row([now_us], |row| Ok((row.get(0)?, row.get(1)?)))
}
