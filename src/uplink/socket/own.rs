//! Our own Socket.IO client over WebSocket: one connection, no reconnecting, no acks. The only file that names
//! `tokio_tungstenite`.
//!
//! A task owns the connection: it writes what is handed to it, answers the server's pings, and puts what it hears into
//! a channel. Handing over never waits, so a peer that takes no more bytes cannot hold up the uplink.

use super::packet::{self, Packet};
use super::{Dial, Endpoint, GOODBYE, QUEUE, SocketError, SocketEvent, innermost, refusal};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Bytes of one message that is read at the most.
const MAX_MESSAGE: usize = 4 << 20;
/// Packets written before the connection is flushed.
const WRITE_BATCH: usize = 64;
/// Sent bytes that the peer's machine does not confirm for so long end the connection.
const UNCONFIRMED: Duration = Duration::from_secs(8);

pub(super) struct Connection {
    /// Packets to be written; closing it says goodbye.
    outgoing: mpsc::UnboundedSender<String>,
    pub(super) events: mpsc::Receiver<SocketEvent>,
    ears: Arc<Ears>,
    task: JoinHandle<()>,
}

/// When something was last heard.
struct Ears {
    start: Instant,
    /// Milliseconds after `start`.
    last: AtomicU64,
}

impl Ears {
    fn heard_now(&self) {
        self.last.store(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Connection {
    pub(super) async fn open(endpoint: &Endpoint, dial: &Dial) -> Result<Self, SocketError> {
        let deadline = Instant::now() + dial.limit;
        let late = |_| SocketError::Failed("no connection in time".into());
        let stream = timeout_at(deadline, handshake(endpoint, dial)).await.map_err(late)??;
        let late = |_| SocketError::Failed("the server does not confirm the connection".into());
        let (stream, silence) = timeout_at(deadline, join(stream, dial)).await.map_err(late)??;
        let (outgoing, received) = mpsc::unbounded_channel();
        let (sender, events) = mpsc::channel(QUEUE);
        let ears = Arc::new(Ears { start: Instant::now(), last: AtomicU64::new(0) });
        let task = tokio::spawn(serve(stream, silence, outgoing.downgrade(), received, sender, ears.clone()));
        Ok(Self { outgoing, events, ears, task })
    }

    pub(super) fn emit(&self, event: &str, argument: Option<&str>) -> Result<(), String> {
        self.outgoing.send(packet::emit(event, argument)).map_err(|_| "the connection is closed".into())
    }

    pub(super) fn heard(&self) -> Instant {
        self.ears.start + Duration::from_millis(self.ears.last.load(Ordering::Relaxed))
    }

    pub(super) async fn close(self) {
        let Self { outgoing, events, task, .. } = self;
        drop((outgoing, events));
        let _ = timeout(GOODBYE, task).await;
    }
}

/// TCP, TLS where the URL says so, WebSocket.
async fn handshake(endpoint: &Endpoint, dial: &Dial) -> Result<Stream, SocketError> {
    let failed = |error: &dyn std::error::Error| SocketError::Failed(innermost(error));
    let (host, port) = endpoint.address();
    let tcp = TcpStream::connect((host.as_str(), port)).await.map_err(|error| failed(&error))?;
    // Small packets go at once: with one event in flight, Nagle's wait would be added to each.
    tcp.set_nodelay(true).map_err(|error| failed(&error))?;
    let unconfirmed = u32::try_from(UNCONFIRMED.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(&tcp, unconfirmed) {
        tracing::debug!(%error, "a dead connection will be noticed later than usual");
    }
    let config = WebSocketConfig {
        max_message_size: Some(MAX_MESSAGE),
        max_frame_size: Some(MAX_MESSAGE),
        ..WebSocketConfig::default()
    };
    let connector = if endpoint.is_tls() { Connector::NativeTls(dial.tls.clone()) } else { Connector::Plain };
    match client_async_tls_with_config(endpoint.websocket(), tcp, Some(config), Some(connector)).await {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(response)) => Err(refused(response.status().as_u16())),
        Err(error) => Err(failed(&error)),
    }
}

fn refused(status: u16) -> SocketError {
    let text = format!("the server answers HTTP {status} where Socket.IO should be");
    match status {
        401 | 403 => SocketError::AuthRefused(text),
        _ => SocketError::Failed(text),
    }
}

/// Waits for the transport to stand and joins the namespace. Old servers greet with ordinary events before that
/// (PROTOCOL 3.1.1): they are not looked at. Also tells how long a silence is the connection's end.
async fn join(mut stream: Stream, dial: &Dial) -> Result<(Stream, Duration), SocketError> {
    let mut silence = None;
    loop {
        let text = match stream.next().await {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_))) | None => return Err(SocketError::Failed("the server hung up".into())),
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(SocketError::Failed(innermost(&error))),
        };
        let reply = match packet::parse(&text) {
            Ok(Packet::Open { ping_interval, ping_timeout }) => {
                silence = Some(ping_interval + ping_timeout);
                packet::connect(&dial.token)
            }
            Ok(Packet::Ping) => packet::PONG.into(),
            Ok(Packet::Connect) => match silence {
                Some(silence) => return Ok((stream, silence)),
                None => return Err(SocketError::Failed("the server begins with the wrong packet".into())),
            },
            Ok(Packet::ConnectError(content)) => return Err(refusal(&content)),
            Ok(Packet::Close | Packet::Disconnect) => {
                return Err(SocketError::Failed("the server ended the session".into()));
            }
            Ok(Packet::Event { .. } | Packet::Other) => continue,
            Err(error) => return Err(SocketError::Failed(error.to_string())),
        };
        stream.send(Message::Text(reply)).await.map_err(|error| SocketError::Failed(innermost(&error)))?;
    }
}

