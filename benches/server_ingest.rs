//! What taking events costs a server that keeps every promise, in one run and one table: events a second by REST with one
//! request in flight on each of 8 connections, beside a bare loop that writes and syncs the same bytes; how long 1,000
//! agents on Socket.IO wait for an answer; and the server's memory after each part.
//!
//! `cargo bench --bench server_ingest --no-default-features --features server`; LPR_BENCH_SECONDS is how long each part
//! takes, LPR_BENCH_ONLY (small, pictures, deleted, agents) leaves the others out, LPR_BENCH_DIR is the disk to measure.
//! The load comes from one thread of this process, which shares the machine with the server: "load" says how much of all
//! cores it took, "server" what the server took.
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
use process::{Load, Usage, Used};
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

/// An event that becomes another, of another plate, each time.
pub struct Template {
    bytes: Vec<u8>,
    id_at: usize,
    plates_at: Vec<usize>,
}

/// The plate in what [`Event::padded`] makes.
const PLATE: &str = "ABC1234";

impl Template {
    /// `prefix`, then the payload of an event of `camera`.
    pub fn new(camera: &str, pictures: usize, prefix: impl Fn(usize) -> String, suffix: &str) -> Self {
        let event = Event::padded(camera, pictures, SMALL);
        let text = prefix(event.payload.len()) + &event.payload + suffix;
        let id_at = text.find(&event.id).expect("the event's id");
        let plates_at = text.match_indices(PLATE).map(|(at, _)| at).collect();
        Self { bytes: text.into_bytes(), id_at, plates_at }
    }

    pub fn another(&mut self) -> &[u8] {
        let id = Uuid::now_v7();
        id.as_hyphenated().encode_lower(&mut self.bytes[self.id_at..self.id_at + 36]);
        let mut rest = id.as_u64_pair().1;
        for place in 0..PLATE.len() {
            let (first, many) = if place < 3 { (b'A', 26) } else { (b'0', 10) };
            for at in &self.plates_at {
                self.bytes[at + place] = first + (rest % many) as u8;
            }
            rest /= many;
        }
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

/// One line of the table: what was done, how fast, how long each waited, and what it cost.
fn say(what: &str, load: &Load, used: &Used, pictures: usize, pid: u32) {
    println!(
        "| {what:<52} | {:>6.0}/s | {:>5.1} ms | {:>5.1} ms | {:>3.0} % | {:>3.0} % | {:>5.1} | {:>3.0} MB |",
        load.rate,
        load.quantile(0.5),
        load.quantile(0.99),
        used.ours * 100.0,
        used.theirs * 100.0,
        used.written / (load.events * (SMALL + pictures)) as f64,
        process::resident_most(pid),
    );
}

fn by_rest(runtime: &Runtime, server: &LprServer, pictures: usize, beside: &str, time: Duration) {
    rest::run(runtime, &server.address, CONNECTIONS, pictures, Duration::from_secs(1));
    let before = Usage::now(server.pid());
    let load = rest::run(runtime, &server.address, CONNECTIONS, pictures, time);
    let used = Usage::now(server.pid()).since(&before);
    let what = format!("REST, {CONNECTIONS} connections, {}{beside}", size(pictures));
    say(&what, &load, &used, pictures, server.pid());
}

fn by_agents(runtime: &Runtime, server: &LprServer, agents: &mut agents::Agents, pictures: usize, time: Duration) {
    let before = Usage::now(server.pid());
    let load = agents.run(runtime, AGENT_EVENTS, pictures, time);
    let used = Usage::now(server.pid()).since(&before);
    say(&format!("{AGENTS} agents, {}", size(pictures)), &load, &used, pictures, server.pid());
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
    let dir = tempfile::tempdir_in(std::env::var("LPR_BENCH_DIR").unwrap_or_else(|_| ".".into())).unwrap();
    println!("| what | events | median | p99 | load | server | written a byte | most resident |");
    println!("|---|---|---|---|---|---|---|---|");
    let bare_lines = || {
        for (bytes, pictures) in [(SMALL, 0), (SMALL + PICTURES, PICTURES)] {
            for group in [1, CONNECTIONS] {
                let rate = bare(dir.path(), bytes, group, time / 8);
                println!("| {:<52} | {rate:>6.0}/s |", format!("bare write and fsync, {group} x {}", size(pictures)));
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = |name: &str| LprServer::start(&dir.path().join(name), "127.0.0.1:0", &[]);
    bare_lines();
    let server = start("first");
    if wanted("small") {
        by_rest(&runtime, &server, 0, "", time);
    }
    if wanted("pictures") {
        by_rest(&runtime, &server, PICTURES, "", time);
    }
    drop(server);
    bare_lines();
    std::fs::remove_dir_all(dir.path().join("first")).unwrap();
    let server = start("second");
    if wanted("deleted") {
        by_rest(&runtime, &server, PICTURES, ", after those were deleted", time);
    }
    if wanted("agents") {
        let mut agents = agents::Agents::connect(&runtime, &server.address, AGENTS);
        by_agents(&runtime, &server, &mut agents, 0, time);
        by_agents(&runtime, &server, &mut agents, PICTURES, time);
        by_rest(&runtime, &server, 0, ", beside them", time);
    }
}
