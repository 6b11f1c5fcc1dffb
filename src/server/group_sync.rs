//! What several events write at the same time is synced once for all of them.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};

/// One sync for all who ask while another is under way.
#[derive(Debug, Default)]
pub struct GroupSync {
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
    pub fn sync(&self, work: impl Fn() -> io::Result<()>) -> io::Result<()> {
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
}
