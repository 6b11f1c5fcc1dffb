//! What the server costs: events a second by both roads, beside what the same bytes cost without a server, bytes written
//! for each byte received, memory, and questions asked of a million records.
//!
//! `cargo bench --bench server --no-default-features --features server,uplink`; LPR_BENCH_EVENTS and LPR_BENCH_ROWS change
//! how many.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench stops at the first surprise")]

#[path = "../tests/common/event_client.rs"]
mod event_client;
#[path = "../tests/common/lpr_server.rs"]
#[allow(dead_code, reason = "a bench uses a part")]
mod lpr_server;

use event_client::{Event, Rest, Socket};
use lpr_server::LprServer;
use rusqlite::{Connection, params};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Events in flight.
const WINDOW: usize = 16;
const SMALL: usize = 2_000;
const PICTURES: usize = 200_000;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// An event that becomes another with every id that is put into it.
struct Template {
    before: String,
    after: String,
    pictures: Vec<Vec<u8>>,
}

impl Template {
    fn new(picture_bytes: usize) -> Self {
        let event = Event::padded("bench", picture_bytes, SMALL);
        let (before, after) = event.payload.split_once(&event.id).unwrap();
        Self { before: before.into(), after: after.into(), pictures: event.pictures }
    }

    fn make(&self) -> String {
        format!("{}{}{}", self.before, Uuid::now_v7(), self.after)
    }

    fn bytes(&self) -> usize {
        self.before.len() + self.after.len() + 36
    }
}

fn by_rest(address: &str, template: &Template, events: usize) {
    let left = AtomicUsize::new(events);
    thread::scope(|scope| {
        for _ in 0..WINDOW {
            scope.spawn(|| {
                let mut rest = Rest::connect(address).unwrap();
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let (status, answer) = rest.post("/api/detection", &template.make()).unwrap();
                    assert!(status == 200 && answer["success"] == true, "{status} {answer}");
                }
            });
        }
    });
}

fn by_socket(address: &str, template: &Template, events: usize) {
    let mut socket = Socket::connect(address).unwrap();
    let mut answered = 0;
    for sent in 0..events {
        if sent >= answered + WINDOW {
            answered += one_answer(&mut socket);
        }
        socket.send("lpr_data", &template.make(), sent as u64).unwrap();
    }
    while answered < events {
        answered += one_answer(&mut socket);
    }
}

fn one_answer(socket: &mut Socket) -> usize {
    let (_, answer) = socket.ack().unwrap();
    assert_eq!(answer["success"], true, "{answer}");
    1
}

/// The same bytes without a server: pictures written, synced and renamed one after the other, rows and folder synced in
/// groups of [`WINDOW`].
fn bare(dir: &Path, template: &Template, events: usize) {
    let conn = Connection::open(dir.join("bare.db")).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT)",
    )
    .unwrap();
    let body = "b".repeat(SMALL);
    let folder = File::open(dir).unwrap();
    for group in 0..events.div_ceil(WINDOW) {
        for event in 0..WINDOW {
            for (number, picture) in template.pictures.iter().enumerate() {
                let path = dir.join(format!("{group}-{event}-{number}.jpg"));
                let temporary = path.with_extension("tmp");
                let mut file = File::create(&temporary).unwrap();
                file.write_all(picture).unwrap();
                file.sync_all().unwrap();
                fs::rename(&temporary, &path).unwrap();
            }
        }
        if !template.pictures.is_empty() {
            folder.sync_all().unwrap();
        }
        let tx = conn.unchecked_transaction().unwrap();
        for _ in 0..WINDOW {
            let mut insert = tx.prepare_cached("INSERT INTO t VALUES (?1, ?2)").unwrap();
            insert.execute(params![Uuid::now_v7().to_string(), body]).unwrap();
        }
        tx.commit().unwrap();
    }
}

/// Bytes that a process caused to be written to the disk.
fn written(pid: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap();
    line.trim().parse().unwrap()
}

/// Resident memory, in MB: now, or the most so far.
fn memory(pid: u32, which: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<f64>().unwrap() / 1024.0
}

