//! The real agent's uplink at a guarded server, on each of its roads.

use crate::event_client::Socket;
use crate::site::{Site, call, detection, get};
use crate::test_agent::{Agent, eventually};
use crate::tls::Authority;
use crate::transport;
use lpr::config::{SocketClientKind, Transport};
use std::fs;

const ROADS: [(Transport, SocketClientKind); 3] = [
    (Transport::Socketio, SocketClientKind::Own),
    (Transport::Socketio, SocketClientKind::RustSocketio),
    (Transport::Rest, SocketClientKind::Own),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_delivers_with_its_token_stops_when_it_is_revoked_and_goes_on_with_the_next() {
    for road in ROADS {
        let site = Site::new();
        let token = site.device("Pi 1", &["gate/cam-1"]);
        let viewer = site.viewer();
        let server = site.start();
        let file = site.dir.path().join("token");
        fs::write(&file, &token.text).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path(), &server.url(), |config| {
            (config.transport, config.socket_client) = road;
            config.token_file = file.display().to_string();
        });
        agent.submit_plate("ABC1234", 500).await;
        agent.drained().await;

        site.revoke(&token);
        // Until the server has noticed.
        let probe = || call(&server.address, "POST", "/api/detection", &token.bearer(), &detection("gate", "cam-1"));
        eventually("the revocation", async || probe().status == 401).await;
        let stored =
            || get(&server.address, "/api/statistics", &viewer.bearer()).body["data"]["total_detections"].clone();
        let before = stored();
        agent.submit_plate("DEF5678", 500).await;
        agent.status(|status| status.link == lpr::uplink::Link::AuthPaused).await;
        assert_eq!(agent.handle().counts().pending, 1, "nothing is lost: {road:?}");
        assert_eq!(stored(), before);

        fs::write(&file, site.device("Pi 1", &["gate/cam-1"]).text).unwrap();
        agent.drained().await;
        assert_eq!(stored().as_u64(), before.as_u64().map(|count| count + 1), "{road:?}");
        agent.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_delivers_over_the_servers_own_tls_by_either_road() {
    let site = Site::new();
    let token = site.device("Pi 1", &["gate/cam-1"]);
    let authority = Authority::new("ours");
    let ca = authority.file(site.dir.path(), "ca.pem").display().to_string();
    let server = transport::start(&site, &authority.vouch_for("127.0.0.1"));
    let file = site.dir.path().join("token");
    fs::write(&file, &token.text).unwrap();
    for road in ROADS {
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path(), &format!("https://{}", server.address), |config| {
            (config.transport, config.socket_client) = road;
            (config.token_file, config.ca_file) = (file.display().to_string(), ca.clone());
        });
        agent.submit_plate("ABC1234", 50_000).await;
        agent.drained().await;
        assert_eq!(agent.handle().counts().delivered, 1, "{road:?}");
        agent.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_without_a_token_keeps_what_it_has_and_says_why() {
    let site = Site::new();
    site.device("Pi 1", &["gate/cam-1"]);
    let server = site.start();
    for road in ROADS {
        let dir = tempfile::tempdir().unwrap();
        let agent = Agent::start(dir.path(), &server.url(), |config| (config.transport, config.socket_client) = road);
        agent.submit_plate("ABC1234", 500).await;
        agent.status(|status| status.link == lpr::uplink::Link::AuthPaused).await;
        assert_eq!(agent.handle().counts().pending, 1);
        agent.stop().await;
    }
    assert!(Socket::connect(&server.address).is_err());
}
