//! SIGHUP: what can change live does, what cannot is named, and a faulty file changes nothing.
#![cfg(all(feature = "vision", feature = "uplink"))]

mod common;

use common::{Running, free_port, models_dir, run, wait_for};
use std::fs;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const AGENT: &str = env!("CARGO_BIN_EXE_lpr-agent");
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_changed_configuration_holds_at_once_where_it_can() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("agent.toml");
    let text = format!(
        "data_dir = \"{data}\"\n[[camera]]\nsource = \"sim:seed=1;seconds=600;fps=5;vehicles=300\"\n\
         min_plate_height = 999\n[models]\ndir = \"{models}\"\nvehicle = \"none\"\nthreads = 1\n\
         [uplink]\nserver_url = \"http://127.0.0.1:{port}\"\n[log]\nlevel = \"info\"\n",
        data = dir.path().join("data").display(),
        models = models_dir().display(),
        port = free_port(),
    );
    fs::write(&path, &text).unwrap();
    let mut agent = Running::start(Command::new(AGENT).args(["run", "--config"]).arg(&path));
    agent.wait_for_log("lpr-agent is running", PATIENCE);

    fs::write(&path, text.replace("threads = 1", "treads = 1")).unwrap();
    agent.signal("-HUP");
    let log = agent.wait_for_log("is not taken up", PATIENCE);
    assert!(log.contains("did you mean \"threads\"?"), "{log}");

    let changed = text.replace("999", "0").replace("\"info\"", "\"debug\"").replace("threads = 1", "threads = 2");
    fs::write(&path, changed).unwrap();
    agent.signal("-HUP");
    let log = agent.wait_for_log("models.threads needs a restart", PATIENCE);
    for key in ["camera[1].min_plate_height holds from now on", "log.level holds from now on"] {
        assert!(log.contains(key), "{key} is not in {log}");
    }
    agent.wait_for_log("frame read", PATIENCE);
    let config = path.display().to_string();
    wait_for("a plate that counts since the change", Duration::from_secs(120), || {
        let stats = run(AGENT, &["outbox", "stats", "--json", "--config", &config]);
        let stats: serde_json::Value = serde_json::from_slice(&stats.stdout).ok()?;
        stats["pending_plates"].as_u64().filter(|plates| *plates > 0)
    });
    let (status, _) = agent.terminate();
    assert!(status.success());
}
