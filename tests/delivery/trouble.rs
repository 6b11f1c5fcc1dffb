//! Peers, links, disks and clocks that make trouble while events are under way.

use crate::fault_proxy::{FaultProxy, Wire};
use crate::first_generation::{FirstGeneration, Mishaps};
use crate::scripted_peer::{self, RestScript, SocketScript, Via};
use crate::second_generation::LateClock;
use crate::test_agent::{Agent, DEADLINE, Extras, eventually};
use crate::{Server, free_address};
use lpr::config::Transport;
use lpr::uplink::{Link, Road, Shrink};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn address_of(url: &str) -> std::net::SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_receipt_cannot_be_written_down_its_event_is_not_sent_again() {
    let peer = scripted_peer::start(SocketScript::Answers, RestScript::Absent);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &format!("http://{}", free_address()), |_| {});
    agent.submit_plate("ONCE1", 500).await;
    agent.stop().await;

    // Another process holds the file for longer than the outbox waits for it.
    let other = rusqlite::Connection::open(dir.path().join("outbox.db")).unwrap();
    other.busy_timeout(DEADLINE).unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |_| {});
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    agent.status(|status| status.trouble.as_ref().is_some_and(|why| why.contains("receipts"))).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((peer.seen.plates(Via::Socket), agent.handle().counts().pending), (vec!["ONCE1".to_owned()], 1));
    other.execute_batch("ROLLBACK").unwrap();
    agent.drained().await;
    assert_eq!(peer.seen.plates(Via::Socket), ["ONCE1"], "once, though its receipt took long");
    assert_eq!(agent.handle().counts().delivered, 1);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_fetched_or_in_flight_when_the_clock_is_set_are_sent_with_the_right_time() {
    let peer = scripted_peer::start(SocketScript::Silent, RestScript::Absent);
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(LateClock(AtomicBool::new(false)));
    let extras = Extras { clock: clock.clone(), ..Extras::default() };
    let agent = Agent::start_with(dir.path(), &peer.url, extras, |config| {
        config.transport = Transport::Socketio;
        config.answer_timeout_s = 2.0;
    });
    agent.submit_plate("EARLY1", 500).await;
    agent.submit_plate("EARLY2", 500).await;
    let seen = peer.seen.clone();
    eventually("the first is in flight", async || !seen.plates(Via::Socket).is_empty()).await;
    clock.0.store(true, Ordering::SeqCst);
    // The first one comes again, and the second at last.
    let corrected = |plate: &str| {
        let events = seen.events.lock().unwrap();
        let of_plate = events.iter().map(|(_, event)| event).filter(|event| event["ocr_results"] == json!([plate]));
        of_plate.map(|event| event["time_corrected"] == json!(true)).collect::<Vec<bool>>()
    };
    eventually("both again", async || corrected("EARLY1").len() >= 2 && !corrected("EARLY2").is_empty()).await;
    assert!(!corrected("EARLY1")[0] && corrected("EARLY1")[1..].iter().all(|right| *right));
    assert!(corrected("EARLY2").iter().all(|right| *right));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_replaced_by_one_of_the_first_generation_is_not_poisoned_and_gets_one_event_at_a_time() {
    for transport in [Transport::Rest, Transport::Auto] {
        let (new, old) = (Server::start(), FirstGeneration::start(Mishaps::default()));
        // It has a runtime of its own, and waits for it.
        let target = address_of(&new.url);
        let proxy = tokio::task::spawn_blocking(move || FaultProxy::start(target)).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let url = format!("http://{}", proxy.address);
        let agent = Agent::start(dir.path(), &url, |config| config.transport = transport);
        agent.submit_plate("NEW1", 500).await;
        agent.drained().await;
        proxy.set(Wire::Refuse);
        agent.submit_plate("OLD1", 500).await;
        agent.submit_plate("OLD2", 500).await;
        agent.status(|status| status.link == Link::Down).await;
        proxy.set_upstream(address_of(&old.url));
        proxy.set(Wire::Pass);
        agent.drained().await;
        assert_eq!(old.see(|old| old.by_rest.clone()), Vec::<String>::new(), "never registered by REST");
        let mut plates = old.see(|old| [old.plates(true), old.plates(false)].concat());
        plates.sort();
        assert_eq!(plates, ["OLD1", "OLD2"]);
        agent.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_about_an_event_that_is_no_longer_in_flight_does_not_cost_the_connection() {
    let peer = scripted_peer::start(SocketScript::ComplainsOfOthers, RestScript::Absent);
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |_| {});
    for number in 0..5 {
        agent.submit_plate(&format!("MINE{number}"), 500).await;
    }
    agent.drained().await;
    assert_eq!((peer.seen.connections.load(Ordering::SeqCst), peer.seen.plates(Via::Socket).len()), (1, 5));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_rest_finds_too_large_goes_with_smaller_pictures() {
    /// A stand-in for OpenCV: cuts to the size wanted.
    struct Cut;
    impl Shrink for Cut {
        fn shrink(&self, jpeg: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
            Some(jpeg[..jpeg.len().min(max_bytes)].to_vec())
        }
    }
    let peer = scripted_peer::start(SocketScript::Absent, RestScript::TakesUpTo(100_000));
    let dir = tempfile::tempdir().unwrap();
    let extras = Extras { shrink: Some(Arc::new(Cut)), ..Extras::default() };
    let agent = Agent::start_with(dir.path(), &peer.url, extras, |config| config.max_socket_bytes = 60_000);
    agent.submit_plate("BIG1", 300_000).await;
    agent.drained().await;
    assert_eq!((agent.handle().counts().delivered, agent.handle().counts().quarantined), (1, 0));
    assert_eq!(peer.seen.plates(Via::Rest), ["BIG1"]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_cannot_be_packed_waits_and_nothing_empty_is_sent() {
    struct Breaks;
    impl Shrink for Breaks {
        fn shrink(&self, _: &[u8], _: usize) -> Option<Vec<u8>> {
            panic!("a fault of the test");
        }
    }
    let peer = scripted_peer::start(SocketScript::Answers, RestScript::Answers);
    let dir = tempfile::tempdir().unwrap();
    let extras = Extras { shrink: Some(Arc::new(Breaks)), ..Extras::default() };
    let mut agent = Agent::start_with(dir.path(), &peer.url, extras, |config| config.max_socket_bytes = 50_000);
    agent.status(|status| status.link == Link::Socket).await;
    agent.submit_plate("BROKEN1", 100_000).await;
    agent.submit_plate("WHOLE1", 500).await;
    let first = agent.uplink.delivered.recv().await.unwrap();
    assert_eq!((first.plates, first.via), (vec!["WHOLE1".to_owned()], Road::Socketio));
    let handle = agent.handle();
    eventually("the other waits", async || handle.counts().pending == 1).await;
    assert_eq!(handle.counts().quarantined, 0);
    assert!(peer.seen.events.lock().unwrap().iter().all(|(_, event): &(Via, Value)| event["event_id"].is_string()));
    agent.stop().await;
}
