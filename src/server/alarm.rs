//! Says a fault when it begins and then once in a while, however often it happens.

use std::time::{Duration, Instant};

/// A fault that goes on is said again after so long.
const EVERY: Duration = Duration::from_secs(30);

/// One kind of fault.
#[derive(Debug, Default)]
pub struct Alarm {
    said: Option<Instant>,
    failures: u64,
}

impl Alarm {
    /// It happened. Gives how often so far, where that is to be said now.
    pub fn raise(&mut self) -> Option<u64> {
        self.raise_at(Instant::now())
    }

    fn raise_at(&mut self, now: Instant) -> Option<u64> {
        self.failures += 1;
        let due = self.said.is_none_or(|said| now.duration_since(said) >= EVERY);
        if due {
            self.said = Some(now);
        }
        due.then_some(self.failures)
    }

    /// It is over. Gives how often it happened, if it did.
    pub fn clear(&mut self) -> Option<u64> {
        let failures = std::mem::take(self).failures;
        (failures > 0).then_some(failures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_said_at_once_then_rarely_and_its_end_once() {
        let mut alarm = Alarm::default();
        let begin = Instant::now();
        assert_eq!(alarm.clear(), None);
        assert_eq!(alarm.raise_at(begin), Some(1));
        assert_eq!(alarm.raise_at(begin + EVERY / 2), None);
        assert_eq!(alarm.raise_at(begin + EVERY), Some(3));
        assert_eq!(alarm.clear(), Some(3));
        assert_eq!(alarm.clear(), None);
        assert_eq!(alarm.raise_at(begin + EVERY), Some(1));
    }
}
