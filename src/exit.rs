//! How a command ends: one line for a person, one code for a script. The README lists the codes.

use std::fmt;
use std::process::ExitCode;

/// Exit codes of both programs. 0 is success; 2 (wrong arguments) is clap's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something was done, something was not: an unreadable image, a failed check.
    Partly = 1,
    /// `run --until-drained`: only quarantined rows are left.
    Quarantined = 3,
    /// The configuration cannot be used.
    Config = 10,
    /// A model or the ONNX Runtime library is missing, corrupt or foreign.
    Models = 11,
    /// A source cannot be opened.
    Source = 12,
    /// The data directory, the outbox or an output folder cannot be written.
    Storage = 13,
    /// The server cannot be reached, or refuses.
    Server = 14,
    /// The address to listen on cannot be had.
    Listen = 15,
    /// A fault of ours.
    Internal = 70,
    /// A part hangs and only a new process helps.
    Wedged = 71,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    /// What failed, on what, what to do.
    pub message: String,
}

impl Failure {
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Failure::new(Exit::Config, error)
    }
}

/// A reader that has seen enough (`… | head -1`) is no fault: the program ends there, quietly. Called first in `main`.
/// `println!` has no other way to say so than a panic.
pub fn allow_closed_output() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let closed = |text: &str| text.starts_with("failed printing to std") && text.contains("Broken pipe");
        if panic.payload_as_str().is_some_and(closed) {
            std::process::exit(0);
        }
        usual(panic);
    }));
}
