//! Several members who post at once, each keeping what it needs to go on when the host is gone and comes back.
//!
//! It judges nothing: what was sent, acknowledged and heard goes into the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use protocol::{
    ErrorCode, Failure, MemberId, MessageId, Reply, Request, Role, RoomId, Secret, SignIn, SignedIn, Text,
};
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::link::Link;
use crate::world::Host;

/// Who they are; the first owns the host.
pub const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// How long who was refused waits before the next try.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(25);

/// One member who sends.
pub struct Sender {
    /// Who.
    pub id: MemberId,
    /// The session by which they come back.
    pub token: Secret,
    /// Where they post.
    pub room: RoomId,
    /// What they wrote down.
    pub ledger: Ledger,
    /// What is not acknowledged, in order, for the next try.
    pub open: Vec<(MessageId, String)>,
    /// Whether the room may be closed or gone under way: then they are done.
    pub room_may_go: bool,
    /// Bytes that each message is made long, besides its own words.
    pub padding: usize,
    written: u64,
}

/// What those who watch a crowd see of it while it posts.
#[derive(Debug, Default)]
pub struct Progress {
    /// Messages acknowledged.
    pub acknowledged: AtomicUsize,
    /// Posts refused because the host could not write.
    pub refused: AtomicUsize,
    /// Tells all to stop once their answers are there.
    pub enough: AtomicBool,
    /// Set by those who broke the disk, and known to be broken from then on.
    pub broken: AtomicBool,
    /// Messages acknowledged though they were sent after `broken`.
    pub after_broken: AtomicUsize,
}

