//! The media thread: an event becomes pictures on the disk, then a row of the outbox. In this order: a row never
//! names a picture that is not there.

use super::page::recent::Recent;
use crate::config::EvidenceConfig;
use crate::domain::{BBox, PlateEvent, PlateRead};
use crate::imaging::{self, ImagingError};
use crate::media::{EvidenceRefs, EvidenceStore, MediaError};
use crate::outbox::{OutboxError, OutboxHandle};
use crate::supervise::Pulse;
use crate::uplink::plate_row;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use tracing::{error, warn};

/// How far a crop reaches beyond the plate, as a fraction of its size: enough to see the frame around it.
const CROP_MARGIN: f32 = 0.15;

/// What the media thread needs.
pub struct MediaLoop {
    pub config: EvidenceConfig,
    pub store: EvidenceStore,
    pub outbox: OutboxHandle,
    pub pulse: Pulse,
    /// Shown on the local page.
    pub recent: Arc<Recent>,
}

impl MediaLoop {
    /// Runs until the last event is committed and its sender is gone.
    pub fn run(self, events: Receiver<PlateEvent>) {
        self.pulse.rest();
        for event in events {
            self.pulse.beat();
            if let Err(failure) = self.keep(&event) {
                error!(camera = %event.camera, event_id = %event.event_id, error = %failure, "event lost: it cannot be stored");
            }
            self.pulse.rest();
        }
        self.pulse.end();
    }

    fn keep(&self, event: &PlateEvent) -> Result<(), OutboxError> {
        let evidence = self.pictures(event).unwrap_or_else(|failure| {
            // The read is worth more than its picture.
            warn!(camera = %event.camera, event_id = %event.event_id, error = %failure, "event kept without pictures");
            self.outbox.pictures_refused();
            EvidenceRefs::default()
        });
        self.outbox.submit_blocking(plate_row(event, evidence))
    }

    fn pictures(&self, event: &PlateEvent) -> Result<EvidenceRefs, PictureError> {
        let config = &self.config;
        let annotated = imaging::annotate(&event.frame, &event.vehicles, &event.plates)?;
        let frame = imaging::shrink_to_width(&annotated, config.frame_max_width)?;
        let frame = imaging::encode_jpeg(&frame, config.jpeg_quality, config.frame_max_bytes)?;
        let crops = (event.plates.iter())
            .map(|plate| {
                let crop = imaging::crop(&event.frame, &shown(plate));
                crop.map(|crop| imaging::encode_jpeg(&crop, config.jpeg_quality, config.crop_max_bytes)).transpose()
            })
            .collect::<Result<Vec<_>, ImagingError>>()?;
        self.recent.add(event, &crops);
        let (id, revision) = (event.event_id, event.pass.revision);
        Ok(self.store.save_revision(id, revision, event.frame.captured, Some(&frame), &crops)?)
    }
}

/// What a crop shows: the plate's box and around it, and all that was read. A box may hold a part of its plate only, the
/// text come from a look beside it or below.
fn shown(plate: &PlateRead) -> BBox {
    let around = plate.bbox.widen(CROP_MARGIN, CROP_MARGIN);
    let read = plate.corners.bbox();
    if read.is_valid() { around.union(&read) } else { around }
}

/// Why an event has no pictures.
#[derive(Debug, thiserror::Error)]
enum PictureError {
    #[error(transparent)]
    Imaging(#[from] ImagingError),
    #[error(transparent)]
    Media(#[from] MediaError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plate_read_beside_its_box_is_whole_in_its_crop() {
        let bbox = BBox::new(100.0, 50.0, 180.0, 90.0);
        let beside = BBox::new(60.0, 46.0, 184.0, 94.0);
        let plate = PlateRead { bbox, corners: beside.into(), ..PlateRead::default() };
        assert_eq!(shown(&plate), BBox::new(60.0, 44.0, 192.0, 96.0));
        let unread = PlateRead { bbox, ..PlateRead::default() };
        assert_eq!(shown(&unread), bbox.widen(CROP_MARGIN, CROP_MARGIN));
    }
}
