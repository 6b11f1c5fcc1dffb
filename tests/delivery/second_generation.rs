//! What only a server of protocol 2 makes possible, and the times that are promised.

use crate::lpr_server::LprServer;
use crate::scripted_peer::{self, RestScript, SocketScript, Via};
use crate::test_agent::{Agent, Extras, eventually};
use crate::{DEADLINE, Server, free_address};
use lpr::clock::{Clock, SystemClock};
use lpr::config::SocketClientKind;
use lpr::uplink::link::Timings;
use lpr::uplink::{Link, Road};
use serde_json::json;
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_protocol_2_gets_a_window_of_events_and_may_answer_in_any_order() {
    for socket_client in [SocketClientKind::Own, SocketClientKind::RustSocketio] {
        let peer = scripted_peer::start(SocketScript::EchoesBackwards(8), RestScript::Absent);
        let dir = tempfile::tempdir().unwrap();
        // All are there before the first is sent: the peer's silence until the window is full is not a slow disk's.
        let nobody = format!("http://{}", free_address());
        let agent = Agent::start(dir.path(), &nobody, |_| {});
        let mut wanted: Vec<String> = (0..32).map(|n| format!("MANY{n}")).collect();
        for text in &wanted {
            agent.submit_plate(text, 500).await;
        }
        agent.stop().await;
        let agent = Agent::start(dir.path(), &peer.url, |config| {
            config.window = 8;
            config.socket_client = socket_client;
        });
        agent.drained().await;
        let mut stored = peer.seen.plates(Via::Socket);
        stored.sort();
        wanted.sort();
        assert_eq!(stored, wanted, "each once");
        assert_eq!(peer.seen.most_unanswered.load(Ordering::SeqCst), 8);
        assert_eq!(peer.seen.connections.load(Ordering::SeqCst), 1);
        agent.stop().await;
    }
}

/// Carries bytes to `target`; connections that exist when it is frozen stay open, and nothing flows on them any more.
fn freezing_proxy(target: String) -> (String, watch::Sender<u32>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (freeze, frozen) = watch::channel(0u32);
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((mut near, _)) = listener.accept().await {
            let (target, mut frozen) = (target.clone(), frozen.clone());
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(target).await.unwrap();
                let born = *frozen.borrow();
                let thaw = tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut near, &mut far) => false,
                    _ = frozen.wait_for(|age| *age > born) => true,
                };
                if thaw {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (format!("http://{address}"), freeze)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_socket_is_noticed_and_data_flows_by_rest_within_ten_seconds() {
    let server = Server::start();
    let (url, freeze) = freezing_proxy(server.url.trim_start_matches("http://").to_owned());
    let dir = tempfile::tempdir().unwrap();
    let extras = Extras { timings: Timings::default(), ..Extras::default() };
    let mut agent = Agent::start_with(dir.path(), &url, extras, |_| {});
    agent.status(|status| status.link == Link::Socket).await;
    freeze.send_replace(1);
    let start = Instant::now();
    agent.submit_plate("FROZEN1", 5000).await;
    let first = agent.uplink.delivered.recv().await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(first.via, Road::Rest);
    assert_eq!(server.records().await.len(), 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_servers_restart_data_flows_within_five_seconds() {
    let mut server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let extras = Extras { timings: Timings::default(), ..Extras::default() };
    let agent = Agent::start_with(dir.path(), &server.url, extras, |_| {});
    agent.status(|status| status.link == Link::Socket).await;
    server.kill();
    agent.submit_plate("RESTART1", 500).await;
    agent.status(|status| status.link == Link::Down).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.start_again();
    let start = Instant::now();
    agent.drained().await;
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_an_empty_database_gets_again_what_is_still_kept() {
    let mut server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &server.url, |_| {});
    for number in 0..5 {
        agent.submit_plate(&format!("KEPT{number}"), 2000).await;
    }
    agent.drained().await;
    assert_eq!(server.records().await.len(), 5);
    server.kill();
    server.data = tempfile::tempdir().unwrap();
    server.start_again();
    let server = &server;
    eventually("they are there again", async || server.records().await.len() == 5).await;
    assert!(server.records().await.iter().all(|record| !record["annotated_image"].is_null()), "with their pictures");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restored_backup_lost_is_sent_again_though_others_wrote_past_what_the_agent_had_seen() {
    let mut server = Server::start();
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &server.url, |_| {});
    let submit = async |name: &str| {
        for number in 0..3 {
            agent.submit_plate(&format!("{name}{number}"), 2000).await;
        }
        agent.drained().await;
    };
    submit("SAVED").await;
    let backup = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lpr-server"));
    command.arg("backup").arg("--data-dir").arg(server.data.path()).arg("--to").arg(backup.path());
    assert!(command.status().unwrap().success());
    submit("LOST").await;
    assert_eq!(server.records().await.len(), 6);
    let before = server.get("/api/test").await;
    server.kill();

    server.data = backup;
    // Before the agent finds it, at another address.
    let elsewhere = LprServer::start(server.data.path(), "127.0.0.1:0", &[]);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut answer = json!({});
    for _ in 0..20 {
        let other = json!({"camera_id": "other", "checkpoint_id": "gate", "timestamp": "2024-12-19T10:00:00Z"});
        let sent = client.post(format!("{}/api/cameras/register", elsewhere.url())).json(&other).send().await;
        answer = sent.unwrap().json().await.unwrap();
    }
    assert!(answer["checkpoint"].as_u64() > before["checkpoint"].as_u64(), "{answer} {before}");
    assert_ne!(answer["store_id"], before["store_id"]);
    assert!(elsewhere.stop("TERM", DEADLINE).success());
    server.start_again();
    eventually("what was lost is there again", async || server.records().await.len() == 6).await;
    assert_eq!(server.get("/api/test").await["store_id"], answer["store_id"], "once");
    agent.stop().await;
}

/// The host's clock with a wall clock that is years behind until it is set.
pub struct LateClock(pub AtomicBool);

impl Clock for LateClock {
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    fn wall_us(&self) -> i64 {
        let years = if self.synced() { 0 } else { 3 * 365 * 86_400 * 1_000_000 };
        SystemClock.wall_us() - years
    }

    fn synced(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_the_clock_was_set_arrives_with_the_right_time() {
    let address = free_address();
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(LateClock(AtomicBool::new(false)));
    let extras = Extras { clock: clock.clone(), ..Extras::default() };
    let agent = Agent::start_with(dir.path(), &format!("http://{address}"), extras, |_| {});
    let seen_us = SystemClock.wall_us();
    agent.submit_plate("EARLY1", 500).await;
    agent.status(|status| status.link == Link::Down).await;
    clock.0.store(true, Ordering::SeqCst);
    let handle = agent.handle();
    eventually("the clock's report waits beside the event", async || handle.counts().pending == 2).await;
    let server = Server::start_on(&address);
    agent.drained().await;
    let record = server.records().await.remove(0);
    assert_eq!((&record["time_corrected"], &record["clock_synced"]), (&json!(true), &json!(false)), "{record}");
    let stored: jiff::Timestamp = record["timestamp"].as_str().unwrap().parse().unwrap();
    let stored_us = stored.as_microsecond();
    assert!((stored_us - seen_us).abs() < 5_000_000, "{record}");
    agent.stop().await;
}
