//! The live state: messages flow both ways.
//!
//! One loop in a fixed order of priority: stop, what the host says, what is asked here, the outbox, the heartbeat. All
//! that has arrived is taken in one write of the vault.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use protocol::limits::{PAGE_EVENTS, SYNC_ROOMS};
use protocol::{
    CloseCode, Cursor, ErrorCode, Failure, MemberId, MessageId, Reply, Request, RoomId, ServerFrame, SignedIn,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Ask;
use super::backoff::{Backoff, jitter};
use super::link::{Ended, Link};
use super::state::ConnectionState;
use crate::client::Shared;
use crate::error::{RequestError, StoreError};
use crate::outbox::item::{Refusal, Unsent};
use crate::store::Received;
use crate::store::table::{coverage, outbox, rooms};

/// Most frames taken into one write: enough to share an fsync, few enough that the window keeps up.
const BATCH: usize = 256;
/// Most requests without an answer; one more is refused.
const UNANSWERED: usize = 512;
/// A host that answers nothing for this long has lost the request.
const ANSWER: Duration = Duration::from_secs(60);
/// How long to live with a member whose name is unknown, once all have been asked for.
const STRANGERS: Duration = Duration::from_secs(30);

/// Why the live state ended.
pub(super) enum End {
    Closed,
    SignedOut,
    Storage(String),
    Link(Ended),
}

impl From<Ended> for End {
    fn from(ended: Ended) -> Self {
        Self::Link(ended)
    }
}

impl From<StoreError> for End {
    fn from(error: StoreError) -> Self {
        Self::Storage(error.to_string())
    }
}

type Answer = oneshot::Sender<Result<Reply, RequestError>>;

/// What a request of ours was for.
enum Purpose {
    Asked(Answer),
    Leaving(RoomId, Answer),
    SigningOut(Answer),
    Sync,
    CatchUp(RoomId),
    Members,
    Post(RoomId, MessageId),
}

struct Pending {
    since: Instant,
    purpose: Purpose,
}

struct Live<'a> {
    shared: &'a Arc<Shared>,
    link: Box<Link>,
    pending: HashMap<u32, Pending>,
    syncs: usize,
    asking_members: bool,
    catching_up: HashSet<RoomId>,
    posting: HashMap<RoomId, Backoff>,
    under_way: HashSet<RoomId>,
    paused: HashMap<RoomId, Instant>,
    members_asked: Option<Instant>,
    ended: Option<Ended>,
    clocks: (SystemTime, Instant),
}

/// What one turn of hearing brought.
#[derive(Default)]
struct Turn {
    received: Vec<Received>,
    answers: Vec<(Answer, Reply)>,
    catch_up: Vec<RoomId>,
    /// Rooms whose message is acknowledged, so that the next one may go.
    acked: Vec<(RoomId, MessageId)>,
    synced: bool,
    drain: bool,
    more_members: Option<MemberId>,
    signed_out: bool,
}

pub(super) async fn live(
    shared: &Arc<Shared>,
    asks: &mut mpsc::Receiver<Ask>,
    link: Box<Link>,
    signed_in: Box<SignedIn>,
) -> End {
    let mut live = Live {
        shared,
        link,
        pending: HashMap::new(),
        syncs: 0,
        asking_members: false,
        catching_up: HashSet::new(),
        posting: HashMap::new(),
        under_way: HashSet::new(),
        paused: HashMap::new(),
        members_asked: None,
        ended: None,
        clocks: (SystemTime::now(), Instant::now()),
    };
    match live.run(asks, *signed_in).await {
        Err(End::Closed) => {
            live.link.close().await;
            End::Closed
        }
        Err(End::Link(Ended::Closed(code))) if code == CloseCode::SessionEnded.code() => live.session_ended(),
        Err(end) => end,
        Ok(never) => match never {},
    }
}

