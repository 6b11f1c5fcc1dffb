//! What can still be read of a damaged outbox file, row by row.

use super::keep::Origin;
use super::read::{ROW, read_row};
use super::recover::suffixed;
use super::salvage_sums::carry_sums;
use super::store::{Store, read_head, signed};
use super::tally::Lane;
use super::{NewRow, OutboxError, Row, RowId, header};
use crate::media::EvidenceStore;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Rows carried over in one commit.
const GROUP: usize = 500;
/// For asking for rows one by one where no scan gets through.
const PATIENCE: Duration = Duration::from_secs(10);
/// Of a schema 1 file, in the order of [`ROW`].
const ROW_1: &str = "
    SELECT e.id, unhex(replace(e.event_id, '-', '')), e.revision, e.kind, e.camera, e.checkpoint, e.epoch, e.seq, e.boot_id,
           e.wall_us, e.mono_ms, e.clock_synced, NULL, e.body, e.evidence,
           CASE e.state WHEN 'quarantined' THEN 9 ELSE 0 END, e.reason, NULL, NULL
    FROM event e ";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Salvaged {
    /// Rows carried over.
    pub(super) rows: u64,
    /// The damaged file's own words, where they could be read.
    pub(super) epoch: Option<Uuid>,
    pub(super) last_seq: Option<i64>,
    /// Rows waiting or quarantined.
    pub(super) expected: Option<u64>,
    seqs: BTreeSet<(Uuid, i64)>,
}

impl Salvaged {
    /// First and last number of an epoch that are not among the rows carried over.
    pub(super) fn holes(&self, epoch: Uuid, last_seq: i64) -> (i64, i64) {
        let has = |seq: &i64| self.seqs.contains(&(epoch, *seq));
        let from = (1..=last_seq).find(|seq| !has(seq)).unwrap_or(1);
        let to = (from..=last_seq).rev().find(|seq| !has(seq)).unwrap_or(last_seq);
        (from, to)
    }
}

struct Found {
    row: Row,
    lane: Lane,
    reason: Option<String>,
    settled_us: Option<i64>,
    checkpoint: Option<i64>,
}

/// Carries every readable row of the file at `path` into `store`, with its own ids, epoch and number.
pub(super) fn carry_over(path: &Path, store: &mut Store) -> Result<Salvaged, OutboxError> {
    let mut salvaged = Salvaged::default();
    let Some((old, select)) = open_damaged(path) else { return Ok(salvaged) };
    if let Ok(head) = read_head(&old) {
        let waiting: u64 = Lane::PENDING.iter().chain([&Lane::Quarantined]).map(|lane| head.tally.of(*lane).rows).sum();
        salvaged.epoch = Some(head.epoch);
        salvaged.last_seq = Some(head.last_seq);
        salvaged.expected = Some(waiting);
        store.transact(|store| {
            store.head.delivered = head.delivered;
            store.head.duplicates = head.duplicates;
            store.head.server_store = head.server_store.clone();
            store.head.server_checkpoint = head.server_checkpoint;
            Ok(())
        })?;
    }
    carry_sums(&old, store)?;
    let mut group = Vec::with_capacity(GROUP);
    let evidence = path.parent().map(EvidenceStore::at);
    let mut keep = |found: Found, store: &mut Store, flush: bool| -> Result<(), OutboxError> {
        salvaged.rows += 1;
        salvaged.seqs.insert((found.row.epoch, signed(found.row.seq)));
        group.push(found);
        if flush || group.len() == GROUP { put(store, &mut group, evidence.as_ref()) } else { Ok(()) }
    };
    scan(&old, &select, |found| keep(found, store, false))?;
    put(store, &mut group, evidence.as_ref())?;
    Ok(salvaged)
}

/// From the front until it breaks, from the back until it breaks, and one by one between.
fn scan(
    old: &Connection,
    select: &str,
    mut keep: impl FnMut(Found) -> Result<(), OutboxError>,
) -> Result<(), OutboxError> {
    let mut first_bad = i64::MIN;
    let whole = sweep(old, &format!("{select} ORDER BY e.id"), i64::MIN, &mut |id, found| {
        first_bad = id;
        found.map_or(Ok(()), &mut keep)
    })?;
    if whole {
        return Ok(());
    }
    let mut last_bad = i64::MAX;
    sweep(old, &format!("{select} ORDER BY e.id DESC"), first_bad, &mut |id, found| {
        last_bad = id;
        found.map_or(Ok(()), &mut keep)
    })?;
    let highest: i64 = old.query_row("SELECT last_id FROM outbox", [], |row| row.get(0)).unwrap_or(i64::MAX);
    let deadline = Instant::now() + PATIENCE;
    let single = format!("{select} WHERE e.id = ?1");
    let from = first_bad.max(0).saturating_add(1);
    for id in from..last_bad.min(highest.saturating_add(1)) {
        if Instant::now() > deadline {
            break;
        }
        let found = old.prepare_cached(&single).and_then(|mut query| query.query_row([id], |row| Ok(found(row))));
        if let Ok(Some(found)) = found {
            keep(found)?;
        }
    }
    Ok(())
}

