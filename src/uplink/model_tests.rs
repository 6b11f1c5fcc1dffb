//! The pure parts together, as the driver joins them, against a world that does anything at any time: the outbox is a
//! set, the roads are this file's. What must hold: a row is settled only by its own receipt, none is lost or in two
//! places, nobody idles while something could be sent, and a healthy server gets everything in the end.

use super::desk::Desk;
use super::lanes::Lanes;
use super::link::{LinkMachine, Mode, Timings};
use super::status::Road;
use super::transport::Outcome;
use super::triage::{LinkNews, RowFate, triage};
use crate::config::Transport;
use crate::outbox::RowId;
use crate::wire::answer::Code;
use crate::wire::receipt::Receipt;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug, Clone)]
enum Happening {
    Rows(u8),
    Passes(u16),
    /// The attempt under way ends.
    SocketUp(bool),
    SocketDies,
    /// The flight with this number (of those there are) ends.
    Ends(u8, Outcome),
    Proof(bool),
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let reason = || "why".to_owned();
    prop_oneof![
        8 => Just(Outcome::Receipt(Receipt::default())),
        1 => Just(Outcome::Refused { code: Some(Code::Invalid), reason: reason() }),
        1 => Just(Outcome::Declined { reason: reason() }),
        1 => Just(Outcome::TooLarge { reason: reason() }),
        1 => Just(Outcome::Busy { wait: None, reason: reason() }),
        1 => Just(Outcome::ServerFault { reason: reason() }),
        2 => Just(Outcome::Unanswered { reason: reason() }),
        2 => Just(Outcome::Broken { reason: reason() }),
        1 => Just(Outcome::AuthRefused { reason: reason() }),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (1u8..6).prop_map(Happening::Rows),
        3 => (0u16..90).prop_map(Happening::Passes),
        3 => any::<bool>().prop_map(Happening::SocketUp),
        1 => Just(Happening::SocketDies),
        8 => (any::<u8>(), outcome()).prop_map(|(pick, outcome)| Happening::Ends(pick, outcome)),
        2 => any::<bool>().prop_map(Happening::Proof),
    ]
}

struct World {
    link: LinkMachine,
    desk: Desk,
    lanes: Lanes<()>,
    transport: Transport,
    now: Duration,
    connecting: Option<u64>,
    /// Rows in the outbox; settled and quarantined ones have left.
    rows: BTreeSet<i64>,
    newest: i64,
    flights: BTreeMap<i64, (Road, bool)>,
    receipts: BTreeSet<i64>,
    settled: BTreeSet<i64>,
    quarantined: BTreeSet<i64>,
    window: usize,
    usable: bool,
}

impl World {
    fn new(transport: Transport, window: usize) -> Self {
        let timings = Timings::default();
        Self {
            link: LinkMachine::new(transport, timings, Duration::ZERO),
            desk: Desk::new(timings.aside),
            lanes: Lanes::default(),
            transport,
            now: Duration::ZERO,
            connecting: None,
            rows: BTreeSet::new(),
            newest: 0,
            flights: BTreeMap::new(),
            receipts: BTreeSet::new(),
            settled: BTreeSet::new(),
            quarantined: BTreeSet::new(),
            window,
            usable: false,
        }
    }

    fn id(number: i64) -> RowId {
        RowId::for_tests(number)
    }

    fn other_road(&self) -> bool {
        self.transport == Transport::Auto
    }

    fn number(&self, id: RowId) -> i64 {
        (0..=self.newest).find(|number| Self::id(*number) == id).unwrap()
    }

    fn fetch(&mut self) {
        while let Some((lane, above)) = self.lanes.wants(4) {
            let mut skip = self.desk.skip(self.now);
            skip.extend(self.lanes.ids());
            skip.extend(self.flights.keys().map(|number| Self::id(*number)));
            let wanted = |id: &RowId| !skip.contains(id) && above.is_none_or(|above| *id > above);
            let found: Vec<(RowId, ())> =
                self.rows.iter().map(|n| Self::id(*n)).filter(wanted).take(8).map(|id| (id, ())).collect();
            let more = found.len() == 8;
            self.lanes.fetched(lane, found, more);
        }
    }

