//! Frames that could not be read: a few are forgiven, many in a row are abuse. Pure, over plain time.

use std::time::{Duration, Instant};

use super::bucket::{Bucket, Rate};

/// Unreadable frames a stranger may send in a row.
const OF_STRANGERS: u32 = 3;

/// The same of members: enough for a newer client to learn what this host can't.
const OF_MEMBERS: u32 = 50;

/// One more is forgiven after this long: over days, a few are no abuse.
const FORGIVEN: Duration = Duration::from_secs(10);

/// How many one connection has sent of late.
#[derive(Debug)]
pub(crate) struct Faults(Bucket);

impl Faults {
    pub(crate) const fn none(now: Instant) -> Self {
        Self(Bucket::full(now))
    }

    /// One more. Says whether it is forgiven.
    pub(crate) fn forgives(&mut self, member: bool, now: Instant) -> bool {
        let most = if member { OF_MEMBERS } else { OF_STRANGERS };
        self.0.spend(Rate::in_a_row(most, FORGIVEN), 1, now).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_in_a_row_are_forgiven_and_those_of_a_long_life_are() {
        let start = Instant::now();
        for (member, most) in [(false, OF_STRANGERS), (true, OF_MEMBERS)] {
            let mut faults = Faults::none(start);
            assert!((0..most).all(|_| faults.forgives(member, start)));
            assert!(!faults.forgives(member, start), "one too many at once");
            let mut faults = Faults::none(start);
            assert!((0..1000).all(|step| faults.forgives(member, start + FORGIVEN * step)), "now and then");
        }
    }
}
