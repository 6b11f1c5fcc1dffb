//! The words everyone shares: ids, geometry, frames, what was seen, what is reported. Pure: no IO, no clocks,
//! no other room.

mod event;
mod frame;
mod geometry;
mod ids;
mod reading;
mod stamp;

pub use event::{EventKind, HealthReport, HealthStatus, PlateEvent};
pub use frame::{Frame, FrameError};
pub use geometry::{BBox, Point, Quad};
pub use ids::{CameraId, CameraKey, CheckpointId, IdError};
pub use reading::{CharRead, Detection, FrameReading, PlateRead, Timing};
pub use stamp::{BootId, CaptureTime};
