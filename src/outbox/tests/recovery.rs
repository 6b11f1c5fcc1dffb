//! Files that went bad: the agent starts all the same, keeps what reads, and says what does not.

use super::*;
use crate::media::EvidenceStore;
use std::os::unix::fs::FileExt;

const EVENTS: usize = 200;

/// A closed outbox with [`EVENTS`] plates.
fn filled(dir: &Path) -> (Uuid, Vec<Uuid>) {
    let outbox = open(dir).unwrap();
    let handle = outbox.handle();
    let ids = submit(&handle, EVENTS);
    let epoch = handle.epoch();
    outbox.close().unwrap();
    (epoch, ids)
}

fn submit(handle: &OutboxHandle, count: usize) -> Vec<Uuid> {
    let rows: Vec<NewRow> = (0..count).map(|_| row(EventKind::Plate)).collect();
    let ids = rows.iter().map(|row| row.event_id).collect();
    std::thread::scope(|scope| {
        for part in rows.chunks(count.div_ceil(16)) {
            scope.spawn(move || part.iter().for_each(|row| handle.submit_blocking(row.clone()).unwrap()));
        }
    });
    ids
}

fn lost(handle: &OutboxHandle) -> u64 {
    gaps(handle).iter().filter(|gap| gap.1 == "corrupt").map(|gap| gap.2).sum()
}

fn alarms(handle: &OutboxHandle) -> usize {
    next(handle, 10_000, &[]).iter().filter(|row| row.body.get("status") == Some(&json!("error"))).count()
}

fn plates(handle: &OutboxHandle) -> Vec<Row> {
    next(handle, 10_000, &[]).into_iter().filter(|row| row.kind == EventKind::Plate).collect()
}

/// Opens a damaged outbox: every event is there or counted, a fresh one passes, the next start is quiet.
fn recovers(dir: &Path, epoch: Uuid, ids: &[Uuid], what: &str) -> usize {
    let outbox = open(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    let handle = outbox.handle();
    let rows = plates(&handle);
    assert_eq!(rows.len() as u64 + lost(&handle), ids.len() as u64, "{what}: each is kept or counted");
    assert!(rows.iter().all(|row| ids.contains(&row.event_id)), "{what}");
    assert!(rows.iter().all(|row| row.epoch == epoch), "{what}: rows keep their own epoch and number");
    if rows.len() < ids.len() || handle.epoch() != epoch {
        assert_ne!(handle.epoch(), epoch, "{what}: numbers are never given twice");
        assert_eq!(alarms(&handle), 1, "{what}");
    }
    handle.submit_blocking(row(EventKind::Plate)).unwrap();
    let (kept, lost) = (rows.len(), lost(&handle));
    outbox.close().unwrap();
    let again = open(dir).unwrap();
    assert_eq!((plates(&again.handle()).len(), self::lost(&again.handle())), (kept + 1, lost), "{what}: not again");
    kept
}

fn damaged(change: impl Fn(&Path), what: &str) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, ids) = filled(dir.path());
    change(&dir.path().join("outbox.db"));
    let kept = recovers(dir.path(), epoch, &ids, what);
    let aside = std::fs::read_dir(dir.path()).unwrap().flatten();
    let aside = aside.filter(|file| file.file_name().to_string_lossy().contains("corrupt")).count();
    assert!(aside > 0 || kept == ids.len() || what.contains("empty") || what.contains("gone"), "{what}: set aside");
    kept
}

fn flip(path: &Path, at: u64, length: usize) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
    file.write_all_at(&bytes, at).unwrap();
}

#[test]
fn a_damaged_header_costs_no_event() {
    assert_eq!(damaged(|path| flip(path, 0, 16), "magic"), EVENTS);
    assert_eq!(damaged(|path| flip(path, 16, 8), "page size"), EVENTS);
    assert_eq!(damaged(|path| flip(path, 68, 4), "application id"), EVENTS);
}

#[test]
fn a_damaged_page_costs_the_events_on_it_at_the_most() {
    for (page, what) in [(20, "page 20"), (40, "page 40"), (60, "page 60"), (1, "page 1")] {
        let kept = damaged(|path| flip(path, page * 1024, 1024), what);
        assert!(kept >= EVENTS / 2 || page < 20, "{what}: {kept} kept");
    }
}

#[test]
fn an_outbox_that_is_no_more_than_noise_is_replaced_and_its_events_counted() {
    assert_eq!(damaged(|path| std::fs::write(path, vec![7u8; 40_960]).unwrap(), "noise"), 0);
    assert_eq!(damaged(|path| std::fs::write(path, b"short").unwrap(), "short noise"), 0);
}

