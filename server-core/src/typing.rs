//! Who was told to be writing, and when: so that a room is not told at every key.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use protocol::limits::TYPING_TOLD_MS;
use protocol::{MemberId, RoomId};

const TOLD: Duration = Duration::from_millis(TYPING_TOLD_MS as u64);

/// Bounded by the members who write within one telling.
#[derive(Debug, Default)]
pub(crate) struct Typing(Mutex<HashMap<(RoomId, MemberId), Instant>>);

impl Typing {
    /// Whether the room has to be told, and takes it as told.
    pub(crate) fn is_news(&self, who: (RoomId, MemberId), now: Instant) -> bool {
        let mut told = self.told();
        let is_news = told.get(&who).is_none_or(|last| now.saturating_duration_since(*last) >= TOLD);
        if is_news {
            told.insert(who, now);
        }
        is_news
    }

    /// Forgets what would be told anew.
    pub(crate) fn forget(&self, now: Instant) {
        self.told().retain(|_, last| now.saturating_duration_since(*last) < TOLD);
    }

    fn told(&self) -> MutexGuard<'_, HashMap<(RoomId, MemberId), Instant>> {
        self.0.lock().expect("nothing panics while it holds the map")
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_room_is_told_once_in_a_while() {
        let (typing, start) = (Typing::default(), Instant::now());
        let who = (RoomId(Uuid::from_u128(1)), MemberId(Uuid::from_u128(2)));
        assert!(typing.is_news(who, start));
        assert!(!typing.is_news(who, start + TOLD / 2));
        assert!(typing.is_news(who, start + TOLD));
        typing.forget(start + TOLD * 3);
        assert!(typing.told().is_empty());
    }
}
