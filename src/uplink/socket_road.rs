//! The road by Socket.IO: a connection on which our cameras are registered, and the events that are in flight on it.

use super::Endpoint;
use super::socket::{Dial, SocketClient, SocketError, SocketEvent};
use super::transport::{Outcome, Parcel};
use crate::clock::Clock;
use crate::domain::{BootId, CameraKey, EventKind};
use crate::outbox::RowId;
use crate::wire::answer::{Answer, Code, Peer, Registered};
use crate::wire::outgoing::{Who, registration};
use crate::wire::receipt::{Sent, Verdict, Via, judge};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// An unanswered registration is said again after this long. socketioxide drops an event that arrives while it is still
/// noting that the namespace is joined (`set_connected` follows the CONNECT packet), and registering twice hurts nobody.
const SAY_AGAIN: Duration = Duration::from_secs(2);

/// How long a connection is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For the answer to one event; a large one gets the time on top in which it crosses a slow link.
    pub answer: Duration,
    /// With an event in flight, a connection that says nothing at all for so long is dead; likewise.
    pub silence: Duration,
}

/// What every connection needs to introduce itself.
#[derive(Clone)]
pub struct Introduction {
    pub epoch: Uuid,
    pub boot: BootId,
    pub clock: Arc<dyn Clock>,
    pub cameras: Vec<CameraKey>,
}

impl Introduction {
    /// The payload that registers a camera, now.
    pub fn registration(&self, camera: &CameraKey) -> Value {
        let who = Who { camera, epoch: self.epoch, boot: &self.boot, at: self.clock.stamp() };
        registration(Uuid::now_v7(), &who)
    }
}

/// What a connection tells its owner.
#[derive(Debug)]
pub enum RoadNews {
    /// One delivery has ended.
    Ended(RowId, Outcome),
    /// The connection is of no use any more; what is in flight on it has ended like this.
    Over(Outcome),
}

/// When an event in flight was sent, and until when its answer is waited for.
#[derive(Debug, Clone, Copy)]
struct Wait {
    id: RowId,
    /// In which it alone crosses a slow link.
    crossing: Duration,
    sent: Instant,
    deadline: Instant,
}

/// One connection, ready for events.
pub struct SocketRoad {
    socket: SocketClient,
    introduction: Introduction,
    registered: HashSet<CameraKey>,
    peer: Peer,
    patience: Patience,
    /// In flight, oldest first; `waits[i]` belongs to `sent[i]`.
    sent: Vec<Sent>,
    waits: Vec<Wait>,
}

impl SocketRoad {
    /// Connects and registers every camera. Only the server's answers to both make the road ready; a camera that the
    /// server does not allow us is left out, any other refusal means that this socket is of no use.
    pub async fn open(
        endpoint: &Endpoint,
        dial: &Dial,
        introduction: Introduction,
        patience: Patience,
    ) -> Result<Self, SocketError> {
        let socket = SocketClient::connect(endpoint, dial).await?;
        let cameras = introduction.cameras.clone();
        let mut road = Self {
            socket,
            introduction,
            registered: HashSet::new(),
            peer: Peer::default(),
            patience,
            sent: Vec::new(),
            waits: Vec::new(),
        };
        for camera in &cameras {
            match road.register(camera).await {
                Ok(()) => {}
                Err(Outcome::CameraNotAllowed { reason }) => {
                    tracing::warn!(%camera, %reason, "the server does not allow us this camera; its events wait");
                }
                Err(Outcome::AuthRefused { reason }) => return Err(SocketError::AuthRefused(reason)),
                Err(Outcome::Busy { wait: Some(wait), reason }) => return Err(SocketError::Busy { reason, wait }),
                Err(other) => {
                    return Err(SocketError::Failed(format!("{camera} cannot be registered: {}", other.reason())));
                }
            }
        }
        Ok(road)
    }

    /// What the server has said of itself.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Is the camera registered here? Otherwise [`SocketRoad::send`] registers it first, which needs the connection for
    /// itself: nothing may be in flight then.
    pub fn knows(&self, camera: &CameraKey) -> bool {
        self.registered.contains(camera)
    }

    /// Sends one event. `Err`: it did not go, and this is what that means for it.
    pub async fn send(&mut self, id: RowId, parcel: Parcel) -> Result<(), Outcome> {
        if !self.registered.contains(&parcel.sent.camera) {
            // A camera of an earlier configuration whose events still wait.
            self.register(&parcel.sent.camera).await?;
        }
        let (limit, crossing) = (parcel.allowance(self.patience.answer), parcel.crossing());
        let Parcel { sent, json, .. } = parcel;
        let event = match sent.kind {
            EventKind::Plate => "lpr_data",
            EventKind::Health => "health_status",
        };
        let emitted = self.socket.emit(event, Some(&json), limit).await;
        emitted.map_err(|reason| Outcome::Broken { reason })?;
        crate::killpoint::hit("uplink.sent");
        let now = Instant::now();
        self.waits.push(Wait { id, crossing, sent: now, deadline: now + limit });
        self.sent.push(sent);
        Ok(())
    }

