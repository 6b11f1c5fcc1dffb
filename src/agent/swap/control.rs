//! The socket in the data directory by which a running agent is asked for another model.

use super::ask::{Ask, Said, socket};
use super::{Conductor, Stage};
use crate::supervise::Shutdown;
use std::fs::{Permissions, remove_file, set_permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::unbounded_channel;
use tracing::{debug, warn};

/// Bytes of a question at the most, and the time for it.
const LONGEST: usize = 4096;
const LIMIT: Duration = Duration::from_secs(10);

/// Listens until the agent stops. Who cannot be heard for want of a socket is told so in the log: all else works without.
pub async fn listen(data_dir: std::path::PathBuf, conductor: Conductor, stop: Shutdown) {
    let listener = match bind(&socket(&data_dir)) {
        Ok(listener) => listener,
        Err(error) => {
            let file = socket(&data_dir);
            warn!(file = %file.display(), %error, "cannot listen there: `lpr-agent models use` must wait for a restart");
            return;
        }
    };
    loop {
        tokio::select! {
            () = stop.triggered() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream, conductor.clone(), stop.clone()))),
                Err(error) => {
                    debug!(%error, "cannot accept");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
    let _ = remove_file(socket(&data_dir));
}

/// The lock on the data directory is ours: a socket that is there is of a process that is gone.
fn bind(path: &Path) -> io::Result<UnixListener> {
    match remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// One question, and all that is said to it. Who goes away calls a trial off; a probation goes on.
async fn converse(stream: UnixStream, conductor: Conductor, stop: Shutdown) {
    let Ok(Some(ask)) = tokio::time::timeout(LIMIT, read(&stream)).await else { return };
    let model = ask.model.clone();
    let (speaker, mut words) = unbounded_channel();
    let work = conductor.use_model(ask, speaker);
    tokio::pin!(work);
    let mut working = true;
    loop {
        tokio::select! {
            said = words.recv() => match said {
                Some(said) if write(&stream, &said).await.is_ok() => {}
                _ => return,
            },
            () = &mut work, if working => working = false,
            () = gone(&stream) => break,
            () = stop.triggered() => return,
        }
    }
    let stage = conductor.swap.stage.borrow().clone();
    match stage {
        Stage::Trial(_) => warn!(model, "the trial is called off: nobody waits for it any more"),
        Stage::Probation(change) => {
            let again = change.command(&change.new);
            warn!(
                model,
                "nobody waits for its probation any more: it ends with the agent unless `{again}` is said again"
            );
        }
        Stage::Settled | Stage::WentBack(..) => {}
    }
}

async fn read(stream: &UnixStream) -> Option<Ask> {
    let (mut heard, mut buffer) = (Vec::new(), [0; LONGEST]);
    while !heard.contains(&b'\n') {
        stream.readable().await.ok()?;
        match stream.try_read(&mut buffer) {
            Ok(0) => return None,
            Ok(length) if heard.len() + length <= LONGEST => heard.extend_from_slice(&buffer[..length]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => return None,
        }
    }
    serde_json::from_slice(&heard).ok()
}

async fn write(stream: &UnixStream, said: &Said) -> io::Result<()> {
    let line = serde_json::to_string(said)? + "\n";
    let mut left = line.as_bytes();
    while !left.is_empty() {
        stream.writable().await?;
        match stream.try_write(left) {
            Ok(written) => left = &left[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends when the other side has closed; what it says meanwhile is ignored.
async fn gone(stream: &UnixStream) {
    let mut buffer = [0; 64];
    loop {
        let heard = stream.readable().await.and_then(|()| stream.try_read(&mut buffer));
        match heard {
            Ok(0) => return,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return,
            _ => {}
        }
    }
}
