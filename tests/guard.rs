//! What an attacker tries, each try with its outcome: the real program, real sockets, the real agent's uplink.
#![cfg(all(feature = "server", feature = "uplink"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests are tests")]

#[path = "guard/agent.rs"]
mod agent;
#[path = "guard/devices.rs"]
mod devices;
#[path = "common/event_client.rs"]
mod event_client;
#[path = "guard/floods.rs"]
mod floods;
#[path = "guard/greed.rs"]
mod greed;
#[path = "common/lpr_server.rs"]
mod lpr_server;
#[path = "guard/people.rs"]
mod people;
#[path = "guard/secrets.rs"]
mod secrets;
#[path = "guard/site.rs"]
mod site;
#[path = "guard/strangers.rs"]
mod strangers;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/test_agent.rs"]
mod test_agent;
#[allow(dead_code, reason = "other tests use more of it")]
#[path = "common/tls.rs"]
mod tls;
#[path = "guard/transport.rs"]
mod transport;
