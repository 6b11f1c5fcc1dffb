//! The part that every payload has: whose it is, which event it is, when it was.

use super::{Context, Invalid};
use crate::domain::{CameraId, CameraKey, CheckpointId, leaves_its_line};
use crate::wire::timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The checkpoint of agents that name none.
pub const DEFAULT_CHECKPOINT: &str = "default";

/// Longest event id we keep, in bytes; a UUID has 36.
const MAX_EVENT_ID_BYTES: usize = 128;

/// The camera that a payload names, as far as it can be made out.
pub fn camera_named(payload: &Value) -> Option<CameraKey> {
    camera_of(payload.as_object()?).ok().map(|camera| camera.normalised())
}

/// Names one revision of one event (PROTOCOL 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRef {
    pub event_id: String,
    /// 0 at first; never negative.
    pub revision: i64,
}

impl EventRef {
    /// The event that a payload names, as far as it can be made out: for answers to refused payloads.
    pub fn peek(payload: &Value) -> Option<EventRef> {
        event_of(payload.as_object()?).ok().flatten()
    }
}

/// Whose payload it is and which event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// In the form in which cameras are compared.
    pub camera: CameraKey,
    /// The same as its sender writes it: answers and records say this.
    pub named: CameraKey,
    /// `None` from peers that do not know protocol 2.
    pub event: Option<EventRef>,
    /// What repeats are known by: the event id, else derived from the content (PROTOCOL 3.2.10).
    pub key: String,
    /// The boot whose wrong clock stamped it, where nobody has corrected that yet.
    pub raw_boot: Option<String>,
}

impl Envelope {
    pub(super) fn read(payload: &Map<String, Value>) -> Result<Self, Invalid> {
        let named = camera_of(payload)?;
        let event = event_of(payload)?;
        let key = match &event {
            Some(event) => event.event_id.clone(),
            None => derived_key(payload),
        };
        Ok(Self { camera: named.normalised(), named, event, key, raw_boot: super::clock::raw_boot(payload) })
    }

    /// Nothing in the payload tells it from the next one that says the same: only when it came does.
    pub(super) fn is_known_by_arrival(&mut self, received_us: i64) {
        if self.event.is_none() {
            self.key = format!("{}@{received_us}", self.key);
        }
    }

    /// 0 where the peer names no event.
    pub fn revision(&self) -> i64 {
        self.event.as_ref().map_or(0, |event| event.revision)
    }
}

/// A camera that makes itself known (PROTOCOL 1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// In the form in which cameras are compared.
    pub camera: CameraKey,
    /// The same as its sender writes it.
    pub named: CameraKey,
    pub event: Option<EventRef>,
}

impl Registration {
    /// `camera_id` is required; a missing checkpoint is `"default"`.
    pub fn read(payload: &Value) -> Result<Self, Invalid> {
        let payload = object(payload)?;
        let named = camera_of(payload)?;
        Ok(Self { camera: named.normalised(), named, event: event_of(payload)? })
    }
}

pub(super) fn object(payload: &Value) -> Result<&Map<String, Value>, Invalid> {
    payload.as_object().ok_or_else(|| Invalid::new("", format!("a JSON object is expected, not {}", kind(payload))))
}

pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn camera_of(payload: &Map<String, Value>) -> Result<CameraKey, Invalid> {
    let (field, id) = match id_text(payload, "camera_id")? {
        Some(id) => ("camera_id", id),
        None => match id_text(payload, "aicamera_id")? {
            Some(id) => ("aicamera_id", id),
            None => return Err(Invalid::new("camera_id", "is missing")),
        },
    };
    let camera = CameraId::new(&id).map_err(|error| Invalid::new(field, error))?;
    let checkpoint = id_text(payload, "checkpoint_id")?.unwrap_or_else(|| DEFAULT_CHECKPOINT.to_owned());
    let checkpoint = CheckpointId::new(&checkpoint).map_err(|error| Invalid::new("checkpoint_id", error))?;
    Ok(CameraKey { camera, checkpoint })
}

/// An id as text; `1` and `"1"` are the same. `None` where it is absent, null or blank.
fn id_text(payload: &Map<String, Value>, field: &str) -> Result<Option<String>, Invalid> {
    let text = match payload.get(field) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => whole(number).map_or_else(|| number.to_string(), |whole| whole.to_string()),
        Some(other) => return Err(Invalid::new(field, format!("must be a text or a number, not {}", kind(other)))),
    };
    Ok(if text.trim().is_empty() { None } else { Some(text) })
}

