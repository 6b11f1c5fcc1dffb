//! The companion server: takes what agents send by REST or Socket.IO, stores it, tells the rooms, shows it.
//!
//! `ingest` takes what agents bring, `app` answers what is asked; `routes` and `socket` are the two roads there; `store` and
//! `images` keep; `guard` says who may what, `listen` is the port; `answer` and `fault` have the words.

mod alarm;
mod answer;
mod app;
pub mod backup;
mod body;
mod budget;
mod cameras;
pub mod check;
pub mod check_config;
mod errors;
mod export;
mod fault;
mod floor;
mod forget;
mod group_sync;
mod guard;
mod header;
mod hours;
mod images;
mod ingest;
mod keep_alive;
mod listen;
mod metrics;
mod openapi;
mod page;
mod presence;
mod query;
mod records;
mod retention;
mod routes;
mod running;
mod segments;
pub mod serve;
mod socket;
mod store;
mod sweep;
mod thumbs;
mod watch;

pub use guard::{TokenCommand, execute_token};