fn rate(events: usize, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

fn measure(kind: &str, picture_bytes: usize, events: usize) {
    let template = Template::new(picture_bytes);
    let dir = tempfile::tempdir_in(".").unwrap();
    let begun = Instant::now();
    bare(dir.path(), &template, events);
    let bare = rate(events.div_ceil(WINDOW) * WINDOW, begun.elapsed());
    println!("{kind:<22} {:<16} {bare:>10.0}", "bare, one thread");
    for (road, send) in [("rest x16", by_rest as fn(&str, &Template, usize)), ("one socket, 16", by_socket)] {
        let dir = tempfile::tempdir_in(".").unwrap();
        let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
        send(&server.address, &template, WINDOW);
        let before = written(server.pid());
        let begun = Instant::now();
        send(&server.address, &template, events);
        let rate = rate(events, begun.elapsed());
        let amplification = (written(server.pid()) - before) as f64 / (events * template.bytes()) as f64;
        println!(
            "{kind:<22} {road:<16} {rate:>10.0} {:>8.2} {amplification:>13.2} {:>8.0} {:>8.0}",
            rate / bare,
            memory(server.pid(), "VmRSS:"),
            memory(server.pid(), "VmHWM:"),
        );
    }
}

/// Questions to a database of so many records.
fn ask(rows: usize) {
    let dir = tempfile::tempdir_in(".").unwrap();
    assert!(LprServer::start(dir.path(), "127.0.0.1:0", &[]).stop("TERM", Duration::from_secs(20)).success());
    let conn = Connection::open(dir.path().join("lpr-server.db")).unwrap();
    conn.execute_batch(&format!(
        "BEGIN;
         INSERT INTO cameras (camera_id, checkpoint_id, registered_us, last_seen_us, detection_count)
             WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19)
             SELECT 'cam-' || i, 'gate', 0, 0, {rows} / 20 FROM n;
         INSERT INTO detections (detection_id, camera_id, checkpoint_id, captured_us, received_us, body)
             WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
             SELECT printf('01a20af1-20ee-72c3-897e-%012d', i), 'cam-' || (i % 20), 'gate', i * 1000000, i * 1000000,
                 json_object('camera_id', 'cam-' || (i % 20), 'ocr_results', json_array('ABC1234'), 'pad', printf('%0300d', i))
             FROM n;
         INSERT INTO tally SELECT 'detection', captured_us / 900000000 AS quarter, count(*) FROM detections GROUP BY quarter;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE);"
    ))
    .unwrap();
    drop(conn);
    let begun = Instant::now();
    let server = LprServer::start(dir.path(), "127.0.0.1:0", &[]);
    println!("\n{rows} records: ready after {:.0} ms", begun.elapsed().as_secs_f64() * 1000.0);
    let mut rest = Rest::connect(&server.address).unwrap();
    for path in [
        "/api/statistics",
        "/api/cameras",
        "/api/records?limit=20",
        "/api/records?limit=20&camera_id=cam-7",
        "/api/records?limit=20&checkpoint_id=gate",
        "/api/records?limit=20&camera_id=nobody",
        "/api/records?limit=10000&images=none",
    ] {
        let mut times: Vec<Duration> = (0..20)
            .map(|_| {
                let begun = Instant::now();
                assert_eq!(rest.get(path).unwrap().0, 200);
                begun.elapsed()
            })
            .collect();
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        println!("{path:<45} median {:>8.2} ms, most {:>8.2} ms", ms(times[10]), ms(times[19]));
    }
    println!("memory {:.0} MB", memory(server.pid(), "VmRSS:"));
}

fn main() {
    let events = number("LPR_BENCH_EVENTS", 16_000);
    println!(
        "{:<22} {:<16} {:>10} {:>8} {:>13} {:>8} {:>8}",
        "event", "road", "events/s", "of bare", "written/sent", "MB now", "MB most"
    );
    measure("2 kB", 0, events);
    measure("2 kB + 200 kB pictures", PICTURES, events / 10);
    ask(number("LPR_BENCH_ROWS", 1_000_000));
}
