//! The incoming half of the driver: what the end of a delivery means is carried out, and told.

use super::driver::Driver;
use super::link::Mode;
use super::pack;
use super::plan::Order;
use super::status::{Delivered, Link, LinkStatus, Road};
use super::transport::Outcome;
use crate::outbox::{OutboxError, OutboxHandle, Row, RowId, Settled};
use crate::wire::receipt::Receipt;
use std::time::Duration;
use tokio::sync::mpsc;

/// Receipts committed together at the most.
const BATCH: usize = 256;

/// Receipts that were committed together, or could not be.
pub(super) type SettleResult = (Vec<Settled>, Result<(), OutboxError>);

/// Commits receipts: all that have come while the last commit was under way go into the next.
pub(super) async fn commit_receipts(
    outbox: OutboxHandle,
    mut receipts: mpsc::UnboundedReceiver<Settled>,
    results: mpsc::UnboundedSender<SettleResult>,
) {
    let mut batch = Vec::new();
    while receipts.recv_many(&mut batch, BATCH).await > 0 {
        let result = outbox.settle(batch.clone()).await;
        if results.send((std::mem::take(&mut batch), result)).is_err() {
            return;
        }
    }
}

impl Driver {
    /// One delivery has ended.
    pub(super) async fn ended(&mut self, id: RowId, outcome: Outcome) {
        if let (Outcome::Receipt(receipt), Some(flight)) = (&outcome, self.plan.flights.get(&id))
            && let Some((store, checkpoint)) =
                self.witness.answered(&receipt.commit, receipt.duplicate, flight.asked_at)
        {
            self.reconcile(store, checkpoint).await;
        }
        let orders = self.plan.ended(id, outcome, self.clock.monotonic());
        self.carry_out(orders).await;
    }

    pub(super) async fn carry_out(&mut self, orders: impl IntoIterator<Item = Order>) {
        let orders: Vec<Order> = orders.into_iter().collect();
        // Closed before anything else: a late answer must never name the wrong row.
        if orders.iter().any(|order| matches!(order, Order::HangUp)) {
            self.socket = None;
        }
        for order in orders {
            match order {
                Order::Confirm(row, road, receipt) => self.confirmed(*row, road, receipt),
                Order::Quarantine(row, reason) => self.quarantine(*row, reason).await,
                Order::Unpin(id) => self.outbox.unpin(vec![id]),
                Order::HangUp => {}
                Order::SayAuthRefused(reason) => tracing::error!(
                    server = %self.endpoint, %reason, token_file = %self.config.token_file,
                    "the server refuses our credentials; nothing is sent until it accepts them: check uplink.token_file"
                ),
                Order::SayAllRefused(reason) => {
                    tracing::error!(%reason, "the server refuses every event; nothing more is quarantined, sending pauses");
                }
                Order::SayCameraHeld(camera, reason) => {
                    tracing::warn!(%camera, %reason, "the server does not allow us this camera; its events wait");
                }
            }
        }
    }

    fn confirmed(&mut self, row: Row, via: Road, receipt: Receipt) {
        crate::killpoint::hit("uplink.receipt");
        let Receipt { duplicate, record_id, commit, .. } = receipt;
        let plates = pack::plates(&row);
        tracing::debug!(event_id = %row.event_id, kind = row.kind.as_str(), via = via.as_str(), duplicate, ?plates, "delivered");
        // The other end lives as long as this driver.
        let _ = self.receipts.send(Settled { id: row.id, duplicate, checkpoint: commit.checkpoint });
        let _ = self.delivered.send(Delivered {
            event_id: row.event_id,
            kind: row.kind,
            camera: row.camera,
            via,
            plates,
            duplicate,
            record_id,
        });
    }

    /// Receipts whose commit failed are tried again when it is time.
    pub(super) fn commit_again(&mut self, now: Duration) {
        for settled in self.plan.ledger.due(now) {
            let _ = self.receipts.send(settled);
        }
    }

    pub(super) fn settle_ended(&mut self, (batch, result): SettleResult) {
        let events = batch.len();
        let say = self.plan.ledger.ended(batch, result.is_ok(), self.clock.monotonic());
        if let Err(error) = result {
            if say {
                tracing::error!(%error, events, "receipts cannot be written down; they are kept in memory and tried again");
            }
            self.plan.trouble = Some(format!("receipts cannot be written down: {error}"));
        }
    }

    async fn quarantine(&mut self, row: Row, reason: String) {
        tracing::warn!(event_id = %row.event_id, camera = %row.camera, %reason, "the server refuses an event; it is quarantined");
        if let Err(error) = self.outbox.quarantine(row.id, reason).await {
            tracing::error!(%error, "an event cannot be quarantined");
            self.outbox.unpin(vec![row.id]);
            self.plan.not_ready(row.id, self.clock.monotonic());
        }
    }

    pub(super) fn publish(&mut self) {
        let before = self.status.borrow().link;
        let link = match self.plan.link.mode() {
            // Another try is no change: the state, and the log, wait for its success.
            Mode::Probing | Mode::Rest { proven: false, .. } if matches!(before, Link::Down | Link::AuthPaused) => {
                before
            }
            Mode::Probing => Link::Probing,
            Mode::Socket { .. } => Link::Socket,
            Mode::Rest { .. } => Link::Rest,
            Mode::Down { .. } => Link::Down,
            Mode::AuthPaused { .. } => Link::AuthPaused,
        };
        if link == Link::Socket && before != Link::Socket {
            self.plan.trouble = None;
        }
        let in_flight = self.plan.ledger.len() + self.plan.flights.len();
        let revisions = self.plan.peer().revisions;
        let new = LinkStatus { link, in_flight, revisions, trouble: self.plan.trouble.clone() };
        let server = &self.endpoint;
        self.status.send_if_modified(|old| {
            if old.link != new.link {
                let reason = new.trouble.as_deref().unwrap_or("");
                match link {
                    // Mobile links come and go; one that stays away is the health report's to say.
                    Link::Down => {
                        tracing::info!(%server, link = link.as_str(), reason, "the server cannot be reached; events wait in the outbox")
                    }
                    Link::Rest => tracing::info!(%server, link = link.as_str(), reason, "sending by REST"),
                    Link::Socket => tracing::info!(%server, link = link.as_str(), "sending by Socket.IO"),
                    // Said where it happens, with what to do.
                    Link::Probing | Link::AuthPaused => {}
                }
            }
            let changed = *old != new;
            *old = new;
            changed
        });
    }
}
