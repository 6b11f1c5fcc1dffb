//! Logs: structured, one line an event, to stderr; under systemd to the journal, with priority and fields.

mod journal;
mod limit;
mod limited;
mod line;
pub mod process;
pub mod prometheus;

pub use limit::{Limiter, Verdict};

use journal::{Entries, Journal};
use limited::Limited;
use std::fmt::{self, Write as _};
use std::io::IsTerminal;
use std::sync::{Arc, OnceLock};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Registry, reload};

/// Why logging could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("log.level: \"{level}\" is no log level ({reason}); use error, warn, info, debug or trace")]
    Level { level: String, reason: String },
}

/// What it holds as one line of a log: whatever breaks lines, steers a terminal or turns the direction of the text around
/// it is written as its number. Costs nothing where nothing is logged.
#[derive(Debug)]
pub struct OneLine<T>(pub T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let steers = matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || steers {
                write!(self.0, "{}", c.escape_unicode())?;
            } else {
                self.0.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Starts logging for this process; `level` is a level or a tracing filter. A second call changes nothing.
pub fn start(level: &str) -> Result<(), TelemetryError> {
    start_as(level, false)
}

/// [`start`] for a program that nobody watches: warnings of one kind that come again and again are written a few times and
/// then seldom, with their number (see [`Limiter`]).
pub fn start_limited(level: &str) -> Result<(), TelemetryError> {
    start_as(level, true)
}

fn start_as(level: &str, limited: bool) -> Result<(), TelemetryError> {
    let (filter, change) = reload::Layer::new(filter(level)?);
    let journal = Journal::of_stderr().map(Arc::new);
    let limit = limited.then(|| Limited::new(journal.clone()));
    let text = journal.is_none().then(|| {
        let text = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let text = text.with_ansi(std::io::stderr().is_terminal());
        // A journal that could not be reached adds the time itself.
        if std::env::var_os("JOURNAL_STREAM").is_some() {
            text.without_time().boxed()
        } else {
            text.with_timer(SystemTime).boxed()
        }
    });
    // Another subscriber (a test's) may be installed already: then it stays, and so does its level.
    let started =
        tracing_subscriber::registry().with(filter).with(limit).with(journal.map(Entries)).with(text).try_init();
    if started.is_ok() {
        let _ = CHANGE.set(change);
    }
    Ok(())
}

/// Changes the filter of what [`start`] has started.
static CHANGE: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Another level, or filter, from now on.
pub fn set_level(level: &str) -> Result<(), TelemetryError> {
    let filter = filter(level)?;
    if let Some(change) = CHANGE.get() {
        // It fails only where the subscriber is gone, and its lines with it.
        let _ = change.reload(filter);
    }
    Ok(())
}

fn filter(level: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::try_new(quieted(level))
        .map_err(|error| TelemetryError::Level { level: level.to_owned(), reason: error.to_string() })
}

/// The libraries below us log every packet at debug; they stay at warn unless the filter names them.
fn quieted(level: &str) -> String {
    if level.contains(['=', ',']) {
        return level.to_owned();
    }
    format!("warn,lpr={level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_level_is_named() {
        let error = start("info,lpr=loud").unwrap_err().to_string();
        assert!(error.contains("log.level") && error.contains("loud"), "{error}");
    }

    #[test]
    fn nothing_leaves_its_line() {
        assert_eq!(OneLine("กข 1\n\x1b[2J\u{9b}m\u{202e}x").to_string(), "กข 1\\u{a}\\u{1b}[2J\\u{9b}m\\u{202e}x");
    }

    #[test]
    fn a_plain_level_is_ours_alone() {
        assert_eq!(quieted("debug"), "warn,lpr=debug");
        assert_eq!(quieted("info,lpr::uplink=debug"), "info,lpr::uplink=debug");
    }
}
