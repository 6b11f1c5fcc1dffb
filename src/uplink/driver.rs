//! The uplink's task: takes rows from the outbox, sends them by the road that the link machine names, settles them.
//! One event is in flight at a time.

use super::desk::Desk;
use super::link::{LinkMachine, Mode};
use super::rest::RestRoad;
use super::socket_road::{Introduction, SocketRoad};
use super::socketio::SocketError;
use super::status::{Delivered, LinkStatus, Road};
use super::token::read_token;
use super::transport::{Outcome, Parcel, Transport as _};
use super::triage::triage;
use super::{Endpoint, pack};
use crate::clock::Clock;
use crate::config::{Transport, UplinkConfig};
use crate::media::EvidenceStore;
use crate::outbox::{Counts, OutboxError, OutboxHandle, Row, RowId, Want};
use futures_util::FutureExt;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// Rows taken from the outbox at once.
const FETCH: usize = 16;
/// What is left to an event in flight, and to its deletion, when the agent stops.
const GRACE: Duration = Duration::from_secs(3);
/// After the outbox failed to answer.
const OUTBOX_PAUSE: Duration = Duration::from_secs(5);

type AttemptResult = (u64, Result<SocketRoad, SocketError>);
pub(super) type Deletion = (RowId, Result<(), OutboxError>);

pub(super) struct Driver {
    pub config: UplinkConfig,
    pub endpoint: Endpoint,
    pub introduction: Introduction,
    pub outbox: OutboxHandle,
    pub evidence: EvidenceStore,
    pub clock: Arc<dyn Clock>,
    pub link: LinkMachine,
    pub rest: RestRoad,
    pub socket: Option<(u64, SocketRoad)>,
    pub desk: Desk,
    pub queue: VecDeque<Row>,
    pub counts: watch::Receiver<Counts>,
    pub attempts: (mpsc::Sender<AttemptResult>, mpsc::Receiver<AttemptResult>),
    pub deletions: (mpsc::UnboundedSender<Deletion>, mpsc::UnboundedReceiver<Deletion>),
    pub status: watch::Sender<LinkStatus>,
    pub delivered: broadcast::Sender<Delivered>,
    pub shutdown: watch::Receiver<bool>,
    pub stopping: bool,
    pub sending: bool,
    pub trouble: Option<String>,
}

/// Why [`Driver::wait`] ended.
enum Woken {
    Attempt(Box<AttemptResult>),
    SocketClosed(String),
    Deleted(Deletion),
    Stop,
    /// Rows have come or time has passed: look again.
    Look,
}

impl Driver {
    pub async fn run(mut self) {
        loop {
            self.catch_up();
            if self.stopping {
                break;
            }
            let now = self.clock.monotonic();
            if let Some(generation) = self.link.poll(now) {
                self.connect(generation);
            }
            self.close_old_socket();
            self.publish();
            if self.link.may_send(now) && self.advance(now).await {
                continue;
            }
            self.wait(now).await;
        }
        self.finish().await;
    }

    /// Does the next thing that can be done; `false`: nothing can.
    async fn advance(&mut self, now: Duration) -> bool {
        if let Mode::Rest { proven: false, .. } = self.link.mode() {
            self.prove_rest().await;
            return true;
        }
        self.counts.borrow_and_update();
        match self.next_row(now).await {
            Some(row) => self.send(row).await,
            None => return false,
        }
        true
    }

    /// Takes in what has happened meanwhile, without waiting.
    fn catch_up(&mut self) {
        self.stopping |= *self.shutdown.borrow();
        while let Ok(result) = self.attempts.1.try_recv() {
            self.attempt_ended(result);
        }
        while let Ok(deletion) = self.deletions.1.try_recv() {
            self.deletion_ended(deletion);
        }
        if let Some(reason) = self.socket.as_mut().and_then(|(_, road)| road.closed().now_or_never()) {
            self.socket_lost(reason);
        }
    }

