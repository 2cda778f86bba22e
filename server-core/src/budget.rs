//! How much one connection may ask in a while: pure, over plain time.
//!
//! Whoever asks too much is told when to go on; whoever does not listen to that is sent away.

use std::time::{Duration, Instant};

/// A connection may save up this long of its rate, for the rush after coming back.
const SAVED: Duration = Duration::from_secs(10);

/// Requests refused in a row before a connection counts as abusive.
const PATIENCE: u32 = 200;

/// What one connection has left.
#[derive(Debug)]
pub(crate) struct Budget {
    frames: Bucket,
    bytes: Bucket,
    /// Frames that ask nothing: pings, and parts of messages.
    quiet: Bucket,
    refused: u32,
}

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdrawn {
    /// Take it again after this time.
    Wait(Duration),
    /// This was said often enough.
    Abusive,
}

impl Budget {
    /// So many frames and bytes per second; 0 is no limit.
    pub(crate) fn new(frames: u32, bytes: u32, now: Instant) -> Self {
        let [frames, bytes, quiet] = [frames, bytes, frames].map(|rate| Bucket::new(rate, now));
        Self { frames, bytes, quiet, refused: 0 }
    }

    /// Takes one frame of `bytes`.
    ///
    /// # Errors
    /// When there is not enough left; then nothing is taken.
    pub(crate) fn spend(&mut self, bytes: usize, now: Instant) -> Result<(), Overdrawn> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let wait = self.frames.lacks(1, now).max(self.bytes.lacks(bytes, now));
        if wait > Duration::ZERO {
            self.refused += 1;
            return Err(if self.refused > PATIENCE { Overdrawn::Abusive } else { Overdrawn::Wait(wait) });
        }
        self.frames.take(1, now);
        self.bytes.take(bytes, now);
        self.refused = 0;
        Ok(())
    }
}

impl Budget {
    /// Takes `frames` that ask nothing. Says whether there was enough left for them: they have no answer that could
    /// say when to go on.
    pub(crate) fn listen(&mut self, frames: u32, now: Instant) -> bool {
        let enough = self.quiet.lacks(frames, now) == Duration::ZERO;
        self.quiet.take(frames, now);
        enough
    }
}

#[derive(Debug)]
struct Bucket {
    /// Per second.
    rate: u32,
    /// When it will be full again.
    full_at: Instant,
}

impl Bucket {
    fn new(rate: u32, now: Instant) -> Self {
        Self { rate, full_at: now }
    }

    fn cost(&self, count: u32) -> Duration {
        match self.rate {
            0 => Duration::ZERO,
            rate => Duration::from_secs_f64(f64::from(count) / f64::from(rate)),
        }
    }

    /// How long until there is enough for `count`.
    fn lacks(&self, count: u32, now: Instant) -> Duration {
        if self.rate == 0 {
            return Duration::ZERO;
        }
        let after = self.full_at.max(now) + self.cost(count);
        after.saturating_duration_since(now + SAVED)
    }

    fn take(&mut self, count: u32, now: Instant) {
        self.full_at = self.full_at.max(now) + self.cost(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_can_be_spent_at_once_and_then_the_rate_holds() {
        let now = Instant::now();
        let mut budget = Budget::new(10, 0, now);
        for _ in 0..100 {
            assert_eq!(budget.spend(1_000_000, now), Ok(()));
        }
        let Err(Overdrawn::Wait(wait)) = budget.spend(1, now) else { panic!("it was taken") };
        assert!(wait <= Duration::from_millis(101), "{wait:?}");
        assert_eq!(budget.spend(1, now + wait), Ok(()));
        assert!(budget.spend(1, now + wait).is_err());
    }

    #[test]
    fn large_frames_cost_more_and_zero_is_no_limit() {
        let now = Instant::now();
        let mut budget = Budget::new(0, 1000, now);
        assert_eq!(budget.spend(10_000, now), Ok(()));
        assert!(budget.spend(1, now).is_err());
        let mut free = Budget::new(0, 0, now);
        (0..10_000).for_each(|_| assert_eq!(free.spend(100_000, now), Ok(())));
    }

    #[test]
    fn frames_that_ask_nothing_are_counted_by_themselves() {
        let now = Instant::now();
        let mut budget = Budget::new(10, 0, now);
        assert!(budget.listen(100, now));
        assert!(!budget.listen(1, now));
        assert_eq!(budget.spend(1, now), Ok(()), "requests have their own");
        assert!(Budget::new(0, 0, now).listen(u32::MAX, now));
    }

    #[test]
    fn whoever_never_waits_is_abusive_and_whoever_waits_is_forgiven() {
        let now = Instant::now();
        let mut budget = Budget::new(1, 0, now);
        while budget.spend(1, now).is_ok() {}
        for _ in 1..PATIENCE {
            assert!(matches!(budget.spend(1, now), Err(Overdrawn::Wait(_))));
        }
        assert_eq!(budget.spend(1, now), Err(Overdrawn::Abusive));
        assert_eq!(budget.spend(1, now + SAVED), Ok(()));
        assert!(matches!((0..20).find_map(|_| budget.spend(1, now + SAVED).err()), Some(Overdrawn::Wait(_))));
    }
}
