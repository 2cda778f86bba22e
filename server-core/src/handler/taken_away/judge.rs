//! Whether somebody heard what they had no right to: by the logs, which say who was where at which number, and by the
//! order in which a device heard things.
//!
//! An answer may know more than its device was told so far, for a question can meet the store before the word of what was
//! just committed is out. Then that word must follow; where it does not, the answer came too late.

use std::collections::{HashMap, HashSet};

use protocol::{Change, Event, MemberId, Reading, Reply, Request, Role, RoomId, RoomRole, Seq, Visibility};

/// The logs of all rooms, whole, those of deleted ones included.
pub(super) struct Logs {
    logs: HashMap<RoomId, Vec<Event>>,
    /// How far they were before the batch that is judged.
    before: HashMap<RoomId, Seq>,
    /// The room that is read from the joining on at first.
    late: RoomId,
}

impl Logs {
    pub(super) fn new(late: RoomId) -> Self {
        Self { logs: HashMap::new(), before: HashMap::new(), late }
    }

    pub(super) fn take(&mut self, room: RoomId, log: Vec<Event>) {
        self.logs.insert(room, log);
    }

    /// What is new now is old from now on.
    pub(super) fn end_batch(&mut self) {
        self.before = self.logs.iter().map(|(room, log)| (*room, end(log))).collect();
    }

    fn up_to(&self, room: RoomId, seq: Seq) -> impl Iterator<Item = &Event> {
        let log = self.logs.get(&room).unwrap_or_else(|| panic!("a room that nobody made"));
        assert!(seq <= end(log), "{seq:?} of a log that ends at {:?}", end(log));
        log.iter().take_while(move |event| event.seq <= seq)
    }

    /// By which number a member had come into a room just after `seq`; none if they were not in it.
    fn inside_since(&self, room: RoomId, member: MemberId, seq: Seq) -> Option<Seq> {
        let mut since = None;
        for event in self.up_to(room, seq) {
            match &event.change {
                // Whoever makes a room has been in it from its first event on.
                Change::Joined { member: who } if *who == member => {
                    since = Some(if event.seq == Seq(2) { Seq(1) } else { event.seq });
                }
                Change::Left { member: who } if *who == member => since = None,
                _ => {}
            }
        }
        since
    }

    /// Whether a member was in a room at some moment of this batch, or when it began.
    fn was_inside(&self, room: RoomId, member: MemberId) -> bool {
        let before = self.before.get(&room).copied().unwrap_or_default();
        let end = self.logs.get(&room).map_or(Seq::ZERO, |log| end(log));
        (before.0..=end.0).any(|seq| self.inside_since(room, member, Seq(seq)).is_some())
    }

    fn reading(&self, room: RoomId, seq: Seq) -> Reading {
        let set = self.up_to(room, seq).filter_map(|event| match event.change {
            Change::ReadingSet { reading } => Some(reading),
            _ => None,
        });
        set.last().unwrap_or(if room == self.late { Reading::Join } else { Reading::Start })
    }

    /// Whether `who` could hear this.
    pub(super) fn weigh(&self, who: MemberId, pushed: bool, reply: &Reply) {
        let inside = |room: RoomId| {
            assert!(self.was_inside(room, who), "{reply:?} to one who was not there");
        };
        match reply {
            Reply::Event { event } => {
                let since = self.inside_since(event.room, who, event.seq);
                assert!(since.is_some(), "{event:?} to one who was not there");
            }
            Reply::History(page) => self.weigh_page(who, page.room, page.head, &page.events),
            Reply::Synced { rooms } => {
                for synced in rooms.iter().filter(|synced| self.logs.contains_key(&synced.room)) {
                    self.weigh_page(who, synced.room, synced.head, &synced.events);
                }
            }
            Reply::Messages { messages, .. } => messages.iter().for_each(|event| inside(event.room)),
            Reply::Typing { room, .. }
            | Reply::Progress { progress: protocol::Progress { room, .. }, .. } => inside(*room),
            Reply::Room { room } if pushed => inside(room.id),
            _ => {}
        }
    }

    fn weigh_page(&self, who: MemberId, room: RoomId, head: Seq, events: &[Event]) {
        let since = self.inside_since(room, who, head);
        let since =
            since.unwrap_or_else(|| panic!("a page of {room} up to {head:?} to one who was not there"));
        if self.reading(room, head) == Reading::Join {
            assert!(events.iter().all(|event| event.seq >= since), "what lies before the joining");
        }
    }

