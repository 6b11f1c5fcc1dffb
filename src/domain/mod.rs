//! The words everyone shares: ids, geometry, frames, what was seen, what is reported. Pure: no IO, no clocks,
//! no other room.

mod event;
mod event_id;
mod frame;
mod geometry;
mod ids;
mod passage;
mod plate_key;
mod province;
mod reading;
mod stamp;

pub use event::{EventKind, HealthReport, HealthStatus, PlateEvent};
pub use event_id::new_event_id;
pub use frame::{Frame, FrameError};
pub use geometry::{BBox, Point, Quad};
pub use ids::{CameraId, CameraKey, CheckpointId, IdError, leaves_its_line};
pub use passage::{Direction, LineCrossing, PassFacts, TextVote, VoteTable};
pub use plate_key::{Change, Likeness, Swap, confusion_key, likeness, plate_key};
pub use province::{PROVINCES, ProvinceStart, may_be_province, province_key, split_province};
pub use reading::{CharRead, Detection, FrameReading, PlateLight, PlateRead, Timing};
pub use stamp::{BootId, CaptureTime};
