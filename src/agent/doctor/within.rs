//! Checks that may hang run on threads of their own; whoever waits does so until a deadline, and not longer.

use crate::supervise;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// What a check will give.
pub struct Pending<T> {
    result: Option<Receiver<T>>,
    deadline: Instant,
}

/// Starts `check`; a thread that hangs is left behind, and ends with the process.
pub fn start<T: Send + 'static>(name: &str, limit: Duration, check: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
    let (sender, receiver) = channel();
    // Nobody may be listening any more.
    let spawned = supervise::spawn(name, move || drop(sender.send(check())));
    Pending { result: spawned.is_ok().then_some(receiver), deadline: Instant::now() + limit }
}

impl<T> Pending<T> {
    /// What it gave; `None` where it did not in time.
    pub fn wait(self) -> Option<T> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        self.result?.recv_timeout(left).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_hangs_is_left_behind_at_its_deadline() {
        let (release, held) = channel::<()>();
        let begun = Instant::now();
        let hanging = start("hangs", Duration::from_millis(50), move || held.recv().is_ok());
        let prompt = start("prompt", Duration::from_secs(60), || 7);
        assert_eq!(prompt.wait(), Some(7));
        assert_eq!(hanging.wait(), None);
        assert!(begun.elapsed() < Duration::from_secs(30));
        drop(release);
    }
}
