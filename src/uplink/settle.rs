//! The incoming half of the driver: what the end of a delivery means is carried out, and told.

use super::driver::Driver;
use super::link::Mode;
use super::pack;
use super::status::{Delivered, Link, LinkStatus, Road};
use super::transport::Outcome;
use super::triage::{LinkNews, RowFate, triage};
use crate::config::Transport;
use crate::outbox::{OutboxError, OutboxHandle, Row, RowId, Settled};
use crate::wire::receipt::Receipt;
use std::time::Duration;
use tokio::sync::mpsc;

/// Receipts committed together at the most.
const BATCH: usize = 256;

/// Rows whose receipts were committed together, or could not be.
pub(super) type SettleResult = (Vec<RowId>, Result<(), OutboxError>);

/// Commits receipts: all that have come while the last commit was under way go into the next.
pub(super) async fn commit_receipts(
    outbox: OutboxHandle,
    mut receipts: mpsc::UnboundedReceiver<Settled>,
    results: mpsc::UnboundedSender<SettleResult>,
) {
    let mut batch = Vec::new();
    while receipts.recv_many(&mut batch, BATCH).await > 0 {
        let ids = batch.iter().map(|settled: &Settled| settled.id).collect();
        let result = outbox.settle(std::mem::take(&mut batch)).await;
        if results.send((ids, result)).is_err() {
            return;
        }
    }
}

