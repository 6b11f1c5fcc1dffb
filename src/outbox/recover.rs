//! Opening the outbox whatever state its file is in: a damaged one is set aside, what reads is carried into a new one with
//! a new epoch, and what is missing is said. Never refuses to start over damage, never loops.
//!
//! The switch is made in steps that can be resumed: the new file is built as `outbox.db.salvage`, becomes `outbox.db.new`
//! when it is whole, and from then on only renames are left. The old log goes first: a log beside a file that is not its
//! own would be played into it.

use super::OutboxError;
use super::disk::Disk;
use super::report::{Gap, Range, report};
use super::salvage::{self, Salvaged};
use super::schema;
use super::sidecar::{Note, Sidecar};
use super::store::Store;
use super::tally::Lane;
use crate::domain::{BootId, CameraId, CameraKey, CaptureTime, CheckpointId};
use crate::media::EvidenceStore;
use crate::wire::outgoing::report_body;
use rusqlite::{ErrorCode, ffi};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Damaged files kept for a person to look at.
const SETS_KEPT: usize = 3;

/// Opens the outbox of a data directory, rebuilt where it must be.
pub(super) fn open(dir: &Path, boot: &BootId, now: CaptureTime, disk: &Disk) -> Result<Store, OutboxError> {
    let sidecar = Sidecar::at(dir);
    let path = dir.join("outbox.db");
    finish_switch(dir).map_err(|source| OutboxError::Directory { dir: dir.to_owned(), source })?;
    let note = sidecar.read();
    let opened = match Store::open(&path, boot.clone(), now.wall_us) {
        Err(error) if error.is_full_on(disk) && disk.release() => {
            tracing::warn!("the disk is full; the reserve is given free to open the outbox");
            Store::open(&path, boot.clone(), now.wall_us)
        }
        opened => opened,
    };
    match opened {
        Ok(mut store) => {
            let mut reported = report_missing(&mut store, dir, note.as_ref(), now);
            if reported.as_ref().is_err_and(|error| error.is_full_on(disk)) && disk.release() {
                reported = report_missing(&mut store, dir, note.as_ref(), now);
            }
            if let Err(error) = reported {
                // The agent starts all the same.
                tracing::error!(%error, "a loss of events cannot be written down");
            }
            Ok(store)
        }
        Err(error) if error.is_damage() => {
            let why = error.to_string();
            rebuild(dir, boot, now, &why, 0).or_else(|error| {
                if !error.is_full_on(disk) {
                    return Err(error);
                }
                tracing::warn!(%error, "no room to rebuild the outbox; the reserve and older damaged files are given up");
                disk.release();
                sets(dir).iter().for_each(|(_, path)| remove_set(path));
                rebuild(dir, boot, now, &why, 0)
            })
        }
        Err(error) => Err(error),
    }
}

/// Replaces a damaged file by a new one with what can be read of it. Its rows get numbers above `last_id`: who still holds
/// one of the old file's must not settle another row by it.
pub(super) fn rebuild(
    dir: &Path,
    boot: &BootId,
    now: CaptureTime,
    why: &str,
    last_id: i64,
) -> Result<Store, OutboxError> {
    let note = Sidecar::at(dir).read();
    tracing::error!(reason = why, dir = %dir.display(), "the outbox is damaged; what can be read is carried into a new one");
    let fault = |source| OutboxError::Directory { dir: dir.to_owned(), source };
    let building = dir.join("outbox.db.salvage");
    remove_set(&building);
    let mut store = Store::open(&building, boot.clone(), now.wall_us)?;
    store.transact(|store| {
        store.head.last_id = last_id;
        Ok(())
    })?;
    let salvaged = salvage::carry_over(&dir.join("outbox.db"), &mut store)?;
    store.transact(|store| report_rebuilt(store, dir, note.as_ref(), &salvaged, why, now))?;
    let (kept, counts) = (salvaged.rows, store.counts());
    store.checkpoint()?;
    drop(store);
    remove_log(&building);
    fs::rename(&building, dir.join("outbox.db.new")).and_then(|()| sync(dir)).map_err(fault)?;
    finish_switch(dir).map_err(fault)?;
    tracing::warn!(kept, waiting = counts.pending, quarantined = counts.quarantined, "the outbox is rebuilt");
    Store::open(&dir.join("outbox.db"), boot.clone(), now.wall_us)
}

/// The last steps of a rebuild, whether it has just been made or a crash came between.
fn finish_switch(dir: &Path) -> std::io::Result<()> {
    let new = dir.join("outbox.db.new");
    if !new.exists() {
        return Ok(());
    }
    let old = dir.join("outbox.db");
    let aside = free_name(dir);
    for (from, to) in
        [(suffixed(&old, "-wal"), suffixed(&aside, "-wal")), (suffixed(&old, "-shm"), suffixed(&aside, "-shm"))]
    {
        if from.exists() {
            fs::rename(&from, &to)?;
        }
    }
    sync(dir)?;
    if old.exists() {
        fs::rename(&old, &aside)?;
    }
    fs::rename(&new, &old)?;
    sync(dir)?;
    drop_old_sets(dir);
    Ok(())
}

