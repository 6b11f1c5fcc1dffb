//! The models folder: what is there, whether it is what the lock says, and how a file gets in.

use super::{Entry, Lock, ModelsError, SourceError};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The models folder and its lock.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    lock: Lock,
}

/// One pinned file on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Present,
    Missing,
    /// Something else is there under its name.
    Corrupt {
        found: String,
    },
}

/// A file's sha256 in lower-case hex, and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fingerprint {
    pub sha256: String,
    pub bytes: u64,
}

impl Store {
    /// Opens the folder `dir` by its `lock.toml`.
    pub fn open(dir: &Path) -> Result<Self, ModelsError> {
        let path = dir.join("lock.toml");
        let text = fs::read_to_string(&path).map_err(|source| ModelsError::NoLock { path: path.clone(), source })?;
        let lock = Lock::parse(&text).map_err(|source| ModelsError::BadLock { path, source })?;
        Ok(Self { dir: dir.to_owned(), lock })
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    pub fn path_of(&self, entry: &Entry) -> PathBuf {
        self.dir.join(&entry.file)
    }

    /// Looks at the disk; reads the whole file.
    pub fn state_of(&self, entry: &Entry) -> Result<State, ModelsError> {
        let path = self.path_of(entry);
        let found = match File::open(&path).and_then(|mut file| copy_hashing(&mut file, &mut io::sink(), u64::MAX)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
            Err(source) => return Err(ModelsError::Unreadable { path, source }),
        };
        if found.sha256 == entry.sha256 { Ok(State::Present) } else { Ok(State::Corrupt { found: found.sha256 }) }
    }

    /// Takes in what `content` gives, if it is the pinned file: written beside its place, synced, then renamed, so that
    /// a file under its own name is always whole.
    pub(super) fn take_in(&self, entry: &Entry, content: &mut dyn Read) -> Result<(), SourceError> {
        let path = self.path_of(entry);
        let partial = self.dir.join(".fetch").join("partial");
        let written = write_synced(&partial, content, entry.size + 1)?;
        if written.sha256 != entry.sha256 {
            let _ = fs::remove_file(&partial);
            return Err(SourceError::Foreign {
                found: written.sha256,
                bytes: written.bytes,
                pinned: entry.sha256.clone(),
            });
        }
        let folder = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(folder)
            .and_then(|()| fs::rename(&partial, &path))
            .and_then(|()| File::open(folder)?.sync_all())
            .map_err(|source| SourceError::Unwritable { path, source })
    }
}

/// Writes at the most `limit` bytes: enough to tell a foreign file, and no more than the disk was promised.
fn write_synced(path: &Path, content: &mut dyn Read, limit: u64) -> Result<Fingerprint, SourceError> {
    let unwritable = |source| SourceError::Unwritable { path: path.to_owned(), source };
    let mut file = File::create(path).map_err(unwritable)?;
    let written = copy_hashing(content, &mut file, limit).map_err(unwritable)?;
    file.sync_all().map_err(unwritable)?;
    Ok(written)
}

/// Copies at the most `limit` bytes and hashes them on the way.
pub(super) fn copy_hashing(from: &mut dyn Read, to: &mut dyn Write, limit: u64) -> io::Result<Fingerprint> {
    let mut from = from.take(limit);
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; 1 << 16];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&chunk[..read]);
        to.write_all(&chunk[..read])?;
        bytes += read as u64;
    }
    let sha256 = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Fingerprint { sha256, bytes })
}
