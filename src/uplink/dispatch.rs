//! The outgoing half of the driver: rows are taken from the outbox, packed, and handed to their road.

use super::driver::{Done, Driver};
use super::lanes::Asked;
use super::plan::{FETCH, Flight, Next};
use super::status::Road;
use super::transport::{Outcome, Parcel};
use crate::config::Transport;
use crate::outbox::{OutboxError, Row, RowId};
use futures_util::FutureExt;
use std::time::Duration;

/// After the outbox failed to answer.
const OUTBOX_PAUSE: Duration = Duration::from_secs(5);

impl Driver {
    /// Sends what may be sent now.
    pub(super) async fn dispatch(&mut self, now: Duration) {
        loop {
            self.fetch(now);
            let socket = self.socket.as_ref().map(|(_, road)| road);
            let knows = |camera: &_| socket.is_some_and(|road| road.knows(camera));
            let mut unpinned = Vec::new();
            let next = self.plan.next(now, knows, &mut unpinned);
            self.outbox.unpin(unpinned);
            let Some(next) = next else { return };
            self.send(next).await;
        }
    }

    /// Asks the outbox for more, in the background.
    fn fetch(&mut self, now: Duration) {
        if self.fetching || self.stopping {
            return;
        }
        let Some((asked, want)) = self.plan.want(now) else { return };
        self.fetching = true;
        let outbox = self.outbox.clone();
        self.work.push(async move { Done::Fetched(asked, outbox.next(want).await) }.boxed());
    }

    pub(super) fn fetched(&mut self, asked: Asked, result: Result<Vec<Row>, OutboxError>) {
        match result {
            Ok(rows) => {
                let more = rows.len() >= FETCH;
                let rows = rows.into_iter().map(|row| (row.id, row)).collect();
                let too_old = self.plan.lanes.fetched(asked, rows, more);
                self.outbox.unpin(too_old);
            }
            Err(error) => {
                tracing::error!(%error, "the outbox gives no events");
                self.plan.link.hold(self.clock.monotonic(), Some(OUTBOX_PAUSE));
            }
        }
    }

    async fn send(&mut self, next: Next) {
        let Next { row, by_socket, alone, small, ahead, breaks } = next;
        let by_socket = by_socket && self.socket.is_some();
        let road = if by_socket { Road::Socketio } else { Road::Rest };
        let server_limit = self.plan.max_event_bytes(road).unwrap_or(usize::MAX);
        let limit = if by_socket || small { server_limit.min(self.config.max_socket_bytes) } else { server_limit };
        let now = self.clock.monotonic();
        let Some(mut parcel) = self.packer.pack(&row, limit).await else {
            tracing::error!(event_id = %row.event_id, "an event cannot be packed; it is tried again later");
            self.plan.not_ready(row.id, now);
            return self.outbox.unpin(vec![row.id]);
        };
        (parcel.ahead, parcel.breaks) = (ahead, breaks);
        let bytes = parcel.json.len();
        let too_large = by_socket && bytes > limit;
        let road = if too_large && self.config.transport == Transport::Auto { Road::Rest } else { road };
        let (id, asked_at) = (row.id, self.witness.so_far());
        let sent = self.clock.monotonic();
        self.plan.sent(Flight { row, road, bytes, alone, asked_at, sent, stale: false });
        match road {
            Road::Rest => self.send_by_rest(id, parcel),
            Road::Socketio if too_large => {
                let reason = format!(
                    "{bytes} bytes are more than the {limit} of one message; transport = \"auto\" would send it by REST"
                );
                self.ended(id, Outcome::TooLarge { reason }).await;
            }
            Road::Socketio => self.send_by_socket(id, parcel).await,
        }
    }

    fn send_by_rest(&mut self, id: RowId, parcel: Parcel) {
        let (rest, echoes) = (self.rest.clone(), self.plan.by_rest.echoes());
        self.work.push(async move { Done::Delivered(id, rest.deliver(parcel, echoes).await) }.boxed());
    }

    async fn send_by_socket(&mut self, id: RowId, parcel: Parcel) {
        let Some((_, road)) = &mut self.socket else { return };
        if let Err(outcome) = road.send(id, parcel).await {
            self.ended(id, outcome).await;
        }
    }
}