    fn turn(&mut self) {
        if let Some(generation) = self.link.poll(self.now) {
            assert!(self.connecting.is_none_or(|older| older < generation), "generations rise");
            self.connecting = Some(generation);
        }
        if self.link.live().is_none() {
            self.put_down(&Outcome::Busy { wait: None, reason: String::new() });
        }
        let usable = matches!(self.link.mode(), Mode::Socket { .. } | Mode::Rest { proven: true, .. });
        if usable && !self.usable {
            self.lanes.begin(Self::id(self.newest));
        }
        self.usable = usable;
        self.dispatch();
        self.check();
    }

    fn dispatch(&mut self) {
        loop {
            self.fetch();
            let alone = self.flights.values().any(|(_, alone)| *alone);
            if !self.usable || !self.link.may_send(self.now) || self.flights.len() >= self.window || alone {
                return;
            }
            let Some((id, ())) = self.lanes.pop() else { return };
            if self.desk.is_aside(id, self.now) {
                continue;
            }
            let alone = self.desk.wants_alone(id);
            if alone && !self.flights.is_empty() {
                return self.lanes.put_back(id, ());
            }
            let by_socket =
                matches!(self.link.mode(), Mode::Socket { .. }) && !(self.other_road() && self.desk.wants_rest(id));
            let road = if by_socket { Road::Socketio } else { Road::Rest };
            let number = self.number(id);
            assert!(self.rows.contains(&number), "what has left the outbox is not sent again");
            assert_eq!(self.flights.insert(number, (road, alone)), None, "sent twice at once");
        }
    }

    fn end(&mut self, number: i64, outcome: &Outcome) {
        let Some((road, alone)) = self.flights.remove(&number) else { return };
        let (fate, news) = triage(outcome.clone(), road, self.other_road());
        if matches!(outcome, Outcome::Receipt(_)) {
            self.receipts.insert(number);
        }
        self.blame(number, road, alone, outcome);
        match news {
            LinkNews::Works if road == Road::Rest => self.link.rest_worked(self.now),
            LinkNews::Works | LinkNews::Fault(_) => {}
            LinkNews::Broken(_) if road == Road::Rest => self.link.rest_failed(self.now, 0.5),
            LinkNews::Broken(_) => self.socket_dies(outcome),
            LinkNews::Wait(wait, _) => self.link.hold(self.now, wait),
            LinkNews::AuthRefused(_) => {
                self.link.auth_refused(self.now);
                self.connecting = None;
            }
        }
        self.fate(number, road, fate);
    }

    fn blame(&mut self, number: i64, road: Road, alone: bool, outcome: &Outcome) {
        if matches!(outcome, Outcome::Broken { .. } | Outcome::Unanswered { .. }) {
            self.desk.broke(Self::id(number), road == Road::Socketio, alone, self.now);
        }
    }

    fn fate(&mut self, number: i64, road: Road, fate: RowFate) {
        let id = Self::id(number);
        match fate {
            RowFate::Settle(_) => {
                self.desk.confirmed(id);
                self.rows.remove(&number);
                self.settled.insert(number);
                self.desk.settled(id, true, self.now);
            }
            RowFate::Quarantine(_) => self.refuse(number),
            RowFate::Doubt(_) => {
                if self.desk.doubt(id, self.now) {
                    self.refuse(number);
                }
            }
            RowFate::ByRest => {
                self.desk.by_rest(id);
                self.put_back(id);
            }
            RowFate::Keep if road == Road::Rest && matches!(self.link.mode(), Mode::Socket { .. }) => {
                self.desk.later(id, self.now);
            }
            RowFate::Keep => self.put_back(id),
            RowFate::Later | RowFate::HoldCamera(_) => self.desk.later(id, self.now),
        }
    }

    fn put_back(&mut self, id: RowId) {
        if !self.desk.is_aside(id, self.now) {
            self.lanes.put_back(id, ());
        }
    }

    fn refuse(&mut self, number: i64) {
        if self.desk.refused(Self::id(number), self.now) {
            self.rows.remove(&number);
            self.quarantined.insert(number);
        } else {
            self.link.refuses_all(self.now);
        }
    }

