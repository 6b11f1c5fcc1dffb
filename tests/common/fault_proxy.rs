//! A TCP proxy between agent and server whose faults a test switches on and off.
#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What happens to the bytes.
#[derive(Debug, Clone, PartialEq)]
pub enum Wire {
    Pass,
    /// The port is closed, every connection is cut.
    Refuse,
    /// Connections are accepted and stay open; nothing flows, neither way.
    Stall,
    /// Requests pass, answers do not.
    BlackHole,
    /// Bytes a second, each way.
    Throttle(u64),
    /// For each piece, each way: so much, and up to so much more.
    Latency {
        base: Duration,
        jitter: Duration,
    },
    /// Each connection is closed after so many bytes to the server.
    Truncate(u64),
    /// Requests are answered here and do not pass.
    Front(Front),
}

/// What the proxy answers in the server's place.
#[derive(Debug, Clone, PartialEq)]
pub enum Front {
    /// This HTTP status with a JSON refusal; 429 has a `Retry-After` of 1 s.
    Status(u16),
    /// In turn: bytes that are no HTTP, a 200 with a web page, a 200 with half a JSON object.
    Garbage,
}

struct Shared {
    wire: watch::Sender<Wire>,
    upstream: Mutex<SocketAddr>,
    /// Connections of this generation or an older one are cut.
    cut: watch::Sender<u64>,
    /// Connections of this generation or an older one are frozen: open, and nothing flows.
    frozen: watch::Sender<u64>,
    generation: AtomicU64,
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// The proxy; everything ends when it is dropped.
pub struct FaultProxy {
    shared: Arc<Shared>,
    pub address: SocketAddr,
    runtime: Option<Runtime>,
}

impl FaultProxy {
    pub fn start(upstream: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            wire: watch::Sender::new(Wire::Pass),
            upstream: Mutex::new(upstream),
            cut: watch::Sender::new(0),
            frozen: watch::Sender::new(0),
            generation: AtomicU64::new(1),
            connections: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
        });
        runtime.spawn(accept(listener, address, shared.clone()));
        Self { shared, address, runtime: Some(runtime) }
    }

    /// New connections go there.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        *self.shared.upstream.lock().unwrap() = upstream;
    }

    /// From now on. A front or a closed port also cuts what is open; a heal does not.
    pub fn set(&self, wire: Wire) {
        let cuts = matches!(wire, Wire::Front(_) | Wire::Refuse);
        let was_front = matches!(*self.shared.wire.borrow(), Wire::Front(_));
        self.shared.wire.send_replace(wire);
        if cuts || was_front {
            self.cut();
        }
    }

    /// Resets every open connection.
    pub fn cut(&self) {
        self.shared.cut.send_replace(self.shared.generation.fetch_add(1, Ordering::SeqCst));
    }

    /// The open connections stay open and carry nothing any more; new ones work.
    pub fn freeze(&self) {
        self.shared.frozen.send_replace(self.shared.generation.fetch_add(1, Ordering::SeqCst));
    }

    /// Connections taken so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests answered here so far.
    pub fn fronted(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: TcpListener, address: SocketAddr, shared: Arc<Shared>) {
    let mut wire = shared.wire.subscribe();
    let mut listener = Some(listener);
    loop {
        if *wire.borrow_and_update() == Wire::Refuse {
            listener = None;
            let _ = wire.wait_for(|wire| *wire != Wire::Refuse).await;
        }
        let open = match &listener {
            Some(open) => open,
            None => match TcpListener::bind(address).await {
                Ok(new) => listener.insert(new),
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        tokio::select! {
            taken = open.accept() => if let Ok((client, _)) = taken {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(client, number, shared.clone()));
            },
            changed = wire.changed() => if changed.is_err() { return },
        }
    }
}

async fn serve(mut client: TcpStream, number: usize, shared: Arc<Shared>) {
    let generation = shared.generation.load(Ordering::SeqCst);
    let mut cut = shared.cut.subscribe();
    let cut = async move {
        let _ = cut.wait_for(|cut| *cut >= generation).await;
    };
    let wire = shared.wire.borrow().clone();
    if let Wire::Front(front) = wire {
        tokio::select! { () = cut => {}, () = answer(&mut client, &front, number, &shared) => {} }
        return reset(&client);
    }
    let upstream = *shared.upstream.lock().unwrap();
    let Ok(server) = TcpStream::connect(upstream).await else { return reset(&client) };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let there = Pump { shared: shared.clone(), generation, answers: false };
    let back = Pump { shared, generation, answers: true };
    // The end of one direction ends both: neither HTTP nor websockets live on half a connection.
    tokio::select! {
        () = cut => {}
        () = there.run(client_in, server_out) => {}
        () = back.run(server_in, client_out) => {}
    }
}

/// A close that the other side notices as a reset, not as a polite end.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// One direction of one connection.
struct Pump {
    shared: Arc<Shared>,
    generation: u64,
    answers: bool,
}

impl Pump {
    async fn run(self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        let mut sent = 0u64;
        loop {
            self.open().await;
            let wire = self.shared.wire.borrow().clone();
            let piece = match wire {
                Wire::Throttle(rate) => (rate / 20).clamp(1, buffer.len() as u64) as usize,
                _ => buffer.len(),
            };
            let Ok(read @ 1..) = from.read(&mut buffer[..piece]).await else { break };
            self.open().await;
            let mut allowed = read;
            let wire = self.shared.wire.borrow().clone();
            match wire {
                Wire::Throttle(rate) => tokio::time::sleep(Duration::from_secs_f64(read as f64 / rate as f64)).await,
                Wire::Latency { base, jitter } => tokio::time::sleep(base + jitter.mul_f64(chance())).await,
                Wire::Truncate(limit) if !self.answers => allowed = read.min(limit.saturating_sub(sent) as usize),
                _ => {}
            }
            if to.write_all(&buffer[..allowed]).await.is_err() || allowed < read {
                break;
            }
            sent += read as u64;
        }
        let _ = to.shutdown().await;
    }

    /// Waits while nothing may flow.
    async fn open(&self) {
        let (mut wire, mut frozen) = (self.shared.wire.subscribe(), self.shared.frozen.subscribe());
        loop {
            if *frozen.borrow_and_update() >= self.generation {
                // For ever: only a cut or an end wakes such a connection.
                return std::future::pending().await;
            }
            let held = match *wire.borrow_and_update() {
                Wire::Stall => true,
                Wire::BlackHole => self.answers,
                _ => false,
            };
            if !held {
                return;
            }
            tokio::select! { _ = wire.changed() => {}, _ = frozen.changed() => {} }
        }
    }
}

fn chance() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_u128() as u32) / f64::from(u32::MAX)
}

