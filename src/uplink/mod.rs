//! The road from the outbox to the server (DESIGN 5): Socket.IO first, REST while that is down, and nothing deleted
//! without a receipt.
//!
//! Pure rooms decide: [`link`] which road, `triage` what an answer means for a row, `desk` what is tried when, `pace` how
//! much at once, `ledger` which receipts are still to be written down; `plan` joins them. `driver` is the task that does
//! what it says, over the roads `socket_road` and `rest`.

mod clock_watch;
mod desk;
mod dispatch;
mod driver;
mod endpoint;
mod lanes;
mod ledger;
pub mod link;
#[cfg(test)]
mod model_tests;
mod pace;
mod pack;
mod plan;
pub mod rest;
mod rows;
mod settle;
pub mod socket;
mod socket_road;
mod status;
mod tls;
mod token;
mod transport;
mod triage;
mod witness;

pub use endpoint::Endpoint;
pub use pack::Shrink;
pub use rows::{health_row, plate_row};
pub use status::{Delivered, Link, LinkStatus, Road, UplinkError};
pub use tls::TlsFiles;
pub use token::read_token;

use crate::clock::Clock;
use crate::config::{UplinkConfig, is_plain_to_another_machine};
use crate::domain::CameraKey;
use crate::media::EvidenceStore;
use crate::outbox::OutboxHandle;
use futures_util::stream::FuturesUnordered;
use link::Timings;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

/// Deliveries that a slow listener may be behind.
const DELIVERED_QUEUE: usize = 1024;

/// The running uplink.
#[derive(Debug)]
pub struct Uplink {
    /// How the link stands; changes when it does.
    pub status: watch::Receiver<LinkStatus>,
    /// One message per delivered event, after the receipt. A receiver that is 1024 behind loses the oldest.
    pub delivered: broadcast::Receiver<Delivered>,
    /// Ends after `shutdown` has become true: events in flight get 3 s for their answers and the commit of those.
    pub task: JoinHandle<()>,
}

/// What the uplink works with.
pub struct Parts {
    /// Registered on every connection.
    pub cameras: Vec<CameraKey>,
    pub outbox: OutboxHandle,
    pub evidence: EvidenceStore,
    pub clock: Arc<dyn Clock>,
    /// Makes pictures smaller for the socket; without it a too large event goes by REST as it is.
    pub shrink: Option<Arc<dyn Shrink>>,
    /// Becomes true when the uplink is to stop.
    pub shutdown: watch::Receiver<bool>,
}

/// Starts the uplink in the current tokio runtime.
///
/// # Errors
/// What no waiting will mend: a server URL, a token file or a certificate that cannot be used.
pub fn start(config: &UplinkConfig, parts: Parts) -> Result<Uplink, UplinkError> {
    start_with(config, parts, Timings::default())
}

/// [`start`] with other waiting times.
pub fn start_with(config: &UplinkConfig, parts: Parts, timings: Timings) -> Result<Uplink, UplinkError> {
    let Parts { cameras, outbox, evidence, clock, shrink, shutdown } = parts;
    let endpoint = Endpoint::parse(&config.server_url)?;
    if !config.allow_insecure && is_plain_to_another_machine(&config.server_url) {
        return Err(UplinkError::Insecure(endpoint.to_string()));
    }
    let tls = TlsFiles::from(config).connector()?;
    let client = rest::RestClient::new(
        endpoint.clone(),
        read_token(&config.token_file)?,
        Duration::from_secs_f64(config.connect_timeout_s),
        Duration::from_secs_f64(config.answer_timeout_s),
        tls.clone(),
    )?;
    let (status, watched) = watch::channel(LinkStatus::default());
    let (delivered, deliveries) = broadcast::channel(DELIVERED_QUEUE);
    let (receipts, received) = mpsc::unbounded_channel();
    let (results, settled) = mpsc::unbounded_channel();
    tokio::spawn(settle::commit_receipts(outbox.clone(), received, results));
    let introduction =
        socket_road::Introduction { epoch: outbox.epoch(), boot: outbox.boot().clone(), clock: clock.clone(), cameras };
    let driver = driver::Driver {
        config: config.clone(),
        endpoint,
        tls,
        introduction,
        counts: outbox.watch(),
        outbox,
        packer: pack::Packer { evidence, shrink },
        plan: plan::Plan::new(config.transport, config.window, timings, clock.monotonic(), driver::jitter),
        clock,
        clock_watch: clock_watch::ClockWatch::default(),
        rest: rest::RestRoad { client },
        socket: None,
        witness: witness::Witness::default(),
        attempts: mpsc::channel(4),
        work: FuturesUnordered::new(),
        proving: false,
        fetching: false,
        receipts,
        settled,
        status,
        delivered,
        shutdown,
        stopping: false,
    };
    Ok(Uplink { status: watched, delivered: deliveries, task: tokio::spawn(driver.run()) })
}
