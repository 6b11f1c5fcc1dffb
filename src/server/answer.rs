//! Answers and broadcasts, word for word as PROTOCOL 1 and 2 have them. Pure.

use super::store::{Accepted, CameraRow, GapRow, Verdict};
use crate::domain::CameraKey;
use crate::wire::incoming::{Envelope, EventRef, Health, Overview, Registration};
use crate::wire::timestamp;
use serde_json::{Value, json};

/// What this server can do beyond the contract.
pub const CAPABILITIES: [&str; 2] = ["event_id", "revision"];

/// Who hears a broadcast. Rooms are this list and nothing a peer can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Room {
    Dashboard,
    HealthMonitoring,
}

/// An event for everyone in a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Broadcast {
    pub room: Room,
    pub event: &'static str,
    pub payload: Value,
}

/// What a protocol-2 agent learns when it registers.
#[derive(Debug, Clone, Copy)]
pub struct Handshake<'a> {
    pub max_event_bytes: usize,
    pub store_id: &'a str,
    pub checkpoint: i64,
}

impl Handshake<'_> {
    fn write(&self, answer: &mut Value, now: &str) {
        answer["protocol"] = json!(2);
        answer["capabilities"] = json!(CAPABILITIES);
        answer["max_event_bytes"] = json!(self.max_event_bytes);
        answer["server_time"] = json!(now);
        answer["store_id"] = json!(self.store_id);
        answer["checkpoint"] = json!(self.checkpoint);
    }
}

/// The answer to `GET /api/test`.
pub fn test(handshake: &Handshake<'_>, now_us: i64) -> Value {
    let now = timestamp::format(now_us);
    let mut answer = json!({"success": true, "message": "Server is running", "timestamp": now});
    handshake.write(&mut answer, &now);
    answer
}

pub fn registered(registration: &Registration, handshake: &Handshake<'_>, now_us: i64) -> Value {
    let now = timestamp::format(now_us);
    let mut answer = json!({
        "success": true,
        "message": "Camera registered successfully",
        "camera_id": registration.named.camera.as_str(),
        "checkpoint_id": registration.named.checkpoint.as_str(),
        "timestamp": now,
    });
    handshake.write(&mut answer, &now);
    echo(&mut answer, registration.event.as_ref());
    answer
}

/// What an event's answer says besides the contract's keys.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    pub envelope: &'a Envelope,
    pub accepted: &'a Accepted,
    pub store_id: &'a str,
    /// The commit that holds the event, or a later one.
    pub checkpoint: i64,
}

pub fn detection(stored: &Stored<'_>, images_dropped: usize, now_us: i64) -> Value {
    let mut message = "Detection data received".to_owned();
    if images_dropped > 0 {
        message += &format!("; {images_dropped} image(s) dropped: empty, or neither JPEG nor PNG in base64");
    }
    stored.answer("detection_id", message, now_us)
}

pub fn health(stored: &Stored<'_>, now_us: i64) -> Value {
    stored.answer("health_id", "Health data received".to_owned(), now_us)
}

impl Stored<'_> {
    fn answer(&self, id_key: &str, message: String, now_us: i64) -> Value {
        let camera = &self.envelope.named;
        let mut answer = json!({
            "success": true,
            "message": message,
            id_key: self.accepted.record_id,
            "camera_id": camera.camera.as_str(),
            "checkpoint_id": camera.checkpoint.as_str(),
            "timestamp": timestamp::format(now_us),
        });
        if self.accepted.verdict == Verdict::Duplicate {
            answer["duplicate"] = json!(true);
        }
        if self.envelope.event.is_some() {
            answer["store_id"] = json!(self.store_id);
            answer["checkpoint"] = json!(self.checkpoint);
        }
        echo(&mut answer, self.envelope.event.as_ref());
        answer
    }
}

fn echo(answer: &mut Value, event: Option<&EventRef>) {
    if let Some(event) = event {
        answer["event_id"] = json!(event.event_id);
        answer["revision"] = json!(event.revision);
    }
}

pub fn camera_status(camera: &CameraKey, online: bool, now_us: i64) -> Broadcast {
    let payload = json!({
        "camera_id": camera.camera.as_str(),
        "checkpoint_id": camera.checkpoint.as_str(),
        "status": status(online),
        "timestamp": timestamp::format(now_us),
    });
    Broadcast { room: Room::Dashboard, event: "camera_status", payload }
}

