//! Who is here and who is in which room: pure and synchronous, with invariants that tests check.
//!
//! Knows members only while they are connected. Knows no socket: what stands for a connection is `H`.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use protocol::{Availability, DeviceId, MemberId, RoomId, UnixMillis};

use super::presence::{Mood, Moods, Told, combined};

/// One live, signed-in connection; never reused while the host runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

#[derive(Debug)]
struct Connection<H> {
    member: MemberId,
    device: DeviceId,
    handle: H,
}

#[derive(Debug, Default)]
struct Present {
    connections: Vec<ConnectionId>,
    rooms: HashSet<RoomId>,
}

/// Those who hear a room, in the order in which they came. Shared with whoever is telling them something, so that
/// nothing is copied for it; a change meanwhile makes a copy.
pub(crate) type Listeners<H> = Arc<Vec<(ConnectionId, H)>>;

/// Who is here now.
#[derive(Debug)]
pub(crate) struct State<H> {
    connections: HashMap<ConnectionId, Connection<H>>,
    members: HashMap<MemberId, Present>,
    /// With the handle at hand: this is what every delivery walks through.
    rooms: HashMap<RoomId, Listeners<H>>,
    moods: Moods,
    /// Connections of those who may hear nothing yet. None of the above knows them.
    aside: HashMap<MemberId, Vec<(ConnectionId, DeviceId, H)>>,
}

impl<H> Default for State<H> {
    fn default() -> Self {
        Self {
            connections: HashMap::new(),
            members: HashMap::new(),
            rooms: HashMap::new(),
            moods: Moods::default(),
            aside: HashMap::new(),
        }
    }
}