    /// The next thing that concerns the owner. Safe to cancel.
    pub async fn next(&mut self) -> RoadNews {
        loop {
            let heard = match self.deadline() {
                Some(deadline) => timeout_at(deadline, self.socket.next()).await,
                None => Ok(self.socket.next().await),
            };
            match heard {
                Ok(SocketEvent::Event { name, payload }) => {
                    if let Some(news) = self.judge(&name, &payload) {
                        return news;
                    }
                }
                Ok(SocketEvent::Connected) => {}
                Ok(SocketEvent::Closed(reason)) => return RoadNews::Over(Outcome::Broken { reason }),
                // Something may have been heard since the deadline was set.
                Err(_) if self.deadline().is_none_or(|deadline| deadline > Instant::now()) => {}
                Err(_) => {
                    let reason = "no answer that names the event".into();
                    return RoadNews::Over(Outcome::Unanswered { reason });
                }
            }
        }
    }

    /// When the connection has to be given up unless something comes; `None` while nothing is in flight.
    fn deadline(&self) -> Option<Instant> {
        let oldest = self.waits.first()?;
        let crossing = self.waits.iter().map(|wait| wait.crossing).max().unwrap_or_default();
        let silent = self.socket.heard().max(oldest.sent) + self.patience.silence.min(self.patience.answer) + crossing;
        self.waits.iter().map(|wait| wait.deadline).min().map(|answer| answer.min(silent))
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.socket.close().await;
    }

    async fn register(&mut self, camera: &CameraKey) -> Result<(), Outcome> {
        let deadline = Instant::now() + self.patience.answer;
        let mut say_again = self.say_registration(camera).await?;
        loop {
            let (name, payload) = match timeout_at(say_again.min(deadline), self.socket.next()).await {
                Ok(SocketEvent::Event { name, payload }) => (name, payload),
                Ok(SocketEvent::Connected) => continue,
                Ok(SocketEvent::Closed(reason)) => return Err(Outcome::Broken { reason }),
                Err(_) if Instant::now() < deadline => {
                    say_again = self.say_registration(camera).await?;
                    continue;
                }
                Err(_) => return Err(Outcome::Unanswered { reason: "no answer to camera_register".into() }),
            };
            let said = Registered::parse(&payload);
            let refused = said.answer.success == Some(false) || name == "error";
            if (name == "camera_register" || name == "error") && refused {
                return Err(Outcome::refused(said.answer.code, said.answer.reason(), said.answer.retry_after));
            }
            if name == "camera_register" && said.answer.success == Some(true) && names(&said.answer, camera) {
                self.peer = said.peer;
                self.registered.insert(camera.clone());
                return Ok(());
            }
        }
    }

    /// Sends the registration; until the moment returned its answer is waited for, then it may be said again.
    async fn say_registration(&mut self, camera: &CameraKey) -> Result<Instant, Outcome> {
        let payload = self.introduction.registration(camera).to_string();
        let sent = self.socket.emit("camera_register", Some(&payload), self.patience.answer).await;
        sent.map_err(|reason| Outcome::Broken { reason })?;
        Ok(Instant::now() + SAY_AGAIN)
    }

    /// What an event of the server means for what is in flight; `None`: nothing.
    fn judge(&mut self, name: &str, payload: &Value) -> Option<RoadNews> {
        let via = match name {
            "lpr_response" => Via::LprResponse,
            "health_response" => Via::HealthResponse,
            "error" => Via::Error,
            _ => return None,
        };
        let answer = Answer::parse(payload);
        match judge(&answer, via, &self.sent, self.peer.echoes()) {
            Verdict::Receipt { index, receipt } => Some(self.ended(index, Outcome::Receipt(receipt))),
            Verdict::Refused { index, code, reason } => {
                Some(self.ended(index, Outcome::refused(code, reason, answer.retry_after)))
            }
            // It names another: a late answer about what this connection is no longer waiting for.
            Verdict::NoMatch if self.peer.echoes() && answer.event_id.is_some() => None,
            Verdict::NoMatch if via == Via::Error && !self.sent.is_empty() => Some(self.nameless(&answer)),
            Verdict::NoMatch => None,
        }
    }

    /// An error that names no event: with one in flight its code may still say enough; otherwise nobody can tell which
    /// event it is about.
    fn nameless(&mut self, answer: &Answer) -> RoadNews {
        match answer.code {
            Some(code @ (Code::Unauthorized | Code::Forbidden | Code::RateLimited | Code::Unavailable))
                if self.sent.len() == 1 =>
            {
                self.ended(0, Outcome::refused(Some(code), answer.reason(), answer.retry_after))
            }
            _ => {
                let reason = format!("an error without a name: {}", answer.reason());
                let alone = self.sent.len() == 1;
                RoadNews::Over(if alone { Outcome::Complained { reason } } else { Outcome::Unanswered { reason } })
            }
        }
    }

    fn ended(&mut self, index: usize, outcome: Outcome) -> RoadNews {
        self.sent.remove(index);
        RoadNews::Ended(self.waits.remove(index).id, outcome)
    }
}

/// Old servers may leave the ids out; a different one is another camera's answer.
fn names(answer: &Answer, camera: &CameraKey) -> bool {
    answer.camera_id.as_deref().is_none_or(|id| id == camera.camera.as_str())
        && answer.checkpoint_id.as_deref().is_none_or(|id| id == camera.checkpoint.as_str())
}
