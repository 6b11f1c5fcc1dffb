//! REST from so many connections, one request in flight on each.

use super::Template;
use super::process::Load;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// Sends as fast as answers come, for `time`.
pub fn run(runtime: &Runtime, address: &str, connections: usize, pictures: usize, time: Duration) -> Load {
    let begun = Instant::now();
    let waits = runtime.block_on(async {
        let senders = (0..connections).map(|number| send(address, number, pictures, begun + time));
        futures_util::future::join_all(senders).await.concat()
    });
    Load::new(begun, waits)
}

async fn send(address: &str, number: usize, pictures: usize, until: Instant) -> Vec<f32> {
    let head = |length| {
        format!(
            "POST /api/detection HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut template = Template::new(&format!("rest-{number}"), pictures, head, "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut answer = vec![0; 4096];
    let mut waits = Vec::new();
    loop {
        let sent = Instant::now();
        if sent >= until {
            return waits;
        }
        stream.write_all(template.another()).await.unwrap();
        hear(&mut stream, &mut answer).await;
        waits.push(sent.elapsed().as_secs_f32() * 1000.0);
    }
}

/// Reads one answer, which must say that the event is stored.
async fn hear(stream: &mut TcpStream, answer: &mut [u8]) {
    let mut length = 0;
    loop {
        let more = stream.read(&mut answer[length..]).await.unwrap();
        assert!(more > 0, "the connection was closed");
        length += more;
        let text = std::str::from_utf8(&answer[..length]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lines = head.split("\r\n").filter_map(|line| line.split_once(": "));
        let (_, expected) = lines.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length")).unwrap();
        if body.len() < expected.parse().unwrap() {
            continue;
        }
        assert!(head.starts_with("HTTP/1.1 200") && body.contains("\"success\":true"), "{text}");
        return;
    }
}