    /// What a log must never say: that somebody spoke who was not there, or that something was said while it was
    /// archived. `able` are those who could run a room all through this batch.
    pub(super) fn check(&self, able: &HashSet<MemberId>) {
        for (room, log) in &self.logs {
            let before = self.before.get(room).copied().unwrap_or_default();
            check_log(log, before, able);
        }
    }
}

fn end(log: &[Event]) -> Seq {
    log.last().map_or(Seq::ZERO, |event| event.seq)
}

fn check_log(log: &[Event], before: Seq, able: &HashSet<MemberId>) {
    let (mut inside, mut admins, mut archived, mut private) = (HashSet::new(), HashSet::new(), false, false);
    for (number, event) in (1..).zip(log) {
        assert_eq!(event.seq, Seq(number));
        let said = format!("{event:?}");
        match &event.change {
            Change::Created { visibility, .. } => private = *visibility == Visibility::Private,
            Change::Joined { member } => {
                assert!(
                    *member == event.by || inside.contains(&event.by) || number <= 4,
                    "{said} by a stranger"
                );
                assert!(inside.insert(*member), "{said} twice");
                if number == 2 {
                    admins.insert(*member);
                }
            }
            Change::Left { member } => {
                assert!(*member == event.by || inside.contains(&event.by), "{said} by a stranger");
                assert!(inside.remove(member), "{said} twice");
                admins.remove(member);
            }
            Change::Archived => archived = true,
            Change::Restored => archived = false,
            Change::RoleSet { member, role } => {
                assert!(inside.contains(member), "{said} to one who was not there");
                if archived || !inside.contains(&event.by) {
                    assert!(private && *role == RoomRole::Admin, "{said} by a stranger");
                    // It was handed on, in the name of whoever took the last one away who ran it.
                    let left = admins.iter().find(|admin| able.contains(admin));
                    assert!(event.seq <= before || left.is_none(), "{said}, though {left:?} runs it");
                }
                match role {
                    RoomRole::Admin => drop(admins.insert(*member)),
                    RoomRole::Member => drop(admins.remove(member)),
                }
            }
            _ => {
                assert!(!archived, "{said} while it was archived");
                assert!(inside.contains(&event.by), "{said} by one who was not there");
            }
        }
    }
}

/// What must still be heard, because an answer or a word knew it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owed {
    /// That the device's member is in a room.
    Inside(RoomId),
    /// That a room is open again.
    Open(RoomId),
    /// That somebody came into a room.
    Joined(RoomId, MemberId),
    /// That the member is no guest.
    NoGuest,
    /// That the member runs the host.
    RunsTheHost,
}

/// What one device has heard of its member's rights, in its order.
pub(super) struct Scales {
    member: MemberId,
    outside: HashSet<RoomId>,
    closed: HashSet<RoomId>,
    left: HashSet<(RoomId, MemberId)>,
    role: Role,
    owed: HashMap<Owed, String>,
}

impl Scales {
    /// Of a device that has heard nothing, in a world of these rooms.
    pub(super) fn new(member: MemberId, rooms: Vec<RoomId>) -> Self {
        Self {
            member,
            outside: rooms.into_iter().collect(),
            closed: HashSet::new(),
            left: HashSet::new(),
            role: Role::Guest,
            owed: HashMap::new(),
        }
    }

