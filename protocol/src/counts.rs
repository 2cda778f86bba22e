//! How much of a room waits to be read: the one derivation for hosts, clients and badges. Pure.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{RoomId, Seq};

/// What of a room counts for me.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// Every message.
    #[default]
    All,
    /// Only those that mention me.
    Mentions,
    /// None.
    Nothing,
}

/// How far I am in a room of mine, and what waits there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Progress {
    /// Which room.
    pub room: RoomId,
    /// How far I have read: the number of an event.
    pub mark: Seq,
    /// The `n` of the newest message up to there.
    #[ts(type = "number")]
    pub marked: u64,
    /// What of it counts for me.
    pub attention: Attention,
    /// Messages after my mark.
    pub unread: u32,
    /// Those of them that mention me.
    pub mentions: u32,
}

/// What waits in a room: `posted` is the `n` of its newest message, `marked` that of the newest one I have read,
/// `mentions` how many after that mention me. The first of the answer are unread messages, the second mentions.
#[must_use]
pub fn waiting(posted: u64, marked: u64, mentions: u64, attention: Attention) -> (u32, u32) {
    let after = posted.saturating_sub(marked);
    let mentions = mentions.min(after);
    let (unread, mentions) = match attention {
        Attention::All => (after, mentions),
        Attention::Mentions => (mentions, mentions),
        Attention::Nothing => (0, 0),
    };
    let shown = |count| u32::try_from(count).unwrap_or(u32::MAX);
    (shown(unread), shown(mentions))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_waits_is_what_was_posted_since(posted in 0u64..100, marked in 0u64..100, mentions in 0u64..100) {
            let (unread, mentioned) = waiting(posted, marked, mentions, Attention::All);
            prop_assert_eq!(u64::from(unread), posted.saturating_sub(marked));
            prop_assert!(mentioned <= unread);
            let (fewer, same) = waiting(posted, marked, mentions, Attention::Mentions);
            prop_assert!(fewer == same && same == mentioned);
            prop_assert_eq!(waiting(posted, marked, mentions, Attention::Nothing), (0, 0));
        }

        #[test]
        fn reading_on_never_leaves_more_to_read(posted in 0u64..100, marked in 0u64..100, further in 0u64..100) {
            let before = waiting(posted, marked, 5, Attention::All);
            let after = waiting(posted, marked + further, 5, Attention::All);
            prop_assert!(after.0 <= before.0 && after.1 <= before.1);
            prop_assert_eq!(waiting(posted, posted, 5, Attention::All), (0, 0));
        }
    }
}
