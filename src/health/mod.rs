//! How the box and its cameras feel, as `health_status` events. [`Sampler`] measures, `judge` decides what that means, and
//! [`Governor`] how much the box may work while it is hot.

mod components;
mod governor;
mod judge;
mod post;
mod sample;
mod wear;

pub use components::{ClockSample, DetectorSample, LinkSample, OutboxSample, PartsSample, component_reports};
pub use governor::{FLOOR_PERCENT, Governor, rest_ms};
pub use judge::{CameraSample, camera_report, system_report};
pub use post::{Due, Post};
pub use sample::{Sampler, SystemSample, temperature};
pub use wear::{Wear, wear, written_bytes};
