//! What leaves the pipeline: plate events and health reports.

use super::{CameraKey, CaptureTime, Detection, Frame, PassFacts, PlateRead};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an outbox row carries. The order is the priority: earlier kinds are sent first and evicted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Plate,
    Health,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Plate => "plate",
            EventKind::Health => "health",
        }
    }
}

/// One passing vehicle (or one still picture): the reads and the frame that read best.
#[derive(Debug, Clone)]
pub struct PlateEvent {
    /// UUIDv7, made once here and never again: the idempotency key.
    pub event_id: Uuid,
    pub camera: CameraKey,
    /// Of the frame that read best; its `captured` is the event's time.
    pub frame: Frame,
    pub vehicles: Vec<Detection>,
    /// In that frame, best first.
    pub plates: Vec<PlateRead>,
    pub first_seen: CaptureTime,
    pub last_seen: CaptureTime,
    /// Frames in which the plate was read.
    pub reads: u32,
    pub processing_ms: f64,
    /// Revision, direction, votes.
    pub pass: PassFacts,
}

/// How a component feels, as PROTOCOL 1.5 spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    Healthy,
    Warning,
    Error,
}

/// A health report of one component of one camera's box.
#[derive(Debug, Clone, PartialEq)]
pub struct HealthReport {
    pub event_id: Uuid,
    pub camera: CameraKey,
    pub at: CaptureTime,
    /// `camera`, `system`, `outbox`, …
    pub component: String,
    pub status: HealthStatus,
    pub message: String,
    /// A JSON object; usages are percent 0–100.
    pub details: serde_json::Map<String, serde_json::Value>,
}
