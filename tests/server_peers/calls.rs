//! What is refused by REST, and how (PROTOCOL 1.1 and 1.7): status, JSON, the field; and the questions' odd corners.

use crate::peer::Server;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

/// One request as it stands, and the whole answer: status, head, body.
fn send(server: &Server, request: &[u8]) -> (u16, String, Value) {
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {answer}")))
}

fn call(server: &Server, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String, Value) {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{kind}Content-Length: {}\r\n\r\n",
        body.len()
    );
    send(server, &[head.as_bytes(), body].concat())
}

fn is_refusal((status, head, body): &(u16, String, Value), expected: u16, code: &str) {
    assert_eq!((*status, &body["success"], &body["code"]), (expected, &json!(false), &json!(code)), "{head}\n{body}");
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
}

#[test]
fn a_call_that_cannot_be_answered_gets_its_status_in_json() {
    let server = Server::start("max_event_bytes = 100000");
    let json = "application/json";
    for path in ["/api/cameras/register", "/api/detection", "/api/health"] {
        let posts: [(&str, &[u8], u16, &str); 10] = [
            (json, b"{", 400, "invalid"),
            (json, b"", 400, "invalid"),
            (json, b"\"\xff\"", 400, "invalid"),
            (json, b"[1]", 400, "invalid"),
            (json, b"null", 400, "invalid"),
            (json, b"{}", 400, "invalid"),
            ("", b"{}", 415, "unsupported_type"),
            ("text/plain", b"{}", 415, "unsupported_type"),
            ("application/x-www-form-urlencoded", b"camera_id=1", 415, "unsupported_type"),
            (json, &[b' '; 100_001], 413, "too_large"),
        ];
        for (kind, body, status, code) in posts {
            is_refusal(&call(&server, "POST", path, kind, body), status, code);
        }
        for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let answer = call(&server, method, path, "", b"");
            is_refusal(&answer, 405, "method_not_allowed");
            assert!(answer.1.contains("allow: post"), "{}", answer.1);
        }
    }
    let deep = "[".repeat(50_000);
    is_refusal(&call(&server, "POST", "/api/detection", json, deep.as_bytes()), 400, "invalid");
    let id = "018f0000-0000-7000-8000-000000000000";
    for path in ["/nothing", "/api", "/api/", "/api/records/x", "/api/records/%ff", "/api/nothing/", "/api/detection/"]
    {
        let answer = call(&server, "GET", path, "", b"");
        assert!(matches!(answer.0, 400 | 404), "{path}: {answer:?}");
        is_refusal(&answer, answer.0, if answer.0 == 404 { "not_found" } else { "invalid" });
    }
    let images = [id, "..%2f..%2flpr-server.db", "%ff", "..", "%00"];
    for (one, other) in images.iter().flat_map(|one| images.iter().map(move |other| (one, other))) {
        let answer = call(&server, "GET", &format!("/images/{one}/{other}"), "", b"");
        assert!(matches!(answer.0, 400 | 404) && answer.2["success"] == false, "{answer:?}");
    }
    is_refusal(&call(&server, "POST", "/api/records", json, b"{}"), 405, "method_not_allowed");
}

