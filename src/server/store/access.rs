//! Tokens, sessions and the audit trail.

use super::{Connection, Store, StoreError, schema};
use crate::domain::{CameraId, CameraKey, CheckpointId};
use rusqlite::{OpenFlags, OptionalExtension, Result, TransactionBehavior, params};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A token as it is kept: never the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub token_id: String,
    pub hash: Vec<u8>,
    pub role: String,
    pub name: String,
    pub cameras: Vec<CameraKey>,
    pub created_us: i64,
    pub revoked_us: Option<i64>,
}

/// Someone who signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub session_id: String,
    pub hash: Vec<u8>,
    pub token_id: String,
    pub expires_us: i64,
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    pub at_us: i64,
    pub who: String,
    pub action: String,
    pub what: String,
    pub address: String,
}

/// Every token, revoked ones too, the oldest first.
pub fn tokens(conn: &Connection) -> Result<Vec<TokenRow>> {
    let mut cameras = conn.prepare_cached(
        "SELECT checkpoint_id, camera_id FROM token_cameras WHERE token_id = ?1 ORDER BY checkpoint_id, camera_id",
    )?;
    let mut rows: Vec<TokenRow> = conn
        .prepare_cached(
            "SELECT token_id, hash, role, name, created_us, revoked_us FROM tokens ORDER BY created_us, token_id",
        )?
        .query_map([], |row| {
            Ok(TokenRow {
                token_id: row.get(0)?,
                hash: row.get(1)?,
                role: row.get(2)?,
                name: row.get(3)?,
                cameras: Vec::new(),
                created_us: row.get(4)?,
                revoked_us: row.get(5)?,
            })
        })?
        .collect::<Result<_>>()?;
    for token in &mut rows {
        let pairs = cameras.query_map([&token.token_id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for pair in pairs {
            let (checkpoint, camera): (String, String) = pair?;
            // Only ids that were checked are written; what a damaged file has instead gives no right.
            if let (Ok(camera), Ok(checkpoint)) = (CameraId::new(&camera), CheckpointId::new(&checkpoint)) {
                token.cameras.push(CameraKey { camera, checkpoint });
            }
        }
    }
    Ok(rows)
}

impl TokenRow {
    pub(super) fn insert(&self, conn: &Connection) -> Result<()> {
        conn.execute(
            "INSERT INTO tokens (token_id, hash, role, name, created_us) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![self.token_id, self.hash, self.role, self.name, self.created_us],
        )?;
        for camera in &self.cameras {
            conn.execute(
                "INSERT OR IGNORE INTO token_cameras (token_id, checkpoint_id, camera_id) VALUES (?1, ?2, ?3)",
                params![self.token_id, camera.checkpoint.as_str(), camera.camera.as_str()],
            )?;
        }
        Ok(())
    }
}

impl SessionRow {
    /// Keeps it; of the same token's sessions only the `most` that last longest stay. Gives those that went.
    pub fn insert(&self, conn: &Connection, most: usize) -> Result<Vec<String>> {
        conn.execute(
            "INSERT INTO sessions (session_id, hash, token_id, expires_us) VALUES (?1, ?2, ?3, ?4)",
            params![self.session_id, self.hash, self.token_id, self.expires_us],
        )?;
        conn.prepare_cached(
            "DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE token_id = ?1
             ORDER BY expires_us DESC, session_id = ?3 DESC LIMIT -1 OFFSET ?2) RETURNING session_id",
        )?
        .query_map(params![self.token_id, most as i64, self.session_id], |row| row.get(0))?
        .collect()
    }
}

/// Sessions that have not ended by `now_us`.
fn sessions(conn: &Connection, now_us: i64) -> Result<Vec<SessionRow>> {
    conn.prepare_cached("SELECT session_id, hash, token_id, expires_us FROM sessions WHERE expires_us > ?1")?
        .query_map([now_us], |row| {
            Ok(SessionRow {
                session_id: row.get(0)?,
                hash: row.get(1)?,
                token_id: row.get(2)?,
                expires_us: row.get(3)?,
            })
        })?
        .collect()
}

pub fn end_session(conn: &Connection, session_id: &str) -> Result<()> {
    conn.execute("DELETE FROM sessions WHERE session_id = ?1", [session_id]).map(drop)
}

/// Removes sessions that have ended, and what the audit trail no longer keeps: what is older than `audit_from_us`, and
/// beyond the last `audit_rows`.
pub fn purge_access(conn: &Connection, now_us: i64, audit_from_us: i64, audit_rows: i64) -> Result<usize> {
    conn.execute("DELETE FROM sessions WHERE expires_us <= ?1", [now_us])?;
    let old = conn.execute("DELETE FROM audit WHERE at_us < ?1", [audit_from_us])?;
    let many = conn.execute("DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?1", [audit_rows])?;
    Ok(old + many)
}

impl AuditRow {
    pub fn insert(&self, conn: &Connection) -> Result<()> {
        conn.prepare_cached("INSERT INTO audit (at_us, who, action, what, address) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![self.at_us, self.who, self.action, self.what, self.address])
            .map(drop)
    }
}

/// The last `limit` lines before `before`, newest first, each with its number.
pub fn audit(conn: &Connection, before: i64, limit: usize) -> Result<Vec<(i64, AuditRow)>> {
    conn.prepare_cached(
        "SELECT seq, at_us, who, action, what, address FROM audit WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2",
    )?
    .query_map(params![before, limit as i64], |row| {
        let line = AuditRow {
            at_us: row.get(1)?,
            who: row.get(2)?,
            action: row.get(3)?,
            what: row.get(4)?,
            address: row.get(5)?,
        };
        Ok((row.get(0)?, line))
    })?
    .collect()
}

/// Sees tokens that another process changes.
pub struct TokenWatch {
    conn: Connection,
    version: Option<i64>,
}

impl Store {
    /// Writes what is no event, beside the writer: it must not raise the checkpoint, from which agents tell whether
    /// events were lost, nor wait in the events' queue. Not synced: a power cut may cost the last moments.
    pub async fn write_aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, StoreError> {
        let store = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut conn = Connection::open_with_flags(&store.path, flags)?;
            conn.busy_timeout(Duration::from_secs(10))?;
            // Folding the log in is the writer's work.
            conn.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA foreign_keys = ON")?;
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&tx)?;
            tx.commit()?;
            Ok(value)
        });
        written.await.map_err(|_| StoreError::Closed)?
    }

    pub fn token_watch(&self) -> std::result::Result<TokenWatch, StoreError> {
        Ok(TokenWatch { conn: self.reader()?, version: None })
    }
}

