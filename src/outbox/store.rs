//! The open file: its transactions, and the head that each commit writes with its rows. The agent's SQL lives in this
//! room only; `keep`, `read`, `settle`, `clock` and `gone` hold the rest of it.

use super::report::OpenGap;
use super::sidecar::Note;
use super::tally::{Lane, Sum, Tally};
use super::{Counts, OutboxError, RowId, schema};
use crate::domain::{BootId, CameraKey};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;
use std::path::Path;
use uuid::Uuid;

/// What the file knows of itself; in memory ahead of the file by one transaction at the most.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Head {
    pub(super) epoch: Uuid,
    pub(super) last_seq: i64,
    pub(super) last_id: i64,
    pub(super) delivered: u64,
    pub(super) duplicates: u64,
    /// Camera in whose name the outbox reports: the last one that an event came from.
    pub(super) reporter: Option<i64>,
    pub(super) server_store: Option<String>,
    pub(super) server_checkpoint: Option<i64>,
    pub(super) tally: Tally,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) connection: Connection,
    boot: BootId,
    pub(super) head: Head,
    /// As the file has it.
    saved: Head,
    data_version: i64,
    pub(super) refs: Refs,
    /// The earliest that the wall clock, being trusted, put the start of this boot.
    pub(super) lowest_base: Option<i64>,
}

/// Numbers of what rows share, learnt as they are needed.
#[derive(Debug, Default)]
pub(super) struct Refs {
    cameras: HashMap<CameraKey, i64>,
    epochs: HashMap<Uuid, i64>,
    boots: HashMap<BootId, i64>,
    /// Wall time at the start of this boot's monotonic clock, as last noted from a row of before the clock was set.
    pub(super) noted_base: Option<i64>,
    pub(super) open_gaps: Vec<OpenGap>,
    /// Waiting plates up to this row have no pictures to give up.
    pub(super) stripped: i64,
    pub(super) passed: Passed,
    /// Of each lane, the row up to which ages have been looked at in this round.
    pub(super) aged: HashMap<Lane, RowId>,
    reporter: Option<(i64, CameraKey)>,
}

/// Up to which row everything that waits in a lane belongs to cameras that are held: it is not looked at again and again.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) held: Vec<i64>,
    pub(super) up_to: HashMap<Lane, i64>,
}

impl Store {
    pub(super) fn open(path: &Path, boot: BootId, now_us: i64) -> Result<Self, OutboxError> {
        let connection = schema::open(path, now_us)?;
        let head = read_head(&connection)?;
        let data_version = data_version(&connection)?;
        Ok(Self { connection, boot, saved: head.clone(), head, data_version, refs: Refs::default(), lowest_base: None })
    }

    /// Closes the file, so that it can be moved. Nothing but [`Store::boot`] and the head is of use afterwards.
    pub(super) fn let_go(&mut self) {
        self.refs = Refs::default();
        if let Ok(nothing) = Connection::open_in_memory() {
            self.connection = nothing;
        }
    }

    pub(super) fn epoch(&self) -> Uuid {
        self.head.epoch
    }

    pub(super) fn boot(&self) -> &BootId {
        &self.boot
    }

    pub(super) fn counts(&self) -> Counts {
        self.head.tally.counts(self.head.delivered, self.head.duplicates)
    }

