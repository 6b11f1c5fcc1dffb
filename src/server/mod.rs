//! The companion server: takes what agents send by REST or Socket.IO, stores it, tells the rooms, shows it.
//!
//! `ingest` takes what agents bring, `app` answers what is asked; `routes` and `socket` are the two roads there; `store` and
//! `images` keep; `answer` and `fault` have the words.

mod alarm;
mod answer;
mod app;
mod body;
mod fault;
mod group_sync;
mod header;
mod images;
mod ingest;
mod page;
mod presence;
mod records;
mod routes;
mod segments;
pub mod serve;
mod sips;
mod socket;
mod store;
mod sweep;
