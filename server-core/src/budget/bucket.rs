//! Token buckets: pure, over plain time. A bucket is nothing but the moment at which it will be full again.

use std::time::{Duration, Instant};

/// How fast something may be spent, and how much of it may be saved up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// So many per `period`; 0 is no limit.
    count: u32,
    period: Duration,
    /// What may be spent at once, as the time it takes to come back.
    saved: Duration,
}

impl Rate {
    /// So many per second, ten seconds' worth at once: the rush after coming back. 0 is no limit.
    pub(crate) const fn per_second(count: u32) -> Self {
        Self { count, period: Duration::from_secs(1), saved: Duration::from_secs(10) }
    }

    /// So many per minute, all of them at once if need be. 0 is no limit.
    pub(crate) const fn per_minute(count: u32) -> Self {
        Self { count, period: Duration::from_secs(60), saved: Duration::from_secs(60) }
    }

    /// So many per hour, all of them at once if need be. 0 is no limit.
    pub(crate) const fn per_hour(count: u32) -> Self {
        Self { count, period: Duration::from_secs(3600), saved: Duration::from_secs(3600) }
    }

    /// `burst` in a row, and one more after every `each`. 0 is no limit.
    pub(crate) fn in_a_row(burst: u32, each: Duration) -> Self {
        Self { count: u32::from(burst > 0), period: each, saved: each.saturating_mul(burst) }
    }

    /// The time in which `count` come back, rounded down: one by one, what was saved is there to the last.
    fn cost(self, count: u32) -> Duration {
        let nanos = self.period.as_nanos() * u128::from(count) / u128::from(self.count.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// What somebody has left of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Whether it says no more than a new one would.
    pub(crate) fn is_full(self, now: Instant) -> bool {
        self.full_at <= now
    }

    /// How long until `count` can be taken; nothing if they can be now. What costs more than a whole bucket waits for
    /// a full one, and is paid off afterwards.
    pub(crate) fn lacks(self, rate: Rate, count: u32, now: Instant) -> Duration {
        if rate.count == 0 || count == 0 {
            return Duration::ZERO;
        }
        let after = self.full_at.max(now) + rate.cost(count).min(rate.saved);
        after.saturating_duration_since(now + rate.saved)
    }

    /// Takes `count`, whether they are there or not.
    pub(crate) fn take(&mut self, rate: Rate, count: u32, now: Instant) {
        if rate.count > 0 {
            self.full_at = self.full_at.max(now) + rate.cost(count);
        }
    }

    /// Takes `count` if they are there.
    ///
    /// # Errors
    /// How long to wait when they are not; then nothing is taken.
    pub(crate) fn spend(&mut self, rate: Rate, count: u32, now: Instant) -> Result<(), Duration> {
        match self.lacks(rate, count, now) {
            Duration::ZERO => {
                self.take(rate, count, now);
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// Gives one back.
    pub(crate) fn give_back(&mut self, rate: Rate, now: Instant) {
        self.full_at = self.full_at.checked_sub(rate.cost(1)).unwrap_or(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_saved_can_be_spent_at_once_and_then_the_rate_holds() {
        let (now, rate) = (Instant::now(), Rate::per_second(10));
        let mut bucket = Bucket::full(now);
        for _ in 0..100 {
            assert_eq!(bucket.spend(rate, 1, now), Ok(()));
        }
        assert_eq!(bucket.spend(rate, 1, now), Err(Duration::from_millis(100)));
        assert_eq!(bucket.spend(rate, 1, now + Duration::from_millis(100)), Ok(()));
    }

    #[test]
    fn what_costs_more_than_a_bucket_holds_waits_for_a_full_one() {
        let (now, rate) = (Instant::now(), Rate::per_second(1));
        let mut bucket = Bucket::full(now);
        assert_eq!(bucket.spend(rate, 1000, now), Ok(()));
        let wait = bucket.spend(rate, 1, now).unwrap_err();
        assert_eq!(wait, Duration::from_secs(991));
    }

    #[test]
    fn one_given_back_can_be_taken_again_and_zero_is_no_limit() {
        let (now, rate) = (Instant::now(), Rate::in_a_row(1, Duration::from_secs(6)));
        let mut bucket = Bucket::full(now);
        for _ in 0..100 {
            assert_eq!(bucket.spend(rate, 1, now), Ok(()));
            bucket.give_back(rate, now);
        }
        for none in [Rate::per_second(0), Rate::per_hour(0), Rate::in_a_row(0, Duration::from_secs(6))] {
            assert_eq!(bucket.spend(none, u32::MAX, now), Ok(()));
        }
    }

    fn rate() -> impl Strategy<Value = Rate> {
        prop_oneof![
            (1u32..2_000_000).prop_map(Rate::per_second),
            (1u32..1000).prop_map(Rate::per_minute),
            (1u32..1000).prop_map(Rate::per_hour),
            (1u32..200, 1u64..10_000)
                .prop_map(|(burst, each)| Rate::in_a_row(burst, Duration::from_millis(each))),
        ]
    }

    proptest! {
        #[test]
        fn the_time_to_wait_is_true_and_not_a_moment_too_long(
            rate in rate(),
            asks in prop::collection::vec((1u32..200_000, 0u64..3000), 1..40),
        ) {
            let mut now = Instant::now();
            let mut bucket = Bucket::full(now);
            for (count, later) in asks {
                now += Duration::from_millis(later);
                if let Err(wait) = bucket.spend(rate, count, now) {
                    let mut early = bucket;
                    let moment = Duration::from_nanos(1);
                    prop_assert!(early.spend(rate, count, now + wait - moment).is_err());
                    prop_assert_eq!(bucket.spend(rate, count, now + wait), Ok(()));
                    now += wait;
                }
            }
        }

        #[test]
        fn no_more_is_ever_spent_than_was_saved_and_has_come_back(
            per_second in 1u32..1000,
            asks in prop::collection::vec((1u32..500, 0u64..500), 1..100),
        ) {
            let (start, rate) = (Instant::now(), Rate::per_second(per_second));
            let (mut now, mut spent, mut largest) = (start, 0u64, 0u64);
            let mut bucket = Bucket::full(start);
            for (count, later) in asks {
                now += Duration::from_millis(later);
                if bucket.spend(rate, count, now).is_ok() {
                    spent += u64::from(count);
                    largest = largest.max(u64::from(count));
                }
            }
            let passed = u64::try_from((now - start).as_millis()).unwrap();
            let most = u64::from(per_second) * (10_000 + passed) / 1000 + largest + 2;
            prop_assert!(spent <= most, "{} of {}", spent, most);
        }
    }
}
