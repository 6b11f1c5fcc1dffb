//! The real `lpr-server` binary as a test's companion.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running server; killed when dropped.
pub struct LprServer {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl LprServer {
    /// Starts on `listen` (`127.0.0.1:0` takes a free port) with extra arguments, and waits until it is ready.
    pub fn start(data_dir: &Path, listen: &str, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lpr-server"))
            .args(["serve", "--listen", listen, "--data-dir"])
            .arg(data_dir)
            .args(more)
            .env("LPR_SERVER_LOG_LEVEL", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("lpr-server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
        let address = line.trim().rsplit_once("http://").expect("the ready line").1.to_owned();
        Self { child, address }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[allow(dead_code, reason = "benches measure the process")]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop with `signal` (`TERM`, `INT`) and waits; panics if it takes longer than `within`.
    pub fn stop(mut self, signal: &str, within: Duration) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().expect("kill").success());
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                return status;
            }
            assert!(Instant::now() < deadline, "lpr-server did not end within {within:?} after SIG{signal}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for LprServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
