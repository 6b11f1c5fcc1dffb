//! TLS on both roads and with both socket clients: who is trusted, and who is let in.
#![cfg(all(feature = "uplink", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/first_generation.rs"]
mod first_generation;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/lpr_server.rs"]
mod lpr_server;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/test_agent.rs"]
mod test_agent;
#[path = "common/tls.rs"]
mod tls;

use first_generation::{FirstGeneration, Mishaps};
use lpr::config::{SocketClientKind, Transport, UplinkConfig};
use lpr::uplink::Link;
use lpr_server::LprServer;
use std::path::Path;
use std::process::Command;
use test_agent::Agent;
use tls::{Authority, door, door_on};

/// Each way on which an event can go.
const ROADS: [(Transport, SocketClientKind); 3] = [
    (Transport::Socketio, SocketClientKind::Own),
    (Transport::Socketio, SocketClientKind::RustSocketio),
    (Transport::Rest, SocketClientKind::Own),
];

struct Scene {
    peer: FirstGeneration,
    dir: tempfile::TempDir,
    right: Authority,
}

impl Scene {
    fn new() -> Self {
        let peer = FirstGeneration::start(Mishaps::default());
        Self { peer, dir: tempfile::tempdir().unwrap(), right: Authority::new("right") }
    }

    fn target(&self) -> &str {
        self.peer.url.trim_start_matches("http://")
    }

    /// Does an event get through?
    async fn delivers(
        &self,
        url: &str,
        roads: (Transport, SocketClientKind),
        change: impl Fn(&mut UplinkConfig),
    ) -> bool {
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path(), url, |config| {
            (config.transport, config.socket_client) = roads;
            change(config);
        });
        agent.submit_plate("SECRET1", 500).await;
        let handle = agent.handle();
        let (mut counts, mut status) = (handle.watch(), agent.uplink.status.clone());
        let delivered = tokio::select! {
            _ = counts.wait_for(|counts| counts.delivered == 1) => true,
            _ = status.wait_for(|status| status.link == Link::Down) => false,
            () = tokio::time::sleep(test_agent::DEADLINE) => panic!("neither delivered nor refused: {roads:?}"),
        };
        agent.stop().await;
        delivered
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_only_with_the_right_authority_and_the_right_name() {
    let scene = Scene::new();
    let (right, other) = (scene.right.file(scene.dir.path(), "right.pem"), Authority::new("other"));
    let other = other.file(scene.dir.path(), "other.pem");
    let good = format!("https://127.0.0.1:{}", door(scene.target(), &scene.right.vouch_for("127.0.0.1"), None));
    let misnamed = format!("https://127.0.0.1:{}", door(scene.target(), &scene.right.vouch_for("example.com"), None));
    for road in ROADS {
        assert!(scene.delivers(&good, road, |config| config.ca_file = text(&right)).await, "{road:?}");
        let before = scene.peer.see(|peer| peer.records.len());
        assert!(!scene.delivers(&good, road, |_| {}).await, "an authority the system does not know: {road:?}");
        assert!(!scene.delivers(&good, road, |config| config.ca_file = text(&other)).await, "another's: {road:?}");
        assert!(!scene.delivers(&misnamed, road, |config| config.ca_file = text(&right)).await, "the name: {road:?}");
        assert_eq!(scene.peer.see(|peer| peer.records.len()), before, "nothing was said to a stranger");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_named_by_its_ipv6_address_is_reached_on_both_roads() {
    let scene = Scene::new();
    let ca = scene.right.file(scene.dir.path(), "right.pem");
    let port = door_on("[::1]:0", scene.target(), &scene.right.vouch_for("::1"), None);
    for road in [ROADS[0], ROADS[2]] {
        let url = format!("https://[::1]:{port}");
        assert!(scene.delivers(&url, road, |config| config.ca_file = text(&ca)).await, "{road:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_a_certificate_gets_ours() {
    let scene = Scene::new();
    let ca = scene.right.file(scene.dir.path(), "right.pem");
    let ours = Authority::new("fleet");
    let (certificate, key) = ours.vouch_for("agent-7").files(scene.dir.path());
    let url = format!("https://127.0.0.1:{}", door(scene.target(), &scene.right.vouch_for("127.0.0.1"), Some(&ours)));
    for road in ROADS {
        assert!(!scene.delivers(&url, road, |config| config.ca_file = text(&ca)).await, "without one: {road:?}");
        let with = |config: &mut UplinkConfig| {
            config.ca_file = text(&ca);
            (config.client_cert_file, config.client_key_file) = (text(&certificate), text(&key));
        };
        assert!(scene.delivers(&url, road, with).await, "{road:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_client_takes_the_same_files_and_refuses_to_speak_in_the_clear() {
    let (dir, right) = (tempfile::tempdir().unwrap(), Authority::new("right"));
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    let ca = right.file(dir.path(), "right.pem");
    let url = format!("https://127.0.0.1:{}", door(&server.address, &right.vouch_for("127.0.0.1"), None));
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_lpr-agent")).arg("test-server").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = run(&[&url]);
    assert!(code == Some(14) && said.contains("certificate"), "{said}");
    let (code, said) = run(&[&url, "--ca-file", &text(&ca)]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = run(&["http://192.0.2.1:8765"]);
    assert!(code == Some(10) && said.contains("--allow-insecure"), "{said}");
}
