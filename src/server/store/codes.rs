//! One-time codes with which a device fetches its token.

use super::access::{AuditRow, TokenFile, TokenRow};
use super::{Connection, StoreError};
use crate::domain::{CameraId, CameraKey, CheckpointId};
use rusqlite::{OptionalExtension, Result, TransactionBehavior, params};

/// A code as it is kept: never the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeRow {
    pub hash: Vec<u8>,
    /// Of the token that it will become.
    pub name: String,
    pub cameras: Vec<CameraKey>,
    pub created_us: i64,
    pub expires_us: i64,
}

/// What a token is made of before it is known whose it is.
#[derive(Debug, Clone)]
pub struct Unnamed {
    pub token_id: String,
    pub hash: Vec<u8>,
}

impl TokenFile {
    /// Keeps the code and says so in the trail, together; those that have ended go.
    pub fn add_code(&mut self, code: &CodeRow, trail: &AuditRow) -> std::result::Result<(), StoreError> {
        let tx = self.connection().transaction_with_behavior(TransactionBehavior::Immediate)?;
        forget_ended(&tx, code.created_us)?;
        tx.execute(
            "INSERT INTO token_codes (hash, name, created_us, expires_us) VALUES (?1, ?2, ?3, ?4)",
            params![code.hash, code.name, code.created_us, code.expires_us],
        )?;
        for camera in &code.cameras {
            tx.execute(
                "INSERT OR IGNORE INTO token_code_cameras (hash, checkpoint_id, camera_id) VALUES (?1, ?2, ?3)",
                params![code.hash, camera.checkpoint.as_str(), camera.camera.as_str()],
            )?;
        }
        trail.insert(&tx)?;
        Ok(tx.commit()?)
    }

    /// The token in exchange for the code, in one commit: two who show the same code cannot both have one. `None`: there is
    /// no such code any more. `trail` gets the token's id and cameras as its `what`.
    pub fn redeem(
        &mut self,
        code_hash: &[u8],
        fresh: Unnamed,
        trail: AuditRow,
    ) -> std::result::Result<Option<TokenRow>, StoreError> {
        let now_us = trail.at_us;
        let tx = self.connection().transaction_with_behavior(TransactionBehavior::Immediate)?;
        forget_ended(&tx, now_us)?;
        let name: Option<String> =
            tx.query_row("SELECT name FROM token_codes WHERE hash = ?1", [code_hash], |row| row.get(0)).optional()?;
        let Some(name) = name else {
            tx.commit()?;
            return Ok(None);
        };
        let token = TokenRow {
            token_id: fresh.token_id,
            hash: fresh.hash,
            role: "device".into(),
            name,
            cameras: cameras(&tx, code_hash)?,
            created_us: now_us,
            revoked_us: None,
        };
        tx.execute("DELETE FROM token_code_cameras WHERE hash = ?1", [code_hash])?;
        tx.execute("DELETE FROM token_codes WHERE hash = ?1", [code_hash])?;
        token.insert(&tx)?;
        let cameras: Vec<String> = token.cameras.iter().map(CameraKey::to_string).collect();
        let what = format!("{} device \"{}\" {}", token.token_id, token.name, cameras.join(" "));
        AuditRow { who: token.name.clone(), what, ..trail }.insert(&tx)?;
        tx.commit()?;
        Ok(Some(token))
    }
}

fn forget_ended(conn: &Connection, now_us: i64) -> Result<()> {
    conn.execute(
        "DELETE FROM token_code_cameras WHERE hash IN (SELECT hash FROM token_codes WHERE expires_us <= ?1)",
        [now_us],
    )?;
    conn.execute("DELETE FROM token_codes WHERE expires_us <= ?1", [now_us]).map(drop)
}

fn cameras(conn: &Connection, code_hash: &[u8]) -> Result<Vec<CameraKey>> {
    let mut query = conn.prepare(
        "SELECT checkpoint_id, camera_id FROM token_code_cameras WHERE hash = ?1 ORDER BY checkpoint_id, camera_id",
    )?;
    let pairs = query.query_map([code_hash], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    // Only ids that were checked are written.
    let key = |(checkpoint, camera): (String, String)| {
        Some(CameraKey { camera: CameraId::new(&camera).ok()?, checkpoint: CheckpointId::new(&checkpoint).ok()? })
    };
    Ok(pairs.into_iter().filter_map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(at_us: i64) -> AuditRow {
        AuditRow { at_us, who: "-".into(), action: "token fetched".into(), what: String::new(), address: "-".into() }
    }

    fn fresh(id: &str) -> Unnamed {
        Unnamed { token_id: id.into(), hash: vec![7; 32] }
    }

    #[test]
    fn a_code_becomes_one_token_with_its_cameras_and_is_over_at_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = TokenFile::open(&dir.path().join("lpr-server.db"), true).unwrap();
        let camera = CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("p").unwrap() };
        let code = |hash: u8, expires_us| CodeRow {
            hash: vec![hash; 32],
            name: "gate".into(),
            cameras: vec![camera.clone()],
            created_us: 1,
            expires_us,
        };
        file.add_code(&code(1, 100), &trail(1)).unwrap();
        file.add_code(&code(2, 50), &trail(1)).unwrap();
        assert_eq!(file.redeem(&[9; 32], fresh("none"), trail(10)).unwrap(), None);
        let token = file.redeem(&[1; 32], fresh("t1"), trail(99)).unwrap().unwrap();
        assert_eq!((token.name.as_str(), token.cameras.as_slice()), ("gate", &[camera.clone()][..]));
        assert_eq!(file.redeem(&[1; 32], fresh("t2"), trail(99)).unwrap(), None, "a second time");
        assert_eq!(file.redeem(&[2; 32], fresh("t3"), trail(50)).unwrap(), None, "it has ended");
        assert_eq!(file.list().unwrap(), [token]);
    }
}
