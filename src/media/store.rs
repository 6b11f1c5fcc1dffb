//! The evidence folder: files that are whole or absent, whatever happens to the power.

use super::EvidencePath;
use super::path::is_day;
use crate::domain::CaptureTime;
use crate::killpoint::hit;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The files of one event. `plates[i]` belongs to `ocr_results[i]`; `None` where there is no crop.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EvidenceRefs {
    pub frame: Option<EvidencePath>,
    pub plates: Vec<Option<EvidencePath>>,
}

impl EvidenceRefs {
    /// Every file named.
    pub fn paths(&self) -> impl Iterator<Item = &EvidencePath> {
        self.frame.iter().chain(self.plates.iter().flatten())
    }
}

/// What can go wrong with evidence.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    #[error("cannot use the evidence folder {path}: {source}; create it and make it writable for this user")]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot write the picture {path}: {source}; check free space and permissions")]
    Write { path: PathBuf, source: io::Error },
    #[error(
        "no room in {folder} for {wanted} bytes of pictures: {free} are free and {spare} are kept for events; free some disk space"
    )]
    NoRoom { folder: PathBuf, wanted: u64, free: u64, spare: u64 },
    #[error("cannot read the picture {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
}

/// The folder `<data_dir>/evidence`.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    root: PathBuf,
    /// Bytes of the disk that pictures must leave free.
    spare: u64,
    /// Events whose pictures this process has written, until the sweep is over: theirs are no orphans, though they have no
    /// row yet.
    fresh: Arc<Mutex<Option<HashSet<Uuid>>>>,
}

impl EvidenceStore {
    /// Makes the folder where it is missing.
    ///
    /// # Errors
    /// [`MediaError::Folder`] where it can be neither used nor made.
    pub fn open(data_dir: &Path) -> Result<Self, MediaError> {
        let root = data_dir.join("evidence");
        fs::create_dir_all(&root)
            .and_then(|()| sync_folder(data_dir))
            .map_err(|source| MediaError::Folder { path: root.clone(), source })?;
        Ok(Self { root, spare: 0, fresh: Arc::new(Mutex::new(Some(HashSet::new()))) })
    }

    /// Refuses pictures that would leave less of the disk free than `mb`, or a thirty-second of it if that is less: events
    /// need the rest.
    #[must_use]
    pub fn sparing(self, mb: u64) -> Self {
        let total =
            rustix::fs::statvfs(&self.root).map_or(u64::MAX, |stat| stat.f_blocks.saturating_mul(stat.f_frsize));
        Self { spare: mb.saturating_mul(1_000_000).min(total / 32), ..self }
    }

    /// The folder as it is, for reading and removing; nothing is made.
    pub fn at(data_dir: &Path) -> Self {
        Self { root: data_dir.join("evidence"), spare: 0, fresh: Arc::default() }
    }

