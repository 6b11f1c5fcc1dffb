//! What a power cut leaves: the log cut anywhere.

use super::*;

/// Rows in the copy of an outbox whose log ends after `length` bytes.
fn rows_after(dir: &Path, length: u64) -> Vec<u64> {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(dir.join("outbox.db"), copy.path().join("outbox.db")).unwrap();
    std::fs::copy(dir.join("outbox.db-wal"), copy.path().join("outbox.db-wal")).unwrap();
    let log = std::fs::OpenOptions::new().write(true).open(copy.path().join("outbox.db-wal")).unwrap();
    log.set_len(length).unwrap();
    let outbox = open(copy.path()).unwrap_or_else(|error| panic!("cut at {length}: {error}"));
    next(&outbox.handle(), 999, &[]).iter().map(|row| row.seq).collect()
}

#[test]
fn what_was_answered_before_the_last_sync_is_there_wherever_the_log_ends() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = open(dir.path()).unwrap();
    let length = || std::fs::metadata(dir.path().join("outbox.db-wal")).unwrap().len();
    let mut marks = vec![(length(), 0)];
    for seq in 1..=6 {
        outbox.handle().submit_blocking(NewRow { evidence: EvidenceRefs::default(), ..row(EventKind::Plate) }).unwrap();
        marks.push((length(), seq));
    }
    for pair in marks.windows(2) {
        let ((from, before), (to, after)) = (pair[0], pair[1]);
        for cut in [from, from + 1, from + 23, from + 24, (from + to) / 2, to - 1025, to - 1, to] {
            let rows = rows_after(dir.path(), cut.max(from));
            let whole = if cut >= to { after } else { before };
            assert_eq!(rows, (1..=whole).collect::<Vec<u64>>(), "cut at {cut} of {from}..{to}");
        }
    }
}

/// What the traced child does: one event with a picture. Not a test by itself.
#[test]
fn one_event_for_the_tracer() {
    let Some(dir) = std::env::var_os("LPR_TRACED_DIR") else { return };
    let dir = Path::new(&dir);
    let outbox = open(dir).unwrap();
    let evidence = crate::media::EvidenceStore::open(dir).unwrap();
    // The first commits make the files; the traced one comes when they are there.
    outbox.handle().submit_blocking(row(EventKind::Health)).unwrap();
    let plate = row(EventKind::Plate);
    let refs = evidence.save(plate.event_id, plate.at, Some(b"jpeg"), &[]).unwrap();
    outbox.handle().submit_blocking(NewRow { evidence: refs, ..plate }).unwrap();
    std::fs::write(dir.join("answered"), b"").unwrap();
}

#[test]
fn picture_folder_and_log_are_synced_in_this_order_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let traced = std::process::Command::new("strace")
        .args(["-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2,openat,write,pwrite64", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "outbox::tests::power::one_event_for_the_tracer"])
        .env("LPR_TRACED_DIR", dir.path().join("data"))
        .output();
    match traced {
        Ok(output) if output.status.success() => {}
        other => return eprintln!("SKIPPED: strace cannot be used here: {other:?}"),
    }
    let trace = std::fs::read_to_string(trace).unwrap();
    let lines: Vec<&str> = trace.lines().collect();
    let mut from = 0;
    let day = "/evidence/2024-12-19";
    for (what, words) in [
        ("the picture is synced", vec!["fsync(", ".jpg.tmp>"]),
        ("the picture gets its name", vec!["rename", "-frame.jpg\""]),
        ("its folder is synced", vec!["fsync(", day, ">"]),
        ("the log is written", vec!["pwrite64(", "outbox.db-wal>"]),
        ("the log is synced", vec!["sync(", "outbox.db-wal>"]),
        ("the answer is given", vec!["openat(", "/answered\""]),
    ] {
        let found = lines[from..].iter().position(|line| words.iter().all(|word| line.contains(word)));
        from += found.unwrap_or_else(|| panic!("not in this order: {what}\n{}", lines[from..].join("\n"))) + 1;
    }
}
