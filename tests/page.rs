//! The control room's page in a real headless Chromium, on the real server.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "page/gate.rs"]
mod gate;
#[path = "page/live.rs"]
mod live;
#[path = "page/looks.rs"]
mod looks;
#[path = "common/lpr_server.rs"]
mod lpr_server;
#[path = "page/many.rs"]
mod many;
#[path = "page/parts.rs"]
mod parts;
#[path = "page/served.rs"]
mod served;
#[path = "common/webdriver.rs"]
mod webdriver;
#[path = "page/words.rs"]
mod words;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lpr_server::LprServer;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use webdriver::Browser;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";

fn picture(name: &str) -> String {
    STANDARD.encode(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(name)).unwrap())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// An HTTP connection that is kept, for what a test asks of the server itself.
struct Http {
    stream: BufReader<TcpStream>,
}

impl Http {
    fn connect(server: &LprServer) -> Self {
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// The head of the answer, in lower case, and the body.
    fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (String, Vec<u8>) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut head).unwrap() > 0, "the server hung up: {head}");
        }
        let head = head.to_lowercase();
        let body = if head.contains("transfer-encoding: chunked") { self.chunks() } else { self.whole(&head) };
        (head, body)
    }

    fn whole(&mut self, head: &str) -> Vec<u8> {
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap();
        body
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let mut size = String::new();
            self.stream.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            let start = body.len();
            body.resize(start + size + 2, 0);
            self.stream.read_exact(&mut body[start..]).unwrap();
            body.truncate(start + size);
            if size == 0 {
                return body;
            }
        }
    }

    fn post(&mut self, path: &str, payload: &Value) -> Value {
        let (_, body) = self.ask("POST", path, "Content-Type: application/json\r\n", &payload.to_string());
        let answer: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(answer["success"], true, "{path}: {answer}");
        answer
    }

    fn status(&mut self, path: &str) -> u16 {
        let (head, _) = self.ask("GET", path, "", "");
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn post(server: &LprServer, path: &str, payload: &Value) -> Value {
    Http::connect(server).post(path, payload)
}

/// A read captured now.
fn read(camera: &str, text: &str, crop: &str, confidence: f64, class: &str) -> Value {
    json!({"type": "detection_result", "camera_id": camera, "checkpoint_id": "north_gate", "timestamp": now(),
        "vehicles_count": 1, "plates_count": 1, "ocr_results": [text],
        "vehicle_detections": [{"bbox": [290, 180, 630, 495], "confidence": 0.93, "class": class}],
        "plate_detections": [{"bbox": [380, 370, 540, 422], "confidence": confidence, "text": text, "text_confidence": 0.9}],
        "processing_time_ms": 64.2, "province": ["กรุงเทพมหานคร"], "votes": [7], "dwell_ms": [2500],
        "annotated_image": picture("frame.jpg"), "cropped_plates": [picture(crop)]})
}

/// A read without pictures, with its number as its text.
fn bare(number: usize) -> Value {
    json!({"type": "detection_result", "camera_id": format!("lane_{}", number % 7), "checkpoint_id": "north_gate",
        "timestamp": now(), "vehicles_count": 1, "plates_count": 1, "ocr_results": [format!("{number:05}")],
        "vehicle_detections": [{"bbox": [290, 180, 630, 495], "confidence": 0.93, "class": "car"}],
        "plate_detections": [{"bbox": [380, 370, 540, 422], "confidence": 0.9, "text": format!("{number:05}")}]})
}

/// Sends the reads of these numbers over eight connections at once.
fn post_many(server: &LprServer, numbers: std::ops::Range<usize>) {
    std::thread::scope(|scope| {
        for lane in 0..8 {
            let numbers = numbers.clone();
            scope.spawn(move || {
                let mut http = Http::connect(server);
                numbers.skip(lane).step_by(8).for_each(|number| drop(http.post("/api/detection", &bare(number))));
            });
        }
    });
}

fn health(camera: &str, status: &str) -> Value {
    json!({"type": "health_check", "camera_id": camera, "checkpoint_id": "north_gate", "timestamp": now(),
        "component": "camera", "status": status, "message": "", "details": {"cpu_usage": 41}})
}

/// Opens the page at `place` (`live`, `search`, …) and waits until it is live.
fn open(browser: &Browser, server: &LprServer, place: &str) {
    browser.open("about:blank");
    browser.open(&format!("{}/#/{place}", server.url()));
    wait_live(browser);
}

fn wait_live(browser: &Browser) {
    browser.wait("the page is live", PATIENCE, "return document.getElementById('link')?.dataset.state === 'live'");
}

/// A condition: the row of a read is there, with its crop loaded.
fn row(text: &str) -> String {
    format!(
        "return [...document.querySelectorAll('.rows .row')].some((row) =>
            row.querySelector('.plate').textContent === '{text}' && row.querySelector('.crop img')?.naturalWidth > 0)"
    )
}

/// A condition: the count `name` above the live reads is `text`.
fn count(name: &str, text: &str) -> String {
    format!("return document.querySelector('[data-count={name}]')?.textContent === '{text}'")
}

/// The parts of the API that the page can do without, with an address that shows whether this server has them.
const PARTS: [(&str, &str); 4] =
    [("me", "/api/me"), ("alerts", "/api/alerts"), ("watchlists", "/api/watchlists"), ("hours", "/api/hours")];

fn has(server: &LprServer, part: &str) -> bool {
    let path = PARTS.iter().find(|(name, _)| *name == part).unwrap().1;
    // Without its parameters an address may be refused, but it is there.
    Http::connect(server).status(path) != 404
}

/// Whether this server can search: it says where the next page begins.
fn can_search(server: &LprServer) -> bool {
    let (_, body) = Http::connect(server).ask("GET", "/api/records?limit=1&images=none", "", "");
    serde_json::from_slice::<Value>(&body).unwrap().get("next_cursor").is_some()
}

/// What the console says, but for the browser's own remark that a part of the API is not there where it is not.
fn console(browser: &Browser, server: &LprServer) -> Vec<Value> {
    let absent: Vec<_> = PARTS.iter().filter(|(name, _)| !has(server, name)).map(|part| part.1).collect();
    let about_absent = |entry: &Value| {
        let message = entry["message"].as_str().unwrap_or_default();
        entry["source"] == "network" && message.contains("404") && absent.iter().any(|path| message.contains(path))
    };
    browser.console().into_iter().filter(|entry| !about_absent(entry)).collect()
}

/// Where `make setup-test` puts what a test needs.
fn tool(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-test`", path.display());
    path
}
