//! An event of `tracing` as one line of text and as fields.

use super::OneLine;
use std::fmt::{self, Write as _};
use tracing::field::{Field, Visit};

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub message: String,
    /// In their order, values on one line.
    pub fields: Vec<(&'static str, String)>,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, OneLine(value).to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, OneLine(Shown(value)).to_string());
    }
}

impl Line {
    pub(super) fn of(event: &tracing::Event<'_>) -> Self {
        let mut line = Self::default();
        event.record(&mut line);
        line
    }

    fn take(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.fields.push((field.name(), value));
        }
    }

    /// What tells its kind from others of the same place in the code: whom it is about.
    pub(super) fn whom(&self) -> String {
        let whom = self.fields.iter().filter(|(name, _)| ["camera", "server", "component", "part"].contains(name));
        whom.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (at, (name, value)) in self.fields.iter().enumerate() {
            if at > 0 || !self.message.is_empty() {
                f.write_char(' ')?;
            }
            write!(f, "{name}={value}")?;
        }
        Ok(())
    }
}

struct Shown<'a>(&'a dyn fmt::Debug);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
