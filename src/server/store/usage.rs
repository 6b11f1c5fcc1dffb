//! What is stored of each class, in records and bytes, and what retention took of it: counted with the commit.

use rusqlite::{Connection, OptionalExtension, Result, params};

/// What retention takes in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Detections without a text.
    NoText = 0,
    /// Detections with at least one.
    Read = 1,
    /// Detections that raised an alert.
    Alert = 2,
    /// Health reports, which are no detections.
    Health = 3,
    /// Keys of events whose records are gone.
    Key = 4,
}

impl Class {
    /// The classes of detections, what is least missed first.
    pub const DETECTIONS: [Class; 3] = [Class::NoText, Class::Read, Class::Alert];

    pub fn as_str(self) -> &'static str {
        match self {
            Class::NoText => "no_text",
            Class::Read => "reads",
            Class::Alert => "alerts",
            Class::Health => "health",
            Class::Key => "keys",
        }
    }

    /// As stored in `detections.class`.
    pub fn of(stored: i64) -> Self {
        match stored {
            0 => Class::NoText,
            2 => Class::Alert,
            3 => Class::Health,
            4 => Class::Key,
            _ => Class::Read,
        }
    }
}

/// Of one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    pub class: Class,
    pub records: i64,
    pub bytes: i64,
    pub removed_records: i64,
    pub removed_bytes: i64,
}

/// So many records and bytes more (or less).
pub fn add(conn: &Connection, class: Class, records: i64, bytes: i64) -> Result<()> {
    conn.prepare_cached("UPDATE usage SET records = records + ?2, bytes = bytes + ?3 WHERE class = ?1")?
        .execute(params![class as i64, records, bytes])?;
    Ok(())
}

/// Retention took these: they are no longer stored.
pub fn removed(conn: &Connection, class: Class, records: i64, bytes: i64) -> Result<()> {
    conn.prepare_cached(
        "UPDATE usage SET records = records - ?2, bytes = bytes - ?3, removed_records = removed_records + ?2,
             removed_bytes = removed_bytes + ?3 WHERE class = ?1",
    )?
    .execute(params![class as i64, records, bytes])?;
    Ok(())
}

/// These went that are not counted while they are stored.
pub fn forgotten(conn: &Connection, class: Class, records: i64) -> Result<()> {
    if records > 0 {
        conn.prepare_cached("UPDATE usage SET removed_records = removed_records + ?2 WHERE class = ?1")?
            .execute(params![class as i64, records])?;
    }
    Ok(())
}

/// Bytes of the database's file that are free for further rows.
pub fn free_inside(conn: &Connection) -> Result<i64> {
    let number = |pragma: &str| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    Ok(number("PRAGMA freelist_count")?.saturating_mul(number("PRAGMA page_size")?))
}

/// All classes. Health reports and keys are counted only as removed.
pub fn usage(conn: &Connection) -> Result<Vec<Usage>> {
    conn.prepare_cached("SELECT class, records, bytes, removed_records, removed_bytes FROM usage ORDER BY class")?
        .query_map([], |row| {
            Ok(Usage {
                class: Class::of(row.get(0)?),
                records: row.get(1)?,
                bytes: row.get(2)?,
                removed_records: row.get(3)?,
                removed_bytes: row.get(4)?,
            })
        })?
        .collect()
}

/// A record raised an alert: retention takes it last. To be called in the transaction that keeps the alert.
pub fn mark_alert(conn: &Connection, detection_id: &str) -> Result<()> {
    let before = conn
        .prepare_cached("SELECT class, bytes FROM detections WHERE detection_id = ?1")?
        .query_row([detection_id], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?)))
        .optional()?;
    let Some((Some(class), Some(bytes))) = before else { return Ok(()) };
    add(conn, Class::of(class), -1, -bytes)?;
    add(conn, Class::Alert, 1, bytes)?;
    conn.prepare_cached("UPDATE detections SET class = ?2 WHERE detection_id = ?1")?
        .execute(params![detection_id, Class::Alert as i64])?;
    Ok(())
}
