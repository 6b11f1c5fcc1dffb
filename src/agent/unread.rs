//! The thread that keeps pictures of what was not read (docs/tracking.md). It has a queue of its own, so that these never
//! take a place from an event; what finds it full is left out.

use crate::config::EvidenceConfig;
use crate::domain::Frame;
use crate::imaging;
use crate::media::UnreadStore;
use crate::track::Unread;
use std::sync::mpsc::{Receiver, SyncSender};
use tracing::warn;

/// How far a picture reaches beyond the plate or vehicle, as a fraction of its size.
const MARGIN: f32 = 0.5;
/// Pixels: a picture is not wider.
const WIDTH: u32 = 480;

/// A part of a frame, and why nothing was read in it.
pub struct UnreadPicture {
    camera: String,
    why: &'static str,
    part: Frame,
}

/// Cuts the picture out and hands it over; never waits.
pub fn hand_over(camera: &str, unread: &Unread, pictures: &SyncSender<UnreadPicture>) {
    if let Some(part) = imaging::crop(&unread.frame, &unread.bbox.widen(MARGIN, MARGIN)) {
        let picture = UnreadPicture { camera: camera.to_owned(), why: unread.why.as_str(), part };
        // Full or ended: an aid is left out.
        let _ = pictures.try_send(picture);
    }
}

/// Runs until the sender is gone.
pub fn keep(store: &UnreadStore, config: &EvidenceConfig, pictures: Receiver<UnreadPicture>) {
    let mut failed = 0u64;
    for picture in pictures {
        if let Err(error) = keep_one(store, config, &picture) {
            failed += 1;
            if failed.is_power_of_two() {
                warn!(camera = picture.camera, failed, %error, "a picture of an unread vehicle cannot be kept");
            }
        }
    }
}

fn keep_one(store: &UnreadStore, config: &EvidenceConfig, picture: &UnreadPicture) -> Result<(), KeepError> {
    let part = imaging::shrink_to_width(&picture.part, WIDTH)?;
    let jpeg = imaging::encode_jpeg(&part, config.jpeg_quality, config.crop_max_bytes)?;
    Ok(store.add(&picture.camera, picture.why, &jpeg)?)
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Imaging(#[from] imaging::ImagingError),
    #[error("{0}; is there room in data_dir/unread?")]
    Write(#[from] std::io::Error),
}
