//! The outgoing half of the driver: which rows are taken from the outbox, and by which road each goes.

use super::driver::{Done, Driver};
use super::lanes::Lane;
use super::link::Mode;
use super::status::Road;
use super::transport::{Outcome, Parcel};
use crate::config::Transport;
use crate::outbox::{OutboxError, Row, RowId, Want};
use futures_util::FutureExt;
use std::time::Duration;

/// Rows taken from the outbox at once; more are asked for when half of them are left.
const FETCH: usize = 64;
/// Bytes in flight, beyond which nothing is added: memory on a small box is worth more than speed.
const MAX_BYTES: usize = 8 << 20;
/// After the outbox failed to answer.
const OUTBOX_PAUSE: Duration = Duration::from_secs(5);

/// A row on its way.
pub(super) struct Flight {
    pub row: Row,
    pub road: Road,
    pub bytes: usize,
    /// Nothing else was in flight with it, and nothing is sent until it has ended.
    pub alone: bool,
    /// How far the server had come when it was sent.
    pub asked_at: u64,
}

impl Driver {
    /// Sends what may be sent now.
    pub(super) async fn dispatch(&mut self, now: Duration) {
        loop {
            self.fetch(now);
            if !self.has_room()
                || !self.link.may_send(now)
                || matches!(self.link.mode(), Mode::Rest { proven: false, .. })
            {
                return;
            }
            let Some((id, row)) = self.lanes.pop() else { return };
            // Put aside since it was fetched.
            if self.desk.held_back(id, &row.camera, now) || self.desk.is_aside(id, now) {
                self.outbox.unpin(vec![id]);
                continue;
            }
            if self.needs_the_link_for_itself(&row) && !self.flights.is_empty() {
                return self.lanes.put_back(id, row);
            }
            self.send(row).await;
        }
    }

    /// Only a server that echoes may have several events at once.
    fn window(&self) -> usize {
        if self.rest.echoes { self.config.window } else { 1 }
    }

    fn has_room(&self) -> bool {
        let bytes: usize = self.flights.values().map(|flight| flight.bytes).sum();
        self.flights.len() < self.window() && bytes < MAX_BYTES && !self.flights.values().any(|flight| flight.alone)
    }

    fn needs_the_link_for_itself(&self, row: &Row) -> bool {
        let stranger = self.socket.as_ref().is_some_and(|(_, road)| !road.knows(&row.camera));
        stranger || self.desk.wants_alone(row.id)
    }

    /// Asks the outbox for more, in the background.
    fn fetch(&mut self, now: Duration) {
        if self.fetching || self.stopping {
            return;
        }
        let Some((lane, newer_than)) = self.lanes.wants(FETCH / 2) else { return };
        let mut skip = self.desk.skip(now);
        skip.extend(self.lanes.ids());
        skip.extend(self.flights.keys());
        self.fetching = true;
        let outbox = self.outbox.clone();
        let want = Want { limit: FETCH, skip, newer_than, held: Vec::new() };
        self.work.push(async move { Done::Fetched(lane, outbox.next(want).await) }.boxed());
    }

    pub(super) fn fetched(&mut self, lane: Lane, result: Result<Vec<Row>, OutboxError>) {
        match result {
            Ok(rows) => {
                let more = rows.len() >= FETCH;
                self.lanes.fetched(lane, rows.into_iter().map(|row| (row.id, row)).collect(), more);
            }
            Err(error) => {
                tracing::error!(%error, "the outbox gives no events");
                self.link.hold(self.clock.monotonic(), Some(OUTBOX_PAUSE));
            }
        }
    }

    async fn send(&mut self, row: Row) {
        let alone = self.desk.wants_alone(row.id);
        let by_socket = matches!((&self.socket, self.link.mode()),
            (Some((generation, _)), Mode::Socket { generation: used, .. }) if *generation == used);
        let by_socket = by_socket && !(self.config.transport == Transport::Auto && self.desk.wants_rest(row.id));
        let server_limit = self.peer.max_event_bytes.unwrap_or(usize::MAX);
        let limit = if by_socket { server_limit.min(self.config.max_socket_bytes) } else { server_limit };
        let parcel = self.packer.pack(&row, limit).await;
        let bytes = parcel.json.len();
        let (id, asked_at) = (row.id, self.witness.so_far());
        let too_large = by_socket && bytes > limit;
        let road = if by_socket && !(too_large && self.config.transport == Transport::Auto) {
            Road::Socketio
        } else {
            Road::Rest
        };
        self.flights.insert(id, Flight { row, road, bytes, alone, asked_at });
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
        let rest = self.rest.clone();
        self.work.push(async move { Done::Delivered(id, rest.deliver(parcel).await) }.boxed());
    }

    async fn send_by_socket(&mut self, id: RowId, parcel: Parcel) {
        let Some((_, road)) = &mut self.socket else { return };
        if let Err(outcome) = road.send(id, parcel).await {
            self.ended(id, outcome).await;
        }
    }
}
