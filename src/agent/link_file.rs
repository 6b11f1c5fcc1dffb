//! `uplink-status.json`: how the link of the running agent stands, for `lpr-agent outbox stats`.

use crate::clock::Clock;
use crate::uplink::{Delivered, LinkStatus};
use crate::wire::timestamp;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// Between two writes at the least: a busy link changes with every event.
const PAUSE: Duration = Duration::from_secs(1);

/// What the file says. Moments as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LinkFile {
    /// `probing`, `socketio`, `rest`, `down`, `auth-paused`.
    pub state: String,
    /// When the state last changed.
    pub since: String,
    pub in_flight: usize,
    /// When the server last confirmed an event.
    pub last_receipt: Option<String>,
    /// The last thing that went wrong.
    pub last_error: Option<String>,
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("uplink-status.json")
}

/// What an agent wrote last; state and events in flight mean nothing once no agent runs.
pub fn read(data_dir: &Path) -> Option<LinkFile> {
    serde_json::from_slice(&std::fs::read(path(data_dir)).ok()?).ok()
}

/// Replaces the file as a whole: a reader sees the old one or the new one. Not synced, it is worth nothing after a reboot.
fn write(data_dir: &Path, file: &LinkFile) -> io::Result<()> {
    let temporary = path(data_dir).with_extension("json.tmp");
    std::fs::write(&temporary, serde_json::to_vec(file)?)?;
    std::fs::rename(temporary, path(data_dir))
}

/// Writes the file whenever the link changes, until the uplink ends.
pub async fn keep(
    data_dir: PathBuf,
    mut status: watch::Receiver<LinkStatus>,
    mut delivered: broadcast::Receiver<Delivered>,
    clock: Arc<dyn Clock>,
) {
    let now = || timestamp::format(clock.wall_us());
    let before = read(&data_dir).unwrap_or_default();
    let mut file = LinkFile { last_receipt: before.last_receipt, last_error: before.last_error, ..LinkFile::default() };
    let mut ended = false;
    loop {
        let current = status.borrow_and_update().clone();
        if file.state != current.link.as_str() {
            file.state = current.link.as_str().into();
            file.since = now();
        }
        file.in_flight = current.in_flight;
        file.last_error = current.trouble.or(file.last_error.take());
        // A receiver that lags has missed receipts, but there was one.
        while let Ok(_) | Err(broadcast::error::TryRecvError::Lagged(_)) = delivered.try_recv() {
            file.last_receipt = Some(now());
        }
        if let Err(error) = write(&data_dir, &file) {
            tracing::debug!(%error, "uplink-status.json cannot be written");
        }
        if ended {
            return;
        }
        tokio::time::sleep(PAUSE).await;
        // Once more at the end: how it was then is what a person asks for later.
        ended = tokio::select! {
            changed = status.changed() => changed.is_err(),
            received = delivered.recv() => match received {
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {
                    file.last_receipt = Some(now());
                    false
                }
                Err(broadcast::error::RecvError::Closed) => true,
            },
        };
    }
}
