//! How often someone may try to sign in: token buckets over plain time.
//!
//! Memory is bounded: full buckets are forgotten, and past a bound all callers share one.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// Most buckets kept at once.
const BUCKETS: usize = 10_000;

/// Buckets per key, each holding `burst` attempts and refilled one per `refill`.
#[derive(Debug)]
pub(crate) struct Attempts<K> {
    burst: u32,
    refill: Duration,
    /// When each bucket will be full again.
    full_at: HashMap<Option<K>, Instant>,
}

impl<K: Eq + Hash> Attempts<K> {
    pub(crate) fn new(burst: u32, refill: Duration) -> Self {
        Self { burst, refill, full_at: HashMap::new() }
    }

    /// Takes one attempt of `key`.
    ///
    /// # Errors
    /// How long to wait when there is none left.
    pub(crate) fn take(&mut self, key: K, now: Instant) -> Result<(), Duration> {
        let key = self.bucket(key, now);
        let full_at = self.full_at.get(&key).copied().unwrap_or(now).max(now);
        let after = full_at + self.refill;
        let most = now + self.refill * self.burst;
        if after > most {
            return Err(after - most);
        }
        self.full_at.insert(key, after);
        Ok(())
    }

    /// Gives an attempt back: it was a good one.
    pub(crate) fn restore(&mut self, key: K, now: Instant) {
        let key = self.bucket(key, now);
        if let Some(full_at) = self.full_at.get_mut(&key) {
            *full_at = full_at.checked_sub(self.refill).unwrap_or(now);
        }
    }

    fn bucket(&mut self, key: K, now: Instant) -> Option<K> {
        let key = Some(key);
        if self.full_at.len() >= BUCKETS && !self.full_at.contains_key(&key) {
            self.full_at.retain(|_, full_at| *full_at > now);
            if self.full_at.len() >= BUCKETS {
                return None;
            }
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_then_one_per_refill() {
        let now = Instant::now();
        let mut attempts = Attempts::new(3, Duration::from_secs(10));
        for _ in 0..3 {
            assert_eq!(attempts.take("alice", now), Ok(()));
        }
        assert_eq!(attempts.take("alice", now), Err(Duration::from_secs(10)));
        assert_eq!(attempts.take("bob", now), Ok(()));
        assert_eq!(attempts.take("alice", now + Duration::from_secs(10)), Ok(()));
        assert!(attempts.take("alice", now + Duration::from_secs(10)).is_err());
    }

    #[test]
    fn a_good_attempt_costs_nothing() {
        let now = Instant::now();
        let mut attempts = Attempts::new(1, Duration::from_secs(10));
        for _ in 0..100 {
            assert_eq!(attempts.take("alice", now), Ok(()));
            attempts.restore("alice", now);
        }
    }

    #[test]
    fn memory_stays_bounded() {
        let now = Instant::now();
        let mut attempts = Attempts::new(2, Duration::from_secs(10));
        for key in 0..3 * BUCKETS {
            let _ = attempts.take(key, now);
        }
        assert!(attempts.full_at.len() <= BUCKETS + 1);
        assert!(attempts.take(usize::MAX, now).is_err(), "those past the bound share one bucket");
    }
}
