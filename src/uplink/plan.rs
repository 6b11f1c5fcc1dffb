//! What is sent next and by which road, and what the end of a delivery means for its row and for the link: the parts
//! that decide, joined. Pure: the driver carries out what is said here, and the model test drives the same code.

use super::desk::Desk;
use super::lanes::{Asked, Lanes, Ranked};
use super::ledger::Ledger;
use super::link::{LinkMachine, Mode, Timings};
use super::pace::Pace;
use super::status::Road;
use super::transport::Outcome;
use super::triage::{LinkNews, RowFate, triage};
use crate::config::Transport;
use crate::domain::{CameraKey, EventKind};
use crate::outbox::{Row, RowId, Want};
use crate::wire::answer::Peer;
use crate::wire::outgoing::PROVISIONAL;
use crate::wire::receipt::Receipt;
use std::collections::BTreeMap;
use std::time::Duration;

/// Rows taken from the outbox at once; more are asked for when half of them are left.
pub(super) const FETCH: usize = 64;

impl Ranked for Row {
    fn rank(&self) -> u8 {
        u8::from(self.kind == EventKind::Health)
    }
}

/// A row on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub row: Row,
    pub road: Road,
    pub bytes: usize,
    /// Nothing else was in flight with it, and nothing is sent until it has ended.
    pub alone: bool,
    /// How far the server had come when it was sent.
    pub asked_at: u64,
    pub sent: Duration,
    /// The outbox knows better by now: it is not sent again as it is.
    pub stale: bool,
}

/// The row whose turn it is.
#[derive(Debug)]
pub(super) struct Next {
    pub row: Row,
    /// Unless it turns out to be too large for it.
    pub by_socket: bool,
    pub alone: bool,
    /// Its pictures are to be as small as for the socket.
    pub small: bool,
    /// Bytes in flight ahead of it.
    pub ahead: usize,
    pub breaks: u32,
}

/// What the driver is to do.
#[derive(Debug)]
pub(super) enum Order {
    /// The server has the row: that is to be committed.
    Confirm(Box<Row>, Road, Receipt),
    Quarantine(Box<Row>, String),
    /// No longer held here.
    Unpin(RowId),
    /// The socket is lost: it is to be closed before anything else is sent.
    HangUp,
    SayAuthRefused(String),
    SayAllRefused(String),
    SayCameraHeld(CameraKey, String),
}

pub(super) struct Plan {
    pub link: LinkMachine,
    pub desk: Desk,
    pub lanes: Lanes<Row>,
    pub ledger: Ledger,
    pace: Pace,
    pub flights: BTreeMap<RowId, Flight>,
    /// A row that needs the link for itself: it goes when nothing is in flight any more, and nothing before it.
    reserved: Option<Row>,
    transport: Transport,
    window: usize,
    /// What the server has said of itself, on each road.
    pub by_socket: Peer,
    pub by_rest: Peer,
    /// Could events be sent when this was last looked at?
    usable: bool,
    /// The last thing that went wrong, until something is delivered.
    pub trouble: Option<String>,
    /// 0–1.
    jitter: fn() -> f64,
}

impl Plan {
    pub(super) fn new(
        transport: Transport,
        window: usize,
        timings: Timings,
        now: Duration,
        jitter: fn() -> f64,
    ) -> Self {
        Self {
            link: LinkMachine::new(transport, timings, now),
            desk: Desk::new(timings.aside),
            lanes: Lanes::default(),
            ledger: Ledger::default(),
            pace: Pace::default(),
            flights: BTreeMap::new(),
            reserved: None,
            transport,
            window,
            by_socket: Peer::default(),
            by_rest: Peer::default(),
            usable: false,
            trouble: None,
            jitter,
        }
    }

    /// When something is due without anything happening.
    pub(super) fn wake_at(&self, now: Duration) -> Option<Duration> {
        let wakes = [self.link.wake_at(now), self.desk.wake_at(now), self.ledger.wake_at()];
        wakes.into_iter().flatten().min()
    }

    // --- what is sent ---

    /// Can events be sent? Rows that came while they could not are backlog once they can; `newest`: the newest row now.
    pub(super) fn note_usable(&mut self, newest: RowId) -> Vec<RowId> {
        let usable = matches!(self.link.mode(), Mode::Socket { .. } | Mode::Rest { proven: true, .. });
        let begins = usable && !self.usable;
        self.usable = usable;
        if begins { self.lanes.begin(newest) } else { Vec::new() }
    }

