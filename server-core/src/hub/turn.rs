//! What one turn of the write path has to say, gathered so that each connection gets it in one write.
//!
//! Pure: knows rooms and what stands for a connection, writes nothing. Keeps the order of each room and of each
//! connection's answers; an answer comes after the events of its turn, as it would one by one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use protocol::RoomId;
use tokio_tungstenite::tungstenite::Bytes;

use super::state::{ConnectionId, Listeners};

/// More than this is told at once, so that memory stays bounded. A full batch of ordinary messages stays below it:
/// told in parts, a busy room would be told each part in a write of its own.
pub(crate) const TURN_BYTES: usize = 512 * 1024;

/// So many connections are looked at before they are told: a processor fetches several at once from memory, but waits
/// for each while it tells one after the other.
pub(crate) const AHEAD: usize = 8;

/// What has been gathered while a turn is open.
#[derive(Debug)]
pub(crate) struct Turn<H> {
    /// Whether whoever has opened the turn will end it.
    open: bool,
    gathered: Gathered<H>,
    /// Where in it each room is.
    places: HashMap<RoomId, usize>,
    bytes: usize,
}

/// What is to be told to whom.
#[derive(Debug)]
pub(crate) struct Gathered<H> {
    rooms: Vec<(RoomId, Vec<u8>)>,
    /// By the address of the connection. Mostly very few, which a tree finds sooner than a hash.
    answers: BTreeMap<usize, (Arc<H>, Vec<u8>)>,
}

impl<H> Default for Gathered<H> {
    fn default() -> Self {
        Self { rooms: Vec::new(), answers: BTreeMap::new() }
    }
}

impl<H> Default for Turn<H> {
    fn default() -> Self {
        Self { open: false, gathered: Gathered::default(), places: HashMap::new(), bytes: 0 }
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
        self.gathered.rooms.is_empty() && self.gathered.answers.is_empty()
    }

    /// Whether what has been gathered is to be told now.
    pub(crate) fn is_due(&self) -> bool {
        !self.open || self.bytes > TURN_BYTES
    }

    /// Adds a frame for all in `room`.
    pub(crate) fn tell_room(&mut self, room: RoomId, frame: &[u8]) {
        self.bytes += frame.len();
        let rooms = &mut self.gathered.rooms;
        let place = *self.places.entry(room).or_insert(rooms.len());
        match rooms.get_mut(place) {
            Some((_, frames)) => frames.extend_from_slice(frame),
            None => rooms.push((room, frame.to_vec())),
        }
    }

    /// Adds a frame for one connection.
    pub(crate) fn answer(&mut self, to: Arc<H>, frame: &[u8]) {
        self.bytes += frame.len();
        let (_, frames) = self
            .gathered
            .answers
            .entry(address(&to))
            .or_insert_with(|| (to, Vec::with_capacity(frame.len())));
        frames.extend_from_slice(frame);
    }

    /// Takes what has been gathered.
    pub(crate) fn take(&mut self) -> Gathered<H> {
        self.bytes = 0;
        self.places.clear();
        std::mem::take(&mut self.gathered)
    }
}

impl<H> Gathered<H> {
    /// The rooms that are to be told something.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = RoomId> {
        self.rooms.iter().map(|(room, _)| *room)
    }

    /// Calls `tell` once for each connection, with all that is for it, and `look` some time before. `listeners` are
    /// those of [`Gathered::rooms`], in their order.
    pub(crate) fn tell(
        self,
        listeners: &[Option<Listeners<Arc<H>>>],
        look: impl Fn(&H),
        mut tell: impl FnMut(&Arc<H>, &Bytes),
    ) {
        let mut answers = self.answers;
        let frames = self.rooms.into_iter().map(|(_, frames)| Bytes::from(frames)).collect::<Vec<_>>();
        let mut tell_all = |one: &Arc<H>, pieces: &[&Bytes]| {
            let answer = if answers.is_empty() { None } else { answers.remove(&address(one)) };
            match (pieces, answer) {
                ([frames], None) => tell(one, frames),
                (pieces, answer) => {
                    let answer = answer.as_ref().map(|(_, frames)| frames.as_slice());
                    let all = pieces.iter().map(|piece| &piece[..]).chain(answer).collect::<Vec<_>>();
                    tell(one, &all.concat().into());
                }
            }
        };
        let told = frames.iter().zip(listeners).filter_map(|(frames, room)| Some((frames, room.as_ref()?)));
        let told = told.collect::<Vec<_>>();
        if let [(frames, room)] = told[..] {
            for few in room.chunks(AHEAD) {
                few.iter().for_each(|(_, one)| look(one));
                few.iter().for_each(|(_, one)| tell_all(one, &[frames]));
            }
        } else {
            tell_several(&told, look, tell_all);
        }
        for (to, frames) in answers.into_values() {
            tell(&to, &frames.into());
        }
    }
}

