use super::*;
use crate::media::EvidenceStore;
use std::time::Duration;

fn fat(kind: EventKind, bytes: usize) -> NewRow {
    let mut row = NewRow { evidence: EvidenceRefs::default(), ..row(kind) };
    row.body.insert("filler".into(), "x".repeat(bytes).into());
    row
}

fn small(max_bytes: u64) -> OutboxConfig {
    OutboxConfig { max_bytes, ..OutboxConfig::default() }
}

fn settled(outbox: &Outbox, max_bytes: u64) {
    eventually("within the cap", || outbox.handle().counts().bytes <= max_bytes / 10 * 9);
}

#[test]
fn health_goes_before_plates_oldest_first_and_is_reported_in_one_row() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), &small(1_000_000), clock()).unwrap();
    let handle = outbox.handle();
    for _ in 0..50 {
        handle.submit_blocking(fat(EventKind::Health, 10_000)).unwrap();
    }
    for _ in 0..45 {
        handle.submit_blocking(fat(EventKind::Plate, 10_000)).unwrap();
    }
    settled(&outbox, 1_000_000);
    let counts = handle.counts();
    assert_eq!(counts.pending_plates, 45, "no plate while there is health");
    let gaps = gaps(&handle);
    assert_eq!(gaps.len(), 1, "one row for all: {gaps:?}");
    assert_eq!((gaps[0].0.as_str(), gaps[0].1.as_str()), ("health", "size"));
    let left = number(dir.path(), "SELECT count(*) FROM event WHERE lane = 2") as u64;
    assert_eq!(left + gaps[0].2, 50, "every one is there or counted");
    assert_eq!(
        number(dir.path(), "SELECT min(seq) FROM event WHERE lane = 2"),
        gaps[0].2 as i64 + 1,
        "the oldest went"
    );
}

#[test]
fn pictures_go_before_reads_and_pinned_rows_stay() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), &small(1_000_000), clock()).unwrap();
    let evidence = EvidenceStore::open(dir.path()).unwrap();
    let handle = outbox.handle();
    let mut pinned = None;
    for _ in 0..12 {
        let plate = row(EventKind::Plate);
        let refs = evidence.save(plate.event_id, plate.at, Some(&vec![1u8; 100_000]), &[]).unwrap();
        handle.submit_blocking(NewRow { evidence: refs, ..plate }).unwrap();
        pinned = pinned.or_else(|| next(&handle, 1, &[]).first().cloned());
    }
    settled(&outbox, 1_000_000);
    assert_eq!(handle.counts().pending_plates, 12, "every read is still there");
    let pinned = pinned.unwrap();
    assert!(evidence.read(pinned.evidence.frame.as_ref().unwrap()).is_ok(), "in flight: not touched");
    let gaps = gaps(&handle);
    assert_eq!((gaps[0].0.as_str(), gaps[0].1.as_str()), ("picture", "size"));
    let rows = next(&handle, 99, &[]);
    let with: Vec<bool> =
        rows.iter().filter(|r| r.kind == EventKind::Plate).map(|r| r.evidence.frame.is_some()).collect();
    assert_eq!(with.iter().filter(|with| !**with).count() as u64, gaps[0].2);
    assert!(with[0] && !with[1] && with[11], "the oldest that may");
    let files: usize = evidence.folders().iter().map(|day| evidence.sweep_folder(day).count()).sum();
    assert_eq!(files, 0, "all this process's own");
    assert_eq!(evidence.events().count(), with.iter().filter(|with| **with).count(), "files went with them");
}

#[test]
fn a_flood_of_quarantined_events_does_not_starve_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), &small(1_000_000), clock()).unwrap();
    let handle = outbox.handle();
    for _ in 0..40 {
        handle.submit_blocking(fat(EventKind::Plate, 10_000)).unwrap();
        let id = next(&handle, 1, &[])[0].id;
        block_on(handle.quarantine(id, "400".into())).unwrap();
    }
    eventually("quarantine within its cap", || number(dir.path(), "SELECT bytes FROM tally WHERE lane = 9") <= 250_000);
    let counted: u64 = gaps(&handle).iter().map(|gap| gap.2).sum();
    assert_eq!(handle.counts().quarantined + counted, 40);
}

fn simulated() -> Arc<SimClock> {
    Arc::new(SimClock::new(CaptureTime { wall_us: 1_734_602_400_000_000, mono_ms: 5, synced: true }))
}

fn aging() -> OutboxConfig {
    OutboxConfig { keep_delivered_h: 1.0, max_age_h: 2.0, ..OutboxConfig::default() }
}

const YEARS_US: i64 = 100_000_000_000_000;
/// More than between two looks.
const A_LOOK: Duration = Duration::from_millis(2500);

#[test]
fn rows_go_by_age_only_by_a_clock_that_can_be_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let sim = simulated();
    let outbox = Outbox::open(dir.path(), &aging(), sim.clone()).unwrap();
    let handle = outbox.handle();
    (0..2).for_each(|_| handle.submit_blocking(NewRow { at: sim.stamp(), ..row(EventKind::Plate) }).unwrap());
    let id = next(&handle, 1, &[])[0].id;
    settle(&handle, [id], None);
    // Years ahead: not to be trusted, then said to be.
    for synced in [false, true] {
        sim.set_synced(synced);
        sim.step_wall_us(YEARS_US);
        sim.advance(Duration::from_secs(60));
        std::thread::sleep(A_LOOK);
        assert_eq!((handle.counts().kept, handle.counts().pending), (1, 1), "synced: {synced}");
    }
    sim.set_synced(false);
    sim.advance(Duration::from_secs(3 * 3600));
    eventually("within a boot the other clock tells", || handle.counts().pending_plates == 0);
    assert_eq!((handle.counts().kept, gaps(&handle)), (1, vec![("plate".into(), "age".into(), 1)]));
    sim.set_synced(true);
    sim.advance(Duration::from_secs(60));
    eventually("kept long enough", || handle.counts().kept == 0);
}

