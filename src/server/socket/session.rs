//! One connection's conversation: its packets in order, its detections and health reports side by side.

use super::packet::{self, Event, Packet};
use super::{Hub, Peer};
use crate::server::answer::{self, Room};
use crate::server::app::{App, Done};
use crate::server::body;
use crate::server::budget::Held;
use crate::server::fault::{Code, Fault};
use crate::server::guard::{Need, Role, Who};
use crate::server::metrics::{self, Road};
use crate::telemetry::OneLine;
use crate::wire::incoming::{EventRef, json};
use engineioxide::Str;
use serde_json::Value;
use std::sync::{Arc, Weak};
use tokio::sync::{Semaphore, mpsc};

/// Events of one connection that are worked on at a time, so that one commit can take several.
const AT_A_TIME: usize = 16;

/// Events' worth of bytes that may wait for one connection; beyond it the sender is told to slow down.
const PENDING_EVENTS: usize = 4;

/// Sockets of one device at a time. Each may hold a message that never ends, and old ones linger for a minute where a link
/// is bad.
const OF_ONE_DEVICE: usize = 16;

/// Bytes of a message from someone who has not said who they are.
const BEFORE_JOINING: usize = 16_384;

/// Takes a message from Engine.IO; never waits.
pub fn take(app: &App, peer: &Arc<Peer>, message: Str) {
    if app.is_stopping() {
        // Not taken and not answered: its sender sends it again, to the server that follows.
        return;
    }
    let limit = app.config.max_event_bytes;
    let size = message.len();
    // Strangers get no memory: nobody needs more to say who they are.
    if size > BEFORE_JOINING && !peer.is_joined() && !app.guard.is_open() {
        return peer.close(engineioxide::DisconnectReason::TransportClose);
    }
    if size > limit {
        return refuse(peer, ack_of(&message), &Fault::too_large(limit));
    }
    let mut held = app.budget.hold(peer.who());
    if !held.grow(json::weight(message.as_bytes())) {
        return refuse(peer, ack_of(&message), &body::too_much());
    }
    if !peer.admit(size, PENDING_EVENTS * limit) {
        let fault = Fault::new(Code::RateLimited, "too much is waiting on this connection; send it again later");
        return refuse(peer, ack_of(&message), &fault);
    }
    // The task ends only with the connection: what can't be queued has no one left to be answered to.
    let _ = peer.inbox.send((message, held));
}

/// The ack id of an event that is not worth parsing.
fn ack_of(message: &str) -> Option<u64> {
    let digits = message.strip_prefix('2')?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits.get(..end)?.parse().ok()
}

/// Works until the connection is gone.
pub async fn run(app: Arc<App>, hub: Arc<Hub>, peer: Weak<Peer>, mut messages: mpsc::UnboundedReceiver<(Str, Held)>) {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    while let Some((message, held)) = messages.recv().await {
        let Some(peer) = peer.upgrade() else { return };
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let size = message.len();
        if app.is_stopping() {
            // As if it had not been taken: a slow disk has enough to do with what was begun.
            peer.release(size);
            continue;
        }
        match packet::parse(&message) {
            Ok(Packet::Event(event)) if peer.is_joined() => {
                let conversation = Conversation { app: app.clone(), hub: hub.clone(), peer };
                if is_data(&event.name) {
                    tokio::spawn(async move {
                        conversation.hear(event).await;
                        conversation.peer.release(size);
                        drop((place, held));
                    });
                    continue;
                }
                conversation.hear(event).await;
                conversation.peer.release(size);
            }
            Ok(packet) => {
                handle_control(&app, &hub, &peer, packet);
                peer.release(size);
            }
            Err(error) => {
                refuse(&peer, error.ack, &Fault::new(Code::Invalid, error.reason));
                peer.release(size);
            }
        }
    }
}

fn is_data(event: &str) -> bool {
    matches!(event, "lpr_data" | "health_status")
}

fn handle_control(app: &App, hub: &Hub, peer: &Arc<Peer>, packet: Packet) {
    match packet {
        Packet::Connect { namespace, auth } if namespace == packet::ROOT => connect(app, hub, peer, &auth),
        Packet::Connect { namespace, .. } => peer.send(packet::refused(&namespace, "Invalid namespace")),
        Packet::Disconnect => {
            cameras_left(app, hub, peer);
            peer.close(engineioxide::DisconnectReason::TransportClose);
        }
        // Events before the namespace is joined, and acks that nobody asked for.
        Packet::Event(_) | Packet::Ack => {}
    }
}