/// The connection's task.
async fn serve(
    stream: Stream,
    silence: Duration,
    outgoing: mpsc::WeakUnboundedSender<String>,
    received: mpsc::UnboundedReceiver<String>,
    events: mpsc::Sender<SocketEvent>,
    ears: Arc<Ears>,
) {
    let (sink, source) = stream.split();
    let end = tokio::select! {
        // The owner has gone: whether it still wants to know is its own affair.
        end = write(sink, received) => end,
        end = read(source, silence, outgoing, &events, &ears) => end,
        // A peer that takes no more bytes takes no goodbye either.
        () = abandoned(&events) => return,
    };
    let _ = events.try_send(SocketEvent::Closed(end));
}

async fn abandoned(events: &mpsc::Sender<SocketEvent>) {
    events.closed().await;
    sleep(GOODBYE * 2).await;
}

/// Writes until the owner lets go; then says goodbye.
async fn write(mut sink: SplitSink<Stream, Message>, mut received: mpsc::UnboundedReceiver<String>) -> String {
    let mut batch = Vec::new();
    loop {
        batch.clear();
        if received.recv_many(&mut batch, WRITE_BATCH).await == 0 {
            let goodbye = async {
                sink.feed(Message::Text(packet::DISCONNECT.into())).await?;
                sink.close().await
            };
            let _ = timeout(GOODBYE, goodbye).await;
            return "closed".into();
        }
        for text in batch.drain(..) {
            if let Err(error) = sink.feed(Message::Text(text)).await {
                return innermost(&error);
            }
        }
        if let Err(error) = sink.flush().await {
            return innermost(&error);
        }
    }
}

/// Reads until the connection ends.
async fn read(
    mut source: SplitStream<Stream>,
    silence: Duration,
    outgoing: mpsc::WeakUnboundedSender<String>,
    events: &mpsc::Sender<SocketEvent>,
    ears: &Ears,
) -> String {
    loop {
        let message = match timeout(silence, source.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return innermost(&error),
            Ok(None) => return "the connection was closed".into(),
            Err(_) => return format!("nothing heard of the server for {} s", silence.as_secs()),
        };
        ears.heard_now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return "the server closed the connection".into(),
            // Attachments; WebSocket's own pings are answered further down.
            _ => continue,
        };
        match packet::parse(&text) {
            Ok(Packet::Ping) => {
                if let Some(outgoing) = outgoing.upgrade() {
                    let _ = outgoing.send(packet::PONG.into());
                }
            }
            Ok(Packet::Event { name, payload }) => {
                if events.send(SocketEvent::Event { name, payload }).await.is_err() {
                    // The writer sees it too, and says goodbye.
                    std::future::pending::<()>().await;
                }
            }
            Ok(Packet::Close | Packet::Disconnect) => return "the server ended the session".into(),
            Ok(Packet::ConnectError(_)) => return "the server refuses the namespace".into(),
            Ok(Packet::Connect | Packet::Open { .. } | Packet::Other) => {}
            Err(error) => tracing::debug!(%error, "a message of the server is not understood"),
        }
    }
}