/// Takes requests and answers each itself.
async fn answer(client: &mut TcpStream, front: &Front, number: usize, shared: &Shared) {
    let mut pending = Vec::new();
    while let Some(()) = request(client, &mut pending).await {
        shared.requests.fetch_add(1, Ordering::SeqCst);
        let answer = match front {
            Front::Status(status) => refusal(*status),
            Front::Garbage => match number % 3 {
                0 => b"\x16\x03\x01 this is no HTTP \xff\xfe\r\n".to_vec(),
                1 => http("200 OK", "", "text/html", "<html>captive portal: please sign in</html>"),
                _ => http("200 OK", "", "application/json", "{\"success\":true,\"event_id\":\""),
            },
        };
        if client.write_all(&answer).await.is_err() || number.is_multiple_of(3) && *front == Front::Garbage {
            return;
        }
    }
}

/// Reads one request with its body; `None` at the end.
async fn request(client: &mut TcpStream, pending: &mut Vec<u8>) -> Option<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        if let Some(end) = pending.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&pending[..end]).to_lowercase();
            let headers: HashMap<&str, &str> = head.lines().skip(1).filter_map(|line| line.split_once(": ")).collect();
            let length: usize = headers.get("content-length").and_then(|text| text.trim().parse().ok()).unwrap_or(0);
            if pending.len() >= end + 4 + length {
                pending.drain(..end + 4 + length);
                return Some(());
            }
        }
        let read = client.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        pending.extend_from_slice(&buffer[..read]);
    }
}

fn refusal(status: u16) -> Vec<u8> {
    let (phrase, code) = match status {
        400 => ("Bad Request", "invalid"),
        401 => ("Unauthorized", "unauthorized"),
        403 => ("Forbidden", "forbidden"),
        413 => ("Payload Too Large", "too_large"),
        429 => ("Too Many Requests", "rate_limited"),
        500 => ("Internal Server Error", "internal"),
        503 => ("Service Unavailable", "unavailable"),
        other => panic!("no words for {other}"),
    };
    let more = if status == 429 { "Retry-After: 1\r\n" } else { "" };
    let body = format!("{{\"success\":false,\"message\":\"a fault of the test\",\"code\":\"{code}\"}}");
    http(&format!("{status} {phrase}"), more, "application/json", &body)
}

fn http(status: &str, more: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{more}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}
