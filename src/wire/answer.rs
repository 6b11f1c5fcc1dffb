//! What a server answers, understood tolerantly: unknown keys are ignored, a key of the wrong type counts as absent,
//! ids may be numbers. REST bodies and Socket.IO events have the same form (PROTOCOL 1.1, 1.2 and part 2).

use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// Why a protocol-2 server refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Invalid,
    TooLarge,
    Unauthorized,
    Forbidden,
    CameraNotAllowed,
    RateLimited,
    Unavailable,
    Internal,
}

impl Code {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "invalid" => Self::Invalid,
            "too_large" => Self::TooLarge,
            "unauthorized" => Self::Unauthorized,
            "forbidden" => Self::Forbidden,
            "camera_not_allowed" => Self::CameraNotAllowed,
            "rate_limited" => Self::RateLimited,
            "unavailable" => Self::Unavailable,
            "internal" => Self::Internal,
            _ => return None,
        })
    }
}

/// An answer to an event, or an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    pub success: Option<bool>,
    pub message: String,
    pub camera_id: Option<String>,
    pub checkpoint_id: Option<String>,
    /// `detection_id` or `health_id`.
    pub record_id: Option<String>,
    pub event_id: Option<Uuid>,
    pub revision: Option<u32>,
    pub duplicate: bool,
    pub code: Option<Code>,
    /// The field that is wrong.
    pub field: Option<String>,
    pub retry_after: Option<Duration>,
    pub commit: Commit,
}

/// Where a protocol-2 server stands: which store, and how far. A different store or a lower number than before means
/// that it has lost data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Made when the store was created.
    pub store_id: Option<String>,
    /// The server's rising commit number.
    pub checkpoint: Option<u64>,
}

impl Commit {
    fn parse(value: &Value) -> Self {
        Self {
            store_id: value.get("store_id").and_then(id_text).filter(|id| !id.is_empty()),
            checkpoint: value.get("checkpoint").and_then(Value::as_u64),
        }
    }
}

impl Answer {
    /// Understands what it can; anything that is not an object is an answer without content.
    pub fn parse(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(id_text);
        Self {
            success: value.get("success").and_then(Value::as_bool),
            message: text("message").unwrap_or_default(),
            camera_id: text("camera_id"),
            checkpoint_id: text("checkpoint_id"),
            record_id: text("detection_id").or_else(|| text("health_id")),
            event_id: text("event_id").and_then(|id| Uuid::parse_str(&id).ok()),
            revision: value.get("revision").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()),
            duplicate: value.get("duplicate").and_then(Value::as_bool).unwrap_or(false),
            code: text("code").and_then(|code| Code::parse(&code)),
            field: text("field"),
            retry_after: value.get("retry_after_s").and_then(Value::as_f64).and_then(seconds),
            commit: Commit::parse(value),
        }
    }

    /// The message for people, never empty, never long, on one line.
    pub fn reason(&self) -> String {
        let message = if self.message.is_empty() { "no message" } else { &self.message };
        let line: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect();
        match &self.field {
            Some(field) if !line.contains(field.as_str()) => {
                format!("{line} (field {})", field.chars().filter(|c| !c.is_control()).take(60).collect::<String>())
            }
            _ => line,
        }
    }
}

/// The answer to `camera_register`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub answer: Answer,
    pub peer: Peer,
}

/// What a server has said of itself. The default is a peer that speaks part 1 only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// 0 where it said none.
    pub protocol: u64,
    /// Bytes of one event at the most.
    pub max_event_bytes: Option<usize>,
    /// Does it know revisions? Provisional events are for such a server only.
    pub revisions: bool,
    pub commit: Commit,
}

impl Peer {
    /// From any answer that introduces the server: to `camera_register`, or of `/api/test`.
    pub fn parse(value: &Value) -> Self {
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        let capabilities = value.get("capabilities").and_then(Value::as_array);
        Self {
            protocol: number("protocol").unwrap_or(0),
            max_event_bytes: number("max_event_bytes").and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0),
            revisions: capabilities.into_iter().flatten().any(|name| name == "revision"),
            commit: Commit::parse(value),
        }
    }

    /// Does it echo `event_id` and `revision` in every answer? From such a peer nothing less is a receipt.
    pub fn echoes(&self) -> bool {
        self.protocol >= 2
    }
}

impl Registered {
    pub fn parse(value: &Value) -> Self {
        Self { answer: Answer::parse(value), peer: Peer::parse(value) }
    }
}

/// A text, or a number as peers that keep ids in integers write it.
fn id_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Seconds as a server writes them; at most a day, since a mistake there must not silence us for ever.
pub fn seconds(number: f64) -> Option<Duration> {
    (number.is_finite() && number >= 0.0).then(|| Duration::from_secs_f64(number.min(86_400.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn answers_of_old_and_new_servers_are_understood() {
        let old = Answer::parse(&json!({"success": true, "message": "Detection data received", "detection_id": "d1",
            "camera_id": 1, "checkpoint_id": "c", "timestamp": "2024-12-19T10:00:00"}));
        assert_eq!(
            (old.success, old.camera_id.as_deref(), old.record_id.as_deref()),
            (Some(true), Some("1"), Some("d1"))
        );
        assert_eq!((old.event_id, old.revision, old.duplicate), (None, None, false));

        let id = Uuid::now_v7();
        let new = Answer::parse(&json!({"success": false, "message": "bad box", "code": "invalid", "field": "bbox",
            "event_id": id.to_string(), "revision": 2, "retry_after_s": 1.5}));
        assert_eq!((new.event_id, new.revision, new.code), (Some(id), Some(2), Some(Code::Invalid)));
        assert_eq!(new.retry_after, Some(Duration::from_millis(1500)));
        assert_eq!(new.reason(), "bad box (field bbox)");
    }

    #[test]
    fn only_a_server_that_says_so_speaks_protocol_2() {
        let old = Registered::parse(&json!({"success": true, "camera_id": "a", "checkpoint_id": "b"}));
        assert!(!old.peer.echoes());
        let new = Registered::parse(&json!({"success": true, "protocol": 2, "capabilities": ["event_id"],
            "max_event_bytes": 16_000_000, "store_id": "s", "checkpoint": 7}));
        assert!(new.peer.echoes() && !new.peer.revisions && !old.peer.revisions);
        assert!(Peer::parse(&json!({"protocol": 2, "capabilities": [7, "revision"]})).revisions);
        assert_eq!((new.peer.max_event_bytes, new.peer.commit.checkpoint), (Some(16_000_000), Some(7)));
    }

    pub fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("success"),
            Just("message"),
            Just("event_id"),
            Just("revision"),
            Just("duplicate"),
            Just("code"),
            Just("retry_after_s"),
            Just("protocol"),
            Just("camera_id"),
            Just("store_id"),
            Just("checkpoint"),
        ];
        leaf.prop_recursive(2, 16, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(key.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_a_peer_sends_is_too_odd(value in any_json()) {
            let answer = Answer::parse(&value);
            prop_assert!(!answer.reason().contains(char::is_control));
            Registered::parse(&value);
        }
    }
}
