//! Frames in: one way to open every kind of source, a latest-frame slot per camera, and the thread that drives one
//! camera. With `imaging`, the boundary to OpenCV; `videoio` is named here only.
//!
//! [`open`] gives a [`FrameSource`] to whoever wants to pull frames by himself (`lpr-agent read`). The agent starts a
//! [`Worker`] per camera instead, and one thread takes the newest frames of all cameras in turn from their shared
//! [`Slots`].

mod backoff;
mod credentials;
mod error;
mod grabber;
mod options;
mod pace;
mod rtsp;
mod slots;
mod source;
mod stats;
mod still;
mod synthetic;
mod video;
mod worker;

pub use backoff::Backoff;
pub use error::CaptureError;
pub use options::OpenOptions;
pub use pace::Pace;
pub use slots::Slots;
pub use source::{FrameSource, open};
pub use stats::{CameraSnapshot, CameraState, CameraStats};
pub use worker::Worker;
