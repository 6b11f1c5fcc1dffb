//! Socket.IO 5 over Engine.IO 4: one namespace, two rooms, acks in one direction.
//!
//! Why not socketioxide: it closes the connection on one event that is not strict JSON, and Python peers send the bare
//! word NaN (PROTOCOL 3.2.3). Its lower half, engineioxide, does the transports, the upgrade and the heartbeat.

mod hub;
mod packet;
mod session;

pub use hub::{Hub, Peer, Slot};

use super::app::App;
use super::guard::{self, Visitor};
use super::listen::Seats;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::service::EngineIoService;
use engineioxide::socket::DisconnectReason;
use engineioxide::{Socket, Str};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A connection that has not joined the namespace by then is closed, as in the reference server.
const JOIN_WITHIN: Duration = Duration::from_secs(45);

/// Packets that may wait for one client to take them.
const OUTBOX: usize = 1024;

/// Who polls has shown its token inside the session, perhaps on another connection: this one is that session's too, and
/// may bring what the session may.
pub async fn vouch(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let sid = query.split('&').find_map(|pair| pair.strip_prefix("sid=")?.parse().ok());
    if let Some(peer) = sid.and_then(|sid| hub.find(sid))
        && peer.is_joined()
        && let Some(visitor) = request.extensions().get::<Visitor>()
    {
        visitor.vouch();
    }
    next.run(request).await
}

/// Takes Engine.IO's callbacks.
pub struct Gate {
    app: Arc<App>,
    hub: Arc<Hub>,
    /// Of sessions: a stranger can open many of them on one connection.
    seats: Arc<Seats>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// What serves `/socket.io/`.
    pub fn service(app: Arc<App>, hub: Arc<Hub>) -> EngineIoService<Gate> {
        let limit = app.config.max_event_bytes;
        let config = EngineIoConfig::builder()
            .req_path("/socket.io")
            .max_buffer_size(OUTBOX)
            .max_payload(limit as u64)
            // Twice the limit, so that an event above it still gets its answer instead of a cut connection.
            .ws_max_message_size(2 * limit)
            .ws_max_frame_size(2 * limit)
            .build();
        let limits = &app.config.limits;
        let seats = Seats::new(limits.connections, limits.connections_per_address);
        EngineIoService::with_config(Arc::new(Gate { app, hub, seats }), config)
    }
}

impl EngineIoHandler for Gate {
    type Data = Slot;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Slot>>) {
        let address = guard::address_of(&socket.req_parts.extensions);
        let Some(seat) = self.seats.take(address) else {
            tracing::debug!(%address, "too many sessions; [limits] says how many connections may be");
            return socket.close(DisconnectReason::TransportClose);
        };
        let (inbox, messages) = mpsc::unbounded_channel();
        let peer = Arc::new(Peer::new(&socket, inbox, seat));
        if socket.data.peer.set(peer.clone()).is_err() {
            return;
        }
        self.hub.add(peer.clone());
        tokio::spawn(session::run(self.app.clone(), self.hub.clone(), Arc::downgrade(&peer), messages));
        let peer = Arc::downgrade(&peer);
        tokio::spawn(async move {
            tokio::time::sleep(JOIN_WITHIN).await;
            if let Some(peer) = peer.upgrade()
                && !peer.is_joined()
            {
                peer.close(DisconnectReason::TransportClose);
            }
        });
    }

    fn on_disconnect(&self, socket: Arc<Socket<Slot>>, reason: DisconnectReason) {
        let Some(peer) = socket.data.peer.get() else { return };
        self.hub.remove(peer.sid);
        tracing::debug!(sid = %peer.sid, ?reason, "client left");
        session::cameras_left(&self.app, &self.hub, peer);
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<Slot>>) {
        if let Some(peer) = socket.data.peer.get() {
            session::take(&self.app, peer, message);
        }
    }

    /// Attachments of binary events. The contract has none: the event itself was already taken, and this is let go.
    fn on_binary(self: &Arc<Self>, _data: Bytes, _socket: Arc<Socket<Slot>>) {}
}