    /// `reply` was heard next, to `asked` if it was asked for.
    pub(super) fn hear(&mut self, asked: Option<&Request>, reply: &Reply) {
        match (asked, reply) {
            (_, Reply::Error(_)) => {}
            (_, Reply::SignedIn(me)) => {
                self.is_now(me.member.role);
                me.rooms.iter().for_each(|room| self.is_inside(room.id, room.archived));
            }
            (
                None
                | Some(Request::JoinRoom { .. } | Request::CreateRoom { .. } | Request::OpenDirect { .. }),
                Reply::Room { room },
            ) => {
                self.is_inside(room.id, room.archived);
            }
            (Some(_), Reply::Room { room }) => self.answered_of(room.id, reply),
            (_, Reply::RoomGone { room }) => self.is_outside(*room),
            (Some(Request::LeaveRoom { room }), Reply::Done) => self.is_outside(*room),
            (_, Reply::Event { event }) => self.hear_event(event),
            // Who writes is told as it is said, and can be heard between the coming in and the word of it.
            (_, Reply::Typing { room, member }) => {
                self.answered_of(*room, reply);
                if self.closed.contains(room) {
                    self.owe(Owed::Open(*room), reply);
                }
                if self.left.contains(&(*room, *member)) {
                    self.owe(Owed::Joined(*room, *member), reply);
                }
            }
            (None, Reply::Progress { progress, .. }) => self.told_of(progress.room, reply),
            (Some(_), Reply::Progress { progress, .. }) => self.answered_of(progress.room, reply),
            (_, Reply::Member { member }) if member.id == self.member => self.is_now(member.role),
            (Some(Request::Directory { .. }), Reply::Rooms { .. }) if self.role == Role::Guest => {
                self.owe(Owed::NoGuest, reply);
            }
            (Some(Request::Rooms), Reply::Rooms { rooms, .. }) => {
                rooms.iter().for_each(|room| self.answered_of(room.id, reply));
            }
            (Some(Request::RoomMembers { room, .. }), Reply::RoomMembers { .. }) => {
                self.answered_of(*room, reply);
            }
            (_, Reply::Statistics(_)) if !matches!(self.role, Role::Owner | Role::Admin) => {
                self.owe(Owed::RunsTheHost, reply);
            }
            (_, Reply::History(page)) => self.answered_of(page.room, reply),
            (_, Reply::Synced { rooms }) => {
                rooms.iter().for_each(|synced| self.answered_of(synced.room, reply));
            }
            (_, Reply::Messages { messages, .. }) => {
                messages.iter().for_each(|event| self.answered_of(event.room, reply));
            }
            _ => {}
        }
    }

    /// All that was committed is told: nothing may be owed any more.
    pub(super) fn settle(&self) {
        assert!(self.owed.is_empty(), "heard after the right to it was gone: {:?}", self.owed);
    }

    fn hear_event(&mut self, event: &Event) {
        let room = event.room;
        match &event.change {
            Change::Joined { member } if *member == self.member => {
                let closed = self.closed.contains(&room);
                self.is_inside(room, closed);
            }
            Change::Joined { member } => {
                self.left.remove(&(room, *member));
                self.owed.remove(&Owed::Joined(room, *member));
            }
            Change::Left { member } => drop(self.left.insert((room, *member))),
            Change::Archived => drop(self.closed.insert(room)),
            Change::Restored => {
                self.closed.remove(&room);
                self.owed.remove(&Owed::Open(room));
            }
            _ => {}
        }
        assert!(!self.outside.contains(&room), "{event:?} after the device heard that it is out of the room");
    }

    fn is_inside(&mut self, room: RoomId, archived: bool) {
        self.outside.remove(&room);
        // What the device knew of the room from before it was out of it counts no more.
        self.owed.retain(|owed, _| match owed {
            Owed::Inside(of) | Owed::Joined(of, _) => *of != room,
            Owed::Open(of) => *of != room || archived,
            _ => true,
        });
        self.left.retain(|(left, _)| *left != room);
        match archived {
            true => drop(self.closed.insert(room)),
            false => drop(self.closed.remove(&room)),
        }
    }

    fn is_outside(&mut self, room: RoomId) {
        let owed = self.owed.get(&Owed::Inside(room));
        assert_eq!(owed, None, "an answer of a room after the device heard that it is out of it");
        // What was to be told of the room goes to those who are in it.
        self.owed.retain(|owed, _| !matches!(owed, Owed::Open(of) | Owed::Joined(of, _) if *of == room));
        self.outside.insert(room);
    }

    fn is_now(&mut self, role: Role) {
        self.role = role;
        if role != Role::Guest {
            self.owed.remove(&Owed::NoGuest);
        }
        if matches!(role, Role::Owner | Role::Admin) {
            self.owed.remove(&Owed::RunsTheHost);
        }
    }

    /// A word that goes only to those in the room.
    fn told_of(&self, room: RoomId, reply: &Reply) {
        assert!(!self.outside.contains(&room), "{reply:?} after the device heard that it is out of the room");
    }

    /// An answer that says something of a room.
    fn answered_of(&mut self, room: RoomId, reply: &Reply) {
        if self.outside.contains(&room) {
            self.owe(Owed::Inside(room), reply);
        }
    }

    fn owe(&mut self, owed: Owed, reply: &Reply) {
        self.owed.entry(owed).or_insert_with(|| format!("{reply:?}"));
    }
}
