//! How often: events of one device, and wrong sign-ins from one address. Pure; `now` is time since boot.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::time::Duration;

/// Seconds' worth of events that may come at once, after a silence.
const BURST_S: f64 = 10.0;

/// Senders that are remembered; those that have been silent longest are forgotten first, and lose nothing by it.
const MOST_KEYS: usize = 20_000;

/// A token bucket per sender.
#[derive(Debug)]
pub struct Pace<K> {
    buckets: HashMap<K, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    at: Duration,
}

impl<K> Default for Pace<K> {
    fn default() -> Self {
        Self { buckets: HashMap::new() }
    }
}

impl<K: Eq + Hash> Pace<K> {
    /// May one more come from `key` at `per_second`? If not: after how long.
    pub fn take(&mut self, key: K, per_second: f64, now: Duration) -> Result<(), Duration> {
        let full = per_second * BURST_S;
        if self.buckets.len() >= MOST_KEYS {
            self.buckets.retain(|_, bucket| bucket.level_at(now, per_second) < full);
            if self.buckets.len() >= MOST_KEYS {
                self.buckets.clear();
            }
        }
        let bucket = self.buckets.entry(key).or_insert(Bucket { level: full, at: now });
        let level = bucket.level_at(now, per_second).min(full);
        *bucket = Bucket { level, at: now };
        if level >= 1.0 {
            bucket.level -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(((1.0 - level) / per_second).max(0.001)))
    }
}

impl Bucket {
    fn level_at(&self, now: Duration, per_second: f64) -> f64 {
        self.level + now.saturating_sub(self.at).as_secs_f64() * per_second
    }
}

/// Wrong tokens that one address may try in [`WINDOW`].
const TRIES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);

/// Wrong tries of all addresses in [`WINDOW`] that the audit trail names one by one: nobody may fill it with them.
const NOTED: u32 = 300;

/// Counts wrong sign-ins.
#[derive(Debug, Default)]
pub struct Throttle {
    addresses: HashMap<IpAddr, (u32, Duration)>,
    noted: (u32, Duration),
}

impl Throttle {
    /// May this address try? If not: after how long.
    pub fn may_try(&mut self, address: IpAddr, now: Duration) -> Result<(), Duration> {
        match self.addresses.get(&block_of(address)) {
            Some((wrong, since)) if *wrong >= TRIES => match (*since + WINDOW).checked_sub(now) {
                Some(wait) if !wait.is_zero() => Err(wait),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Is one more wrong try to be written down?
    pub fn may_note(&mut self, now: Duration) -> bool {
        if now.saturating_sub(self.noted.1) >= WINDOW {
            self.noted = (0, now);
        }
        self.noted.0 = self.noted.0.saturating_add(1);
        self.noted.0 <= NOTED
    }

    /// It tried, and was wrong. Gives how often it was within the window.
    pub fn wrong(&mut self, address: IpAddr, now: Duration) -> u32 {
        if self.addresses.len() >= MOST_KEYS {
            self.addresses.retain(|_, (_, since)| now.saturating_sub(*since) < WINDOW);
        }
        let entry = self.addresses.entry(block_of(address)).or_insert((0, now));
        if now.saturating_sub(entry.1) >= WINDOW {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
        entry.0
    }
}

/// The address as one neighbour: a household or a server has a whole /64 of IPv6.
pub fn block_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_sender_may_burst_and_then_keeps_its_pace() {
        let mut pace = Pace::default();
        let taken = (0..1000).take_while(|_| pace.take("a", 5.0, s(1.0)).is_ok()).count();
        assert_eq!(taken, 50);
        let wait = pace.take("a", 5.0, s(1.0)).unwrap_err();
        assert!(wait > s(0.19) && wait <= s(0.2), "{wait:?}");
        assert!(pace.take("b", 5.0, s(1.0)).is_ok(), "another sender is not held back");
        assert!(pace.take("a", 5.0, s(1.2)).is_ok() && pace.take("a", 5.0, s(1.2)).is_err());
        assert!((0..49).all(|_| pace.take("a", 5.0, s(100.0)).is_ok()), "a silence fills it");
    }

    #[test]
    fn senders_without_number_cost_no_memory_without_bound() {
        let mut pace = Pace::default();
        for n in 0..3 * MOST_KEYS {
            assert!(pace.take(n, 1.0, s(1.0)).is_ok());
        }
        assert!(pace.buckets.len() <= MOST_KEYS);
    }

    #[test]
    fn an_address_that_guesses_must_wait() {
        let mut throttle = Throttle::default();
        let guesser: IpAddr = "2001:db8::1".parse().unwrap();
        for _ in 0..TRIES {
            assert!(throttle.may_try(guesser, s(5.0)).is_ok());
            throttle.wrong(guesser, s(5.0));
        }
        assert_eq!(throttle.may_try(guesser, s(6.0)), Err(s(59.0)));
        assert!(throttle.may_try("2001:db8::ffff".parse().unwrap(), s(6.0)).is_err(), "the same neighbour");
        assert!(throttle.may_try("2001:db8:1::1".parse().unwrap(), s(6.0)).is_ok());
        assert!(throttle.may_try(guesser, s(65.0)).is_ok());
        assert_eq!(throttle.wrong(guesser, s(65.0)), 1);
        assert_eq!((0..1000).filter(|_| throttle.may_note(s(65.0))).count(), 300);
        assert!(throttle.may_note(s(200.0)));
    }
}
