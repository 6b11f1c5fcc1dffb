//! The control room's page in a real headless Chromium, on the real server.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "page/announced.rs"]
mod announced;
#[path = "page/camera_wall.rs"]
mod camera_wall;
#[path = "common/dictionaries.rs"]
mod dictionaries;
#[path = "common/judge.rs"]
mod judge;
#[path = "page/keyboard.rs"]
mod keyboard;
#[path = "page/live.rs"]
mod live;
#[path = "page/looks.rs"]
mod looks;
#[path = "common/lpr_server.rs"]
mod lpr_server;
#[path = "page/many.rs"]
mod many;
#[path = "page/people.rs"]
mod people;
#[path = "page/search.rs"]
mod search;
#[path = "page/served.rs"]
mod served;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "guard/site.rs"]
mod site;
#[cfg(feature = "uplink")]
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/test_agent.rs"]
mod test_agent;
#[path = "page/watched.rs"]
mod watched;
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
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use webdriver::Browser;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(30);

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const DOWN: &str = "\u{e015}";
const UP: &str = "\u{e013}";
const TAB: &str = "\u{e004}";

fn picture(name: &str) -> String {
    STANDARD.encode(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(name)).unwrap())
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

/// An HTTP connection that is kept, for what a test asks of the server itself.
struct Http {
    stream: BufReader<TcpStream>,
    who: String,
}

impl Http {
    fn connect(server: &LprServer) -> Self {
        Self::connect_as(server, "")
    }

    /// As [`Http::connect`], with this header on each request.
    fn connect_as(server: &LprServer, who: &str) -> Self {
        let stream = TcpStream::connect(&server.address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), who: who.to_owned() }
    }

    /// The head of the answer, in lower case, and the body.
    fn ask(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (String, Vec<u8>) {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{}{headers}Content-Length: {}\r\n\r\n{body}",
            self.who,
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

    fn get(&mut self, path: &str) -> Value {
        serde_json::from_slice(&self.ask("GET", path, "", "").1).unwrap()
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
    wait_view(browser);
}

fn wait_view(browser: &Browser) {
    browser.wait("a view", PATIENCE, "return document.getElementById('main').children.length > 0");
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

/// A browser on a desk, with the page at `place`.
fn desk(dir: &Path, server: &LprServer, place: &str) -> Browser {
    let browser = Browser::start(&dir.join("profile"));
    browser.screen(1440, 900, false, "light");
    open(&browser, server, place);
    browser
}

/// Clicks what `selector` finds, as soon as it is there.
fn click(browser: &Browser, selector: &str) {
    let found = format!("const found = document.querySelector(`{selector}`); found?.click(); return !!found");
    browser.wait(&format!("{selector} to click"), PATIENCE, &found);
}

/// Goes to a view by its link in the bar.
fn go(browser: &Browser, view: &str) {
    click(browser, &format!("#nav [data-view={view}]"));
    browser.wait(view, PATIENCE, &format!("return document.getElementById('main').dataset.view === '{view}'"));
}

/// A condition: what `selector` finds says `text`.
fn says(selector: &str, text: &str) -> String {
    format!("return [...document.querySelectorAll(`{selector}`)].some((one) => one.innerText.includes(`{text}`))")
}

/// Fills the open dialog's fields and sends it; it closes when the server has taken it.
fn submit(browser: &Browser, values: &[(&str, &str)]) {
    for (name, value) in values {
        let field = format!("document.querySelector('dialog[open] [name={name}]')");
        let filled = format!("const field = {field}; if (field) field.value = `{value}`; return !!field");
        browser.wait(name, PATIENCE, &filled);
    }
    browser.run("document.querySelector('dialog[open] [type=submit]').click()");
    browser.wait("it is saved", PATIENCE, "return !document.querySelector('dialog[open]')");
}

/// The console is silent.
fn assert_silent(browser: &Browser) {
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent");
}
