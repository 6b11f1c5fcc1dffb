//! Every peer is understood: one test for each line of PROTOCOL 3.2, against the real program and by both roads, with what
//! those peers send; what is refused, and how; and that nothing whatever makes it fall.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "server_peers/anything.rs"]
mod anything;
#[path = "server_peers/calls.rs"]
mod calls;
mod common;
#[path = "common/event_client.rs"]
mod event_client;
#[path = "server_peers/hostile.rs"]
mod hostile;
#[path = "common/logged_server.rs"]
mod logged_server;
#[path = "server_peers/payloads.rs"]
mod payloads;
#[path = "server_peers/peer.rs"]
mod peer;
#[path = "server_peers/words.rs"]
mod words;
