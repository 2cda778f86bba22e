//! The live state: messages flow both ways.
//!
//! One loop in a fixed order of priority: stop, what the host says, what is asked here, the outbox, the heartbeat. All
//! that has arrived is taken in one write of the vault.

mod hearing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt;
use protocol::limits::{PAGE_EVENTS, SYNC_ROOMS};
use protocol::{Availability, CloseCode, MemberId, MessageId, Reply, Request, RoomId, Seq, SignedIn};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::hearing::Turn;
use super::Ask;
use super::backoff::Backoff;
use super::link::{Ended, Link};
use super::state::ConnectionState;
use crate::client::Shared;
use crate::error::{RequestError, StoreError};
use crate::outbox::item::Unsent;
use crate::store::Received;
use crate::store::table::{coverage, outbox, rooms, unsure};

/// Most requests without an answer; one more is refused.
const UNANSWERED: usize = 512;
/// A host that answers nothing for this long has lost the request.
const ANSWER: Duration = Duration::from_secs(60);
/// How long to live with a member whose name is unknown, once all have been asked for.
const STRANGERS: Duration = Duration::from_secs(30);

/// What is held is told this long after it came: authors see soon who got it, and a busy room costs little.
const TELL: Duration = Duration::from_secs(2);
/// What waits is asked for at most this often.
const RECOUNT: Duration = Duration::from_secs(1);

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
    Hole(Hole),
    Members,
    /// What waits in my rooms, counted anew.
    Counts,
    People,
    /// Said, with no answer that matters.
    Nothing,
    Post(RoomId, MessageId),
}

/// A stretch of a log between two numbers that has to be read, because it changed what is held.
#[derive(Debug, Clone, Copy)]
struct Hole {
    room: RoomId,
    after: Seq,
    before: Seq,
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
    /// From where on each room was asked for.
    cursors: HashMap<RoomId, Seq>,
    /// Rooms with a hole that is being read.
    reading: HashSet<RoomId>,
    asking_members: bool,
    catching_up: HashSet<RoomId>,
    posting: HashMap<RoomId, Backoff>,
    under_way: HashSet<RoomId>,
    paused: HashMap<RoomId, Instant>,
    members_asked: Option<Instant>,
    counting: bool,
    /// Whether I am let in aside: nothing but a second factor is to be said to the host.
    aside: bool,
    /// When to count anew, and when to tell what is held.
    recount_at: Option<Instant>,
    tell_at: Option<Instant>,
    ended: Option<Ended>,
    clocks: (SystemTime, Instant),
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
        cursors: HashMap::new(),
        reading: HashSet::new(),
        asking_members: false,
        catching_up: HashSet::new(),
        posting: HashMap::new(),
        under_way: HashSet::new(),
        paused: HashMap::new(),
        members_asked: None,
        counting: false,
        aside: false,
        recount_at: None,
        tell_at: None,
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
                () = until(self.recount_at) => self.recount().await?,
                () = until(self.tell_at) => self.tell_held().await?,
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
        self.aside = signed_in.second_factor_missing;
        if self.aside {
            // That it names no room says nothing of mine.
            self.settle();
            return Ok(());
        }
        let (rooms, counted) = (signed_in.rooms, signed_in.progress);
        self.shared.receive(vec![Received::Rooms(rooms), Received::Progress(counted)]).await?;
        let cursors = self.shared.store.write(unsure::ask).await?;
        self.cursors = cursors.iter().map(|cursor| (cursor.room, cursor.after)).collect();
        for cursors in cursors.chunks(SYNC_ROOMS) {
            self.say(Request::Sync { cursors: cursors.to_vec() }, Purpose::Sync).await?;
            self.syncs += 1;
        }
        self.ask_members(None).await?;
        self.say(Request::People, Purpose::People).await?;
        let (availability, until) = self.shared.mood();
        if availability != Availability::Active {
            self.say(Request::SetPresence { availability, until }, Purpose::Nothing).await?;
        }
        self.drain().await
    }

    /// Asks the host what waits, where that can not be told from here.
    async fn recount(&mut self) -> Result<(), End> {
        self.recount_at = None;
        if !std::mem::replace(&mut self.counting, true) {
            self.say(Request::Progress, Purpose::Counts).await?;
        }
        Ok(())
    }

    /// Tells the host how far this device keeps its rooms, as far as that is news.
    async fn tell_held(&mut self) -> Result<(), End> {
        self.tell_at = None;
        let held = self.shared.store.read(|connection, host| {
            rooms::list(connection, host)?
                .into_iter()
                .map(|room| Ok((room.id, coverage::of(connection, host, room.id)?.newest())))
                .collect::<rusqlite::Result<Vec<_>>>()
        });
        for cursors in self.shared.untold(held.await?).chunks(SYNC_ROOMS) {
            self.say(Request::Received { cursors: cursors.to_vec() }, Purpose::Nothing).await?;
        }
        Ok(())
    }

    /// Live means caught up: what was missed is here, with the names of those who did it.
    fn settle(&self) {
        if self.syncs == 0 && self.reading.is_empty() && !self.asking_members {
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
        if self.aside {
            return Ok(());
        }
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
        self.say(Request::post(room, message, unsent.text), Purpose::Post(room, message)).await
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
        // The host shows life by itself, and what answers it shows ours: only its silence is to be asked about.
        if self.link.heard.elapsed() > heartbeat { self.link.ping().await } else { Ok(()) }
    }

    /// Saves what a turn brought, then answers and asks on.
    async fn take(&mut self, turn: Turn) -> Result<(), End> {
        let Turn {
            received,
            answers,
            mut catch_up,
            holes,
            acked,
            synced,
            drain,
            mut recount,
            more_members,
            signed_out,
        } = turn;
        for (room, message) in acked {
            self.post_next(room, message).await?;
        }
        if !received.is_empty() {
            let outcome = self.shared.receive(received).await?;
            self.tell_at.get_or_insert_with(|| Instant::now() + TELL);
            recount |= outcome.recount;
            if self.syncs == 0 {
                catch_up.extend(outcome.gaps);
            }
            let asked_lately = self.members_asked.is_some_and(|asked| asked.elapsed() < STRANGERS);
            if outcome.strangers && !asked_lately && !self.asking_members && more_members.is_none() {
                self.ask_members(None).await?;
            }
        }
        if recount {
            self.recount_at.get_or_insert_with(|| Instant::now() + RECOUNT);
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
        for hole in holes {
            self.read_hole(hole).await?;
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

    /// Asks for the next page of a hole that has to be read.
    async fn read_hole(&mut self, hole: Hole) -> Result<(), Ended> {
        let Hole { room, after, before } = hole;
        self.reading.insert(room);
        let request = Request::History { room, before: Some(before), after: Some(after), limit: PAGE_EVENTS };
        self.say(request, Purpose::Hole(hole)).await
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
