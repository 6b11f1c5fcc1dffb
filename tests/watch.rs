//! Watchlists, alerts, the webhook and the cameras' state: the real program over real sockets.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "watch/alerts.rs"]
mod alerts;
#[path = "watch/cameras.rs"]
mod cameras;
mod common;
#[path = "common/event_client.rs"]
mod event_client;
#[path = "watch/lists.rs"]
mod lists;
#[path = "watch/room.rs"]
mod room;
#[allow(dead_code, reason = "a part is used")]
#[path = "common/tls.rs"]
mod tls;
#[path = "watch/webhook.rs"]
mod webhook;
