//! Payloads as the agent itself makes them, under names that say what they are.

use crate::clock::{Clock, SystemClock};
use crate::domain::{
    BBox, BootId, CameraId, CameraKey, CheckpointId, Detection, EventKind, Frame, HealthReport, HealthStatus, IdError,
    PlateEvent, PlateRead, Quad,
};
use crate::wire::outgoing::{Envelope, Pictures, Who, detection_body, health_body, registration, serialise};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

/// A grey baseline JPEG of 8 × 8 pixels.
const PICTURE: &str = "/9j/2wBDAAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQH/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AP//Z";

/// One test camera: each road has its own, since old servers mix up a camera that is registered by both.
pub(super) struct TestCamera {
    pub key: CameraKey,
    run: Uuid,
    boot: BootId,
}

impl TestCamera {
    pub(super) fn new(id: &str) -> Result<Self, IdError> {
        let key = CameraKey { camera: CameraId::new(id)?, checkpoint: CheckpointId::new("test-client")? };
        Ok(Self { key, run: Uuid::new_v4(), boot: BootId("test-client".into()) })
    }

    pub(super) fn registration(&self) -> Value {
        let who = Who { camera: &self.key, epoch: self.run, boot: &self.boot, at: SystemClock.stamp() };
        registration(Uuid::now_v7(), &who)
    }

    /// A detection with one plate and two pictures.
    pub(super) fn detection(&self, text: &str) -> Result<Value, String> {
        let at = SystemClock.stamp();
        let (car, plate) = (BBox::new(100.0, 100.0, 200.0, 200.0), BBox::new(130.0, 150.0, 170.0, 165.0));
        let event = PlateEvent {
            event_id: Uuid::now_v7(),
            camera: self.key.clone(),
            frame: Frame::new(1, 1, vec![128u8; 3], 1, at).map_err(|error| error.to_string())?,
            vehicles: vec![Detection { bbox: car, confidence: 0.95, class: "car".into(), corners: None }],
            plates: vec![PlateRead {
                bbox: plate,
                corners: Quad::from(plate),
                confidence: 0.92,
                text: text.into(),
                text_confidence: 0.9,
                characters: Vec::new(),
                province: None,
                vehicle: Some(0),
                ..PlateRead::default()
            }],
            first_seen: at,
            last_seen: at,
            reads: 1,
            processing_ms: 150.0,
        };
        let jpeg = STANDARD.decode(PICTURE).map_err(|error| error.to_string())?;
        let pictures = Pictures { frame: Some(jpeg.clone()), plates: vec![Some(jpeg)] };
        Ok(serialise(&self.envelope(event.event_id, EventKind::Plate), &detection_body(&event), &pictures, None))
    }

    pub(super) fn health(&self) -> Value {
        let report = HealthReport {
            event_id: Uuid::now_v7(),
            camera: self.key.clone(),
            at: SystemClock.stamp(),
            component: "camera".into(),
            status: HealthStatus::Healthy,
            message: "test client".into(),
            details: json!({"cpu_usage": 45.2, "memory_usage": 67.8, "disk_usage": 23.1})
                .as_object()
                .cloned()
                .unwrap_or_default(),
        };
        let envelope = self.envelope(report.event_id, EventKind::Health);
        serialise(&envelope, &health_body(&report), &Pictures::default(), None)
    }

    fn envelope(&self, event_id: Uuid, kind: EventKind) -> Envelope<'_> {
        Envelope {
            event_id,
            revision: 0,
            kind,
            camera: &self.key,
            epoch: self.run,
            seq: 1,
            boot: &self.boot,
            at: SystemClock.stamp(),
        }
    }
}
