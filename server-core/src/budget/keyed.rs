//! Buckets by key: who has what left. Pure, and bounded in memory however many keys are shown to it.
//!
//! Full buckets are forgotten first, as they say nothing; then those least in debt. Whoever comes with a million
//! addresses can so make the host forget trifles, but not who has just used up what they had.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};

/// Most buckets kept at once.
pub(crate) const BUCKETS: usize = 32_768;

/// A bucket for each key, full where none is kept.
#[derive(Debug)]
pub(crate) struct Keyed<K>(HashMap<K, Bucket>);

impl<K> Default for Keyed<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash> Keyed<K> {
    /// How long until `key` can take `count`.
    pub(crate) fn lacks(&self, key: &K, rate: Rate, count: u32, now: Instant) -> Duration {
        self.0.get(key).copied().unwrap_or_else(|| Bucket::full(now)).lacks(rate, count, now)
    }

    /// Whether `key` has all it can have.
    pub(crate) fn is_full(&self, key: &K, now: Instant) -> bool {
        self.0.get(key).is_none_or(|bucket| bucket.is_full(now))
    }

    /// Takes `count` of `key`, whether they are there or not.
    pub(crate) fn take(&mut self, key: K, rate: Rate, count: u32, now: Instant) {
        if self.0.len() >= BUCKETS && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        self.0.entry(key).or_insert_with(|| Bucket::full(now)).take(rate, count, now);
    }

    /// Takes one of `key` if there is one.
    ///
    /// # Errors
    /// How long to wait when there is none.
    pub(crate) fn spend(&mut self, key: K, rate: Rate, now: Instant) -> Result<(), Duration> {
        match self.lacks(&key, rate, 1, now) {
            Duration::ZERO => {
                self.take(key, rate, 1, now);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Gives one back: it was a good one.
    pub(crate) fn give_back(&mut self, key: &K, rate: Rate, now: Instant) {
        if let Some(bucket) = self.0.get_mut(key) {
            bucket.give_back(rate, now);
        }
    }

    /// Forgets the full ones, and if that is not enough the half nearest to it.
    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, bucket| !bucket.is_full(now));
        if self.0.len() < BUCKETS {
            return;
        }
        let half = self.0.len() / 2;
        let mut all = self.0.values().copied().collect::<Vec<_>>();
        let (_, middle, _) = all.select_nth_unstable(half);
        let (middle, mut spare) = (*middle, half);
        self.0.retain(|_, bucket| {
            let kept = *bucket > middle || spare == 0;
            spare -= usize::from(!kept);
            kept
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: (u32, Duration) = (3, Duration::from_secs(10));

    fn rate() -> Rate {
        Rate::in_a_row(RATE.0, RATE.1)
    }

    #[test]
    fn a_burst_is_allowed_then_one_per_refill_and_others_have_their_own() {
        let now = Instant::now();
        let mut keyed = Keyed::default();
        assert!(keyed.is_full(&"alice", now));
        for _ in 0..3 {
            assert_eq!(keyed.spend("alice", rate(), now), Ok(()));
        }
        assert!(!keyed.is_full(&"alice", now) && keyed.is_full(&"alice", now + 3 * RATE.1));
        assert_eq!(keyed.spend("alice", rate(), now), Err(RATE.1));
        assert_eq!(keyed.spend("bob", rate(), now), Ok(()));
        assert_eq!(keyed.spend("alice", rate(), now + RATE.1), Ok(()));
        assert!(keyed.spend("alice", rate(), now + RATE.1).is_err());
    }

    #[test]
    fn a_million_keys_take_bounded_memory_and_do_not_wash_away_a_debt() {
        let mut now = Instant::now();
        let mut keyed = Keyed::default();
        while keyed.spend(u32::MAX, rate(), now).is_ok() {}
        for key in 0..1_000_000u32 {
            now += Duration::from_nanos(1);
            assert_eq!(keyed.spend(key, rate(), now), Ok(()), "nobody new waits for the others");
        }
        assert!(keyed.0.len() <= BUCKETS);
        assert!(keyed.spend(u32::MAX, rate(), now).is_err(), "who has used all up is still known");
    }

    #[test]
    fn keys_that_are_all_alike_make_room_too() {
        let now = Instant::now();
        let mut keyed = Keyed::default();
        for key in 0..BUCKETS + 2 {
            keyed.take(key, rate(), 1, now);
        }
        assert!((BUCKETS / 2..=BUCKETS).contains(&keyed.0.len()), "{}", keyed.0.len());
    }
}