/// A connection may hear several of the rooms: brings together what is for each.
fn tell_several<H>(
    told: &[(&Bytes, &Listeners<Arc<H>>)],
    look: impl Fn(&H),
    mut tell_all: impl FnMut(&Arc<H>, &[&Bytes]),
) {
    let mut each: Vec<(ConnectionId, &Arc<H>, &Bytes)> = Vec::new();
    for (frames, room) in told {
        each.extend(room.iter().map(|(id, one)| (*id, one, *frames)));
    }
    // Stable, so rooms stay in their order; and quick, because each room is sorted already.
    each.sort_by_key(|(id, _, _)| *id);
    let (mut pieces, mut ahead, mut looked, mut reached) = (Vec::new(), each.chunks(AHEAD), 0, 0);
    for same in each.chunk_by(|(one, ..), (other, ..)| one == other) {
        reached += same.len();
        while looked < reached
            && let Some(next) = ahead.next()
        {
            next.iter().for_each(|(_, one, _)| look(one));
            looked += next.len();
        }
        pieces.clear();
        pieces.extend(same.iter().map(|(_, _, frames)| *frames));
        tell_all(same[0].1, &pieces);
    }
}

fn address<H>(of: &Arc<H>) -> usize {
    Arc::as_ptr(of) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn room(number: u8) -> RoomId {
        RoomId(Uuid::from_u128(number.into()))
    }

    /// What each connection is told.
    fn told(
        turn: &mut Turn<&'static str>,
        rooms: impl Fn(RoomId) -> Vec<(ConnectionId, Arc<&'static str>)>,
    ) -> Vec<(&'static str, String)> {
        let gathered = turn.take();
        let listeners = gathered.rooms().map(|room| Some(Arc::new(rooms(room)))).collect::<Vec<_>>();
        let mut told = Vec::new();
        gathered.tell(
            &listeners,
            |_| {},
            |to, frames| {
                told.push((**to, String::from_utf8(frames.to_vec()).unwrap()));
            },
        );
        told.sort_unstable();
        told
    }

    #[test]
    fn each_connection_gets_its_rooms_then_its_answers_in_one_piece() {
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(Arc::new);
        let [kitchen, garden] = [1, 2].map(room);
        let mut turn = Turn::default();
        turn.begin();
        turn.tell_room(kitchen, b"k1 ");
        turn.answer(Arc::clone(&alice), b"a1 ");
        turn.tell_room(garden, b"g1 ");
        turn.answer(Arc::clone(&bob), b"b1 ");
        turn.tell_room(kitchen, b"k2 ");
        turn.answer(Arc::clone(&alice), b"a2 ");
        turn.answer(Arc::clone(&carol), b"c1 ");
        assert!(!turn.is_due());
        let heard = told(&mut turn, |room| {
            let mut here = vec![(ConnectionId(1), Arc::clone(&alice))];
            if room == garden {
                here.push((ConnectionId(2), Arc::clone(&bob)));
            }
            here
        });
        let heard = heard.iter().map(|(to, frames)| (*to, frames.as_str())).collect::<Vec<_>>();
        assert_eq!(heard, [("alice", "k1 k2 g1 a1 a2 "), ("bob", "g1 b1 "), ("carol", "c1 ")]);
        assert!(turn.is_empty());
    }

    #[test]
    fn what_is_told_outside_a_turn_or_is_much_is_due_at_once() {
        let mut turn = Turn::<()>::default();
        assert!(turn.is_due());
        turn.begin();
        assert!(!turn.is_due());
        turn.tell_room(room(0), &[0; TURN_BYTES + 1]);
        assert!(turn.is_due());
        turn.take();
        assert!(!turn.is_due(), "what is taken does not count any more");
    }

    proptest! {
        #[test]
        fn whoever_hears_many_rooms_hears_each_in_its_order_and_once(
            said in prop::collection::vec((0u8..5, 0u8..6), 0..60),
            hears in prop::collection::vec(prop::collection::vec(any::<bool>(), 6), 5),
        ) {
            const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
            let everyone = NAMES.map(Arc::new);
            let mut turn = Turn::default();
            turn.begin();
            let mut expected = NAMES.map(|_| vec![Vec::new(); 6]);
            for (number, (place, by)) in said.iter().enumerate() {
                let (event, answer) = (format!("{place}:{number} "), format!("answer:{number} "));
                turn.tell_room(room(*place), event.as_bytes());
                turn.answer(Arc::clone(&everyone[usize::from(*by)]), answer.as_bytes());
                for (one, heard) in expected.iter_mut().enumerate() {
                    if hears[usize::from(*place)][one] {
                        heard[usize::from(*place)].push(event.clone());
                    }
                }
                expected[usize::from(*by)][5].push(answer);
            }
            let all = told(&mut turn, |told| {
                let place = (0..5).find(|number| room(*number) == told).unwrap();
                let here = (0..6).filter(|one| hears[usize::from(place)][*one]);
                here.map(|one| (ConnectionId(one as u64), Arc::clone(&everyone[one]))).collect()
            });
            for (one, heard) in expected.iter().enumerate() {
                let got = all.iter().filter(|(to, _)| *to == NAMES[one]).collect::<Vec<_>>();
                prop_assert!(got.len() <= 1, "one piece each");
                let got = got.first().map_or("", |(_, frames)| frames.as_str());
                prop_assert_eq!(got.len(), heard.iter().flatten().map(String::len).sum::<usize>());
                for part in heard {
                    let kept = got.split_inclusive(' ').filter(|word| part.iter().any(|said| said == word));
                    prop_assert!(kept.eq(part.iter().map(String::as_str)));
                }
                prop_assert!(got.split(' ').skip_while(|word| !word.starts_with('a')).all(|word| word.is_empty() || word.starts_with('a')));
            }
        }
    }
}
