//! The Socket.IO client. The only file that names `rust_socketio`, and the place where its traps end:
//!
//! - its `connect` returns before the namespace is joined; we wait for the CONNECT packet (its event `Connect`; an
//!   ordinary event named `connect`, which old servers send first, is another thing);
//! - its ack ids collide and its ack time-outs never fire; we ask for no acks, answers are events;
//! - its callbacks run inside the read loop; ours only put the event into a channel;
//! - it reports a peer's `error` event and its own faults through one callback; ours are texts, a peer's are objects;
//! - it says nothing when the peer closes the connection in good order; the one thing it does then is to ask for
//!   reconnect settings, so its reconnecting is on, with settings that cannot connect. One client, one connection.

use super::Endpoint;
use crate::config::Secret;
use futures_util::FutureExt;
use rust_socketio::asynchronous::{Client, ClientBuilder, ReconnectSettings};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

/// Events that may wait to be looked at. More are dropped: an answer lost that way is an event unanswered, not a
/// row deleted.
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
}

/// One connection; dropping it closes it.
pub struct SocketClient {
    client: Client,
    events: mpsc::Receiver<SocketEvent>,
}

impl SocketClient {
    /// Connects by WebSocket and returns when the server has confirmed the namespace.
    pub async fn connect(endpoint: &Endpoint, token: &Secret, limit: Duration) -> Result<Self, SocketError> {
        let deadline = Instant::now() + limit;
        let (sender, events) = mpsc::channel(QUEUE);
        let connecting = builder(endpoint, token, sender).connect();
        let client = match timeout_at(deadline, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(SocketError::Failed(describe(&error))),
            Err(_) => return Err(SocketError::Failed("no connection in time".into())),
        };
        let mut socket = Self { client, events };
        loop {
            match timeout_at(deadline, socket.next()).await {
                Ok(SocketEvent::Connected) => return Ok(socket),
                Ok(SocketEvent::Event { .. }) => {}
                Ok(SocketEvent::Closed(reason)) => return Err(refusal(reason)),
                Err(_) => return Err(SocketError::Failed("the server does not confirm the connection".into())),
            }
        }
    }

    /// Hands an event to the connection. `Ok` says nothing about its arrival.
    pub async fn emit(&self, event: &str, argument: Option<Value>, limit: Duration) -> Result<(), String> {
        let payload = Payload::Text(argument.into_iter().collect());
        match timeout(limit, self.client.emit(event, payload)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(describe(&error)),
            Err(_) => Err("the connection takes no more data".into()),
        }
    }

    /// The next thing the connection says; [`SocketEvent::Closed`] is the last. Safe to cancel.
    pub async fn next(&mut self) -> SocketEvent {
        self.events.recv().await.unwrap_or_else(|| SocketEvent::Closed("closed".into()))
    }

    /// Says goodbye before the runtime ends.
    pub async fn close(self) {
        let _ = timeout(GOODBYE, self.client.disconnect()).await;
    }
}

impl Drop for SocketClient {
    fn drop(&mut self) {
        let client = self.client.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Errors say that it is closed already.
                let _ = timeout(GOODBYE, client.disconnect()).await;
            });
        }
    }
}

fn builder(endpoint: &Endpoint, token: &Secret, events: mpsc::Sender<SocketEvent>) -> ClientBuilder {
    let ended = events.clone();
    let tell = move |event| {
        let _ = events.try_send(event);
        std::future::ready(()).boxed()
    };
    let (connected, any, error, close) = (tell.clone(), tell.clone(), tell.clone(), tell);
    let mut builder = ClientBuilder::new(endpoint.socket())
        .transport_type(TransportType::Websocket)
        .reconnect_on_disconnect(false)
        .max_reconnect_attempts(1)
        .on(Event::Connect, move |_, _| connected(SocketEvent::Connected))
        .on(Event::Error, move |payload, _| error(fault_or_error(payload)))
        .on(Event::Close, move |_, _| close(SocketEvent::Closed("the server ended the session".into())))
        .on_any(move |event, payload, _| {
            any(SocketEvent::Event { name: event.as_str().to_owned(), payload: argument(payload) })
        })
        .on_reconnect(move || {
            let _ = ended.try_send(SocketEvent::Closed("the connection was closed".into()));
            async {
                let mut nowhere = ReconnectSettings::new();
                nowhere.address("");
                nowhere
            }
            .boxed()
        });
    if !token.is_empty() {
        builder = builder.auth(json!({"token": token.reveal()}));
    }
    builder
}

fn argument(payload: Payload) -> Value {
    match payload {
        Payload::Text(arguments) => arguments.into_iter().next().unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

fn fault_or_error(payload: Payload) -> SocketEvent {
    match argument(payload) {
        Value::String(fault) => SocketEvent::Closed(fault),
        payload => SocketEvent::Event { name: "error".into(), payload },
    }
}

/// How the crate introduces the content of a CONNECT_ERROR packet.
const CONNECT_ERROR: &str = "Received an ConnectError frame: ";

fn refusal(reason: String) -> SocketError {
    let Some(content) = reason.strip_prefix(CONNECT_ERROR) else { return SocketError::Failed(reason) };
    let content: Value = serde_json::from_str(content).unwrap_or(Value::Null);
    let message = content["message"].as_str().unwrap_or("no message");
    let code = content["data"]["code"].as_str().or(content["code"].as_str()).unwrap_or(message);
    let line: String = message.chars().filter(|c| !c.is_control()).take(200).collect();
    let text = format!("the server refuses the connection: {line}");
    match code {
        "unauthorized" | "forbidden" => SocketError::AuthRefused(text),
        _ => SocketError::Failed(text),
    }
}

fn describe(error: &rust_socketio::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    if text.is_empty() { error.to_string() } else { text }
}
