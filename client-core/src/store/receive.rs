//! Takes what a host said in one turn, in one write, idempotently: the same words twice change nothing.

use std::collections::{BTreeMap, HashSet};

use protocol::counts::Heard;
use protocol::{
    Change, Edited, Event, Member, MemberId, MessageId, Posted, Progress, Room, RoomId, Seq, UnixMillis,
};
use rusqlite::Connection;

use super::table::events::Put;
use super::table::{coverage, events, members, outbox, progress, rooms, unsure};
use super::{HostStore, RoomSummary};
use crate::error::StoreError;
use crate::outbox::item::Refusal;
use crate::sync::plan::{Coverage, HIGHEST, Span};
use crate::timeline::TimelineDiff;

/// A stretch with more news than this is told as one "read anew" instead of line by line.
const TOLD_ONE_BY_ONE: usize = 50;

/// One thing a host said.
#[derive(Debug, Clone)]
pub(crate) enum Received {
    /// Pushed.
    Event(Event),
    /// Synced or paged. `quiet`: whoever asked shows it, no diffs are needed.
    Stretch { room: RoomId, events: Vec<Event>, head: Seq, quiet: bool },
    /// Messages as they stood at the number `head`: what a hole that is not read has changed.
    Changed { room: RoomId, events: Vec<Event>, head: Seq },
    /// All is told that has become of the messages of a room.
    Settled(RoomId),
    /// A message of the outbox is on the host's disk.
    Acked { message: MessageId, room: RoomId, seq: Seq, at: UnixMillis },
    /// A message of the outbox is refused for good.
    Refused { message: MessageId, refusal: Refusal },
    /// All my rooms.
    Rooms(Vec<Room>),
    /// One room of mine, new or changed.
    Room(Room),
    /// A room that is mine no longer.
    RoomGone(RoomId),
    /// Members as they are now.
    Members(Vec<Member>),
    /// How far I am in rooms of mine, as the host has counted it.
    Progress(Vec<Progress>),
}

/// What that changed here.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) diffs: Vec<(RoomId, TimelineDiff)>,
    pub(crate) rooms: Option<Vec<RoomSummary>>,
    pub(crate) members: Vec<Member>,
    /// Rooms where a pushed event came without the ones before it.
    pub(crate) gaps: Vec<RoomId>,
    /// Somebody spoke whose name is not known here.
    pub(crate) strangers: bool,
    /// What waits in a room can not be told from here: the host is to be asked.
    pub(crate) recount: bool,
}

struct Taking<'a> {
    connection: &'a Connection,
    host: i64,
    me: Member,
    blocked: HashSet<MemberId>,
    outcome: Outcome,
    rooms_changed: bool,
    held: BTreeMap<RoomId, Held>,
}

struct Held {
    before: Coverage,
    after: Coverage,
    pushed: bool,
}

impl HostStore {
    /// Takes `batch` and tells `announce` what it changed, in the order of the commits.
    pub(crate) async fn receive<A>(
        &self,
        me: (Member, HashSet<MemberId>),
        batch: Vec<Received>,
        announce: A,
    ) -> Result<Outcome, StoreError>
    where
        A: FnOnce(&Outcome) + Send + 'static,
    {
        self.write_and_announce(move |connection, host| take(connection, host, me, batch), announce).await
    }
}

pub(crate) fn take(
    connection: &Connection,
    host: i64,
    (me, blocked): (Member, HashSet<MemberId>),
    batch: Vec<Received>,
) -> rusqlite::Result<Outcome> {
    let mut taking = Taking {
        connection,
        host,
        me,
        blocked,
        outcome: Outcome::default(),
        rooms_changed: false,
        held: BTreeMap::new(),
    };
    batch.into_iter().try_for_each(|received| taking.one(received))?;
    taking.finish()
}

