//! What becomes of a row whose delivery has ended.

use super::{Flight, Order, Plan};
use crate::outbox::RowId;
use crate::uplink::link::Mode;
use crate::uplink::status::Road;
use crate::uplink::triage::RowFate;
use crate::wire::receipt::Receipt;
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
}
