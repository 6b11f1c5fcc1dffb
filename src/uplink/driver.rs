//! The uplink's task: keeps the link, and wakes for whatever happens. What goes out is `dispatch`'s, what comes back
//! `settle`'s.

use super::Endpoint;
use super::clock_watch::ClockWatch;
use super::desk::Desk;
use super::dispatch::Flight;
use super::lanes::{Lane, Lanes};
use super::link::{LinkMachine, Mode};
use super::pack::Packer;
use super::rest::RestRoad;
use super::settle::SettleResult;
use super::socket::{Dial, SocketError};
use super::socket_road::{Introduction, Patience, RoadNews, SocketRoad};
use super::status::{Delivered, LinkStatus, Road};
use super::token::read_token;
use super::transport::Outcome;
use super::witness::Witness;
use crate::clock::Clock;
use crate::config::UplinkConfig;
use crate::outbox::{Counts, OutboxError, OutboxHandle, Row, RowId, Settled};
use crate::wire::answer::{Commit, Peer};
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use native_tls::TlsConnector;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use uuid::Uuid;

/// What is left to events in flight, and to the commit of their receipts, when the agent stops.
const GRACE: Duration = Duration::from_secs(3);

pub(super) struct Driver {
    pub config: UplinkConfig,
    pub endpoint: Endpoint,
    pub tls: TlsConnector,
    pub introduction: Introduction,
    pub outbox: OutboxHandle,
    pub packer: Packer,
    pub clock: Arc<dyn Clock>,
    pub clock_watch: ClockWatch,
    pub link: LinkMachine,
    pub rest: RestRoad,
    /// What the server has said of itself, on whichever road.
    pub peer: Peer,
    pub socket: Option<(u64, SocketRoad)>,
    pub witness: Witness,
    pub desk: Desk,
    pub lanes: Lanes<Row>,
    pub flights: HashMap<RowId, Flight>,
    pub counts: watch::Receiver<Counts>,
    pub attempts: (mpsc::Sender<AttemptResult>, mpsc::Receiver<AttemptResult>),
    /// What is under way beside the socket.
    pub work: FuturesUnordered<BoxFuture<'static, Done>>,
    pub proving: bool,
    pub fetching: bool,
    /// To the task that commits receipts, and back from it.
    pub receipts: mpsc::UnboundedSender<Settled>,
    pub settled: mpsc::UnboundedReceiver<SettleResult>,
    pub status: watch::Sender<LinkStatus>,
    pub delivered: broadcast::Sender<Delivered>,
    pub shutdown: watch::Receiver<bool>,
    pub stopping: bool,
    /// Could events be sent when this was last looked at?
    pub usable: bool,
    pub trouble: Option<String>,
}

/// The end of an attempt to connect: its generation, how far the server had come when it began, what came of it.
pub(super) struct AttemptResult {
    generation: u64,
    asked_at: u64,
    result: Result<SocketRoad, SocketError>,
}

/// What has been done beside the socket.
pub(super) enum Done {
    Delivered(RowId, Outcome),
    /// The answer of `/api/test`, and the last of the registrations that followed it.
    Proof(Result<Peer, Outcome>, u64),
    Fetched(Lane, Result<Vec<Row>, OutboxError>),
}

/// Why [`Driver::wait`] ended.
enum Woken {
    Attempt(Box<AttemptResult>),
    Socket(RoadNews),
    Done(Done),
    Settled(SettleResult),
    Stop,
    /// Rows have come or time has passed: look again.
    Look,
}

impl Driver {
    pub async fn run(mut self) {
        loop {
            self.stopping |= *self.shutdown.borrow();
            if self.stopping {
                break;
            }
            let now = self.clock.monotonic();
            if let Some(generation) = self.link.poll(now) {
                self.connect(generation);
            }
            self.close_old_socket().await;
            self.note_usable();
            self.tell_clock().await;
            self.publish();
            if self.link.may_send(now) {
                match self.link.mode() {
                    Mode::Rest { proven: false, .. } => self.prove_rest(),
                    _ => self.dispatch(now).await,
                }
            }
            let woken = self.wait(now).await;
            self.take(woken).await;
        }
        self.finish().await;
    }

