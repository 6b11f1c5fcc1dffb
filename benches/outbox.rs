//! What the outbox costs, on the disk under `LPR_BENCH_DIR` (default: the system's temporary directory). Prints a table.
//!
//! `cargo bench --bench outbox --no-default-features --features uplink`; `LPR_BENCH_ROWS` sets the length of the long queue
//! (default 100,000).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark ends at the first fault")]

use lpr::clock::{Clock, SystemClock};
use lpr::config::OutboxConfig;
use lpr::domain::{CameraId, CameraKey, CheckpointId, EventKind};
use lpr::media::{EvidenceRefs, EvidenceStore};
use lpr::outbox::{NewRow, Outbox, OutboxHandle, Settled, Want};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

const BODY: usize = 2048;
const PICTURE: usize = 200_000;

fn main() {
    if let Ok(dir) = std::env::var("LPR_BENCH_FILL") {
        return fill_and_die(Path::new(&dir));
    }
    if let Ok(dir) = std::env::var("LPR_BENCH_OPEN") {
        return open_and_tell(Path::new(&dir));
    }
    println!("| what | measured | wanted |\n|---|---|---|");
    enqueue();
    for threads in [1, 4] {
        evidence(threads);
    }
    amplification();
    long_queue();
}

fn tell(what: &str, measured: String, wanted: &str) {
    println!("| {what} | {measured} | {wanted} |");
}

