//! Who is connected, who is in which room, and how everyone there is told.

use super::packet;
use crate::domain::CameraKey;
use crate::server::answer::{Broadcast, Room};
use crate::server::budget::Held;
use crate::server::guard::{self, Guard, Visitor, Who};
use crate::server::listen::Seat;
use engineioxide::socket::{DisconnectReason, Sid};
use engineioxide::{Socket, Str};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::mpsc;

/// How often one who waits for all connections looks.
const POLL: Duration = Duration::from_millis(5);

/// What Engine.IO keeps for us with each of its sockets.
#[derive(Debug, Default)]
pub struct Slot {
    /// Set when the connection opens.
    pub peer: std::sync::OnceLock<Arc<Peer>>,
}

type EngineSocket = Socket<Slot>;

/// One connection.
pub struct Peer {
    socket: std::sync::Weak<EngineSocket>,
    pub sid: Sid,
    /// Messages for the connection's task, each with the room that it takes.
    pub inbox: mpsc::UnboundedSender<(Str, Held)>,
    _seat: Seat,
    /// Where it comes from.
    pub address: IpAddr,
    visitor: Option<Visitor>,
    /// Who opened it, where that was clear from the request already.
    pub caller: Option<Who>,
    /// Who joined the namespace.
    who: OnceLock<Who>,
    state: Mutex<PeerState>,
    /// It did not take its messages. Its socket is closed once the network lets go of it, which may take long.
    cut: AtomicBool,
}

#[derive(Debug, Default)]
struct PeerState {
    /// Joined the root namespace.
    joined: bool,
    cameras: HashSet<CameraKey>,
    /// Bytes of messages that wait in the inbox or are being worked on.
    pending_bytes: usize,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer {}", self.sid)
    }
}

impl Peer {
    pub fn new(socket: &Arc<EngineSocket>, inbox: mpsc::UnboundedSender<(Str, Held)>, seat: Seat) -> Self {
        let extensions = &socket.req_parts.extensions;
        Self {
            socket: Arc::downgrade(socket),
            sid: socket.id,
            inbox,
            _seat: seat,
            address: guard::address_of(extensions),
            visitor: extensions.get::<Visitor>().cloned(),
            caller: extensions.get::<Who>().cloned(),
            who: OnceLock::new(),
            state: Mutex::default(),
            cut: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, PeerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a message; `false`, and nothing noted, if more than `limit` bytes would wait.
    pub fn admit(&self, bytes: usize, limit: usize) -> bool {
        let mut state = self.state();
        let fits = state.pending_bytes.saturating_add(bytes) <= limit;
        if fits {
            state.pending_bytes += bytes;
        }
        fits
    }

    /// A message that was admitted is done with.
    pub fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.pending_bytes = state.pending_bytes.saturating_sub(bytes);
    }

    /// The root namespace is joined: from now on events count, as theirs. The first word holds.
    pub fn set_joined(&self, who: Who) {
        if let Some(visitor) = &self.visitor {
            visitor.vouch();
        }
        let _ = self.who.set(who);
        self.state().joined = true;
    }

    /// Who joined.
    pub fn who(&self) -> Option<&Who> {
        self.who.get()
    }

    pub fn is_joined(&self) -> bool {
        self.state().joined
    }

    /// Is this the first time that this connection speaks for the camera?
    pub fn add_camera(&self, camera: &CameraKey) -> bool {
        self.state().cameras.insert(camera.clone())
    }

    pub fn take_cameras(&self) -> HashSet<CameraKey> {
        std::mem::take(&mut self.state().cameras)
    }

    /// Queues a packet. A peer that does not take what it is sent is cut off: it comes back and asks anew, which
    /// beats silent holes in what it hears.
    pub fn send(&self, text: impl Into<Str>) {
        self.queue(text.into());
    }

    /// `false` from when it was cut off.
    fn queue(&self, text: Str) -> bool {
        if self.cut.load(Ordering::Relaxed) {
            return false;
        }
        let Some(socket) = self.socket.upgrade() else { return false };
        if socket.emit(text).is_err() && !socket.is_closed() {
            if !self.cut.swap(true, Ordering::Relaxed) {
                tracing::warn!(sid = %self.sid, "a client does not take its messages; cut off");
                socket.close(DisconnectReason::TransportError);
            }
            return false;
        }
        true
    }

    pub fn emit(&self, event: &str, payload: &Value) {
        self.send(packet::event(event, payload));
    }

    pub fn close(&self, reason: DisconnectReason) {
        if let Some(socket) = self.socket.upgrade() {
            socket.close(reason);
        }
    }
}

/// All connections.
#[derive(Debug, Default)]
pub struct Hub {
    crowd: RwLock<Crowd>,
}

#[derive(Debug, Default)]
struct Crowd {
    peers: HashMap<Sid, Arc<Peer>>,
    /// Those of them that joined one: a broadcast costs nothing for a thousand agents that did not.
    rooms: HashMap<Room, HashMap<Sid, Arc<Peer>>>,
}

impl Hub {
    fn crowd(&self) -> RwLockReadGuard<'_, Crowd> {
        self.crowd.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn crowd_mut(&self) -> RwLockWriteGuard<'_, Crowd> {
        self.crowd.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, peer: Arc<Peer>) {
        self.crowd_mut().peers.insert(peer.sid, peer);
    }

