//! One agent per data directory.

use super::OutboxError;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

/// For a second.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Held as long as it lives; the kernel lets go of it when the process dies, however it dies.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    pub(super) fn take(dir: &Path) -> Result<Self, OutboxError> {
        let fault = |source| OutboxError::Directory { dir: dir.to_owned(), source };
        std::fs::create_dir_all(dir).map_err(fault)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("lpr-agent.lock"))
            .map_err(fault)?;
        let mut tries = TRIES;
        let locked = loop {
            match file.try_lock() {
                // `is_held` takes it for a moment, in whatever process.
                Err(TryLockError::WouldBlock) if tries > 0 => std::thread::sleep(PAUSE),
                other => break other,
            }
            tries -= 1;
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OutboxError::Locked { dir: dir.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(fault(source)),
        }
        // For the one who is refused; the lock holds without it, and a full disk must not keep the agent from starting.
        let _ = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _file: file })
    }
}

/// Whether an agent works in this data directory right now.
pub fn is_held(dir: &Path) -> bool {
    let file = OpenOptions::new().read(true).open(dir.join("lpr-agent.lock"));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "its process id is unknown".into(),
    }
}
