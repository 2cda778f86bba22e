//! When a certificate is renewed, and when a failed attempt is made again. Pure: the time is given.

use protocol::{HostId, UnixMillis};

/// The first pause after a failure, and the longest, in milliseconds: authorities allow five failures an hour.
const PAUSE: (i64, i64) = (5 * 60_000, 12 * 3_600_000);

/// After two thirds of its life, up to a twentieth earlier, each host at its own moment: a crowd at midnight helps
/// nobody, and a third of the life is left for whatever goes wrong.
pub(super) fn renewal((begins, ends): (UnixMillis, UnixMillis), host: &HostId) -> UnixMillis {
    let life = ends.0.saturating_sub(begins.0).max(0);
    let share = i64::from(host.digest()[0]);
    UnixMillis(begins.0 + life / 3 * 2 - life / 20 * share / 256)
}

/// After the failure of this number in a row, counted from 1: twice as long each time. `share` of 256 spreads by half.
pub(super) fn pause(failures: u32, share: u8) -> i64 {
    let doubled = PAUSE.0.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(PAUSE.1);
    doubled + doubled / 2 * i64::from(share) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;

    #[test]
    fn a_third_of_the_life_is_left_when_a_certificate_is_renewed() {
        for first in [0, 128, 255] {
            let host = HostId::from_digest([first; 32]);
            let at = renewal((UnixMillis(0), UnixMillis(90 * DAY)), &host).0;
            assert!((55 * DAY..=60 * DAY).contains(&at), "{at}");
            let short = renewal((UnixMillis(0), UnixMillis(6 * DAY)), &host).0;
            assert!((3 * DAY..=4 * DAY).contains(&short), "{short}");
        }
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses = (1..40).map(|failures| pause(failures, 0)).collect::<Vec<_>>();
        assert_eq!(pauses[..3], [300_000, 600_000, 1_200_000]);
        assert!(pauses.windows(2).all(|two| two[0] <= two[1]));
        assert_eq!(pauses[38], PAUSE.1);
        assert!(pause(1, 255) < 2 * PAUSE.0);
    }
}
