use super::*;
use std::time::Duration;

fn seen(handle: &OutboxHandle, store: &str, checkpoint: u64) -> Reconciled {
    block_on(handle.server_seen(store.into(), Some(checkpoint))).unwrap()
}

fn submit(handle: &OutboxHandle, count: usize) -> Vec<RowId> {
    (0..count).for_each(|_| handle.submit_blocking(row(EventKind::Plate)).unwrap());
    next(handle, count, &[]).iter().map(|row| row.id).collect()
}

#[test]
fn a_server_with_another_store_gets_again_what_is_kept_and_hears_of_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    // Room for a few delivered events only.
    let config = OutboxConfig { keep_delivered_mb: 0, ..OutboxConfig::default() };
    let outbox = Outbox::open(dir.path(), &config, clock()).unwrap();
    assert_eq!(seen(&outbox.handle(), "store-a", 1), Reconciled::default(), "the first one is only remembered");
    let ids = submit(&outbox.handle(), 5);
    settle(&outbox.handle(), ids, Some(4));
    eventually("no longer kept", || outbox.handle().counts().kept == 0);
    outbox.close().unwrap();

    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    let ids = submit(&handle, 3);
    settle(&handle, ids, Some(9));
    assert_eq!((handle.counts().pending, handle.counts().kept), (0, 3));
    assert_eq!(seen(&handle, "store-a", 9), Reconciled::default());
    assert_eq!(seen(&handle, "store-b", 1), Reconciled { again: 3, gone: 5 });
    assert_eq!(handle.counts().pending_plates, 3);
    assert_eq!(gaps(&handle), [("plate".into(), "server_lost".into(), 5)]);
    assert_eq!(seen(&handle, "store-b", 2), Reconciled::default(), "said once");
    outbox.close().unwrap();
    assert_eq!(seen(&open(dir.path()).unwrap().handle(), "store-b", 2), Reconciled::default(), "remembered");
}

#[test]
fn a_server_restored_from_a_backup_gets_again_what_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    seen(&handle, "store", 10);
    let ids = submit(&handle, 4);
    settle(&handle, ids, Some(14));
    assert_eq!(seen(&handle, "store", 14), Reconciled::default());
    assert_eq!(seen(&handle, "store", 12), Reconciled { again: 4, gone: 0 });
    let rows = next(&handle, 9, &[]);
    assert_eq!(rows.len(), 4);
    settle(&handle, rows.iter().map(|row| row.id), Some(13));
    assert_eq!((handle.counts().delivered, handle.counts().kept), (4, 4), "counted once");
}

fn synced_at(wall_us: i64, mono_ms: u64) -> CaptureTime {
    CaptureTime { wall_us, mono_ms, synced: true }
}

#[test]
fn each_row_of_the_boot_gets_its_own_offset_even_where_the_clock_stepped_before_it_was_set() {
    const TRUE_US: i64 = 1_734_602_400_000_000;
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    // The clock of a box without a battery: 1970, then stepped to some years ago, never trusted.
    for (wall_us, mono_ms) in [(5_000_000, 5_000), (1_000_000_000_000_000, 8_000)] {
        let at = CaptureTime { wall_us, mono_ms, synced: false };
        handle.submit_blocking(NewRow { at, ..row(EventKind::Plate) }).unwrap();
    }
    assert!(next(&handle, 9, &[]).iter().all(|row| row.offset_us.is_none()));
    let camera = row(EventKind::Plate).camera;
    block_on(handle.clock_set(synced_at(TRUE_US + 10_000_000, 10_000), camera.clone())).unwrap();
    block_on(handle.clock_set(synced_at(TRUE_US + 99_000_000, 11_000), camera)).unwrap();
    handle.submit_blocking(NewRow { at: synced_at(TRUE_US + 12_000_000, 12_000), ..row(EventKind::Plate) }).unwrap();
    outbox.close().unwrap();

    // Known for good: whoever runs when the rows are sent.
    let rows = next(&open(dir.path()).unwrap().handle(), 9, &[]);
    let times: Vec<_> = rows[..3].iter().map(|row| row.at.wall_us + row.offset_us.unwrap_or(0)).collect();
    assert_eq!(times, [TRUE_US + 5_000_000, TRUE_US + 8_000_000, TRUE_US + 12_000_000]);
    assert_eq!(rows[2].offset_us, None);
    assert_eq!(rows[0].at.wall_us, 5_000_000, "raw times are never changed");
    let report = &rows[3].body;
    assert_eq!((rows.len(), &report["component"]), (4, &json!("clock")), "reported once");
    let last_unsynced_base = 1_000_000_000_000_000 - 8_000_000;
    assert_eq!(report["details"]["offset_ms"], json!((TRUE_US - last_unsynced_base) / 1000));
    assert_eq!(report["details"]["boot_id"], json!(rows[0].boot.0));
}

