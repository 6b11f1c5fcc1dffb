//! Idempotency keys.

use super::CaptureTime;
use uuid::{ContextV7, Timestamp, Uuid};

/// A UUIDv7 of the moment `at`: sorts by capture, carries 74 random bits, made once per event and never again.
pub fn new_event_id(at: CaptureTime) -> Uuid {
    let us = u64::try_from(at.wall_us).unwrap_or(0);
    let nanos = u32::try_from(us % 1_000_000).unwrap_or(0) * 1000;
    Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), us / 1_000_000, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_moment_differ_and_later_ones_sort_later() {
        let at = |us| CaptureTime { wall_us: us, mono_ms: 0, synced: true };
        let early = new_event_id(at(1_734_602_400_000_000));
        assert_ne!(early, new_event_id(at(1_734_602_400_000_000)));
        assert!(early < new_event_id(at(1_734_602_401_000_000)));
        assert_eq!(early.get_version_num(), 7);
    }
}