    pub fn remove(&self, sid: Sid) {
        let mut crowd = self.crowd_mut();
        crowd.peers.remove(&sid);
        for room in crowd.rooms.values_mut() {
            room.remove(&sid);
        }
    }

    /// From now on the peer hears what the room is told; one that is gone hears nothing.
    pub fn join(&self, room: Room, sid: Sid) {
        let mut crowd = self.crowd_mut();
        if let Some(peer) = crowd.peers.get(&sid).cloned() {
            crowd.rooms.entry(room).or_default().insert(sid, peer);
        }
    }

    pub fn has(&self, sid: Sid) -> bool {
        self.crowd().peers.contains_key(&sid)
    }

    pub fn find(&self, sid: Sid) -> Option<Arc<Peer>> {
        self.crowd().peers.get(&sid).cloned()
    }

    fn peers(&self) -> Vec<Arc<Peer>> {
        self.crowd().peers.values().cloned().collect()
    }

    /// Connections that joined the namespace.
    pub fn connected(&self) -> usize {
        self.peers().iter().filter(|peer| peer.is_joined()).count()
    }

    /// Connections of the same sender.
    pub fn of(&self, who: &Who) -> usize {
        self.peers().iter().filter(|peer| peer.who().is_some_and(|other| other.is_same_sender(who))).count()
    }

    /// Tells everyone in the room.
    pub fn publish(&self, broadcast: &Broadcast) {
        let there: Vec<Arc<Peer>> =
            self.crowd().rooms.get(&broadcast.room).into_iter().flat_map(HashMap::values).cloned().collect();
        if there.is_empty() {
            return;
        }
        let text = Str::from(packet::event(broadcast.event, &broadcast.payload));
        for peer in there {
            if !peer.queue(text.clone()) {
                self.remove(peer.sid);
            }
        }
    }

    /// Waits until everything that was begun is answered, for `within` at the most.
    pub async fn settle(&self, within: Duration) {
        let answered = async {
            while self.peers().iter().any(|peer| peer.state().pending_bytes > 0) {
                tokio::time::sleep(POLL).await;
            }
        };
        if tokio::time::timeout(within, answered).await.is_err() {
            tracing::warn!("some events were not answered in time; their senders will send them again");
        }
    }

    /// Closes the connections of those who would not be let in any more.
    pub fn dismiss(&self, guard: &Guard) {
        for peer in self.peers() {
            if let Some(who) = peer.who()
                && !guard.still_knows(who)
            {
                tracing::info!(sid = %peer.sid, name = who.name, "a connection lost its right; closed");
                peer.send(packet::DISCONNECT);
                peer.close(DisconnectReason::TransportClose);
            }
        }
    }

    /// Says goodbye to everyone, and returns when all are gone. They hang up by themselves once they have taken what they
    /// were sent before; who has not done so `within` is hung up on. That is the second choice: where something of theirs
    /// still comes in, TCP resets the connection, and the last answers are lost on the way.
    pub async fn part(&self, within: Duration) {
        for peer in self.peers() {
            match peer.is_joined() {
                true => peer.send(packet::DISCONNECT),
                false => peer.close(DisconnectReason::ClosingServer),
            }
        }
        if tokio::time::timeout(within, self.emptied()).await.is_err() {
            for peer in self.peers() {
                peer.close(DisconnectReason::ClosingServer);
            }
            self.emptied().await;
        }
    }

    async fn emptied(&self) {
        while !self.peers().is_empty() {
            tokio::time::sleep(POLL).await;
        }
    }
}
