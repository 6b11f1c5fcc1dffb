//! Whatever is sent, there is an answer, nothing falls, and the connection lives on.

use crate::event_client::{Said, Socket};
use crate::peer::{JPEG, Server};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use std::cell::RefCell;

const PATHS: [&str; 3] = ["/api/cameras/register", "/api/detection", "/api/health"];
const EVENTS: [&str; 7] =
    ["camera_register", "lpr_data", "health_status", "ping", "join_dashboard", "join_health_room", "no_such_event"];

/// The keys that mean something to someone here.
const KEYS: [&str; 30] = [
    "type",
    "camera_id",
    "aicamera_id",
    "checkpoint_id",
    "timestamp",
    "created_at",
    "event_id",
    "revision",
    "boot_id",
    "clock_synced",
    "time_corrected",
    "ocr_results",
    "vehicle_detections",
    "plate_detections",
    "vehicles_count",
    "plates_count",
    "annotated_image",
    "original_image",
    "image_data",
    "cropped_plates",
    "plate_number",
    "confidence",
    "component",
    "status",
    "message",
    "details",
    "first_seen",
    "bbox",
    "text",
    "score",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "\\PC{0,300}".prop_map(Value::from),
        prop::sample::select(vec![
            JPEG,
            "detection_result",
            "health_check",
            "2024-12-19T10:00:00Z",
            "[[\"x\"]]",
            "{}",
            "outbox",
            "clock",
            "healthy",
            "data:,",
            "\0",
            "9e999",
            "default"
        ])
        .prop_map(Value::from),
    ]
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop_oneof![3 => prop::sample::select(KEYS.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,8}"];
    leaf().prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Good enough to be stored, but for what is put into it.
fn nearly_good() -> impl Strategy<Value = Value> {
    let member = (prop::sample::select(KEYS.to_vec()), any_json());
    (prop::sample::select(vec!["detection_result", "health_check"]), prop::collection::vec(member, 1..4)).prop_map(
        |(kind, members)| {
            let mut payload = json!({"type": kind, "camera_id": "c", "checkpoint_id": "p", "timestamp": 1_734_602_400,
                "component": "camera", "status": "healthy"});
            for (key, value) in members {
                payload[key] = value;
            }
            payload
        },
    )
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() })
}

/// Every other call that takes a body, as the served document has it; of the list, the entry and the alert that there are.
fn other_calls(server: &Server) -> Vec<(&'static str, String)> {
    let mut rest = server.rest();
    let (_, list) = rest.post("/api/watchlists", r#"{"name":"stolen"}"#).unwrap();
    let (_, entry) =
        rest.post(&format!("/api/watchlists/{}/entries", list["watchlist_id"]), r#"{"plate":"AB1"}"#).unwrap();
    rest.post("/api/detection", &json!({"camera_id": "c", "plate_number": "AB1"}).to_string()).unwrap();
    let alert = server.get("/api/alerts")["alerts"][0]["alert_id"].as_str().unwrap().to_owned();
    let document = server.get("/api/openapi.json");
    let mut calls = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let filled = if path.starts_with("/api/alerts") {
            path.replace("{id}", &alert)
        } else {
            path.replace("{id}", &list["watchlist_id"].to_string())
                .replace("{entry_id}", &entry["entry_id"].to_string())
        };
        for method in ["post", "put", "patch"] {
            if methods.get(method).is_some() && !PATHS.contains(&path.as_str()) {
                assert!(!filled.contains('{'), "{filled}");
                calls.push((method, filled.clone()));
            }
        }
    }
    assert!(calls.iter().any(|(method, _)| *method == "put") && calls.len() >= 6, "{calls:?}");
    calls
}

/// The server is as it should be after all that.
fn is_well(server: &Server) {
    assert_eq!(server.get("/healthz")["success"], true);
    assert_eq!(server.get("/api/records?limit=0")["success"], true);
    assert_eq!(server.get("/api/statistics")["success"], true);
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn any_json_on_every_call_and_every_event_is_answered_on_connections_that_live_on() {
    let server = Server::start("");
    let rest = RefCell::new(server.rest());
    let socket = RefCell::new(server.socket());
    let others = other_calls(&server);
    let sent = prop_oneof![any_json(), nearly_good()];
    runner(192)
        .run(&sent, |payload| {
            let text = payload.to_string();
            for path in PATHS {
                let (status, answer) = rest.borrow_mut().post(path, &text).unwrap();
                prop_assert!(matches!(status, 200 | 400), "{} {} {}", status, answer, text);
                prop_assert_eq!(answer["success"] == true, status == 200);
                prop_assert!(answer["message"].is_string());
            }
            for (method, path) in &others {
                let method = method.to_uppercase();
                let called = rest.borrow_mut().call(&method, path, "application/json", text.as_bytes());
                let (status, bytes) = called.unwrap();
                let answer: Value = serde_json::from_slice(&bytes).unwrap();
                prop_assert!(status < 500 && answer["success"].is_boolean(), "{} {} {}", path, status, answer);
            }
            for event in EVENTS {
                let answer = socket.borrow_mut().call(event, &text).unwrap();
                prop_assert!(answer["message"].is_string(), "{} {}", answer, text);
            }
            Ok(())
        })
        .unwrap();
    is_well(&server);
}

/// Sends a text as one message of the namespace; a ping after it must come back.
fn survives(socket: &mut Socket, text: &str) -> Result<(), TestCaseError> {
    socket.send_text(&format!("4{text}")).unwrap();
    socket.send("ping", "{\"message\":\"still there\"}", 4711).unwrap();
    loop {
        match socket.hear() {
            Ok(Said::Ack(4711, answer)) if answer["original_message"] == "still there" => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(TestCaseError::fail(format!("{error} after {text:?}"))),
        }
    }
}

/// Bytes, some of them like what is expected.
fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..400),
        "[\\[\\]{}\":,0-9a-zA-Z\\\\ NIinfinity.+-]{0,200}".prop_map(String::into_bytes),
        (nearly_good(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(payload, at, byte)| {
            let mut bytes = payload.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes
        }),
        (nearly_good(), any::<prop::sample::Index>()).prop_map(|(payload, at)| {
            let mut bytes = payload.to_string().into_bytes();
            bytes.truncate(at.index(bytes.len()));
            bytes
        }),
    ]
}

#[test]
fn any_bytes_as_body_or_packet_are_answered_and_the_connection_lives_on() {
    let server = Server::start("");
    let rest = RefCell::new(server.rest());
    let socket = RefCell::new(server.socket());
    let kinds = prop::sample::select(vec![
        "",
        "2",
        "2[\"lpr_data\",",
        "27[\"health_status\",",
        "5",
        "51-",
        "3",
        "6",
        "0",
        "4",
        "9",
    ]);
    runner(384)
        .run(&(any_bytes(), kinds), |(bytes, kind)| {
            for path in PATHS {
                let (status, answer) = rest.borrow_mut().post_bytes(path, &bytes).unwrap();
                prop_assert!(matches!(status, 200 | 400), "{} {}", status, answer);
                prop_assert!(answer["message"].is_string());
            }
            let text = format!("{kind}{}", String::from_utf8_lossy(&bytes));
            // A goodbye is no fault.
            if !text.starts_with('1') {
                survives(&mut socket.borrow_mut(), &text)?;
            }
            Ok(())
        })
        .unwrap();
    is_well(&server);
}
