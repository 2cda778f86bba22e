//! Getting frames to those they are for. Each is encoded once; every connection's outlet gets a reference.
//!
//! The lock is held while references are handed out, never across an await and never while something is written.
//! Changes of rooms and rights come here in commit order, so that order is the order everyone sees.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use protocol::{CloseCode, DeviceId, MemberId, Reply, RoomId, ServerFrame, encode};
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::outlet::Outlet;
use super::state::{ConnectionId, State};

/// Who is here, shared by all connections.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State<Arc<Outlet>>>,
    next: AtomicU64,
    online: watch::Sender<usize>,
}

/// A signed-in connection's place in the hub; dropping it is its departure, exactly once.
#[derive(Debug)]
pub(crate) struct Seat {
    hub: Arc<Hub>,
    id: ConnectionId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.state().depart(self.id);
        self.hub.count();
    }
}

impl Seat {
    /// Which connection sits here.
    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }
}

impl Hub {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), next: AtomicU64::new(1), online: watch::Sender::new(0) })
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
        self.state().admit(id, member, device, rooms, outlet);
        self.count();
        Seat { hub: Arc::clone(self), id }
    }

    /// Tells everyone in `room`.
    pub(crate) fn tell_room(&self, room: RoomId, reply: Reply) {
        let frame = push_frame(reply);
        self.state().in_room(room).for_each(|outlet| outlet.push(frame.clone()));
    }

    /// Tells every device of `member` but one.
    pub(crate) fn tell_member(&self, member: MemberId, but: Option<ConnectionId>, reply: Reply) {
        let frame = push_frame(reply);
        let state = self.state();
        let others = state.of_member(member).filter(|(id, _)| Some(*id) != but);
        others.for_each(|(_, outlet)| outlet.push(frame.clone()));
    }

    /// Tells everyone who is here.
    pub(crate) fn tell_everyone(&self, reply: Reply) {
        let frame = push_frame(reply);
        self.state().everyone().for_each(|outlet| outlet.push(frame.clone()));
    }

    /// Ends all connections, after what already waits.
    pub(crate) fn close_everyone(&self, code: CloseCode) {
        self.state().everyone().for_each(|outlet| outlet.close(code));
    }

    /// From now on `member` hears what happens in `room`.
    pub(crate) fn enter(&self, room: RoomId, member: MemberId) {
        self.state().enter(room, member);
    }

    /// From now on `member` hears nothing more of `room`.
    pub(crate) fn leave(&self, room: RoomId, member: MemberId) {
        self.state().leave(room, member);
    }

    /// Ends the connections, but one, of a device whose session is over: not one event after this.
    pub(crate) fn end_device(&self, member: MemberId, device: DeviceId, but: Option<ConnectionId>) {
        let state = self.state();
        let others = state.of_device(member, device).filter(|(id, _)| Some(*id) != but);
        others.for_each(|(_, outlet)| outlet.cut(CloseCode::SessionEnded));
    }

    /// Ends all connections of `member`, but one: not one event after this.
    pub(crate) fn end_member(&self, member: MemberId, but: Option<ConnectionId>) {
        let state = self.state();
        let all = state.of_member(member).filter(|(id, _)| Some(*id) != but);
        all.for_each(|(_, outlet)| outlet.cut(CloseCode::SessionEnded));
    }

    pub(crate) fn is_online(&self, member: MemberId) -> bool {
        self.state().is_online(member)
    }

    /// Follows how many members are here.
    pub(crate) fn watch_online(&self) -> watch::Receiver<usize> {
        self.online.subscribe()
    }

    /// Tells everyone who came and who went since the last call.
    pub(crate) fn tell_presence(&self) {
        let mut state = self.state();
        let (online, offline) = state.take_presence();
        if online.is_empty() && offline.is_empty() {
            return;
        }
        let frame = push_frame(Reply::Presence { online, offline });
        state.everyone().for_each(|outlet| outlet.push(frame.clone()));
    }

    fn count(&self) {
        let online = self.state().online();
        self.online.send_if_modified(|known| std::mem::replace(known, online) != online);
    }

    fn state(&self) -> MutexGuard<'_, State<Arc<Outlet>>> {
        self.state.lock().expect("nothing panics while it holds the hub")
    }
}

fn push_frame(reply: Reply) -> Utf8Bytes {
    Utf8Bytes::from(encode(&ServerFrame { req: None, reply }))
}
