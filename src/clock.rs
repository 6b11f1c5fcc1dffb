//! Time, injected: nothing else in the crate asks the operating system what time it is.

use crate::domain::CaptureTime;
use std::sync::Mutex;
use std::time::Duration;

/// A source of time.
pub trait Clock: Send + Sync {
    /// Time since boot; never steps back.
    fn monotonic(&self) -> Duration;

    /// Microseconds since the Unix epoch, UTC; may be wrong and may step.
    fn wall_us(&self) -> i64;

    /// Is the wall clock known to be right? Once it is, it stays so until the next boot.
    fn synced(&self) -> bool;

    /// All three at once. Whether the wall clock is right is asked before it is read: set in between, the time is right
    /// and merely not known to be; the other way round a wrong one would count as right.
    fn stamp(&self) -> CaptureTime {
        let synced = self.synced();
        CaptureTime {
            wall_us: self.wall_us(),
            mono_ms: u64::try_from(self.monotonic().as_millis()).unwrap_or(u64::MAX),
            synced,
        }
    }
}

/// The host's clocks: `CLOCK_BOOTTIME`, `CLOCK_REALTIME`, and systemd's word on whether that has been set.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
    }

    fn wall_us(&self) -> i64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
    }

    fn synced(&self) -> bool {
        // systemd-timesyncd makes this file when it has first set the clock after boot; for others a unit does (docs/clock.md).
        std::path::Path::new("/run/systemd/timesync/synchronized").exists()
    }
}

/// A clock that a test turns by hand.
#[derive(Debug, Default)]
pub struct SimClock {
    now: Mutex<CaptureTime>,
}

impl SimClock {
    /// Stands at `now` until told otherwise.
    pub fn new(now: CaptureTime) -> Self {
        Self { now: Mutex::new(now) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut CaptureTime) -> T) -> T {
        act(&mut self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Both clocks go on by `by`.
    pub fn advance(&self, by: Duration) {
        self.with(|now| {
            now.wall_us += i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
            now.mono_ms += u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        });
    }

    /// The wall clock steps; the monotonic one does not notice.
    pub fn step_wall_us(&self, by: i64) {
        self.with(|now| now.wall_us += by);
    }

    pub fn set_synced(&self, synced: bool) {
        self.with(|now| now.synced = synced);
    }
}

impl Clock for SimClock {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.with(|now| now.mono_ms))
    }

    fn wall_us(&self) -> i64 {
        self.with(|now| now.wall_us)
    }

    fn synced(&self) -> bool {
        self.with(|now| now.synced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Is set by NTP whenever somebody looks at it: between any two questions.
    #[derive(Default)]
    struct SetMeanwhile(AtomicBool);

    impl Clock for SetMeanwhile {
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        fn wall_us(&self) -> i64 {
            if self.0.swap(true, Ordering::SeqCst) { 1_700_000_000_000_000 } else { 0 }
        }

        fn synced(&self) -> bool {
            self.0.swap(true, Ordering::SeqCst)
        }
    }

    #[test]
    fn a_clock_that_is_set_while_it_is_read_never_calls_a_wrong_time_right() {
        let stamp = SetMeanwhile::default().stamp();
        assert!(!stamp.synced || stamp.wall_us > 0, "{stamp:?}");
    }
}
