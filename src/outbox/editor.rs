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
use crate::domain::{BootId, CameraKey};
use crate::media::EvidenceStore;
use std::path::{Path, PathBuf};
use std::time::Duration;
use uuid::Uuid;

/// Rows in one commit: the agent, where it runs, waits for no more.
const SLICE: usize = 256;

/// Where an imported event was first kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Epoch and number; `None`: it gets a number of this outbox.
    pub number: Option<(Uuid, u64)>,
    pub boot: BootId,
}

/// What [`Editor::purge`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    pub gone: u64,
    /// Left, since nobody knows how old they are.
    pub of_unknown_time: u64,
}

/// An outbox opened to change.
#[derive(Debug)]
pub struct Editor {
    store: Store,
    evidence: EvidenceStore,
    disk: Disk,
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
        let disk = Disk::new(dir, reserve_mb);
        let store = recover::open(dir, &boot_id(), clock.stamp(), &disk)?;
        store.limit_growth(disk.growth())?;
        Ok(Editor { store, evidence: EvidenceStore::at(dir), disk, sidecar: Some(Sidecar::at(dir)), _lock: Some(lock) })
    }

    /// Beside an agent that may be running, which takes notice within seconds.
    ///
    /// # Errors
    /// No outbox there, or not one of this version.
    pub fn beside(dir: &Path, reserve_mb: u64, clock: &dyn Clock) -> Result<Editor, OutboxError> {
        let path: PathBuf = dir.join("outbox.db");
        schema::check_newest(&schema::open_existing(&path)?, &path)?;
        let store = Store::open(&path, boot_id(), clock.wall_us())?;
        let disk = Disk::new(dir, reserve_mb);
        Ok(Editor { store, evidence: EvidenceStore::at(dir), disk, sidecar: None, _lock: None })
    }

    /// A transaction; on a full disk once more with the reserve given free, which is what it is for.
    fn transact<T>(&mut self, act: impl Fn(&mut Store) -> Result<T, OutboxError>) -> Result<T, OutboxError> {
        match self.store.transact(&act) {
            Err(error) if error.is_full() && self.disk.release() => {
                self.store.restart_log();
                self.store.limit_growth(self.disk.growth())?;
                self.store.transact(&act)
            }
            done => done,
        }
    }

    /// Quarantined rows wait again; returns how many.
    pub fn requeue(&mut self, ids: &[RowId]) -> Result<u64, OutboxError> {
        let mut moved = 0;
        for slice in ids.chunks(SLICE) {
            moved += self.transact(|store| store.requeue(slice))?;
        }
        Ok(moved)
    }

    /// Removes rows of a state, with `older_than` only those captured so long ago; each is counted and reported like any
    /// other that is given up, delivered ones excepted.
    pub fn purge(
        &mut self,
        state: State,
        older_than: Option<Duration>,
        clock: &dyn Clock,
    ) -> Result<Purged, OutboxError> {
        let limit_us = older_than.map(|age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        let mut purged = Purged::default();
        for lane in state.lanes().iter().filter(|lane| **lane != Lane::Report) {
            let mut after = Some(RowId(0));
            while let Some(from) = after {
                let now = clock.stamp();
                let slice = self.transact(|store| store.purge(*lane, limit_us, from, SLICE, now))?;
                for files in &slice.taken.files {
                    self.evidence.remove(files);
                }
                purged.gone += slice.taken.rows;
                purged.of_unknown_time += slice.of_unknown_time;
                after = slice.next;
            }
        }
        Ok(purged)
    }

    /// Keeps an event, with what is known of where it comes from. Its pictures are on the disk already.
    pub fn import(&mut self, row: &NewRow, foreign: &Foreign) -> Result<(), OutboxError> {
        let number = foreign.number.map(|(epoch, seq)| (epoch, signed(seq)));
        let origin = Origin { number, boot: foreign.boot.clone() };
        let bytes = self.evidence.bytes(&row.evidence);
        self.transact(|store| store.insert(row, Lane::waiting(row.kind), bytes, Some(&origin)).map(drop))
    }

    /// The camera whose event this is; `None`: this revision of it is not here.
    pub fn camera_of(&self, event_id: Uuid, revision: u32) -> Result<Option<CameraKey>, OutboxError> {
        self.store.camera_of(event_id, revision)
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
