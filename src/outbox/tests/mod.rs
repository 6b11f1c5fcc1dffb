mod disk;
mod limits;
mod migration;
mod model;
mod power;
mod recovery;
mod server;

use super::*;
use crate::clock::{Clock, SimClock};
use crate::config::OutboxConfig;
use crate::domain::{CameraId, CameraKey, CaptureTime, CheckpointId, EventKind};
use crate::media::{EvidencePath, EvidenceRefs};
use rusqlite::Connection;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

fn clock() -> Arc<dyn Clock> {
    Arc::new(SimClock::new(CaptureTime { wall_us: 1_734_602_400_000_000, mono_ms: 77, synced: false }))
}

fn open(dir: &Path) -> Result<Outbox, OutboxError> {
    Outbox::open(dir, &OutboxConfig::default(), clock())
}

fn row(kind: EventKind) -> NewRow {
    let event_id = Uuid::now_v7();
    NewRow {
        event_id,
        revision: 0,
        kind,
        camera: CameraKey { camera: CameraId::new("cam").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() },
        at: CaptureTime { wall_us: 1_734_602_400_000_001, mono_ms: 42, synced: true },
        body: json!({"ocr_results": ["กข 1234"]}).as_object().unwrap().clone(),
        evidence: EvidenceRefs { frame: Some(EvidencePath::frame(event_id, 0)), plates: vec![None] },
    }
}

fn settle(handle: &OutboxHandle, ids: impl IntoIterator<Item = RowId>, checkpoint: Option<u64>) {
    let settled = ids.into_iter().map(|id| Settled { id, duplicate: false, checkpoint }).collect();
    block_on(handle.settle(settled)).unwrap();
}

/// Waits for the outbox thread's own work.
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < std::time::Duration::from_secs(30), "not in time: {what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// What a reader of the file counts, row by row.
fn number(dir: &Path, sql: &str) -> i64 {
    Connection::open(dir.join("outbox.db")).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Gap reports that wait: `(kind, reason, count)`.
fn gaps(handle: &OutboxHandle) -> Vec<(String, String, u64)> {
    let rows = next(handle, 10_000, &[]);
    let details = rows.iter().filter(|row| row.body.contains_key("component")).map(|row| &row.body["details"]);
    let mut gaps: Vec<_> = details
        .filter(|details| details.get("reason").is_some())
        .map(|details| {
            let text = |key: &str| details[key].as_str().unwrap().to_owned();
            (text("kind"), text("reason"), details["count"].as_u64().unwrap())
        })
        .collect();
    gaps.sort();
    gaps
}

/// Rows as the uplink sees them; `next` is async, the tests are threads.
fn next(handle: &OutboxHandle, limit: usize, skip: &[RowId]) -> Vec<Row> {
    block_on(handle.next(Want { limit, skip: skip.iter().copied().collect(), ..Want::default() })).unwrap()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn rows_survive_a_restart_unchanged_and_seq_goes_on_rising() {
    let dir = tempfile::tempdir().unwrap();
    let first = row(EventKind::Plate);
    let outbox = open(dir.path()).unwrap();
    let epoch = outbox.handle().epoch();
    outbox.handle().submit_blocking(first.clone()).unwrap();
    let delivered = row(EventKind::Plate);
    outbox.handle().submit_blocking(delivered.clone()).unwrap();
    let rows = next(&outbox.handle(), 9, &[]);
    let id = rows.iter().find(|r| r.event_id == delivered.event_id).unwrap().id;
    block_on(outbox.handle().settle(vec![Settled { id, duplicate: true, checkpoint: None }])).unwrap();
    outbox.close().unwrap();

    let outbox = open(dir.path()).unwrap();
    outbox.handle().submit_blocking(row(EventKind::Plate)).unwrap();
    let rows = next(&outbox.handle(), 9, &[]);
    assert_eq!(rows.len(), 2);
    let kept = &rows[0];
    assert_eq!((kept.event_id, kept.revision, kept.kind), (first.event_id, 0, first.kind));
    assert_eq!(
        (&kept.camera, kept.at, &kept.body, &kept.evidence),
        (&first.camera, first.at, &first.body, &first.evidence)
    );
    assert_eq!((kept.epoch, kept.seq, rows[1].seq), (epoch, 1, 3), "the number of a deleted row is never used again");
    assert_eq!(&kept.boot, outbox.handle().boot());
    let counts = outbox.handle().counts();
    assert_eq!((counts.pending, counts.pending_plates, counts.quarantined), (2, 2, 0));
    assert_eq!((counts.delivered, counts.duplicates, counts.kept), (1, 1, 1));
}

#[test]
fn a_submitted_row_is_on_the_disk_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    outbox.handle().submit_blocking(row(EventKind::Plate)).unwrap();
    // What a power cut would leave: file and log as they are now, without a clean close.
    let copy = tempfile::tempdir().unwrap();
    for name in ["outbox.db", "outbox.db-wal"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    assert_eq!(next(&open(copy.path()).unwrap().handle(), 9, &[]).len(), 1);
}

#[test]
fn the_same_event_again_is_kept_once() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let event = row(EventKind::Plate);
    outbox.handle().submit_blocking(event.clone()).unwrap();
    outbox.handle().submit_blocking(event.clone()).unwrap();
    outbox.handle().submit_blocking(NewRow { revision: 1, ..event }).unwrap();
    let seqs: Vec<_> = next(&outbox.handle(), 9, &[]).iter().map(|r| (r.revision, r.seq)).collect();
    assert_eq!(seqs, [(0, 1), (1, 2)]);
}

#[test]
fn plates_go_before_health_oldest_first_and_skipped_rows_wait() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let events = [row(EventKind::Health), row(EventKind::Plate), row(EventKind::Plate)];
    for event in &events {
        outbox.handle().submit_blocking(event.clone()).unwrap();
    }
    let rows = next(&outbox.handle(), 9, &[]);
    let order: Vec<Uuid> = rows.iter().map(|r| r.event_id).collect();
    assert_eq!(order, [events[1].event_id, events[2].event_id, events[0].event_id]);
    let rest = next(&outbox.handle(), 1, &[rows[0].id]);
    assert_eq!(rest[0].event_id, events[2].event_id);
}