/// `true`: got through to the end, or to the row `until`.
fn sweep(
    old: &Connection,
    sql: &str,
    until: i64,
    each: &mut dyn FnMut(i64, Option<Found>) -> Result<(), OutboxError>,
) -> Result<bool, OutboxError> {
    let Ok(mut query) = old.prepare(sql) else { return Ok(false) };
    let Ok(mut rows) = query.query([]) else { return Ok(false) };
    loop {
        match rows.next() {
            Ok(None) => return Ok(true),
            Ok(Some(row)) => {
                let id: i64 = row.get(0).unwrap_or(until);
                if id == until {
                    return Ok(true);
                }
                each(id, found(row))?;
            }
            Err(_) => return Ok(false),
        }
    }
}

fn found(row: &rusqlite::Row<'_>) -> Option<Found> {
    let read = read_row(RowId(row.get(0).ok()?), row).ok()?;
    Some(Found {
        lane: match Lane::from_number(row.get(15).ok()?)? {
            Lane::Quarantined => Lane::Quarantined,
            Lane::Delivered => Lane::Delivered,
            Lane::Report => Lane::Report,
            _ => Lane::waiting(read.kind),
        },
        row: read,
        reason: row.get(16).ok()?,
        settled_us: row.get(17).ok()?,
        checkpoint: row.get(18).ok()?,
    })
}

fn put(store: &mut Store, group: &mut Vec<Found>, evidence: Option<&EvidenceStore>) -> Result<(), OutboxError> {
    store.transact(|store| {
        for found in group.drain(..) {
            let Row { event_id, revision, kind, camera, epoch, seq, boot, at, offset_us, body, evidence: refs, .. } =
                found.row;
            let bytes = evidence.map_or(0, |evidence| evidence.bytes(&refs));
            let row = NewRow { event_id, revision, kind, camera, at, body, evidence: refs };
            let origin = Origin { number: Some((epoch, signed(seq))), boot };
            if let Some(id) = store.insert(&row, found.lane, bytes, Some(&origin))? {
                let reason = (found.lane == Lane::Quarantined).then(|| found.reason.unwrap_or_default());
                store.restore(id, reason, found.settled_us, found.checkpoint)?;
                if let Some(offset) = offset_us {
                    store.restore_base(&origin.boot, at, offset)?;
                }
            }
        }
        Ok(())
    })
}

/// The file opened to read, and how to select its rows; its header is mended first where that is what is broken.
fn open_damaged(path: &Path) -> Option<(Connection, String)> {
    let newest = format!(
        "{} LEFT JOIN quarantine q ON q.id = e.id",
        ROW.trim_end().replacen("y.evidence", "y.evidence, e.lane, q.reason, e.settled_us, e.checkpoint", 1)
    );
    let own = page_bytes_of(path);
    let sound = header::damage(path, 0).is_none().then_some(None);
    for page_bytes in sound.into_iter().chain([own, Some(1024), Some(4096)]) {
        if let Some(bytes) = page_bytes {
            mend_header(path, bytes)?;
        }
        let Ok(connection) = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY) else { continue };
        // A damaged cell must cost that cell, not the scan.
        let _ = connection.pragma_update(None, "cell_size_check", true);
        for select in [newest.as_str(), ROW_1] {
            if connection.prepare(select).is_ok() {
                return Some((connection, select.to_owned()));
            }
        }
    }
    None
}

fn page_bytes_of(path: &Path) -> Option<u16> {
    let mut bytes = [0u8; header::BYTES];
    std::fs::File::open(path).ok()?.read_exact_at(&mut bytes, 0).ok()?;
    header::page_bytes(&bytes)
}

/// Puts a sound header over a damaged one, which is kept beside it. The file itself is about to be set aside.
fn mend_header(path: &Path, page_bytes: u16) -> Option<()> {
    let file = OpenOptions::new().read(true).write(true).open(path).ok()?;
    let mut header = [0u8; 100];
    file.read_exact_at(&mut header, 0).ok()?;
    let kept = suffixed(path, "-header");
    if !kept.exists() {
        std::fs::write(kept, header).ok()?;
    }
    let pages = u32::try_from(file.metadata().ok()?.len() / u64::from(page_bytes)).ok()?;
    let mut sound = [0u8; 100];
    sound[..16].copy_from_slice(b"SQLite format 3\0");
    sound[16..18].copy_from_slice(&page_bytes.to_be_bytes());
    // Log mode; no reserved bytes; the fixed fractions.
    sound[18..24].copy_from_slice(&[2, 2, 0, 64, 32, 32]);
    sound[24..28].copy_from_slice(&header[24..28]);
    sound[28..32].copy_from_slice(&pages.to_be_bytes());
    sound[40..44].copy_from_slice(&1u32.to_be_bytes());
    sound[44..48].copy_from_slice(&4u32.to_be_bytes());
    sound[56..60].copy_from_slice(&1u32.to_be_bytes());
    // So that the stated number of pages is believed.
    sound[92..96].copy_from_slice(&header[24..28]);
    file.write_all_at(&sound, 0).ok()
}