impl<H: Clone> State<H> {
    /// Someone is here. `rooms` are all the rooms of the member, as committed at this moment.
    pub(crate) fn admit(
        &mut self,
        id: ConnectionId,
        member: MemberId,
        device: DeviceId,
        rooms: impl IntoIterator<Item = RoomId>,
        handle: H,
    ) {
        let present = match self.members.entry(member) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.moods.note(member);
                entry.insert(Present::default())
            }
        };
        // The first word of a device is that somebody is at it.
        if present.connections.iter().any(|other| self.moods.of(*other) != Mood::Active) {
            self.moods.note(member);
        }
        self.connections.insert(id, Connection { member, device, handle });
        present.connections.push(id);
        present.rooms.extend(rooms);
        for room in &present.rooms {
            seat(&mut self.rooms, *room, &present.connections, &self.connections);
        }
    }

    /// Someone is here who may hear nothing yet.
    pub(crate) fn set_aside(&mut self, id: ConnectionId, member: MemberId, device: DeviceId, handle: H) {
        self.aside.entry(member).or_default().push((id, device, handle));
    }

    /// A connection that was set aside is gone. Says whose device it was.
    pub(crate) fn depart_aside(&mut self, id: ConnectionId, member: MemberId) -> Option<DeviceId> {
        let Entry::Occupied(mut entry) = self.aside.entry(member) else { return None };
        let place = entry.get().iter().position(|(other, ..)| *other == id)?;
        let (_, device, _) = entry.get_mut().swap_remove(place);
        if entry.get().is_empty() {
            entry.remove();
        }
        Some(device)
    }

    /// A connection is gone. Says whether it was here.
    pub(crate) fn depart(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.remove(&id) else { return false };
        let had_said = self.moods.say(id, Mood::Active);
        let Entry::Occupied(mut entry) = self.members.entry(connection.member) else { return true };
        entry.get_mut().connections.retain(|other| *other != id);
        for room in &entry.get().rooms {
            unseat(&mut self.rooms, *room, &[id]);
        }
        if entry.get().connections.is_empty() {
            entry.remove();
            self.moods.note(connection.member);
        } else if had_said
            || entry.get().connections.iter().any(|other| self.moods.of(*other) != Mood::Active)
        {
            self.moods.note(connection.member);
        }
        true
    }

    /// `member` came into `room`; without effect for those who are not here.
    pub(crate) fn enter(&mut self, room: RoomId, member: MemberId) {
        if let Some(present) = self.members.get_mut(&member) {
            present.rooms.insert(room);
            seat(&mut self.rooms, room, &present.connections, &self.connections);
        }
    }

    /// `member` went out of `room`.
    pub(crate) fn leave(&mut self, room: RoomId, member: MemberId) {
        if let Some(present) = self.members.get_mut(&member)
            && present.rooms.remove(&room)
        {
            unseat(&mut self.rooms, room, &present.connections);
        }
    }

    /// All connections of those in `room`.
    pub(crate) fn in_room(&self, room: RoomId) -> Option<Listeners<H>> {
        self.rooms.get(&room).cloned()
    }

    /// The connections of `member` that are set aside.
    pub(crate) fn aside_of(&self, member: MemberId) -> impl Iterator<Item = (ConnectionId, DeviceId, &H)> {
        self.aside.get(&member).into_iter().flatten().map(|(id, device, handle)| (*id, *device, handle))
    }

    /// Everyone who has a connection, set aside or not.
    pub(crate) fn members(&self) -> impl Iterator<Item = MemberId> {
        let only_aside = self.aside.keys().filter(|member| !self.members.contains_key(member));
        self.members.keys().chain(only_aside).copied()
    }

    /// All connections of `member` that hear what happens.
    pub(crate) fn of_member(&self, member: MemberId) -> impl Iterator<Item = (ConnectionId, &H)> {
        let ids = self.members.get(&member).into_iter().flat_map(|present| &present.connections);
        ids.filter_map(|id| self.connections.get(id).map(|connection| (*id, &connection.handle)))
    }

    /// All connections of one device of `member` that hear what happens.
    pub(crate) fn of_device(
        &self,
        member: MemberId,
        device: DeviceId,
    ) -> impl Iterator<Item = (ConnectionId, &H)> {
        self.of_member(member).filter(move |(id, _)| self.connections[id].device == device)
    }

    /// Everyone's connections but those that are set aside.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = &H> {
        self.connections.values().map(|connection| &connection.handle)
    }

    /// Whether any device of `member` is connected.
    pub(crate) fn is_online(&self, member: MemberId) -> bool {
        self.members.contains_key(&member)
    }

    /// A connection says how its member is to be reached.
    pub(crate) fn say(&mut self, id: ConnectionId, mood: Mood) {
        if let Some(connection) = self.connections.get(&id)
            && self.moods.say(id, mood)
        {
            self.moods.note(connection.member);
        }
    }

    /// How `member` is here; none if they are not.
    pub(crate) fn availability(&self, member: MemberId) -> Option<Availability> {
        let ids = self.members.get(&member).into_iter().flat_map(|present| &present.connections);
        combined(ids.map(|id| (self.connections[id].device, *id, self.moods.of(*id))))
    }

    /// The device of a connection that is here.
    pub(crate) fn device(&self, id: ConnectionId) -> Option<DeviceId> {
        self.connections.get(&id).map(|connection| connection.device)
    }

    /// How many connections there are.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// How many members are here.
    pub(crate) fn online(&self) -> usize {
        self.members.len()
    }

    /// How those are here now who may be here in another way than was told last: at most `most` of them, those first
    /// who changed first. Who came and went meanwhile is named too, because an answer in between may have shown them.
    pub(crate) fn take_presence(&mut self, now: UnixMillis, most: usize) -> Told {
        for id in self.moods.end(now) {
            if let Some(connection) = self.connections.get(&id) {
                self.moods.note(connection.member);
            }
        }
        let mut told = Told::default();
        for member in self.moods.take(most) {
            told.name(member, self.availability(member));
        }
        told
    }

    /// Those that are set aside.
    pub(crate) fn all_aside(&self) -> impl Iterator<Item = &H> {
        self.aside.values().flatten().map(|(_, _, handle)| handle)
    }

    /// Panics if the parts do not agree with each other.
    #[cfg(test)]
    pub(crate) fn check_invariants(&self) {
        for (id, connection) in &self.connections {
            let present = &self.members[&connection.member];
            assert_eq!(present.connections.iter().filter(|other| *other == id).count(), 1);
        }
        for (member, present) in &self.members {
            assert!(!present.connections.is_empty(), "a member is here by at least one connection");
            for id in &present.connections {
                assert_eq!(self.connections[id].member, *member);
                let sits = |room| self.rooms[room].binary_search_by_key(id, |(other, _)| *other).is_ok();
                assert!(present.rooms.iter().all(sits));
            }
        }
        for (member, aside) in &self.aside {
            assert!(!aside.is_empty(), "who has no connection aside is forgotten there");
            for (id, ..) in aside {
                assert!(!self.connections.contains_key(id), "{member} hears nothing by it");
            }
        }
        for (room, ids) in &self.rooms {
            assert!(!ids.is_empty(), "a room without listeners is forgotten");
            assert!(ids.is_sorted_by_key(|(id, _)| *id), "found by halving");
            for (id, _) in ids.iter() {
                assert!(self.members[&self.connections[id].member].rooms.contains(room));
            }
        }
    }
}

fn seat<H: Clone>(
    rooms: &mut HashMap<RoomId, Listeners<H>>,
    room: RoomId,
    ids: &[ConnectionId],
    connections: &HashMap<ConnectionId, Connection<H>>,
) {
    let listeners = Arc::make_mut(rooms.entry(room).or_default());
    for (id, connection) in ids.iter().filter_map(|id| Some((*id, connections.get(id)?))) {
        // Nearly always the last place.
        if let Err(place) = listeners.binary_search_by_key(&id, |(other, _)| *other) {
            listeners.insert(place, (id, connection.handle.clone()));
        }
    }
}