impl Taking<'_> {
    fn one(&mut self, received: Received) -> rusqlite::Result<()> {
        match received {
            Received::Event(event) => {
                let (room, as_of) = (event.room, event.seq);
                let diffs = self.event(event, as_of)?;
                if !diffs.is_empty() {
                    self.held(room)?.pushed = true;
                    self.outcome.diffs.extend(diffs.into_iter().map(|diff| (room, diff)));
                }
            }
            Received::Stretch { room, events, head, quiet } => self.stretch(room, events, head, quiet)?,
            Received::Changed { room, events, head } => {
                for event in events.into_iter().filter(|event| event.room == room) {
                    // Those that were not held belong to no page that is shown.
                    let diffs = self.event(event, head)?.into_iter();
                    let held = diffs.filter(|diff| matches!(diff, TimelineDiff::Replace(_)));
                    self.outcome.diffs.extend(held.map(|diff| (room, diff)));
                }
            }
            Received::Settled(room) => unsure::settle(self.connection, self.host, room)?,
            Received::Acked { message, room, seq, at } => self.acked(message, room, seq, at)?,
            Received::Refused { message, refusal } => self.refused(message, &refusal)?,
            Received::Rooms(list) => {
                rooms::replace(self.connection, self.host, &list)?;
                self.rooms_changed = true;
            }
            Received::Room(room) => {
                rooms::put(self.connection, self.host, &room)?;
                self.rooms_changed = true;
            }
            Received::RoomGone(room) => {
                self.rooms_changed |= rooms::leave(self.connection, self.host, room)?;
            }
            Received::Members(list) => self.members(list)?,
            Received::Progress(list) => {
                for counted in list {
                    progress::put(self.connection, self.host, &counted)?;
                }
                self.rooms_changed = true;
            }
        }
        Ok(())
    }

    /// Takes one event of the log as it stood at the number `as_of`; what it does to the timeline, if it is news here.
    fn event(&mut self, event: Event, as_of: Seq) -> rusqlite::Result<Vec<TimelineDiff>> {
        if event.seq == Seq::ZERO || event.seq > HIGHEST {
            return Ok(Vec::new());
        }
        let (room, seq) = (event.room, event.seq);
        let before = self.before(&event)?;
        let put = events::put(self.connection, self.host, &event, as_of.max(seq).min(HIGHEST))?;
        self.held(room)?.after.add(Span { first: seq, last: seq });
        let event = self.standing(event, as_of)?;
        if let Change::Posted(posted) = &event.change {
            if event.by == self.me.id {
                outbox::remove(self.connection, self.host, posted.message)?;
            }
            if posted.deleted {
                events::forget_text(self.connection, self.host, posted.message)?;
            }
        }
        match put {
            Put::Held => return Ok(Vec::new()),
            Put::Changed => {
                let line = events::line(self.connection, self.host, event)?;
                return Ok(vec![TimelineDiff::Replace(line)]);
            }
            Put::New => self.count(&event, before.as_ref())?,
        }
        let members = match event.change {
            Change::Joined { .. } => 1,
            Change::Left { .. } => -1,
            _ => 0,
        };
        if rooms::advance(self.connection, self.host, room, seq, members)? {
            // Only the newest event says how the room is called now.
            rooms::take(self.connection, self.host, room, &event.change)?;
            self.rooms_changed = true;
        }
        let changed = self.changed(&event)?;
        let line = events::line(self.connection, self.host, event)?;
        self.outcome.strangers |= line.by_name.is_empty();
        Ok([TimelineDiff::Put(line)].into_iter().chain(changed).collect())
    }

    /// A message with what is held of later changes: an answer that was under way can be older than what was pushed
    /// meanwhile, and then must neither show nor keep what was deleted.
    fn standing(&mut self, event: Event, as_of: Seq) -> rusqlite::Result<Event> {
        let Change::Posted(Posted { message, deleted: false, .. }) = &event.change else { return Ok(event) };
        if self.held(event.room)?.after.newest() <= as_of {
            return Ok(event);
        }
        let Some(standing) = events::of_message(self.connection, self.host, *message)? else {
            return Ok(event);
        };
        if matches!(&standing.change, Change::Posted(posted) if posted.deleted) {
            events::forget_text(self.connection, self.host, *message)?;
        }
        Ok(standing)
    }

    /// The message that `event` changes, as it stands with it; none if it is not held.
    fn changed(&self, event: &Event) -> rusqlite::Result<Option<TimelineDiff>> {
        let Some(message) = event.change.target() else { return Ok(None) };
        if matches!(event.change, Change::Deleted { .. }) {
            events::forget_text(self.connection, self.host, message)?;
        }
        let Some(posted) = events::of_message(self.connection, self.host, message)? else { return Ok(None) };
        Ok(Some(TimelineDiff::Replace(events::line(self.connection, self.host, posted)?)))
    }

    /// The message that an edit or a deletion is about, as it stood before.
    fn before(&self, event: &Event) -> rusqlite::Result<Option<Event>> {
        match &event.change {
            Change::Edited(Edited { message, .. }) | Change::Deleted { message } => {
                events::of_message(self.connection, self.host, *message)
            }
            _ => Ok(None),
        }
    }

    /// Moves on what waits in a room by an event that is new here. `before`: the message it changes, if it is held.
    fn count(&mut self, event: &Event, before: Option<&Event>) -> rusqlite::Result<()> {
        let Some(mut counted) = progress::of_room(self.connection, self.host, event.room)? else {
            return Ok(());
        };
        // The host had seen it when it counted.
        if event.seq <= counted.head {
            return Ok(());
        }
        self.outcome.recount |= event.seq > counted.head.next();
        counted.head = event.seq;
        let shown = (counted.unread, counted.mentions);
        let sure = match (&event.change, before.map(|before| (before, &before.change))) {
            (Change::Posted(now), _) => {
                let blocked = self.blocked.contains(&event.by);
                let heard = Heard { seq: event.seq, by: event.by, blocked, before: None, now };
                counted.take(self.me.id, heard)
            }
            (change, Some((held, Change::Posted(before)))) => {
                let mut now = before.clone();
                now.take(event.seq, event.by, change);
                let blocked = self.blocked.contains(&held.by);
                let heard = Heard { seq: held.seq, by: held.by, blocked, before: Some(before), now: &now };
                counted.take(self.me.id, heard)
            }
            // A message that is not held may be one that waits.
            (Change::Edited(_) | Change::Deleted { .. }, _) => counted.unread == 0,
            _ => true,
        };
        self.outcome.recount |= !sure;
        self.rooms_changed |= shown != (counted.unread, counted.mentions);
        progress::put(self.connection, self.host, &counted)
    }

    fn stretch(&mut self, room: RoomId, list: Vec<Event>, head: Seq, quiet: bool) -> rusqlite::Result<()> {
        let list: Vec<Event> = list.into_iter().filter(|event| event.room == room).collect();
        let mut diffs = Vec::new();
        for event in list {
            diffs.extend(self.event(event, head)?.into_iter().map(|diff| (room, diff)));
        }
        if head <= HIGHEST {
            self.rooms_changed |= rooms::advance(self.connection, self.host, room, head, 0)?;
        }
        match diffs.len() {
            _ if quiet => {}
            0..=TOLD_ONE_BY_ONE => self.outcome.diffs.append(&mut diffs),
            _ => self.outcome.diffs.push((room, TimelineDiff::Reset)),
        }
        Ok(())
    }

    fn acked(&mut self, message: MessageId, room: RoomId, seq: Seq, at: UnixMillis) -> rusqlite::Result<()> {
        let Some(unsent) = outbox::find(self.connection, self.host, message)? else {
            return Ok(());
        };
        if unsent.room != room {
            return Ok(());
        }
        outbox::remove(self.connection, self.host, message)?;
        let change = Change::posted(message, unsent.text);
        self.one(Received::Event(Event { room, seq, at, by: self.me.id, change }))
    }

    fn refused(&mut self, message: MessageId, refusal: &Refusal) -> rusqlite::Result<()> {
        outbox::mark(self.connection, self.host, message, Some(refusal))?;
        if let Some(unsent) = outbox::find(self.connection, self.host, message)? {
            let room = unsent.room;
            self.outcome.diffs.push((room, TimelineDiff::Put(unsent.line(&self.me))));
        }
        Ok(())
    }

    fn members(&mut self, list: Vec<Member>) -> rusqlite::Result<()> {
        for member in list {
            if members::put(self.connection, self.host, &member)? {
                self.outcome.members.push(member);
            }
        }
        Ok(())
    }

    fn held(&mut self, room: RoomId) -> rusqlite::Result<&mut Held> {
        use std::collections::btree_map::Entry;
        Ok(match self.held.entry(room) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let before = coverage::of(self.connection, self.host, room)?;
                entry.insert(Held { after: before.clone(), before, pushed: false })
            }
        })
    }

    fn finish(mut self) -> rusqlite::Result<Outcome> {
        for (room, held) in &self.held {
            coverage::set(self.connection, self.host, *room, &held.before, &held.after)?;
            let follows = held.after.around(held.before.newest().next()).is_some();
            if held.pushed && !follows && held.after.newest() > held.before.newest() {
                self.outcome.gaps.push(*room);
            }
        }
        if self.rooms_changed {
            self.outcome.rooms = Some(rooms::list(self.connection, self.host)?);
        }
        Ok(self.outcome)
    }
}
