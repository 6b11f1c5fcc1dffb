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
    /// Bytes in flight that have to cross the link as well.
    pub ahead: usize,
    /// Connections that broke with this event on them: so often its time to cross the link is doubled.
    pub breaks: u32,
}

impl Parcel {
    /// Time for the event and its answer: the answer's own, and the crossing with what is ahead of it.
    pub fn allowance(&self, answer_timeout: Duration) -> Duration {
        answer_timeout + crossing(self.ahead + self.json.len(), self.breaks)
    }

    /// Time in which the event alone crosses a slow link.
    pub fn crossing(&self) -> Duration {
        crossing(self.json.len(), self.breaks)
    }
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
    /// An error that names no event came while this one alone was in flight: a guess is all that can be had. The
    /// connection must not be used any more.
    Complained { reason: String },
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
            | Self::Complained { reason }
            | Self::Unanswered { reason }
            | Self::Broken { reason } => reason,
        }
    }
}

impl Outcome {
    /// Did a connection break, or have to be given up, with the event in flight?
    pub fn is_break(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Unanswered { .. } | Self::Complained { .. })
    }
}

/// Bytes a second that a link is expected to carry; one on which connections break gets more time, up to [`LONGEST`].
const SLOW_LINK: f64 = 16_000.0;
/// Nothing is waited for longer than this.
const LONGEST: Duration = Duration::from_secs(600);

/// Time in which so many bytes cross a slow link, doubled for every connection that broke meanwhile.
pub fn crossing(bytes: usize, breaks: u32) -> Duration {
    let once = Duration::from_secs_f64(bytes as f64 / SLOW_LINK);
    once.saturating_mul(1 << breaks.min(16)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_event_on_a_very_slow_link_gets_more_time_with_every_break_and_not_for_ever() {
        let at_2_kb_a_second = Duration::from_secs(133);
        let enough = (0..).find(|breaks| crossing(266_000, *breaks) >= at_2_kb_a_second);
        assert_eq!(enough, Some(3));
        assert!((0..60).all(|breaks| crossing(900_000, breaks) <= LONGEST));
        assert!(crossing(2_000, 3) <= Duration::from_secs(1), "a small one is not waited for");
    }
}
