//! What one turn of the write path has to say, gathered so that each connection gets it in one write.
//!
//! Pure: knows rooms and what stands for a connection, writes nothing. Keeps the order of each room and of each
//! connection's answers; an answer comes after the events of its turn, as it would one by one.

use std::sync::Arc;

use protocol::RoomId;
use tokio_tungstenite::tungstenite::Bytes;

/// More than this is told at once: it saves nothing to gather it, and a connection would need room for all of it.
pub(crate) const TURN_BYTES: usize = 64 * 1024;

/// What has been gathered.
#[derive(Debug)]
pub(crate) struct Turn<H> {
    /// Whether whoever has opened the turn will end it.
    open: bool,
    rooms: Vec<(RoomId, Vec<u8>)>,
    answers: Vec<(Arc<H>, Vec<u8>)>,
    bytes: usize,
}

impl<H> Default for Turn<H> {
    fn default() -> Self {
        Self { open: false, rooms: Vec::new(), answers: Vec::new(), bytes: 0 }
    }
}

impl<H> Turn<H> {
    /// From now on things are gathered.
    pub(crate) fn begin(&mut self) {
        self.open = true;
    }

    /// From now on nothing is gathered any more.
    pub(crate) fn end(&mut self) {
        self.open = false;
    }

    /// Whether nothing has been gathered.
    pub(crate) fn is_empty(&self) -> bool {
        self.rooms.is_empty() && self.answers.is_empty()
    }

    /// Whether what has been gathered is to be told now.
    pub(crate) fn is_due(&self) -> bool {
        !self.open || self.bytes > TURN_BYTES
    }

    /// Adds a frame for all in `room`.
    pub(crate) fn tell_room(&mut self, room: RoomId, frame: &[u8]) {
        self.bytes += frame.len();
        match self.rooms.iter_mut().find(|(known, _)| *known == room) {
            Some((_, frames)) => frames.extend_from_slice(frame),
            None => self.rooms.push((room, frame.to_vec())),
        }
    }

    /// Adds a frame for one connection.
    pub(crate) fn answer(&mut self, to: Arc<H>, frame: &[u8]) {
        self.bytes += frame.len();
        match self.answers.last_mut() {
            Some((last, frames)) if Arc::ptr_eq(last, &to) => frames.extend_from_slice(frame),
            _ => self.answers.push((to, frame.to_vec())),
        }
    }

    /// Takes what has been gathered: for each connection, in no order, all of it in one piece. `listeners` calls back
    /// with each that hears a room.
    pub(crate) fn take(
        &mut self,
        listeners: impl Fn(RoomId, &mut dyn FnMut(&Arc<H>)),
    ) -> Vec<(Arc<H>, Bytes)> {
        let mut told = Vec::new();
        let several = self.rooms.len() + self.answers.len() > 1;
        for (order, (room, frames)) in self.rooms.drain(..).enumerate() {
            let frames = Bytes::from(frames);
            listeners(room, &mut |one| told.push((Arc::clone(one), order, frames.clone())));
        }
        told.extend(self.answers.drain(..).map(|(to, frames)| (to, usize::MAX, frames.into())));
        self.bytes = 0;
        if several {
            // Stable: the answers of one connection keep their order.
            told.sort_by_key(|(to, order, _)| (Arc::as_ptr(to) as usize, *order));
        }
        let mut joined: Vec<(Arc<H>, Bytes)> = Vec::with_capacity(told.len());
        for (to, _, frames) in told {
            match joined.last_mut() {
                Some((last, before)) if Arc::ptr_eq(last, &to) => {
                    *before = [&before[..], &frames].concat().into();
                }
                _ => joined.push((to, frames)),
            }
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn each_connection_gets_its_rooms_then_its_answers_in_one_piece() {
        let (alice, bob) = (Arc::new("alice"), Arc::new("bob"));
        let [kitchen, garden] = [1, 2].map(|number| RoomId(Uuid::from_u128(number)));
        let mut turn = Turn::default();
        turn.begin();
        turn.tell_room(kitchen, b"k1 ");
        turn.answer(Arc::clone(&alice), b"a1 ");
        turn.tell_room(garden, b"g1 ");
        turn.answer(Arc::clone(&bob), b"b1 ");
        turn.tell_room(kitchen, b"k2 ");
        turn.answer(Arc::clone(&alice), b"a2 ");
        assert!(!turn.is_due());
        let mut told = turn.take(|room, tell| {
            tell(&alice);
            if room == garden {
                tell(&bob);
            }
        });
        told.sort();
        assert_eq!(told, [(alice, "k1 k2 g1 a1 a2 ".into()), (bob, "g1 b1 ".into())]);
    }

    #[test]
    fn what_is_told_outside_a_turn_or_is_much_is_due_at_once() {
        let mut turn = Turn::<()>::default();
        assert!(turn.is_due());
        turn.begin();
        assert!(!turn.is_due());
        turn.tell_room(RoomId(Uuid::nil()), &[0; TURN_BYTES + 1]);
        assert!(turn.is_due());
    }
}