#[test]
fn a_quarantined_row_stays_counted_and_is_not_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let event = row(EventKind::Plate);
    outbox.handle().submit_blocking(event.clone()).unwrap();
    let id = next(&outbox.handle(), 1, &[])[0].id;
    block_on(outbox.handle().quarantine(id, "400: bad box".into())).unwrap();
    assert_eq!(next(&outbox.handle(), 9, &[]), []);
    let counts = outbox.handle().counts();
    assert_eq!((counts.pending, counts.quarantined), (0, 1));
    let named: Vec<EvidencePath> = event.evidence.paths().cloned().collect();
    let stranger = EvidencePath::frame(Uuid::now_v7(), 0);
    let asked = named.into_iter().chain([stranger.clone()]).collect();
    assert_eq!(outbox.handle().orphans(asked).unwrap(), [stranger], "its own pictures are not orphans");
    assert_eq!(block_on(outbox.handle().requeue(vec![id])).unwrap(), 1);
    assert_eq!(next(&outbox.handle(), 9, &[])[0].event_id, event.event_id);
}

#[test]
fn a_row_that_cannot_be_read_is_set_aside_and_the_others_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    outbox.handle().submit_blocking(row(EventKind::Plate)).unwrap();
    outbox.handle().submit_blocking(row(EventKind::Plate)).unwrap();
    outbox.close().unwrap();
    let file = Connection::open(dir.path().join("outbox.db")).unwrap();
    file.execute("UPDATE payload SET body = '{' WHERE id = 1", []).unwrap();
    drop(file);

    let outbox = open(dir.path()).unwrap();
    assert_eq!(next(&outbox.handle(), 9, &[]).len(), 1);
    let counts = outbox.handle().counts();
    assert_eq!((counts.pending, counts.quarantined), (1, 1));
}

#[test]
fn many_submitters_share_commits_and_all_get_their_answer() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..40 {
            let handle = outbox.handle();
            scope.spawn(move || handle.submit_blocking(row(EventKind::Health)).unwrap());
        }
    });
    assert_eq!(outbox.handle().counts().pending, 40);
}

#[test]
fn a_second_agent_on_the_same_directory_is_told_who_holds_it() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(error, OutboxError::Locked { .. }));
    let text = error.to_string();
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    outbox.close().unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, b"").unwrap();
    let text = open(&blocked.join("data")).unwrap_err().to_string();
    assert!(text.contains("file/data") && text.contains("data_dir"), "{text}");
}

#[test]
fn a_file_of_version_0_is_migrated_and_strange_or_newer_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("outbox.db"), b"").unwrap();
    open(dir.path()).unwrap().close().unwrap();
    let file = Connection::open(dir.path().join("outbox.db")).unwrap();
    let number = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!((number("PRAGMA user_version"), number("PRAGMA application_id")), (2, schema::APPLICATION_ID));

    file.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(open(dir.path()).unwrap_err(), OutboxError::Newer { found: 99, known: 2, .. }));

    let other = tempfile::tempdir().unwrap();
    Connection::open(other.path().join("outbox.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(open(other.path()).unwrap_err(), OutboxError::Foreign { .. }));
}
