//! From an outbox row to what is sent.

use super::transport::Parcel;
use crate::clock::Clock;
use crate::domain::BootId;
use crate::media::{EvidenceRefs, EvidenceStore};
use crate::outbox::Row;
use crate::wire::outgoing::{Envelope, Pictures, clock_offset_us, serialise};
use crate::wire::receipt::Sent;
use serde_json::Value;
use std::sync::Arc;

/// Reads the row's pictures and writes its payload, with its moments corrected where the clock has been set since.
pub(super) async fn pack(row: &Row, evidence: &EvidenceStore, clock: &Arc<dyn Clock>, boot: &BootId) -> Parcel {
    let pictures = read_pictures(row.evidence.clone(), evidence.clone()).await;
    let envelope = Envelope {
        event_id: row.event_id,
        revision: row.revision,
        kind: row.kind,
        camera: &row.camera,
        epoch: row.epoch,
        seq: row.seq,
        boot: &row.boot,
        at: row.at,
    };
    let offset_us = clock_offset_us(row.at, &row.boot, clock.stamp(), boot);
    let payload = serialise(&envelope, &row.body, &pictures, offset_us);
    let bytes = serde_json::to_vec(&payload).map_or(usize::MAX, |json| json.len());
    let sent = Sent { event_id: row.event_id, revision: row.revision, kind: row.kind, camera: row.camera.clone() };
    Parcel { sent, payload, bytes }
}

/// A read without its picture is still a read: what cannot be read is left out, and said.
async fn read_pictures(refs: EvidenceRefs, store: EvidenceStore) -> Pictures {
    let read = move || {
        let picture = |path: &_| {
            store.read(path).inspect_err(|error| tracing::warn!(%error, "an event is sent without this picture")).ok()
        };
        Pictures {
            frame: refs.frame.as_ref().and_then(picture),
            plates: refs.plates.iter().map(|path| path.as_ref().and_then(picture)).collect(),
        }
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

/// Texts of the row's plates, best first.
pub(super) fn plates(row: &Row) -> Vec<String> {
    let texts = row.body.get("ocr_results").and_then(Value::as_array);
    texts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
