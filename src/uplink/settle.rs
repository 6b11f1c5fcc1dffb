//! The second half of a delivery: what its end means is carried out, and told.

use super::driver::{Deletion, Driver};
use super::link::Mode;
use super::pack;
use super::status::{Delivered, Link, LinkStatus, Road};
use super::triage::{LinkNews, RowFate};
use crate::outbox::{Row, Settled};
use std::time::Duration;

/// After the server refused everything.
const BREAKER_PAUSE: Duration = Duration::from_secs(60);

impl Driver {
    pub(super) fn take_news(&mut self, news: LinkNews, road: Road) {
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

    pub(super) async fn take_fate(&mut self, fate: RowFate, row: Row, road: Road) {
        let now = self.clock.monotonic();
        match fate {
            RowFate::Delete { duplicate, record_id } => self.confirmed(row, road, duplicate, record_id),
            RowFate::Quarantine(reason) => self.refused(row, reason).await,
            RowFate::Doubt(reason) => {
                if self.desk.doubt(row.id, now) {
                    self.refused(row, reason).await;
                }
            }
            RowFate::ByRest => {
                self.desk.by_rest(row.id);
                self.queue.push_front(row);
            }
            // By REST while the socket works: not at once again, and not for ever by REST.
            RowFate::Keep if road == Road::Rest && matches!(self.link.mode(), Mode::Socket { .. }) => {
                self.desk.later(row.id, now);
            }
            RowFate::Keep => self.queue.push_front(row),
            RowFate::Later => self.desk.later(row.id, now),
            RowFate::HoldCamera(reason) => {
                if self.desk.hold_camera(&row.camera, now) {
                    tracing::warn!(camera = %row.camera, %reason, "the server does not allow us this camera; its events wait");
                }
                self.desk.held_back(row.id, &row.camera, now);
            }
        }
    }

    fn confirmed(&mut self, row: Row, via: Road, duplicate: bool, record_id: Option<String>) {
        self.trouble = None;
        self.desk.confirmed(row.id);
        let plates = pack::plates(&row);
        tracing::debug!(event = %row.event_id, kind = row.kind.as_str(), via = via.as_str(), duplicate, ?plates, "delivered");
        let (outbox, done) = (self.outbox.clone(), self.deletions.0.clone());
        let settled = Settled { id: row.id, duplicate, checkpoint: None };
        tokio::spawn(async move {
            let result = outbox.settle(vec![settled]).await;
            let _ = done.send((row.id, result));
        });
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

    pub(super) fn deletion_ended(&mut self, (id, result): Deletion) {
        if let Err(error) = &result {
            tracing::error!(%error, "a delivered event cannot be deleted; it will be sent again");
        }
        self.desk.settled(id, result.is_ok(), self.clock.monotonic());
    }

    async fn refused(&mut self, row: Row, reason: String) {
        let now = self.clock.monotonic();
        if !self.desk.refused(row.id, now) {
            tracing::error!(%reason, "the server refuses every event; nothing more is quarantined, sending pauses");
            self.trouble = Some(format!("every event is refused: {reason}"));
            return self.link.hold(now, Some(BREAKER_PAUSE));
        }
        tracing::warn!(event = %row.event_id, camera = %row.camera, %reason, "the server refuses an event; it is quarantined");
        if let Err(error) = self.outbox.quarantine(row.id, reason).await {
            tracing::error!(%error, "an event cannot be quarantined");
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
        let in_flight = self.desk.settling() + usize::from(self.sending);
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
