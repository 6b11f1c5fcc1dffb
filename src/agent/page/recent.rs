//! The last reads with their pictures, in memory: what a person at the machine wants to see, and nothing that is kept.

use crate::domain::PlateEvent;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// One plate of a read.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentPlate {
    pub text: String,
    pub province: Option<String>,
    pub text_confidence: f32,
    pub doubtful: bool,
    pub height: f32,
    pub sharpness: Option<f32>,
    pub crop: Option<Arc<[u8]>>,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentRead {
    pub event_id: Uuid,
    pub camera: String,
    pub checkpoint: String,
    pub at_us: i64,
    /// Frames in which it was read.
    pub reads: u32,
    pub provisional: bool,
    pub plates: Vec<RecentPlate>,
}

/// The last few, newest first. As many again are kept behind them: a page that has just listed them asks for their pictures.
#[derive(Debug)]
pub struct Recent {
    keep: usize,
    reads: Mutex<VecDeque<RecentRead>>,
}

impl Recent {
    /// Lists the last `keep`.
    pub fn keeping(keep: usize) -> Self {
        Self { keep, reads: Mutex::default() }
    }

    /// Adds an event with the JPEGs of its plates; a later revision takes the place of the earlier one.
    pub fn add(&self, event: &PlateEvent, crops: &[Option<Vec<u8>>]) {
        if self.keep == 0 {
            return;
        }
        let crops = crops.iter().map(|crop| crop.as_deref().map(Arc::from)).chain(std::iter::repeat(None));
        let plates = event.plates.iter().zip(crops).map(|(plate, crop)| RecentPlate {
            text: plate.text.clone(),
            province: plate.province.clone(),
            text_confidence: plate.text_confidence,
            doubtful: event.pass.doubtful,
            height: plate.bbox.height(),
            sharpness: plate.sharpness,
            crop,
        });
        let read = RecentRead {
            event_id: event.event_id,
            camera: event.camera.camera.to_string(),
            checkpoint: event.camera.checkpoint.to_string(),
            at_us: event.frame.captured.wall_us,
            reads: event.reads,
            provisional: event.pass.provisional,
            plates: plates.collect(),
        };
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.retain(|known| known.event_id != read.event_id);
        reads.push_front(read);
        reads.truncate(2 * self.keep);
    }

    /// Those that are listed, newest first.
    pub fn all(&self) -> Vec<RecentRead> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner).iter().take(self.keep).cloned().collect()
    }

    /// The picture of one plate.
    pub fn crop(&self, event_id: Uuid, plate: usize) -> Option<Arc<[u8]>> {
        let reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.iter().find(|read| read.event_id == event_id)?.plates.get(plate)?.crop.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CameraId, CameraKey, CaptureTime, CheckpointId, Frame, PassFacts, PlateRead};

    fn event(id: u128, text: &str) -> PlateEvent {
        let at = CaptureTime::default();
        PlateEvent {
            event_id: Uuid::from_u128(id),
            camera: CameraKey { camera: CameraId::new("c").unwrap(), checkpoint: CheckpointId::new("g").unwrap() },
            frame: Frame::new(1, 1, vec![0u8; 3], 1, at).unwrap(),
            vehicles: Vec::new(),
            plates: vec![PlateRead { text: text.into(), ..PlateRead::default() }],
            first_seen: at,
            last_seen: at,
            reads: 3,
            processing_ms: 1.0,
            pass: PassFacts::default(),
        }
    }

    #[test]
    fn the_last_are_listed_and_a_revision_takes_the_place_of_the_first_word() {
        let recent = Recent::keeping(2);
        for (id, text) in [(0, "Z"), (1, "A"), (2, "B"), (3, "C"), (4, "D"), (2, "BB"), (3, "CC")] {
            recent.add(&event(id, text), &[Some(vec![id as u8])]);
        }
        let texts: Vec<String> = recent.all().iter().map(|read| read.plates[0].text.clone()).collect();
        assert_eq!(texts, ["CC", "BB"]);
        assert_eq!(recent.crop(Uuid::from_u128(3), 0).as_deref(), Some([3u8].as_slice()));
        assert!(recent.crop(Uuid::from_u128(1), 0).is_some(), "a page that has just listed it may ask for its picture");
        assert_eq!(recent.crop(Uuid::from_u128(0), 0), None);
        assert_eq!(recent.crop(Uuid::from_u128(3), 1), None);
        let off = Recent::keeping(0);
        off.add(&event(1, "A"), &[]);
        assert_eq!(off.all(), []);
    }
}
