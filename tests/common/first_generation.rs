//! A server of the first generation, packet by packet, with every habit of PROTOCOL 3.1. What it keeps is in memory and
//! open to the tests.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// A longer message kills the connection without a word (line 5).
pub const LARGEST_MESSAGE: usize = 1_000_000;

/// What goes wrong beyond its habits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mishaps {
    /// The connection breaks once, after the first event was stored and before its answer.
    pub first_answer_lost: bool,
    /// An event with this plate makes the handler raise: no answer by socket, 500 by REST.
    pub raises_on: Option<&'static str>,
    /// An event with this plate is no valid one.
    pub invalid: Option<&'static str>,
}

#[derive(Debug, Default)]
pub struct Memory {
    /// Registered by socket, and on which connection.
    pub by_socket: HashMap<String, usize>,
    pub by_rest: Vec<String>,
    /// Every stored detection and health report, and whether it came by socket.
    pub records: Vec<(bool, Value)>,
    pub connections: usize,
    /// Connections that died of a long message.
    pub killed: usize,
    /// Events of a client that get no answer (line 4).
    pub unanswerable: Vec<String>,
    /// Errors that were sent.
    pub errors: usize,
    /// A bad timestamp is in the store: statistics are gone for good (line 8).
    pub statistics_broken: bool,
    /// Requests by path.
    pub requests: Vec<String>,
    answer_was_lost: bool,
}

impl Memory {
    /// Plates as stored, by one road.
    pub fn plates(&self, by_socket: bool) -> Vec<String> {
        let of = |record: &Value| record["ocr_results"][0].as_str().map(str::to_owned);
        self.records.iter().filter(|(socket, _)| *socket == by_socket).filter_map(|(_, record)| of(record)).collect()
    }
}

pub struct FirstGeneration {
    pub url: String,
    memory: Arc<Mutex<Memory>>,
    runtime: Option<Runtime>,
}

impl Drop for FirstGeneration {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl FirstGeneration {
    pub fn start(mishaps: Mishaps) -> Self {
        let runtime = Runtime::new().unwrap();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = memory.clone();
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, shared.clone(), mishaps));
            }
        });
        Self { url, memory, runtime: Some(runtime) }
    }

    pub fn see<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        look(&mut self.memory.lock().unwrap())
    }
}

type Shared = Arc<Mutex<Memory>>;

async fn connection(stream: TcpStream, memory: Shared, mishaps: Mishaps) {
    let mut head = [0u8; 64];
    let Ok(count) = stream.peek(&mut head).await else { return };
    if String::from_utf8_lossy(&head[..count]).contains("/socket.io/") {
        socket(stream, memory, mishaps).await;
    } else {
        rest(stream, memory, mishaps).await;
    }
}

fn camera_of(payload: &Value) -> String {
    format!("{}/{}", payload["checkpoint_id"], payload["camera_id"])
}

/// Stores what came. `Err`: the message of a validation error. `None` inside: the handler raised.
fn handle(memory: &Shared, mishaps: Mishaps, by_socket: bool, payload: &Value) -> Option<Result<(), String>> {
    let plate = payload["ocr_results"][0].as_str();
    if plate.is_some() && plate == mishaps.raises_on {
        return None;
    }
    let required = ["type", "camera_id", "checkpoint_id", "timestamp"];
    if let Some(field) = required.iter().find(|field| payload.get(**field).is_none()) {
        return Some(Err(format!("Missing required field: {field}")));
    }
    if plate.is_some() && plate == mishaps.invalid {
        return Some(Err("Invalid data".into()));
    }
    let mut memory = memory.lock().unwrap();
    // `datetime.fromisoformat` of an older Python: six digits or none, and a numeric offset.
    let stamp = payload["timestamp"].as_str().unwrap_or_default();
    memory.statistics_broken |= !(stamp.len() == 32 && stamp.ends_with("+00:00") && stamp.as_bytes()[19] == b'.');
    memory.records.push((by_socket, payload.clone()));
    Some(Ok(()))
}

// --- Socket.IO ---

async fn socket(stream: TcpStream, memory: Shared, mishaps: Mishaps) {
    let Ok(mut stream) = accept_async(stream).await else { return };
    let me = {
        let mut memory = memory.lock().unwrap();
        memory.connections += 1;
        memory.connections
    };
    let open = json!({"sid": "s", "upgrades": [], "pingInterval": 25_000, "pingTimeout": 20_000});
    let _ = stream.send(Message::Text(format!("0{open}"))).await;
    while let Some(Ok(message)) = stream.next().await {
        let Message::Text(text) = message else { continue };
        if text.len() > LARGEST_MESSAGE {
            memory.lock().unwrap().killed += 1;
            break;
        }
        if text.starts_with("40") {
            // Line 1: the greeting is an ordinary event, and comes before CONNECT.
            let greeting = json!(["connect", {"message": "Connected to server"}]);
            let _ = stream.send(Message::Text(format!("42{greeting}"))).await;
            let _ = stream.send(Message::Text("40{\"sid\":\"y\"}".into())).await;
            continue;
        }
        let Some(event) = text.strip_prefix("42") else { continue };
        let digits = event.chars().take_while(char::is_ascii_digit).count();
        let (ack, arguments) = event.split_at(digits);
        let arguments: Vec<Value> = serde_json::from_str(arguments).unwrap();
        match answers(&memory, mishaps, me, &arguments) {
            Reaction::Say(answers) => {
                for answer in answers {
                    let _ = stream.send(Message::Text(format!("42{answer}"))).await;
                }
                // Line 3: the ack is empty and follows success and validation errors alike.
                let ack = if ack.is_empty() { "0" } else { ack };
                let _ = stream.send(Message::Text(format!("43{ack}[]"))).await;
            }
            Reaction::Silence => {}
            Reaction::HangUp => break,
        }
    }
    // Line 6: with the connection goes the memory of its cameras.
    memory.lock().unwrap().by_socket.retain(|_, connection| *connection != me);
}

