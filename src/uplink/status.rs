//! What others may know of the uplink.

use crate::domain::{CameraKey, EventKind};
use std::path::PathBuf;
use uuid::Uuid;

/// What no waiting will mend.
#[derive(Debug, thiserror::Error)]
pub enum UplinkError {
    #[error("uplink.server_url \"{url}\" cannot be used: it {reason}")]
    Url { url: String, reason: String },
    #[error(
        "uplink.token_file {path} cannot be read: {source}; make it readable for this user, or set token_file = \"\""
    )]
    Token { path: PathBuf, source: std::io::Error },
    #[error("uplink.token_file {path} holds no usable token: {reason}; it must be one line of visible ASCII")]
    BadToken { path: PathBuf, reason: &'static str },
    #[error("uplink.{key} {path} cannot be used: {reason}")]
    Certificate { key: &'static str, path: PathBuf, reason: String },
    #[error(
        "uplink.server_url \"{0}\" is not encrypted and leaves this machine; use https://, or set uplink.allow_insecure = true"
    )]
    Insecure(String),
    #[error("TLS cannot be set up: {0}; check the system's OpenSSL")]
    Tls(String),
}

/// Which way an event went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    Socketio,
    Rest,
}

impl Road {
    pub fn as_str(self) -> &'static str {
        match self {
            Road::Socketio => "socketio",
            Road::Rest => "rest",
        }
    }
}

/// How the link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// Trying the socket for the first time.
    #[default]
    Probing,
    Socket,
    Rest,
    /// Neither road works; the outbox keeps everything.
    Down,
    /// The server refuses our credentials (401 or 403); waiting for better ones.
    AuthPaused,
}

impl Link {
    pub fn as_str(self) -> &'static str {
        match self {
            Link::Probing => "probing",
            Link::Socket => "socketio",
            Link::Rest => "rest",
            Link::Down => "down",
            Link::AuthPaused => "auth-paused",
        }
    }
}

/// For STATUS=, health reports and the status page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkStatus {
    pub link: Link,
    /// Events sent and not yet settled: answered, and that committed, or set aside.
    pub in_flight: usize,
    /// Does the server that was last heard of know revisions?
    pub revisions: bool,
    /// The last thing that went wrong, until something is delivered.
    pub trouble: Option<String>,
}

/// An event that the server has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub event_id: Uuid,
    pub kind: EventKind,
    pub camera: CameraKey,
    pub via: Road,
    /// Texts of its plates, best first; not for logs above debug level.
    pub plates: Vec<String>,
    /// The server had it already.
    pub duplicate: bool,
    /// `detection_id` or `health_id`, where the server gave one.
    pub record_id: Option<String>,
}
