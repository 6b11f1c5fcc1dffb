//! What becomes of a row whose delivery has ended.

use super::{Flight, Order, Plan};
use crate::outbox::RowId;
use crate::uplink::link::Mode;
use crate::uplink::status::Road;
use crate::uplink::transport::Outcome;
use crate::uplink::triage::{RowFate, triage};
use crate::wire::receipt::Receipt;
use std::collections::BTreeMap;
use std::time::Duration;

impl Plan {
    pub(super) fn take_fate(&mut self, fate: RowFate, flight: Flight, now: Duration, orders: &mut Vec<Order>) {
        let id = flight.row.id;
        match fate {
            RowFate::Settle(receipt) => orders.push(self.confirmed(flight, receipt)),
            RowFate::Quarantine(reason) => orders.extend(self.refused(flight, reason, now)),
            RowFate::Doubt(reason) if self.desk.doubt(id, now) => orders.extend(self.refused(flight, reason, now)),
            RowFate::Doubt(_) => orders.push(Order::Unpin(id)),
            RowFate::Smaller(_) if self.desk.smaller(id) => self.put_back(flight, now, orders),
            RowFate::Smaller(reason) => orders.extend(self.refused(flight, reason, now)),
            RowFate::ByRest => {
                self.desk.by_rest(id);
                self.put_back(flight, now, orders);
            }
            RowFate::KeepBusy if self.desk.busy(id, now) => orders.push(Order::Unpin(id)),
            // By REST while the socket works: not at once again, and not for ever by REST.
            RowFate::Keep if flight.road == Road::Rest && matches!(self.link.mode(), Mode::Socket { .. }) => {
                self.later(id, now, orders);
            }
            RowFate::Keep | RowFate::KeepBusy => self.put_back(flight, now, orders),
            RowFate::Later => self.later(id, now, orders),
            RowFate::HoldCamera(reason) => {
                let camera = flight.row.camera;
                if self.desk.hold_camera(&camera, now) {
                    orders.push(Order::SayCameraHeld(camera, reason));
                }
                orders.push(Order::Unpin(id));
            }
        }
    }

    fn later(&mut self, id: RowId, now: Duration, orders: &mut Vec<Order>) {
        self.desk.later(id, now);
        orders.push(Order::Unpin(id));
    }

    /// The row takes its place again, unless it has been set aside or has to be read anew.
    pub(super) fn put_back(&mut self, flight: Flight, now: Duration, orders: &mut Vec<Order>) {
        let id = flight.row.id;
        if flight.stale || self.desk.is_aside(id, now) {
            self.lanes.look_again();
            orders.push(Order::Unpin(id));
        } else {
            self.lanes.put_back(id, flight.row);
        }
    }

    fn confirmed(&mut self, flight: Flight, receipt: Receipt) -> Order {
        self.trouble = None;
        self.desk.confirmed(flight.row.id, flight.row.kind);
        self.ledger.begin(flight.row.id);
        Order::Confirm(Box::new(flight.row), flight.road, receipt)
    }

    fn refused(&mut self, flight: Flight, reason: String, now: Duration) -> Vec<Order> {
        let id = flight.row.id;
        if self.desk.refused(id, flight.row.kind, now) {
            return vec![Order::Quarantine(Box::new(flight.row), reason)];
        }
        self.trouble = Some(format!("every event is refused: {reason}"));
        // Said once, not for each event that was in flight with it.
        let news = self.link.refuses_all(now);
        let mut orders = vec![Order::Unpin(id)];
        orders.extend(news.then_some(Order::SayAllRefused(reason)));
        orders
    }

    /// The connection is of no use any more: what is in flight on it ends like this.
    pub(in crate::uplink) fn socket_over(&mut self, outcome: &Outcome, now: Duration) -> Vec<Order> {
        let mut orders = Vec::new();
        self.socket_lost(outcome.reason(), now, &mut orders);
        self.put_down(outcome, now, &mut orders);
        orders
    }

    /// The connection has been given up by us: no row is to blame.
    pub(in crate::uplink) fn socket_given_up(&mut self, now: Duration) -> Vec<Order> {
        let mut orders = Vec::new();
        for flight in self.take_flights(Road::Socketio) {
            self.put_back(flight, now, &mut orders);
        }
        orders
    }

    /// Whatever is in flight by the socket has ended like this; the link knows already.
    pub(super) fn put_down(&mut self, outcome: &Outcome, now: Duration, orders: &mut Vec<Order>) {
        for flight in self.take_flights(Road::Socketio) {
            self.learn(&flight, outcome, flight.bytes, now);
            let (fate, _) = triage(outcome.clone(), flight.road, self.other_road());
            self.take_fate(fate, flight, now, orders);
        }
    }

    fn take_flights(&mut self, road: Road) -> Vec<Flight> {
        let all = std::mem::take(&mut self.flights);
        let (ended, others): (BTreeMap<_, _>, _) = all.into_iter().partition(|(_, flight)| flight.road == road);
        self.flights = others;
        ended.into_values().collect()
    }
}
