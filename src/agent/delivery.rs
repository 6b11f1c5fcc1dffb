//! The half of the agent that delivers, without cameras: outbox, evidence, uplink, and how they end.

use super::{Exit, Failure};
use crate::clock::Clock;
use crate::config::AgentConfig;
use crate::media::EvidenceStore;
use crate::outbox::{Outbox, OutboxHandle};
use crate::supervise::Shutdown;
use crate::uplink::{self, Uplink};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long a stopping agent goes on delivering what it has just read.
pub const LAST_BATCH: Duration = Duration::from_secs(3);

/// The threads of the agent's tasks.
pub fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("async")
        .enable_all()
        .build()
        .map_err(internal)
}

fn internal(error: std::io::Error) -> Failure {
    Failure::new(Exit::Internal, format!("cannot start: {error}"))
}

/// Outbox and evidence folder, consistent with each other.
pub fn open_storage(config: &AgentConfig, clock: &Arc<dyn Clock>) -> Result<(Outbox, EvidenceStore), Failure> {
    let storage = |error: &dyn std::fmt::Display| Failure::new(Exit::Storage, error);
    let outbox = Outbox::open(&config.data_dir, &config.outbox, clock.clone()).map_err(|error| storage(&error))?;
    let store =
        EvidenceStore::open(&config.data_dir).map_err(|error| storage(&error))?.sparing(config.outbox.reserve_mb);
    // Not before READY: both may take long, and neither keeps an event waiting.
    outbox.handle().check_in_background(store.clone()).map_err(internal)?;
    Ok((outbox, store))
}

/// The uplink, in the current runtime; `link` stops it.
pub fn start_uplink(
    config: &AgentConfig,
    outbox: &Outbox,
    store: &EvidenceStore,
    clock: &Arc<dyn Clock>,
    link: &Shutdown,
) -> Result<Uplink, Failure> {
    uplink::start(&config.uplink, parts(config, outbox, store, clock, link))
        .map_err(|error| Failure::new(Exit::Config, error))
}

/// What the uplink works with.
pub fn parts(
    config: &AgentConfig,
    outbox: &Outbox,
    store: &EvidenceStore,
    clock: &Arc<dyn Clock>,
    link: &Shutdown,
) -> uplink::Parts {
    uplink::Parts {
        cameras: config.camera_keys(),
        outbox: outbox.handle(),
        evidence: store.clone(),
        clock: clock.clone(),
        shrink: super::shrink::shrink(&config.evidence),
        shutdown: link.subscribe(),
    }
}

/// Ends when no event waits for delivery.
pub async fn drained(outbox: &OutboxHandle) {
    let mut counts = outbox.watch();
    // The outbox outlives this wait; if it were gone, nothing could be waiting.
    let _ = counts.wait_for(|counts| counts.pending == 0).await;
}
