//! What the host says, sorted by what it is for: pure bookkeeping, nothing is saved or sent here.

use std::time::Duration;

use protocol::{
    Availability, ErrorCode, Failure, Member, MemberId, MessageId, Reply, RoomId, RoomSync, ServerFrame,
};
use tokio::time::Instant;

use super::{Answer, Hole, Live, Purpose};
use crate::connection::backoff::jitter;
use crate::outbox::item::Refusal;
use crate::store::Received;

/// Most frames taken into one write: enough to share an fsync, few enough that the window keeps up.
const BATCH: usize = 256;
/// What one turn of hearing brought.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) received: Vec<Received>,
    pub(super) answers: Vec<(Answer, Reply)>,
    pub(super) catch_up: Vec<RoomId>,
    /// Holes to be read now.
    pub(super) holes: Vec<Hole>,
    /// Rooms whose message is acknowledged, so that the next one may go.
    pub(super) acked: Vec<(RoomId, MessageId)>,
    pub(super) synced: bool,
    pub(super) drain: bool,
    pub(super) recount: bool,
    pub(super) more_members: Option<MemberId>,
    pub(super) signed_out: bool,
}

impl Live<'_> {
    /// The first frame and all that has arrived behind it.
    pub(super) fn gather(&mut self, first: ServerFrame) -> Turn {
        let mut turn = Turn::default();
        self.sort(first, &mut turn);
        for _ in 1..BATCH {
            match self.link.hear_now() {
                Some(Ok(frame)) => self.sort(frame, &mut turn),
                // Told once what came before it is saved.
                Some(Err(ended)) => {
                    self.ended = Some(ended);
                    break;
                }
                None => break,
            }
        }
        turn
    }

    fn sort(&mut self, frame: ServerFrame, turn: &mut Turn) {
        match frame.req.and_then(|req| self.pending.remove(&req)) {
            Some(pending) => self.answered(pending.purpose, frame.reply, turn),
            None => self.pushed(frame.reply, turn),
        }
    }

    fn pushed(&mut self, reply: Reply, turn: &mut Turn) {
        match reply {
            Reply::Event { event } => turn.received.push(Received::Event(event)),
            Reply::Room { room } => {
                turn.catch_up.push(room.id);
                turn.received.push(Received::Room(room));
            }
            Reply::Progress { progress, .. } => turn.received.push(Received::Progress(vec![progress])),
            Reply::People { blocked, .. } => turn.recount |= self.shared.block(blocked),
            Reply::RoomGone { room } => turn.received.push(Received::RoomGone(room)),
            Reply::Member { member } => {
                self.shared.presence([here(&member)]);
                turn.received.push(Received::Members(vec![member]));
            }
            Reply::Presence { online, offline, idle, busy } => {
                let named = |list: Vec<MemberId>, here| list.into_iter().map(move |member| (member, here));
                let here = named(online, Availability::Active)
                    .chain(named(idle, Availability::Idle))
                    .chain(named(busy, Availability::DoNotDisturb))
                    .map(|(member, availability)| (member, Some(availability)))
                    .chain(offline.into_iter().map(|member| (member, None)));
                self.shared.presence(here);
            }
            Reply::Error(failure) => tracing::warn!(code = ?failure.code, "the host could not read a frame"),
            _ => {}
        }
    }

    fn answered(&mut self, purpose: Purpose, reply: Reply, turn: &mut Turn) {
        match purpose {
            Purpose::Asked(answer) => {
                if let Reply::Room { room } = &reply {
                    turn.catch_up.push(room.id);
                    turn.received.push(Received::Room(room.clone()));
                }
                if let Reply::Progress { progress, .. } = &reply {
                    turn.received.push(Received::Progress(vec![*progress]));
                }
                turn.answers.push((answer, reply));
            }
            Purpose::Leaving(room, answer) => {
                if matches!(reply, Reply::Done) {
                    turn.received.push(Received::RoomGone(room));
                }
                turn.answers.push((answer, reply));
            }
            Purpose::SigningOut(answer) => {
                turn.signed_out |= matches!(reply, Reply::Done);
                turn.answers.push((answer, reply));
            }
            Purpose::Sync => self.synced(reply, turn),
            Purpose::Counts => {
                self.counting = false;
                if let Reply::ProgressList { rooms } = reply {
                    turn.received.push(Received::Progress(rooms));
                }
            }
            Purpose::People => {
                if let Reply::People { blocked, .. } = reply {
                    turn.recount |= self.shared.block(blocked);
                }
            }
            Purpose::Nothing => {}
            Purpose::CatchUp(room) => {
                self.catching_up.remove(&room);
                if let Reply::History(page) = reply {
                    let (room, events, head) = (page.room, page.events, page.head);
                    turn.received.push(Received::Stretch { room, events, head, quiet: false });
                }
            }
            Purpose::Hole(hole) => self.read_of(hole, reply, turn),
            Purpose::Members => {
                self.asking_members = false;
                if let Reply::Members { members, more } = reply {
                    turn.more_members = members.last().filter(|_| more).map(|member| member.id);
                    self.shared.presence(members.iter().map(here));
                    turn.received.push(Received::Members(members));
                }
            }
            Purpose::Post(room, message) => self.posted(room, message, reply, turn),
        }
    }

    fn synced(&mut self, reply: Reply, turn: &mut Turn) {
        self.syncs = self.syncs.saturating_sub(1);
        turn.synced = self.syncs == 0;
        if let Reply::Synced { rooms } = reply {
            for RoomSync { room, events, changed, more, head } in rooms {
                if !changed.is_empty() {
                    turn.received.push(Received::Changed { room, events: changed, head });
                }
                match self.cursors.remove(&room).filter(|_| more) {
                    // Only the events of the hole say what else they have changed.
                    Some(after) => {
                        let before = events.first().map_or(head.next(), |event| event.seq);
                        turn.holes.push(Hole { room, after, before });
                    }
                    None => turn.received.push(Received::Settled(room)),
                }
                turn.received.push(Received::Stretch { room, events, head, quiet: false });
            }
        }
    }

    /// One more page of a hole; what is left of it is asked for. A refusal leaves the rest to the next sync.
    fn read_of(&mut self, hole: Hole, reply: Reply, turn: &mut Turn) {
        self.reading.remove(&hole.room);
        let Reply::History(page) = reply else { return };
        let last = page.events.last().map(|event| event.seq);
        let (room, events, head) = (page.room, page.events, page.head);
        turn.received.push(Received::Stretch { room, events, head, quiet: false });
        match last.filter(|last| *last > hole.after && last.next() < hole.before) {
            Some(last) => turn.holes.push(Hole { after: last, ..hole }),
            None => turn.received.push(Received::Settled(hole.room)),
        }
    }

    fn posted(&mut self, room: RoomId, message: MessageId, reply: Reply, turn: &mut Turn) {
        self.under_way.remove(&room);
        turn.drain = true;
        match reply {
            Reply::Posted { message: acked, room: of, seq, at } if acked == message && of == room => {
                self.posting.remove(&room);
                turn.acked.push((room, message));
                turn.received.push(Received::Acked { message, room, seq, at });
            }
            Reply::Error(failure) if !is_for_good(&failure) => self.pause(room, &failure),
            Reply::Error(Failure { code, message: words, .. }) => {
                let refusal = Refusal { code, message: words };
                turn.received.push(Received::Refused { message, refusal });
            }
            _ => {
                let message_for_people = "the host gave an answer this version does not understand".into();
                let refusal = Refusal { code: ErrorCode::Unknown, message: message_for_people };
                turn.received.push(Received::Refused { message, refusal });
            }
        }
    }

    /// A refusal for now: the room waits, with the message at its head, so that the order stays.
    fn pause(&mut self, room: RoomId, failure: &Failure) {
        let asked = Duration::from_millis(u64::from(failure.retry_after_ms.unwrap_or_default()));
        let delay = self.posting.entry(room).or_default().next(jitter()).max(asked);
        self.paused.insert(room, Instant::now() + delay);
    }
}

/// Whether a member is here, and how they are to be reached.
fn here(member: &Member) -> (MemberId, Option<Availability>) {
    (member.id, member.online.then_some(member.availability))
}

/// Refusals that another try can't mend without anybody acting. How the member stands is not the message's fault.
fn is_for_good(failure: &Failure) -> bool {
    let is_the_members = matches!(
        failure.code,
        ErrorCode::SessionEnded | ErrorCode::NotSignedIn | ErrorCode::SecondFactorMissing
    );
    !failure.code.is_temporary() && !is_the_members
}