/// Joins the root namespace, for those who may be here: by token, by the page's cookie, or by their network.
fn connect(app: &App, hub: &Hub, peer: &Peer, auth: &Value) {
    let known = match (auth["token"].as_str(), &peer.caller) {
        (None, Some(caller)) if app.guard.still_knows(caller) => Ok(Some(caller.clone())),
        (token, _) => app.guard.know(token, peer.address),
    };
    let stranger = || Fault::new(Code::Unauthorized, "this needs a token: send it as auth {token} when connecting");
    let has_place = |who: Who| match who.role == Role::Device && hub.of(&who) >= OF_ONE_DEVICE {
        true => Err(Fault::new(Code::RateLimited, format!("this device has {OF_ONE_DEVICE} sockets open already"))),
        false => Ok(who),
    };
    match known.and_then(|known| known.ok_or_else(stranger)).and_then(has_place) {
        Ok(who) => {
            peer.set_joined(who);
            peer.send(packet::connected(&peer.sid.to_string()));
        }
        Err(fault) => {
            tracing::debug!(address = %peer.address, "a socket was refused");
            peer.send(packet::connect_error(&fault.json()));
        }
    }
}

/// The connection no longer speaks for its cameras.
pub fn cameras_left(app: &App, hub: &Hub, peer: &Peer) {
    for camera in peer.take_cameras() {
        if app.presence.leave(&camera) {
            tracing::info!(%camera, "camera disconnected");
            hub.publish(&answer::camera_status(&camera, false, app.now_us()));
        }
    }
}

/// Says what was wrong, as event `error` and as ack.
fn refuse(peer: &Peer, ack: Option<u64>, fault: &Fault) {
    tracing::debug!(sid = %peer.sid, code = fault.code.as_str(), message = %OneLine(&fault.message), "event refused");
    metrics::refused(Road::Socket, fault.code);
    let body = fault.json();
    peer.emit("error", &body);
    if let Some(ack) = ack {
        peer.send(packet::ack(ack, &body));
    }
}

struct Conversation {
    app: Arc<App>,
    hub: Arc<Hub>,
    peer: Arc<Peer>,
}

impl Conversation {
    /// Hears one event and answers it.
    async fn hear(&self, event: Event) {
        let payload = event.arguments.first();
        let ack = event.ack;
        match event.name.as_str() {
            "camera_register" => match self.register(payload).await {
                Ok(done) => self.answer("camera_register", ack, &done),
                Err(fault) => refuse(&self.peer, ack, &fault),
            },
            "lpr_data" => match self.detection(payload.unwrap_or(&Value::Null)).await {
                Ok(done) => self.answer("lpr_response", ack, &done),
                Err(fault) => refuse(&self.peer, ack, &fault),
            },
            "health_status" => match self.health(payload.unwrap_or(&Value::Null)).await {
                Ok(done) => self.answer("health_response", ack, &done),
                Err(fault) => refuse(&self.peer, ack, &fault),
            },
            "ping" => self.reply("pong", ack, &answer::pong(payload, self.app.now_us())),
            "join_dashboard" => self.join(Room::Dashboard, ack),
            "join_health_room" => self.join(Room::HealthMonitoring, ack),
            _ => {
                let fault = Fault::new(Code::Invalid, "this event is unknown here");
                refuse(&self.peer, ack, &fault.about(payload.and_then(EventRef::peek)));
            }
        }
    }

    /// May the peer bring this?
    fn admit(&self, payload: &Value) -> Result<(), Fault> {
        let nobody = || Fault::new(Code::Unauthorized, "nobody has joined here");
        self.app.guard.admit_event(self.peer.who().ok_or_else(nobody)?, payload)
    }

    async fn detection(&self, payload: &Value) -> Result<Done, Fault> {
        self.admit(payload)?;
        self.app.detection(payload).await
    }

    async fn health(&self, payload: &Value) -> Result<Done, Fault> {
        self.admit(payload)?;
        self.app.health(payload).await
    }

    async fn register(&self, payload: Option<&Value>) -> Result<Done, Fault> {
        let payload = payload.unwrap_or(&Value::Null);
        self.admit(payload)?;
        let (camera, done) = self.app.register(payload).await?;
        if self.peer.add_camera(&camera) {
            self.app.presence.arrive(&camera);
        }
        // It may have hung up while the commit was under way, and nobody else would notice.
        if !self.hub.has(self.peer.sid) {
            cameras_left(&self.app, &self.hub, &self.peer);
        }
        Ok(done)
    }

    fn join(&self, room: Room, ack: Option<u64>) {
        if !self.peer.who().is_some_and(|who| who.role.may(Need::View)) {
            let fault = Fault::new(Code::Forbidden, "joining a room needs a token of the role viewer");
            return refuse(&self.peer, ack, &fault);
        }
        self.hub.join(room, self.peer.sid);
        self.reply("status", ack, &answer::joined(room, self.app.now_us()));
    }

    /// The answer as event and as ack, then the rooms.
    fn answer(&self, event: &str, ack: Option<u64>, done: &Done) {
        metrics::accepted(Road::Socket, done.counted);
        self.reply(event, ack, &done.answer);
        done.broadcasts.iter().for_each(|broadcast| self.hub.publish(broadcast));
    }

    fn reply(&self, event: &str, ack: Option<u64>, body: &Value) {
        self.peer.emit(event, body);
        if let Some(ack) = ack {
            self.peer.send(packet::ack(ack, body));
        }
    }
}