    async fn wait(&mut self, now: Duration) {
        let wake = [self.link.wake_at(now), self.desk.wake_at(now)].into_iter().flatten().min();
        let wake = wake.map_or(Duration::from_secs(3600), |at| at.saturating_sub(self.clock.monotonic()));
        let closed = async {
            match &mut self.socket {
                Some((_, road)) => road.closed().await,
                None => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            _ = self.shutdown.wait_for(|stop| *stop) => Woken::Stop,
            Some(result) = self.attempts.1.recv() => Woken::Attempt(Box::new(result)),
            Some(deletion) = self.deletions.1.recv() => Woken::Deleted(deletion),
            reason = closed => Woken::SocketClosed(reason),
            changed = self.counts.changed() => if changed.is_ok() { Woken::Look } else { Woken::Stop },
            () = sleep(wake) => Woken::Look,
        };
        match woken {
            Woken::Attempt(result) => self.attempt_ended(*result),
            Woken::Deleted(deletion) => self.deletion_ended(deletion),
            Woken::SocketClosed(reason) => self.socket_lost(reason),
            Woken::Stop => self.stopping = true,
            Woken::Look => {}
        }
    }

    // --- the roads ---

    fn connect(&mut self, generation: u64) {
        let token = match read_token(&self.config.token_file) {
            Ok(token) => token,
            Err(error) => {
                self.trouble = Some(error.to_string());
                return self.link.socket_failed(generation, self.clock.monotonic(), jitter());
            }
        };
        let (endpoint, introduction) = (self.endpoint.clone(), self.introduction.clone());
        let connect = Duration::from_secs_f64(self.config.connect_timeout_s);
        let answer = Duration::from_secs_f64(self.config.answer_timeout_s);
        let results = self.attempts.0.clone();
        tokio::spawn(async move {
            let result = SocketRoad::open(&endpoint, &token, introduction, connect, answer).await;
            let _ = results.send((generation, result)).await;
        });
    }

    fn attempt_ended(&mut self, (generation, result): AttemptResult) {
        let now = self.clock.monotonic();
        match result {
            Ok(road) => {
                if self.link.connected(generation, now) {
                    self.rest.echoes = road.peer().echoes();
                    self.socket = Some((generation, road));
                }
            }
            Err(SocketError::AuthRefused(reason)) if self.link.expects(generation) => self.auth_refused(reason),
            Err(error) => {
                tracing::debug!(%error, "the socket cannot be used");
                if self.link.expects(generation) {
                    self.trouble = Some(format!("Socket.IO: {error}"));
                }
                self.link.socket_failed(generation, now, jitter());
            }
        }
    }

    pub(super) fn socket_lost(&mut self, reason: String) {
        if let Some((generation, road)) = self.socket.take() {
            // Closed before anything else is sent: a late answer must never name the wrong row.
            drop(road);
            self.trouble = Some(format!("Socket.IO: {reason}"));
            self.link.socket_failed(generation, self.clock.monotonic(), jitter());
        }
    }

    fn close_old_socket(&mut self) {
        if self.socket.as_ref().is_some_and(|(generation, _)| Some(*generation) != self.link.live()) {
            self.socket = None;
        }
    }

    pub(super) fn auth_refused(&mut self, reason: String) {
        tracing::error!(
            server = %self.endpoint, %reason, token_file = %self.config.token_file,
            "the server refuses our credentials; nothing is sent until it accepts them: check uplink.token_file"
        );
        self.trouble = Some(reason);
        self.link.auth_refused(self.clock.monotonic());
    }

    /// Asks whether a server is there before an event is trusted to it; also where a changed token is taken up.
    async fn prove_rest(&mut self) {
        let token = match read_token(&self.config.token_file) {
            Ok(token) => token,
            Err(error) => return self.rest_failed(error.to_string()),
        };
        self.rest.client.set_token(token);
        let result = tokio::select! {
            result = self.rest.probe() => result,
            _ = self.shutdown.wait_for(|stop| *stop) => return self.stopping = true,
        };
        match result {
            Ok(()) => self.link.rest_worked(self.clock.monotonic()),
            Err(Outcome::AuthRefused { reason }) => self.auth_refused(reason),
            Err(Outcome::Busy { wait, reason }) => {
                self.trouble = Some(reason);
                self.link.hold(self.clock.monotonic(), wait);
            }
            Err(other) => self.rest_failed(other.reason().to_owned()),
        }
    }

    pub(super) fn rest_failed(&mut self, reason: String) {
        self.trouble = Some(format!("REST: {reason}"));
        self.link.rest_failed(self.clock.monotonic(), jitter());
    }

    // --- one row ---

    async fn next_row(&mut self, now: Duration) -> Option<Row> {
        if self.queue.is_empty() {
            match self.outbox.next(Want { limit: FETCH, skip: self.desk.skip(now), newer_than: None }).await {
                Ok(rows) => self.queue = rows.into(),
                Err(error) => {
                    tracing::error!(%error, "the outbox gives no events");
                    self.link.hold(now, Some(OUTBOX_PAUSE));
                    return None;
                }
            }
        }
        while let Some(row) = self.queue.pop_front() {
            if !self.desk.held_back(row.id, &row.camera, now) {
                return Some(row);
            }
        }
        None
    }

    async fn send(&mut self, row: Row) {
        let parcel = pack::pack(&row, &self.evidence, &self.clock, self.outbox.boot()).await;
        self.sending = true;
        self.publish();
        let (road, outcome) = self.deliver(&row, &parcel).await;
        self.sending = false;
        let (fate, news) = triage(outcome, road, self.config.transport == Transport::Auto);
        self.take_news(news, road);
        self.take_fate(fate, row, road).await;
    }

    async fn deliver(&mut self, row: &Row, parcel: &Parcel) -> (Road, Outcome) {
        let road = match (&mut self.socket, self.link.mode()) {
            (Some((generation, road)), Mode::Socket { generation: used, .. }) if *generation == used => Some(road),
            _ => None,
        };
        let stopped = stopped_for(self.shutdown.clone(), GRACE);
        let stopping = || Outcome::Broken { reason: "the agent stops".into() };
        let Some(road) = road else {
            let outcome = tokio::select! { outcome = self.rest.deliver(parcel) => outcome, () = stopped => stopping() };
            return (Road::Rest, outcome);
        };
        let limit = road.peer().max_event_bytes.unwrap_or(usize::MAX).min(self.config.max_socket_bytes);
        if parcel.bytes > limit || self.desk.wants_rest(row.id) {
            if self.config.transport == Transport::Auto {
                let outcome =
                    tokio::select! { outcome = self.rest.deliver(parcel) => outcome, () = stopped => stopping() };
                return (Road::Rest, outcome);
            }
            let reason = format!(
                "{} bytes are more than the {limit} of one message; transport = \"auto\" would send it by REST",
                parcel.bytes
            );
            return (Road::Socketio, Outcome::TooLarge { reason });
        }
        let outcome = tokio::select! { outcome = road.deliver(parcel) => outcome, () = stopped => stopping() };
        (Road::Socketio, outcome)
    }

    async fn finish(&mut self) {
        let deletions = async {
            while self.desk.settling() > 0
                && let Some(deletion) = self.deletions.1.recv().await
            {
                self.deletion_ended(deletion);
            }
        };
        if timeout(GRACE, deletions).await.is_err() {
            tracing::warn!("stopped before every delivered event was deleted; those will be sent again");
        }
        if let Some((_, road)) = self.socket.take() {
            road.close().await;
        }
        self.publish();
    }
}

/// Ready when the agent has been stopping for `grace`.
async fn stopped_for(mut shutdown: watch::Receiver<bool>, grace: Duration) {
    let _ = shutdown.wait_for(|stop| *stop).await;
    sleep(grace).await;
}

/// 0–1, from the system's randomness.
fn jitter() -> f64 {
    (Uuid::new_v4().as_u128() as u32) as f64 / f64::from(u32::MAX)
}
