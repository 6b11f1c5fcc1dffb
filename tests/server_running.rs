//! Running it: probes and metrics, stopping, the unit, the alert rules, and the OpenAPI document against the real program.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

mod common;
#[path = "common/event_client.rs"]
mod event_client;
#[path = "common/logged_server.rs"]
mod logged_server;
#[path = "server_running/openapi.rs"]
mod openapi;
#[path = "server_running/probes.rs"]
mod probes;
#[path = "server_running/start.rs"]
mod start;
#[path = "server_running/stop.rs"]
mod stop;
#[path = "server_running/unit.rs"]
mod unit;
