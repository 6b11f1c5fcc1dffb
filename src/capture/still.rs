//! Images: one, or a folder of them.

use super::{CaptureError, FrameSource, OpenOptions};
use crate::clock::Clock;
use crate::domain::Frame;
use crate::imaging::{self, ImagingError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The images of a folder, sorted by name; what is not named like an image is skipped, as are subfolders.
pub fn images_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut images = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if imaging::is_image_name(&path) && path.is_file() {
            images.push(path);
        }
    }
    images.sort();
    Ok(images)
}

/// Is the file an image, by its name or by its first bytes?
pub fn is_image(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    std::fs::File::open(path)?.take(12).read_to_end(&mut head)?;
    Ok(imaging::is_image_name(path) || imaging::has_image_magic(&head))
}

/// Hands over one image after the other.
pub struct Images {
    paths: Vec<PathBuf>,
    /// Images asked for so far.
    done: usize,
    clock: Arc<dyn Clock>,
}

impl Images {
    pub fn new(paths: Vec<PathBuf>, options: &OpenOptions) -> Self {
        Self { paths, done: 0, clock: options.clock.clone() }
    }
}

impl FrameSource for Images {
    fn next(&mut self) -> Result<Option<Frame>, CaptureError> {
        let Some(path) = self.paths.get(self.done) else { return Ok(None) };
        self.done += 1;
        let picture = imaging::decode_file(path)?;
        let frame = Frame::new(picture.width, picture.height, picture.pixels, self.done as u64, self.clock.stamp());
        Ok(Some(frame.map_err(ImagingError::from)?))
    }

    fn is_live(&self) -> bool {
        false
    }

    fn label(&self) -> String {
        let last = self.paths.get(self.done.saturating_sub(1));
        last.map(|path| path.display().to_string()).unwrap_or_default()
    }
}
