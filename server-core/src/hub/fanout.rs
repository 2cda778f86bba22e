//! Getting frames to those they are for. Each is encoded once; what one turn of the write path says to a connection
//! leaves in one write.
//!
//! Who is here is locked only while references are handed out, never while something is written. Changes of rooms and
//! rights come here in commit order, and what was said before one is told before it: that order is the order
//! everyone sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use protocol::{Availability, CloseCode, DeviceId, MemberId, Reply, RoomId, ServerFrame, UnixMillis};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Bytes;

use super::frame::text_frame;
use super::outlet::{Outlet, answer_frame};
use super::presence::{Mood, Told};
use super::rights::Rights;
use super::state::{ConnectionId, State};
use super::turn::{AHEAD, Turn};
use crate::error::Refusal;
use crate::lately::Lately;
use crate::store::now;

/// Names of members in all frames that presence takes in a second, each about 40 bytes: 10 000 members who are all back
/// at once are told within a minute, by a twentieth of a core.
const NAMES: usize = 2_000_000;

/// Names in one telling, at least, and at most: a frame has a limit.
const FEWEST_NAMES: usize = 16;
const MOST_NAMES: usize = 10_000;

/// Frames that presence takes in a second, by a fiftieth of a core: a frame costs more than the names in it.
const TELLINGS: usize = 4_000;

/// However many listen, what has changed is told after this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How many names may be told to so many listeners at once, if presence was told `since` then; none if it is too soon.
fn names_in_a_telling(listeners: usize, since: Duration) -> Option<usize> {
    let since = since.min(LONGEST_PAUSE);
    let in_that_time = |each_second: usize| (since.as_secs_f64() * each_second as f64) as usize;
    let may = since == LONGEST_PAUSE || listeners <= in_that_time(TELLINGS);
    may.then(|| (in_that_time(NAMES) / listeners.max(1)).clamp(FEWEST_NAMES, MOST_NAMES))
}

/// Who is here, shared by all connections.
#[derive(Debug)]
pub(crate) struct Hub {
    /// Locked before `state`, and for as long as what was gathered is being told: nobody overtakes.
    turn: Mutex<Turn<Outlet>>,
    state: Mutex<State<Arc<Outlet>>>,
    /// Locked before `turn`. Moved before anything below says that a right is gone.
    rights: Rights,
    /// What connections leave behind when they end.
    lately: Arc<Lately>,
    next: AtomicU64,
    online: watch::Sender<usize>,
}

/// A signed-in connection's place in the hub; dropping it is its departure, exactly once.
#[derive(Debug)]
pub(crate) struct Seat {
    hub: Arc<Hub>,
    id: ConnectionId,
    /// Whose it is, where it is one of those that hear nothing.
    aside: Option<MemberId>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let device = match self.aside {
            Some(member) => self.hub.state().depart_aside(self.id, member),
            None => self.hub.state().device(self.id),
        };
        // Said before it goes: at every moment it is known when the device was here.
        if let Some(device) = device {
            self.hub.lately.left(device, now());
        }
        self.hub.state().depart(self.id);
        self.hub.count();
    }
}

impl Seat {
    /// Whether it is one of those that hear nothing.
    pub(crate) fn is_aside(&self) -> bool {
        self.aside.is_some()
    }

    /// Which connection sits here.
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }
}

impl Hub {
    pub(crate) fn new(lately: Arc<Lately>) -> Arc<Self> {
        Arc::new(Self {
            lately,
            turn: Mutex::default(),
            state: Mutex::default(),
            rights: Rights::default(),
            next: AtomicU64::new(1),
            online: watch::Sender::new(0),
        })
    }

    /// Lets a connection hear what happens in `rooms` from now on.
    pub(crate) fn admit(
        self: &Arc<Self>,
        member: MemberId,
        device: DeviceId,
        rooms: impl IntoIterator<Item = RoomId>,
        outlet: Arc<Outlet>,
    ) -> Seat {
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let turn = self.tell_before();
        self.state().admit(id, member, device, rooms, outlet);
        drop(turn);
        self.count();
        Seat { hub: Arc::clone(self), id, aside: None }
    }

    /// Knows of a connection that may hear nothing yet.
    pub(crate) fn set_aside(
        self: &Arc<Self>,
        member: MemberId,
        device: DeviceId,
        outlet: Arc<Outlet>,
    ) -> Seat {
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        self.state().set_aside(id, member, device, outlet);
        Seat { hub: Arc::clone(self), id, aside: Some(member) }
    }

    /// How often rights have ended.
    pub(crate) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Begins to gather what is told, until [`Hub::end_turn`], which must follow.
    pub(crate) fn begin_turn(&self) {
        self.turn().begin();
    }

    /// Tells what was gathered.
    pub(crate) fn end_turn(&self) {
        let mut turn = self.turn();
        turn.end();
        self.tell_gathered(&mut turn);
    }