impl Live<'_> {
    async fn run(
        &mut self,
        asks: &mut mpsc::Receiver<Ask>,
        signed_in: SignedIn,
    ) -> Result<std::convert::Infallible, End> {
        self.begin(signed_in).await?;
        let heartbeat = self.link.heartbeat();
        let mut beat = interval(heartbeat / 2);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let resume = self.paused.values().min().copied();
            tokio::select! {
                biased;
                () = self.shared.stop.cancelled() => return Err(End::Closed),
                frame = self.link.hear() => {
                    let turn = self.gather(frame?);
                    self.take(turn).await?;
                    if let Some(ended) = self.ended.take() {
                        return Err(ended.into());
                    }
                    // A host that never pauses must not starve the rest.
                    while let Ok(ask) = asks.try_recv() {
                        self.ask(ask).await?;
                    }
                    if self.shared.outbox.notified().now_or_never().is_some() {
                        self.drain().await?;
                    }
                    if beat.tick().now_or_never().is_some() {
                        self.beat(heartbeat).await?;
                    }
                }
                Some(ask) = asks.recv() => self.ask(ask).await?,
                () = self.shared.outbox.notified() => self.drain().await?,
                () = until(resume) => {
                    self.paused.retain(|_, until| *until > Instant::now());
                    self.drain().await?;
                }
                _ = beat.tick() => self.beat(heartbeat).await?,
            }
        }
    }

    /// The host has told who we are; events are being pushed from now on, so the cursors are read after that.
    async fn begin(&mut self, signed_in: SignedIn) -> Result<(), End> {
        self.shared.signed_in(&self.link, &signed_in).await?;
        self.shared.receive(vec![Received::Rooms(signed_in.rooms)]).await?;
        let cursors = self.shared.store.read(|connection, host| {
            rooms::list(connection, host)?
                .into_iter()
                .map(|room| {
                    let held = coverage::of(connection, host, room.id)?;
                    Ok(Cursor { room: room.id, after: held.newest() })
                })
                .collect::<rusqlite::Result<Vec<_>>>()
        });
        for cursors in cursors.await?.chunks(SYNC_ROOMS) {
            self.say(Request::Sync { cursors: cursors.to_vec() }, Purpose::Sync).await?;
            self.syncs += 1;
        }
        self.ask_members(None).await?;
        self.drain().await
    }

    /// Live means caught up: what was missed is here, with the names of those who did it.
    fn settle(&self) {
        if self.syncs == 0 && !self.asking_members {
            self.shared.enter(ConnectionState::Live);
        }
    }

    /// The end of the session answers a sign-out as well as a word would.
    fn session_ended(&mut self) -> End {
        let asked = self.pending.drain().filter_map(|(_, pending)| match pending.purpose {
            Purpose::SigningOut(answer) => Some(answer),
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        let signed_out = !asked.is_empty();
        for answer in asked {
            // Whoever asked may have given up.
            drop(answer.send(Ok(Reply::Done)));
        }
        if signed_out { End::SignedOut } else { End::Link(Ended::Closed(CloseCode::SessionEnded.code())) }
    }

    async fn say(&mut self, request: Request, purpose: Purpose) -> Result<(), Ended> {
        let req = self.link.say(request).await?;
        self.pending.insert(req, Pending { since: Instant::now(), purpose });
        Ok(())
    }

    async fn ask(&mut self, ask: Ask) -> Result<(), Ended> {
        if ask.answer.is_closed() {
            return Ok(());
        }
        if self.pending.len() >= UNANSWERED {
            drop(ask.answer.send(Err(RequestError::NoAnswer)));
            return Ok(());
        }
        let purpose = match &ask.request {
            Request::LeaveRoom { room } => Purpose::Leaving(*room, ask.answer),
            Request::SignOut => Purpose::SigningOut(ask.answer),
            _ => Purpose::Asked(ask.answer),
        };
        self.say(ask.request, purpose).await
    }

    async fn ask_members(&mut self, after: Option<MemberId>) -> Result<(), Ended> {
        self.asking_members = true;
        self.members_asked = Some(Instant::now());
        self.say(Request::Members { after }, Purpose::Members).await
    }

    /// Posts the first unsent message of each room that has none under way.
    async fn drain(&mut self) -> Result<(), End> {
        for unsent in self.shared.store.read(outbox::heads).await? {
            if !self.under_way.contains(&unsent.room) && !self.paused.contains_key(&unsent.room) {
                self.post(unsent).await?;
            }
        }
        Ok(())
    }

    /// Lets the host write the next message to its disk while this computer writes the acknowledgement of `message`.
    async fn post_next(&mut self, room: RoomId, message: MessageId) -> Result<(), End> {
        let next =
            self.shared.store.read(move |connection, host| outbox::next_of(connection, host, room, message));
        match next.await? {
            Some(unsent) => Ok(self.post(unsent).await?),
            None => Ok(()),
        }
    }

    async fn post(&mut self, unsent: Unsent) -> Result<(), Ended> {
        let (room, message) = (unsent.room, unsent.message);
        self.under_way.insert(room);
        self.say(Request::Post { room, message, text: unsent.text }, Purpose::Post(room, message)).await
    }

    async fn beat(&mut self, heartbeat: Duration) -> Result<(), Ended> {
        let (wall, steady) = std::mem::replace(&mut self.clocks, (SystemTime::now(), Instant::now()));
        let slept = wall.elapsed().unwrap_or_default().saturating_sub(steady.elapsed());
        // The steady clock stands still while the computer sleeps, and the host has given up by then.
        if slept > heartbeat {
            return Err(Ended::Lost);
        }
        // Two heartbeats and a delay, as the host counts it too.
        if self.link.heard.elapsed() > heartbeat.mul_f64(2.4) {
            return Err(Ended::Lost);
        }
        self.pending.retain(|_, pending| match &pending.purpose {
            Purpose::Asked(answer) => !answer.is_closed(),
            _ => true,
        });
        if self.pending.values().any(|pending| pending.since.elapsed() > ANSWER) {
            return Err(Ended::Lost);
        }
        self.link.ping().await
    }

    /// The first frame and all that has arrived behind it.
    fn gather(&mut self, first: ServerFrame) -> Turn {
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
            Reply::RoomGone { room } => turn.received.push(Received::RoomGone(room)),
            Reply::Member { member } => {
                self.shared.presence(&[], &[], Some(std::slice::from_ref(&member)));
                turn.received.push(Received::Members(vec![member]));
            }
            Reply::Presence { online, offline } => self.shared.presence(&online, &offline, None),
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
            Purpose::CatchUp(room) => {
                self.catching_up.remove(&room);
                if let Reply::History(page) = reply {
                    let (room, events, head) = (page.room, page.events, page.head);
                    turn.received.push(Received::Stretch { room, events, head, quiet: false });
                }
            }
            Purpose::Members => {
                self.asking_members = false;
                if let Reply::Members { members, more } = reply {
                    turn.more_members = members.last().filter(|_| more).map(|member| member.id);
                    self.shared.presence(&[], &[], Some(&members));
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
            turn.received.extend(rooms.into_iter().map(|sync| Received::Stretch {
                room: sync.room,
                events: sync.events,
                head: sync.head,
                quiet: false,
            }));
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

    /// Saves what a turn brought, then answers and asks on.
    async fn take(&mut self, turn: Turn) -> Result<(), End> {
        let Turn { received, answers, mut catch_up, acked, synced, drain, more_members, signed_out } = turn;
        for (room, message) in acked {
            self.post_next(room, message).await?;
        }
        if !received.is_empty() {
            let outcome = self.shared.receive(received).await?;
            if self.syncs == 0 {
                catch_up.extend(outcome.gaps);
            }
            let asked_lately = self.members_asked.is_some_and(|asked| asked.elapsed() < STRANGERS);
            if outcome.strangers && !asked_lately && !self.asking_members && more_members.is_none() {
                self.ask_members(None).await?;
            }
        }
        for (answer, reply) in answers {
            // Whoever asked may have given up.
            drop(answer.send(match reply {
                Reply::Error(failure) => Err(RequestError::Refused(failure)),
                reply => Ok(reply),
            }));
        }
        if signed_out {
            return Err(End::SignedOut);
        }
        if synced {
            catch_up.extend(self.shared.store.read(rooms::behind).await?);
        }
        for room in catch_up {
            self.catch_up(room).await?;
        }
        if more_members.is_some() {
            self.ask_members(more_members).await?;
        }
        if !self.shared.state.borrow().is_live() {
            self.settle();
        }
        if drain { self.drain().await } else { Ok(()) }
    }

    /// Asks for the newest page of a room. What is older than the page stays a hole, paged when somebody looks.
    async fn catch_up(&mut self, room: RoomId) -> Result<(), Ended> {
        if !self.catching_up.insert(room) {
            return Ok(());
        }
        let request = Request::History { room, before: None, after: None, limit: PAGE_EVENTS };
        self.say(request, Purpose::CatchUp(room)).await
    }
}

/// Refusals that another try can't mend without anybody acting. A session that ends is not the message's fault.
fn is_for_good(failure: &Failure) -> bool {
    !failure.code.is_temporary() && !matches!(failure.code, ErrorCode::SessionEnded | ErrorCode::NotSignedIn)
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