impl Driver {
    /// One delivery has ended.
    pub(super) async fn ended(&mut self, id: RowId, outcome: Outcome) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let now = self.clock.monotonic();
        if let Outcome::Receipt(receipt) = &outcome
            && let Some((store, checkpoint)) =
                self.witness.answered(&receipt.commit, receipt.duplicate, flight.asked_at)
        {
            self.reconcile(store, checkpoint).await;
        }
        if is_break(&outcome) {
            self.desk.broke(id, flight.road == Road::Socketio, flight.alone, now);
        }
        let (fate, news) = triage(outcome.clone(), flight.road, self.config.transport == Transport::Auto);
        let over = flight.road == Road::Socketio && matches!(news, LinkNews::Broken(_));
        self.take_news(news, flight.road);
        self.take_fate(fate, flight.row, flight.road).await;
        if over {
            self.put_down(Road::Socketio, &outcome).await;
        }
    }

    /// Whatever is in flight by this road has ended like this; the link knows already.
    pub(super) async fn put_down(&mut self, road: Road, outcome: &Outcome) {
        let mut ids: Vec<RowId> =
            self.flights.iter().filter(|(_, flight)| flight.road == road).map(|(id, _)| *id).collect();
        // Put back one before the other: the oldest last, so that it is the first again.
        ids.sort_unstable();
        for id in ids.into_iter().rev() {
            let Some(flight) = self.flights.remove(&id) else { continue };
            if is_break(outcome) {
                self.desk.broke(id, road == Road::Socketio, flight.alone, self.clock.monotonic());
            }
            let (fate, _) = triage(outcome.clone(), road, self.config.transport == Transport::Auto);
            self.take_fate(fate, flight.row, road).await;
        }
    }

    fn take_news(&mut self, news: LinkNews, road: Road) {
        let now = self.clock.monotonic();
        match (news, road) {
            (LinkNews::Works, Road::Rest) => self.link.rest_worked(now),
            (LinkNews::Works, Road::Socketio) => {}
            (LinkNews::Broken(reason), Road::Rest) => self.rest_failed(reason),
            (LinkNews::Broken(reason), Road::Socketio) => self.socket_lost(reason),
            (LinkNews::Wait(wait, reason), _) => {
                self.trouble = Some(reason);
                self.link.hold(now, wait);
            }
            (LinkNews::Fault(reason), _) => self.trouble = Some(reason),
            (LinkNews::AuthRefused(reason), _) => self.auth_refused(reason),
        }
    }

    async fn take_fate(&mut self, fate: RowFate, row: Row, road: Road) {
        let now = self.clock.monotonic();
        match fate {
            RowFate::Settle(receipt) => self.confirmed(row, road, receipt),
            RowFate::Quarantine(reason) => self.refused(row, reason).await,
            RowFate::Doubt(reason) => {
                if self.desk.doubt(row.id, now) {
                    self.refused(row, reason).await;
                } else {
                    self.outbox.unpin(vec![row.id]);
                }
            }
            RowFate::ByRest => {
                self.desk.by_rest(row.id);
                self.put_back(row, now);
            }
            // By REST while the socket works: not at once again, and not for ever by REST.
            RowFate::Keep if road == Road::Rest && matches!(self.link.mode(), Mode::Socket { .. }) => {
                self.desk.later(row.id, now);
                self.outbox.unpin(vec![row.id]);
            }
            RowFate::Keep => self.put_back(row, now),
            RowFate::Later => {
                self.desk.later(row.id, now);
                self.outbox.unpin(vec![row.id]);
            }
            RowFate::HoldCamera(reason) => {
                if self.desk.hold_camera(&row.camera, now) {
                    tracing::warn!(camera = %row.camera, %reason, "the server does not allow us this camera; its events wait");
                }
                self.desk.held_back(row.id, &row.camera, now);
                self.outbox.unpin(vec![row.id]);
            }
        }
    }

    /// The row is the next of its lane, unless it has been set aside.
    fn put_back(&mut self, row: Row, now: Duration) {
        if self.desk.is_aside(row.id, now) {
            self.outbox.unpin(vec![row.id]);
        } else {
            self.lanes.put_back(row.id, row);
        }
    }

    fn confirmed(&mut self, row: Row, via: Road, receipt: Receipt) {
        self.trouble = None;
        self.desk.confirmed(row.id);
        crate::killpoint::hit("uplink.receipt");
        let Receipt { duplicate, record_id, commit } = receipt;
        let plates = pack::plates(&row);
        tracing::debug!(event = %row.event_id, kind = row.kind.as_str(), via = via.as_str(), duplicate, ?plates, "delivered");
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

    pub(super) fn settle_ended(&mut self, (ids, result): SettleResult) {
        if let Err(error) = &result {
            tracing::error!(%error, events = ids.len(), "receipts cannot be kept; their events will be sent again");
            self.outbox.unpin(ids.clone());
        }
        for id in ids {
            self.desk.settled(id, result.is_ok(), self.clock.monotonic());
        }
    }

    async fn refused(&mut self, row: Row, reason: String) {
        let now = self.clock.monotonic();
        if !self.desk.refused(row.id, now) {
            // Said once, not for each event that was in flight with it.
            if self.link.refuses_all(now) {
                tracing::error!(%reason, "the server refuses every event; nothing more is quarantined, sending pauses");
            }
            self.trouble = Some(format!("every event is refused: {reason}"));
            return self.outbox.unpin(vec![row.id]);
        }
        tracing::warn!(event = %row.event_id, camera = %row.camera, %reason, "the server refuses an event; it is quarantined");
        if let Err(error) = self.outbox.quarantine(row.id, reason).await {
            tracing::error!(%error, "an event cannot be quarantined");
            self.outbox.unpin(vec![row.id]);
            self.desk.later(row.id, now);
        }
    }

    pub(super) fn publish(&mut self) {
        let before = self.status.borrow().link;
        let link = match self.link.mode() {
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
            self.trouble = None;
        }
        let in_flight = self.desk.settling() + self.flights.len();
        let new = LinkStatus { link, in_flight, trouble: self.trouble.clone() };
        let server = &self.endpoint;
        self.status.send_if_modified(|old| {
            if old.link != new.link {
                let reason = new.trouble.as_deref().unwrap_or("");
                match link {
                    Link::Down => {
                        tracing::warn!(%server, reason, "the server cannot be reached; events wait in the outbox")
                    }
                    Link::Rest => tracing::info!(%server, reason, "sending by REST"),
                    Link::Socket => tracing::info!(%server, "sending by Socket.IO"),
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

/// Did a connection break with the event in flight?
fn is_break(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Broken { .. } | Outcome::Unanswered { .. })
}