    /// Lets the file grow by so many bytes at the most: SQLite then refuses in good order, while the disk still has room.
    pub(super) fn limit_growth(&self, bytes: u64) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("limit its size");
        let number = |sql: &str| self.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(&fault);
        let page = number("PRAGMA page_size")?.max(512);
        let pages = number("PRAGMA page_count")?.saturating_add(signed(bytes) / page).min(i64::from(u32::MAX) - 1);
        self.connection.pragma_update(None, "max_page_count", pages).map_err(&fault)
    }

    /// Writes the log back after so many bytes at the latest, where that is less than usual.
    pub(super) fn limit_log(&self, bytes: u64) -> Result<(), OutboxError> {
        let fault = OutboxError::sql("limit its log");
        let page: i64 = self.connection.query_row("PRAGMA page_size", [], |row| row.get(0)).map_err(&fault)?;
        let pages = (signed(bytes) / page.max(512)).clamp(64, schema::LOG_PAGES);
        self.connection.pragma_update(None, "wal_autocheckpoint", pages).map_err(&fault)
    }

    /// Writes the log back, so that it begins anew. As far as that can be done.
    pub(super) fn restart_log(&self) {
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(()));
    }

    /// For the sidecar.
    pub(super) fn note(&mut self) -> Note {
        let counts = self.counts();
        if self.refs.reporter.as_ref().map(|known| known.0) != self.head.reporter {
            self.refs.reporter = self.head.reporter.zip(self.reporter().ok().flatten());
        }
        let names = |key: &CameraKey| (key.camera.as_str().to_owned(), key.checkpoint.as_str().to_owned());
        Note {
            epoch: self.head.epoch,
            last_seq: self.head.last_seq,
            waiting: counts.pending + counts.quarantined,
            reporter: self.refs.reporter.as_ref().map(|known| names(&known.1)),
        }
    }

    pub(super) fn begin(&mut self) -> Result<(), OutboxError> {
        self.connection.execute_batch("BEGIN IMMEDIATE").map_err(OutboxError::sql("begin a commit"))?;
        if let Err(error) = self.refresh() {
            self.undo();
            return Err(error);
        }
        Ok(())
    }

    /// Takes in what another process (`lpr-agent outbox …`) has committed. `true`: something.
    pub(super) fn refresh(&mut self) -> Result<bool, OutboxError> {
        let now = data_version(&self.connection)?;
        if now == self.data_version {
            return Ok(false);
        }
        self.head = read_head(&self.connection)?;
        self.saved = self.head.clone();
        self.data_version = now;
        self.refs.passed = Passed::default();
        Ok(true)
    }

    /// Durable when it returns `Ok`; undone when it returns an error.
    pub(super) fn commit(&mut self) -> Result<(), OutboxError> {
        let written = self
            .write_head()
            .and_then(|()| self.connection.execute_batch("COMMIT").map_err(OutboxError::sql("commit")));
        match written {
            Ok(()) => self.saved = self.head.clone(),
            Err(_) => self.undo(),
        }
        written
    }

    /// Ends a transaction without a trace.
    pub(super) fn undo(&mut self) {
        // SQLite may have rolled back already; then this fails and says nothing new.
        let _ = self.connection.execute_batch("ROLLBACK");
        self.head = self.saved.clone();
        // They may name rows that are gone again.
        self.refs = Refs::default();
    }

    /// A transaction of its own around `act`.
    pub(super) fn transact<T>(
        &mut self,
        act: impl FnOnce(&mut Store) -> Result<T, OutboxError>,
    ) -> Result<T, OutboxError> {
        self.begin()?;
        match act(self) {
            Ok(value) => self.commit().map(|()| value),
            Err(error) => {
                self.undo();
                Err(error)
            }
        }
    }

    fn write_head(&self) -> Result<(), OutboxError> {
        if self.head == self.saved {
            return Ok(());
        }
        let fault = OutboxError::sql("write its sums");
        let head = &self.head;
        self.connection
            .prepare_cached(
                "UPDATE outbox SET last_seq = ?1, last_id = ?2, delivered = ?3, duplicates = ?4, reporter = ?5,
                                   server_store = ?6, server_checkpoint = ?7",
            )
            .and_then(|mut update| {
                update.execute(rusqlite::params![
                    head.last_seq,
                    head.last_id,
                    signed(head.delivered),
                    signed(head.duplicates),
                    head.reporter,
                    head.server_store,
                    head.server_checkpoint,
                ])
            })
            .map_err(&fault)?;
        for lane in Lane::ALL {
            let sum = head.tally.of(lane);
            if sum != self.saved.tally.of(lane) {
                self.connection
                    .prepare_cached("UPDATE tally SET rows = ?2, bytes = ?3, evidence_bytes = ?4 WHERE lane = ?1")
                    .and_then(|mut update| {
                        update.execute((lane.number(), signed(sum.rows), signed(sum.bytes), signed(sum.evidence)))
                    })
                    .map_err(&fault)?;
            }
        }
        Ok(())
    }

    pub(super) fn camera_ref(&mut self, camera: &CameraKey) -> Result<i64, OutboxError> {
        if let Some(known) = self.refs.cameras.get(camera) {
            return Ok(*known);
        }
        let names = (camera.camera.as_str(), camera.checkpoint.as_str());
        let id = self.shared(
            "INSERT OR IGNORE INTO camera (camera, checkpoint) VALUES (?1, ?2)",
            "SELECT id FROM camera WHERE camera = ?1 AND checkpoint = ?2",
            names,
        )?;
        self.refs.cameras.insert(camera.clone(), id);
        Ok(id)
    }

    pub(super) fn epoch_ref(&mut self, epoch: Uuid) -> Result<i64, OutboxError> {
        if let Some(known) = self.refs.epochs.get(&epoch) {
            return Ok(*known);
        }
        let id = self.shared(
            "INSERT OR IGNORE INTO epoch (epoch) VALUES (?1)",
            "SELECT id FROM epoch WHERE epoch = ?1",
            [epoch.to_string()],
        )?;
        self.refs.epochs.insert(epoch, id);
        Ok(id)
    }

    pub(super) fn boot_ref(&mut self, boot: &BootId) -> Result<i64, OutboxError> {
        if let Some(known) = self.refs.boots.get(boot) {
            return Ok(*known);
        }
        let id = self.shared(
            "INSERT OR IGNORE INTO boot (boot_id) VALUES (?1)",
            "SELECT id FROM boot WHERE boot_id = ?1",
            [&boot.0],
        )?;
        self.refs.boots.insert(boot.clone(), id);
        Ok(id)
    }

    fn shared(&self, insert: &str, select: &str, names: impl rusqlite::Params + Clone) -> Result<i64, OutboxError> {
        let fault = OutboxError::sql("note what rows share");
        let mut select = self.connection.prepare_cached(select).map_err(&fault)?;
        if let Some(id) = select.query_row(names.clone(), |row| row.get(0)).optional().map_err(&fault)? {
            return Ok(id);
        }
        self.connection.prepare_cached(insert).and_then(|mut insert| insert.execute(names.clone())).map_err(&fault)?;
        select.query_row(names, |row| row.get(0)).map_err(&fault)
    }

    /// Moves the log into the file, so that the next start has nothing to recover.
    pub(super) fn checkpoint(&self) -> Result<(), OutboxError> {
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(OutboxError::sql("write its log back"))
    }
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn data_version(connection: &Connection) -> Result<i64, OutboxError> {
    connection
        .prepare_cached("PRAGMA data_version")
        .and_then(|mut query| query.query_row([], |row| row.get(0)))
        .map_err(OutboxError::sql("look for changes"))
}

