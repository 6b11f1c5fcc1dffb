//! A health report (PROTOCOL 1.5 and 3.2.6).

use super::envelope::{check_type, kind, object, time_of};
use super::{Context, Envelope, Invalid, json, lists};
use crate::domain::{HealthStatus, leaves_its_line};
use crate::wire::timestamp;
use serde_json::{Map, Value, json};

/// A health report in one form, whatever the peer's words.
#[derive(Debug, Clone, PartialEq)]
pub struct Health {
    pub envelope: Envelope,
    /// Microseconds since the epoch, UTC.
    pub at_us: i64,
    pub component: String,
    pub status: HealthStatus,
    pub message: String,
    /// The payload with the keys of 1.5 in their one form and every other key as sent.
    pub body: Map<String, Value>,
}

/// Longest name of a component, in bytes.
const MAX_COMPONENT_BYTES: usize = 128;

impl Health {
    /// Reads a payload, or says which field is at fault.
    pub fn read(payload: &Value, context: Context<'_>) -> Result<Self, Invalid> {
        let payload = object(payload)?;
        let envelope = Envelope::read(payload)?;
        check_type(payload, "health_check")?;
        let (at_us, sent) = time_of(payload, context)?;
        let component = component(payload)?;
        let (status, status_sent) = status(payload)?;
        let message = payload.get("message").map(lists::text_of).unwrap_or_default();
        let mut body = payload.clone();
        body.insert("camera_id".into(), json!(envelope.named.camera.as_str()));
        body.insert("checkpoint_id".into(), json!(envelope.named.checkpoint.as_str()));
        body.insert("timestamp".into(), json!(timestamp::format(at_us)));
        body.insert("timestamp_original".into(), json!(sent));
        body.insert("component".into(), json!(component));
        body.insert("status".into(), json!(status));
        body.insert("status_original".into(), json!(status_sent));
        body.insert("message".into(), json!(message));
        body.insert("details".into(), Value::Object(details(payload)?));
        Ok(Self { envelope, at_us, component, status, message, body })
    }
}

fn component(payload: &Map<String, Value>) -> Result<String, Invalid> {
    let text = payload.get("component").map(lists::text_of).unwrap_or_default();
    let text = text.trim();
    if text.is_empty() {
        return Err(Invalid::new("component", "is missing"));
    }
    if text.len() > MAX_COMPONENT_BYTES || text.chars().any(leaves_its_line) {
        return Err(Invalid::new(
            "component",
            format!("must be at most {MAX_COMPONENT_BYTES} bytes without control characters"),
        ));
    }
    Ok(text.to_owned())
}

fn status(payload: &Map<String, Value>) -> Result<(HealthStatus, String), Invalid> {
    let sent = match payload.get("status") {
        None | Some(Value::Null) => return Err(Invalid::new("status", "is missing")),
        Some(sent) => lists::text_of(sent),
    };
    let status = match sent.trim().to_ascii_lowercase().as_str() {
        "healthy" | "pass" | "passed" | "ok" => HealthStatus::Healthy,
        "warning" | "warn" => HealthStatus::Warning,
        "error" | "fail" | "failed" | "critical" => HealthStatus::Error,
        _ => return Err(Invalid::new("status", "must be healthy, warning or error")),
    };
    Ok((status, sent))
}

/// The contract's name of a metric, and what else peers call it.
const METRICS: [(&str, &[&str]); 3] = [
    ("cpu_usage", &["cpu_percent"]),
    ("memory_usage", &["ram_percent", "memory_percent", "ram_usage"]),
    ("disk_usage", &["used_percent", "disk_percent"]),
];

/// Details that are a list have no names: they are kept as one.
fn listed(items: Vec<Value>) -> Map<String, Value> {
    Map::from_iter([("items".to_owned(), Value::Array(items))])
}

fn details(payload: &Map<String, Value>) -> Result<Map<String, Value>, Invalid> {
    let mut details = match payload.get("details") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(details)) => details.clone(),
        Some(Value::Array(items)) => listed(items.clone()),
        Some(Value::String(text)) if text.trim().is_empty() => Map::new(),
        Some(Value::String(text)) => match json::parse(text) {
            Ok(Value::Object(details)) => details,
            Ok(Value::Array(items)) => listed(items),
            Ok(Value::Null) => Map::new(),
            _ => return Err(Invalid::new("details", "must be an object, or JSON text of one")),
        },
        Some(other) => return Err(Invalid::new("details", format!("must be an object, not {}", kind(other)))),
    };
    for (name, others) in METRICS {
        if details.get(name).is_none_or(Value::is_null)
            && let Some(value) = others.iter().find_map(|other| lists::number(details.get(*other)))
        {
            details.insert(name.into(), json!(value));
        }
    }
    Ok(details)
}