/// A number without a fraction, also where it is written with one (`1.0`).
pub(super) fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        let float = number.as_f64()?;
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    })
}

/// A text that is safe to keep as a name: not blank, not longer than an event id, on one line.
pub(super) fn short_text(value: Option<&Value>) -> Option<String> {
    let text = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fits = !text.is_empty() && text.len() <= MAX_EVENT_ID_BYTES && !text.chars().any(leaves_its_line);
    fits.then_some(text)
}

/// True or false, in the ways that peers write it.
pub(super) fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => whole(number).map(|number| number != 0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn event_of(payload: &Map<String, Value>) -> Result<Option<EventRef>, Invalid> {
    let Some(event_id) = id_text(payload, "event_id")? else { return Ok(None) };
    if event_id.len() > MAX_EVENT_ID_BYTES || event_id.chars().any(leaves_its_line) {
        return Err(Invalid::new(
            "event_id",
            format!("must be at most {MAX_EVENT_ID_BYTES} bytes without control characters"),
        ));
    }
    let revision = match payload.get("revision") {
        None | Some(Value::Null) => Some(0),
        Some(Value::Number(number)) => whole(number),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    match revision {
        Some(revision) if revision >= 0 => Ok(Some(EventRef { event_id, revision })),
        _ => Err(Invalid::new("revision", "must be a whole number, 0 or above")),
    }
}

/// The capture time in microseconds since the epoch, and the timestamp as it was sent.
pub(super) fn time_of(payload: &Map<String, Value>, context: Context<'_>) -> Result<(i64, String), Invalid> {
    let sent = match payload.get("timestamp") {
        None | Some(Value::Null) => return Err(Invalid::new("timestamp", "is missing")),
        Some(sent) => sent,
    };
    let us = timestamp::parse(sent, context.zone).ok_or_else(|| {
        Invalid::new("timestamp", "cannot be read; send it like 2024-12-19T10:00:00.000000+00:00 or as epoch seconds")
    })?;
    Ok((us, sent.as_str().map_or_else(|| sent.to_string(), str::to_owned)))
}

/// `type` must be there and be `expected`.
pub(super) fn check_type(payload: &Map<String, Value>, expected: &str) -> Result<(), Invalid> {
    match payload.get("type") {
        None | Some(Value::Null) => Err(Invalid::new("type", format!("is missing; it must be \"{expected}\""))),
        Some(Value::String(sent)) if sent == expected => Ok(()),
        Some(_) => Err(Invalid::new("type", format!("must be \"{expected}\""))),
    }
}

/// Is there something under the key?
pub(super) fn is_given(payload: &Map<String, Value>, key: &str) -> bool {
    payload.get(key).is_some_and(|value| !value.is_null())
}

/// For peers that repeat a record without an event id, with `timestamp` rewritten at each send and `created_at` kept:
/// a hash of everything that does not change between sends (PROTOCOL 3.2.10).
fn derived_key(payload: &Map<String, Value>) -> String {
    let mut hash = Sha256::new();
    let kept = is_given(payload, "created_at");
    hash_object(payload, |key| kept && key == "timestamp", &mut hash);
    let digest = hash.finalize();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("derived:{hex}")
}

/// Keys in order, every text with its length before it: two different payloads never hash the same bytes.
fn hash_object(object: &Map<String, Value>, skip: impl Fn(&str) -> bool, hash: &mut Sha256) {
    let mut keys: Vec<&String> = object.keys().filter(|key| !skip(key)).collect();
    keys.sort();
    hash.update(format!("{{{}:", keys.len()));
    for key in keys {
        hash.update(format!("{}:{key}", key.len()));
        hash_value(object.get(key).unwrap_or(&Value::Null), hash);
    }
}

fn hash_value(value: &Value, hash: &mut Sha256) {
    match value {
        Value::Object(object) => hash_object(object, |_| false, hash),
        Value::Array(items) => {
            hash.update(format!("[{}:", items.len()));
            items.iter().for_each(|item| hash_value(item, hash));
        }
        Value::String(text) => hash.update(format!("\"{}:{text}", text.len())),
        other => hash.update(format!("={other};")),
    }
}
