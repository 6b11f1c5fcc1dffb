//! Cameras: who is there, how they are, how right their clocks are.
//!
//! `status`, `skew` and `problems` decide, without clock and database; `watcher` turns the passing of time into events;
//! `calls` answers what is asked.

mod calls;
pub mod problems;
pub mod skew;
pub mod status;
mod watcher;

pub use calls::router;
pub use watcher::{load, run};