    fn socket_dies(&mut self, outcome: &Outcome) {
        if let Some(generation) = self.link.live() {
            self.link.socket_failed(generation, self.now, 0.5);
            self.put_down(outcome);
        }
    }

    fn put_down(&mut self, outcome: &Outcome) {
        let on_it: Vec<i64> =
            self.flights.iter().filter(|(_, (road, _))| *road == Road::Socketio).map(|(number, _)| *number).collect();
        for number in on_it.into_iter().rev() {
            let (road, alone) = self.flights.remove(&number).unwrap();
            self.blame(number, road, alone, outcome);
            let (fate, _) = triage(outcome.clone(), road, self.other_road());
            self.fate(number, road, fate);
        }
    }

    /// What must hold after every step.
    fn check(&self) {
        assert!(self.settled.is_subset(&self.receipts), "settled without a receipt");
        assert!(self.flights.len() <= self.window.max(1));
        let in_lanes: Vec<i64> = self.lanes.ids().map(|id| self.number(id)).collect();
        let distinct: BTreeSet<i64> = in_lanes.iter().copied().collect();
        assert_eq!(in_lanes.len(), distinct.len(), "a row waits twice");
        assert!(distinct.iter().all(|number| self.rows.contains(number) && !self.flights.contains_key(number)));
        let everywhere = self.rows.len() + self.settled.len() + self.quarantined.len();
        assert_eq!(everywhere as i64, self.newest, "a row has got lost");
        if self.usable && self.link.may_send(self.now) && self.flights.is_empty() {
            let skip = self.desk.skip(self.now);
            let ready = self.rows.iter().filter(|number| !skip.contains(&Self::id(**number))).count();
            assert_eq!(ready, 0, "idle with rows and a link");
        }
    }

    fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::Rows(count) => {
                for _ in 0..*count {
                    self.newest += 1;
                    self.rows.insert(self.newest);
                }
                self.lanes.look_again();
            }
            Happening::Passes(seconds) => {
                self.now += Duration::from_secs(u64::from(*seconds));
                self.lanes.look_again();
            }
            Happening::SocketUp(works) => {
                if let Some(generation) = self.connecting.take() {
                    if *works {
                        self.link.connected(generation, self.now);
                    } else {
                        self.link.socket_failed(generation, self.now, 0.5);
                    }
                }
            }
            Happening::SocketDies => self.socket_dies(&Outcome::Broken { reason: "cut".into() }),
            Happening::Ends(pick, outcome) => {
                let count = self.flights.len().max(1);
                if let Some(number) = self.flights.keys().nth(usize::from(*pick) % count).copied() {
                    self.end(number, outcome);
                }
            }
            Happening::Proof(works) => {
                if matches!(self.link.mode(), Mode::Rest { proven: false, .. }) && self.link.may_send(self.now) {
                    if *works { self.link.rest_worked(self.now) } else { self.link.rest_failed(self.now, 0.5) }
                }
            }
        }
        self.turn();
    }
}

proptest! {
    #[test]
    fn whatever_happens_no_row_is_settled_without_its_receipt_and_a_healthy_server_gets_them_all(
        transport in prop_oneof![Just(Transport::Auto), Just(Transport::Socketio), Just(Transport::Rest)],
        window in prop_oneof![Just(1usize), Just(4), Just(16)],
        happenings in prop::collection::vec(happening(), 0..120),
        healthy in prop_oneof![Just((true, true)), Just((true, false)), Just((false, true))],
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
        for _ in 0..2000 {
            if world.rows.is_empty() {
                break;
            }
            world.happens(&Happening::SocketUp(socket_works));
            world.happens(&Happening::Proof(true));
            let broken = || Outcome::Broken { reason: "404".into() };
            while let Some((number, (road, _))) = world.flights.iter().next().map(|(number, flight)| (*number, *flight)) {
                let works = if road == Road::Rest { rest_works } else { socket_works };
                let outcome = if works { Outcome::Receipt(Receipt::default()) } else { broken() };
                world.end(number, &outcome);
                world.turn();
            }
            world.happens(&Happening::Passes(30));
        }
        prop_assert!(world.rows.is_empty(), "left behind: {:?}", world.rows);
    }
}
