//! How fast a full outbox drains to a real `lpr-server` on loopback, by each client, side by side.
//! `cargo bench --bench drain --no-default-features --features server,uplink`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark may stop where it stands")]

#[allow(dead_code, reason = "tests use more of it")]
#[path = "../tests/common/lpr_server.rs"]
mod lpr_server;

use lpr::clock::{Clock, SystemClock};
use lpr::config::{OutboxConfig, SocketClientKind, Transport, UplinkConfig};
use lpr::domain::{CameraId, CameraKey, CheckpointId, EventKind};
use lpr::media::{EvidenceRefs, EvidenceStore};
use lpr::outbox::{NewRow, Outbox};
use lpr::uplink::{self, Parts};
use lpr_server::LprServer;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Events of about 2 kB without pictures, and with 200 kB of pictures.
const SIZES: [(&str, usize, usize); 2] = [("2 kB", 6000, 0), ("200 kB of pictures", 600, 200_000)];

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("{:<20} {:<14} {:>8} {:>12} {:>10}", "event", "road", "events", "events/s", "MB/s");
    for (name, count, picture) in SIZES {
        for (road, transport, client) in [
            ("own socket", Transport::Socketio, SocketClientKind::Own),
            ("rust_socketio", Transport::Socketio, SocketClientKind::RustSocketio),
            ("REST", Transport::Rest, SocketClientKind::Own),
        ] {
            let took = runtime.block_on(drain(transport, client, count, picture));
            let rate = count as f64 / took.as_secs_f64();
            let megabytes = rate * (picture * 4 / 3 + 2000) as f64 / 1e6;
            println!("{name:<20} {road:<14} {count:>8} {rate:>12.0} {megabytes:>10.1}");
        }
    }
}

/// Fills an outbox, then starts the uplink; the time until the server has confirmed everything.
async fn drain(transport: Transport, socket_client: SocketClientKind, count: usize, picture: usize) -> Duration {
    let (server_dir, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = LprServer::start(server_dir.path(), "127.0.0.1:0", &[]);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let outbox = Outbox::open(dir.path(), &OutboxConfig::default(), clock.clone()).unwrap();
    let evidence = EvidenceStore::open(dir.path()).unwrap();
    fill(&outbox, &evidence, count, picture).await;

    let config = UplinkConfig { server_url: server.url(), transport, socket_client, ..UplinkConfig::default() };
    let (stop, shutdown) = watch::channel(false);
    let handle = outbox.handle();
    let parts = Parts { cameras: vec![camera()], outbox: handle.clone(), evidence, clock, shrink: None, shutdown };
    let start = Instant::now();
    let uplink = uplink::start(&config, parts).unwrap();
    let drained = async { handle.watch().wait_for(|counts| counts.delivered as usize >= count).await.map(drop) };
    tokio::time::timeout(Duration::from_secs(300), drained).await.expect("it drains").unwrap();
    let took = start.elapsed();
    stop.send(true).unwrap();
    uplink.task.await.unwrap();
    tokio::task::spawn_blocking(|| outbox.close().unwrap()).await.unwrap();
    took
}

async fn fill(outbox: &Outbox, evidence: &EvidenceStore, count: usize, picture: usize) {
    let mut jpeg = vec![0xff, 0xd8, 0xff, 0xe0];
    jpeg.resize(picture, 0x55);
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let event_id = Uuid::now_v7();
        let at = SystemClock.stamp();
        let refs = match picture {
            0 => EvidenceRefs::default(),
            _ => evidence.save(event_id, at, Some(&jpeg), &[]).unwrap(),
        };
        let body = json!({"vehicles_count": 1, "plates_count": 1, "ocr_results": [format!("B{number}")],
            "vehicle_detections": [], "plate_detections": [], "processing_time_ms": 9, "raw_text": ["x".repeat(1400)]});
        let body = body.as_object().unwrap().clone();
        let row = NewRow { event_id, revision: 0, kind: EventKind::Plate, camera: camera(), at, body, evidence: refs };
        let handle = outbox.handle();
        tasks.spawn(async move { handle.submit(row).await.unwrap() });
        while tasks.len() > 128 {
            tasks.join_next().await;
        }
    }
    while tasks.join_next().await.is_some() {}
}

fn camera() -> CameraKey {
    CameraKey { camera: CameraId::new("bench").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() }
}
