//! A data directory, its tokens, and a server on it.

use crate::lpr_server::LprServer;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A token that counts, or no longer, does so within this.
pub const NOTICED: Duration = Duration::from_secs(5);

pub struct Site {
    pub dir: tempfile::TempDir,
}

/// A token and the id that names it.
#[derive(Debug, Clone)]
pub struct Token {
    pub id: String,
    pub text: String,
}

impl Token {
    pub fn bearer(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.text)
    }

    pub fn auth(&self) -> String {
        format!("{{\"token\":\"{}\"}}", self.text)
    }
}

impl Site {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-server"));
        command.args(arguments).arg("--data-dir").arg(self.data()).output().unwrap()
    }

    fn create(&self, arguments: &[&str]) -> Token {
        let output = self.run(&[&["token", "create"], arguments].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        let text = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        assert!(!said.contains(&text), "only standard output shows it");
        Token { id: said.split(' ').nth(1).unwrap().to_owned(), text }
    }

    pub fn device(&self, name: &str, cameras: &[&str]) -> Token {
        let cameras = cameras.iter().flat_map(|camera| ["--camera", camera]);
        let arguments: Vec<&str> = ["--role", "device", "--name", name].into_iter().chain(cameras).collect();
        self.create(&arguments)
    }

    pub fn viewer(&self) -> Token {
        self.create(&["--role", "viewer", "--name", "Vera"])
    }

    pub fn admin(&self) -> Token {
        self.create(&["--role", "admin", "--name", "Ada"])
    }

    pub fn revoke(&self, token: &Token) {
        assert!(self.run(&["token", "revoke", &token.id]).status.success());
    }

    pub fn start(&self) -> LprServer {
        self.start_with("127.0.0.1:0", "")
    }

    pub fn start_with(&self, listen: &str, config: &str) -> LprServer {
        let file = self.dir.path().join("server.toml");
        fs::write(&file, config).unwrap();
        LprServer::start(&self.data(), listen, &["--config", &file.display().to_string()])
    }
}

/// What came back of a call.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Value,
}

impl Answer {
    /// Status and code of a refusal.
    pub fn refused(&self) -> (u16, &str) {
        assert!(self.status >= 400, "not refused: {self:?}");
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.head.lines().filter_map(|line| line.split_once(": "));
        named.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }
}

/// One call on a connection of its own; `headers` each with its line end.
pub fn call(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let host = if headers.contains("Host: ") { "" } else { "Host: localhost\r\n" };
    let request = format!(
        "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    answer(&bytes)
}

pub fn answer(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    // A streamed body comes in chunks; what matters here fits into one.
    let body = body.find('{').map_or("", |at| &body[at..]);
    let value = serde_json::Deserializer::from_str(body).into_iter::<Value>().next();
    Answer { status, head: head.to_owned(), body: value.and_then(Result::ok).unwrap_or_default() }
}

pub fn get(address: &str, path: &str, headers: &str) -> Answer {
    call(address, "GET", path, headers, "")
}

/// Waits for something that the server must notice by itself.
pub fn noticed(what: &str, mut check: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !check() {
        assert!(begun.elapsed() < NOTICED, "not within {NOTICED:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed()
}

/// A detection of `checkpoint/camera`.
pub fn detection(checkpoint: &str, camera: &str) -> String {
    let id = uuid::Uuid::now_v7();
    serde_json::json!({"type": "detection_result", "camera_id": camera, "checkpoint_id": checkpoint, "event_id": id,
        "revision": 0, "timestamp": "2024-12-19T10:00:00Z", "ocr_results": ["ABC1234"]})
    .to_string()
}

impl Site {
    /// A server with a data directory of its own.
    pub fn start_elsewhere(&self, config: &str) -> LprServer {
        let file = self.dir.path().join("elsewhere.toml");
        fs::write(&file, config).unwrap();
        LprServer::start(&self.dir.path().join("elsewhere"), "0.0.0.0:0", &["--config", &file.display().to_string()])
    }
}
