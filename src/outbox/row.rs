//! What is kept per event.

use crate::domain::{BootId, CameraKey, CaptureTime, EventKind};
use crate::media::EvidenceRefs;
use crate::wire::outgoing::{Envelope, Pictures, serialise};
use serde_json::{Map, Value};
use std::collections::HashSet;
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
    /// Raw, as the clocks stood.
    pub at: CaptureTime,
    /// Microseconds to add to every moment of this row: it was captured while the wall clock was not to be trusted, and
    /// the clock has been set since, in the same boot. `None`: nothing to correct, or not known.
    pub offset_us: Option<i64>,
    pub body: Map<String, Value>,
    pub evidence: EvidenceRefs,
}

impl Row {
    /// The payload that says all of it, with these pictures; every moment is corrected where the clock has been set since.
    pub fn payload(&self, pictures: &Pictures) -> Value {
        let envelope = Envelope {
            event_id: self.event_id,
            revision: self.revision,
            kind: self.kind,
            camera: &self.camera,
            epoch: self.epoch,
            seq: self.seq,
            boot: &self.boot,
            at: self.at,
        };
        serialise(&envelope, &self.body, pictures, self.offset_us)
    }
}

/// Which rows [`super::OutboxHandle::next`] is to hand out: by priority, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Want {
    /// At the most.
    pub limit: usize,
    /// Not these: in flight, set aside.
    pub skip: HashSet<RowId>,
    /// Only rows made after this one: the live lane. `None`: all.
    pub newer_than: Option<RowId>,
    /// None of these cameras' rows, however many there are.
    pub held: Vec<CameraKey>,
}

/// A row that a server's answer has named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    pub id: RowId,
    /// The server had it already.
    pub duplicate: bool,
    /// The server's commit number, where the answer told it.
    pub checkpoint: Option<u64>,
}

/// What [`super::OutboxHandle::server_seen`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Delivered rows that will be sent again.
    pub again: u64,
    /// Delivered rows that are no longer kept and may be lost: reported as a gap.
    pub gone: u64,
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
    /// Of them, those that the server had already.
    pub duplicates: u64,
    /// Delivered and still kept, should the server lose them.
    pub kept: u64,
    /// Of all rows and their pictures on the disk.
    pub bytes: u64,
    /// Changes that could not be written since the start: events refused, settlements not kept.
    pub failed: u64,
}
