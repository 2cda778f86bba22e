//! How members are here: what their devices say of themselves, combined, and whose change is still to be told. Pure.
//!
//! A device's word is a lease: it ends with its connection, and nothing of it is stored. Only what differs from
//! "active" takes memory.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use protocol::{Availability, DeviceId, MemberId, UnixMillis};

use super::state::ConnectionId;

/// What one connection says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// Somebody is at it.
    #[default]
    Active,
    /// Nobody is, for a while.
    Idle,
    /// They are not to be disturbed, until a time or until they say otherwise.
    Busy(Option<UnixMillis>),
}

/// How a member is here; none without a connection. Of each device its newest connection speaks: an older one is a
/// link that broke and was not yet given up. Who wants peace on one device wants it; else the liveliest one counts.
pub(crate) fn combined(
    connections: impl IntoIterator<Item = (DeviceId, ConnectionId, Mood)>,
) -> Option<Availability> {
    let mut devices: HashMap<DeviceId, (ConnectionId, Mood)> = HashMap::new();
    for (device, id, mood) in connections {
        let newest = devices.entry(device).or_insert((id, mood));
        if newest.0 < id {
            *newest = (id, mood);
        }
    }
    let said = |wanted: fn(Mood) -> bool| devices.values().any(|(_, mood)| wanted(*mood));
    match devices.is_empty() {
        true => None,
        false if said(|mood| matches!(mood, Mood::Busy(_))) => Some(Availability::DoNotDisturb),
        false if said(|mood| mood == Mood::Active) => Some(Availability::Active),
        false => Some(Availability::Idle),
    }
}

/// How members are now, each named once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) online: Vec<MemberId>,
    pub(crate) offline: Vec<MemberId>,
    pub(crate) idle: Vec<MemberId>,
    pub(crate) busy: Vec<MemberId>,
}

impl Told {
    pub(crate) fn is_empty(&self) -> bool {
        self.online.len() + self.offline.len() + self.idle.len() + self.busy.len() == 0
    }

    pub(super) fn name(&mut self, member: MemberId, availability: Option<Availability>) {
        match availability {
            None => self.offline.push(member),
            Some(Availability::Active) => self.online.push(member),
            Some(Availability::Idle) => self.idle.push(member),
            Some(Availability::DoNotDisturb) => self.busy.push(member),
        }
    }
}

/// What connections said, and whose change waits to be told.
#[derive(Debug, Default)]
pub(crate) struct Moods {
    said: HashMap<ConnectionId, Mood>,
    ends: BTreeSet<(i64, ConnectionId)>,
    /// In the order in which they changed, each once.
    changed: VecDeque<MemberId>,
    waiting: HashSet<MemberId>,
}

impl Moods {
    pub(super) fn of(&self, id: ConnectionId) -> Mood {
        self.said.get(&id).copied().unwrap_or_default()
    }

    /// Says whether that is news.
    pub(super) fn say(&mut self, id: ConnectionId, mood: Mood) -> bool {
        let before = match mood {
            Mood::Active => self.said.remove(&id),
            mood => self.said.insert(id, mood),
        };
        if let Some(Mood::Busy(Some(until))) = before {
            self.ends.remove(&(until.0, id));
        }
        if let Mood::Busy(Some(until)) = mood {
            self.ends.insert((until.0, id));
        }
        before.unwrap_or_default() != mood
    }

    /// Those whose time was up before `now` are active again; says which.
    pub(super) fn end(&mut self, now: UnixMillis) -> Vec<ConnectionId> {
        let mut over = Vec::new();
        while let Some((until, id)) = self.ends.first().copied()
            && until <= now.0
        {
            self.ends.remove(&(until, id));
            self.said.remove(&id);
            over.push(id);
        }
        over
    }

    /// `member` may be here in another way than was told, or shown, last.
    pub(super) fn note(&mut self, member: MemberId) {
        if self.waiting.insert(member) {
            self.changed.push_back(member);
        }
    }

    /// The first `most` of those that changed; the others wait on.
    pub(super) fn take(&mut self, most: usize) -> Vec<MemberId> {
        let taken = self.changed.drain(..most.min(self.changed.len())).collect::<Vec<_>>();
        for member in &taken {
            self.waiting.remove(member);
        }
        // After a storm the room for it is given back.
        if self.changed.is_empty() {
            self.changed.shrink_to(64);
            self.waiting.shrink_to(64);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn mood() -> impl Strategy<Value = Mood> {
        prop_oneof![Just(Mood::Active), Just(Mood::Idle), Just(Mood::Busy(None))]
    }

    proptest! {
        #[test]
        fn a_member_is_here_as_their_devices_last_words_together_say(
            words in prop::collection::vec((0u128..4, mood()), 0..12),
        ) {
            let words = (0..).map(ConnectionId).zip(&words);
            let words = words.map(|(id, (device, mood))| (DeviceId(Uuid::from_u128(*device)), id, *mood));
            let words = words.collect::<Vec<_>>();
            let last = |device| words.iter().rev().find(|(of, ..)| *of == device).map(|(.., mood)| *mood);
            let lasts = (0..4).filter_map(|device| last(DeviceId(Uuid::from_u128(device)))).collect::<Vec<_>>();
            let expected = match lasts.as_slice() {
                [] => None,
                _ if lasts.contains(&Mood::Busy(None)) => Some(Availability::DoNotDisturb),
                _ if lasts.contains(&Mood::Active) => Some(Availability::Active),
                _ => Some(Availability::Idle),
            };
            prop_assert_eq!(combined(words.clone()), expected);
            prop_assert_eq!(combined(words.into_iter().rev()), expected, "in whatever order they are looked at");
        }
    }

    #[test]
    fn peace_ends_at_its_time_and_not_before() {
        let (mut moods, id) = (Moods::default(), ConnectionId(1));
        assert!(moods.say(id, Mood::Busy(Some(UnixMillis(10)))));
        assert!(moods.end(UnixMillis(9)).is_empty());
        assert!(moods.say(id, Mood::Busy(Some(UnixMillis(20)))));
        assert!(moods.end(UnixMillis(19)).is_empty(), "a later end takes the place of the first");
        assert_eq!(moods.end(UnixMillis(20)), [id]);
        assert_eq!(moods.of(id), Mood::Active);
    }

    #[test]
    fn a_storm_is_told_in_pieces_and_names_nobody_twice() {
        let mut moods = Moods::default();
        for number in (0..100).chain(0..100) {
            moods.note(MemberId(Uuid::from_u128(number)));
        }
        let mut told = Vec::new();
        loop {
            let piece = moods.take(7);
            assert!(piece.len() <= 7);
            if piece.is_empty() {
                break;
            }
            told.extend(piece);
        }
        assert_eq!(told, (0..100).map(|number| MemberId(Uuid::from_u128(number))).collect::<Vec<_>>());
    }
}
