//! Who was sent away for abuse, and may not come back for a while. Pure and bounded: past the bound those are
//! forgotten whose time is over soonest.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use protocol::MemberId;

use super::source::Source;

/// Most that are remembered.
const EXILED: usize = 16_384;

/// Who is sent away: whoever has not signed in is known by where from only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Exiled {
    Source(Source),
    Member(MemberId),
}

/// Until when each of them stays away.
#[derive(Debug, Default)]
pub(crate) struct Exile(HashMap<Exiled, Instant>);

impl Exile {
    /// `who` stays away until `until`.
    pub(crate) fn send(&mut self, who: Exiled, until: Instant, now: Instant) {
        if self.0.len() >= EXILED && !self.0.contains_key(&who) {
            self.0.retain(|_, until| *until > now);
        }
        if self.0.len() >= EXILED
            && let Some((soonest, _)) = self.0.iter().min_by_key(|(_, until)| **until)
        {
            let soonest = *soonest;
            self.0.remove(&soonest);
        }
        self.0.insert(who, until);
    }

    /// How long `who` still stays away; nothing if they may come.
    pub(crate) fn lasts(&self, who: Exiled, now: Instant) -> Duration {
        self.0.get(&who).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn member(number: u128) -> Exiled {
        Exiled::Member(MemberId(Uuid::from_u128(number)))
    }

    #[test]
    fn it_ends_in_time_and_is_nobody_elses() {
        let (now, minute) = (Instant::now(), Duration::from_secs(60));
        let mut exile = Exile::default();
        exile.send(member(1), now + minute, now);
        assert_eq!(exile.lasts(member(1), now), minute);
        assert_eq!(exile.lasts(member(2), now), Duration::ZERO);
        assert_eq!(exile.lasts(member(1), now + minute), Duration::ZERO);
    }

    #[test]
    fn memory_stays_bounded() {
        let now = Instant::now();
        let mut exile = Exile::default();
        for number in 0..EXILED as u128 + 100 {
            exile.send(member(number), now + Duration::from_secs(60), now);
        }
        assert!(exile.0.len() <= EXILED);
    }
}
