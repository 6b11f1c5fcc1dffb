//! Changing an outbox by hand (`lpr-agent outbox …`).

use super::disk::Disk;
use super::handle::boot_id;
use super::inspect::State;
use super::keep::Origin;
use super::lock::DirLock;
use super::sidecar::Sidecar;
use super::store::{Store, signed};
use super::tally::Lane;
use super::{NewRow, OutboxError, RowId, recover, schema};
use crate::clock::Clock;
use crate::domain::BootId;
use crate::media::EvidenceStore;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Rows in one commit: the agent, where it runs, waits for no more.
const SLICE: usize = 256;

/// Where an imported event was first kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub epoch: Uuid,
    pub seq: u64,
    pub boot: BootId,
}

/// An outbox opened to change.
#[derive(Debug)]
pub struct Editor {
    store: Store,
    evidence: EvidenceStore,
    sidecar: Option<Sidecar>,
    _lock: Option<DirLock>,
}

impl Editor {
    /// Alone: no agent may work with it, and none can start meanwhile.
    ///
    /// # Errors
    /// [`OutboxError::Locked`] while an agent runs.
    pub fn alone(dir: &Path, reserve_mb: u64, clock: &dyn Clock) -> Result<Editor, OutboxError> {
        let lock = DirLock::take(dir)?;
        let store = recover::open(dir, &boot_id(), clock.stamp(), &Disk::new(dir, reserve_mb))?;
        Ok(Editor { store, evidence: EvidenceStore::at(dir), sidecar: Some(Sidecar::at(dir)), _lock: Some(lock) })
    }

    /// Beside an agent that may be running, which takes notice within seconds.
    ///
    /// # Errors
    /// No outbox there, or not one of this version.
    pub fn beside(dir: &Path, clock: &dyn Clock) -> Result<Editor, OutboxError> {
        let path: PathBuf = dir.join("outbox.db");
        if !path.exists() {
            return Err(OutboxError::Missing { path });
        }
        schema::check_newest(&schema::open_to_read(&path)?, &path)?;
        let store = Store::open(&path, boot_id(), clock.wall_us())?;
        Ok(Editor { store, evidence: EvidenceStore::at(dir), sidecar: None, _lock: None })
    }

    /// Quarantined rows wait again; returns how many.
    pub fn requeue(&mut self, ids: &[RowId]) -> Result<u64, OutboxError> {
        let mut moved = 0;
        for slice in ids.chunks(SLICE) {
            moved += self.store.transact(|store| store.requeue(slice))?;
        }
        Ok(moved)
    }

    /// Removes rows of a state, those captured before `before_us` only; each is counted and reported like any other that
    /// is given up, delivered ones excepted. Returns how many.
    pub fn purge(&mut self, state: State, before_us: Option<i64>, clock: &dyn Clock) -> Result<u64, OutboxError> {
        let nothing = HashSet::new();
        let mut gone = 0;
        for lane in state.lanes().iter().filter(|lane| **lane != Lane::Report) {
            loop {
                let now = clock.stamp();
                let taken = self.store.transact(|store| store.purge(*lane, before_us, SLICE, &nothing, now))?;
                for files in &taken.files {
                    self.evidence.remove(files);
                }
                gone += taken.rows;
                if taken.rows == 0 {
                    break;
                }
            }
        }
        Ok(gone)
    }

    /// Keeps events, with their origin where it is known. Their pictures are on the disk already. Returns for each whether
    /// it is new.
    pub fn import(&mut self, rows: &[(NewRow, Option<Foreign>)]) -> Result<Vec<bool>, OutboxError> {
        let evidence = self.evidence.clone();
        self.store.transact(|store| {
            let keep = |(row, foreign): &(NewRow, Option<Foreign>)| {
                let origin = (foreign.as_ref()).map(|foreign| Origin {
                    epoch: foreign.epoch,
                    seq: signed(foreign.seq),
                    boot: foreign.boot.clone(),
                });
                let bytes = evidence.bytes(&row.evidence);
                store.insert(row, Lane::waiting(row.kind), bytes, origin.as_ref()).map(|id| id.is_some())
            };
            rows.iter().map(keep).collect()
        })
    }

    /// Whether this revision of an event is here.
    pub fn has_revision(&self, event_id: Uuid, revision: u32) -> Result<bool, OutboxError> {
        self.store.has(event_id, revision)
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        if let Some(sidecar) = &mut self.sidecar {
            sidecar.write(self.store.note());
            sidecar.sync();
            let _ = self.store.checkpoint();
        }
    }
}
