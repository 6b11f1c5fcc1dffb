//! Watchlists and alerts: plates that somebody waits for, and what is said when one of them is read.
//!
//! `entry`, `matching`, `sheet`, `alert`, `signature` and `retry` decide, without clock and database. A match is found and
//! its alert stored in the transaction of the record (`store::Watched`); `webhook` tells the outside afterwards.

pub mod alert;
mod alerts;
mod count;
pub mod entry;
mod import;
mod lists;
pub mod matching;
mod retry;
pub mod sheet;
mod signature;
mod webhook;

pub use count::Watch;
pub use webhook::Webhook;

use super::fault::{Code, Fault};
use super::routes::Shared;
use axum::Router;

/// Lists, entries, alerts, the webhook's queue.
pub fn router() -> Router<Shared> {
    Router::new().merge(lists::router()).merge(alerts::router())
}

/// An id of ours in an address; what is no number names nothing.
fn id(text: &str) -> Result<i64, Fault> {
    text.parse().map_err(|_| missing())
}

fn missing() -> Fault {
    Fault::new(Code::NotFound, "there is nothing of this id")
}
