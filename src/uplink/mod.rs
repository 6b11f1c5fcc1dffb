//! The road from the outbox to the server (DESIGN 5): Socket.IO first, REST while that is down, and nothing deleted
//! without a receipt.
//!
//! Pure rooms decide: [`link`] which road, `triage` what an answer means for a row, `desk` what is tried when;
//! `driver` is the task that does it, over the roads `socket_road` and `rest`.

mod desk;
mod driver;
mod endpoint;
pub mod link;
mod pack;
pub mod rest;
mod rows;
mod settle;
mod socket_road;
pub mod socketio;
mod status;
mod token;
mod transport;
mod triage;

pub use endpoint::Endpoint;
pub use rows::{health_row, plate_row};
pub use status::{Delivered, Link, LinkStatus, Road, UplinkError};
pub use token::read_token;

use crate::clock::Clock;
use crate::config::UplinkConfig;
use crate::domain::CameraKey;
use crate::media::EvidenceStore;
use crate::outbox::OutboxHandle;
use link::{LinkMachine, Timings};
use std::collections::VecDeque;
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
    /// Ends after `shutdown` has become true: the event in flight gets 3 s for its answer, deletions 3 s more.
    pub task: JoinHandle<()>,
}

/// What the uplink works with.
pub struct Parts {
    /// Registered on every connection.
    pub cameras: Vec<CameraKey>,
    pub outbox: OutboxHandle,
    pub evidence: EvidenceStore,
    pub clock: Arc<dyn Clock>,
    /// Becomes true when the uplink is to stop.
    pub shutdown: watch::Receiver<bool>,
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
    shutdown: watch::Receiver<bool>,
) -> Result<Uplink, UplinkError> {
    start_with(config, Parts { cameras, outbox, evidence, clock, shutdown }, Timings::default())
}

/// [`start`] with other waiting times.
pub fn start_with(config: &UplinkConfig, parts: Parts, timings: Timings) -> Result<Uplink, UplinkError> {
    let Parts { cameras, outbox, evidence, clock, shutdown } = parts;
    let endpoint = Endpoint::parse(&config.server_url)?;
    let client = rest::RestClient::new(
        endpoint.clone(),
        read_token(&config.token_file)?,
        Duration::from_secs_f64(config.connect_timeout_s),
        Duration::from_secs_f64(config.answer_timeout_s),
    )?;
    let (status, watched) = watch::channel(LinkStatus::default());
    let (delivered, deliveries) = broadcast::channel(DELIVERED_QUEUE);
    let introduction =
        socket_road::Introduction { epoch: outbox.epoch(), boot: outbox.boot().clone(), clock: clock.clone(), cameras };
    let driver = driver::Driver {
        config: config.clone(),
        endpoint,
        introduction,
        counts: outbox.watch(),
        outbox,
        evidence,
        link: LinkMachine::new(config.transport, timings, clock.monotonic()),
        clock,
        rest: rest::RestRoad { client, echoes: false },
        socket: None,
        desk: desk::Desk::default(),
        queue: VecDeque::new(),
        attempts: mpsc::channel(4),
        deletions: mpsc::unbounded_channel(),
        status,
        delivered,
        shutdown,
        stopping: false,
        sending: false,
        trouble: None,
    };
    Ok(Uplink { status: watched, delivered: deliveries, task: tokio::spawn(driver.run()) })
}
