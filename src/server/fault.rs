//! What goes wrong with a call or an event, as PROTOCOL 2 spells it: the same object as REST body, as event `error`
//! and as ack.

use super::store::StoreError;
use crate::wire::incoming::{EventRef, Invalid};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

/// The protocol's error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    Invalid,
    /// Nobody that we know.
    Unauthorized,
    /// Someone that we know, who may not.
    Forbidden,
    /// Not this camera; others of the same sender may go on.
    CameraNotAllowed,
    NotFound,
    MethodNotAllowed,
    /// What was asked for is there already.
    Conflict,
    TooLarge,
    UnsupportedType,
    RateLimited,
    Unavailable,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Code::Invalid => "invalid",
            Code::Unauthorized => "unauthorized",
            Code::Forbidden => "forbidden",
            Code::CameraNotAllowed => "camera_not_allowed",
            Code::NotFound => "not_found",
            Code::MethodNotAllowed => "method_not_allowed",
            Code::Conflict => "conflict",
            Code::TooLarge => "too_large",
            Code::UnsupportedType => "unsupported_type",
            Code::RateLimited => "rate_limited",
            Code::Unavailable => "unavailable",
        }
    }

    pub fn status(self) -> StatusCode {
        match self {
            Code::Invalid => StatusCode::BAD_REQUEST,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::Forbidden | Code::CameraNotAllowed => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Code::Conflict => StatusCode::CONFLICT,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::UnsupportedType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A refused call or event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub message: String,
    /// The key at fault.
    pub field: Option<String>,
    /// The event it answers.
    pub event: Option<EventRef>,
    pub retry_after_s: Option<u64>,
}

impl Fault {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let retry_after_s = match code {
            Code::RateLimited => Some(1),
            Code::Unavailable => Some(5),
            _ => None,
        };
        Self { code, message: message.into(), field: None, event: None, retry_after_s }
    }

    /// A payload above the limit.
    pub fn too_large(limit: usize) -> Self {
        Self::new(Code::TooLarge, format!("larger than {limit} bytes; send smaller or fewer images"))
    }

    /// Names the event that this answers, so that its sender can tell.
    pub fn about(mut self, event: Option<EventRef>) -> Self {
        self.event = event;
        self
    }

    pub fn json(&self) -> Value {
        let mut body = Map::new();
        body.insert("success".into(), json!(false));
        body.insert("message".into(), json!(self.message));
        body.insert("code".into(), json!(self.code.as_str()));
        if let Some(field) = &self.field {
            body.insert("field".into(), json!(field));
        }
        if let Some(event) = &self.event {
            body.insert("event_id".into(), json!(event.event_id));
            body.insert("revision".into(), json!(event.revision));
        }
        if let Some(seconds) = self.retry_after_s {
            body.insert("retry_after_s".into(), json!(seconds));
        }
        Value::Object(body)
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        let field = Some(invalid.field).filter(|field| !field.is_empty());
        Self { field, ..Self::new(Code::Invalid, invalid.message) }
    }
}

/// The disk or the database failed: nothing is wrong with the event, so it is to be sent again. The writer says why, at
/// a rate that a log can bear.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::debug!(%error, "the store failed");
        Self::new(Code::Unavailable, "the server cannot store at the moment; send it again later")
    }
}