fn status(online: bool) -> &'static str {
    if online { "online" } else { "offline" }
}

/// What rooms are told at the most of one event: each listener has a thousand of them waiting for it, if it sleeps. The
/// record has everything.
const TOLD_TEXTS: usize = 64;
const TOLD_CHARS: usize = 2000;

fn shortened(text: &str) -> String {
    text.chars().take(TOLD_CHARS).collect()
}

fn told_texts(texts: &Value) -> Vec<String> {
    let texts = texts.as_array().map(Vec::as_slice).unwrap_or_default();
    texts.iter().take(TOLD_TEXTS).map(|text| shortened(text.as_str().unwrap_or_default())).collect()
}

/// `None` for a duplicate: the rooms have heard of it.
pub fn detection_broadcast(camera: &CameraKey, accepted: &Accepted, overview: &Overview) -> Option<Broadcast> {
    let event = match accepted.verdict {
        Verdict::New => "new_detection",
        Verdict::Update => "detection_update",
        Verdict::Duplicate => return None,
    };
    let payload = json!({
        "detection_id": accepted.record_id,
        "camera_id": camera.camera.as_str(),
        "checkpoint_id": camera.checkpoint.as_str(),
        "vehicles_count": overview.vehicles_count,
        "plates_count": overview.plates_count,
        "ocr_results": told_texts(&overview.ocr_results),
        "timestamp": accepted.corrected_us.map_or_else(|| overview.timestamp.clone(), timestamp::format),
    });
    Some(Broadcast { room: Room::Dashboard, event, payload })
}

/// `None` for a duplicate.
pub fn health_broadcast(health: &Health, accepted: &Accepted) -> Option<Broadcast> {
    let payload = json!({
        "health_id": accepted.record_id,
        "camera_id": health.envelope.camera.camera.as_str(),
        "checkpoint_id": health.envelope.camera.checkpoint.as_str(),
        "component": health.component,
        "status": health.status,
        "message": shortened(&health.message),
        "timestamp": timestamp::format(accepted.corrected_us.unwrap_or(health.at_us)),
    });
    (accepted.verdict != Verdict::Duplicate).then_some(Broadcast {
        room: Room::HealthMonitoring,
        event: "health_update",
        payload,
    })
}

/// One item of `GET /api/cameras`.
pub fn camera(row: &CameraRow, online: bool, skew_us: Option<i64>) -> Value {
    json!({
        "camera_id": row.camera_id,
        "checkpoint_id": row.checkpoint_id,
        "registered_at": timestamp::format(row.registered_us),
        "last_seen": timestamp::format(row.last_seen_us),
        "status": status(online),
        "online": online,
        "clock_skew_ms": skew_us.map(|us| us / 1000),
        "detection_count": row.detection_count,
        "lost_events": row.lost_events,
        "health_status": row.health_status,
    })
}

/// One item of `GET /api/gaps`.
pub fn gap(row: &GapRow) -> Value {
    json!({
        "health_id": row.health_id,
        "camera_id": row.camera_id,
        "checkpoint_id": row.checkpoint_id,
        "timestamp": timestamp::format(row.at_us),
        "received_at": timestamp::format(row.received_us),
        "epoch": row.gap.epoch,
        "from_seq": row.gap.from_seq,
        "to_seq": row.gap.to_seq,
        "count": row.gap.count,
        "kind": row.gap.kind,
        "reason": row.gap.reason,
    })
}

/// Longest message that comes back, in bytes of JSON: a peer that asks and never listens must not fill the memory.
const ECHOED: usize = 16_384;

/// The answer to the event `ping`.
pub fn pong(sent: Option<&Value>, now_us: i64) -> Value {
    let original = match sent {
        Some(Value::Object(object)) => object.get("message").cloned().unwrap_or(Value::Null),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    let original = if original.to_string().len() <= ECHOED { original } else { Value::Null };
    json!({"success": true, "message": "pong", "original_message": original, "timestamp": timestamp::format(now_us)})
}

/// The answer to `join_dashboard` and `join_health_room`.
pub fn joined(room: Room, now_us: i64) -> Value {
    let message = match room {
        Room::Dashboard => "Joined dashboard room",
        Room::HealthMonitoring => "Joined health monitoring room",
    };
    json!({"message": message, "timestamp": timestamp::format(now_us)})
}
