//! The signals a program heeds. Each is caught from the call on, not from when somebody first waits for it: one that
//! comes while the program still starts neither ends it half-way nor is lost.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The first SIGTERM or SIGINT from now on, by name. Needs a runtime around it.
pub fn stop_signal() -> io::Result<impl Future<Output = &'static str> + Send + use<>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}

/// Every SIGHUP from now on: the configuration is to be read anew. Needs a runtime around it.
pub fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}
