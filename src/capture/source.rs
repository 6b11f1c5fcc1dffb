//! One trait for every kind of source, and the one way to open them.

use super::{CaptureError, OpenOptions, credentials, still, synthetic, video};
use crate::config::SourceSpec;
use crate::domain::Frame;
use std::path::{Path, PathBuf};

/// Something frames come from.
pub trait FrameSource: Send {
    /// The next frame; `Ok(None)` at the end of a file source, which a live one never reaches. Waits, at most the
    /// read time-out. After an error for which [`CaptureError::is_per_item`] holds, call it again for the item that
    /// follows; after any other the source is dead: drop it and open it anew.
    fn next(&mut self) -> Result<Option<Frame>, CaptureError>;

    /// A live source hands over its newest frame, drops what nobody took, and never ends.
    fn is_live(&self) -> bool;

    /// What the last `next` was about, frame or error: the image's or the clip's path, else the source without its
    /// credentials. With [`Frame::number`] it names a frame.
    fn label(&self) -> String;

    /// Frames of a live source that a newer one replaced before `next` took them.
    fn overwritten(&self) -> u64 {
        0
    }
}

/// Opens a source; waits for at most the open time-out.
///
/// Frames of an image or a folder are captured when they are read. Those of a video file and of the simulator are
/// captured at their own pace from the opening on, however fast they are decoded; those of a camera when they arrive.
/// Credentials are put into an `rtsp://` address for the camera alone; errors show the source without them.
pub fn open(spec: &SourceSpec, options: &OpenOptions) -> Result<Box<dyn FrameSource>, CaptureError> {
    match spec {
        SourceSpec::Path(path) => open_path(path, options),
        SourceSpec::Device(path) => video::open_device(path, options),
        SourceSpec::Rtsp(url) => {
            let full = credentials::with_credentials(url, options.credentials.as_ref());
            video::open_rtsp(spec.to_string(), full, options)
        }
        SourceSpec::Gst(pipeline) => video::open_gst(spec.to_string(), pipeline, options),
        SourceSpec::Sim(text) => synthetic::open(spec.to_string(), text, options),
    }
}

/// The disk tells which it is: a folder, an image (by its name or its first bytes), else a video.
fn open_path(path: &Path, options: &OpenOptions) -> Result<Box<dyn FrameSource>, CaptureError> {
    let unreadable = |reason| CaptureError::Unreadable { path: path.to_owned(), reason };
    if std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        let images = still::images_in(path).map_err(unreadable)?;
        return if images.is_empty() {
            Err(CaptureError::EmptyFolder { path: path.to_owned() })
        } else {
            Ok(Box::new(still::Images::new(images, options)))
        };
    }
    if still::is_image(path).map_err(unreadable)? {
        return Ok(Box::new(still::Images::new(vec![PathBuf::from(path)], options)));
    }
    video::open_file(path, options)
}