/// `outbox.db.corrupt-N`, N one more than the highest there is: sorts by age whatever the clock says.
fn free_name(dir: &Path) -> PathBuf {
    let last = sets(dir).last().map_or(0, |(number, _)| *number);
    dir.join(format!("outbox.db.corrupt-{:06}", last + 1))
}

/// Damaged files set aside, the oldest first.
fn sets(dir: &Path) -> Vec<(u64, PathBuf)> {
    let number = |path: &Path| {
        path.file_name()?.to_str()?.strip_prefix("outbox.db.corrupt-")?.split('-').next()?.parse::<u64>().ok()
    };
    let mut found: Vec<_> = (fs::read_dir(dir).into_iter().flatten().flatten())
        .filter_map(|entry| {
            Some((number(&entry.path())?, dir.join(format!("outbox.db.corrupt-{:06}", number(&entry.path())?))))
        })
        .collect();
    found.sort();
    found.dedup();
    found
}

fn drop_old_sets(dir: &Path) {
    let found = sets(dir);
    for (_, path) in found.iter().take(found.len().saturating_sub(SETS_KEPT)) {
        remove_set(path);
    }
}

fn remove_set(path: &Path) {
    let _ = fs::remove_file(path);
    remove_log(path);
    let _ = fs::remove_file(suffixed(path, "-header"));
}

fn remove_log(path: &Path) {
    let _ = fs::remove_file(suffixed(path, "-wal"));
    let _ = fs::remove_file(suffixed(path, "-shm"));
}

pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn sync(dir: &Path) -> std::io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

fn report_missing(store: &mut Store, dir: &Path, note: Option<&Note>, now: CaptureTime) -> Result<(), OutboxError> {
    // Not the file's length tells: one whose log is lost from its first frame on has a first page and no table.
    let fresh = store.head.last_seq == 0 && store.head.last_id == 0;
    match note {
        Some(note) => report_lost(store, note, fresh, now),
        // Neither file nor note: pictures of events that nobody knows tell that there were some.
        None if fresh => match strangers(dir, store) {
            0 => Ok(()),
            count => {
                tracing::error!(count, "the outbox is gone; there are pictures of events that it must have had");
                let gap = Gap { kind: "event".into(), reason: "corrupt", range: None, count };
                store.transact(|store| store.report_gap(&gap, now))
            }
        },
        None => Ok(()),
    }
}

/// A file that opens but lacks what the note knows: its log was damaged (SQLite drops what does not check, silently), or
/// the file was emptied or removed.
fn report_lost(store: &mut Store, note: &Note, fresh: bool, now: CaptureTime) -> Result<(), OutboxError> {
    let behind = note.epoch == store.epoch() && note.last_seq > store.head.last_seq;
    let vanished = fresh && note.epoch != store.epoch() && note.waiting > 0;
    if !behind && !vanished {
        return Ok(());
    }
    let from_seq = if behind { store.head.last_seq + 1 } else { 1 };
    // Of the numbers that are missing, those delivered before are no loss.
    let missing = if behind { (note.last_seq - store.head.last_seq).unsigned_abs() } else { u64::MAX };
    let count = missing.min(note.waiting);
    tracing::error!(count, epoch = %note.epoch, "the outbox has lost events: its file or its log is damaged or gone");
    let range = Some(Range { epoch: note.epoch.to_string(), from_seq, to_seq: note.last_seq });
    let gap = Gap { kind: "event".into(), reason: "corrupt", range, count };
    store.transact(|store| {
        adopt_reporter(store, Some(note))?;
        // The lost numbers must not be given again.
        store.new_epoch()?;
        alarm(
            store,
            now,
            format!("the outbox has lost {count} event(s): its file was damaged or gone"),
            json!({"lost": count}),
        )?;
        store.report_gap(&gap, now)
    })
}