#[test]
fn live_rows_can_be_had_apart_from_the_backlog() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    let backlog = submit(&handle, 2);
    let mark = handle.newest();
    assert_eq!(mark, backlog[1]);
    submit(&handle, 3);
    let rows = block_on(handle.next(Want { limit: 9, newer_than: Some(mark), ..Want::default() })).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.id > mark) && handle.newest() == rows[2].id);
}

#[test]
fn rows_of_held_cameras_are_passed_over_and_nothing_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    let camera =
        |id: &str| CameraKey { camera: CameraId::new(id).unwrap(), checkpoint: CheckpointId::new("gate").unwrap() };
    let submit = |id: &str| {
        handle.submit_blocking(NewRow { camera: camera(id), ..row(EventKind::Plate) }).unwrap();
        handle.newest()
    };
    let wanted = |held: &[&str], newer_than: Option<RowId>| -> Vec<RowId> {
        let held = held.iter().map(|id| camera(id)).collect();
        let want = Want { limit: 9, held, newer_than, ..Want::default() };
        block_on(handle.next(want)).unwrap().into_iter().map(|row| row.id).collect()
    };
    let (first, held, second) = (submit("b"), submit("a"), submit("b"));
    block_on(handle.quarantine(first, "no".into())).unwrap();
    assert_eq!(wanted(&["a", "unknown"], Some(held)), [second]);
    assert_eq!(wanted(&["a", "unknown"], None), [second]);
    assert_eq!(wanted(&["a", "unknown"], None), [second], "and again, though it is in flight");
    let third = submit("b");
    assert_eq!(wanted(&["a"], None), [second, third]);
    block_on(handle.requeue(vec![first])).unwrap();
    assert_eq!(wanted(&["a"], None), [first, second, third], "an older row that waits again is found");
    assert_eq!(wanted(&["a", "b"], None), []);
    assert_eq!(wanted(&[], None), [first, held, second, third]);
}

#[test]
fn one_submitter_alone_does_not_wait_for_company() {
    let dir = tempfile::tempdir().unwrap();
    let config = OutboxConfig { batch_ms: 1000, ..OutboxConfig::default() };
    let outbox = Outbox::open(dir.path(), &config, clock()).unwrap();
    let start = std::time::Instant::now();
    (0..10).for_each(|_| outbox.handle().submit_blocking(row(EventKind::Plate)).unwrap());
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}

#[test]
fn what_is_delivered_again_to_a_forgetful_server_is_counted_once_duplicate_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    seen(&handle, "store-a", 1);
    let known = |ids: Vec<RowId>| {
        let settled = ids.into_iter().map(|id| Settled { id, duplicate: true, checkpoint: Some(2) }).collect();
        block_on(handle.settle(settled)).unwrap();
    };
    known(submit(&handle, 3));
    let counts = || (handle.counts().delivered, handle.counts().duplicates);
    assert_eq!(counts(), (3, 3));
    assert_eq!(seen(&handle, "store-b", 1).again, 3);
    assert_eq!(counts(), (3, 3), "ever delivered");
    known(next(&handle, 9, &[]).iter().map(|row| row.id).collect());
    assert_eq!(counts(), (3, 3));
}

#[test]
fn a_report_of_the_outbox_that_comes_back_is_still_never_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    seen(&handle, "store-a", 1);
    handle
        .submit_blocking(NewRow { at: CaptureTime { synced: false, ..synced_at(5, 5) }, ..row(EventKind::Plate) })
        .unwrap();
    block_on(handle.clock_set(synced_at(99_000_000, 6), row(EventKind::Plate).camera)).unwrap();
    let reports = || number(dir.path(), "SELECT count(*) FROM event WHERE lane = 1");
    let report = next(&handle, 9, &[]).iter().find(|row| row.kind == EventKind::Health).unwrap().id;
    block_on(handle.quarantine(report, "400".into())).unwrap();
    assert_eq!((reports(), block_on(handle.requeue(vec![report])).unwrap(), reports()), (0, 1, 1));
    settle(&handle, [report], Some(2));
    handle.submit_blocking(row(EventKind::Health)).unwrap();
    let health = next(&handle, 9, &[]).iter().find(|row| row.kind == EventKind::Health).unwrap().id;
    settle(&handle, [health], Some(2));
    assert_eq!(reports(), 0);
    assert_eq!(seen(&handle, "store-b", 1).again, 2);
    assert_eq!((reports(), number(dir.path(), "SELECT count(*) FROM event WHERE lane = 2")), (1, 1));
}