impl Progress {
    fn count(&self, counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

/// Brings [`NAMES`] into a fresh host, all in its first room.
///
/// # Errors
/// When one of them is not let in.
pub fn gather(host: &Host) -> Result<Vec<Sender>> {
    let token = host.owner_link()?.token;
    let owner = SignIn::Invite { token, name: NAMES[0].into(), password: None };
    let (mut link, alice) = Link::sign_in(host.address(), owner)?;
    let room = alice.rooms.first().context("everyone begins in the first room")?.id;
    let mut senders = vec![Sender::new(alice, room)?];
    let invite =
        Request::CreateInvite { role: Role::Member, uses: 100, life_ms: 3_600_000, rooms: Vec::new() };
    let Reply::InviteCreated { token, .. } = link.ask(invite)? else { bail!("no invite") };
    for name in &NAMES[1..] {
        let by = SignIn::Invite { token: token.clone(), name: (*name).into(), password: None };
        senders.push(Sender::new(Link::sign_in(host.address(), by)?.1, room)?);
    }
    Ok(senders)
}

/// A crowd at work; [`Crowd::end`] gives its senders back.
pub struct Crowd {
    /// How far it is.
    pub progress: Arc<Progress>,
    threads: Vec<JoinHandle<Sender>>,
}

impl Crowd {
    /// All of `senders` post as fast as they can, each with up to `window` on the way, until their connection breaks or
    /// it is enough.
    pub fn begin(address: &str, senders: &mut Vec<Sender>, window: usize) -> Self {
        let progress = Arc::new(Progress::default());
        let begin = |mut sender: Sender| {
            let (address, progress) = (address.to_owned(), Arc::clone(&progress));
            thread::spawn(move || {
                sender.send_until_cut(&address, &progress, window);
                sender
            })
        };
        let threads = senders.drain(..).map(begin).collect();
        Self { progress, threads }
    }

    /// Waits until `count` messages are acknowledged since the beginning.
    ///
    /// # Errors
    /// When they are not within bounds.
    pub fn reach(&self, count: usize) -> Result<()> {
        let acknowledged = || self.progress.acknowledged.load(Ordering::SeqCst);
        crate::wait::until("acknowledgements", || (acknowledged() >= count).then_some(()))
    }

    /// Whether nobody has left yet.
    pub fn all_there(&self) -> bool {
        self.threads.iter().all(|thread| !thread.is_finished())
    }

    /// Stops all and gives them back.
    pub fn end(self) -> Vec<Sender> {
        self.progress.enough.store(true, Ordering::SeqCst);
        self.threads.into_iter().map(|thread| thread.join().expect("no sender panics")).collect()
    }
}

/// What was written down by all, with the log as the first `readers` of them read it now.
///
/// # Errors
/// When they can not read.
pub fn everything_read(address: &str, senders: &[Sender], readers: usize) -> Result<Ledger> {
    let mut all = Ledger::default();
    for sender in senders {
        all.merge(sender.ledger.clone());
    }
    for sender in &senders[..readers] {
        let (mut link, _) = sender.connect(address)?;
        all.read_whole(sender.id, sender.room, &link.whole_log(sender.room)?);
    }
    Ok(all)
}

/// Sends again what is not acknowledged, until all of it is.
///
/// # Errors
/// When something is refused.
pub fn deliver_what_is_open(address: &str, senders: &mut [Sender]) -> Result<()> {
    for sender in senders {
        let (mut link, _) = sender.connect(address)?;
        for (message, text) in std::mem::take(&mut sender.open) {
            match link.ask(Request::post(sender.room, message, Text(text)))? {
                Reply::Posted { message, room, seq, .. } => sender.ledger.acknowledged(message, room, seq),
                other => bail!("a resend was answered by {other:?}"),
            }
        }
    }
    Ok(())
}

impl Sender {
    /// A member who has just signed in for the first time.
    ///
    /// # Errors
    /// When they were given no session.
    pub fn new(signed_in: SignedIn, room: RoomId) -> Result<Self> {
        let token = signed_in.token.context("a first sign-in gives a session")?;
        Ok(Self {
            id: signed_in.member.id,
            token,
            room,
            ledger: Ledger::default(),
            open: Vec::new(),
            room_may_go: false,
            padding: 0,
            written: 0,
        })
    }

    /// Comes back by their session.
    ///
    /// # Errors
    /// When the host is not there or refuses.
    pub fn connect(&self, address: &str) -> Result<(Link, SignedIn)> {
        Link::sign_in(address, SignIn::Session { token: self.token.clone() })
    }

    /// First again what is open, in its order, then new messages, until the connection breaks or it is enough. Where the
    /// host can not write, each is tried again, one at a time from then on, so that the order stays theirs.
    fn send_until_cut(&mut self, address: &str, progress: &Progress, mut window: usize) {
        let Ok((mut link, _)) = self.connect(address) else { return };
        let mut under_way: Vec<(MessageId, bool)> = Vec::new();
        loop {
            let enough = progress.enough.load(Ordering::SeqCst);
            if enough && under_way.is_empty() {
                return;
            }
            while !enough && under_way.len() < window {
                let at = under_way.len();
                if at == self.open.len() {
                    self.write_another();
                }
                let (message, text) = self.open[at].clone();
                under_way.push((message, progress.broken.load(Ordering::SeqCst)));
                if link.tell(Request::post(self.room, message, Text(text))).is_err() {
                    return;
                }
            }
            let Ok(frame) = link.hear() else { return };
            match frame.reply {
                Reply::Posted { message, room, seq, .. } => {
                    self.ledger.acknowledged(message, room, seq);
                    self.open.retain(|(open, _)| *open != message);
                    let late = under_way.iter().any(|&(sent, late)| sent == message && late);
                    under_way.retain(|&(sent, _)| sent != message);
                    progress.count(&progress.acknowledged);
                    if late {
                        progress.count(&progress.after_broken);
                    }
                }
                Reply::Event { event } => self.ledger.heard(self.id, &event),
                Reply::Error(Failure { code: ErrorCode::Stopping, .. }) => return,
                Reply::Error(Failure { code: ErrorCode::ReadOnly, .. }) => {
                    progress.count(&progress.refused);
                    if window > 1 {
                        // What was behind it may be taken: go on later, from the beginning.
                        return;
                    }
                    under_way.clear();
                    window = 1;
                    thread::sleep(AFTER_A_REFUSAL);
                }
                Reply::Error(Failure { code: ErrorCode::NotFound | ErrorCode::Forbidden, .. })
                    if self.room_may_go =>
                {
                    self.open.clear();
                    return;
                }
                Reply::Error(failure) => panic!("a post was refused: {failure:?}"),
                _ => {}
            }
        }
    }

    fn write_another(&mut self) {
        self.written += 1;
        let message = MessageId(Uuid::now_v7());
        let text = format!("message {} of {} {}", self.written, self.id, "x".repeat(self.padding));
        let text = text.trim_end().to_owned();
        self.ledger.sent(self.id, self.room, message, &text);
        self.open.push((message, text));
    }

    /// Posts one message and says how it went.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn post_once(&mut self, link: &mut Link) -> Result<std::result::Result<Duration, Failure>> {
        if self.open.is_empty() {
            self.write_another();
        }
        let (message, text) = self.open[0].clone();
        let begun = Instant::now();
        match link.ask(Request::post(self.room, message, Text(text)))? {
            Reply::Posted { message, room, seq, .. } => {
                self.ledger.acknowledged(message, room, seq);
                self.open.remove(0);
                Ok(Ok(begun.elapsed()))
            }
            Reply::Error(failure) => Ok(Err(failure)),
            other => bail!("a post was answered by {other:?}"),
        }
    }
}
