//! Pictures of vehicles that were not read: the last few per camera and reason, for whoever asks why. Aids, not evidence:
//! they are not fsynced, no row names them, and they never leave the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folder inside the data folder.
const FOLDER: &str = "unread";

/// The pictures of all cameras.
#[derive(Debug, Clone)]
pub struct UnreadStore {
    root: PathBuf,
    keep: usize,
}

impl UnreadStore {
    /// Keeps the last `keep` pictures per camera and reason below `data_dir`.
    pub fn at(data_dir: &Path, keep: usize) -> Self {
        Self { root: data_dir.join(FOLDER), keep }
    }

    /// Adds a picture and removes the oldest ones beyond the limit.
    pub fn add(&self, camera: &str, reason: &str, jpeg: &[u8]) -> io::Result<()> {
        let folder = self.root.join(folder_name(camera)).join(folder_name(reason));
        fs::create_dir_all(&folder)?;
        let mut numbers = numbers(&folder)?;
        let next = numbers.last().map_or(1, |last| last.saturating_add(1));
        fs::write(folder.join(file_name(next)), jpeg)?;
        numbers.push(next);
        let surplus = numbers.len().saturating_sub(self.keep);
        numbers[..surplus].iter().try_for_each(|old| fs::remove_file(folder.join(file_name(*old))))
    }

    /// Are pictures kept at all?
    pub fn keeps(&self) -> bool {
        self.keep > 0
    }

    /// The numbers of a camera's pictures, rising, per reason in the order of its name. What cannot be read is not there.
    pub fn list(&self, camera: &str) -> Vec<(String, Vec<u64>)> {
        let folder = self.root.join(folder_name(camera));
        let names =
            fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let of = |reason: String| numbers(&folder.join(&reason)).ok().map(|numbers| (reason, numbers));
        let mut reasons: Vec<_> = names.filter(|name| *name == folder_name(name)).filter_map(of).collect();
        reasons.sort_unstable();
        reasons
    }

    /// One picture.
    pub fn picture(&self, camera: &str, reason: &str, number: u64) -> io::Result<Vec<u8>> {
        fs::read(self.root.join(folder_name(camera)).join(folder_name(reason)).join(file_name(number)))
    }
}

/// A camera's id may be any text: what could lead elsewhere becomes `_`.
fn folder_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    text.chars().take(80).map(plain).collect()
}

/// Rises for ever, so that the order survives a clock that jumps.
fn file_name(number: u64) -> String {
    format!("{number:08}.jpg")
}

/// Of the pictures there are, rising.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".jpg")).and_then(|stem| stem.parse().ok());
        numbers.extend(number.filter(|number| Some(file_name(*number).as_str()) == name.to_str()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn the_last_pictures_are_kept_per_camera_and_reason_also_after_a_restart() {
        let dir = TempDir::new().unwrap();
        for number in 0..7u8 {
            // A new store each time: nothing is remembered but what is on the disk.
            UnreadStore::at(dir.path(), 3).add("gate 1", "blurred", &[number]).unwrap();
        }
        UnreadStore::at(dir.path(), 3).add("gate 1", "too_small", &[9]).unwrap();
        let folder = dir.path().join("unread/gate_1/blurred");
        let kept: Vec<u8> =
            numbers(&folder).unwrap().iter().map(|n| fs::read(folder.join(file_name(*n))).unwrap()[0]).collect();
        assert_eq!(kept, [4, 5, 6]);
        let store = UnreadStore::at(dir.path(), 3);
        assert_eq!(store.list("gate 1"), [("blurred".to_owned(), vec![5, 6, 7]), ("too_small".to_owned(), vec![1])]);
        assert_eq!(store.picture("gate 1", "blurred", 7).unwrap(), [6]);
        assert!(store.picture("gate 1", "../gate_1/blurred", 7).is_err() && store.list("../gate 1").is_empty());
        assert_eq!(fs::read_dir(dir.path().join("unread/gate_1")).unwrap().count(), 2);
    }

    #[test]
    fn no_camera_id_leads_out_of_the_folder() {
        let dir = TempDir::new().unwrap();
        UnreadStore::at(&dir.path().join("data"), 1).add("../../x/é", "no_plate", &[1]).unwrap();
        assert!(dir.path().join("data/unread/______x__/no_plate/00000001.jpg").is_file());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_strangers_file_in_the_folder_is_left_alone() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("unread/a/blurred");
        fs::create_dir_all(&folder).unwrap();
        ["notes.txt", "7.jpg"].iter().for_each(|name| fs::write(folder.join(name), "x").unwrap());
        (0..3).for_each(|_| UnreadStore::at(dir.path(), 1).add("a", "blurred", &[1]).unwrap());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3);
    }
}
