//! What peers send, read with patience (PROTOCOL 1.3–1.5 and 3.2) and turned into one form. Pure: the caller says what
//! time it is and which zone naive timestamps are in.
//!
//! Every payload gives either an event or an [`Invalid`] that names the field; nothing here panics on any input.

mod clock;
mod detection;
mod envelope;
mod health;
mod images;
pub mod json;
mod lists;
mod reports;

pub use clock::correct;
pub use detection::{Detection, Overview};
pub use envelope::{Envelope, EventRef, Registration, camera_named};
pub use health::Health;
pub use images::{Image, ImageKind, Images, MAX_CROPS};
pub use reports::{ClockReport, Gap, Loss};

use jiff::tz::TimeZone;

/// Why a payload is refused. The message names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The key at fault, as PROTOCOL 1 spells it; empty where the whole payload is meant.
    pub field: String,
    pub message: String,
}

impl Invalid {
    fn new(field: &str, what: impl std::fmt::Display) -> Self {
        let message = if field.is_empty() { what.to_string() } else { format!("{field} {what}") };
        Self { field: field.to_owned(), message }
    }
}

/// What reading a payload needs besides the payload.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Of timestamps without an offset.
    pub zone: &'a TimeZone,
    /// When the payload arrived: microseconds since the epoch, UTC.
    pub received_us: i64,
}

#[cfg(test)]
mod tests;
