//! From the outbox to a server and out of the outbox, over real sockets: with the companion server's own binary, and
//! with servers that behave worse.
#![cfg(all(feature = "uplink", feature = "server"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "common/fault_proxy.rs"]
mod fault_proxy;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/first_generation.rs"]
mod first_generation;
#[path = "common/lpr_server.rs"]
mod lpr_server;
#[path = "common/scripted_peer.rs"]
mod scripted_peer;
#[path = "delivery/second_generation.rs"]
mod second_generation;
#[path = "common/test_agent.rs"]
mod test_agent;
#[path = "delivery/trouble.rs"]
mod trouble;

use lpr::clock::{Clock, SystemClock};
use lpr::config::{OutboxConfig, Secret, SocketClientKind, Transport, UplinkConfig};
use lpr::domain::EventKind;
use lpr::media::EvidenceStore;
use lpr::outbox::Outbox;
use lpr::uplink::socket::{Dial, SocketClient};
use lpr::uplink::{self, Endpoint, Link, Parts, Road, TlsFiles};
use lpr_server::LprServer;
use scripted_peer::{RestScript, SocketScript, Via};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use test_agent::{Agent, DEADLINE, camera, eventually, health_report};
use tokio::sync::watch;

/// The companion server's own binary: an address and a store that outlive its process.
struct Server {
    process: Option<LprServer>,
    url: String,
    data: TempDir,
}

impl Server {
    fn start_on(listen: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let process = LprServer::start(data.path(), listen, &[]);
        Self { url: process.url(), process: Some(process), data }
    }

    fn start() -> Self {
        Self::start_on("127.0.0.1:0")
    }

    fn kill(&mut self) {
        self.process = None;
    }

    fn stop(&mut self) {
        let process = self.process.take().unwrap();
        assert!(process.stop("TERM", DEADLINE).success());
    }

    fn start_again(&mut self) {
        let address = self.url.trim_start_matches("http://");
        self.process = Some(LprServer::start(self.data.path(), address, &[]));
    }

    async fn get(&self, path: &str) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        client.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    async fn records(&self) -> Vec<Value> {
        self.get("/api/records?limit=1000").await["records"].as_array().unwrap().clone()
    }
}