fn unseat<H: Clone>(rooms: &mut HashMap<RoomId, Listeners<H>>, room: RoomId, gone: &[ConnectionId]) {
    if let Entry::Occupied(mut entry) = rooms.entry(room) {
        let listeners = Arc::make_mut(entry.get_mut());
        for id in gone {
            if let Ok(place) = listeners.binary_search_by_key(id, |(other, _)| *other) {
                listeners.remove(place);
            }
        }
        if listeners.is_empty() {
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn member(number: u8) -> MemberId {
        MemberId(Uuid::from_u128(number.into()))
    }

    fn room(number: u8) -> RoomId {
        RoomId(Uuid::from_u128(number.into()))
    }

    #[derive(Debug, Clone)]
    enum Step {
        Admit { id: u8, member: u8, rooms: Vec<u8> },
        SetAside { id: u8, member: u8 },
        Depart(u8),
        Enter(u8, u8),
        Leave(u8, u8),
        Say(u8, Mood),
        Tell(usize),
    }

    const NEVER: UnixMillis = UnixMillis(0);

    fn mood() -> impl Strategy<Value = Mood> {
        prop_oneof![Just(Mood::Active), Just(Mood::Idle), Just(Mood::Busy(None))]
    }

    fn step() -> impl Strategy<Value = Step> {
        let few = 0u8..4;
        prop_oneof![
            (0u8..12, few.clone(), prop::collection::vec(0u8..4, 0..3))
                .prop_map(|(id, member, rooms)| Step::Admit { id, member, rooms }),
            (0u8..12, few.clone()).prop_map(|(id, member)| Step::SetAside { id, member }),
            (0u8..12).prop_map(Step::Depart),
            (few.clone(), few.clone()).prop_map(|(room, member)| Step::Enter(room, member)),
            (few.clone(), few).prop_map(|(room, member)| Step::Leave(room, member)),
            (0u8..12, mood()).prop_map(|(id, mood)| Step::Say(id, mood)),
            (1usize..6).prop_map(Step::Tell),
        ]
    }

    proptest! {
        #[test]
        fn any_history_keeps_the_invariants_and_tells_presence_right(steps in prop::collection::vec(step(), 0..60)) {
            let mut state = State::default();
            let mut seen: BTreeMap<MemberId, Option<Availability>> = BTreeMap::new();
            let mut live = HashSet::new();
            let mut aside = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Admit { id, member: who, rooms } => {
                        if !aside.contains_key(&id) && live.insert(id) {
                            let device = DeviceId(Uuid::from_u128(id.into()));
                            state.admit(ConnectionId(id.into()), member(who), device, rooms.into_iter().map(room), id);
                        }
                    }
                    Step::SetAside { id, member: who } => {
                        if !live.contains(&id) && !aside.contains_key(&id) {
                            let device = DeviceId(Uuid::from_u128(id.into()));
                            state.set_aside(ConnectionId(id.into()), member(who), device, id);
                            aside.insert(id, who);
                        }
                    }
                    Step::Depart(id) => {
                        assert_eq!(state.depart(ConnectionId(id.into())), live.remove(&id));
                        for who in 0..4 {
                            let gone = state.depart_aside(ConnectionId(id.into()), member(who)).is_some();
                            assert_eq!(gone, aside.get(&id) == Some(&who));
                        }
                        aside.remove(&id);
                    }
                    Step::Enter(where_, who) => state.enter(room(where_), member(who)),
                    Step::Leave(where_, who) => state.leave(room(where_), member(who)),
                    Step::Say(id, mood) => state.say(ConnectionId(id.into()), mood),
                    Step::Tell(most) => {
                        let told = state.take_presence(NEVER, most);
                        let lists = [
                            (told.online, Some(Availability::Active)),
                            (told.idle, Some(Availability::Idle)),
                            (told.busy, Some(Availability::DoNotDisturb)),
                            (told.offline, None),
                        ];
                        let named = lists.iter().map(|(list, _)| list.len()).sum::<usize>();
                        prop_assert!(named <= most);
                        for (list, availability) in lists {
                            for who in list {
                                seen.insert(who, availability);
                            }
                        }
                        if named < most {
                            for number in 0..4 {
                                let told = seen.get(&member(number)).copied().flatten();
                                prop_assert_eq!(told, state.availability(member(number)));
                            }
                        }
                    }
                }
                state.check_invariants();
            }
        }
    }

    #[test]
    fn a_member_with_two_devices_is_told_once() {
        let mut state = State::default();
        let device = |number| DeviceId(Uuid::from_u128(number));
        state.admit(ConnectionId(1), member(1), device(1), [room(1)], "laptop");
        state.admit(ConnectionId(2), member(1), device(2), [room(1)], "phone");
        let all = usize::MAX;
        assert_eq!(state.take_presence(NEVER, all), Told { online: vec![member(1)], ..Told::default() });
        state.depart(ConnectionId(1));
        assert!(state.take_presence(NEVER, all).is_empty());
        assert_eq!(*state.in_room(room(1)).unwrap(), [(ConnectionId(2), "phone")]);
        state.depart(ConnectionId(2));
        assert_eq!(state.take_presence(NEVER, all), Told { offline: vec![member(1)], ..Told::default() });
        assert_eq!(state.in_room(room(1)), None);
    }
}
