//! `outbox.seq`: an independent note of how many events there are, overwritten in place after each commit. It tells what
//! a damaged outbox, or one that is gone, has lost. Never ahead of the outbox: written after the commit.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The note always takes so much, so that it is overwritten in one block.
const BYTES: usize = 1024;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    pub(super) epoch: Uuid,
    pub(super) last_seq: i64,
    /// Waiting or quarantined: what would be lost with the outbox.
    pub(super) waiting: u64,
    /// Camera and checkpoint in whose name a loss is reported.
    pub(super) reporter: Option<(String, String)>,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Sidecar {
    file: Option<File>,
    path: PathBuf,
    last: Option<Note>,
}

impl Sidecar {
    pub(super) fn at(dir: &Path) -> Sidecar {
        Sidecar { file: None, path: dir.join("outbox.seq"), last: None }
    }

    /// The last note; `None` where there is none or it is damaged.
    pub(super) fn read(&self) -> Option<Note> {
        let text = std::fs::read_to_string(&self.path).ok()?;
        let (json, sum) = text.lines().next()?.rsplit_once('\t')?;
        (checksum(json) == sum).then(|| serde_json::from_str(json).ok())?
    }

    /// Best effort: a note that cannot be written must not stop an event that can.
    pub(super) fn write(&mut self, note: Note) {
        if self.last.as_ref() == Some(&note) {
            return;
        }
        match self.try_write(&note) {
            Ok(()) => self.last = Some(note),
            Err(error) => {
                self.file = None;
                tracing::debug!(path = %self.path.display(), %error, "not written");
            }
        }
    }

    fn try_write(&mut self, note: &Note) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
                self.file.insert(file)
            }
        };
        let json = serde_json::to_string(note)?;
        let mut line = format!("{json}\t{}\n", checksum(&json)).into_bytes();
        line.resize(line.len().max(BYTES), b' ');
        file.write_all_at(&line, 0)
    }

    pub(super) fn sync(&self) {
        if let Some(file) = &self.file {
            let _ = file.sync_data();
        }
    }
}

fn checksum(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    sum.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_written_and_a_damaged_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let mut sidecar = Sidecar::at(dir.path());
        assert_eq!(sidecar.read(), None);
        let note =
            |last_seq| Note { epoch: Uuid::nil(), last_seq, waiting: 3, reporter: Some(("ก".into(), "g\t".into())) };
        sidecar.write(note(1_000_000));
        sidecar.write(note(5));
        assert_eq!(sidecar.read(), Some(note(5)));
        let path = dir.path().join("outbox.seq");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[10] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(sidecar.read(), None);
    }
}