    /// Tells everyone in `room`.
    pub(crate) fn tell_room(&self, room: RoomId, reply: Reply) {
        let frame = push_frame(reply);
        let mut turn = self.turn();
        turn.tell_room(room, &frame);
        if turn.is_due() {
            self.tell_gathered(&mut turn);
        }
    }

    /// Answers `req` of one connection, after what its room was told in the same turn.
    pub(crate) fn answer(&self, to: &Arc<Outlet>, req: u32, answer: Result<Reply, Refusal>) {
        let frame = answer_frame(req, answer);
        let mut turn = self.turn();
        turn.answer(Arc::clone(to), &frame);
        if turn.is_due() {
            self.tell_gathered(&mut turn);
        }
    }

    /// Answers `req` of one connection after all that was told so far, and before all that is told from now on.
    pub(crate) fn answer_in_order(&self, to: &Outlet, req: u32, answer: Result<Reply, Refusal>) {
        let _turn = self.tell_before();
        to.push(&answer_frame(req, answer));
    }

    /// Answers `req` of one connection with what `make` says of who is here. Between the look and the answer nobody is told
    /// anything newer of that, or the older word would be the one that stays.
    pub(crate) fn answer_of_presence(&self, to: &Outlet, req: u32, make: impl FnOnce() -> Reply) {
        let _turn = self.tell_before();
        to.say(&answer_frame(req, Ok(make())));
    }

    /// Answers `req` of one connection as the last thing it hears: what was told so far comes before it.
    pub(crate) fn answer_last(&self, to: &Outlet, req: u32, reply: Reply, code: CloseCode) {
        let _turn = self.tell_before();
        to.say(&answer_frame(req, Ok(reply)));
        to.close(code);
    }

    /// Tells every device of `member` but one.
    pub(crate) fn tell_member(&self, member: MemberId, but: Option<ConnectionId>, reply: Reply) {
        let _turn = self.tell_before();
        let frame = push_frame(reply);
        let state = self.state();
        let others = state.of_member(member).filter(|(id, _)| Some(*id) != but);
        others.for_each(|(_, outlet)| outlet.push(&frame));
    }

    /// Tells everyone who is here.
    pub(crate) fn tell_everyone(&self, reply: Reply) {
        let _turn = self.tell_before();
        self.push_to_everyone(reply);
    }

    /// [`Hub::tell_everyone`] of what `make` says of who is here, which nothing newer overtakes.
    pub(crate) fn tell_everyone_of_presence(&self, make: impl FnOnce() -> Reply) {
        let _turn = self.tell_before();
        self.push_to_everyone(make());
    }

    fn push_to_everyone(&self, reply: Reply) {
        let frame = push_frame(reply);
        let everyone = self.state().everyone().cloned().collect::<Vec<_>>();
        for few in everyone.chunks(AHEAD) {
            few.iter().for_each(|outlet| outlet.look_ahead());
            few.iter().for_each(|outlet| outlet.push(&frame));
        }
    }

    /// Ends all connections, after what already waits.
    pub(crate) fn close_everyone(&self, code: CloseCode) {
        let _turn = self.tell_before();
        let state = self.state();
        state.everyone().chain(state.all_aside()).for_each(|outlet| outlet.close(code));
    }

    /// From now on `member` hears what happens in `room`.
    pub(crate) fn enter(&self, room: RoomId, member: MemberId) {
        let _turn = self.tell_before();
        self.state().enter(room, member);
    }

    /// From now on `member` hears nothing more of `room`.
    pub(crate) fn leave(&self, room: RoomId, member: MemberId) {
        self.rights.end(member);
        let _turn = self.tell_before();
        self.state().leave(room, member);
    }

    /// Ends the connections, but one, of a device whose session is over: not one event after this.
    pub(crate) fn end_device(&self, member: MemberId, device: DeviceId, but: Option<ConnectionId>) {
        self.rights.end(member);
        let _turn = self.tell_before();
        let state = self.state();
        let others = state.of_device(member, device).filter(|(id, _)| Some(*id) != but);
        others.for_each(|(_, outlet)| outlet.cut(CloseCode::SessionEnded));
        let aside = state.aside_of(member).filter(|(id, of, _)| *of == device && Some(*id) != but);
        aside.for_each(|(.., outlet)| outlet.cut(CloseCode::SessionEnded));
    }

    /// Ends all connections of `member`, but one: not one event after this.
    pub(crate) fn end_member(&self, member: MemberId, but: Option<ConnectionId>) {
        self.rights.end(member);
        let _turn = self.tell_before();
        let state = self.state();
        let all = state.of_member(member).filter(|(id, _)| Some(*id) != but);
        all.for_each(|(_, outlet)| outlet.cut(CloseCode::SessionEnded));
        let aside = state.aside_of(member).filter(|(id, ..)| Some(*id) != but);
        aside.for_each(|(.., outlet)| outlet.cut(CloseCode::SessionEnded));
    }

