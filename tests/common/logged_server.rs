//! The real `lpr-server` with a folder of its own, and everything it logs.
#![allow(dead_code, reason = "each test binary uses a part")]

use crate::common::Running;
use crate::event_client::{Rest, Socket};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A running server that logs everything, plates too.
pub struct Server {
    pub process: Running,
    pub dir: TempDir,
    pub address: String,
}

impl Server {
    pub fn start(config: &str) -> Self {
        Self::start_with(config, &[])
    }

    /// As [`Server::start`], with more in its environment.
    pub fn start_with(config: &str, environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("server.toml");
        fs::write(&file, format!("{config}\n[log]\nlevel = \"debug\"\nplates = true\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-server"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(file).arg("--data-dir");
        command.envs(environment.iter().copied());
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

    /// Pictures that lie in those files, each after a line that says whose it is.
    pub fn pictures(&self) -> usize {
        let root = self.dir.path().join("data/images");
        let pictures_in = |file: PathBuf| {
            let bytes = fs::read(root.join(file)).unwrap();
            bytes.chunks(4096).filter(|block| block.starts_with(b"lpr-picture ")).count()
        };
        self.image_files().into_iter().map(pictures_in).sum()
    }
}
