//! One Socket.IO connection, whichever client carries it.

mod own;
pub mod packet;
mod rust_socketio;

use super::Endpoint;
use crate::config::{Secret, SocketClientKind};
use native_tls::TlsConnector;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// Events that may wait to be looked at.
const QUEUE: usize = 256;
/// A connection that takes no goodbye in this time ends without one.
const GOODBYE: Duration = Duration::from_secs(2);

/// What a connection says.
#[derive(Debug, Clone, PartialEq)]
pub enum SocketEvent {
    /// The namespace is joined.
    Connected,
    /// An event of the peer, with its first argument.
    Event { name: String, payload: Value },
    /// The connection is over: closed, broken or refused.
    Closed(String),
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SocketError {
    #[error("{0}")]
    Failed(String),
    /// The server refused the CONNECT packet (CONNECT_ERROR) because of who we are.
    #[error("{0}")]
    AuthRefused(String),
    /// The server asks us to wait before we come again.
    #[error("{reason}")]
    Busy { reason: String, wait: Duration },
}

impl SocketError {
    /// How long the next attempt is to wait at the least.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::Busy { wait, .. } => Some(*wait),
            _ => None,
        }
    }
}

/// How to connect: everything but where to.
#[derive(Clone)]
pub struct Dial {
    pub client: SocketClientKind,
    pub token: Secret,
    pub tls: TlsConnector,
    /// For the whole of it: TCP, TLS, WebSocket, namespace.
    pub limit: Duration,
}

/// One connection; dropping it closes it.
pub struct SocketClient {
    client: Client,
}

enum Client {
    Own(own::Connection),
    RustSocketio(Box<rust_socketio::Connection>),
}

impl SocketClient {
    /// Connects by WebSocket and returns when the server has confirmed the namespace.
    pub async fn connect(endpoint: &Endpoint, dial: &Dial) -> Result<Self, SocketError> {
        let client = match dial.client {
            SocketClientKind::Own => Client::Own(own::Connection::open(endpoint, dial).await?),
            SocketClientKind::RustSocketio => {
                Client::RustSocketio(Box::new(rust_socketio::Connection::open(endpoint, dial).await?))
            }
        };
        Ok(Self { client })
    }

    /// Hands an event to the connection; `argument` is JSON. `Ok` says nothing about its arrival.
    pub async fn emit(&mut self, event: &str, argument: Option<&str>, limit: Duration) -> Result<(), String> {
        match &self.client {
            Client::Own(own) => own.emit(event, argument),
            Client::RustSocketio(other) => other.emit(event, argument, limit).await,
        }
    }

    /// The next thing the connection says; [`SocketEvent::Closed`] is the last. Safe to cancel.
    pub async fn next(&mut self) -> SocketEvent {
        let next = match &mut self.client {
            Client::Own(own) => own.events.recv().await,
            Client::RustSocketio(other) => other.events.recv().await,
        };
        next.unwrap_or_else(|| SocketEvent::Closed("closed".into()))
    }

    /// When anything at all was last heard of the peer. The crate shows events alone: its moment may be too early.
    pub fn heard(&self) -> Instant {
        match &self.client {
            Client::Own(own) => own.heard(),
            Client::RustSocketio(other) => other.heard(),
        }
    }

    /// Says goodbye before the runtime ends.
    pub async fn close(self) {
        match self.client {
            Client::Own(own) => own.close().await,
            Client::RustSocketio(other) => other.close().await,
        }
    }
}

/// What a CONNECT_ERROR means.
fn refusal(content: &Value) -> SocketError {
    let message = content["message"].as_str().unwrap_or("no message");
    let code = content["data"]["code"].as_str().or(content["code"].as_str()).unwrap_or(message);
    let line: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
    let text = format!("the server refuses the connection: {line}");
    match code {
        "unauthorized" | "forbidden" => SocketError::AuthRefused(text),
        _ => SocketError::Failed(text),
    }
}

/// The innermost cause says what happened; the outer ones only that something did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let text = if text.is_empty() { error.to_string() } else { text };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
