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