#[test]
fn old_events_behind_many_of_an_unknown_time_go_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let sim = simulated();
    let outbox = Outbox::open(dir.path(), &OutboxConfig::default(), sim.clone()).unwrap();
    for number in 0..305 {
        let at = CaptureTime { synced: number >= 300, ..sim.stamp() };
        outbox.handle().submit_blocking(NewRow { at, ..row(EventKind::Plate) }).unwrap();
    }
    outbox.close().unwrap();
    let file = Connection::open(dir.path().join("outbox.db")).unwrap();
    file.execute("UPDATE boot SET boot_id = 'the one before'", []).unwrap();
    drop(file);
    sim.advance(Duration::from_secs(3 * 3600));
    let outbox = Outbox::open(dir.path(), &aging(), sim.clone()).unwrap();
    eventually("those whose age is known", || outbox.handle().counts().pending_plates == 300);
    std::thread::sleep(A_LOOK);
    assert_eq!(gaps(&outbox.handle()), [("plate".into(), "age".into(), 5)]);
}

#[test]
fn health_reports_that_find_no_place_are_dropped_counted_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    handle.submit_blocking(row(EventKind::Plate)).unwrap();
    // More at once than may wait. None of their senders is held up for longer than its own commit.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (kept, dropped) = runtime.block_on(async {
        let reports: Vec<_> = (0..3000).map(|_| handle.submit(row(EventKind::Health))).collect();
        let mut reports: Vec<_> = reports.into_iter().map(Box::pin).collect();
        // Each is handed over at its first poll, before any answer can be waited for.
        let first = std::future::poll_fn(|context| {
            let polled = reports.iter_mut().map(|report| report.as_mut().poll(context));
            std::task::Poll::Ready(polled.collect::<Vec<_>>())
        })
        .await;
        let (mut kept, mut dropped) = (0, 0);
        for (report, first) in reports.into_iter().zip(first) {
            let result = match first {
                std::task::Poll::Ready(result) => result,
                std::task::Poll::Pending => report.await,
            };
            match result {
                Ok(()) => kept += 1,
                Err(OutboxError::Overload) => dropped += 1,
                Err(other) => panic!("{other}"),
            }
        }
        (kept, dropped)
    });
    assert!(kept >= 200 && dropped > 0, "{kept} kept, {dropped} dropped");
    let counted = || number(dir.path(), "SELECT coalesce(sum(count), 0) FROM evicted WHERE reason = 'overload'");
    outbox.close().unwrap();
    assert_eq!(counted(), dropped);
    let reports = gaps(&open(dir.path()).unwrap().handle());
    assert_eq!(reports, [("health".into(), "overload".into(), dropped as u64)]);
}

#[test]
fn pictures_that_could_not_be_written_are_counted_and_reported_though_their_events_are_there() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let handle = outbox.handle();
    for _ in 0..3 {
        handle.pictures_refused();
        handle.submit_blocking(row(EventKind::Plate)).unwrap();
    }
    outbox.close().unwrap();
    assert_eq!(number(dir.path(), "SELECT count FROM evicted WHERE kind = 'picture' AND reason = 'refused'"), 3);
    let outbox = open(dir.path()).unwrap();
    assert_eq!(gaps(&outbox.handle()), [("picture".into(), "refused".into(), 3)]);
    assert_eq!(outbox.handle().counts().pending_plates, 3);
}

#[test]
fn delivered_rows_are_not_kept_where_nobody_wants_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = OutboxConfig { keep_delivered_h: 0.0, ..OutboxConfig::default() };
    let outbox = Outbox::open(dir.path(), &config, clock()).unwrap();
    let handle = outbox.handle();
    (0..300).for_each(|_| handle.submit_blocking(row(EventKind::Plate)).unwrap());
    let ids: Vec<RowId> = next(&handle, 300, &[]).iter().map(|row| row.id).collect();
    settle(&handle, ids, None);
    eventually("none kept", || handle.counts().kept == 0);
    assert_eq!((handle.counts().delivered, gaps(&handle)), (300, vec![]), "delivered is not lost");
    assert_eq!(number(dir.path(), "SELECT count(*) FROM event"), 0);
}

#[test]
fn housekeeping_goes_on_while_commands_never_cease() {
    let dir = tempfile::tempdir().unwrap();
    let start = CaptureTime { wall_us: 1_734_602_400_000_000, mono_ms: 5, synced: true };
    let sim = Arc::new(SimClock::new(start));
    let config = OutboxConfig { keep_delivered_h: 1.0, ..OutboxConfig::default() };
    let outbox = Outbox::open(dir.path(), &config, sim.clone()).unwrap();
    let handle = outbox.handle();
    handle.submit_blocking(row(EventKind::Plate)).unwrap();
    let ids: Vec<RowId> = next(&handle, 1, &[]).iter().map(|row| row.id).collect();
    settle(&handle, ids, None);
    sim.advance(Duration::from_secs(2 * 3600));
    // Ten a second, so that the thread never waits for as long as the time between two looks.
    let mut submitted = 0;
    while handle.counts().kept > 0 {
        assert!(submitted < 100, "what is too old stays while events keep coming");
        handle.submit_blocking(row(EventKind::Plate)).unwrap();
        submitted += 1;
        sim.advance(Duration::from_millis(100));
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(handle.counts().pending_plates, submitted);
}
