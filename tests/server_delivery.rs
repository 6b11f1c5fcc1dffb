//! The server's half of "every event is applied exactly once": the real program, killed, cut, filled and fed garbage.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "server_delivery/answers.rs"]
mod answers;
mod common;
#[path = "server_delivery/disk.rs"]
mod disk;
#[path = "common/event_client.rs"]
mod event_client;
#[path = "server_delivery/kills.rs"]
mod kills;
#[path = "server_delivery/oracle.rs"]
mod oracle;
#[path = "server_delivery/order.rs"]
mod order;
