//! The one judge of every drill: what was sent, what was acknowledged, and what every member can read in the end.
//!
//! Acknowledged means present exactly once, with the same body and the same number for all. Numbers have no gaps,
//! each sender's order is kept, and what was not acknowledged is absent or present once. It knows nothing of sockets
//! or processes, so that every rule can be shown to fail on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use protocol::{Change, Event, MemberId, MessageId, RoomId, Seq};
use sha2::{Digest, Sha256};

mod violation;

pub use violation::Violation;

/// What was sent, acknowledged and seen.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    sends: Vec<Sent>,
    known: BTreeMap<MessageId, usize>,
    acknowledged: BTreeMap<MessageId, BTreeSet<(RoomId, Seq)>>,
    heard: Vec<(MemberId, Entry)>,
    logs: BTreeMap<(MemberId, RoomId), Vec<Entry>>,
}

/// One message as its sender meant it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sent {
    by: MemberId,
    room: RoomId,
    message: MessageId,
    body: Body,
}

/// The SHA-256 of a text, so that a ledger holds no text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Body([u8; 32]);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}{:02x}…", self.0[0], self.0[1])
    }
}

fn body(text: &str) -> Body {
    Body(Sha256::digest(text.as_bytes()).into())
}

/// One event of a log as somebody saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    room: RoomId,
    seq: Seq,
    by: MemberId,
    posted: Option<(MessageId, Body)>,
}

impl From<&Event> for Entry {
    fn from(event: &Event) -> Self {
        let posted = match &event.change {
            Change::Posted(posted) => Some((posted.message, body(&posted.text.0))),
            _ => None,
        };
        Self { room: event.room, seq: event.seq, by: event.by, posted }
    }
}

/// How much was compared: a zero of violations means nothing without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Messages sent, resends not counted.
    pub sent: usize,
    /// Messages acknowledged.
    pub acknowledged: usize,
    /// Events in the logs of all members together.
    pub read: usize,
    /// Events pushed to members while they happened.
    pub heard: usize,
}

impl Ledger {
    /// `by` is about to send this for the first time; the order of these calls is the sender's order in the room.
    pub fn sent(&mut self, by: MemberId, room: RoomId, message: MessageId, text: &str) {
        self.known.insert(message, self.sends.len());
        self.sends.push(Sent { by, room, message, body: body(text) });
    }

    /// The host said that it has the message on disk, under this number.
    pub fn acknowledged(&mut self, message: MessageId, room: RoomId, seq: Seq) {
        self.acknowledged.entry(message).or_default().insert((room, seq));
    }

    /// `member` was told of this while it happened.
    pub fn heard(&mut self, member: MemberId, event: &Event) {
        self.heard.push((member, event.into()));
    }

    /// `member` read the whole log of `room`; takes the place of an earlier reading.
    pub fn read_whole(&mut self, member: MemberId, room: RoomId, log: &[Event]) {
        self.logs.insert((member, room), log.iter().map(Entry::from).collect());
    }

    /// Adds what another pair of hands wrote down. Their senders must be others than these.
    pub fn merge(&mut self, other: Self) {
        for sent in other.sends {
            self.known.insert(sent.message, self.sends.len());
            self.sends.push(sent);
        }
        for (message, places) in other.acknowledged {
            self.acknowledged.entry(message).or_default().extend(places);
        }
        self.heard.extend(other.heard);
        self.logs.extend(other.logs);
    }

    /// Messages sent that nobody has acknowledged, in the order in which they were sent.
    pub fn unacknowledged(&self) -> Vec<MessageId> {
        let open = |sent: &&Sent| !self.acknowledged.contains_key(&sent.message);
        self.sends.iter().filter(open).map(|sent| sent.message).collect()
    }

    /// How much there is to compare.
    pub fn counts(&self) -> Counts {
        Counts {
            sent: self.sends.len(),
            acknowledged: self.acknowledged.len(),
            read: self.logs.values().map(Vec::len).sum(),
            heard: self.heard.len(),
        }
    }