/// Of a file of the newest form.
pub(super) fn read_head(connection: &Connection) -> Result<Head, OutboxError> {
    let fault = OutboxError::sql("read its sums");
    let (epoch, mut head) = connection
        .query_row(
            "SELECT epoch, last_seq, last_id, delivered, duplicates, reporter, server_store, server_checkpoint FROM outbox",
            [],
            |row| {
                let head = Head {
                    epoch: Uuid::nil(),
                    last_seq: row.get(1)?,
                    last_id: row.get(2)?,
                    delivered: row.get::<_, i64>(3)?.unsigned_abs(),
                    duplicates: row.get::<_, i64>(4)?.unsigned_abs(),
                    reporter: row.get(5)?,
                    server_store: row.get(6)?,
                    server_checkpoint: row.get(7)?,
                    tally: Tally::default(),
                };
                Ok((row.get::<_, String>(0)?, head))
            },
        )
        .map_err(&fault)?;
    head.epoch = Uuid::parse_str(&epoch).map_err(|error| OutboxError::Sql {
        doing: "read its epoch",
        reason: error.to_string(),
        code: None,
    })?;
    let mut query = connection.prepare("SELECT lane, rows, bytes, evidence_bytes FROM tally").map_err(&fault)?;
    let mut lanes = query.query([]).map_err(&fault)?;
    while let Some(row) = lanes.next().map_err(&fault)? {
        let number = |index| row.get::<_, i64>(index).map(i64::unsigned_abs).map_err(&fault);
        if let Some(lane) = Lane::from_number(row.get(0).map_err(&fault)?) {
            head.tally.set(lane, Sum { rows: number(1)?, bytes: number(2)?, evidence: number(3)? });
        }
    }
    Ok(head)
}
