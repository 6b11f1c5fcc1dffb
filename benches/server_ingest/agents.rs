//! Many agents on Socket.IO, each on a connection of its own, that send by the clock whether or not they were answered;
//! and two dashboards that hear of every event.

use super::Template;
use super::event_client::text_frame;
use super::process::Load;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

const DASHBOARDS: usize = 2;

pub struct Agents(Vec<Socket>);

impl Agents {
    /// So many agents, each connected and registered.
    pub fn connect(runtime: &Runtime, address: &str, agents: usize) -> Self {
        runtime.block_on(async {
            let mut connected = Vec::new();
            for number in 0..agents {
                let mut socket = Socket::connect(address).await;
                let registration = format!("{{\"camera_id\":\"agent-{number}\",\"checkpoint_id\":\"gate\"}}");
                socket.send(format!("420[\"camera_register\",{registration}]").as_bytes()).await;
                socket.acknowledged().await;
                connected.push(socket);
            }
            for _ in 0..DASHBOARDS {
                let mut socket = Socket::connect(address).await;
                socket.send(b"420[\"join_dashboard\"]").await;
                socket.acknowledged().await;
                tokio::spawn(async move { while !socket.text().await.is_empty() {} });
            }
            Self(connected)
        })
    }

    /// Sends `rate` events a second in all, for `time`. Waits are from the moment an event was due to its ack.
    pub fn run(&mut self, runtime: &Runtime, rate: usize, pictures: usize, time: Duration) -> Load {
        let count = self.0.len();
        let period = Duration::from_secs_f64(count as f64 / rate as f64);
        let mut template = Template::new("agents", pictures, |_| "420[\"lpr_data\",".to_owned(), "]");
        let begun = Instant::now();
        let waits = runtime.block_on(async {
            let shared = std::cell::RefCell::new(&mut template);
            let agents = self.0.iter_mut().enumerate().map(|(number, socket)| {
                let shared = &shared;
                async move {
                    let mut waits = Vec::new();
                    let mut due = begun + period * number as u32 / count as u32;
                    while due < begun + time {
                        tokio::time::sleep_until(due.into()).await;
                        let frame = text_frame(shared.borrow_mut().another());
                        socket.stream.write_all(&frame).await.unwrap();
                        socket.acknowledged().await;
                        waits.push(due.elapsed().as_secs_f32() * 1000.0);
                        due += period;
                    }
                    waits
                }
            });
            futures_util::future::join_all(agents).await.concat()
        });
        Load::new(begun, waits)
    }
}

struct Socket {
    stream: BufReader<TcpStream>,
}

impl Socket {
    async fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut socket = Self { stream: BufReader::with_capacity(2048, stream) };
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        socket.stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.stream.read_u8().await.unwrap());
        }
        socket.send(b"40").await;
        while !socket.text().await.starts_with("40") {}
        socket
    }

    async fn send(&mut self, text: &[u8]) {
        self.stream.write_all(&text_frame(text)).await.unwrap();
    }

    /// The next text; empty once the connection is closed.
    async fn text(&mut self) -> String {
        loop {
            let Ok(_kind) = self.stream.read_u8().await else { return String::new() };
            let length = match self.stream.read_u8().await.unwrap() {
                126 => usize::from(self.stream.read_u16().await.unwrap()),
                127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
                short => usize::from(short),
            };
            let mut text = vec![0; length];
            self.stream.read_exact(&mut text).await.unwrap();
            if text == b"2" {
                self.send(b"3").await;
                continue;
            }
            return String::from_utf8(text).unwrap();
        }
    }

    /// Waits for the next ack, which must tell of success.
    async fn acknowledged(&mut self) {
        loop {
            let text = self.text().await;
            assert!(!text.is_empty(), "the connection was closed");
            if text.starts_with("430[") {
                assert!(text.contains("\"success\":true") || text.contains("Joined"), "{text}");
                return;
            }
        }
    }
}