    /// Every rule that was broken. Empty means that nothing was lost, doubled, changed or reordered.
    pub fn violations(&self) -> Vec<Violation> {
        let mut found = Vec::new();
        self.check_acknowledgements(&mut found);
        for (&(reader, room), log) in &self.logs {
            check_numbers(reader, room, log, &mut found);
            self.check_log(reader, room, log, &mut found);
            self.check_order(reader, log, &mut found);
        }
        self.check_agreement(&mut found);
        self.check_heard(&mut found);
        found
    }

    /// One number per message, and none for a message nobody sent.
    fn check_acknowledgements(&self, found: &mut Vec<Violation>) {
        for (&message, places) in &self.acknowledged {
            if places.len() > 1 {
                found.push(Violation::AcknowledgedTwoWays { message });
            }
            if !self.known.contains_key(&message) {
                found.push(Violation::Invented { message });
            }
        }
    }

    /// Acknowledged: there once, at its number, unchanged. Not acknowledged: at most once, unchanged.
    fn check_log(&self, reader: MemberId, room: RoomId, log: &[Entry], found: &mut Vec<Violation>) {
        let mut present: BTreeMap<MessageId, Vec<(Seq, Body)>> = BTreeMap::new();
        for entry in log {
            if let Some((message, body)) = entry.posted {
                present.entry(message).or_default().push((entry.seq, body));
            }
        }
        for (&message, places) in &present {
            let Some(sent) = self.known.get(&message).map(|&index| self.sends[index]) else {
                found.push(Violation::Invented { message });
                continue;
            };
            if places.len() > 1 {
                found.push(Violation::Doubled { message, reader });
            }
            if sent.room != room || places.iter().any(|&(_, body)| body != sent.body) {
                found.push(Violation::Changed { message, reader });
            }
        }
        for (&message, places) in &self.acknowledged {
            for &(_, seq) in places.iter().filter(|&&(place, _)| place == room) {
                match present.get(&message) {
                    None => found.push(Violation::Lost { message, reader, seq }),
                    Some(at) if at.iter().all(|&(place, _)| place != seq) => {
                        found.push(Violation::Moved { message, reader, acknowledged: seq, at: at[0].0 });
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// What one member sent into a room stands there in the order in which it was sent.
    fn check_order(&self, reader: MemberId, log: &[Entry], found: &mut Vec<Violation>) {
        let mut last: BTreeMap<MemberId, usize> = BTreeMap::new();
        for entry in log {
            let Some((message, _)) = entry.posted else { continue };
            let Some(&index) = self.known.get(&message) else { continue };
            let by = self.sends[index].by;
            if entry.by != by {
                found.push(Violation::Misattributed { message, reader });
            }
            if last.insert(by, index).is_some_and(|before| before > index) {
                found.push(Violation::Reordered { message, reader });
            }
        }
    }

    /// All who read a room read the same.
    fn check_agreement(&self, found: &mut Vec<Violation>) {
        let mut first: BTreeMap<RoomId, (MemberId, &Vec<Entry>)> = BTreeMap::new();
        for (&(reader, room), log) in &self.logs {
            let &mut (other, reference) = first.entry(room).or_insert((reader, log));
            if reference != log {
                found.push(Violation::Disagreement { room, one: other, other: reader });
            }
        }
    }

    /// What was told while it happened is what stands in the log.
    fn check_heard(&self, found: &mut Vec<Violation>) {
        let set = |log: &Vec<Entry>| log.iter().copied().collect::<BTreeSet<_>>();
        let logs: BTreeMap<_, _> = self.logs.iter().map(|(&whose, log)| (whose, set(log))).collect();
        for &(member, entry) in &self.heard {
            let Some(log) = logs.get(&(member, entry.room)) else { continue };
            if !log.contains(&entry) {
                found.push(Violation::HeardThenGone { member, room: entry.room, seq: entry.seq });
            }
        }
    }
}

/// 1, 2, 3 and so on.
fn check_numbers(reader: MemberId, room: RoomId, log: &[Entry], found: &mut Vec<Violation>) {
    for (entry, expected) in log.iter().zip(1..) {
        if entry.seq != Seq(expected) || entry.room != room {
            found.push(Violation::Gap { room, reader, expected: Seq(expected), found: entry.seq });
            return;
        }
    }
}

#[cfg(test)]
mod tests;