    /// Every event that has pictures, readable or not; each once, whatever their number. Nothing is held in memory.
    pub fn events(&self) -> impl Iterator<Item = Uuid> {
        let folders = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        files.filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            let (id, what) = name.split_at_checked(36)?;
            let is_first = stands_for_event(&file.path(), id, what);
            is_first.then(|| Uuid::try_parse(id).ok()).flatten()
        })
    }

    /// Bytes of an event's files on the disk; those that are missing count nothing.
    pub fn bytes(&self, refs: &EvidenceRefs) -> u64 {
        refs.paths().filter_map(|path| fs::metadata(self.root.join(path.as_str())).ok()).map(|file| file.len()).sum()
    }

    /// Writes an event's JPEGs and returns their names once they are on the disk, folder entries included. Only then
    /// may a row name them. After an error none of them is left behind.
    pub fn save(
        &self,
        event_id: Uuid,
        captured: CaptureTime,
        frame: Option<&[u8]>,
        plates: &[Option<Vec<u8>>],
    ) -> Result<EvidenceRefs, MediaError> {
        self.save_revision(event_id, 0, captured, frame, plates)
    }

    /// [`EvidenceStore::save`] of a revision, whose pictures are its own.
    pub fn save_revision(
        &self,
        event_id: Uuid,
        revision: u32,
        captured: CaptureTime,
        frame: Option<&[u8]>,
        plates: &[Option<Vec<u8>>],
    ) -> Result<EvidenceRefs, MediaError> {
        let at = captured.wall_us;
        let refs = EvidenceRefs {
            frame: frame.map(|_| EvidencePath::frame_of(event_id, revision, at)),
            plates: (plates.iter().enumerate())
                .map(|(index, jpeg)| jpeg.as_ref().map(|_| EvidencePath::plate_of(event_id, revision, at, index)))
                .collect(),
        };
        let pictures = frame.into_iter().chain(plates.iter().flatten().map(Vec::as_slice));
        self.check_room(pictures.clone().map(|picture| picture.len() as u64).sum())?;
        if let Some(fresh) = self.fresh.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            fresh.insert(event_id);
        }
        let written = self.write_all(refs.paths().zip(pictures));
        if written.is_err() {
            self.remove(&refs);
        }
        written.map(|()| refs)
    }

    fn check_room(&self, wanted: u64) -> Result<(), MediaError> {
        if self.spare == 0 || wanted == 0 {
            return Ok(());
        }
        let Ok(stat) = rustix::fs::statvfs(&self.root) else { return Ok(()) };
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < wanted.saturating_add(self.spare) {
            return Err(MediaError::NoRoom { folder: self.root.clone(), wanted, free, spare: self.spare });
        }
        Ok(())
    }

    fn write_all<'a>(&self, files: impl Iterator<Item = (&'a EvidencePath, &'a [u8])>) -> Result<(), MediaError> {
        let mut folders = BTreeSet::new();
        for (path, bytes) in files {
            let target = self.root.join(path.as_str());
            let folder = self.root.join(path.folder());
            self.make_folder(&folder)
                .and_then(|()| write_file(&target, bytes))
                .map_err(|source| MediaError::Write { path: target, source })?;
            folders.insert(folder);
        }
        hit("media.renamed");
        for folder in folders {
            sync_folder(&folder).map_err(|source| MediaError::Write { path: folder, source })?;
        }
        Ok(())
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        if folder.is_dir() {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        sync_folder(&self.root)
    }

    /// One picture.
    pub fn read(&self, path: &EvidencePath) -> Result<Vec<u8>, MediaError> {
        let path = self.root.join(path.as_str());
        fs::read(&path).map_err(|source| MediaError::Read { path, source })
    }

    /// Removes an event's files. Only after the row is gone. What cannot be removed is left for the next
    /// [`EvidenceStore::sweep`], and so are empty folders: another event may be about to use one.
    pub fn remove(&self, refs: &EvidenceRefs) {
        for path in refs.paths() {
            if let Err(error) = fs::remove_file(self.root.join(path.as_str()))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(%path, %error, "evidence cannot be removed");
            }
        }
    }

    /// The day folders there are. Only what we could have made: a stranger's is not ours to look into.
    pub fn folders(&self) -> Vec<String> {
        let names = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut days: Vec<String> =
            names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_day(name)).collect();
        days.sort();
        days
    }

    /// The pictures in a day's folder that this process has not written itself; half-written ones are removed on the way.
    /// While the agent runs: what it writes has no row yet.
    pub fn sweep_folder(&self, day: &str) -> impl Iterator<Item = EvidencePath> {
        let files = fs::read_dir(self.root.join(day)).into_iter().flatten().flatten();
        files.filter_map(move |file| {
            let name = file.file_name().into_string().ok()?;
            let id = name.get(..36).and_then(|id| Uuid::try_parse(id).ok())?;
            if self.is_ours(id) {
                return None;
            }
            let path = EvidencePath::parse(&format!("{day}/{name}"));
            if path.is_err() && name.ends_with(TEMPORARY) {
                let _ = fs::remove_file(file.path());
            }
            path.ok()
        })
    }

    /// Removes files that no row names; returns how many.
    pub fn remove_orphans(&self, orphans: &[EvidencePath]) -> usize {
        let orphans = orphans.iter().filter(|path| !self.is_ours(path.event_id()));
        orphans.filter(|path| fs::remove_file(self.root.join(path.as_str())).is_ok()).count()
    }

    /// Removes a day's folder; refused by the kernel while anything is in it, which is what we want.
    pub fn remove_if_empty(&self, day: &str) {
        let _guard = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = fs::remove_dir(self.root.join(day));
    }

    /// The sweep is over: what is written from now on need not be remembered.
    pub fn swept(&self) {
        *self.fresh.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn is_ours(&self, event_id: Uuid) -> bool {
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.as_ref().is_some_and(|fresh| fresh.contains(&event_id))
    }
}

const TEMPORARY: &str = ".jpg.tmp";

/// Of an event's pictures, which lie side by side, one: its frame, or else its first crop.
fn stands_for_event(file: &Path, id: &str, what: &str) -> bool {
    let beside = |rest: &str| file.with_file_name(format!("{id}{rest}")).exists();
    let crop = what.strip_prefix("-plate-").and_then(|rest| rest.strip_suffix(".jpg")?.parse::<usize>().ok());
    what == "-frame.jpg"
        || !(beside("-frame.jpg") || (0..crop.unwrap_or(0)).any(|lesser| beside(&format!("-plate-{lesser}.jpg"))))
}

