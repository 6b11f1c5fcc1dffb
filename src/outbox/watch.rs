//! What is looked after in the background once the agent runs: pictures that no row names, and the file's soundness.
//! In slices: nobody who submits an event waits for more than one of them.

use super::handle::OutboxHandle;
use super::recover;
use crate::media::EvidenceStore;

/// Files asked about at once.
const SLICE: usize = 64;

pub(super) fn run(handle: &OutboxHandle, evidence: &EvidenceStore) {
    match sweep(handle, evidence) {
        0 => {}
        removed => tracing::info!(removed, "pictures without an event swept"),
    }
    if handle.is_closed() {
        return;
    }
    if let Err(what) = recover::verify(handle.file(), || !handle.is_closed()) {
        tracing::error!(%what, "the outbox file is found damaged");
        let _ = handle.found_damage(what);
    }
}

/// Removes the files that no row names: a power cut came between file and row, or between row and file.
fn sweep(handle: &OutboxHandle, evidence: &EvidenceStore) -> usize {
    let mut removed = 0;
    for folder in evidence.folders() {
        let mut files = evidence.sweep_folder(&folder);
        loop {
            // A day's names are not held in memory together.
            let slice: Vec<_> = files.by_ref().take(SLICE).collect();
            if slice.is_empty() {
                break;
            }
            let Ok(orphans) = handle.orphans(slice) else { return removed };
            removed += evidence.remove_orphans(&orphans);
        }
        evidence.remove_if_empty(&folder);
    }
    evidence.swept();
    removed
}
