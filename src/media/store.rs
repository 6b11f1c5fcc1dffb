//! The evidence folder: files that are whole or absent, whatever happens to the power.

use super::EvidencePath;
use super::path::is_day;
use crate::domain::CaptureTime;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
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
    #[error("cannot read the picture {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
}

/// The folder `<data_dir>/evidence`.
#[derive(Debug, Clone)]
pub struct EvidenceStore {
    root: PathBuf,
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
        Ok(Self { root })
    }

    /// The folder as it is, for reading and removing; nothing is made.
    pub fn at(data_dir: &Path) -> Self {
        Self { root: data_dir.join("evidence") }
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
        let refs = EvidenceRefs {
            frame: frame.map(|_| EvidencePath::frame(event_id, captured.wall_us)),
            plates: (plates.iter().enumerate())
                .map(|(index, jpeg)| jpeg.as_ref().map(|_| EvidencePath::plate(event_id, captured.wall_us, index)))
                .collect(),
        };
        let pictures = frame.into_iter().chain(plates.iter().flatten().map(Vec::as_slice));
        let written = self.write_all(refs.paths().zip(pictures));
        if written.is_err() {
            self.remove(&refs);
        }
        written.map(|()| refs)
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

    /// At start, before anything is written: removes the files that no row names (a power cut came between file and
    /// row, or between row and file), half-written ones and empty folders. Returns how many files.
    pub fn sweep(&self, named: &HashSet<EvidencePath>) -> Result<usize, MediaError> {
        let fault = |source| MediaError::Folder { path: self.root.clone(), source };
        let mut removed = 0;
        for folder in fs::read_dir(&self.root).map_err(fault)? {
            let folder = folder.map_err(fault)?;
            // Only what we could have made: a stranger's file in here is not ours to delete.
            let Some(day) = folder.file_name().to_str().filter(|name| is_day(name)).map(str::to_owned) else {
                continue;
            };
            for file in fs::read_dir(folder.path()).map_err(fault)? {
                let file = file.map_err(fault)?;
                let name = file.file_name();
                let name = name.to_string_lossy();
                let orphan = match EvidencePath::parse(&format!("{day}/{name}")) {
                    Ok(path) => !named.contains(&path),
                    Err(_) => name.ends_with(TEMPORARY),
                };
                if orphan {
                    fs::remove_file(file.path()).map_err(fault)?;
                    removed += 1;
                }
            }
            // Refused by the kernel while anything is in it, which is what we want.
            let _ = fs::remove_dir(folder.path());
        }
        Ok(removed)
    }
}

const TEMPORARY: &str = ".jpg.tmp";

fn write_file(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = target.with_extension("jpg.tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, target)
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
        assert_eq!(store.sweep(&HashSet::new()).unwrap(), 0);
        assert_eq!(fs::read_dir(dir.path().join("evidence")).unwrap().count(), 0);
    }

    #[test]
    fn the_sweep_takes_orphans_and_halves_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let store = EvidenceStore::open(dir.path()).unwrap();
        let kept = store.save(Uuid::now_v7(), at(), Some(b"kept"), &[]).unwrap();
        store.save(Uuid::now_v7(), at(), Some(b"orphan"), &[]).unwrap();
        let day = dir.path().join("evidence/2024-12-19");
        fs::write(day.join(format!("{}-frame.jpg.tmp", Uuid::now_v7())), b"half").unwrap();
        fs::write(day.join("notes.txt"), b"a person's").unwrap();

        assert_eq!(store.sweep(&kept.paths().cloned().collect()).unwrap(), 2);
        assert_eq!(store.read(kept.frame.as_ref().unwrap()).unwrap(), b"kept");
        assert_eq!(files(dir.path()).len(), 2);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("evidence"), b"a file is in the way").unwrap();
        let error = EvidenceStore::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("evidence") && error.contains("writable"), "{error}");
    }
}
