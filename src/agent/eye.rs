//! Looks once a second at what a live camera shows, and says when that changes.

use super::luma_grid::LumaGrid;
use crate::domain::{CameraKey, Frame};
use crate::vision::{Liveness, Picture, VIEW, fingerprint};
use tracing::{debug, info, warn};

const EVERY_MS: u64 = 1000;

/// One camera's.
pub struct Eye {
    liveness: Liveness,
    grid: LumaGrid,
    looked_ms: Option<u64>,
    picture: Picture,
}

impl Eye {
    /// `frozen_ms` as for [`Liveness::new`].
    pub fn new(frozen_ms: u64) -> Self {
        let (liveness, grid) = (Liveness::new(frozen_ms), LumaGrid::default());
        Self { liveness, grid, looked_ms: None, picture: Picture::Unknown }
    }

    /// What the camera's picture is like, with this frame.
    pub fn look(&mut self, camera: &CameraKey, frame: &Frame) -> Picture {
        let now_ms = frame.captured.mono_ms;
        if self.looked_ms.is_some_and(|then| now_ms.saturating_sub(then) < EVERY_MS) {
            return self.picture;
        }
        self.looked_ms = Some(now_ms);
        let grid = match self.grid.of(frame, VIEW) {
            Ok(grid) => grid,
            Err(error) => {
                // The pipeline fails on such a frame too, and says so.
                debug!(%camera, frame = frame.number, %error, "the picture cannot be judged");
                return self.picture;
            }
        };
        let picture = self.liveness.look(grid, fingerprint(frame.pixels()), now_ms);
        if picture != self.picture {
            say(camera, self.picture, picture);
            self.picture = picture;
        }
        picture
    }
}

fn say(camera: &CameraKey, before: Picture, picture: Picture) {
    match remedy(picture) {
        Some(remedy) => {
            warn!(%camera, picture = picture.as_str(), "the camera's picture is {}; {remedy}", picture.as_str())
        }
        None if before >= Picture::Blinded => {
            info!(%camera, picture = picture.as_str(), "the camera's picture is right again")
        }
        None => debug!(%camera, picture = picture.as_str(), "the camera's picture has changed"),
    }
}

/// What a person can do about it; `None` where nothing is to be done.
pub fn remedy(picture: Picture) -> Option<&'static str> {
    match picture {
        Picture::Unknown | Picture::Good | Picture::Dark => None,
        Picture::Blinded => Some("sun or a lamp shines into the lens: shade it or turn it"),
        Picture::Moved => {
            Some("it shows another place than before: aim it again, or restart the agent if it is meant to")
        }
        Picture::Covered => Some("look whether the lens is covered or the lamp has failed"),
        Picture::Frozen => Some("every frame is the same to the last bit: restart the camera"),
    }
}