    async fn wait(&mut self, now: Duration) -> Woken {
        let wakes = [self.link.wake_at(now), self.desk.wake_at(now), self.clock_watch.wake_at(now)];
        let wake = wakes.into_iter().flatten().min();
        let wake = wake.map_or(Duration::from_secs(3600), |at| at.saturating_sub(self.clock.monotonic()));
        let news = async {
            match &mut self.socket {
                Some((_, road)) => road.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.shutdown.wait_for(|stop| *stop) => Woken::Stop,
            Some(result) = self.attempts.1.recv() => Woken::Attempt(Box::new(result)),
            news = news => Woken::Socket(news),
            Some(done) = self.work.next() => Woken::Done(done),
            Some(settled) = self.settled.recv() => Woken::Settled(settled),
            changed = self.counts.changed() => if changed.is_ok() { Woken::Look } else { Woken::Stop },
            () = sleep(wake) => Woken::Look,
        }
    }

    async fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Attempt(result) => self.attempt_ended(*result).await,
            Woken::Socket(RoadNews::Ended(id, outcome)) => self.ended(id, outcome).await,
            Woken::Socket(RoadNews::Over(outcome)) => self.socket_over(outcome).await,
            Woken::Done(done) => self.done(done).await,
            Woken::Settled(settled) => self.settle_ended(settled),
            Woken::Stop => self.stopping = true,
            Woken::Look => self.lanes.look_again(),
        }
    }

    async fn done(&mut self, done: Done) {
        match done {
            Done::Delivered(id, outcome) => self.ended(id, outcome).await,
            Done::Proof(result, asked_at) => {
                self.proving = false;
                self.rest_proven(result, asked_at).await;
            }
            Done::Fetched(lane, result) => {
                self.fetching = false;
                self.fetched(lane, result);
            }
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
        let limit = Duration::from_secs_f64(self.config.connect_timeout_s);
        let dial = Dial { client: self.config.socket_client, token, tls: self.tls.clone(), limit };
        let (endpoint, introduction) = (self.endpoint.clone(), self.introduction.clone());
        let answer = Duration::from_secs_f64(self.config.answer_timeout_s);
        let patience = Patience { answer, silence: self.link.timings().silence };
        let (results, asked_at) = (self.attempts.0.clone(), self.witness.so_far());
        tokio::spawn(async move {
            let result = SocketRoad::open(&endpoint, &dial, introduction, patience).await;
            let _ = results.send(AttemptResult { generation, asked_at, result }).await;
        });
    }

    async fn attempt_ended(&mut self, AttemptResult { generation, asked_at, result }: AttemptResult) {
        let now = self.clock.monotonic();
        match result {
            Ok(road) => {
                if self.link.connected(generation, now) {
                    self.rest.echoes = road.peer().echoes();
                    self.peer = road.peer().clone();
                    self.socket = Some((generation, road));
                    self.introduced(self.peer.commit.clone(), asked_at).await;
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

    /// The connection is of no use any more: what is in flight on it ends like this.
    pub(super) async fn socket_over(&mut self, outcome: Outcome) {
        self.socket_lost(outcome.reason().to_owned());
        self.put_down(Road::Socketio, &outcome).await;
    }

    pub(super) fn socket_lost(&mut self, reason: String) {
        if let Some((generation, road)) = self.socket.take() {
            // Closed before anything else is sent: a late answer must never name the wrong row.
            drop(road);
            self.trouble = Some(format!("Socket.IO: {reason}"));
            self.link.socket_failed(generation, self.clock.monotonic(), jitter());
        }
    }

    async fn close_old_socket(&mut self) {
        if self.socket.as_ref().is_some_and(|(generation, _)| Some(*generation) != self.link.live()) {
            self.socket = None;
        }
        if self.socket.is_none() {
            // Given up by us: no row is to blame.
            self.put_down(Road::Socketio, &Outcome::Busy { wait: None, reason: String::new() }).await;
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

    /// Asks whether a server is there before an event is trusted to it; also where a changed token is taken up, and
    /// where a server of protocol 2 learns our cameras and says how far it has come.
    fn prove_rest(&mut self) {
        if self.proving {
            return;
        }
        let token = match read_token(&self.config.token_file) {
            Ok(token) => token,
            Err(error) => return self.rest_failed(error.to_string()),
        };
        self.rest.client.set_token(token);
        self.proving = true;
        let (rest, introduction, asked_at) = (self.rest.clone(), self.introduction.clone(), self.witness.so_far());
        let proof = async move {
            let mut peer = match rest.probe().await {
                Ok(peer) => peer,
                Err(outcome) => return Done::Proof(Err(outcome), asked_at),
            };
            if peer.echoes() || rest.echoes {
                for camera in &introduction.cameras {
                    match rest.register(&introduction.registration(camera)).await {
                        Some(said) => peer = said,
                        None => break,
                    }
                }
            }
            Done::Proof(Ok(peer), asked_at)
        };
        self.work.push(proof.boxed());
    }

    async fn rest_proven(&mut self, result: Result<Peer, Outcome>, asked_at: u64) {
        match result {
            Ok(peer) => {
                if peer.echoes() {
                    self.rest.echoes = true;
                    self.introduced(peer.commit.clone(), asked_at).await;
                    self.peer = peer;
                }
                self.link.rest_worked(self.clock.monotonic());
            }
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

    /// Rows that came while nothing could be sent are backlog once it can.
    fn note_usable(&mut self) {
        let usable = matches!(self.link.mode(), Mode::Socket { .. } | Mode::Rest { proven: true, .. });
        if usable && !self.usable {
            let again = self.lanes.begin(self.outbox.newest());
            self.outbox.unpin(again);
        }
        self.usable = usable;
    }

    // --- what the server and the clock say ---

    /// The server has introduced itself: has it lost what we delivered?
    async fn introduced(&mut self, commit: Commit, asked_at: u64) {
        if let Some((store_id, checkpoint)) = self.witness.introduced(&commit, asked_at) {
            self.reconcile(store_id, checkpoint).await;
        }
    }

    pub(super) async fn reconcile(&mut self, store_id: String, checkpoint: Option<u64>) {
        // Receipts of before must be committed before: what they name may be what is lost.
        while self.desk.settling() > 0
            && let Some(settled) = self.settled.recv().await
        {
            self.settle_ended(settled);
        }
        match self.outbox.server_seen(store_id, checkpoint).await {
            Ok(found) if found.again > 0 || found.gone > 0 => {
                tracing::warn!(
                    server = %self.endpoint, again = found.again, gone = found.gone,
                    "the server has lost events that it had confirmed: what is still kept is sent again, what is gone is reported as a gap"
                );
                self.lanes.look_again();
            }
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "the outbox cannot note how far the server has come"),
        }
    }

    async fn tell_clock(&mut self) {
        let stamp = self.clock.stamp();
        let Some(reporter) = self.introduction.cameras.first().filter(|_| self.clock_watch.due(stamp)) else { return };
        let result = self.outbox.clock_set(stamp, reporter.clone()).await;
        if let Err(error) = &result {
            tracing::error!(%error, "the outbox cannot note that the clock has been set");
        }
        self.clock_watch.told(result.is_ok(), self.clock.monotonic());
    }

    // --- the end ---

    async fn finish(&mut self) {
        let deadline = Instant::now() + GRACE;
        while !self.flights.is_empty() || self.desk.settling() > 0 {
            match timeout_at(deadline, self.wait_for_answers()).await {
                Ok(woken) => self.take(woken).await,
                Err(_) => {
                    tracing::warn!("stopped before every event in flight was settled; those will be sent again");
                    break;
                }
            }
        }
        let unsent = self.lanes.ids().chain(self.flights.keys().copied()).collect();
        self.outbox.unpin(unsent);
        if let Some((_, road)) = self.socket.take() {
            road.close().await;
        }
        self.publish();
    }

    /// [`Driver::wait`] for a driver that stops: only what may still come.
    async fn wait_for_answers(&mut self) -> Woken {
        let news = async {
            match &mut self.socket {
                Some((_, road)) => road.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            news = news => Woken::Socket(news),
            Some(done) = self.work.next() => Woken::Done(done),
            Some(settled) = self.settled.recv() => Woken::Settled(settled),
        }
    }
}

/// 0–1, from the system's randomness.
pub(super) fn jitter() -> f64 {
    (Uuid::new_v4().as_u128() as u32) as f64 / f64::from(u32::MAX)
}