fn write_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = target.with_extension("jpg.tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        hit("media.file");
        fs::rename(&temporary, target)
    };
    // What takes room and is nothing.
    write().inspect_err(|_| drop(fs::remove_file(&temporary)))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> CaptureTime {
        CaptureTime { wall_us: 1_734_602_400_000_000, mono_ms: 1, synced: true }
    }

    fn files(root: &Path) -> Vec<String> {
        let mut names = Vec::new();
        for day in fs::read_dir(root.join("evidence")).unwrap().flatten() {
            names.extend(fs::read_dir(day.path()).unwrap().flatten().map(|f| f.file_name().into_string().unwrap()));
        }
        names.sort();
        names
    }

    #[test]
    fn pictures_are_kept_by_day_and_their_folder_goes_with_the_next_sweep() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let id = Uuid::now_v7();
        let refs = store.save(id, at(), Some(b"frame"), &[Some(b"p0".to_vec()), None, Some(b"p2".to_vec())]).unwrap();
        assert_eq!(refs.frame.as_ref().unwrap().as_str(), format!("2024-12-19/{id}-frame.jpg"));
        assert_eq!(refs.plates[1], None);
        assert_eq!(store.read(refs.plates[2].as_ref().unwrap()).unwrap(), b"p2");
        assert_eq!(files(dir.path()).len(), 3);

        store.remove(&refs);
        assert_eq!(files(dir.path()), Vec::<String>::new());
        assert_eq!(store.sweep_folder("2024-12-19").count(), 0);
        store.remove_if_empty("2024-12-19");
        assert_eq!(fs::read_dir(dir.path().join("evidence")).unwrap().count(), 0);
    }

    #[test]
    fn the_sweep_finds_what_another_process_left_removes_halves_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let before = EvidenceStore::open(dir.path()).unwrap();
        let left = before.save(Uuid::now_v7(), at(), Some(b"left"), &[]).unwrap();
        let day = dir.path().join("evidence/2024-12-19");
        fs::write(day.join(format!("{}-frame.jpg.tmp", Uuid::now_v7())), b"half").unwrap();
        fs::write(day.join("notes.txt"), b"a person's").unwrap();

        let store = EvidenceStore::open(dir.path()).unwrap();
        let fresh = store.clone().save(Uuid::now_v7(), at(), Some(b"just written, no row yet"), &[]).unwrap();
        assert_eq!(store.folders(), ["2024-12-19"]);
        assert_eq!(store.sweep_folder("2024-12-19").collect::<Vec<_>>(), left.paths().cloned().collect::<Vec<_>>());
        assert_eq!(store.remove_orphans(&[left.frame.unwrap(), fresh.frame.clone().unwrap()]), 1);
        assert!(store.read(fresh.frame.as_ref().unwrap()).is_ok());
        assert_eq!(files(dir.path()).len(), 2);
    }

    #[test]
    fn pictures_leave_room_for_events_and_the_refusal_says_how_much_there_is() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let store = EvidenceStore { spare: u64::MAX / 2, ..store };
        let error = store.save(Uuid::now_v7(), at(), Some(b"frame"), &[]).unwrap_err().to_string();
        assert!(error.contains("5 bytes") && error.contains("free"), "{error}");
        assert!(store.save(Uuid::now_v7(), at(), None, &[]).is_ok(), "an event without pictures needs none");
    }

    #[test]
    fn each_event_with_pictures_is_counted_once_whichever_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let crop = || Some(b"crop".to_vec());
        let mut ids = [Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        store.save(ids[0], at(), Some(b"frame"), &[crop(), crop()]).unwrap();
        store.save_revision(ids[0], 1, at(), Some(b"frame"), &[]).unwrap();
        store.save(ids[1], at(), None, &[None, crop(), crop()]).unwrap();
        store.save(ids[2], at(), Some(b"frame"), &[]).unwrap();
        let mut found: Vec<Uuid> = store.events().collect();
        found.sort();
        ids.sort();
        assert_eq!(found, ids);
    }

    #[test]
    fn revisions_of_an_event_have_pictures_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let id = Uuid::now_v7();
        let [first, second] =
            [0u32, 1].map(|revision| store.save_revision(id, revision, at(), Some(&[revision as u8]), &[]).unwrap());
        let read = |refs: &EvidenceRefs| store.read(refs.frame.as_ref().unwrap()).unwrap();
        assert_eq!((read(&first), read(&second)), (vec![0], vec![1]));
        store.remove(&first);
        assert_eq!(read(&second), [1]);
    }

    #[test]
    fn a_picture_that_cannot_be_written_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let id = Uuid::now_v7();
        // Written, but cannot get its name: something is in the way.
        fs::create_dir_all(dir.path().join(format!("evidence/2024-12-19/{id}-frame.jpg"))).unwrap();
        store.save(id, at(), Some(b"frame"), &[]).unwrap_err();
        assert_eq!(files(dir.path()), [format!("{id}-frame.jpg")]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("evidence"), b"a file is in the way").unwrap();
        let error = EvidenceStore::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("evidence") && error.contains("writable"), "{error}");
    }
}