    /// What to ask the outbox for now.
    pub(super) fn want(&mut self, now: Duration) -> Option<(Asked, Want)> {
        let asked = self.lanes.ask(FETCH / 2)?;
        let mut skip = self.desk.skip(now);
        skip.extend(self.ledger.ids());
        skip.extend(self.unsent());
        skip.extend(self.flights.keys());
        Some((asked, Want { limit: FETCH, skip, newer_than: asked.above, held: self.desk.held(now) }))
    }

    /// Rows that are held here and not in flight.
    pub(super) fn unsent(&self) -> impl Iterator<Item = RowId> + '_ {
        self.lanes.ids().chain(self.reserved.iter().map(|row| row.id))
    }

    /// The row to be sent now, if any may be. `knows`: is the camera registered on the socket? Rows that turn out to
    /// have to wait are added to `unpinned`.
    pub(super) fn next(
        &mut self,
        now: Duration,
        knows: impl Fn(&CameraKey) -> bool,
        unpinned: &mut Vec<RowId>,
    ) -> Option<Next> {
        if !self.has_room() || !self.link.may_send(now) || matches!(self.link.mode(), Mode::Rest { proven: false, .. })
        {
            return None;
        }
        loop {
            let row = self.reserved.take().or_else(|| self.lanes.pop().map(|(_, row)| row))?;
            // Put aside since it was fetched.
            if self.desk.holds(&row.camera, now) || self.desk.is_aside(row.id, now) {
                unpinned.push(row.id);
                continue;
            }
            // Made while the server was another: here it would stand beside its final form.
            if row.body.contains_key(PROVISIONAL) && !self.peer().revisions {
                self.desk.later(row.id, now);
                unpinned.push(row.id);
                continue;
            }
            let socket = matches!(self.link.mode(), Mode::Socket { .. });
            let by_socket = socket && !(self.other_road() && self.desk.wants_rest(row.id));
            let alone = self.desk.wants_alone(row.id);
            // A camera of an earlier configuration is registered first, which needs the connection for itself.
            if (alone || by_socket && !knows(&row.camera)) && !self.flights.is_empty() {
                self.reserved = Some(row);
                return None;
            }
            let (small, breaks) = (self.desk.wants_small(row.id), self.desk.breaks(row.id));
            return Some(Next { by_socket, alone, small, ahead: self.bytes(), breaks, row });
        }
    }

    /// It is on its way.
    pub(super) fn sent(&mut self, flight: Flight) {
        self.flights.insert(flight.row.id, flight);
    }

    /// It could not be made ready: others first.
    pub(super) fn not_ready(&mut self, id: RowId, now: Duration) {
        self.desk.later(id, now);
    }

    /// What the server has said of itself on the road in use.
    pub(super) fn peer(&self) -> &Peer {
        if matches!(self.link.mode(), Mode::Socket { .. }) { &self.by_socket } else { &self.by_rest }
    }

    /// Bytes of one event at the most, as the server has said on this road, or else on the other.
    pub(super) fn max_event_bytes(&self, road: Road) -> Option<usize> {
        let (this, other) = match road {
            Road::Socketio => (&self.by_socket, &self.by_rest),
            Road::Rest => (&self.by_rest, &self.by_socket),
        };
        this.max_event_bytes.or(other.max_event_bytes)
    }

    /// Only a server that echoes may have several events at once.
    pub(super) fn window(&self) -> usize {
        let peer = self.peer();
        if peer.echoes() { self.window } else { 1 }
    }

    fn has_room(&self) -> bool {
        let alone = self.reserved.is_some() || self.flights.values().any(|flight| flight.alone);
        self.flights.len() < self.window()
            && self.pace.has_room(self.bytes())
            && (!alone || self.flights.is_empty())
            && !self.ledger.is_full()
    }

    fn bytes(&self) -> usize {
        self.flights.values().map(|flight| flight.bytes).sum()
    }

    fn other_road(&self) -> bool {
        self.transport == Transport::Auto
    }

    /// The wall clock has been set: rows read before are read anew, those in flight when they come back.
    pub(super) fn clock_set(&mut self) -> Vec<RowId> {
        self.flights.values_mut().for_each(|flight| flight.stale = true);
        let mut dropped = self.lanes.drop_all();
        dropped.extend(self.reserved.take().map(|row| row.id));
        dropped
    }

    // --- what comes back ---

    /// The socket's attempt ended well. `false`: it is an old one's; it is to be closed.
    pub(super) fn connected(&mut self, generation: u64, peer: &Peer, now: Duration) -> bool {
        let taken = self.link.connected(generation, now);
        if taken {
            self.by_socket = peer.clone();
            self.by_rest = peer.clone();
        }
        taken
    }

    /// A server was found by REST, and this is what it says of itself: it need not be the one of before.
    pub(super) fn rest_proven(&mut self, peer: Peer, now: Duration) {
        self.by_rest = peer;
        self.link.rest_proven(now);
    }

    /// REST found no server, or one that does not want us now.
    pub(super) fn proof_failed(&mut self, outcome: Outcome, refused: bool, now: Duration) -> Vec<Order> {
        match outcome {
            Outcome::AuthRefused { reason } => self.auth_refused(reason, now).into_iter().collect(),
            Outcome::Busy { wait, reason } => {
                self.trouble = Some(reason);
                self.link.hold(now, wait);
                Vec::new()
            }
            other => {
                self.trouble = Some(format!("REST: {}", other.reason()));
                self.link.proof_failed(now, refused, (self.jitter)());
                Vec::new()
            }
        }
    }

    pub(super) fn auth_refused(&mut self, reason: String, now: Duration) -> Option<Order> {
        self.trouble = Some(reason.clone());
        self.link.auth_refused(now).then_some(Order::SayAuthRefused(reason))
    }

    /// The attempt to connect failed.
    pub(super) fn attempt_failed(&mut self, generation: u64, reason: &str, wait: Option<Duration>, now: Duration) {
        if self.link.expects(generation) {
            self.trouble = Some(format!("Socket.IO: {reason}"));
            self.link.socket_failed(generation, now, (self.jitter)());
            if let Some(wait) = wait {
                self.link.socket_waits(wait, now);
            }
        }
    }

    /// Nobody can be asked without the token: as if nobody were there.
    pub(super) fn token_unreadable(&mut self, reason: &str, now: Duration) {
        self.trouble = Some(reason.to_owned());
        self.link.proof_failed(now, false, (self.jitter)());
    }

    /// One delivery has ended.
    pub(super) fn ended(&mut self, id: RowId, outcome: Outcome, now: Duration) -> Vec<Order> {
        let in_flight = self.bytes();
        let Some(flight) = self.flights.remove(&id) else { return Vec::new() };
        let (road, mut orders) = (flight.road, Vec::new());
        self.learn(&flight, &outcome, in_flight, now);
        let socket_works = matches!(self.link.mode(), Mode::Socket { .. });
        if let (Outcome::AuthRefused { reason }, Road::Rest, true) = (&outcome, road, socket_works) {
            // The socket's credentials are good: this is REST's affair, and no reason to stop everything.
            self.trouble = Some(reason.clone());
            self.take_fate(RowFate::Later, flight, now, &mut orders);
            return orders;
        }
        let (fate, news) = triage(outcome.clone(), road, self.other_road());
        let lost = road == Road::Socketio && matches!(news, LinkNews::Broken(_));
        self.take_news(news, road, now, &mut orders);
        self.take_fate(fate, flight, now, &mut orders);
        if lost {
            self.put_down(&outcome, now, &mut orders);
        }
        orders
    }

    fn socket_lost(&mut self, reason: &str, now: Duration, orders: &mut Vec<Order>) {
        if let Some(generation) = self.link.live() {
            self.trouble = Some(format!("Socket.IO: {reason}"));
            self.link.socket_failed(generation, now, (self.jitter)());
        }
        orders.push(Order::HangUp);
    }

    fn learn(&mut self, flight: &Flight, outcome: &Outcome, in_flight: usize, now: Duration) {
        if outcome.is_break() {
            self.desk.broke(flight.row.id, flight.road == Road::Socketio, flight.alone, now);
            self.pace.broke(flight.sent, now);
        } else {
            self.pace.answered(flight.bytes, in_flight, flight.sent, now);
        }
        if let Outcome::Receipt(receipt) = outcome {
            self.link.accepted();
            if receipt.echoed && flight.road == Road::Rest {
                // Whatever its introduction left out.
                self.by_rest.protocol = self.by_rest.protocol.max(2);
            }
        }
    }

    fn take_news(&mut self, news: LinkNews, road: Road, now: Duration, orders: &mut Vec<Order>) {
        match (news, road) {
            (LinkNews::Works, Road::Rest) => self.link.rest_worked(now),
            (LinkNews::Works, Road::Socketio) => {}
            (LinkNews::Broken(reason), Road::Rest) => {
                self.trouble = Some(format!("REST: {reason}"));
                self.link.rest_failed(now, (self.jitter)());
            }
            (LinkNews::Broken(reason), Road::Socketio) => self.socket_lost(&reason, now, orders),
            (LinkNews::Wait(wait, reason), _) => {
                self.trouble = Some(reason);
                self.link.hold(now, wait);
            }
            (LinkNews::Fault(reason), _) => self.trouble = Some(reason),
            (LinkNews::AuthRefused(reason), _) => orders.extend(self.auth_refused(reason, now)),
        }
    }
}

#[path = "plan_fates.rs"]
mod fates;

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(in crate::uplink) mod tests;