fn scratch() -> TempDir {
    let root = std::env::var_os("LPR_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    tempfile::tempdir_in(root).unwrap()
}

fn open(dir: &Path, config: OutboxConfig) -> Outbox {
    Outbox::open(dir, &config, Arc::new(SystemClock)).unwrap()
}

fn rows() -> usize {
    std::env::var("LPR_BENCH_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(100_000)
}

/// Its body is [`BODY`] bytes of JSON.
fn event() -> NewRow {
    let mut body = serde_json::Map::new();
    body.insert("ocr_results".into(), serde_json::json!(["กข 1234"]));
    let bare = serde_json::to_string(&body).unwrap().len() + r#","filler":"""#.len();
    body.insert("filler".into(), "x".repeat(BODY - bare).into());
    NewRow {
        event_id: Uuid::now_v7(),
        revision: 0,
        kind: EventKind::Plate,
        camera: CameraKey { camera: CameraId::new("cam-1").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() },
        at: SystemClock.stamp(),
        body,
        evidence: EvidenceRefs::default(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// `count` events by `submitters` at once.
fn submit(handle: &OutboxHandle, count: usize, submitters: usize) {
    runtime().block_on(async {
        let tasks: Vec<_> = (0..submitters)
            .map(|_| {
                let handle = handle.clone();
                tokio::spawn(async move {
                    for _ in 0..count / submitters {
                        handle.submit(event()).await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}

fn enqueue() {
    for submitters in [1, 16, 256] {
        let dir = scratch();
        let outbox = open(dir.path(), OutboxConfig::default());
        let count = if submitters == 1 { 500 } else { 40_000 / 256 * 256 };
        let start = Instant::now();
        submit(&outbox.handle(), count, submitters);
        let rate = count as f64 / start.elapsed().as_secs_f64();
        outbox.close().unwrap();
        let wanted = if submitters == 256 { ">= 10,000/s" } else { "" };
        tell(&format!("durable enqueue, 2 kB, {submitters} submitter(s)"), format!("{rate:.0}/s"), wanted);
    }
}

fn evidence(threads: usize) {
    const ROUNDS: usize = 7;
    let picture: Vec<u8> = (0..PICTURE).map(|at| (at * 7919) as u8).collect();
    let (bare, dir) = (scratch(), scratch());
    let outbox = open(dir.path(), OutboxConfig::default());
    // As in an agent that has run for a while: the log has its full length and is written over.
    submit(&outbox.handle(), 256 * 40, 256);
    let store = EvidenceStore::open(dir.path()).unwrap();
    // In turns: the speed of a disk changes from one second to the next.
    let (mut bare_rates, mut rates) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        bare_rates.push(rate(threads, |name| {
            let temporary = bare.path().join(format!("{round}-{name}.tmp"));
            let mut file = File::create(&temporary).unwrap();
            file.write_all(&picture).unwrap();
            file.sync_all().unwrap();
            fs::rename(&temporary, bare.path().join(format!("{round}-{name}.jpg"))).unwrap();
        }));
        rates.push(rate(threads, |_| {
            let event = event();
            let evidence = store.save(event.event_id, event.at, Some(&picture), &[]).unwrap();
            outbox.handle().submit_blocking(NewRow { evidence, ..event }).unwrap();
        }));
    }
    outbox.close().unwrap();
    let (bare_rate, rate) = (median(bare_rates), median(rates));
    tell(
        &format!("durable enqueue with 200 kB, {threads} thread(s), median of {ROUNDS} in turns"),
        format!("{rate:.0}/s; bare write+fsync+rename {bare_rate:.0}/s; ratio {:.2}", rate / bare_rate),
        ">= 0.5",
    );
}

/// How often a second `work` is done by so many threads; it gets a name of its own each time.
fn rate(threads: usize, work: impl Fn(&str) + Sync) -> f64 {
    const EACH: usize = 60;
    let (start, work) = (Instant::now(), &work);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (0..EACH).for_each(|number| work(&format!("{thread}-{number}"))));
        }
    });
    (threads * EACH) as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Bytes this process has caused to be written to a disk.
fn written() -> u64 {
    let io = fs::read_to_string("/proc/self/io").unwrap();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).unwrap().trim().parse().unwrap()
}

/// Whole lives: 16 submitted together, 16 settled together, deleted in batches once 2 MB are kept.
fn amplification() {
    const WAVES: usize = 1000;
    let dir = scratch();
    let outbox = open(dir.path(), OutboxConfig { keep_delivered_mb: 2, ..OutboxConfig::default() });
    let handle = outbox.handle();
    let before = written();
    runtime().block_on(async {
        for _ in 0..WAVES {
            let wave: Vec<_> = (0..16)
                .map(|_| {
                    let handle = handle.clone();
                    tokio::spawn(async move { handle.submit(event()).await.unwrap() })
                })
                .collect();
            for one in wave {
                one.await.unwrap();
            }
            let rows = handle.next(Want { limit: 16, ..Want::default() }).await.unwrap();
            let settled = rows.iter().map(|row| Settled { id: row.id, duplicate: false, checkpoint: None }).collect();
            handle.settle(settled).await.unwrap();
        }
    });
    outbox.close().unwrap();
    let factor = (written() - before) as f64 / (WAVES * 16 * BODY) as f64;
    tell("bytes written per byte of event, whole life, 16 rows a commit", format!("{factor:.2}"), "<= 4");
}

fn long_queue() {
    let dir = scratch();
    let again = |role: &str| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(role, dir.path());
        command.output().unwrap()
    };
    let empty = open_elsewhere(&again("LPR_BENCH_OPEN").stdout);
    assert!(!again("LPR_BENCH_FILL").status.success(), "it kills itself");
    let full = open_elsewhere(&again("LPR_BENCH_OPEN").stdout);
    let rows = rows();
    tell(&format!("start-up after SIGKILL, {rows} rows waiting"), format!("{:.0} ms", full.0), "<= 1000 ms");
    tell(
        &format!("resident memory, {rows} rows waiting"),
        format!("{:.1} MB; empty {:.1} MB", full.1 / 1000.0, empty.1 / 1000.0),
        "flat",
    );
}

fn open_elsewhere(output: &[u8]) -> (f64, f64) {
    let text = String::from_utf8_lossy(output);
    let mut numbers = text.split_whitespace().map(|word| word.parse::<f64>().unwrap());
    (numbers.next().expect("milliseconds"), numbers.next().expect("kB"))
}

fn fill_and_die(dir: &Path) {
    let outbox = open(dir, OutboxConfig { max_bytes: 1_000_000_000_000, ..OutboxConfig::default() });
    submit(&outbox.handle(), rows(), 250);
    // As SIGKILL: nothing is written back, nothing is closed.
    std::process::abort();
}

fn open_and_tell(dir: &Path) {
    let start = Instant::now();
    let outbox = open(dir, OutboxConfig { max_bytes: 1_000_000_000_000, ..OutboxConfig::default() });
    let opened = start.elapsed();
    let handle = outbox.handle();
    runtime().block_on(async {
        let mut newest = None;
        for _ in 0..50 {
            let rows = handle.next(Want { limit: 64, newer_than: newest, ..Want::default() }).await.unwrap();
            newest = rows.last().map(|row| row.id).or(newest);
            handle.unpin(rows.iter().map(|row| row.id).collect());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    });
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    println!("{} {}", opened.as_secs_f64() * 1000.0, resident.split_whitespace().next().unwrap());
    // Left as it is, for whoever opens it next.
    std::process::exit(0);
}
