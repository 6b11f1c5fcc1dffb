//! Who may change the configuration where the agent itself may not (`ProtectSystem=strict`): a program of root's that systemd
//! starts for one order, reads it from a socket, and changes the areas of a camera and nothing else. So an agent that was
//! taken over cannot write its configuration, nor lay a link where root reads or writes.

use super::edit::Areas;
use super::save::ConfigFile;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Larger than any camera's areas.
const LARGEST: u64 = 256 * 1024;

/// The file is small, but a worn card is slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be changed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// From 0.
    pub camera: usize,
    pub areas: Areas,
    /// Of the file that its reader saw.
    pub version: String,
}

/// What became of it.
#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Done {
    /// Where the file as it was is kept.
    Backup(PathBuf),
    Refused(String),
}

/// Has `order` carried out by who listens at `socket`.
pub fn ask(socket: &Path, order: &Order) -> io::Result<PathBuf> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    serde_json::to_writer(&mut stream, order)?;
    stream.shutdown(Shutdown::Write)?;
    match serde_json::from_reader(stream.take(LARGEST))? {
        Done::Backup(path) => Ok(path),
        Done::Refused(reason) => Err(io::Error::other(reason)),
    }
}

/// Carries out the one order that `from` holds, on `file`, and says to `to` what became of it; `Ok` where it was done.
pub fn serve(file: &ConfigFile, from: impl Read, mut to: impl Write) -> Result<(), String> {
    let done = match carry_out(file, from) {
        Ok(backup) => Done::Backup(backup),
        Err(reason) => Done::Refused(reason),
    };
    serde_json::to_writer(&mut to, &done).map_err(|error| format!("cannot answer: {error}"))?;
    match done {
        Done::Backup(_) => Ok(()),
        Done::Refused(reason) => Err(reason),
    }
}

fn carry_out(file: &ConfigFile, from: impl Read) -> Result<PathBuf, String> {
    let order: Order =
        serde_json::from_reader(from.take(LARGEST)).map_err(|error| format!("the order cannot be read: {error}"))?;
    // The file alone counts: this program is not in the agent's environment.
    file.save(order.camera, &order.areas, &order.version, &[]).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ZoneConfig;
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::thread;
    use tempfile::TempDir;

    const TEXT: &str = "# mine\n[[camera]]\nsource = \"rtsp://cam/1\"   # the gate\n";

    fn order(version: &str) -> Order {
        let points = vec![[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]];
        let areas = Areas { zones: vec![ZoneConfig { kind: "include".into(), points }], ..Areas::default() };
        Order { camera: 0, areas, version: version.into() }
    }

    /// Answers the next order as the service does.
    fn writer(dir: &TempDir, file: &ConfigFile) -> (PathBuf, thread::JoinHandle<Result<(), String>>) {
        let socket = dir.path().join("zones");
        let _ = fs::remove_file(&socket);
        let (listener, file) = (UnixListener::bind(&socket).unwrap(), file.clone());
        let served = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            serve(&file, &stream, &stream)
        });
        (socket, served)
    }

    #[test]
    fn an_order_is_carried_out_and_a_stale_one_is_refused_with_the_reason() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, TEXT).unwrap();
        let file = ConfigFile::at(&path);
        let seen = file.said(0, &[]).unwrap().version;

        let (socket, served) = writer(&dir, &file);
        let backup = ask(&socket, &order(&seen)).unwrap();
        served.join().unwrap().unwrap();
        assert_eq!(fs::read_to_string(backup).unwrap(), TEXT);
        assert_eq!(file.said(0, &[]).unwrap().areas, order("").areas);

        let (socket, served) = writer(&dir, &file);
        let refused = ask(&socket, &order(&seen)).unwrap_err().to_string();
        assert!(refused.contains("changed by someone else"), "{refused}");
        assert_eq!(served.join().unwrap(), Err(refused));
    }

    #[test]
    fn whatever_else_is_sent_changes_nothing() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, TEXT).unwrap();
        let file = ConfigFile::at(&path);
        let version = file.said(0, &[]).unwrap().version;
        let areas = r#"{"min_plate_height":0,"zones":[],"lines":[]}"#;
        let more = format!(r#"{{"camera":0,"areas":{areas},"version":"{version}","source":"gst:evil"}}"#);
        let endless = " ".repeat(usize::try_from(LARGEST).unwrap() + 1) + &more;
        let nobody = format!(r#"{{"camera":7,"areas":{areas},"version":"{version}"}}"#);
        for sent in ["", "{}", "no json", &more, &endless, &nobody] {
            let mut said = Vec::new();
            let reason = serve(&file, sent.as_bytes(), &mut said).unwrap_err();
            assert_eq!(serde_json::from_slice::<Done>(&said).unwrap(), Done::Refused(reason));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
