//! From an event to the outbox row that carries it.

use crate::domain::{EventKind, HealthReport, PlateEvent};
use crate::media::EvidenceRefs;
use crate::outbox::NewRow;
use crate::wire::outgoing;

/// The row of a plate event whose pictures are already on the disk.
pub fn plate_row(event: &PlateEvent, evidence: EvidenceRefs) -> NewRow {
    NewRow {
        event_id: event.event_id,
        revision: event.pass.revision,
        kind: EventKind::Plate,
        camera: event.camera.clone(),
        at: event.frame.captured,
        body: outgoing::detection_body(event),
        evidence,
    }
}

/// The row of a health report.
pub fn health_row(report: &HealthReport) -> NewRow {
    NewRow {
        event_id: report.event_id,
        revision: 0,
        kind: EventKind::Health,
        camera: report.camera.clone(),
        at: report.at,
        body: outgoing::health_body(report),
        evidence: EvidenceRefs::default(),
    }
}
