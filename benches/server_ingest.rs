//! What taking events costs a server that keeps every promise, in one run and one table: events a second by REST with one
//! request in flight on each of 8 connections, beside a bare loop that writes and syncs the same bytes; how long 1,000
//! agents on Socket.IO wait for an answer; and the server's memory after each part.
//!
//! `cargo bench --bench server_ingest --no-default-features --features server`; LPR_BENCH_SECONDS is how long each part
//! takes, LPR_BENCH_ONLY (small, pictures, agents) leaves the others out. The load comes from one thread of this process,
//! which shares the machine with the server: "load" says how much of all cores it took, "server" what the server took.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench stops at the first surprise")]

#[path = "server_ingest/agents.rs"]
mod agents;
#[path = "../tests/common/event_client.rs"]
mod event_client;
#[path = "../tests/common/lpr_server.rs"]
#[allow(dead_code, reason = "a bench uses a part")]
mod lpr_server;
#[path = "server_ingest/process.rs"]
mod process;
#[path = "server_ingest/rest.rs"]
mod rest;

use event_client::Event;
use lpr_server::LprServer;
use process::Usage;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use uuid::Uuid;

/// Payload without pictures, in bytes.
const SMALL: usize = 1_000;
/// Pictures of one event, a frame and a crop together, in bytes before base64.
const PICTURES: usize = 60_000;
const CONNECTIONS: usize = 8;
const AGENTS: usize = 1_000;
const AGENT_EVENTS: usize = 500;

/// An event that becomes another with each id that is put into it.
pub struct Template {
    bytes: Vec<u8>,
    id_at: usize,
}

impl Template {
    /// `prefix`, then the payload of an event of `camera`.
    pub fn new(camera: &str, pictures: usize, prefix: impl Fn(usize) -> String, suffix: &str) -> Self {
        let event = Event::padded(camera, pictures, SMALL);
        let text = prefix(event.payload.len()) + &event.payload + suffix;
        let id_at = text.find(&event.id).expect("the event's id");
        Self { bytes: text.into_bytes(), id_at }
    }

    pub fn another(&mut self) -> &[u8] {
        let id = &mut self.bytes[self.id_at..self.id_at + 36];
        Uuid::now_v7().as_hyphenated().encode_lower(id);
        &self.bytes
    }
}

/// Writes and syncs what an event's bytes are, again and again: `group` events at a time. Events a second.
fn bare(dir: &Path, bytes: usize, group: usize, time: Duration) -> f64 {
    let data = vec![7; bytes * group];
    let path = dir.join(format!("bare-{bytes}-{group}"));
    let mut file = File::create(&path).unwrap();
    let begun = Instant::now();
    let mut events = 0;
    while begun.elapsed() < time {
        file.write_all(&data).unwrap();
        file.sync_data().unwrap();
        events += group;
    }
    let rate = events as f64 / begun.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}

fn by_rest(runtime: &Runtime, server: &LprServer, pictures: usize, beside: &str, time: Duration) {
    rest::run(runtime, &server.address, CONNECTIONS, pictures, Duration::from_secs(1));
    let before = Usage::now(server.pid());
    let load = rest::run(runtime, &server.address, CONNECTIONS, pictures, time);
    let (ours, theirs) = Usage::now(server.pid()).since(&before);
    println!(
        "| REST, {CONNECTIONS} connections, {:<24} | {:>6.0}/s | {:>5.1} ms | {:>5.1} ms | {:>3.0} % | {:>3.0} % | {:>4.0} MB |",
        size(pictures) + beside,
        load.rate,
        load.quantile(0.5),
        load.quantile(0.99),
        ours * 100.0,
        theirs * 100.0,
        process::resident_most(server.pid()),
    );
}

fn by_agents(runtime: &Runtime, server: &LprServer, agents: &mut agents::Agents, pictures: usize, time: Duration) {
    let before = Usage::now(server.pid());
    let load = agents.run(runtime, AGENT_EVENTS, pictures, time);
    let (ours, theirs) = Usage::now(server.pid()).since(&before);
    println!(
        "| {AGENTS} agents, {:<33} | {:>6.0}/s | {:>5.1} ms | {:>5.1} ms | {:>3.0} % | {:>3.0} % | {:>4.0} MB |",
        size(pictures),
        load.rate,
        load.quantile(0.5),
        load.quantile(0.99),
        ours * 100.0,
        theirs * 100.0,
        process::resident_most(server.pid()),
    );
}

fn size(pictures: usize) -> String {
    match pictures {
        0 => format!("{} kB", SMALL / 1000),
        more => format!("{} kB + {} kB", SMALL / 1000, more / 1000),
    }
}

fn main() {
    let seconds = std::env::var("LPR_BENCH_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(8);
    let only = std::env::var("LPR_BENCH_ONLY").unwrap_or_default();
    let wanted = |part: &str| only.is_empty() || only == part;
    let time = Duration::from_secs(seconds);
    let dir = tempfile::tempdir_in(".").unwrap();
    println!(
        "| what                                         | events   | median   | p99      | load  | server | most    |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (bytes, pictures) in [(SMALL, 0), (SMALL + PICTURES, PICTURES)] {
        for group in [1, CONNECTIONS] {
            let rate = bare(dir.path(), bytes, group, time / 8);
            println!("| bare write and sync, {:>2} x {:<16} | {rate:>6.0}/s |", group, size(pictures));
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let server = LprServer::start(&dir.path().join("data"), "127.0.0.1:0", &[]);
    if wanted("small") {
        by_rest(&runtime, &server, 0, "", time);
    }
    if wanted("pictures") {
        by_rest(&runtime, &server, PICTURES, "", time);
    }
    if wanted("agents") {
        let mut agents = agents::Agents::connect(&runtime, &server.address, AGENTS);
        by_agents(&runtime, &server, &mut agents, 0, time);
        by_agents(&runtime, &server, &mut agents, PICTURES, time);
        by_rest(&runtime, &server, 0, ", beside them", time);
    }
}
