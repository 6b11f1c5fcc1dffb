//! Memory and places: what one sender, or someone whom nobody knows, can make the server hold.

use crate::event_client::{Event, Rest, Socket};
use crate::lpr_server::LprServer;
use crate::site::{Site, Token, call, detection, get, noticed};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The most memory that the process ever had, in megabytes.
fn peak_mb(server: &LprServer) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// HTTP on one connection, word for word.
struct Line(BufReader<TcpStream>);

impl Line {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(BufReader::new(stream))
    }

    /// Status and body; 0 where the connection is gone.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
        if self.0.get_mut().write_all(&[head.as_bytes(), body.as_bytes()].concat()).is_err() {
            return (0, String::new());
        }
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return (0, String::new());
            }
            let line = line.trim().to_ascii_lowercase();
            if let Some(rest) = line.strip_prefix("http/1.1 ") {
                status = rest[..3].parse().unwrap();
            } else if let Some(rest) = line.strip_prefix("content-length:") {
                length = rest.trim().parse().unwrap();
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }

    /// A session by polling; its id.
    fn session(&mut self) -> String {
        let (status, open) = self.ask("GET", "/socket.io/?EIO=4&transport=polling", "");
        assert_eq!(status, 200);
        let open: Value = serde_json::from_str(open.strip_prefix('0').unwrap()).unwrap();
        open["sid"].as_str().unwrap().to_owned()
    }
}

fn poll(sid: &str) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
}

#[test]
fn an_event_of_millions_of_numbers_is_refused_without_taking_fifty_times_its_size() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let server = site.start();
    let at = server.address.as_str();
    let before = peak_mb(&server);
    let bombs = ["0,".repeat(7_000_000), "{\"\":0},".repeat(2_000_000), "[],".repeat(5_000_000)];
    for bomb in &bombs {
        let body = format!("{{\"camera_id\":\"cam-1\",\"ocr_results\":[{bomb}0]}}");
        let answer = call(at, "POST", "/api/detection", &device.bearer(), &body);
        assert!(matches!(answer.refused(), (400, "invalid") | (429, "rate_limited")), "{answer:?}");
        let mut socket = Socket::connect_as(at, &device.auth(), "").unwrap();
        let answer = socket.call("lpr_data", &body).unwrap();
        assert!(answer["code"] == "invalid" || answer["code"] == "rate_limited", "{answer}");
    }
    let after = peak_mb(&server);
    assert!(after < before + 150, "{before} MB, then {after} MB");
    assert_eq!(call(at, "POST", "/api/detection", &device.bearer(), &detection("gate", "cam-1")).status, 200);
}

#[test]
fn text_without_end_is_refused_since_every_export_would_have_hundreds_of_it_in_memory() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let server = site.start();
    let at = server.address.as_str();
    let mut socket = Socket::connect_as(at, &device.auth(), "").unwrap();
    let long = Event::padded("cam-1", 0, 300_000);
    let answer = call(at, "POST", "/api/detection", &device.bearer(), &long.payload);
    assert_eq!((answer.refused(), &answer.body["event_id"]), ((413, "too_large"), &json!(long.id)));
    assert_eq!(socket.call("lpr_data", &long.payload).unwrap()["code"], "too_large");
    let health = json!({"type": "health_check", "camera_id": "cam-1", "checkpoint_id": "gate", "timestamp": 1,
        "component": "camera", "status": "healthy", "message": "x".repeat(300_000)});
    assert_eq!(socket.call("health_status", &health.to_string()).unwrap()["code"], "too_large");
    // Pictures are another matter.
    let large = Event::new("cam-1", 2_000_000);
    assert_eq!(socket.call("lpr_data", &large.payload).unwrap()["success"], true);
}

#[test]
fn one_device_with_many_connections_does_not_fill_the_memory_nor_keep_the_others_out() {
    let site = Site::new();
    let (greedy, other) = (site.device("Pi 1", &["gate/cam-1"]), site.device("Pi 2", &["gate/cam-2"]));
    let server = site.start();
    let at = server.address.as_str();
    // Bodies of 15 MB that never come to their end.
    let part = vec![b' '; 14_000_000];
    let mut held: Vec<TcpStream> = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        let head = format!(
            "POST /api/detection HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: 15000000\r\n{}\r\n",
            greedy.bearer()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(&part);
        held.push(stream);
    }
    assert!(peak_mb(&server) < 150, "{} MB", peak_mb(&server));
    let large = Event::padded("cam-2", 3_000_000, 0).payload;
    assert_eq!(call(at, "POST", "/api/detection", &other.bearer(), &large).status, 200);
    // Those that were too much were told so, and when to come again.
    let mut last = String::new();
    let _ = held.pop().unwrap().take(400).read_to_string(&mut last);
    assert!(last.starts_with("HTTP/1.1 429") && last.to_ascii_lowercase().contains("retry-after"), "{last}");
    // What is given up is given back.
    drop(held);
    noticed("room for the first device", || {
        call(at, "POST", "/api/detection", &greedy.bearer(), &Event::padded("cam-1", 3_000_000, 0).payload).status
            == 200
    });
}

