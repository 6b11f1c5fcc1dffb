//! The live page in a real headless Chromium, on the real server.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "common/lpr_server.rs"]
mod lpr_server;
#[path = "common/webdriver.rs"]
mod webdriver;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lpr_server::LprServer;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use webdriver::Browser;

const SECOND: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

fn picture(name: &str) -> String {
    STANDARD.encode(fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page").join(name)).unwrap())
}

fn post(server: &LprServer, path: &str, payload: &Value) -> Value {
    let body = payload.to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let answer: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    answer
}

/// A read captured now.
fn read(camera: &str, text: &str, crop: &str, confidence: f64, class: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    json!({"type": "detection_result", "camera_id": camera, "checkpoint_id": "north_gate", "timestamp": now,
        "vehicles_count": 1, "plates_count": 1, "ocr_results": [text],
        "vehicle_detections": [{"bbox": [290, 180, 630, 495], "confidence": 0.93, "class": class}],
        "plate_detections": [{"bbox": [380, 370, 540, 422], "confidence": confidence, "text": text}],
        "annotated_image": picture("frame.jpg"), "cropped_plates": [picture(crop)]})
}

fn health(camera: &str, status: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    json!({"type": "health_check", "camera_id": camera, "checkpoint_id": "north_gate", "timestamp": now,
        "component": "camera", "status": status, "message": "", "details": {"cpu_usage": 41}})
}

/// Finds the card of a read whose crop has loaded.
fn card(text: &str) -> String {
    format!(
        "return [...document.querySelectorAll('#reads .read')].some((card) =>
            card.querySelector('.text').textContent === '{text}' && card.querySelector('.crop img')?.naturalWidth > 0)"
    )
}

fn live(browser: &Browser) {
    browser.wait("the page is live", PATIENCE, "return document.getElementById('link').dataset.state === 'live'");
}

#[test]
fn a_read_is_on_the_page_within_a_second_and_the_page_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = LprServer::start(&data, "127.0.0.1:0", &[]);
    let address = server.address.clone();
    let browser = Browser::start(&dir.path().join("profile"));
    browser.screen(1280, 800, false, "light");
    browser.open(&server.url());
    live(&browser);
    browser.wait("an empty list says so", PATIENCE, "return document.getElementById('total').textContent === '0'");
    assert!(browser.text().contains("No reads yet"));

    post(&server, "/api/detection", &read("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"));
    browser.wait("the read with its crop", SECOND, &card("ABC1234"));
    post(&server, "/api/detection", &read("lane_2", "กข 1234", "plate-thai.jpg", 0.91, "truck"));
    browser.wait("the Thai read with its crop", SECOND, &card("กข 1234"));
    browser.wait("the newest comes first", SECOND, "return document.querySelector('.read .text').lang === 'th'");

    let count = "return document.getElementById('total').textContent === '2'
        && document.getElementById('today').textContent === '2'
        && document.getElementById('online').textContent === '2 / 2'
        && document.querySelectorAll('#reads .read').length === 2
        && document.querySelectorAll('#cameras .camera[data-status=online]').length === 2";
    browser.wait("the counts agree", SECOND, count);
    post(&server, "/api/health", &health("lane_2", "warning"));
    let warned = "return document.querySelectorAll('.camera[data-health=warning]').length === 1
        && document.getElementById('checks').textContent === '1'";
    browser.wait("a camera's warning is shown", SECOND, warned);
    let markup = "<img src=x onerror=alert(1)>";
    post(&server, "/api/detection", &read("lane_1", markup, "plate-latin.jpg", 0.5, "car"));
    browser.wait("markup from a peer is text", SECOND, &card(markup));
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent");

    assert!(server.stop("TERM", Duration::from_secs(10)).success());
    let gone = "return document.getElementById('link').dataset.state === 'reconnecting'";
    browser.wait("the page notices", PATIENCE, gone);
    let server = LprServer::start(&data, &address, &[]);
    live(&browser);
    // What the browser itself says about refused connections while the server was away.
    browser.console();
    post(&server, "/api/detection", &read("lane_1", "AFTER99", "plate-latin.jpg", 0.88, "bus"));
    browser.wait("a read after the restart", SECOND, &card("AFTER99"));
    let all = "return document.querySelectorAll('#reads .read').length === 4
        && document.getElementById('total').textContent === '4'";
    browser.wait("nothing was forgotten", SECOND, all);
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent after the restart");
}

#[test]
fn the_page_fits_a_desk_and_a_phone_by_day_and_by_night() {
    let dir = tempfile::tempdir().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let plates = [
        ("lane_1", "ABC1234", "plate-latin.jpg", 0.97, "car"),
        ("lane_2", "กข 1234", "plate-thai.jpg", 0.91, "truck"),
        ("lane_2", "", "plate-thai.jpg", 0.42, "motorcycle"),
        ("lane_1", "1กท 9999", "plate-thai.jpg", 0.88, "car"),
        ("south_exit_camera_with_a_long_name", "ABC1234", "plate-latin.jpg", 0.93, "bus"),
    ];
    for (camera, text, crop, confidence, class) in plates {
        post(&server, "/api/detection", &read(camera, text, crop, confidence, class));
    }
    post(&server, "/api/health", &health("lane_1", "healthy"));
    post(&server, "/api/health", &health("lane_2", "warning"));
    post(&server, "/api/health", &health("south_exit_camera_with_a_long_name", "error"));

    let shots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/page");
    fs::create_dir_all(&shots).unwrap();
    let browser = Browser::start(&dir.path().join("profile"));
    for (name, width, height, phone) in [("desktop", 1280, 800, false), ("phone", 390, 844, true)] {
        for scheme in ["light", "dark"] {
            browser.screen(width, height, phone, scheme);
            browser.open(&server.url());
            live(&browser);
            let loaded = "const crops = [...document.querySelectorAll('.crop img')];
                return crops.length === 5 && crops.every((crop) => crop.complete && crop.naturalWidth > 0)";
            browser.wait("all crops", PATIENCE, loaded);
            let overflow = browser.run("return document.documentElement.scrollWidth - innerWidth");
            assert!(overflow.as_i64().unwrap() <= 0, "{name}: the page is {overflow} px too wide");
            browser.screenshot(&shots.join(format!("{name}-{scheme}.png")));
        }
    }
    browser.run("document.querySelector('.open').click()");
    browser.wait("the whole picture", PATIENCE, "return document.getElementById('picture').naturalWidth > 0");
    browser.screenshot(&shots.join("phone-picture.png"));
    assert_eq!(browser.console(), Vec::<Value>::new(), "the console is silent");
}
