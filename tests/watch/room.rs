//! A server with its dashboard room, and events to send.

use crate::common::lpr_server::LprServer;
use crate::event_client::{Rest, Said, Socket};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// A server on a free port with `config` as its file.
pub fn start(dir: &Path, config: &str) -> LprServer {
    let file = dir.join("server.toml");
    fs::write(&file, format!("timezone = \"UTC\"\n{config}")).unwrap();
    LprServer::start(&dir.join("data"), "127.0.0.1:0", &["--config", file.to_str().unwrap()])
}

/// As [`start`], and `c` has said what time it is. Without that a minute that ends between two reads of long ago opens an alert
/// more, rightly: its clock is wrong.
pub fn start_on_time(dir: &Path, config: &str) -> LprServer {
    let server = start(dir, config);
    let now = jiff::Timestamp::now().to_string();
    let mut rest = Rest::connect(&server.address).unwrap();
    done(&mut rest, "POST", "/api/health", &health("clock", "healthy", &now, &json!({})));
    server
}

/// Status and JSON of a call.
pub fn call(rest: &mut Rest, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, bytes) = rest.call(method, path, "application/json", body.to_string().as_bytes()).unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// As [`call`], and it must succeed.
pub fn done(rest: &mut Rest, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = call(rest, method, path, body);
    assert_eq!((status, &answer["success"]), (200, &json!(true)), "{method} {path}: {answer}");
    answer
}

/// A list with these entries; its address.
pub fn watchlist(rest: &mut Rest, name: &str, entries: &[Value]) -> String {
    let list =
        done(rest, "POST", "/api/watchlists", &json!({"name": name, "severity": "critical", "note": "call 191"}));
    let path = format!("/api/watchlists/{}", list["watchlist_id"]);
    for entry in entries {
        done(rest, "POST", &format!("{path}/entries"), entry);
    }
    path
}

/// A detection of `c` at `gate`.
pub fn read(event_id: &str, revision: i64, plates: &[&str], captured: &str) -> Value {
    json!({"type": "detection_result", "camera_id": "c", "checkpoint_id": "gate", "event_id": event_id,
        "revision": revision, "timestamp": captured, "ocr_results": plates, "clock_synced": true})
}

pub fn health(component: &str, status: &str, at: &str, details: &Value) -> Value {
    json!({"type": "health_check", "camera_id": "c", "checkpoint_id": "gate", "timestamp": at, "component": component,
        "status": status, "message": "as it is", "details": details, "event_id": uuid::Uuid::now_v7()})
}

/// Who listens in the room `dashboard`.
pub struct Dashboard(Socket);

impl Dashboard {
    pub fn join(address: &str) -> Self {
        let mut socket = Socket::connect(address).unwrap();
        socket.call("join_dashboard", "{}").unwrap();
        Self(socket)
    }

    /// The next event of this name.
    pub fn wait(&mut self, event: &str) -> Value {
        loop {
            if let Said::Event(name, payload) = self.0.hear().unwrap()
                && name == event
            {
                return payload;
            }
        }
    }

    /// Everything that was told so far.
    pub fn told(&mut self) -> Vec<(String, Value)> {
        self.0.send("ping", "{\"message\":\"end\"}", 8).unwrap();
        let mut told = Vec::new();
        loop {
            match self.0.hear().unwrap() {
                Said::Ack(8, _) => return told,
                Said::Event(name, payload) if name != "pong" => told.push((name, payload)),
                _ => {}
            }
        }
    }

    /// As [`Dashboard::told`], of one event.
    pub fn told_of(&mut self, event: &str) -> Vec<Value> {
        self.told().into_iter().filter(|(name, _)| name == event).map(|(_, payload)| payload).collect()
    }
}