enum Reaction {
    Say(Vec<Value>),
    Silence,
    HangUp,
}

fn answers(memory: &Shared, mishaps: Mishaps, me: usize, arguments: &[Value]) -> Reaction {
    let name = arguments[0].as_str().unwrap();
    let payload = arguments.get(1);
    match (name, payload) {
        ("camera_register", Some(payload)) => {
            memory.lock().unwrap().by_socket.insert(camera_of(payload), me);
            Reaction::Say(vec![json!(["camera_register", named("Camera registered successfully", payload)])])
        }
        ("lpr_data", Some(payload)) => data(memory, mishaps, me, "lpr_response", payload),
        ("health_status", Some(payload)) => data(memory, mishaps, me, "health_response", payload),
        ("ping", Some(_)) => Reaction::Say(vec![json!(["pong", {"message": "pong"}])]),
        ("join_dashboard" | "join_health_room", None) => Reaction::Say(vec![json!(["status", {"message": "Joined"}])]),
        _ => {
            // Line 4.
            memory.lock().unwrap().unanswerable.push(name.to_owned());
            Reaction::Silence
        }
    }
}

fn data(memory: &Shared, mishaps: Mishaps, me: usize, answer: &str, payload: &Value) -> Reaction {
    let error = |message: &str| {
        memory.lock().unwrap().errors += 1;
        // Line 2: no id of any kind.
        Reaction::Say(vec![json!(["error", {"message": message}])])
    };
    let camera = camera_of(payload);
    let (known, poisoned) = {
        let memory = memory.lock().unwrap();
        (memory.by_socket.get(&camera) == Some(&me), memory.by_rest.contains(&camera))
    };
    if !known {
        return error("Camera not registered");
    }
    match handle(memory, mishaps, true, payload) {
        None => Reaction::Silence,
        Some(Err(message)) => error(&message),
        // Line 7: stored, and answered with an error all the same.
        Some(Ok(())) if poisoned => error("'sid'"),
        Some(Ok(())) => {
            let lost =
                mishaps.first_answer_lost && !std::mem::replace(&mut memory.lock().unwrap().answer_was_lost, true);
            if lost { Reaction::HangUp } else { Reaction::Say(vec![json!([answer, named("Data received", payload)])]) }
        }
    }
}

fn named(message: &str, payload: &Value) -> Value {
    json!({"success": true, "message": message, "detection_id": "d", "camera_id": payload["camera_id"],
        "checkpoint_id": payload["checkpoint_id"], "timestamp": "2024-12-19T10:00:00"})
}

// --- REST ---

async fn rest(mut stream: TcpStream, memory: Shared, mishaps: Mishaps) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut chunk = [0u8; 16_384];
            match stream.read(&mut chunk).await {
                Ok(count) if count > 0 => buffer.extend_from_slice(&chunk[..count]),
                _ => return,
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
        let mut body = buffer.split_off(end);
        let have = body.len().min(length);
        buffer = body.split_off(have);
        let mut rest = vec![0; length - have];
        if stream.read_exact(&mut rest).await.is_err() {
            return;
        }
        body.extend(rest);
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let is_json = head.contains("content-type: application/json");
        let (status, answer) = respond(&memory, mishaps, &path, is_json, &body);
        let answer = answer.to_string();
        let reply = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
            answer.len()
        );
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
    }
}

fn respond(memory: &Shared, mishaps: Mishaps, path: &str, is_json: bool, body: &[u8]) -> (u16, Value) {
    memory.lock().unwrap().requests.push(path.to_owned());
    let fault = (500, json!({"success": false, "message": "Internal server error"}));
    let payload = match path {
        "/api/test" => return (200, json!({"success": true, "message": "Server is running"})),
        "/api/statistics" if memory.lock().unwrap().statistics_broken => return fault,
        "/api/statistics" => return (200, json!({"success": true, "data": {}})),
        // Line 9: what cannot be read is a fault of the server.
        _ => match serde_json::from_slice::<Value>(body) {
            Ok(payload) if is_json => payload,
            _ => return fault,
        },
    };
    match path {
        "/api/cameras/register" => {
            memory.lock().unwrap().by_rest.push(camera_of(&payload));
            (200, named("Camera registered successfully", &payload))
        }
        "/api/detection" | "/api/health" => match handle(memory, mishaps, false, &payload) {
            None => fault,
            Some(Err(message)) => (400, json!({"success": false, "message": message})),
            Some(Ok(())) => (200, json!({"success": true, "message": "Data received", "detection_id": "d"})),
        },
        _ => (404, json!({"success": false, "message": "Not found"})),
    }
}