#[test]
fn an_empty_or_missing_outbox_is_a_loss_that_is_counted() {
    assert_eq!(damaged(|path| std::fs::write(path, b"").unwrap(), "empty"), 0);
    assert_eq!(damaged(|path| std::fs::remove_file(path).unwrap(), "gone"), 0);
}

#[test]
fn a_truncated_outbox_keeps_what_is_left() {
    let cut = |share: u64| {
        move |path: &Path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            let length = file.metadata().unwrap().len();
            file.set_len(length * share / 4).unwrap();
        }
    };
    for share in 1..=3 {
        damaged(cut(share), "truncated");
    }
}

#[test]
fn without_a_note_the_pictures_tell_how_many_are_lost_at_least() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let evidence = EvidenceStore::open(dir.path()).unwrap();
    for _ in 0..3 {
        let plate = row(EventKind::Plate);
        let refs = evidence.save(plate.event_id, plate.at, Some(b"jpeg"), &[]).unwrap();
        outbox.handle().submit_blocking(NewRow { evidence: refs, ..plate }).unwrap();
    }
    outbox.close().unwrap();
    std::fs::write(dir.path().join("outbox.db"), vec![7u8; 8192]).unwrap();
    std::fs::remove_file(dir.path().join("outbox.seq")).unwrap();
    let outbox = open(dir.path()).unwrap();
    assert_eq!(number(dir.path(), "SELECT sum(count) FROM evicted WHERE reason = 'corrupt'"), 3);
    outbox.handle().submit_blocking(row(EventKind::Plate)).unwrap();
}

#[test]
fn where_outbox_and_note_are_gone_the_pictures_tell_too() {
    let dir = tempfile::tempdir().unwrap();
    let evidence = EvidenceStore::open(dir.path()).unwrap();
    for _ in 0..3 {
        let plate = row(EventKind::Plate);
        evidence.save(plate.event_id, plate.at, Some(b"jpeg"), &[Some(b"crop".to_vec())]).unwrap();
    }
    open(dir.path()).unwrap().close().unwrap();
    assert_eq!(number(dir.path(), "SELECT sum(count) FROM evicted WHERE reason = 'corrupt'"), 3);
}

#[test]
fn a_damaged_log_loses_nothing_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let epoch = outbox.handle().epoch();
    let ids = submit(&outbox.handle(), EVENTS);
    let copy = tempfile::tempdir().unwrap();
    for name in ["outbox.db", "outbox.db-wal", "outbox.seq"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let log = copy.path().join("outbox.db-wal");
    let half = std::fs::metadata(&log).unwrap().len() / 2;
    flip(&log, half, 64);
    let kept = recovers(copy.path(), epoch, &ids, "log");
    assert!(kept < EVENTS, "SQLite drops what follows without a word: {kept}");
}

#[test]
fn a_log_lost_from_its_first_frame_on_leaves_an_outbox_without_a_table_and_that_is_a_loss_that_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    let (epoch, ids) = (handle.epoch(), submit(&handle, 40));
    let copy = tempfile::tempdir().unwrap();
    for name in ["outbox.db", "outbox.db-wal", "outbox.seq"] {
        std::fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    outbox.close().unwrap();
    assert!(
        std::fs::metadata(copy.path().join("outbox.db")).unwrap().len() > 0,
        "the case is a file that is not empty"
    );
    flip(&copy.path().join("outbox.db-wal"), 40, 32);
    assert_eq!(recovers(copy.path(), epoch, &ids, "the log's first frame"), 0);
}

#[test]
fn damage_found_while_running_is_repaired_without_a_restart_and_old_row_numbers_mean_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ids) = filled(dir.path());
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    let before = next(&handle, 5, &[]);
    handle.found_damage("by the test".into()).unwrap();
    settle(&handle, before.iter().map(|row| row.id), None);
    let rows = plates(&handle);
    assert_eq!(rows.len(), ids.len(), "none settled by a number of the old file");
    handle.submit_blocking(row(EventKind::Plate)).unwrap();
    assert_eq!(handle.counts().pending_plates, ids.len() as u64 + 1);
}

#[test]
fn the_background_check_finds_and_repairs_a_page_that_nobody_has_read() {
    let dir = tempfile::tempdir().unwrap();
    let (epoch, ids) = filled(dir.path());
    flip(&dir.path().join("outbox.db"), 60 * 1024, 1024);
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    assert_eq!(handle.epoch(), epoch);
    handle.check_in_background(EvidenceStore::open(dir.path()).unwrap()).unwrap().join().unwrap();
    assert_ne!(handle.epoch(), epoch);
    assert_eq!(plates(&handle).len() as u64 + lost(&handle), ids.len() as u64);
}

