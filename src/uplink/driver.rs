//! The uplink's task: keeps the link, and wakes for whatever happens. What goes out is `dispatch`'s, what comes back
//! `settle`'s.

use super::Endpoint;
use super::clock_watch::ClockWatch;
use super::lanes::Asked;
use super::link::Mode;
use super::pack::Packer;
use super::plan::Plan;
use super::rest::{RestRoad, Unproven};
use super::settle::SettleResult;
use super::socket::{Dial, SocketError};
use super::socket_road::{Introduction, Patience, RoadNews, SocketRoad};
use super::status::{Delivered, LinkStatus};
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
    pub plan: Plan,
    pub rest: RestRoad,
    pub socket: Option<(u64, SocketRoad)>,
    pub witness: Witness,
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
    Proof(Result<Peer, Unproven>, u64),
    Fetched(Asked, Result<Vec<Row>, OutboxError>),
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
            if let Some(generation) = self.plan.link.poll(now) {
                self.connect(generation);
            }
            self.close_old_socket().await;
            let again = self.plan.note_usable(self.outbox.newest());
            self.outbox.unpin(again);
            self.tell_clock().await;
            self.commit_again(now);
            self.publish();
            if self.plan.link.may_send(now) {
                match self.plan.link.mode() {
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
        let wakes = [self.plan.wake_at(now), self.clock_watch.wake_at(now)];
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
            Woken::Socket(RoadNews::Over(outcome)) => {
                let orders = self.plan.socket_over(&outcome, self.clock.monotonic());
                self.carry_out(orders).await;
            }
            Woken::Done(done) => self.done(done).await,
            Woken::Settled(settled) => self.settle_ended(settled),
            Woken::Stop => self.stopping = true,
            Woken::Look => self.plan.lanes.look_again(),
        }
    }

    async fn done(&mut self, done: Done) {
        match done {
            Done::Delivered(id, outcome) => self.ended(id, outcome).await,
            Done::Proof(result, asked_at) => {
                self.proving = false;
                self.rest_proven(result, asked_at).await;
            }
            Done::Fetched(asked, result) => {
                self.fetching = false;
                self.fetched(asked, result);
            }
        }
    }

    // --- the roads ---

    fn connect(&mut self, generation: u64) {
        let token = match read_token(&self.config.token_file) {
            Ok(token) => token,
            Err(error) => {
                return self.plan.attempt_failed(generation, &error.to_string(), None, self.clock.monotonic());
            }
        };
        let limit = Duration::from_secs_f64(self.config.connect_timeout_s);
        let dial = Dial { client: self.config.socket_client, token, tls: self.tls.clone(), limit };
        let (endpoint, introduction) = (self.endpoint.clone(), self.introduction.clone());
        let answer = Duration::from_secs_f64(self.config.answer_timeout_s);
        let patience = Patience { answer, silence: self.plan.link.timings().silence };
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
                if self.plan.connected(generation, road.peer(), now) {
                    let commit = road.peer().commit.clone();
                    self.socket = Some((generation, road));
                    self.introduced(commit, asked_at).await;
                }
            }
            Err(SocketError::AuthRefused(reason)) if self.plan.link.expects(generation) => {
                let order = self.plan.auth_refused(reason, now);
                self.carry_out(order).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the socket cannot be used");
                self.plan.attempt_failed(generation, &error.to_string(), error.wait(), now);
            }
        }
    }

    async fn close_old_socket(&mut self) {
        if self.socket.as_ref().is_some_and(|(generation, _)| Some(*generation) != self.plan.link.live()) {
            self.socket = None;
        }
        if self.socket.is_none() {
            let orders = self.plan.socket_given_up(self.clock.monotonic());
            self.carry_out(orders).await;
        }
    }

    /// Asks whether a server is there before an event is trusted to it; also where a changed token is taken up, and
    /// where a server of protocol 2 learns our cameras and says how far it has come.
    fn prove_rest(&mut self) {
        if self.proving {
            return;
        }
        let token = match read_token(&self.config.token_file) {
            Ok(token) => token,
            Err(error) => return self.plan.token_unreadable(&error.to_string(), self.clock.monotonic()),
        };
        // With an empty pool: a connection of before may be dead, and the first event would find out.
        if let Err(error) = self.rest.client.renew(token) {
            return self.plan.token_unreadable(&error.to_string(), self.clock.monotonic());
        }
        self.proving = true;
        let (rest, introduction, asked_at) = (self.rest.clone(), self.introduction.clone(), self.witness.so_far());
        let tries = self.plan.link.absences();
        let proof = async move {
            let mut peer = match rest.probe(tries).await {
                Ok(peer) => peer,
                Err(unproven) => return Done::Proof(Err(unproven), asked_at),
            };
            // Only at a server that has just said so: what stood here before may be another (PROTOCOL 3.1.7).
            if peer.echoes() {
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

    async fn rest_proven(&mut self, result: Result<Peer, Unproven>, asked_at: u64) {
        let now = self.clock.monotonic();
        match result {
            Ok(peer) => {
                self.introduced(peer.commit.clone(), asked_at).await;
                self.plan.rest_proven(peer, now);
            }
            Err(Unproven { outcome, refused }) => {
                let orders = self.plan.proof_failed(outcome, refused, now);
                self.carry_out(orders).await;
            }
        }
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
        while self.plan.ledger.committing() > 0
            && let Some(settled) = self.settled.recv().await
        {
            self.settle_ended(settled);
        }
        let found = self.outbox.server_seen(store_id, checkpoint).await;
        let found =
            found.inspect_err(|error| tracing::error!(%error, "the outbox cannot note how far the server has come"));
        if !found.as_ref().is_ok_and(|found| found.again == 0 && found.gone == 0) {
            // Receipts that could not be committed yet may name what is lost: their rows are sent again.
            let again = self.plan.ledger.forget();
            self.outbox.unpin(again);
            self.plan.lanes.look_again();
        }
        if let Ok(found) = found
            && (found.again > 0 || found.gone > 0)
        {
            tracing::warn!(
                server = %self.endpoint, again = found.again, gone = found.gone,
                "the server has lost events that it had confirmed: what is still kept is sent again, what is gone is reported as a gap"
            );
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
        if result.is_ok() {
            // What was read before does not know the offset.
            let dropped = self.plan.clock_set();
            self.outbox.unpin(dropped);
        }
    }

    // --- the end ---

    async fn finish(&mut self) {
        let deadline = Instant::now() + GRACE;
        self.commit_again(Duration::MAX);
        while !self.plan.flights.is_empty() || self.plan.ledger.committing() > 0 {
            match timeout_at(deadline, self.wait_for_answers()).await {
                Ok(woken) => self.take(woken).await,
                Err(_) => {
                    tracing::warn!("stopped before every event in flight was settled; those will be sent again");
                    break;
                }
            }
        }
        let unsent = self.plan.unsent().chain(self.plan.flights.keys().copied()).collect();
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