#[test]
fn a_stranger_opens_no_more_sessions_than_there_are_places() {
    let site = Site::new();
    let viewer = site.viewer();
    let server = site.start_with("127.0.0.1:0", "[limits]\nconnections = 20\n");
    let mut line = Line::connect(&server.address);
    let alive = |line: &mut Line| {
        let sid = line.session();
        line.ask("POST", &poll(&sid), "40").0 == 200
    };
    let opened = (0..40).filter(|_| alive(&mut line)).count();
    assert_eq!(opened, 20);
    assert_eq!(get(&server.address, "/api/me", &viewer.bearer()).status, 200, "calls are not held back");
}

#[test]
fn an_agent_that_only_polls_brings_pictures_though_its_token_is_in_another_request() {
    let site = Site::new();
    let device = site.device("Pi 1", &["gate/cam-1"]);
    let server = site.start();
    let sid = join_by_polling(&server.address, &device);
    // As a proxy would have it: no two requests on the same connection.
    let mut line = Line::connect(&server.address);
    for _ in 0..3 {
        let event = Event::padded("cam-1", 150_000, 0);
        assert_eq!(line.ask("POST", &poll(&sid), &format!("427[\"lpr_data\",{}]", event.payload)).0, 200);
        let mut heard = String::new();
        while !heard.contains("437[") {
            let (status, text) = Line::connect(&server.address).ask("GET", &poll(&sid), "");
            assert_eq!(status, 200);
            heard += &text;
        }
        assert!(heard.contains("\"success\":true") && heard.contains(&event.id), "{heard}");
    }
    // The token is taken back: so is what it let in.
    site.revoke(&device);
    noticed("the session of the revoked token", || {
        Line::connect(&server.address).ask("POST", &poll(&sid), "3").0 != 200
    });
}

fn join_by_polling(address: &str, token: &Token) -> String {
    let mut line = Line::connect(address);
    let sid = line.session();
    assert_eq!(line.ask("POST", &poll(&sid), &format!("40{}", token.auth())).0, 200);
    // A ping may come before the answer, and by itself.
    let mut heard = String::new();
    while !heard.contains("40{") {
        let (status, text) = line.ask("GET", &poll(&sid), "");
        assert!(status == 200 && !text.contains("44{"), "{status} {text}");
        heard += &text;
    }
    sid
}

#[test]
fn a_probe_may_ask_on_one_connection_for_ever() {
    let site = Site::new();
    site.viewer();
    let server = site.start();
    let mut line = Line::connect(&server.address);
    // More than a stranger may bring at once.
    for number in 0..4000 {
        assert_eq!(line.ask("GET", "/healthz", "").0, 200, "request {number}");
    }
}

#[test]
fn an_export_under_way_ends_when_its_token_is_revoked() {
    let site = Site::new();
    let (admin, viewer) = (site.admin(), site.viewer());
    let server = site.start();
    let at = server.address.as_str();
    let mut socket = Socket::connect_as(at, &admin.auth(), "").unwrap();
    // More than one piece of the export, and more than lies on the way between the two.
    for _ in 0..1200 {
        let answer = socket.call("lpr_data", &Event::padded("cam-1", 0, 20_000).payload).unwrap();
        assert_eq!(answer["success"], true, "{answer}");
    }
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = format!("GET /api/export?format=jsonl HTTP/1.1\r\nHost: localhost\r\n{}\r\n", viewer.bearer());
    stream.write_all(head.as_bytes()).unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));
    site.revoke(&viewer);
    noticed("the revocation", || get(at, "/api/me", &viewer.bearer()).status == 401);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the whole file came");
    let records = rest.windows(13).filter(|window| window == b"\"detection_id").count();
    assert!(records < 1200, "{records} records came after all");
}

#[test]
fn a_sender_that_hangs_up_before_its_answer_keeps_nothing_from_the_room() {
    let site = Site::new();
    let server = site.start();
    let at = server.address.as_str();
    let mut room = Socket::connect(at).unwrap();
    room.call("join_dashboard", "null").unwrap();
    for _ in 0..150 {
        let event = Event::new("cam-1", 20_000);
        let mut stream = TcpStream::connect(at).unwrap();
        let head = format!(
            "POST /api/detection HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            event.payload.len()
        );
        stream.write_all(&[head.as_bytes(), event.payload.as_bytes()].concat()).unwrap();
    }
    let mut rest = Rest::connect(at).unwrap();
    let stored =
        |rest: &mut Rest| rest.get_json("/api/statistics").unwrap()["data"]["total_detections"].as_u64().unwrap();
    let (mut before, mut unchanged) = (0, 0);
    while unchanged < 4 {
        std::thread::sleep(Duration::from_millis(500));
        let now = stored(&mut rest);
        unchanged = if now == before { unchanged + 1 } else { 0 };
        before = now;
    }
    assert!(before > 0, "what was sent whole is gone through with");
    assert_eq!(room.told("new_detection") as u64, before, "stored and told");
}
