//! How long to wait before trying again: pure, with the randomness passed in.

use std::time::Duration;

/// The first wait; a restarting host is back within it.
pub(crate) const FIRST: Duration = Duration::from_millis(500);
/// The longest wait while a host has been away for minutes only: whoever comes back into a network is soon up to date.
pub(crate) const NEAR: Duration = Duration::from_secs(4);
/// Tries at that pace: about ten minutes of them.
const TRIES: u32 = 100;
/// The longest wait; a person looking at the window has pressed "retry now" by then.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);
/// A link that lived at least this long had really worked: the next wait starts small again.
pub(crate) const LIVED: Duration = Duration::from_secs(10);

/// Counts failed tries in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure. `jitter` is uniform in `0.0..1.0`: between half of the full wait and all of
    /// it, so that a thousand clients of one restarting host do not come back in the same moment.
    pub(crate) fn next(&mut self, jitter: f64) -> Duration {
        let longest = if self.failures < TRIES { NEAR } else { LONGEST };
        let growing = FIRST.saturating_mul(1 << self.failures.min(10));
        let full = growing.min(longest);
        self.failures = self.failures.saturating_add(1);
        full.div_f64(2.0) + full.div_f64(2.0).mul_f64(jitter.clamp(0.0, 1.0))
    }

    /// A link ended after `lived`.
    pub(crate) fn lived(&mut self, lived: Duration) {
        if lived >= LIVED {
            self.failures = 0;
        }
    }

    /// A person or the network says that things changed.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random number in `0.0..1.0`; the middle where the system has none, which only costs the spreading.
pub(crate) fn jitter() -> f64 {
    let mut bytes = [0u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_is_never_zero_and_never_over_the_longest(failures in 0u32..10_000, jitter in 0.0f64..1.0) {
            let mut backoff = Backoff { failures };
            let wait = backoff.next(jitter);
            prop_assert!(wait >= FIRST / 2);
            prop_assert!(wait <= LONGEST);
        }

        #[test]
        fn waits_grow_until_the_longest(jitter in 0.0f64..1.0) {
            let mut backoff = Backoff::default();
            let waits: Vec<_> = (0..12).map(|_| backoff.next(jitter)).collect();
            prop_assert!(waits.is_sorted());
        }
    }

    #[test]
    fn a_host_that_comes_back_within_minutes_is_met_within_seconds() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..TRIES).map(|_| backoff.next(0.5)).collect();
        assert!(waits.iter().all(|wait| *wait <= NEAR));
        assert!(waits.iter().sum::<Duration>() > Duration::from_secs(240));
        assert!(backoff.next(0.0) > NEAR);
    }

    #[test]
    fn only_a_link_that_lived_resets_the_wait() {
        let mut backoff = Backoff { failures: 5 };
        backoff.lived(LIVED / 2);
        assert_eq!(backoff.failures, 5);
        backoff.lived(LIVED);
        assert_eq!(backoff.failures, 0);
    }
}
