//! Why frames do not come.

use crate::imaging::ImagingError;
use crate::sim::SimError;
use std::path::PathBuf;

/// What went wrong with a source. Sources are shown without their credentials.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("{path}: cannot be opened: {reason}; check the path and its permissions")]
    Unreadable { path: PathBuf, reason: std::io::Error },
    #[error("{path}: holds no image (jpg, jpeg, png, bmp, webp, tif, tiff)")]
    EmptyFolder { path: PathBuf },
    #[error("{path}: no such camera{found}; plug it in, or name one that exists")]
    NoDevice {
        path: PathBuf,
        /// ` (there is /dev/video0, …)`, or that there is none.
        found: String,
    },
    #[error("{path}: is neither an image nor a video that can be decoded; play it with `ffprobe` to see what it is")]
    NotMedia { path: PathBuf },
    #[error("sim: {0}")]
    Sim(#[from] SimError),
    /// One image of several: call `next` again for the one after it.
    #[error(transparent)]
    Image(#[from] ImagingError),
    #[error("{from}: cannot be opened: {remedy}")]
    Open { from: String, remedy: String },
    #[error("{from}: did not open within {seconds} s; check its power, its network and open_timeout_s")]
    OpenTimeout { from: String, seconds: f64 },
    #[error("{from}: sent no frame for {seconds} s; check its power, its network and read_timeout_s")]
    ReadTimeout { from: String, seconds: f64 },
    #[error("{from}: the stream ended")]
    Lost { from: String },
    #[error(
        "{from}: {threads} reads hang in the driver and none came back; unplug and replug the camera, else restart the agent"
    )]
    Wedged { from: String, threads: usize },
    #[error("{from}: the host refused a thread: {reason}; too many run on it, or its memory is used up")]
    Thread { from: String, reason: std::io::Error },
    /// The stop flag of [`super::OpenOptions`] was raised.
    #[error("{from}: stopped")]
    Stopped { from: String },
}

impl CaptureError {
    /// Only one item of the source is bad; `next` goes on with the one after it.
    pub fn is_per_item(&self) -> bool {
        matches!(self, Self::Image(_))
    }

    /// The stop flag was raised; nothing is wrong.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped { .. })
    }
}
