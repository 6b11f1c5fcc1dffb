//! What goes on a road to the server, and how that can end.

use crate::wire::answer::Code;
use crate::wire::receipt::{Receipt, Sent};
use std::time::Duration;

/// An event ready to be sent.
#[derive(Debug, Clone)]
pub struct Parcel {
    pub sent: Sent,
    /// The payload as JSON.
    pub json: String,
}

/// How a delivery ended. Only [`Outcome::Receipt`] lets a row go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The server has it.
    Receipt(Receipt),
    /// The server will not take this event, however often it is sent.
    Refused { code: Option<Code>, reason: String },
    /// The server says no without saying that it is final: an old server's `success:false`.
    Declined { reason: String },
    /// Too large for this road.
    TooLarge { reason: String },
    /// The server does not let us speak for this camera.
    CameraNotAllowed { reason: String },
    /// The server refuses our credentials.
    AuthRefused { reason: String },
    /// The server asks us to wait.
    Busy { wait: Option<Duration>, reason: String },
    /// The server failed on this event (500): its fault or the event's.
    ServerFault { reason: String },
    /// Sent, and nothing has come that names it. The connection must not be used any more.
    Unanswered { reason: String },
    /// The road is broken.
    Broken { reason: String },
}

impl Outcome {
    /// What a refusal with this code means. `reason` is the server's message.
    pub fn refused(code: Option<Code>, reason: String, wait: Option<Duration>) -> Self {
        match code {
            None => Self::Declined { reason },
            Some(Code::Invalid) => Self::Refused { code, reason },
            Some(Code::TooLarge) => Self::TooLarge { reason },
            Some(Code::CameraNotAllowed) => Self::CameraNotAllowed { reason },
            Some(Code::Unauthorized | Code::Forbidden) => Self::AuthRefused { reason },
            Some(Code::RateLimited | Code::Unavailable) => Self::Busy { wait, reason },
            Some(Code::Internal) => Self::ServerFault { reason },
        }
    }
}

impl Outcome {
    /// Why, for people; empty for a receipt.
    pub fn reason(&self) -> &str {
        match self {
            Self::Receipt(_) => "",
            Self::Refused { reason, .. }
            | Self::Declined { reason }
            | Self::TooLarge { reason }
            | Self::CameraNotAllowed { reason }
            | Self::AuthRefused { reason }
            | Self::Busy { reason, .. }
            | Self::ServerFault { reason }
            | Self::Unanswered { reason }
            | Self::Broken { reason } => reason,
        }
    }
}

/// Bytes a second that the slowest link worth waiting for carries.
pub const SLOW_LINK: f64 = 16_000.0;

/// Time for an event of this size and its answer: the answer's own, and the crossing of a slow link.
pub fn allowance(answer_timeout: Duration, bytes: usize) -> Duration {
    answer_timeout + Duration::from_secs_f64(bytes as f64 / SLOW_LINK)
}
