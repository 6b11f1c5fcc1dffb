//! The plan, which decides everything that the driver does, against a world that does anything at any time. The outbox
//! is a map whose answers come late, the roads and the disk are this file's. What must hold: a row is settled only by
//! its own receipt, none is lost or in two places, nothing is sent that is known to be delivered or out of date, nobody
//! idles while something could be sent, and a healthy server gets everything in the end.

use super::lanes::Asked;
use super::link::{Mode, Timings};
use super::plan::tests::{camera, row};
use super::plan::{FETCH, Flight, Order, Plan};
use super::status::Road;
use super::transport::Outcome;
use crate::config::Transport;
use crate::domain::{CameraKey, EventKind};
use crate::outbox::{Row, RowId, Settled};
use crate::wire::answer::{Code, Peer};
use crate::wire::receipt::Receipt;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug, Clone)]
enum Happening {
    Rows(u8, u8),
    Passes(u16),
    /// The attempt under way ends; the server speaks protocol 2, or not.
    SocketUp(bool, bool),
    SocketDies,
    /// The flight with this number (of those there are) ends.
    Ends(u8, Outcome),
    Proof(Proof),
    /// The outbox answers what it was asked.
    Fetched,
    /// The receipts on their way to the disk are written down, or cannot be.
    Commits(bool),
    ClockSet,
    /// The server has lost everything.
    Forgets,
}

