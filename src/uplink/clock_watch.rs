//! When the boot's clock offset is told to the outbox: once, when the wall clock is known to be right. Pure.

use crate::domain::CaptureTime;
use std::time::Duration;

/// How often an unsynchronised clock is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// After the outbox could not take the offset.
const AGAIN: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    told: bool,
    not_before: Duration,
}

impl ClockWatch {
    /// Is this the moment to tell?
    pub(super) fn due(&self, stamp: CaptureTime) -> bool {
        !self.told && stamp.synced && Duration::from_millis(stamp.mono_ms) >= self.not_before
    }

    /// What became of it.
    pub(super) fn told(&mut self, kept: bool, now: Duration) {
        self.told = kept;
        self.not_before = now + AGAIN;
    }

    /// When to look again; `None`: never.
    pub(super) fn wake_at(&self, now: Duration) -> Option<Duration> {
        (!self.told).then(|| (now + LOOK).max(self.not_before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seconds: u64, synced: bool) -> CaptureTime {
        CaptureTime { wall_us: 0, mono_ms: seconds * 1000, synced }
    }

    #[test]
    fn the_offset_is_told_once_when_the_clock_is_set() {
        let mut watch = ClockWatch::default();
        let s = Duration::from_secs;
        assert!(!watch.due(stamp(1, false)));
        assert_eq!(watch.wake_at(s(1)), Some(s(2)));
        assert!(watch.due(stamp(5, true)));
        watch.told(false, s(5));
        assert!(!watch.due(stamp(6, true)), "the disk gets a rest");
        assert!(watch.due(stamp(15, true)));
        watch.told(true, s(15));
        assert!(!watch.due(stamp(100, true)));
        assert_eq!(watch.wake_at(s(100)), None);
    }
}
