//! Starting, watching and stopping: one shutdown signal for threads and tasks, threads with names, their pulses, what is
//! done about one that hangs, and what systemd is told. Watching is judged by an explicit `now` ([`Guard`]).

mod exits;
mod guard;
mod ladder;
pub mod notify;
mod probation;
mod pulse;
mod signals;

pub use exits::{ExitLog, Exited};
pub use guard::{Guard, Order, Seen, Word};
pub use ladder::{Allowance, Budget, Ladder, Rung};
pub use probation::Probation;
pub use pulse::{Beats, Progress, Pulse};
pub use signals::{hangups, stop_signal};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// Tells every thread and task to stop. Clones share the signal; it cannot be taken back.
#[derive(Debug, Clone)]
pub struct Shutdown {
    flag: Arc<AtomicBool>,
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { flag: Arc::default(), sender: Arc::new(watch::Sender::new(false)) }
    }
}

impl Shutdown {
    pub fn trigger(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.sender.send_replace(true);
    }

    pub fn is_triggered(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// The flag itself, for threads that poll it.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// A receiver for tasks that select on it.
    pub fn subscribe(&self) -> watch::Receiver<bool> {
        self.sender.subscribe()
    }

    /// Ends when the signal is given.
    pub async fn triggered(&self) {
        let mut receiver = self.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = receiver.wait_for(|stop| *stop).await;
    }
}

/// Starts an OS thread whose name shows in `top -H` and in a core dump.
pub fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<T>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(body)
}
