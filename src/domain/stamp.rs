//! Moments, kept raw (DESIGN promise 6): the wall clock as it stood, the monotonic clock, and the boot they
//! belong to. A wrong wall clock can be corrected later; a corrected one cannot be undone.

use serde::{Deserialize, Serialize};

/// Identifies one run of the kernel (`/proc/sys/kernel/random/boot_id`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BootId(pub String);

/// When a frame was captured or a report made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaptureTime {
    /// Microseconds since the Unix epoch, UTC, as the wall clock stood then.
    pub wall_us: i64,
    /// Milliseconds since boot, never stepping back within a boot.
    pub mono_ms: u64,
    /// Was the wall clock known to be right at that moment?
    pub synced: bool,
}
