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
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_native_tls::TlsConnector;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_with_config};

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Bytes of one message that is read at the most.
const MAX_MESSAGE: usize = 4 << 20;
/// Bytes written before the connection is flushed.
const WRITE_BATCH: usize = 64 << 10;
/// Sent bytes that the peer's machine does not confirm for so long end the connection.
/// Long: a busy server may take nothing for a while, and that nothing is heard is noticed elsewhere.
const UNCONFIRMED: Duration = Duration::from_secs(20);

pub(super) struct Connection {
    /// Packets to be written; closing it says goodbye.
    outgoing: mpsc::UnboundedSender<String>,
    pub(super) events: mpsc::Receiver<SocketEvent>,
    ears: Arc<Ears>,
    task: Task,
}

/// The connection's task: without its owner it ends at once, so that nothing that was queued goes out after that.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
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
        let task = tokio::spawn(serve(stream, silence, received, sender, ears.clone()));
        Ok(Self { outgoing, events, ears, task: Task(task) })
    }

    pub(super) fn emit(&self, event: &str, argument: Option<&str>) -> Result<(), String> {
        self.outgoing.send(packet::emit(event, argument)).map_err(|_| "the connection is closed".into())
    }

    pub(super) fn heard(&self) -> Instant {
        self.ears.start + Duration::from_millis(self.ears.last.load(Ordering::Relaxed))
    }

    pub(super) async fn close(self) {
        let Self { outgoing, events, mut task, .. } = self;
        drop((outgoing, events));
        let _ = timeout(GOODBYE, &mut task.0).await;
    }
}

/// TCP, TLS where the URL says so, WebSocket.
async fn handshake(endpoint: &Endpoint, dial: &Dial) -> Result<Stream, SocketError> {
    let failed = |error: &dyn std::error::Error| SocketError::Failed(innermost(error));
    let (host, port) = endpoint.address();
    let tcp = connect(&host, port, dial.limit).await.map_err(|error| failed(&error))?;
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
    let stream = if endpoint.is_tls() {
        // With the bare host: the WebSocket crate would ask for an IPv6 address in its brackets.
        let tls = TlsConnector::from(dial.tls.clone()).connect(&host, tcp).await;
        MaybeTlsStream::NativeTls(tls.map_err(|error| failed(&error))?)
    } else {
        MaybeTlsStream::Plain(tcp)
    };
    match client_async_with_config(endpoint.websocket(), stream, Some(config)).await {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(response)) => Err(refused(response.status().as_u16())),
        Err(error) => Err(failed(&error)),
    }
}

/// Tries the host's addresses in turn, each with an equal share of what is left of the time: one that swallows
/// everything must not keep us from the next.
async fn connect(host: &str, port: u16, limit: Duration) -> std::io::Result<TcpStream> {
    let deadline = Instant::now() + limit;
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    let mut trouble = std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address");
    for (number, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => trouble = error,
            Err(_) => trouble = std::io::Error::new(std::io::ErrorKind::TimedOut, "no connection in time"),
        }
    }
    Err(trouble)
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
    received: mpsc::UnboundedReceiver<String>,
    events: mpsc::Sender<SocketEvent>,
    ears: Arc<Ears>,
) {
    let (sink, source) = stream.split();
    let (pongs, owed) = mpsc::unbounded_channel();
    let end = tokio::select! {
        // The owner has gone: whether it still wants to know is its own affair.
        end = write(sink, received, owed) => end,
        end = read(source, silence, pongs, &events, &ears) => end,
    };
    let _ = events.try_send(SocketEvent::Closed(end));
}

/// Writes until the owner lets go; then says goodbye. Pongs go before what is queued: a server whose ping is answered
/// late hangs up.
async fn write(
    mut sink: SplitSink<Stream, Message>,
    mut received: mpsc::UnboundedReceiver<String>,
    mut pongs: mpsc::UnboundedReceiver<()>,
) -> String {
    let mut unflushed = 0;
    loop {
        let next = tokio::select! {
            biased;
            Some(()) = pongs.recv() => Some(packet::PONG.into()),
            next = received.recv() => next,
        };
        let Some(text) = next else {
            let goodbye = async {
                sink.feed(Message::Text(packet::DISCONNECT.into())).await?;
                sink.close().await
            };
            let _ = timeout(GOODBYE, goodbye).await;
            return "closed".into();
        };
        unflushed += text.len();
        if let Err(error) = sink.feed(Message::Text(text)).await {
            return innermost(&error);
        }
        if unflushed >= WRITE_BATCH || (received.is_empty() && pongs.is_empty()) {
            unflushed = 0;
            if let Err(error) = sink.flush().await {
                return innermost(&error);
            }
        }
    }
}

/// Reads until the connection ends.
async fn read(
    mut source: SplitStream<Stream>,
    silence: Duration,
    pongs: mpsc::UnboundedSender<()>,
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
                let _ = pongs.send(());
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio_tungstenite::tungstenite::protocol::Role;

    #[tokio::test]
    async fn a_pong_goes_before_the_events_that_are_queued() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let near = WebSocketStream::from_raw_socket(MaybeTlsStream::Plain(near), Role::Client, None).await;
        let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        let (outgoing, received) = mpsc::unbounded_channel();
        let (pongs, owed) = mpsc::unbounded_channel();
        (0..3).for_each(|number| outgoing.send(packet::emit("lpr_data", Some(&number.to_string()))).unwrap());
        pongs.send(()).unwrap();
        drop(outgoing);
        write(near.split().0, received, owed).await;
        let mut heard = Vec::new();
        while let Some(Ok(Message::Text(text))) = far.next().await {
            heard.push(text);
        }
        assert_eq!(heard, ["3", "42[\"lpr_data\",0]", "42[\"lpr_data\",1]", "42[\"lpr_data\",2]", "41"]);
    }
}