fn report_rebuilt(
    store: &mut Store,
    dir: &Path,
    note: Option<&Note>,
    salvaged: &Salvaged,
    why: &str,
    now: CaptureTime,
) -> Result<(), OutboxError> {
    adopt_reporter(store, note)?;
    let kept = store.counts();
    let kept_waiting = kept.pending + kept.quarantined;
    // The note is at least as new as the head of a damaged file, but it may be another file's.
    let note = note.filter(|note| salvaged.epoch.is_none_or(|epoch| epoch == note.epoch));
    let expected = note.map(|note| note.waiting).max(salvaged.expected).unwrap_or_else(|| strangers(dir, store));
    let lost = expected.saturating_sub(kept_waiting);
    let message =
        format!("the outbox file was damaged and has been rebuilt: {} event(s) kept, {lost} lost", salvaged.rows);
    alarm(store, now, message, json!({"kept": salvaged.rows, "lost": lost, "cause": why}))?;
    if lost == 0 {
        return Ok(());
    }
    let epoch = note.map(|note| note.epoch).or(salvaged.epoch);
    let last_seq = note.map(|note| note.last_seq).max(salvaged.last_seq);
    let range = epoch.zip(last_seq).map(|(epoch, last_seq)| {
        let (from_seq, to_seq) = salvaged.holes(epoch, last_seq);
        Range { epoch: epoch.to_string(), from_seq, to_seq }
    });
    store.report_gap(&Gap { kind: "event".into(), reason: "corrupt", range, count: lost }, now)
}

/// Events that have pictures but no row: the least that has been lost where nothing else tells.
fn strangers(dir: &Path, store: &Store) -> u64 {
    let known = |id: &Uuid| store.has_any(*id).unwrap_or(true);
    let kept = store.counts().pending + store.counts().quarantined;
    kept + EvidenceStore::at(dir).events().filter(|id| !known(id)).count() as u64
}

fn adopt_reporter(store: &mut Store, note: Option<&Note>) -> Result<(), OutboxError> {
    let Some((camera, checkpoint)) = note.and_then(|note| note.reporter.as_ref()) else { return Ok(()) };
    if let (None, Ok(camera), Ok(checkpoint)) =
        (store.head.reporter, CameraId::new(camera), CheckpointId::new(checkpoint))
    {
        store.head.reporter = Some(store.camera_ref(&CameraKey { camera, checkpoint })?);
    }
    Ok(())
}

fn alarm(store: &mut Store, now: CaptureTime, message: String, details: serde_json::Value) -> Result<(), OutboxError> {
    // Without a camera there has never been an event to lose.
    let Some(camera) = store.reporter()? else { return Ok(()) };
    let row = report(camera, now, report_body("outbox", "error", message, details));
    store.insert(&row, Lane::Report, 0, None).map(drop)
}

impl OutboxError {
    pub(super) fn code(&self) -> Option<ErrorCode> {
        self.sqlite().map(|error| error.code)
    }

    fn sqlite(&self) -> Option<ffi::Error> {
        match self {
            OutboxError::Open { source, .. } => source.sqlite_error().copied(),
            OutboxError::Sql { code, .. } => *code,
            _ => None,
        }
    }

    /// The file's content is damaged, as opposed to out of reach.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            OutboxError::Damaged { .. } => true,
            OutboxError::Sql { doing, code: None, .. } => *doing == "read its epoch",
            // A table or row that must be there is not.
            OutboxError::Open { source: rusqlite::Error::QueryReturnedNoRows, .. } => true,
            _ => matches!(
                self.code(),
                Some(
                    ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch | ErrorCode::Unknown
                )
            ),
        }
    }

    /// Found damaged while at work.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
    }

    /// There is no room.
    pub(super) fn is_full(&self) -> bool {
        self.code() == Some(ErrorCode::DiskFull)
    }

    /// SQLite calls it full only where it writes rows; a log that cannot be made or mapped is a failure like any other. On
    /// a disk with room it is one.
    pub(super) fn is_full_on(&self, disk: &Disk) -> bool {
        let failed = matches!(self.code(), Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen));
        self.is_full() || (failed && disk.is_low())
    }

    /// The disk does not give back what was written to it: no matter of room.
    pub(super) fn is_unread(&self) -> bool {
        let codes = [ffi::SQLITE_IOERR_READ, ffi::SQLITE_IOERR_SHORT_READ, ffi::SQLITE_IOERR_CORRUPTFS];
        self.sqlite().is_some_and(|error| codes.contains(&error.extended_code))
    }
}

/// Whether the file at rest is whole, table by table; for a thread of its own with a connection of its own.
///
/// # Errors
/// What is wrong with it.
pub(super) fn verify(path: &Path, go_on: impl Fn() -> bool) -> Result<(), String> {
    let connection = schema::open_to_read(path).map_err(|error| error.to_string())?;
    for check in
        ["PRAGMA integrity_check('event')", "PRAGMA integrity_check('outbox')", "PRAGMA quick_check('payload')"]
    {
        if !go_on() {
            return Ok(());
        }
        let found: Result<String, _> = connection.query_row(check, [], |row| row.get(0));
        match found {
            Ok(text) if text == "ok" => {}
            Ok(text) => return Err(text.lines().next().unwrap_or_default().to_owned()),
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt)) => {
                return Err(error.to_string());
            }
            // Busy, out of memory, out of reach: says nothing about the file.
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}