    /// Has all connections of `member` sign in again: not one event after this. What they have asked for is answered to
    /// those that heard nothing else.
    pub(crate) fn call_again(&self, member: MemberId) {
        self.rights.end(member);
        let _turn = self.tell_before();
        let state = self.state();
        state.of_member(member).for_each(|(_, outlet)| outlet.cut(CloseCode::SignInAgain));
        state.aside_of(member).for_each(|(.., outlet)| outlet.close(CloseCode::SignInAgain));
    }

    /// Has those connections of `member` that hear nothing sign in again.
    pub(crate) fn let_in(&self, member: MemberId) {
        let _turn = self.tell_before();
        let state = self.state();
        state.aside_of(member).for_each(|(.., outlet)| outlet.close(CloseCode::SignInAgain));
    }

    /// Everyone who has a connection, with whether one of theirs hears what happens and whether one is set aside.
    pub(crate) fn seated(&self) -> Vec<(MemberId, (bool, bool))> {
        let state = self.state();
        let how = |member| (state.is_online(member), state.aside_of(member).next().is_some());
        state.members().map(|member| (member, how(member))).collect()
    }

    /// The devices of `member` that are here, set aside or not.
    pub(crate) fn devices_of(&self, member: MemberId) -> Vec<DeviceId> {
        let state = self.state();
        let hearing = state.of_member(member).filter_map(|(id, _)| state.device(id));
        hearing.chain(state.aside_of(member).map(|(_, device, _)| device)).collect()
    }

    pub(crate) fn is_online(&self, member: MemberId) -> bool {
        self.state().is_online(member)
    }

    /// When a device was last here, of which `stored` is known: now, while it is connected.
    pub(crate) fn last_seen(&self, member: MemberId, device: DeviceId, stored: UnixMillis) -> UnixMillis {
        if self.state().of_device(member, device).next().is_some() {
            return now().max(stored);
        }
        self.lately.left_at(device).map_or(stored, |left| left.max(stored))
    }

    /// How many connections `member` has.
    pub(crate) fn connections_of(&self, member: MemberId) -> usize {
        let state = self.state();
        state.of_member(member).count() + state.aside_of(member).count()
    }

    /// Follows how many members are here.
    pub(crate) fn watch_online(&self) -> watch::Receiver<usize> {
        self.online.subscribe()
    }

    /// How `member` is here; none if they are not.
    pub(crate) fn availability(&self, member: MemberId) -> Option<Availability> {
        self.state().availability(member)
    }

    /// A connection says how its member is to be reached; everyone hears it at the next telling.
    pub(crate) fn say(&self, id: ConnectionId, mood: Mood) {
        self.state().say(id, mood);
    }

    /// Tells everyone how those are here now who changed since it was told last, if `since` then enough time has gone by
    /// for so many listeners; says whether it was. Where many changed and many listen, it is told in pieces, so that a
    /// host whose thousands come back at once has time for what they say.
    pub(crate) fn tell_presence(&self, now: UnixMillis, since: Duration) -> bool {
        let _turn = self.tell_before();
        let told = {
            let mut state = self.state();
            let Some(most) = names_in_a_telling(state.connections(), since) else { return false };
            state.take_presence(now, most)
        };
        if !told.is_empty() {
            let Told { online, offline, idle, busy } = told;
            self.push_to_everyone(Reply::Presence { online, offline, idle, busy });
        }
        true
    }

    /// Tells what was gathered before something else happens; nothing is told in between while the guard lives.
    fn tell_before(&self) -> MutexGuard<'_, Turn<Outlet>> {
        let mut turn = self.turn();
        self.tell_gathered(&mut turn);
        turn
    }

    fn tell_gathered(&self, turn: &mut Turn<Outlet>) {
        if turn.is_empty() {
            return;
        }
        let gathered = turn.take();
        let state = self.state();
        let rooms = gathered.rooms().map(|room| state.in_room(room)).collect::<Vec<_>>();
        drop(state);
        gathered.tell(&rooms, Outlet::look_ahead, |outlet, frames| outlet.push(frames));
    }

    fn turn(&self) -> MutexGuard<'_, Turn<Outlet>> {
        self.turn.lock().expect("nothing panics while it holds the turn")
    }

    fn count(&self) {
        // Looked at under the lock of what is told: of two at once, the later word is the newer one.
        self.online.send_if_modified(|known| {
            let online = self.state().online();
            std::mem::replace(known, online) != online
        });
    }

    fn state(&self) -> MutexGuard<'_, State<Arc<Outlet>>> {
        self.state.lock().expect("nothing panics while it holds the hub")
    }
}

fn push_frame(reply: Reply) -> Bytes {
    text_frame(&ServerFrame { req: None, reply })
}

#[cfg(test)]
mod tests;
