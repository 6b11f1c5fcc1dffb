//! From an outbox row to what is sent.

use super::transport::Parcel;
use crate::media::EvidenceStore;
use crate::outbox::Row;
use crate::wire::outgoing::{Envelope, Pictures, serialise};
use crate::wire::receipt::Sent;
use serde_json::Value;
use std::sync::Arc;

/// Makes pictures smaller, where the agent can: the pixels are another room's business.
pub trait Shrink: Send + Sync {
    /// The picture as JPEG of at most `max_bytes`; `None` where that cannot be had.
    fn shrink(&self, jpeg: &[u8], max_bytes: usize) -> Option<Vec<u8>>;
}

/// What a row is packed with.
#[derive(Clone)]
pub(super) struct Packer {
    pub evidence: EvidenceStore,
    pub shrink: Option<Arc<dyn Shrink>>,
}

impl Packer {
    /// Reads the row's pictures and writes its payload, with its moments corrected where the clock has been set since.
    /// A payload above `limit` bytes has its pictures made smaller; where that does not help it stays as it is.
    pub(super) async fn pack(&self, row: &Row, limit: usize) -> Parcel {
        let sent = Sent { event_id: row.event_id, revision: row.revision, kind: row.kind, camera: row.camera.clone() };
        if row.evidence.paths().next().is_none() {
            return Parcel { sent, json: payload(row, &Pictures::default()) };
        }
        let (packer, row) = (self.clone(), row.clone());
        let packing = tokio::task::spawn_blocking(move || packer.pack_pictures(&row, limit));
        Parcel { sent, json: packing.await.unwrap_or_default() }
    }

    fn pack_pictures(&self, row: &Row, limit: usize) -> String {
        let pictures = self.read_pictures(row);
        let json = payload(row, &pictures);
        if json.len() <= limit {
            return json;
        }
        let smaller = self.shrunk(&pictures, json.len(), limit).map(|pictures| payload(row, &pictures));
        smaller.filter(|smaller| smaller.len() <= limit).unwrap_or(json)
    }

    /// A read without its picture is still a read: what cannot be read is left out, and said.
    fn read_pictures(&self, row: &Row) -> Pictures {
        let picture = |path: &_| {
            let unreadable = |error: &_| tracing::warn!(error = %error, "an event is sent without this picture");
            self.evidence.read(path).inspect_err(unreadable).ok()
        };
        Pictures {
            frame: row.evidence.frame.as_ref().and_then(picture),
            plates: row.evidence.plates.iter().map(|path| path.as_ref().and_then(picture)).collect(),
        }
    }

    /// The pictures made smaller by as much as the whole is too large, each in proportion.
    fn shrunk(&self, pictures: &Pictures, bytes: usize, limit: usize) -> Option<Pictures> {
        let shrink = self.shrink.as_ref()?;
        let all = pictures.frame.iter().chain(pictures.plates.iter().flatten());
        let encoded: usize = all.map(|picture| picture.len().div_ceil(3) * 4).sum();
        let share = share_of(encoded, bytes, limit)?;
        let smaller = |picture: &Vec<u8>| shrink.shrink(picture, (picture.len() as f64 * share) as usize);
        Some(Pictures {
            frame: pictures.frame.as_ref().map(smaller).map_or(Some(None), |smaller| smaller.map(Some))?,
            plates: (pictures.plates.iter())
                .map(|plate| plate.as_ref().map(smaller).map_or(Some(None), |smaller| smaller.map(Some)))
                .collect::<Option<_>>()?,
        })
    }
}

/// What part of their size the pictures may keep; `None` where they are not what makes the payload too large.
fn share_of(encoded: usize, bytes: usize, limit: usize) -> Option<f64> {
    let rest = bytes.saturating_sub(encoded);
    let room = limit.checked_sub(rest).filter(|room| *room > 0)?;
    // Base64 rounds up, picture by picture.
    (encoded > 0).then(|| (room as f64 / encoded as f64 * 0.98).min(1.0))
}

fn payload(row: &Row, pictures: &Pictures) -> String {
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
    serialise(&envelope, &row.body, pictures, row.offset_us).to_string()
}

/// Texts of the row's plates, best first.
pub(super) fn plates(row: &Row) -> Vec<String> {
    let texts = row.body.get("ocr_results").and_then(Value::as_array);
    texts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pictures_that_keep_their_share_fit(encoded in 4usize..5_000_000, rest in 0usize..100_000, limit in 1usize..3_000_000) {
            match share_of(encoded, encoded + rest, limit) {
                Some(share) => prop_assert!((encoded as f64 * share) as usize + rest <= limit.max(encoded + rest)),
                None => prop_assert!(rest >= limit),
            }
            if encoded + rest > limit && let Some(share) = share_of(encoded, encoded + rest, limit) {
                prop_assert!(encoded as f64 * share + rest as f64 <= limit as f64);
            }
        }
    }
}
