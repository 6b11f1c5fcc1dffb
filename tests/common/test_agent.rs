//! An agent without cameras, and what it sends: outbox, evidence and uplink as `lpr-agent run` composes them, with short
//! waiting times.

use lpr::clock::{Clock, SystemClock};
use lpr::config::{OutboxConfig, UplinkConfig};
use lpr::domain::*;
use lpr::media::{EvidenceRefs, EvidenceStore};
use lpr::outbox::{Outbox, OutboxHandle};
use lpr::uplink::link::Timings;
use lpr::uplink::{self, LinkStatus, Parts, Shrink, Uplink};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use uuid::Uuid;

/// For everything that a test waits for.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub fn camera() -> CameraKey {
    CameraKey { camera: CameraId::new("cam-1").unwrap(), checkpoint: CheckpointId::new("gate").unwrap() }
}

fn plate_event(text: &str, at: CaptureTime) -> PlateEvent {
    let bbox = BBox::new(10.0, 20.0, 110.0, 50.0);
    PlateEvent {
        event_id: Uuid::now_v7(),
        camera: camera(),
        frame: Frame::new(2, 1, vec![0u8; 6], 1, at).unwrap(),
        vehicles: vec![Detection { bbox, confidence: 0.9, class: "car".into(), corners: None }],
        plates: vec![PlateRead {
            bbox,
            corners: bbox.into(),
            confidence: 0.8,
            text: text.into(),
            text_confidence: 0.99,
            characters: Vec::new(),
            province: None,
            vehicle: Some(0),
            ..PlateRead::default()
        }],
        first_seen: at,
        last_seen: at,
        reads: 3,
        processing_ms: 12.0,
    }
}

pub fn health_report() -> HealthReport {
    HealthReport {
        event_id: Uuid::now_v7(),
        camera: camera(),
        at: SystemClock.stamp(),
        component: "system".into(),
        status: HealthStatus::Healthy,
        message: "all well".into(),
        details: json!({"cpu_usage": 12.5}).as_object().unwrap().clone(),
    }
}

/// A JPEG of one grey pixel, padded with a comment-like tail to the size wanted.
fn jpeg(bytes: usize) -> Vec<u8> {
    let mut picture = vec![0xff, 0xd8, 0xff, 0xe0];
    picture.resize(bytes.max(6) - 2, 0x55);
    picture.extend([0xff, 0xd9]);
    picture
}

/// What a test may exchange.
pub struct Extras {
    pub clock: Arc<dyn Clock>,
    pub shrink: Option<Arc<dyn Shrink>>,
    pub timings: Timings,
}

impl Default for Extras {
    fn default() -> Self {
        let ms = Duration::from_millis;
        let timings = Timings {
            probe: (ms(50), ms(400)),
            down: (ms(50), ms(400)),
            stable: ms(300),
            dwell: ms(500),
            auth_pause: ms(300),
            aside: (ms(20), ms(500)),
            breaker: ms(500),
            // Long, so that a slow machine is not taken for a dead socket.
            silence: DEADLINE,
        };
        Self { clock: Arc::new(SystemClock), shrink: None, timings }
    }
}

/// An agent without cameras: outbox, evidence, uplink.
pub struct Agent {
    outbox: Outbox,
    pub evidence: EvidenceStore,
    pub uplink: Uplink,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
}

impl Agent {
    pub fn start(dir: &Path, server_url: &str, change: impl FnOnce(&mut UplinkConfig)) -> Self {
        Self::start_with(dir, server_url, Extras::default(), change)
    }

    pub fn start_with(dir: &Path, server_url: &str, extras: Extras, change: impl FnOnce(&mut UplinkConfig)) -> Self {
        let Extras { clock, shrink, timings } = extras;
        let outbox = Outbox::open(dir, &OutboxConfig::default(), clock.clone()).unwrap();
        let evidence = EvidenceStore::open(dir).unwrap();
        let mut config = UplinkConfig {
            server_url: server_url.into(),
            // Long, so that a slow machine is not taken for a silent server.
            connect_timeout_s: 10.0,
            answer_timeout_s: 10.0,
            ..UplinkConfig::default()
        };
        change(&mut config);
        let (stop, shutdown) = watch::channel(false);
        let parts = Parts {
            cameras: vec![camera()],
            outbox: outbox.handle(),
            evidence: evidence.clone(),
            clock: clock.clone(),
            shrink,
            shutdown,
        };
        let uplink = uplink::start_with(&config, parts, timings).unwrap();
        Self { outbox, evidence, uplink, clock, stop }
    }

    pub fn handle(&self) -> OutboxHandle {
        self.outbox.handle()
    }

    pub async fn submit_plate(&self, text: &str, picture_bytes: usize) -> (Uuid, EvidenceRefs) {
        let event = plate_event(text, self.clock.stamp());
        let picture = jpeg(picture_bytes);
        let crop = vec![Some(jpeg(200))];
        let refs = self.evidence.save(event.event_id, event.frame.captured, Some(&picture), &crop).unwrap();
        self.handle().submit(uplink::plate_row(&event, refs.clone())).await.unwrap();
        (event.event_id, refs)
    }

    pub async fn drained(&self) {
        let mut counts = self.handle().watch();
        let drained = counts.wait_for(|counts| counts.pending == 0);
        if tokio::time::timeout(DEADLINE, drained).await.is_err() {
            panic!("not drained: {:?}, {:?}", self.handle().counts(), self.uplink.status.borrow());
        }
    }

    pub async fn status(&self, wanted: impl Fn(&LinkStatus) -> bool) -> LinkStatus {
        let mut status = self.uplink.status.clone();
        match tokio::time::timeout(DEADLINE, status.wait_for(wanted)).await {
            Ok(status) => status.unwrap().clone(),
            Err(_) => panic!("the link stays {:?}", self.uplink.status.borrow()),
        }
    }

    /// As on SIGTERM.
    pub async fn stop(self) {
        self.stop.send(true).unwrap();
        tokio::time::timeout(DEADLINE, self.uplink.task).await.unwrap().unwrap();
        let outbox = self.outbox;
        tokio::task::spawn_blocking(|| outbox.close().unwrap()).await.unwrap();
    }
}

/// Waits for a condition; the test fails when it does not come.
pub async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < DEADLINE, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
