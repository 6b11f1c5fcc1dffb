//! Room on the disk: how much is free, and a file that holds some back for when nothing else is. SQLite needs room even
//! to delete, so a disk that fills up to the last byte would be a disk that cannot be drained.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The log may grow so far beyond the file; it needs room as well.
const LOG_ROOM: u64 = 20_000_000;
const LOW: u64 = 256_000;

/// The filesystem under the data directory, and the reserve on it.
#[derive(Debug)]
pub(super) struct Disk {
    dir: PathBuf,
    /// Bytes to hold back.
    reserve: u64,
}

impl Disk {
    pub(super) fn new(dir: &Path, reserve_mb: u64) -> Disk {
        let (_, total) = room(dir).unwrap_or((0, u64::MAX));
        Disk { dir: dir.to_owned(), reserve: (reserve_mb * 1_000_000).min(total / 16) }
    }

    fn reserve_path(&self) -> PathBuf {
        self.dir.join("outbox.reserve")
    }

    /// Bytes that can still be written; plenty where the system does not say.
    pub(super) fn free(&self) -> u64 {
        room(&self.dir).map_or(u64::MAX, |(free, _)| free)
    }

    /// So little that any failure to write is put down to it.
    pub(super) fn is_low(&self) -> bool {
        self.free() < LOW
    }

    /// Bytes by which the outbox file may grow.
    pub(super) fn growth(&self) -> u64 {
        let free = self.free();
        free.saturating_sub(LOG_ROOM.min(free / 2))
    }

    pub(super) fn reserve(&self) -> u64 {
        self.reserve
    }

    pub(super) fn holds_reserve(&self) -> bool {
        fs::metadata(self.reserve_path()).is_ok_and(|file| file.len() >= self.reserve)
    }

    /// Gives the reserve free. `true`: there was one.
    pub(super) fn release(&self) -> bool {
        self.reserve > 0 && fs::remove_file(self.reserve_path()).is_ok()
    }

    /// Takes the reserve (back), once there is room for it and as much again.
    pub(super) fn take(&self) {
        if self.reserve == 0 || self.holds_reserve() || self.free() < self.reserve * 2 {
            return;
        }
        if let Err(error) = self.fill() {
            let _ = fs::remove_file(self.reserve_path());
            tracing::debug!(%error, "no disk space can be held back");
        }
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = File::create(self.reserve_path())?;
        let flags = rustix::fs::FallocateFlags::empty();
        if rustix::fs::fallocate(&file, flags, 0, self.reserve).is_err() {
            // Not every filesystem can; zeros take the room all the same.
            let zeros = vec![0u8; 1 << 16];
            let mut left = self.reserve;
            while left > 0 {
                let part = left.min(zeros.len() as u64);
                file.write_all(&zeros[..part as usize])?;
                left -= part;
            }
        }
        file.sync_all()
    }
}

/// Free and total bytes of the filesystem.
fn room(dir: &Path) -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    Some((stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize)))
}
