//! Not our own idea of a first-generation server but the framework those servers are made of: Flask-SocketIO, in
//! tests/interop/first_generation.py, and an agent that must deliver to it (PROTOCOL 3.1).
#![cfg(feature = "uplink")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/test_agent.rs"]
mod test_agent;

use lpr::config::Transport;
use lpr::uplink::{self, Link, Road};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use test_agent::{Agent, eventually, health_report};
use uuid::Uuid;

/// The running server; dropping it kills it.
struct Flask {
    process: Child,
    url: String,
}

impl Drop for Flask {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Flask {
    /// On `port`, or any free one; returns when it answers.
    async fn start(port: Option<u16>) -> Self {
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/venv/bin/python");
        assert!(python.exists(), "{} is missing: run `make setup-test`", python.display());
        let port = port.unwrap_or_else(|| TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let mut process = Command::new(python)
            .args(["tests/interop/first_generation.py", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Read to the end, so that it never waits for us; shown where a test fails.
        let said = BufReader::new(process.stderr.take().unwrap());
        std::thread::spawn(move || said.lines().map_while(Result::ok).for_each(|line| eprintln!("flask: {line}")));
        let flask = Self { process, url: format!("http://127.0.0.1:{port}") };
        eventually("Flask answers", async || reqwest::get(format!("{}/api/test", flask.url)).await.is_ok()).await;
        flask
    }

    /// What it has stored: how it came, and the event's id.
    async fn stored(&self) -> Vec<(String, String)> {
        let records: Value = reqwest::get(format!("{}/stored", self.url)).await.unwrap().json().await.unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        records.as_array().unwrap().iter().map(|r| (text(&r["via"]), text(&r["data"]["event_id"]))).collect()
    }
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_first_generation_server_gets_every_event_once_by_socket_and_the_large_one_by_rest() {
    let flask = Flask::start(None).await;
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &flask.url, |_| {});
    agent.status(|status| status.link == Link::Socket).await;
    let mut small = Vec::new();
    for number in 0..20 {
        small.push(agent.submit_plate(&format!("กข{number:04}"), 20_000).await.0.to_string());
    }
    let report = health_report();
    small.push(report.event_id.to_string());
    agent.handle().submit(uplink::health_row(&report)).await.unwrap();
    let (large, _) = agent.submit_plate("LARGE1", 2_000_000).await;
    agent.drained().await;

    let stored = flask.stored().await;
    let by = |road: &str| stored.iter().filter(|(via, _)| via == road).map(|(_, id)| id.clone()).collect::<Vec<_>>();
    assert_eq!(sorted(by("socket")), sorted(small));
    assert_eq!(by("rest"), [large.to_string()]);
    assert_eq!(agent.handle().counts().quarantined, 0);
    // The statistics of such a server die of one bad timestamp (3.1.8).
    let statistics = reqwest::get(format!("{}/api/statistics", flask.url)).await.unwrap();
    assert!(statistics.status().is_success(), "it can read every timestamp that we sent");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_first_generation_server_that_restarts_gets_what_waited_and_is_never_registered_at_by_rest() {
    let flask = Flask::start(None).await;
    let port = flask.url.rsplit(':').next().unwrap().parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &flask.url, |config| config.transport = Transport::Auto);
    agent.submit_plate("BEFORE1", 500).await;
    agent.drained().await;
    drop(flask);
    let mut waited: Vec<Uuid> = Vec::new();
    for number in 0..5 {
        waited.push(agent.submit_plate(&format!("WAIT{number}"), 500).await.0);
    }
    let flask = Flask::start(Some(port)).await;
    agent.drained().await;
    // The socket takes over again: a camera first registered by REST would be refused there for ever (3.1.7).
    agent.status(|status| status.link == Link::Socket).await;
    let (after, _) = agent.submit_plate("AFTER1", 500).await;
    agent.drained().await;
    let stored = flask.stored().await;
    for id in &waited {
        assert!(stored.iter().any(|(_, stored)| *stored == id.to_string()), "{id} waited and is not there");
    }
    assert!(stored.contains(&("socket".into(), after.to_string())), "{stored:?}");
    let mut roads = Vec::new();
    while let Ok(delivered) = agent.uplink.delivered.try_recv() {
        roads.push(delivered.via);
    }
    assert_eq!(roads.len(), 7, "each event has one receipt: {roads:?}");
    assert_eq!(roads.last(), Some(&Road::Socketio));
    agent.stop().await;
}
