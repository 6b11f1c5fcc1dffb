//! A peer of the real server, by one road or the other, and what the server keeps of what it said.

use crate::common::Running;
use crate::event_client::{Rest, Socket};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The start of a JPEG, in base64.
pub const JPEG: &str = "/9j/4AAQSkZJRg==";

/// A running server that logs everything, plates too.
pub struct Server {
    process: Running,
    pub dir: TempDir,
    pub address: String,
}

impl Server {
    pub fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("server.toml");
        fs::write(&file, format!("{config}\n[log]\nlevel = \"debug\"\nplates = true\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-server"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(file).arg("--data-dir");
        let process = Running::start(command.arg(dir.path().join("data")));
        let log = process.wait_for_log("lpr-server: listening on http://", Duration::from_secs(30));
        let address = log.split("lpr-server: listening on http://").nth(1).unwrap().lines().next().unwrap().to_owned();
        Self { process, dir, address }
    }

    pub fn rest(&self) -> Rest {
        Rest::connect(&self.address).unwrap()
    }

    pub fn socket(&self) -> Socket {
        Socket::connect(&self.address).unwrap()
    }

    pub fn get(&self, path: &str) -> Value {
        self.rest().get_json(path).unwrap()
    }

    /// All records in order of arrival, with their pictures.
    pub fn records(&self) -> Vec<Value> {
        self.get("/api/records?limit=0")["records"].as_array().unwrap().clone()
    }

    pub fn cameras(&self) -> Vec<Value> {
        self.get("/api/cameras")["cameras"].as_array().unwrap().clone()
    }

    /// Standard error and output so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Regular files below the images folder, relative to it.
    pub fn image_files(&self) -> Vec<PathBuf> {
        let root = self.dir.path().join("data/images");
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&root).unwrap().to_owned());
                }
            }
        }
        files
    }
}

enum Line {
    Rest(Rest),
    Socket(Socket),
}

/// A peer with a server of its own.
pub struct Peer {
    pub server: Server,
    line: Line,
}

impl Peer {
    pub fn is_rest(&self) -> bool {
        matches!(self.line, Line::Rest(_))
    }

    /// Says `event` with the payload as it stands, and gives the answer: the body, or the ack.
    pub fn tell(&mut self, event: &str, payload: &str) -> Value {
        match &mut self.line {
            Line::Socket(socket) => socket.call(event, payload).unwrap(),
            Line::Rest(rest) => {
                let path = match event {
                    "camera_register" => "/api/cameras/register",
                    "lpr_data" => "/api/detection",
                    _ => "/api/health",
                };
                let (status, body) = rest.post(path, payload).unwrap();
                assert_eq!(status == 200, body["success"] == true, "{status} {body}");
                body
            }
        }
    }

    /// A detection that must be stored; gives its record.
    pub fn stores(&mut self, payload: &str) -> Value {
        let answer = self.tell("lpr_data", payload);
        assert_eq!(answer["success"], true, "{payload}\n{answer}");
        assert_eq!(answer.get("duplicate"), None, "{payload}\n{answer}");
        let path = format!("/api/records/{}", answer["detection_id"].as_str().unwrap());
        self.server.get(&path)["record"].clone()
    }

    /// An event that must be refused, naming `field`.
    pub fn is_refused(&mut self, event: &str, payload: &str, field: &str) {
        let answer = self.tell(event, payload);
        assert_eq!((&answer["success"], &answer["code"]), (&Value::Bool(false), &Value::from("invalid")), "{answer}");
        assert_eq!(answer["field"], field, "{payload}\n{answer}");
        assert!(answer["message"].as_str().unwrap().contains(field), "{answer}");
    }
}

/// The same conversation by REST and by Socket.IO, each with a fresh server.
pub fn on_both_roads(config: &str, converse: impl Fn(&mut Peer)) {
    for by_rest in [true, false] {
        let server = Server::start(config);
        let line = if by_rest { Line::Rest(server.rest()) } else { Line::Socket(server.socket()) };
        let mut peer = Peer { server, line };
        converse(&mut peer);
        // Whatever it was told, it lives and nothing in it fell.
        assert_eq!(peer.server.get("/healthz")["success"], true);
        assert!(!peer.server.log().contains("panicked"), "{}", peer.server.log());
    }
}
