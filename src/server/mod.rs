//! The companion server: takes what agents send by REST or Socket.IO, stores it, tells the rooms, shows it.
//!
//! `app` decides what happens with a call or an event; `routes` and `socket` are the two roads to it; `store` and
//! `images` keep; `answer` and `fault` have the words.

mod answer;
mod app;
mod body;
mod fault;
mod images;
mod page;
mod presence;
mod records;
mod routes;
pub mod serve;
mod socket;
mod store;
