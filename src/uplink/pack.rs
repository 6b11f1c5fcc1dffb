//! From an outbox row to what is sent.

use super::transport::Parcel;
use crate::media::EvidenceStore;
use crate::outbox::Row;
use crate::wire::outgoing::Pictures;
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
    /// A payload above `limit` bytes has its pictures made smaller; where that does not help it stays as it is. `None`:
    /// it could not be made at all.
    pub(super) async fn pack(&self, row: &Row, limit: usize) -> Option<Parcel> {
        let sent = Sent { event_id: row.event_id, revision: row.revision, kind: row.kind, camera: row.camera.clone() };
        let json = if row.evidence.paths().next().is_none() {
            payload(row, &Pictures::default())
        } else {
            let (packer, row) = (self.clone(), row.clone());
            // A panic in there ends the task, not the agent.
            tokio::task::spawn_blocking(move || packer.pack_pictures(&row, limit)).await.ok()?
        };
        Some(Parcel { sent, json, ahead: 0, breaks: 0 })
    }

    fn pack_pictures(&self, row: &Row, limit: usize) -> String {
        let pictures = self.read_pictures(row);
        let json = payload(row, &pictures);
        if json.len() <= limit {
            return json;
        }
        let encoded: usize =
            pictures.frame.iter().chain(pictures.plates.iter().flatten()).map(|picture| encoded(picture)).sum();
        let room = limit.saturating_sub(json.len().saturating_sub(encoded));
        let smaller = self.shrink.as_deref().and_then(|shrink| shrunk(shrink, &pictures, room));
        let smaller = smaller.map(|pictures| payload(row, &pictures));
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
}

/// Bytes of a picture in the payload.
fn encoded(picture: &[u8]) -> usize {
    picture.len().div_ceil(3) * 4
}

/// Bytes that a picture may have for so many in the payload.
fn decoded(room: usize) -> usize {
    room / 4 * 3
}

/// The pictures made small enough for `room` bytes in the payload. The frame gives first: plates are small, and what
/// they show is what matters. Only where that is not enough all give in proportion, except those that cannot.
fn shrunk(shrink: &dyn Shrink, pictures: &Pictures, room: usize) -> Option<Pictures> {
    let of_plates = |plates: &[Option<Vec<u8>>]| plates.iter().flatten().map(|plate| encoded(plate)).sum::<usize>();
    let frame_beside = |plates: Vec<Option<Vec<u8>>>| {
        let room = room.checked_sub(of_plates(&plates))?;
        let frame = match &pictures.frame {
            Some(frame) if encoded(frame) > room => {
                Some(shrink.shrink(frame, decoded(room)).filter(|smaller| encoded(smaller) <= room)?)
            }
            frame => frame.clone(),
        };
        Some(Pictures { frame, plates })
    };
    frame_beside(pictures.plates.clone()).or_else(|| {
        let all = of_plates(&pictures.plates) + pictures.frame.as_deref().map_or(0, encoded);
        let share = room as f64 / all.max(1) as f64;
        let smaller = |plate: &Vec<u8>| {
            let smaller = shrink.shrink(plate, (plate.len() as f64 * share) as usize);
            smaller.filter(|smaller| smaller.len() < plate.len()).unwrap_or_else(|| plate.clone())
        };
        frame_beside(pictures.plates.iter().map(|plate| plate.as_ref().map(smaller)).collect())
    })
}

fn payload(row: &Row, pictures: &Pictures) -> String {
    row.payload(pictures).to_string()
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

    /// Cuts pictures, and makes none smaller than this.
    struct Floor(usize);

    impl Shrink for Floor {
        fn shrink(&self, jpeg: &[u8], max_bytes: usize) -> Option<Vec<u8>> {
            (max_bytes >= self.0).then(|| jpeg[..jpeg.len().min(max_bytes)].to_vec())
        }
    }

    fn sizes(pictures: &Pictures) -> (usize, Vec<usize>) {
        let size = |picture: &Option<Vec<u8>>| picture.as_ref().map_or(0, Vec::len);
        (size(&pictures.frame), pictures.plates.iter().map(size).collect())
    }

    fn pictures(frame: usize, plates: &[usize]) -> Pictures {
        Pictures { frame: Some(vec![0; frame]), plates: plates.iter().map(|size| Some(vec![0; *size])).collect() }
    }

    #[test]
    fn the_frame_gives_first_and_a_plate_that_cannot_be_made_smaller_stays_as_it_is() {
        let (frame, plates) = sizes(&shrunk(&Floor(2000), &pictures(900_000, &[1500, 0, 6000]), 400_000).unwrap());
        assert!(frame > 280_000 && frame < 300_000, "{frame}: as much as fits beside the plates");
        assert_eq!(plates, [1500, 0, 6000], "plates are not touched");
        // Plates that leave nothing to the frame: those that can, give.
        let (frame, plates) = sizes(&shrunk(&Floor(500), &pictures(90_000, &[700, 60_000]), 60_000).unwrap());
        assert!((500..60_000).contains(&frame) && plates[0] == 700 && plates[1] < 40_000, "{frame} {plates:?}");
        assert!(shrunk(&Floor(usize::MAX), &pictures(90_000, &[700]), 60_000).is_none());
    }

    proptest! {
        #[test]
        fn what_is_made_smaller_fits(
            frame in 0usize..2_000_000, plates in prop::collection::vec(0usize..50_000, 0..4), room in 0usize..1_000_000,
            floor in 0usize..5_000,
        ) {
            if let Some(smaller) = shrunk(&Floor(floor), &pictures(frame, &plates), room) {
                let all = smaller.frame.iter().chain(smaller.plates.iter().flatten()).map(|picture| encoded(picture)).sum::<usize>();
                prop_assert!(all <= room);
            }
        }
    }
}
