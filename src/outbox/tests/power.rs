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
