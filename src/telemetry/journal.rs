//! The journal, by its own protocol: what a line says is its MESSAGE, and each field of it a field of the entry (`CAMERA`,
//! `EVENT_ID`, …), so that `journalctl CAMERA=gate-1` finds it. The crate for it puts the message alone into MESSAGE, and
//! `journalctl` would show "no frames from this camera" without saying which.

use super::line::Line;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

const SOCKET: &str = "/run/systemd/journal/socket";
/// Bytes of one value at the most: an entry must fit into a datagram.
const MOST: usize = 16 * 1024;

/// Writes each event as an entry of the journal.
pub(super) struct Journal {
    socket: UnixDatagram,
    program: String,
}

impl Journal {
    /// The journal, if it is what standard error goes to.
    pub(super) fn of_stderr() -> Option<Self> {
        let stream = std::env::var("JOURNAL_STREAM").ok()?;
        let stat = rustix::fs::fstat(io::stderr()).ok()?;
        // Inherited by a program whose output goes elsewhere it means nothing.
        (stream == format!("{}:{}", stat.st_dev, stat.st_ino)).then(|| Self::at(Path::new(SOCKET)).ok()).flatten()
    }

    fn at(socket: &Path) -> io::Result<Self> {
        let journal = UnixDatagram::unbound()?;
        journal.connect(socket)?;
        let program = std::env::args_os().next().map(|arg| Path::new(&arg).file_name().map(|n| n.to_owned()));
        let program = program.flatten().map_or_else(|| "lpr".into(), |name| name.to_string_lossy().into_owned());
        Ok(Self { socket: journal, program })
    }

    pub(super) fn write(&self, level: Level, target: &str, line: &Line) {
        let mut entry = Vec::with_capacity(512);
        put(&mut entry, "MESSAGE", &line.to_string());
        put(&mut entry, "PRIORITY", priority(level));
        put(&mut entry, "SYSLOG_IDENTIFIER", &self.program);
        put(&mut entry, "TARGET", target);
        for (name, value) in &line.fields {
            put(&mut entry, &field_name(name), value);
        }
        // A journal that is starting anew loses a line rather than hold up a camera.
        let _ = self.socket.send(&entry);
    }
}

/// The journal as a layer.
pub(super) struct Entries(pub(super) Arc<Journal>);

impl<S: Subscriber> Layer<S> for Entries {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.0.write(*event.metadata().level(), event.metadata().target(), &Line::of(event));
    }
}

fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

/// The journal takes capitals, digits and underscores. Names of its own, such as PRIORITY, are not ours to set.
fn field_name(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    match name.trim_start_matches('_') {
        "MESSAGE" | "PRIORITY" | "TARGET" | "SYSLOG_IDENTIFIER" => format!("LPR_{name}"),
        trimmed => trimmed.to_owned(),
    }
}

/// A value is one line already (see [`Line`]).
fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    let end = value.floor_char_boundary(MOST.min(value.len()));
    entry.extend_from_slice(name.as_bytes());
    entry.push(b'=');
    entry.extend_from_slice(&value.as_bytes()[..end]);
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::prelude::*;

    /// What the journal's socket receives of these events.
    fn heard(say: impl FnOnce()) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        let subscriber = tracing_subscriber::registry().with(Entries(Arc::new(Journal::at(&path).unwrap())));
        tracing::subscriber::with_default(subscriber, say);
        let mut entries = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length) = socket.recv(&mut buffer) {
            entries.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
        }
        entries
    }

    #[test]
    fn an_entry_has_the_whole_line_its_priority_and_a_field_for_each_value() {
        let entries = heard(|| {
            tracing::warn!(camera = %"gate/north", event_id = 7, "no frames");
            tracing::info!(link = "rest", priority = 1, "sending");
        });
        let warning = &entries[0];
        for line in ["MESSAGE=no frames camera=gate/north event_id=7", "PRIORITY=4", "CAMERA=gate/north", "EVENT_ID=7"]
        {
            assert!(warning.lines().any(|l| l == line), "{line} is not in {warning}");
        }
        assert!(entries[1].contains("PRIORITY=6\n") && entries[1].contains("LINK=rest\n"), "{}", entries[1]);
        assert!(entries[1].contains("LPR_PRIORITY=1\n"), "{}", entries[1]);
    }

    #[test]
    fn what_a_peer_says_adds_no_field_and_a_long_word_still_arrives() {
        let entries = heard(|| {
            tracing::error!(reason = "x\nPRIORITY=0", "refused");
            tracing::error!(reason = "ก".repeat(40_000), "refused");
        });
        assert!(entries[0].lines().all(|line| line != "PRIORITY=0"), "{}", entries[0]);
        assert!(entries[1].contains("REASON=กก") && entries[1].len() < 64 * 1024);
    }
}