#[derive(Debug, Clone)]
enum Proof {
    Works { two: bool },
    Fails { refused: bool },
    Says(Outcome),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let reason = || "why".to_owned();
    prop_oneof![
        12 => any::<bool>().prop_map(|echoed| Outcome::Receipt(Receipt { echoed, ..Receipt::default() })),
        1 => Just(Outcome::Refused { code: Some(Code::Invalid), reason: reason() }),
        1 => Just(Outcome::Declined { reason: reason() }),
        1 => Just(Outcome::TooLarge { reason: reason() }),
        1 => Just(Outcome::CameraNotAllowed { reason: reason() }),
        1 => prop::option::of(0u64..600).prop_map(|wait| Outcome::Busy {
            wait: wait.map(Duration::from_secs),
            reason: "why".into()
        }),
        1 => Just(Outcome::ServerFault { reason: reason() }),
        1 => Just(Outcome::Complained { reason: reason() }),
        2 => Just(Outcome::Unanswered { reason: reason() }),
        2 => Just(Outcome::Broken { reason: reason() }),
        1 => Just(Outcome::AuthRefused { reason: reason() }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    let says = prop_oneof![
        Just(Outcome::AuthRefused { reason: "401".into() }),
        Just(Outcome::Busy { wait: None, reason: "503".into() }),
    ];
    let proof = prop_oneof![
        3 => any::<bool>().prop_map(|two| Proof::Works { two }),
        1 => any::<bool>().prop_map(|refused| Proof::Fails { refused }),
        1 => says.prop_map(Proof::Says),
    ];
    prop_oneof![
        4 => (1u8..6, 0u8..6).prop_map(|(count, what)| Happening::Rows(count, what)),
        3 => (0u16..90).prop_map(Happening::Passes),
        3 => any::<(bool, bool)>().prop_map(|(works, two)| Happening::SocketUp(works, two)),
        1 => Just(Happening::SocketDies),
        10 => (any::<u8>(), outcome()).prop_map(|(pick, outcome)| Happening::Ends(pick, outcome)),
        3 => proof.prop_map(Happening::Proof),
        8 => Just(Happening::Fetched),
        4 => any::<bool>().prop_map(Happening::Commits),
        1 => Just(Happening::ClockSet),
        1 => Just(Happening::Forgets),
    ]
}

struct World {
    plan: Plan,
    transport: Transport,
    window: usize,
    now: Duration,
    connecting: Option<u64>,
    proving: bool,
    /// What the outbox was asked, and what it will answer.
    fetch: Option<(Asked, Vec<Row>, bool)>,
    /// Rows in the outbox that wait; settled and quarantined ones have left.
    rows: BTreeMap<i64, (CameraKey, EventKind)>,
    newest: i64,
    /// Handed out by the outbox and not given back.
    pinned: BTreeSet<i64>,
    committing: Vec<Settled>,
    settled: BTreeMap<i64, (CameraKey, EventKind)>,
    quarantined: usize,
    /// How often the clock has been set: rows read before are out of date.
    clock: i64,
}

impl World {
    fn new(transport: Transport, window: usize) -> Self {
        Self {
            plan: Plan::new(transport, window, Timings::default(), Duration::ZERO, || 0.5),
            transport,
            window,
            now: Duration::ZERO,
            connecting: None,
            proving: false,
            fetch: None,
            rows: BTreeMap::new(),
            newest: 0,
            pinned: BTreeSet::new(),
            committing: Vec::new(),
            settled: BTreeMap::new(),
            quarantined: 0,
            clock: 0,
        }
    }

    fn number(&self, id: RowId) -> i64 {
        (0..=self.newest).find(|number| RowId::for_tests(*number) == id).unwrap()
    }

    fn unpin(&mut self, ids: Vec<RowId>) {
        for id in ids {
            let number = self.number(id);
            assert!(self.pinned.remove(&number), "given back twice");
        }
    }

    /// As [`super::driver::Driver::run`] turns.
    fn turn(&mut self) {
        let before = self.plan.link.mode();
        if let Some(generation) = self.plan.link.poll(self.now) {
            assert!(self.connecting.is_none_or(|older| older < generation), "generations rise");
            self.connecting = Some(generation);
        }
        if let (Mode::Rest { since, .. }, Mode::Socket { .. }) = (before, self.plan.link.mode()) {
            assert!(self.now >= since + Timings::default().dwell, "flapping");
        }
        if self.plan.link.live().is_none() {
            let orders = self.plan.socket_given_up(self.now);
            self.carry_out(orders, None);
        }
        let again = self.plan.note_usable(RowId::for_tests(self.newest));
        self.unpin(again);
        let due = self.plan.ledger.due(self.now);
        self.committing.extend(due);
        if self.plan.link.may_send(self.now) {
            match self.plan.link.mode() {
                Mode::Rest { proven: false, .. } => self.proving = true,
                _ => self.dispatch(),
            }
        }
        self.check();
    }

    fn dispatch(&mut self) {
        loop {
            self.ask();
            let mut unpinned = Vec::new();
            let next = self.plan.next(self.now, |camera| *camera != self::camera("old"), &mut unpinned);
            self.unpin(unpinned);
            let Some(next) = next else { return };
            let number = self.number(next.row.id);
            assert!(self.rows.contains_key(&number), "what has left the outbox is not sent again");
            assert!(!self.plan.ledger.ids().any(|id| id == next.row.id), "what is confirmed is not sent again");
            assert!(!self.plan.desk.holds(&next.row.camera, self.now), "its camera is held");
            assert_eq!(next.row.offset_us, Some(self.clock), "what was read before the clock was set is not sent");
            let road = if next.by_socket { Road::Socketio } else { Road::Rest };
            assert!(road == Road::Rest || self.plan.link.live().is_some(), "by a socket that there is");
            assert!(self.transport != Transport::Rest || road == Road::Rest);
            assert!(!self.plan.flights.contains_key(&next.row.id), "sent twice at once");
            self.plan.sent(Flight {
                row: next.row,
                road,
                bytes: 50_000,
                alone: next.alone,
                asked_at: 0,
                sent: self.now,
                stale: false,
            });
        }
    }

    /// The outbox looks now, and answers when it likes.
    fn ask(&mut self) {
        if self.fetch.is_some() {
            return;
        }
        let Some((asked, want)) = self.plan.want(self.now) else { return };
        let mut found: Vec<(EventKind, i64)> = Vec::new();
        for (number, (camera, kind)) in &self.rows {
            let id = RowId::for_tests(*number);
            let newer = want.newer_than.is_none_or(|above| id > above);
            if newer && !want.skip.contains(&id) && !want.held.contains(camera) {
                found.push((*kind, *number));
            }
        }
        found.sort();
        // A small answer, so that there is more to fetch.
        let more = found.len() > 8;
        found.truncate(8);
        let rows = found.into_iter().map(|(kind, number)| {
            assert!(self.pinned.insert(number), "handed out twice");
            Row { offset_us: Some(self.clock), ..row(number, &self.rows[&number].0, kind) }
        });
        self.fetch = Some((asked, rows.collect(), more));
        const { assert!(FETCH >= 8) };
    }

    /// `confirmed`: the row whose receipt has just come.
    fn carry_out(&mut self, orders: Vec<Order>, confirmed: Option<i64>) {
        for order in orders {
            match order {
                Order::Confirm(row, ..) => {
                    let number = self.number(row.id);
                    assert_eq!(Some(number), confirmed, "settled without its receipt");
                    assert!(self.pinned.remove(&number));
                    self.committing.push(Settled { id: row.id, duplicate: false, checkpoint: None });
                }
                Order::Quarantine(row, _) => {
                    let number = self.number(row.id);
                    assert_ne!(Some(number), confirmed);
                    assert!(self.pinned.remove(&number) && self.rows.remove(&number).is_some());
                    self.quarantined += 1;
                }
                Order::Unpin(id) => self.unpin(vec![id]),
                Order::HangUp => assert_eq!(self.plan.link.live(), None, "a lost socket is not live"),
                Order::SayAuthRefused(_) => self.connecting = None,
                Order::SayAllRefused(_) | Order::SayCameraHeld(..) => {}
            }
        }
    }

    fn end(&mut self, id: RowId, outcome: &Outcome) {
        let confirmed = matches!(outcome, Outcome::Receipt(_)).then(|| self.number(id));
        let orders = self.plan.ended(id, outcome.clone(), self.now);
        self.carry_out(orders, confirmed);
        // An answer that comes again names nothing any more.
        let again = self.plan.ended(id, outcome.clone(), self.now);
        assert!(again.is_empty(), "{again:?}");
    }

    fn commits(&mut self, works: bool) {
        let batch = std::mem::take(&mut self.committing);
        if batch.is_empty() {
            return;
        }
        if works {
            for one in &batch {
                let number = self.number(one.id);
                let row = self.rows.remove(&number).expect("committed twice");
                self.settled.insert(number, row);
            }
        }
        self.plan.ledger.ended(batch, works, self.now);
    }

    fn fetched(&mut self) {
        if let Some((asked, rows, more)) = self.fetch.take() {
            let rows = rows.into_iter().map(|row| (row.id, row)).collect();
            let too_old = self.plan.lanes.fetched(asked, rows, more);
            self.unpin(too_old);
        }
    }

    fn proof(&mut self, proof: &Proof) {
        if !std::mem::take(&mut self.proving) {
            return;
        }
        let (outcome, refused) = match proof {
            Proof::Works { two } => {
                let peer = Peer { protocol: if *two { 2 } else { 0 }, ..Peer::default() };
                return self.plan.rest_proven(peer, self.now);
            }
            Proof::Fails { refused } => (Outcome::Broken { reason: "nobody".into() }, *refused),
            Proof::Says(outcome) => (outcome.clone(), false),
        };
        let orders = self.plan.proof_failed(outcome, refused, self.now);
        self.carry_out(orders, None);
    }

    /// What must hold after every step.
    fn check(&self) {
        let flights = &self.plan.flights;
        assert!(flights.len() <= self.window.max(1));
        assert!(flights.len() <= 1 || !flights.values().any(|flight| flight.alone), "not alone");
        let mut held: Vec<i64> = self.plan.unsent().chain(flights.keys().copied()).map(|id| self.number(id)).collect();
        held.extend(self.fetch.iter().flat_map(|(_, rows, _)| rows.iter().map(|row| self.number(row.id))));
        held.sort_unstable();
        assert_eq!(held, self.pinned.iter().copied().collect::<Vec<_>>(), "in two places, or a pin is lost");
        let everywhere = self.rows.len() + self.settled.len() + self.quarantined;
        assert_eq!(everywhere as i64, self.newest, "a row has got lost");
        if self.rows.is_empty() || !flights.is_empty() || self.fetch.is_some() || !self.committing.is_empty() {
            return;
        }
        let usable = !matches!(self.plan.link.mode(), Mode::Rest { proven: false, .. });
        if usable && self.plan.link.may_send(self.now) {
            let mut skip = self.plan.desk.skip(self.now);
            skip.extend(self.plan.ledger.ids());
            let ready = |(number, (camera, _)): &(&i64, &(CameraKey, EventKind))| {
                !skip.contains(&RowId::for_tests(**number)) && !self.plan.desk.holds(camera, self.now)
            };
            assert_eq!(self.rows.iter().filter(ready).count(), 0, "idle with rows and a link");
        }
        if self.connecting.is_none() && !self.proving {
            assert!(self.plan.wake_at(self.now).is_some(), "asleep for ever with rows: {:?}", self.plan.link.mode());
        }
    }

    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Rows(count, what) => {
                let kind = if *what % 2 == 0 { EventKind::Plate } else { EventKind::Health };
                for _ in 0..*count {
                    self.newest += 1;
                    self.rows.insert(self.newest, (camera(["a", "b", "old"][usize::from(what / 2)]), kind));
                }
                self.plan.lanes.look_again();
            }
            Happening::Passes(seconds) => {
                self.now += Duration::from_secs(u64::from(*seconds));
                self.plan.lanes.look_again();
            }
            Happening::SocketUp(works, two) => {
                if let Some(generation) = self.connecting.take() {
                    let peer = Peer { protocol: if *two { 2 } else { 0 }, ..Peer::default() };
                    match works {
                        true => drop(self.plan.connected(generation, &peer, self.now)),
                        false => self.plan.attempt_failed(generation, "no", None, self.now),
                    }
                }
            }
            Happening::SocketDies => self.socket_dies(),
            Happening::Ends(pick, outcome) => {
                let count = self.plan.flights.len().max(1);
                if let Some(id) = self.plan.flights.keys().nth(usize::from(*pick) % count).copied() {
                    self.end(id, outcome);
                }
            }
            Happening::Proof(proof) => self.proof(proof),
            Happening::Fetched => self.fetched(),
            Happening::Commits(works) => self.commits(*works),
            Happening::ClockSet => {
                self.clock += 1;
                let dropped = self.plan.clock_set();
                self.unpin(dropped);
            }
            Happening::Forgets => {
                // Commits under way end first, as the driver sees to.
                self.commits(true);
                let _ = self.plan.ledger.forget();
                self.rows.append(&mut self.settled);
                self.plan.lanes.look_again();
            }
        }
        self.turn();
    }