#[test]
fn a_crash_between_the_steps_of_a_rebuild_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let (_, ids) = filled(dir.path());
    // As it is when the new file is whole and nothing has been renamed: the damaged one and its log are still there.
    let rebuilt = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("outbox.db"), rebuilt.path().join("outbox.db")).unwrap();
    std::fs::copy(dir.path().join("outbox.db"), dir.path().join("outbox.db.new")).unwrap();
    std::fs::write(dir.path().join("outbox.db"), vec![7u8; 4096]).unwrap();
    std::fs::write(dir.path().join("outbox.db-wal"), b"a log of the old file").unwrap();
    let outbox = open(dir.path()).unwrap();
    assert_eq!(plates(&outbox.handle()).len(), ids.len());
    assert!(dir.path().join("outbox.db.corrupt-000001").exists());
    assert!(dir.path().join("outbox.db.corrupt-000001-wal").exists());
}

#[test]
fn no_more_than_three_damaged_files_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..5 {
        open(dir.path()).unwrap().close().unwrap();
        std::fs::write(dir.path().join("outbox.db"), vec![7u8; 4096]).unwrap();
    }
    open(dir.path()).unwrap();
    let sets = std::fs::read_dir(dir.path()).unwrap().flatten().filter_map(|file| file.file_name().into_string().ok());
    let mut sets: Vec<String> =
        sets.filter(|name| name.contains("corrupt") && name.matches('-').count() == 1).collect();
    sets.sort();
    assert_eq!(sets, ["outbox.db.corrupt-000003", "outbox.db.corrupt-000004", "outbox.db.corrupt-000005"]);
}

#[test]
fn whichever_byte_of_the_header_is_flipped_events_are_kept_or_counted_and_new_ones_are_taken() {
    let whole = tempfile::tempdir().unwrap();
    let (epoch, ids) = filled(whole.path());
    for at in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        for name in ["outbox.db", "outbox.seq"] {
            std::fs::copy(whole.path().join(name), dir.path().join(name)).unwrap();
        }
        flip(&dir.path().join("outbox.db"), at, 1);
        if at == 63 {
            // Cannot be told from a version to come.
            assert!(matches!(open(dir.path()).unwrap_err(), OutboxError::Newer { found: 253, .. }));
            continue;
        }
        let kept = recovers(dir.path(), epoch, &ids, &format!("byte {at}"));
        assert_eq!(kept, EVENTS, "byte {at}: the header holds no event");
        let check: String = Connection::open(dir.path().join("outbox.db"))
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok", "byte {at}");
    }
}

#[test]
fn a_rebuild_keeps_what_was_counted_and_what_is_known_of_clocks() {
    let dir = tempfile::tempdir().unwrap();
    let config = OutboxConfig { keep_delivered_h: 0.0, ..OutboxConfig::default() };
    let outbox = Outbox::open(dir.path(), &config, clock()).unwrap();
    let handle = outbox.handle();
    let at = CaptureTime { wall_us: 5_000_000, mono_ms: 1, synced: false };
    (0..5).for_each(|_| handle.submit_blocking(NewRow { at, ..row(EventKind::Plate) }).unwrap());
    block_on(handle.server_seen("store-a".into(), Some(1))).unwrap();
    let ids: Vec<RowId> = next(&handle, 9, &[]).iter().map(|row| row.id).collect();
    settle(&handle, ids, Some(3));
    eventually("none kept", || handle.counts().kept == 0);
    outbox.close().unwrap();
    let file = Connection::open(dir.path().join("outbox.db")).unwrap();
    file.execute_batch(
        "INSERT INTO evicted VALUES ('plate', 'size', 7); INSERT INTO boot (boot_id, base_us, unsynced_base_us) VALUES ('an old one', 77, 66)",
    )
    .unwrap();
    drop(file);

    flip(&dir.path().join("outbox.db"), 18, 1);
    let outbox = open(dir.path()).unwrap();
    assert_eq!(number(dir.path(), "SELECT count FROM evicted WHERE reason = 'size'"), 7);
    assert_eq!(number(dir.path(), "SELECT base_us FROM boot WHERE boot_id = 'an old one'"), 77);
    assert_eq!(number(dir.path(), "SELECT unsynced_base_us FROM boot WHERE boot_id = 'an old one'"), 66);
    let lost = block_on(outbox.handle().server_seen("store-b".into(), Some(1))).unwrap();
    assert_eq!(lost, Reconciled { again: 0, gone: 5 }, "delivered and no longer kept: known still");
}