/// An address where nobody listens yet.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_server_by_socket_and_are_kept_for_a_while() {
    let server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &server.url, |_| {});
    let (event_id, refs) = agent.submit_plate("กข 1234", 5000).await;
    let first = agent.uplink.delivered.recv().await.unwrap();
    assert_eq!((first.event_id, first.via, first.duplicate), (event_id, Road::Socketio, false));
    assert_eq!((first.kind, first.plates), (EventKind::Plate, vec!["กข 1234".to_owned()]));
    let report = health_report();
    agent.handle().submit(uplink::health_row(&report)).await.unwrap();
    let second = agent.uplink.delivered.recv().await.unwrap();
    assert_eq!((second.event_id, second.via), (report.event_id, Road::Socketio));
    agent.drained().await;

    let records = server.records().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["ocr_results"], json!(["กข 1234"]));
    assert_eq!(records[0]["event_id"], event_id.to_string());
    assert_eq!(Some(records[0]["detection_id"].as_str().unwrap().to_owned()), first.record_id);
    let statistics = server.get("/api/statistics").await["data"].clone();
    assert_eq!((&statistics["total_detections"], &statistics["total_health_checks"]), (&json!(1), &json!(1)));

    assert!(
        refs.paths().all(|path| agent.evidence.read(path).is_ok()),
        "kept with the row, should the server lose them"
    );
    assert_eq!((agent.handle().counts().delivered, agent.handle().counts().kept), (2, 2));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_events_wait_and_go_when_it_comes() {
    let address = free_address();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &format!("http://{address}"), |_| {});
    agent.submit_plate("ABC123", 500).await;
    let status = agent.status(|status| status.link == Link::Down).await;
    assert!(status.trouble.unwrap().contains("refused"), "the reason is said");
    assert_eq!(agent.handle().counts().pending, 1);

    let server = Server::start_on(&address);
    agent.drained().await;
    assert_eq!(server.records().await.len(), 1);
    agent.status(|status| status.link == Link::Socket).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_survives_the_agents_restart() {
    let address = free_address();
    let url = format!("http://{address}");
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &url, |_| {});
    let (event_id, refs) = agent.submit_plate("KEEP1", 500).await;
    agent.status(|status| status.link == Link::Down).await;
    agent.stop().await;

    // As at every start: what no row names is swept. What one names stays.
    let agent = Agent::start(dir.path(), &url, |_| {});
    let (handle, evidence) = (agent.handle(), agent.evidence.clone());
    let sweep = move || handle.check_in_background(evidence).unwrap().join().unwrap();
    tokio::task::spawn_blocking(sweep).await.unwrap();
    assert!(refs.paths().all(|path| agent.evidence.read(path).is_ok()));

    let server = Server::start_on(&address);
    agent.drained().await;
    let records = server.records().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["event_id"], event_id.to_string());
    assert!(!records[0]["annotated_image"].is_null(), "its picture too");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_again_and_again_ends_up_with_every_event_once() {
    let mut server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &server.url, |_| {});
    let mut sent = Vec::new();
    for round in 0..3 {
        for number in 0..15 {
            sent.push(agent.submit_plate(&format!("R{round}N{number}"), 2000).await.0.to_string());
        }
        let so_far = agent.handle().counts().delivered;
        let handle = agent.handle();
        eventually("some are delivered", async || handle.counts().delivered > so_far.min(44)).await;
        server.kill();
        server.start_again();
    }
    agent.drained().await;
    let mut stored: Vec<String> =
        server.records().await.iter().map(|r| r["event_id"].as_str().unwrap().to_owned()).collect();
    stored.sort();
    sent.sort();
    assert_eq!(stored, sent);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_socket_is_refused_rest_delivers() {
    let peer = scripted_peer::start(SocketScript::Absent, RestScript::Answers);
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &peer.url, |_| {});
    agent.submit_plate("REST1", 500).await;
    agent.handle().submit(uplink::health_row(&health_report())).await.unwrap();
    agent.drained().await;
    assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, Road::Rest);
    assert_eq!(peer.seen.plates(Via::Rest), ["REST1"]);
    assert_eq!(agent.uplink.status.borrow().link, Link::Rest);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_echoes_gets_one_event_at_a_time() {
    let peer = scripted_peer::start(SocketScript::Answers, RestScript::Absent);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |_| {});
    agent.status(|status| status.link == Link::Socket).await;
    let wanted: Vec<String> = (0..20).map(|n| format!("OLD{n}")).collect();
    for text in &wanted {
        agent.submit_plate(text, 500).await;
    }
    agent.drained().await;
    assert_eq!(peer.seen.plates(Via::Socket), wanted, "in order, each once");
    assert_eq!(peer.seen.most_unanswered.load(Ordering::SeqCst), 1);
    assert_eq!(peer.seen.connections.load(Ordering::SeqCst), 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_answer_stays_and_its_connection_is_not_used_again() {
    let peer = scripted_peer::start(SocketScript::Silent, RestScript::Absent);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |config| {
        config.transport = Transport::Socketio;
        config.answer_timeout_s = 1.0;
    });
    agent.submit_plate("LOST1", 500).await;
    agent.submit_plate("LOST2", 500).await;
    let seen = peer.seen.clone();
    eventually("it is sent again", async || seen.plates(Via::Socket).len() >= 3).await;
    assert_eq!(agent.handle().counts().pending, 2);
    assert_eq!(agent.handle().counts().delivered, 0);
    assert_eq!(peer.seen.most_unanswered.load(Ordering::SeqCst), 1, "one event a connection, then a new one");
    assert!(peer.seen.connections.load(Ordering::SeqCst) >= 3);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_an_answer_by_socket_is_answered_by_rest() {
    let peer = scripted_peer::start(SocketScript::Silent, RestScript::Answers);
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &peer.url, |config| config.answer_timeout_s = 1.0);
    agent.submit_plate("MUTE1", 500).await;
    agent.drained().await;
    assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, Road::Rest);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_becomes_usable_takes_over_from_rest() {
    let peer = scripted_peer::start(SocketScript::RefusesFirst(2), RestScript::Answers);
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &peer.url, |_| {});
    agent.submit_plate("FIRST", 500).await;
    assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, Road::Rest);
    agent.status(|status| status.link == Link::Socket).await;
    agent.submit_plate("THEN", 500).await;
    assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, Road::Socketio);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_the_server_was_not_ready_for_is_said_again_on_the_same_connection() {
    let peer = scripted_peer::start(SocketScript::MissesFirstRegistration, RestScript::Absent);
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &peer.url, |_| {});
    agent.submit_plate("AGAIN", 500).await;
    assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, Road::Socketio);
    assert_eq!(peer.seen.connections.load(Ordering::SeqCst), 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_too_large_for_the_socket_goes_by_rest_and_the_socket_stays() {
    let peer = scripted_peer::start(SocketScript::Answers, RestScript::Answers);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |config| config.max_socket_bytes = 50_000);
    agent.status(|status| status.link == Link::Socket).await;
    agent.submit_plate("LARGE", 100_000).await;
    agent.submit_plate("SMALL", 500).await;
    agent.drained().await;
    assert_eq!(peer.seen.plates(Via::Rest), ["LARGE"]);
    assert_eq!(peer.seen.plates(Via::Socket), ["SMALL"]);
    assert!(peer.seen.largest_socket_event.load(Ordering::SeqCst) <= 50_000);
    assert_eq!(peer.seen.connections.load(Ordering::SeqCst), 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_event_is_quarantined_with_its_pictures_and_the_others_go_on() {
    let peer = scripted_peer::start(SocketScript::Absent, RestScript::RefusesPlate("BAD1"));
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |_| {});
    let (_, refs) = agent.submit_plate("BAD1", 500).await;
    agent.submit_plate("GOOD1", 500).await;
    agent.drained().await;
    assert_eq!(peer.seen.plates(Via::Rest), ["GOOD1"]);
    assert_eq!((agent.handle().counts().quarantined, agent.handle().counts().delivered), (1, 1));
    assert!(refs.paths().all(|path| agent.evidence.read(path).is_ok()));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_pause_the_link_until_the_token_file_is_right() {
    let peer = scripted_peer::start(SocketScript::Absent, RestScript::WantsToken("right"));
    let dir = tempfile::tempdir().unwrap();
    let token_file = dir.path().join("token");
    std::fs::write(&token_file, "wrong").unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |config| config.token_file = token_file.display().to_string());
    agent.submit_plate("AUTH1", 500).await;
    let status = agent.status(|status| status.link == Link::AuthPaused).await;
    assert!(status.trouble.unwrap().contains("401"));
    assert_eq!(agent.handle().counts().pending, 1);

    std::fs::write(&token_file, "right\n").unwrap();
    agent.drained().await;
    assert_eq!(peer.seen.plates(Via::Rest), ["AUTH1"]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_road_can_be_had_alone() {
    let peer = scripted_peer::start(SocketScript::Answers, RestScript::Answers);
    for (transport, via) in [(Transport::Rest, Road::Rest), (Transport::Socketio, Road::Socketio)] {
        let dir = tempfile::tempdir().unwrap();
        let mut agent = Agent::start(dir.path(), &peer.url, |config| config.transport = transport);
        agent.submit_plate("ALONE", 500).await;
        assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, via);
        agent.drained().await;
        agent.stop().await;
    }
    assert_eq!(peer.seen.connections.load(Ordering::SeqCst), 1, "REST alone never opens a socket");
}

#[test]
fn a_url_that_cannot_be_used_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbox = Outbox::open(dir.path(), &OutboxConfig::default(), clock.clone()).unwrap();
    let evidence = EvidenceStore::open(dir.path()).unwrap();
    let config = UplinkConfig { server_url: "http://user:pw@host".into(), ..UplinkConfig::default() };
    let (_stop, shutdown) = watch::channel(false);
    let parts = || Parts {
        cameras: vec![camera()],
        outbox: outbox.handle(),
        evidence: evidence.clone(),
        clock: clock.clone(),
        shrink: None,
        shutdown: shutdown.clone(),
    };
    let error = uplink::start(&config, parts()).unwrap_err();
    assert!(error.to_string().contains("token_file"), "{error}");
    let config = UplinkConfig { server_url: "http://192.0.2.1:8765".into(), ..UplinkConfig::default() };
    let error = uplink::start(&config, parts()).unwrap_err();
    assert!(error.to_string().contains("allow_insecure"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_in_good_order_is_noticed_at_once() {
    let mut server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &server.url, |_| {});
    agent.status(|status| status.link == Link::Socket).await;
    let start = Instant::now();
    server.stop();
    agent.status(|status| status.link == Link::Down).await;
    assert!(start.elapsed() < Duration::from_secs(10), "long before the ping time-out");
    server.start_again();
    agent.status(|status| status.link == Link::Socket).await;
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_leaves_nothing_running_behind() {
    let dial = |client| {
        let tls = TlsFiles::default().connector().unwrap();
        Dial { client, token: Secret::default(), tls, limit: DEADLINE }
    };
    for client in [SocketClientKind::Own, SocketClientKind::RustSocketio] {
        let peer = scripted_peer::start(SocketScript::Answers, RestScript::Absent);
        let endpoint = Endpoint::parse(&peer.url).unwrap();
        let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = alive();
        for _ in 0..5 {
            drop(SocketClient::connect(&endpoint, &dial(client)).await.unwrap());
        }
        let cut = SocketClient::connect(&endpoint, &dial(client)).await.unwrap();
        drop(peer);
        drop(cut);
        eventually("every task has ended", async || alive() <= before).await;
    }
}

fn test_server(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lpr-agent")).arg("test-server").args(arguments).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_client_passes_our_server_and_says_what_another_lacks() {
    let server = Server::start();
    let (code, text) = test_server(&[&server.url]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("stores test records") && text.contains("✔ lpr_data"), "{text}");

    let (code, text) = test_server(&[&server.url, "--json"]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(code, Some(0));
    assert!(lines.iter().all(|line| line.get("summary").is_some() || line["ok"] == true), "{text}");

    let peer = scripted_peer::start(SocketScript::Absent, RestScript::Answers);
    let (code, text) = test_server(&[&peer.url]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("✔ GET /api/test") || text.contains("✘ GET /api/test"), "{text}");
    assert!(text.contains("✘ Socket.IO connection"), "{text}");
}

#[test]
fn the_test_client_says_when_no_server_is_there() {
    let (code, text) = test_server(&[&format!("http://{}", free_address())]);
    assert_eq!(code, Some(14), "{text}");
    assert!(text.contains("cannot be reached"), "{text}");
}