    fn socket_dies(&mut self) {
        if self.plan.link.live().is_some() {
            let orders = self.plan.socket_over(&Outcome::Broken { reason: "cut".into() }, self.now);
            self.carry_out(orders, None);
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_no_row_is_settled_without_its_receipt_and_a_healthy_server_gets_them_all(
        transport in prop_oneof![Just(Transport::Auto), Just(Transport::Socketio), Just(Transport::Rest)],
        window in prop_oneof![Just(1usize), Just(4), Just(16)],
        happenings in prop::collection::vec(happening(), 0..160),
        healthy in prop_oneof![Just((true, true)), Just((true, false)), Just((false, true))],
        two: bool,
    ) {
        // Where only one road is allowed, that one is healthy in the end; else one of the two, or both.
        let (socket_works, rest_works) = match transport {
            Transport::Auto => healthy,
            Transport::Socketio => (true, false),
            Transport::Rest => (false, true),
        };
        let mut world = World::new(transport, window);
        for happening in &happenings {
            world.happens(happening);
        }
        if !socket_works {
            world.happens(&Happening::SocketDies);
        }
        // From here on all is well by one road at least. The other's server is there, and its answers make no sense.
        let start = world.now;
        while !world.rows.is_empty() {
            prop_assert!(world.now < start + Duration::from_secs(4 * 3600), "left behind: {:?}", world.rows);
            world.happens(&Happening::SocketUp(socket_works, two));
            world.happens(&Happening::Proof(Proof::Works { two }));
            world.happens(&Happening::Commits(true));
            loop {
                world.happens(&Happening::Fetched);
                let Some((id, road)) = world.plan.flights.iter().next().map(|(id, flight)| (*id, flight.road)) else { break };
                let works = if road == Road::Rest { rest_works } else { socket_works };
                let receipt = Outcome::Receipt(Receipt { echoed: two, ..Receipt::default() });
                world.end(id, &if works { receipt } else { Outcome::Broken { reason: "404".into() } });
                world.happens(&Happening::Commits(true));
            }
            // As the driver does: it sleeps until something is due.
            let wake = world.plan.wake_at(world.now).map_or(world.now + Duration::from_secs(30), |at| at.max(world.now));
            world.now = wake.max(world.now + Duration::from_millis(100));
            world.plan.lanes.look_again();
            world.turn();
        }
    }
}
