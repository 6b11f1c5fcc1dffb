//! `lpr`: read licence plates at a checkpoint and deliver every read.
//!
//! One library, two binaries. `lpr-agent` runs beside the camera: frames → vehicles → plates → text → one
//! event per vehicle → a durable outbox → Socket.IO, else REST. `lpr-server` accepts, stores and shows.
//!
//! The rooms, and who may enter which, are described in `ARCHITECTURE.md` and enforced by
//! `tests/architecture.rs`. Pure rooms decide; the others do the reading, writing and waiting.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::dbg_macro)]

pub mod clock;
pub mod config;
pub mod domain;
#[cfg(any(feature = "uplink", feature = "server"))]
pub mod exit;
pub mod killpoint;
#[cfg(any(feature = "uplink", feature = "server"))]
pub mod manual;
pub mod media;
pub mod telemetry;
pub mod track;
pub mod vision;
#[cfg(any(feature = "uplink", feature = "server"))]
pub mod web;
pub mod wire;

#[cfg(any(feature = "uplink", feature = "server"))]
pub mod supervise;

#[cfg(feature = "vision")]
pub mod capture;
#[cfg(feature = "vision")]
pub mod glyphs;
#[cfg(feature = "vision")]
pub mod imaging;
#[cfg(feature = "vision")]
pub mod inference;
#[cfg(feature = "vision")]
pub mod models;
#[cfg(feature = "vision")]
pub mod sim;

#[cfg(feature = "uplink")]
pub mod agent;
#[cfg(feature = "uplink")]
pub mod health;
#[cfg(feature = "uplink")]
pub mod outbox;
#[cfg(feature = "uplink")]
pub mod uplink;

#[cfg(feature = "server")]
pub mod server;
