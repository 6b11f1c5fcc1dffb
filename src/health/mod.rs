//! How the box and its cameras feel, as `health_status` events. [`Sampler`] measures, [`judge`] decides.

mod judge;
mod sample;

pub use judge::{CameraSample, camera_report, system_report};
pub use sample::{Sampler, SystemSample};
