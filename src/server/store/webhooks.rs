//! What the webhook is still to be told.

use crate::server::watch::alert::{Told, json};
use crate::wire::timestamp;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};
use serde_json::json;
use uuid::Uuid;

/// A delivery that waits, or was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub seq: i64,
    pub delivery_id: String,
    pub alert_id: String,
    /// What is sent, byte for byte.
    pub body: String,
    pub created_us: i64,
    pub due_us: i64,
    /// That failed.
    pub attempts: u32,
    pub last_error: String,
    pub given_up_us: Option<i64>,
}

const SELECT: &str =
    "SELECT seq, delivery_id, alert_id, body, created_us, due_us, attempts, last_error, given_up_us FROM webhook_queue";

fn delivery(row: &Row<'_>) -> Result<Delivery> {
    Ok(Delivery {
        seq: row.get(0)?,
        delivery_id: row.get(1)?,
        alert_id: row.get(2)?,
        body: row.get(3)?,
        created_us: row.get(4)?,
        due_us: row.get(5)?,
        attempts: row.get(6)?,
        last_error: row.get(7)?,
        given_up_us: row.get(8)?,
    })
}

/// Puts what happened in the queue, in the transaction in which it happens.
pub fn enqueue(conn: &Connection, told: &Told, now_us: i64) -> Result<()> {
    let Some(event) = told.webhook_event() else { return Ok(()) };
    let delivery_id = Uuid::new_v4().to_string();
    let body = json!({
        "event": event, "delivery_id": delivery_id, "created_at": timestamp::format(now_us),
        "alert": json(&told.alert),
    });
    conn.prepare_cached(
        "INSERT INTO webhook_queue (delivery_id, alert_id, body, created_us, due_us) VALUES (?1, ?2, ?3, ?4, ?4)",
    )?
    .execute(params![delivery_id, told.alert.alert_id, body.to_string(), now_us])?;
    Ok(())
}

/// The one that is due first, due or not.
pub fn next_delivery(conn: &Connection) -> Result<Option<Delivery>> {
    conn.prepare_cached(&format!("{SELECT} WHERE given_up_us IS NULL ORDER BY due_us, seq LIMIT 1"))?
        .query_row([], delivery)
        .optional()
}

/// The other side has it. Where it `recovered`, all that waits is due.
pub fn delivered(conn: &Connection, seq: i64, recovered: bool, now_us: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM webhook_queue WHERE seq = ?1")?.execute([seq])?;
    if recovered {
        wake_deliveries(conn, now_us)?;
    }
    Ok(())
}

/// All that waits is due.
pub fn wake_deliveries(conn: &Connection, now_us: i64) -> Result<()> {
    conn.prepare_cached("UPDATE webhook_queue SET due_us = min(due_us, ?1) WHERE given_up_us IS NULL")?
        .execute([now_us])?;
    Ok(())
}

/// An attempt failed: to be tried again at `due_us`, or never where that is `None`.
pub fn failed(conn: &Connection, seq: i64, reason: &str, now_us: i64, due_us: Option<i64>) -> Result<()> {
    conn.prepare_cached(
        "UPDATE webhook_queue SET attempts = attempts + 1, last_error = ?2, due_us = coalesce(?3, due_us),
             given_up_us = CASE WHEN ?3 IS NULL THEN ?4 END WHERE seq = ?1",
    )?
    .execute(params![seq, reason, due_us, now_us])?;
    Ok(())
}

/// Gives up all others that were made up to `made_us`. Gives how many.
pub fn give_up(conn: &Connection, other_than: i64, made_us: i64, reason: &str, now_us: i64) -> Result<usize> {
    conn.prepare_cached(
        "UPDATE webhook_queue SET given_up_us = ?4, last_error = ?3
         WHERE given_up_us IS NULL AND created_us <= ?2 AND seq <> ?1",
    )?
    .execute(params![other_than, made_us, reason, now_us])
}

/// Forgets what was given up before `before_us`.
pub fn forget_given_up(conn: &Connection, before_us: i64) -> Result<usize> {
    conn.prepare_cached("DELETE FROM webhook_queue WHERE given_up_us < ?1")?.execute([before_us])
}

/// How many wait, since when the oldest of them does, and how many were given up.
pub fn backlog(conn: &Connection) -> Result<(i64, Option<i64>, i64)> {
    conn.prepare_cached(
        "SELECT count(*) - count(given_up_us), min(created_us) FILTER (WHERE given_up_us IS NULL), count(given_up_us)
         FROM webhook_queue",
    )?
    .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
}

/// How many wait and how many were given up, and the last `limit` of either, latest first.
pub fn queue(conn: &Connection, limit: usize) -> Result<(i64, i64, Vec<Delivery>)> {
    let (waiting, _, given_up) = backlog(conn)?;
    let last = conn
        .prepare_cached(&format!("{SELECT} ORDER BY seq DESC LIMIT ?1"))?
        .query_map([limit as i64], delivery)?
        .collect::<Result<_>>()?;
    Ok((waiting, given_up, last))
}
