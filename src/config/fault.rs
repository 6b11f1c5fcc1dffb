//! What is wrong with a configuration, all of it at once.

use std::fmt;
use std::path::PathBuf;

/// One fault: where, what, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Dotted key, e.g. `uplink.server_url`; empty where the whole file is meant.
    pub key: String,
    /// Line in the file, from 1; `None` where the value came from the environment or a default.
    pub line: Option<usize>,
    pub message: String,
}

impl Fault {
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), line: None, message: message.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {path}: {source}; name it with --config FILE")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{}", list(.origin, .faults))]
    Faults { origin: String, faults: Vec<Fault> },
}

fn list(origin: &str, faults: &[Fault]) -> String {
    let mut lines: Vec<String> = faults.iter().map(|f| format!("{origin}: {f}")).collect();
    lines.dedup();
    lines.join("\n")
}