#[test]
fn a_400_names_the_field() {
    let server = Server::start("");
    let detection =
        json!({"type": "detection_result", "camera_id": "c", "checkpoint_id": "p", "timestamp": 1_734_602_400});
    let health = json!({"type": "health_check", "camera_id": "c", "checkpoint_id": "p", "timestamp": 1_734_602_400,
        "component": "camera", "status": "healthy"});
    let registration = json!({"camera_id": "c", "checkpoint_id": "p"});
    let cases: [(&str, &Value, &[&str]); 3] = [
        ("/api/detection", &detection, &["type", "camera_id", "timestamp"]),
        ("/api/health", &health, &["type", "camera_id", "timestamp", "component", "status"]),
        ("/api/cameras/register", &registration, &["camera_id"]),
    ];
    for (path, payload, required) in cases {
        for field in required {
            let mut without = payload.clone();
            without.as_object_mut().unwrap().remove(*field);
            let mut wrong = payload.clone();
            wrong[*field] = json!({});
            for body in [without, wrong] {
                let answer = call(&server, "POST", path, "application/json", body.to_string().as_bytes());
                is_refusal(&answer, 400, "invalid");
                assert_eq!(answer.2["field"], *field, "{body} {}", answer.2);
                assert!(answer.2["message"].as_str().unwrap().contains(field), "{}", answer.2);
            }
        }
        let answer = call(&server, "POST", path, "application/json; charset=utf-8", payload.to_string().as_bytes());
        assert_eq!((answer.0, &answer.2["success"]), (200, &json!(true)), "{}", answer.2);
    }
    let answer = call(&server, "GET", "/api/records?limit=1&limit=2", "", b"");
    is_refusal(&answer, 400, "invalid");
    assert_eq!(answer.2["field"], "limit");
}

#[test]
fn limit_means_what_it_meant_in_the_first_generation() {
    let server = Server::start("max_records = 25");
    let mut rest = server.rest();
    for n in 0..30 {
        let detection =
            json!({"type": "detection_result", "camera_id": n % 2, "timestamp": 1_734_602_400 + n, "ocr_results": [n]});
        assert_eq!(rest.post("/api/detection", &detection.to_string()).unwrap().0, 200);
    }
    for (query, returned) in [
        ("", 20),
        ("?limit=", 20),
        ("?limit=many", 20),
        ("?limit=1.5", 20),
        ("?limit=7", 7),
        ("?limit=0", 25),
        ("?limit=-3", 25),
        ("?limit=9999", 25),
        ("?limit=0&camera_id=1", 15),
        ("?limit=0&camera_id=%31&checkpoint_id=default", 15),
        ("?limit=3&camera_id=none", 0),
        ("?unknown=1", 20),
    ] {
        let answer = server.get(&format!("/api/records{query}"));
        assert_eq!(answer["returned_count"], returned, "{query}");
        let records = answer["records"].as_array().unwrap();
        assert_eq!(records.len(), returned, "{query}");
        let times: Vec<&str> = records.iter().map(|record| record["timestamp"].as_str().unwrap()).collect();
        assert!(times.is_sorted(), "oldest first: {times:?}");
        if !query.contains("camera_id") {
            assert_eq!(records[returned - 1]["ocr_results"], json!(["29"]), "the last ones");
        }
    }
}

#[test]
fn today_is_the_calendar_day_of_the_configured_zone() {
    // On one side of the date line it is always another day than on the other.
    let now = jiff::Timestamp::now();
    for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Bangkok"] {
        let server = Server::start(&format!("timezone = \"{zone}\""));
        let mut rest = server.rest();
        let midnight = now.in_tz(zone).unwrap().start_of_day().unwrap().timestamp();
        for (n, second) in [-1, 0, 1].into_iter().enumerate() {
            let at = midnight.as_second() + second;
            let detection = json!({"type": "detection_result", "camera_id": "c", "timestamp": at, "ocr_results": [n]});
            rest.post("/api/detection", &detection.to_string()).unwrap();
        }
        // Naive: in the same zone, so after midnight there.
        let naive = now.in_tz(zone).unwrap().strftime("%Y-%m-%dT00:00:05").to_string();
        let detection = json!({"type": "detection_result", "camera_id": "c", "timestamp": naive});
        rest.post("/api/detection", &detection.to_string()).unwrap();
        let data = &server.get("/api/statistics")["data"];
        // The day may end while the test runs; then none of them is of today.
        let today = data["today_detections"].as_i64().unwrap();
        let same_day = jiff::Timestamp::now().in_tz(zone).unwrap().date() == now.in_tz(zone).unwrap().date();
        assert!(today == 3 || !same_day, "{zone}: {data}");
        assert_eq!(data["total_detections"], 4);
    }
}
