//! A server of the first generation: one test for each line of PROTOCOL 3.1.
#![cfg(feature = "uplink")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "common/first_generation.rs"]
mod first_generation;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/test_agent.rs"]
mod test_agent;

use first_generation::{FirstGeneration, LARGEST_MESSAGE, Mishaps};
use lpr::config::Transport;
use lpr::uplink::{self, Link, Road, Shrink};
use serde_json::json;
use std::sync::Arc;
use test_agent::{Agent, Extras, eventually, health_report};

/// An agent whose link to the peer stands, by socket.
async fn agent_by_socket(dir: &std::path::Path, peer: &FirstGeneration) -> Agent {
    let agent = Agent::start(dir, &peer.url, |config| config.answer_timeout_s = 3.0);
    agent.status(|status| status.link == Link::Socket).await;
    agent
}

#[tokio::test(flavor = "multi_thread")]
async fn line_01_an_event_named_connect_is_no_handshake_and_no_error() {
    let peer = FirstGeneration::start(Mishaps::default());
    let dir = tempfile::tempdir().unwrap();
    let mut agent = agent_by_socket(dir.path(), &peer).await;
    agent.submit_plate("HELLO1", 500).await;
    agent.drained().await;
    assert_eq!(agent.uplink.delivered.recv().await.unwrap().via, Road::Socketio);
    assert_eq!(peer.see(|peer| (peer.connections, peer.plates(true))), (1, vec!["HELLO1".to_owned()]));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_02_an_error_without_an_id_settles_nothing_and_condemns_nobody() {
    let peer = FirstGeneration::start(Mishaps { invalid: Some("BAD1"), ..Mishaps::default() });
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    for plate in ["GOOD1", "BAD1", "GOOD2"] {
        agent.submit_plate(plate, 500).await;
    }
    agent.drained().await;
    // Only REST's 400, which belongs to its request, was a verdict.
    let counts = agent.handle().counts();
    assert_eq!((counts.delivered, counts.quarantined), (2, 1));
    let mut stored = peer.see(|peer| [peer.plates(true), peer.plates(false)].concat());
    stored.sort();
    assert_eq!(stored, ["GOOD1", "GOOD2"]);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_03_an_empty_ack_is_no_receipt_and_silence_leads_to_rest() {
    let peer = FirstGeneration::start(Mishaps { raises_on: Some("RAISE1"), ..Mishaps::default() });
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    agent.submit_plate("RAISE1", 500).await;
    agent.submit_plate("AFTER1", 500).await;
    let handle = agent.handle();
    eventually("the other is delivered", async || handle.counts().delivered == 1).await;
    assert!(peer.see(|peer| peer.requests.iter().any(|path| path == "/api/detection")), "REST was asked");
    let counts = agent.handle().counts();
    assert_eq!(counts.pending + counts.quarantined, 1, "never delivered: nobody said so");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_04_nothing_is_sent_that_gets_no_reply() {
    let peer = FirstGeneration::start(Mishaps::default());
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    agent.submit_plate("PLAIN1", 500).await;
    agent.handle().submit(uplink::health_row(&health_report())).await.unwrap();
    agent.drained().await;
    assert_eq!(peer.see(|peer| peer.unanswerable.clone()), Vec::<String>::new());
    assert_eq!(peer.see(|peer| peer.records.len()), 2);
    agent.stop().await;
}

/// A stand-in for OpenCV: cuts to the size wanted.
struct Cut;

impl Shrink for Cut {
    fn shrink(&self, jpeg: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
        Some(jpeg[..jpeg.len().min(max_bytes)].to_vec())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn line_05_large_pictures_are_made_smaller_for_the_socket_and_else_go_by_rest() {
    let peer = FirstGeneration::start(Mishaps::default());
    let dir = tempfile::tempdir().unwrap();
    let extras = Extras { shrink: Some(Arc::new(Cut)), ..Extras::default() };
    let agent = Agent::start_with(dir.path(), &peer.url, extras, |_| {});
    agent.status(|status| status.link == Link::Socket).await;
    agent.submit_plate("SMALLER1", 3_000_000).await;
    agent.drained().await;
    let largest = peer.see(|peer| peer.records.iter().map(|(_, record)| record.to_string().len()).max().unwrap());
    assert!(largest <= 900_000 && largest > 800_000, "{largest} bytes: as much of the picture as fits");
    assert_eq!(peer.see(|peer| (peer.plates(true), peer.killed)), (vec!["SMALLER1".to_owned()], 0));
    agent.stop().await;

    // Without a way to make them smaller: REST takes what the socket would choke on, and the socket stays.
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    agent.submit_plate("LARGE1", 3_000_000).await;
    agent.submit_plate("SMALL1", 500).await;
    agent.drained().await;
    assert_eq!(peer.see(|peer| (peer.plates(false), peer.killed)), (vec!["LARGE1".to_owned()], 0));
    assert_eq!(agent.uplink.status.borrow().link, Link::Socket);
    agent.stop().await;

    // And where the limit is set too high, the connection dies of it and REST delivers all the same.
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |config| config.max_socket_bytes = 4 * LARGEST_MESSAGE);
    agent.status(|status| status.link == Link::Socket).await;
    agent.submit_plate("KILLER1", 2_000_000).await;
    agent.drained().await;
    assert_eq!(peer.see(|peer| (peer.killed, peer.plates(false).len())), (1, 2));
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_06_cameras_are_registered_again_on_every_connection() {
    let peer = FirstGeneration::start(Mishaps { first_answer_lost: true, ..Mishaps::default() });
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    agent.submit_plate("BREAK1", 500).await;
    agent.drained().await;
    agent.status(|status| status.link == Link::Socket).await;
    agent.submit_plate("AGAIN1", 500).await;
    agent.drained().await;
    assert!(peer.see(|peer| peer.plates(true)).contains(&"AGAIN1".to_owned()));
    assert_eq!(peer.see(|peer| (peer.connections, peer.errors)), (2, 0), "never an event of an unknown camera");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_07_no_camera_is_registered_by_rest_and_a_poisoned_one_is_delivered_by_rest() {
    let peer = FirstGeneration::start(Mishaps::default());
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |config| config.transport = Transport::Rest);
    agent.submit_plate("REST1", 500).await;
    agent.drained().await;
    assert!(peer.see(|peer| peer.by_rest.is_empty() && !peer.requests.iter().any(|path| path.contains("register"))));
    agent.stop().await;

    // Somebody else did it: by socket everything is stored and answered with an error.
    let key = test_agent::camera();
    let registration = json!({"camera_id": key.camera, "checkpoint_id": key.checkpoint});
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.post(format!("{}/api/cameras/register", peer.url)).json(&registration).send().await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    for number in 0..3 {
        agent.submit_plate(&format!("POISON{number}"), 500).await;
    }
    agent.drained().await;
    assert_eq!((agent.handle().counts().delivered, agent.handle().counts().quarantined), (3, 0));
    let by_rest = peer.see(|peer| peer.plates(false));
    assert!((0..3).all(|number| by_rest.contains(&format!("POISON{number}"))), "{by_rest:?}");
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_08_our_timestamps_leave_its_statistics_whole() {
    let peer = FirstGeneration::start(Mishaps::default());
    for transport in [Transport::Socketio, Transport::Rest] {
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path(), &peer.url, |config| config.transport = transport);
        agent.submit_plate("TIME1", 500).await;
        agent.handle().submit(uplink::health_row(&health_report())).await.unwrap();
        agent.drained().await;
        agent.stop().await;
    }
    assert_eq!(peer.see(|peer| (peer.records.len(), peer.statistics_broken)), (4, false));
    let asked = peer.see(|peer| peer.requests.clone());
    assert!(!asked.iter().any(|path| path.contains("statistics")), "the probe is /api/test: {asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn line_09_a_500_is_not_retried_for_ever_while_others_are_accepted() {
    let peer = FirstGeneration::start(Mishaps { raises_on: Some("ODD1"), ..Mishaps::default() });
    let dir = tempfile::tempdir().unwrap();
    let agent = Agent::start(dir.path(), &peer.url, |config| config.transport = Transport::Rest);
    agent.submit_plate("ODD1", 500).await;
    let handle = agent.handle();
    let mut number = 0;
    while handle.counts().quarantined == 0 {
        number += 1;
        assert!(number < 200, "it is tried for ever");
        agent.submit_plate(&format!("GOOD{number}"), 500).await;
        eventually("the good one passes it", async || handle.counts().pending <= 1).await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    agent.drained().await;
    assert_eq!(agent.handle().counts().delivered, number);
    agent.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn line_10_a_repeat_is_stored_twice_there_and_settled_once_here() {
    let peer = FirstGeneration::start(Mishaps { first_answer_lost: true, ..Mishaps::default() });
    let dir = tempfile::tempdir().unwrap();
    let agent = agent_by_socket(dir.path(), &peer).await;
    agent.submit_plate("TWICE1", 500).await;
    agent.drained().await;
    assert_eq!(agent.handle().counts().delivered, 1);
    let ids = peer.see(|peer| peer.records.iter().map(|(_, record)| record["event_id"].clone()).collect::<Vec<_>>());
    assert_eq!(ids.len(), 2, "at least once is all that such a server can have");
    assert_eq!(ids[0], ids[1], "and a later generation could tell");
    agent.stop().await;
}
