//! The road by Socket.IO: a connection on which our cameras are registered.

use super::Endpoint;
use super::socketio::{SocketClient, SocketError, SocketEvent};
use super::transport::{Outcome, Parcel, Transport, allowance};
use crate::clock::Clock;
use crate::config::Secret;
use crate::domain::{BootId, CameraKey, EventKind};
use crate::wire::answer::{Answer, Code, Peer, Registered};
use crate::wire::outgoing::{Who, registration};
use crate::wire::receipt::{Verdict, Via, judge};
use serde_json::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// What every connection needs to introduce itself.
#[derive(Clone)]
pub struct Introduction {
    pub epoch: Uuid,
    pub boot: BootId,
    pub clock: Arc<dyn Clock>,
    pub cameras: Vec<CameraKey>,
}

/// One connection, ready for events.
pub struct SocketRoad {
    socket: SocketClient,
    introduction: Introduction,
    registered: HashSet<CameraKey>,
    peer: Peer,
    answer_timeout: Duration,
}

impl SocketRoad {
    /// Connects and registers every camera. Only the server's answers to both make the road ready; a camera that the
    /// server does not allow us is left out, any other refusal means that this socket is of no use.
    pub async fn open(
        endpoint: &Endpoint,
        token: &Secret,
        introduction: Introduction,
        connect_timeout: Duration,
        answer_timeout: Duration,
    ) -> Result<Self, SocketError> {
        let socket = SocketClient::connect(endpoint, token, connect_timeout).await?;
        let cameras = introduction.cameras.clone();
        let mut road = Self { socket, introduction, registered: HashSet::new(), peer: Peer::default(), answer_timeout };
        for camera in &cameras {
            match road.register(camera).await {
                Ok(()) => {}
                Err(Outcome::CameraNotAllowed { reason }) => {
                    tracing::warn!(%camera, %reason, "the server does not allow us this camera; its events wait");
                }
                Err(Outcome::AuthRefused { reason }) => return Err(SocketError::AuthRefused(reason)),
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

    /// While nothing is in flight: waits until the connection is over, and says why. Safe to cancel.
    pub async fn closed(&mut self) -> String {
        loop {
            if let SocketEvent::Closed(reason) = self.socket.next().await {
                return reason;
            }
        }
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.socket.close().await;
    }

    async fn register(&mut self, camera: &CameraKey) -> Result<(), Outcome> {
        let Introduction { epoch, boot, clock, .. } = &self.introduction;
        let who = Who { camera, epoch: *epoch, boot, at: clock.stamp() };
        let payload = registration(Uuid::now_v7(), &who);
        let deadline = Instant::now() + self.answer_timeout;
        let sent = self.socket.emit("camera_register", Some(payload), self.answer_timeout).await;
        sent.map_err(|reason| Outcome::Broken { reason })?;
        loop {
            let (name, payload) = self.event(deadline, "no answer to camera_register").await?;
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

    async fn event(&mut self, deadline: Instant, silence: &str) -> Result<(String, Value), Outcome> {
        match timeout_at(deadline, self.socket.next()).await {
            Ok(SocketEvent::Event { name, payload }) => Ok((name, payload)),
            Ok(SocketEvent::Connected) => Ok((String::new(), Value::Null)),
            Ok(SocketEvent::Closed(reason)) => Err(Outcome::Broken { reason }),
            Err(_) => Err(Outcome::Unanswered { reason: silence.to_owned() }),
        }
    }

    async fn try_deliver(&mut self, parcel: &Parcel) -> Result<Outcome, Outcome> {
        if !self.registered.contains(&parcel.sent.camera) {
            // A camera of an earlier configuration whose events still wait.
            self.register(&parcel.sent.camera).await?;
        }
        let event = match parcel.sent.kind {
            EventKind::Plate => "lpr_data",
            EventKind::Health => "health_status",
        };
        let limit = allowance(self.answer_timeout, parcel.bytes);
        let deadline = Instant::now() + limit;
        let sent = self.socket.emit(event, Some(parcel.payload.clone()), limit).await;
        sent.map_err(|reason| Outcome::Broken { reason })?;
        loop {
            let (name, payload) = self.event(deadline, "no answer that names the event").await?;
            if let Some(outcome) = self.judge(&name, &payload, parcel) {
                return Ok(outcome);
            }
        }
    }

    /// What an event of the server means for the parcel in flight; `None`: nothing.
    fn judge(&self, name: &str, payload: &Value, parcel: &Parcel) -> Option<Outcome> {
        let via = match name {
            "lpr_response" => Via::LprResponse,
            "health_response" => Via::HealthResponse,
            "error" => Via::Error,
            _ => return None,
        };
        let answer = Answer::parse(payload);
        match judge(&answer, via, std::slice::from_ref(&parcel.sent), self.peer.echoes()) {
            Verdict::Receipt { duplicate, record_id, .. } => Some(Outcome::Receipt { duplicate, record_id }),
            Verdict::Refused { code, reason, .. } => Some(Outcome::refused(code, reason, answer.retry_after)),
            Verdict::NoMatch if via == Via::Error => match answer.code {
                Some(code @ (Code::Unauthorized | Code::Forbidden | Code::RateLimited | Code::Unavailable)) => {
                    Some(Outcome::refused(Some(code), answer.reason(), answer.retry_after))
                }
                _ => Some(Outcome::Unanswered { reason: format!("an error without a name: {}", answer.reason()) }),
            },
            Verdict::NoMatch => None,
        }
    }
}

impl Transport for SocketRoad {
    async fn deliver(&mut self, parcel: &Parcel) -> Outcome {
        self.try_deliver(parcel).await.unwrap_or_else(|outcome| outcome)
    }
}

/// Old servers may leave the ids out; a different one is another camera's answer.
fn names(answer: &Answer, camera: &CameraKey) -> bool {
    answer.camera_id.as_deref().is_none_or(|id| id == camera.camera.as_str())
        && answer.checkpoint_id.as_deref().is_none_or(|id| id == camera.checkpoint.as_str())
}
