//! The folders of the days. What several events put into one at the same time is synced once for all of them.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Days that are remembered as made.
const REMEMBERED: usize = 8;

/// Makes and syncs `YYYY/MM/DD` below a root.
#[derive(Debug)]
pub struct Days {
    root: PathBuf,
    made: Mutex<HashMap<String, Arc<GroupSync>>>,
}

impl Days {
    pub fn new(root: PathBuf) -> Self {
        Self { root, made: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Arc<GroupSync>>) -> T) -> T {
        act(&mut self.made.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The day's folder, made where it was missing; each new level is on the disk in the one above.
    pub fn make(&self, day: &str) -> io::Result<PathBuf> {
        let dir = self.root.join(day);
        // Held while it is made: nobody may use a folder whose own name is not on the disk yet.
        self.with(|made| {
            if !made.contains_key(day) {
                make_levels(&self.root, day)?;
                if made.len() >= REMEMBERED {
                    made.clear();
                }
                made.insert(day.to_owned(), Arc::default());
            }
            Ok(dir)
        })
    }

    /// Something is wrong there: look again next time.
    pub fn forget(&self, day: &str) {
        self.with(|made| made.remove(day));
    }

    /// Returns once everything that was in the day's folder at the call is on the disk.
    pub fn sync(&self, day: &str) -> io::Result<()> {
        let group = self.with(|made| made.entry(day.to_owned()).or_default().clone());
        group.sync(|| sync_dir(&self.root.join(day)))
    }
}

fn make_levels(root: &Path, day: &str) -> io::Result<()> {
    let mut dir = root.to_owned();
    for part in day.split('/') {
        let parent = dir.clone();
        dir.push(part);
        match fs::create_dir(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        // Also where it exists: a crash may have come between making and syncing.
        sync_dir(&parent)?;
    }
    Ok(())
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// One sync for all who ask while another is under way.
#[derive(Debug, Default)]
struct GroupSync {
    state: Mutex<SyncState>,
    turned: Condvar,
}

#[derive(Debug, Default)]
struct SyncState {
    /// Calls so far.
    asked: u64,
    /// Calls up to this one are on the disk.
    done: u64,
    running: bool,
}

impl GroupSync {
    /// Returns after a `work` that began after this call and succeeded, whoever ran it.
    fn sync(&self, work: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.asked += 1;
        let ticket = state.asked;
        while state.done < ticket {
            if state.running {
                state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.running = true;
            let covered = state.asked;
            drop(state);
            let result = work();
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.running = false;
            if result.is_ok() {
                state.done = state.done.max(covered);
            }
            self.turned.notify_all();
            // The others do not share an error: each of them tries for itself.
            result?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn calls_that_come_together_share_a_sync_that_began_after_them() {
        let group = GroupSync::default();
        let (written, synced, runs) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                        let work = || {
                            let covers = written.load(Ordering::SeqCst);
                            runs.fetch_add(1, Ordering::SeqCst);
                            std::thread::yield_now();
                            synced.fetch_max(covers, Ordering::SeqCst);
                            Ok(())
                        };
                        group.sync(work).unwrap();
                        assert!(synced.load(Ordering::SeqCst) >= mine);
                    }
                });
            }
        });
        assert!(runs.load(Ordering::SeqCst) <= 1600);
    }

    #[test]
    fn an_error_is_told_to_the_one_who_met_it_and_the_next_tries_again() {
        let group = GroupSync::default();
        assert!(group.sync(|| Err(io::Error::other("full"))).is_err());
        assert!(group.sync(|| Ok(())).is_ok());
    }

    #[test]
    fn a_day_that_vanished_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let days = Days::new(dir.path().to_owned());
        assert!(days.make("2024/12/19").unwrap().is_dir());
        fs::remove_dir_all(dir.path().join("2024")).unwrap();
        days.forget("2024/12/19");
        assert!(days.make("2024/12/19").unwrap().is_dir());
        days.sync("2024/12/19").unwrap();
    }
}
