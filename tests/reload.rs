//! SIGHUP: what can change live does, what cannot is named, and a faulty file changes nothing.
#![cfg(all(feature = "vision", feature = "uplink"))]

mod common;

use common::{Running, free_port, models_dir};
use std::fs;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_changed_configuration_holds_at_once_where_it_can() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("agent.toml");
    let text = format!(
        "data_dir = \"{data}\"\n[[camera]]\nsource = \"sim:seed=1;seconds=600;fps=5;size=640x360;noise=0\"\n\
         min_plate_height = 999\n[models]\ndir = \"{models}\"\nvehicle = \"none\"\nthreads = 1\n\
         [uplink]\nserver_url = \"http://127.0.0.1:{port}\"\n[log]\nlevel = \"info\"\n",
        data = dir.path().join("data").display(),
        models = models_dir().display(),
        port = free_port(),
    );
    fs::write(&path, &text).unwrap();
    let mut agent = Running::start(Command::new(env!("CARGO_BIN_EXE_lpr-agent")).args(["run", "--config"]).arg(&path));
    agent.wait_for_log("lpr-agent is running", PATIENCE);
    let hang_up = |agent: &Running| {
        let pid = agent.child.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };

    fs::write(&path, text.replace("threads = 1", "treads = 1")).unwrap();
    hang_up(&agent);
    let log = agent.wait_for_log("is not taken up", PATIENCE);
    assert!(log.contains("did you mean \"threads\"?"), "{log}");

    let changed = text.replace("999", "0").replace("\"info\"", "\"debug\"").replace("threads = 1", "threads = 2");
    fs::write(&path, changed).unwrap();
    hang_up(&agent);
    let log = agent.wait_for_log("models.threads needs a restart", PATIENCE);
    for key in ["camera[1].min_plate_height holds from now on", "log.level holds from now on"] {
        assert!(log.contains(key), "{key} is not in {log}");
    }
    agent.wait_for_log("frame read", PATIENCE);
    let (status, _) = agent.terminate();
    assert!(status.success());
    let log = agent.log();
    let summary = log.lines().find(|line| line.contains("lpr-agent has stopped")).unwrap_or_default();
    assert!(!summary.contains(" events=0"), "plates count since the change: {summary}");
}
