//! The server's signs of life for systemd.

use super::store::Store;
use crate::supervise::notify;
use std::sync::Arc;

/// Says at each third of the watchdog's time that the writer answers. A disk that is full is an answer; only a thread that
/// is stuck is none.
pub async fn keep_alive(store: Arc<Store>) {
    let Some(limit) = notify::watchdog() else { return };
    let mut ticks = tokio::time::interval(limit / 3);
    loop {
        ticks.tick().await;
        let _ = store.write(|_| Ok(())).await;
        notify::say("WATCHDOG=1");
    }
}
