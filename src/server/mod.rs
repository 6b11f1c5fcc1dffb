//! The companion server: takes what agents send by REST or Socket.IO, stores it, tells the rooms, shows it.
//!
//! `ingest` takes what agents bring, `app` answers what is asked; `routes` and `socket` are the two roads there; `store` and
//! `images` keep; `answer` and `fault` have the words.

mod alarm;
mod answer;
mod app;
pub mod backup;
mod body;
pub mod check;
mod export;
mod fault;
mod group_sync;
mod header;
mod hours;
mod images;
mod ingest;
mod page;
mod presence;
mod query;
mod records;
mod retention;
mod routes;
mod segments;
pub mod serve;
mod sips;
mod socket;
mod store;
mod sweep;
mod thumbs;
