//! The crate's Socket.IO client, kept to compare ours with. The only file that names `rust_socketio`, and the place
//! where its traps end:
//!
//! - its `connect` returns before the namespace is joined; we wait for the CONNECT packet (its event `Connect`; an
//!   ordinary event named `connect`, which old servers send first, is another thing);
//! - its ack ids collide and its ack time-outs never fire; we ask for no acks, answers are events;
//! - its callbacks run inside the read loop; ours only put the event into a channel;
//! - it reports a peer's `error` event and its own faults through one callback; ours are texts, a peer's are objects;
//! - it says nothing when the peer closes the connection in good order; the one thing it does then is to ask for
//!   reconnect settings, so its reconnecting is on, with settings that cannot connect. One client, one connection.

use super::{Dial, Endpoint, GOODBYE, QUEUE, SocketError, SocketEvent, innermost, refusal};
use ::rust_socketio::asynchronous::{Client, ClientBuilder, ReconnectSettings};
use ::rust_socketio::{Event, Payload, TransportType};
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

pub(super) struct Connection {
    client: Client,
    pub(super) events: mpsc::Receiver<SocketEvent>,
    heard: Arc<Mutex<Instant>>,
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint, dial: &Dial) -> Result<Self, SocketError> {
        let deadline = Instant::now() + dial.limit;
        let (sender, events) = mpsc::channel(QUEUE);
        let heard = Arc::new(Mutex::new(Instant::now()));
        let connecting = builder(endpoint, dial, sender, heard.clone()).connect();
        let client = match timeout_at(deadline, connecting).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => return Err(SocketError::Failed(innermost(&error))),
            Err(_) => return Err(SocketError::Failed("no connection in time".into())),
        };
        let mut socket = Self { client, events, heard };
        loop {
            match timeout_at(deadline, socket.events.recv()).await {
                Ok(Some(SocketEvent::Connected)) => return Ok(socket),
                Ok(Some(SocketEvent::Event { .. })) => {}
                Ok(Some(SocketEvent::Closed(reason))) => return Err(end(reason)),
                Ok(None) => return Err(SocketError::Failed("closed".into())),
                Err(_) => return Err(SocketError::Failed("the server does not confirm the connection".into())),
            }
        }
    }

    pub(super) async fn emit(&self, event: &str, argument: Option<&str>, limit: Duration) -> Result<(), String> {
        let argument = argument.map(serde_json::from_str::<Value>).transpose().map_err(|error| error.to_string())?;
        let payload = Payload::Text(argument.into_iter().collect());
        match timeout(limit, self.client.emit(event, payload)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(innermost(&error)),
            Err(_) => Err("the connection takes no more data".into()),
        }
    }

    pub(super) fn heard(&self) -> Instant {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn close(self) {
        let _ = timeout(GOODBYE, self.client.disconnect()).await;
    }
}

impl Drop for Connection {
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

fn builder(
    endpoint: &Endpoint,
    dial: &Dial,
    events: mpsc::Sender<SocketEvent>,
    heard: Arc<Mutex<Instant>>,
) -> ClientBuilder {
    let ended = events.clone();
    let tell = move |event| {
        *heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let _ = events.try_send(event);
        std::future::ready(()).boxed()
    };
    let (connected, any, error, close) = (tell.clone(), tell.clone(), tell.clone(), tell);
    let mut builder = ClientBuilder::new(endpoint.socket())
        .transport_type(TransportType::Websocket)
        .tls_config(dial.tls.clone())
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
    if !dial.token.is_empty() {
        builder = builder.auth(json!({"token": dial.token.reveal()}));
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

fn end(reason: String) -> SocketError {
    let Some(content) = reason.strip_prefix(CONNECT_ERROR) else { return SocketError::Failed(reason) };
    refusal(&serde_json::from_str(content).unwrap_or(Value::Null))
}
