//! When connections show life: on beats they have in common, so that the network and the processor wake up for many of
//! them together and not for each. Pure: a beat is counted from a moment that the host has chosen.

use std::time::Duration;

use tokio::time::Instant;

/// Between two beats. Short beside a heartbeat, so that those who came together are told apart into many beats.
const BEAT: Duration = Duration::from_millis(500);

/// The last beat before `every` is over, or the next one if `every` is shorter than that.
pub(super) fn after(origin: Instant, now: Instant, every: Duration) -> Instant {
    let due = (now + every).saturating_duration_since(origin);
    let beats = due.as_millis() / BEAT.as_millis();
    let beat = origin + BEAT * u32::try_from(beats).unwrap_or(u32::MAX);
    if beat > now { beat } else { now + every }
}

/// How long the connection of this number waits for its first beat: between half a heartbeat and a whole one, so that
/// thousands who came back at once do not show life at once.
pub(super) fn first(number: u64, every: Duration) -> Duration {
    const PARTS: u64 = 64;
    let part = u32::try_from(number % PARTS).unwrap_or(0);
    every / 2 + every / 2 * part / u32::try_from(PARTS).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_beat_is_common_to_all_and_never_later_than_it_may_be(
            later in 0u64..10_000_000,
            apart in 0u64..400,
            every in 1u64..60_000,
        ) {
            let origin = Instant::now();
            let now = origin + Duration::from_millis(later);
            let every = Duration::from_millis(every);
            let beat = after(origin, now, every);
            prop_assert!(beat > now && beat <= now + every);
            prop_assert!(every < BEAT || now + every - beat < BEAT);
            let neighbour = after(origin, now + Duration::from_millis(apart), every);
            prop_assert!(every < 2 * BEAT || neighbour == beat || neighbour == beat + BEAT);
        }

        #[test]
        fn the_first_beat_comes_within_one_heartbeat(number in any::<u64>(), every in 1u64..60_000) {
            let every = Duration::from_millis(every);
            let first = first(number, every);
            prop_assert!(first >= every / 2 && first <= every);
        }
    }

    #[test]
    fn those_who_come_together_are_dealt_out_over_many_beats() {
        let origin = Instant::now();
        let every = Duration::from_secs(25);
        let mut beats =
            (0..10_000).map(|number| after(origin, origin, first(number, every))).collect::<Vec<_>>();
        beats.sort_unstable();
        let most = beats.chunk_by(|one, other| one == other).map(<[_]>::len).max().unwrap();
        assert!(most <= 10_000 / 20, "{most} at once");
    }
}
