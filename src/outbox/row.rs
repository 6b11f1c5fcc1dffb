//! What is kept per event.

use crate::domain::{BootId, CameraKey, CaptureTime, EventKind};
use crate::media::EvidenceRefs;
use serde_json::{Map, Value};
use uuid::Uuid;

/// A row's number in the outbox file. Means nothing outside this file; the wire knows `event_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub(super) i64);

#[cfg(test)]
impl RowId {
    pub(crate) fn for_tests(number: i64) -> Self {
        Self(number)
    }
}

/// An event to be kept. The outbox adds epoch, sequence number and boot.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRow {
    /// The idempotency key: the same id and revision again change nothing and are no error.
    pub event_id: Uuid,
    pub revision: u32,
    pub kind: EventKind,
    pub camera: CameraKey,
    /// Raw, as the clocks stood (DESIGN promise 6).
    pub at: CaptureTime,
    /// The payload without ids, times and pictures.
    pub body: Map<String, Value>,
    /// Files already on the disk.
    pub evidence: EvidenceRefs,
}

/// A kept event.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: RowId,
    pub event_id: Uuid,
    pub revision: u32,
    pub kind: EventKind,
    pub camera: CameraKey,
    /// Of the outbox in which the row was made.
    pub epoch: Uuid,
    /// Rises within an epoch, from 1; never used twice.
    pub seq: u64,
    /// The boot to which `at.mono_ms` belongs.
    pub boot: BootId,
    pub at: CaptureTime,
    pub body: Map<String, Value>,
    pub evidence: EvidenceRefs,
}

/// How the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Waiting for delivery, in flight included.
    pub pending: u64,
    /// Of them plates.
    pub pending_plates: u64,
    /// Refused for good, kept with the reason.
    pub quarantined: u64,
    /// Ever delivered from this file.
    pub delivered: u64,
}
