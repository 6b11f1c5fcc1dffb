//! A disk without room, a disk that cannot be written: a real, small filesystem.

use super::*;
use crate::media::EvidenceStore;
use std::process::Command;

/// A mounted tmpfs of 8 MB. `None`: not permitted here.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(dir)),
            other => {
                eprintln!("SKIPPED: a small disk cannot be mounted here (root only): {other:?}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes every byte that is left.
    fn fill(&self, name: &str) {
        let mut file = std::fs::File::create(self.path().join(name)).unwrap();
        while std::io::Write::write(&mut file, &[0u8; 4096]).is_ok_and(|written| written > 0) {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

/// By the host's clock: the disk is looked at every few seconds.
fn open(dir: &Path) -> Result<Outbox, OutboxError> {
    Outbox::open(dir, &OutboxConfig::default(), Arc::new(crate::clock::SystemClock))
}

fn big(kind: EventKind) -> NewRow {
    let mut row = NewRow { evidence: EvidenceRefs::default(), ..row(kind) };
    row.body.insert("filler".into(), "x".repeat(20_000).into());
    row
}

#[test]
fn a_full_disk_gives_up_the_least_important_keeps_taking_events_and_can_be_drained() {
    let Some(disk) = SmallDisk::mount() else { return };
    let outbox = open(disk.path()).unwrap();
    let handle = outbox.handle();
    assert!(disk.path().join("outbox.reserve").exists());
    let mut submitted = 0;
    for _ in 0..100 {
        handle.submit_blocking(big(EventKind::Health)).unwrap();
        submitted += 1;
    }
    disk.fill("others");
    for _ in 0..300 {
        if let Err(error) = handle.submit_blocking(big(EventKind::Plate)) {
            panic!("after {submitted} events: {error}");
        }
        submitted += 1;
    }
    assert!(!disk.path().join("outbox.reserve").exists(), "given free in need");
    let counted: u64 = gaps(&handle).iter().map(|gap| gap.2).sum();
    let reports = number(disk.path(), "SELECT count(*) FROM event WHERE lane = 1") as u64;
    assert_eq!(handle.counts().pending - reports + counted, submitted, "each is there or counted");
    while let ids @ [_, ..] = &next(&handle, 100, &[]).iter().map(|row| row.id).collect::<Vec<_>>()[..] {
        settle(&handle, ids.iter().copied(), None);
    }
    assert_eq!(handle.counts().pending, 0, "drained on a full disk");
    std::fs::remove_file(disk.path().join("others")).unwrap();
    eventually("the reserve is taken back", || disk.path().join("outbox.reserve").exists());
}

#[test]
fn an_outbox_that_was_killed_starts_on_a_disk_without_a_free_byte() {
    let Some(disk) = SmallDisk::mount() else { return };
    let outbox = open(disk.path()).unwrap();
    (0..20).for_each(|_| outbox.handle().submit_blocking(big(EventKind::Plate)).unwrap());
    // As SIGKILL leaves it: the log is not written back. The lock goes with the process.
    let dead = tempfile::tempdir_in(disk.path()).unwrap();
    for name in ["outbox.db", "outbox.db-wal", "outbox.seq", "outbox.reserve"] {
        std::fs::rename(disk.path().join(name), dead.path().join(name)).unwrap();
    }
    disk.fill("others");
    let again = open(dead.path()).unwrap();
    assert_eq!(again.handle().counts().pending, 20);
    again.handle().submit_blocking(big(EventKind::Plate)).unwrap();
    let ids: Vec<RowId> = next(&again.handle(), 99, &[]).iter().map(|row| row.id).collect();
    settle(&again.handle(), ids, None);
    assert_eq!((again.handle().counts().pending, again.handle().counts().delivered), (0, 21));
}

#[test]
fn pictures_are_refused_while_there_is_still_room_for_events() {
    let Some(disk) = SmallDisk::mount() else { return };
    let outbox = open(disk.path()).unwrap();
    let store = EvidenceStore::open(disk.path()).unwrap().sparing(16);
    let mut refused = 0;
    for _ in 0..100 {
        let plate = row(EventKind::Plate);
        let refs = store.save(plate.event_id, plate.at, Some(&vec![3u8; 200_000]), &[]).unwrap_or_else(|error| {
            assert!(error.to_string().contains("no room"), "{error}");
            refused += 1;
            EvidenceRefs::default()
        });
        outbox.handle().submit_blocking(NewRow { evidence: refs, ..plate }).unwrap();
    }
    assert!((1..100).contains(&refused), "{refused}");
    assert_eq!(outbox.handle().counts().pending, 100);
}

#[test]
fn where_nothing_can_go_events_are_refused_counted_and_taken_again_once_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let outbox = open(disk.path()).unwrap();
    let handle = outbox.handle();
    handle.submit_blocking(big(EventKind::Plate)).unwrap();
    disk.fill("others");
    // All in flight: none of it may be given up.
    let mut refused = 0;
    for _ in 0..300 {
        next(&handle, 999, &[]);
        match handle.submit_blocking(big(EventKind::Plate)) {
            Ok(()) => {}
            Err(error) => {
                assert!(error.to_string().contains("free space"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0);
    assert_eq!(handle.counts().failed, refused, "each refusal is counted");
    std::fs::remove_file(disk.path().join("others")).unwrap();
    eventually("events are taken again", || handle.submit_blocking(big(EventKind::Plate)).is_ok());
}

#[test]
fn what_is_in_flight_stays_so_when_the_file_is_opened_again() {
    let Some(disk) = SmallDisk::mount() else { return };
    let outbox = open(disk.path()).unwrap();
    let handle = outbox.handle();
    (0..20).for_each(|_| handle.submit_blocking(big(EventKind::Plate)).unwrap());
    let in_flight: Vec<RowId> = next(&handle, 999, &[]).iter().map(|row| row.id).collect();
    disk.fill("others");
    let refused = || handle.submit_blocking(NewRow { body: vast(), ..big(EventKind::Plate) }).is_err();
    eventually("no room for one so large", refused);
    // The file is opened again after five seconds.
    let start = std::time::Instant::now();
    while start.elapsed() < std::time::Duration::from_secs(9) {
        assert!(refused());
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
    let left: Vec<RowId> = next(&handle, 999, &[]).iter().map(|row| row.id).collect();
    assert!(in_flight.iter().all(|id| left.contains(id)), "none in flight is given up");
}

/// A body larger than what the disk and all that may go could hold.
fn vast() -> serde_json::Map<String, serde_json::Value> {
    json!({"filler": "x".repeat(9_000_000)}).as_object().unwrap().clone()
}

#[test]
fn a_health_report_makes_no_plate_go_and_before_anything_goes_the_change_is_tried_again() {
    let Some(disk) = SmallDisk::mount() else { return };
    let outbox = open(disk.path()).unwrap();
    let handle = outbox.handle();
    (0..100).for_each(|_| handle.submit_blocking(big(EventKind::Plate)).unwrap());
    disk.fill("others");
    let mut refused = 0;
    for _ in 0..200 {
        refused += u64::from(handle.submit_blocking(big(EventKind::Health)).is_err());
    }
    assert_eq!(handle.counts().pending_plates, 100);
    assert!(gaps(&handle).iter().all(|gap| gap.0 == "health"), "{:?}", gaps(&handle));
    assert!(refused < 200, "there is the reserve, and the room of lesser ones");
}

/// A failing disk that is not full: files may not grow beyond a limit. Not a test by itself.
#[test]
fn one_outbox_under_a_limit() {
    let Some(dir) = std::env::var_os("LPR_LIMITED_DIR") else { return };
    let outbox = open(Path::new(&dir)).unwrap();
    let handle = outbox.handle();
    let mut taken = 0;
    let error = loop {
        match handle.submit_blocking(big(EventKind::Plate)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 1000, "the limit does not hold");
    };
    assert!(!error.is_full(), "{error}");
    assert_eq!((handle.counts().pending_plates, handle.counts().failed), (taken, 1));
    assert_eq!(number(Path::new(&dir), "SELECT count(*) FROM evicted"), 0);
    std::fs::write(Path::new(&dir).join("seen"), b"").unwrap();
}

#[test]
fn a_disk_that_fails_but_is_not_full_costs_no_event_that_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let child = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" --exact outbox::tests::disk::one_outbox_under_a_limit"])
        .arg(std::env::current_exe().unwrap())
        .env("LPR_LIMITED_DIR", dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && dir.path().join("seen").exists(), "{said}");
}