impl TokenWatch {
    /// Sessions that have not ended by `now_us`.
    pub fn sessions(&self, now_us: i64) -> Result<Vec<SessionRow>> {
        sessions(&self.conn, now_us)
    }

    /// Every token, if the database has changed since the last call. Asking costs no read of the disk.
    pub fn changed(&mut self) -> Result<Option<Vec<TokenRow>>> {
        let version: i64 = self.conn.query_row("PRAGMA data_version", [], |row| row.get(0))?;
        if self.version == Some(version) {
            return Ok(None);
        }
        let rows = tokens(&self.conn)?;
        self.version = Some(version);
        Ok(Some(rows))
    }
}

/// The tokens of a database, also while a server uses it.
pub struct TokenFile(Connection);

impl TokenFile {
    /// `alone`: no server uses it, so that it may be made or brought up to date.
    pub fn open(path: &Path, alone: bool) -> std::result::Result<Self, StoreError> {
        let open = || {
            let mut conn = Connection::open(path)?;
            conn.busy_timeout(Duration::from_secs(10))?;
            if alone {
                schema::prepare(&mut conn, path, &uuid::Uuid::new_v4().to_string())?;
            } else {
                schema::recognise(&conn, path)?;
            }
            Ok(Self(conn))
        };
        open().map_err(|error: StoreError| error.named(path))
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.0
    }

    pub fn list(&self) -> std::result::Result<Vec<TokenRow>, StoreError> {
        Ok(tokens(&self.0)?)
    }

    /// Keeps the token and says so in the trail, together.
    pub fn add(&mut self, token: &TokenRow, trail: &AuditRow) -> std::result::Result<(), StoreError> {
        let tx = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        token.insert(&tx)?;
        trail.insert(&tx)?;
        Ok(tx.commit()?)
    }

    /// `false`: there is no such token. A second time changes nothing.
    pub fn revoke(&mut self, token_id: &str, trail: &AuditRow) -> std::result::Result<bool, StoreError> {
        let tx = self.0.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let known: Option<Option<i64>> = tx
            .query_row("SELECT revoked_us FROM tokens WHERE token_id = ?1", [token_id], |row| row.get(0))
            .optional()?;
        if known == Some(None) {
            tx.execute("UPDATE tokens SET revoked_us = ?2 WHERE token_id = ?1", params![token_id, trail.at_us])?;
            tx.execute("DELETE FROM sessions WHERE token_id = ?1", [token_id])?;
            trail.insert(&tx)?;
        }
        tx.commit()?;
        Ok(known.is_some())
    }
}
