//! `kill -9` of the host under several senders: the ledger holds, and it fails when commits come too late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use protocol::{ErrorCode, MemberId, MessageId, Reply, Request, Role, RoomId, Secret, SignIn, Text};
use tests::ledger::{Ledger, Violation};
use tests::link::Link;
use tests::wait;
use tests::world::{Host, HostPlan, World, program};
use uuid::Uuid;

const SENDERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const ROUNDS: u32 = 20;
/// A loss needs the kill to hit between an acknowledgement and its commit; by then it has.
const ROUNDS_OF_THE_CONTROL: u32 = 100;
/// Messages a sender has on the way at once.
const WINDOW: usize = 8;

/// One member who sends, and keeps what it needs to go on after the host's death.
struct Sender {
    id: MemberId,
    token: Secret,
    room: RoomId,
    ledger: Ledger,
    /// What is not acknowledged, in order, for the next try.
    open: Vec<(MessageId, String)>,
    written: u64,
}

#[test]
fn a_host_killed_under_load_loses_and_doubles_nothing() {
    let (rounds, ledger, found) = drill(ROUNDS, "hearth-server");
    let counts = ledger.counts();
    println!("{rounds} rounds of kill -9: {counts:?}, {} violations", found.len());
    assert_eq!(found, []);
    assert_eq!(rounds, ROUNDS);
    assert!(ledger.unacknowledged().is_empty(), "every message was sent again until it was acknowledged");
    assert!(counts.acknowledged >= 20 * ROUNDS as usize && counts.heard > counts.acknowledged, "{counts:?}");
}

#[test]
fn a_host_that_acknowledges_before_it_commits_is_caught() {
    let (rounds, _, found) = drill(ROUNDS_OF_THE_CONTROL, "hearth-server-too-early");
    println!("the control was caught after {rounds} rounds with {} violations", found.len());
    assert!(found.iter().any(|violation| matches!(violation, Violation::Lost { .. })), "{found:?}");
}

/// Rounds of sending, killing, starting and comparing, until one shows a violation.
fn drill(rounds: u32, binary: &str) -> (u32, Ledger, Vec<Violation>) {
    let world = World::new().unwrap();
    let host = world.host("studio").start().unwrap();
    let mut senders = gather_senders(&host);
    let plan = HostPlan { program: program(binary), ..host.stop().unwrap() };
    let mut host = plan.start().unwrap();
    for round in 1..=rounds {
        host = send_until_killed(host, &mut senders).start().unwrap();
        let ledger = everything_read(&host, &senders, 1);
        let found = ledger.violations();
        if !found.is_empty() {
            return (round, ledger, found);
        }
    }
    deliver_what_is_open(&host, &mut senders);
    let ledger = everything_read(&host, &senders, senders.len());
    let found = ledger.violations();
    (rounds, ledger, found)
}

/// Alice owns the host and invites the others.
fn gather_senders(host: &Host) -> Vec<Sender> {
    let owner =
        SignIn::Invite { token: host.owner_link().unwrap().token, name: SENDERS[0].into(), password: None };
    let (mut link, alice) = Link::sign_in(host.address(), owner).unwrap();
    let room = alice.rooms.first().expect("everyone begins in the first room").id;
    let uses = u32::try_from(SENDERS.len()).unwrap();
    let invite = Request::CreateInvite { role: Role::Member, uses, life_ms: 3_600_000, rooms: Vec::new() };
    let Reply::InviteCreated { token, .. } = link.ask(invite).unwrap() else { panic!("no invite") };
    let mut senders = vec![Sender::new(alice.member.id, alice.token.unwrap(), room)];
    for name in &SENDERS[1..] {
        let by = SignIn::Invite { token: token.clone(), name: (*name).into(), password: None };
        let (_, signed_in) = Link::sign_in(host.address(), by).unwrap();
        senders.push(Sender::new(signed_in.member.id, signed_in.token.unwrap(), room));
    }
    senders
}

/// All send as fast as they can; after enough acknowledgements, at no particular moment, the host dies.
fn send_until_killed(host: Host, senders: &mut Vec<Sender>) -> HostPlan {
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let enough = 20 + usize::from(random_byte());
    let address = host.address().to_owned();
    let threads: Vec<_> = senders
        .drain(..)
        .map(|mut sender| {
            let (address, acknowledged) = (address.clone(), acknowledged.clone());
            thread::spawn(move || {
                sender.send_until_cut(&address, &acknowledged);
                sender
            })
        })
        .collect();
    wait::until("acknowledgements", || (acknowledged.load(Ordering::Relaxed) >= enough).then_some(()))
        .unwrap();
    let plan = host.kill().unwrap();
    senders.extend(threads.into_iter().map(|thread| thread.join().unwrap()));
    plan
}

fn random_byte() -> u8 {
    let mut byte = [0];
    getrandom::fill(&mut byte).unwrap();
    byte[0]
}

/// What was written down by all, with the log as the first `readers` of them read it now.
fn everything_read(host: &Host, senders: &[Sender], readers: usize) -> Ledger {
    let mut all = Ledger::default();
    for sender in senders {
        all.merge(sender.ledger.clone());
    }
    for sender in &senders[..readers] {
        let (mut link, _) = sender.connect(host.address()).unwrap();
        all.read_whole(sender.id, sender.room, &link.whole_log(sender.room).unwrap());
    }
    all
}

fn deliver_what_is_open(host: &Host, senders: &mut [Sender]) {
    for sender in senders {
        let (mut link, _) = sender.connect(host.address()).unwrap();
        for (message, text) in std::mem::take(&mut sender.open) {
            let post = Request::post(sender.room, message, Text(text));
            match link.ask(post).unwrap() {
                Reply::Posted { message, room, seq, .. } => sender.ledger.acknowledged(message, room, seq),
                other => panic!("a resend was answered by {other:?}"),
            }
        }
    }
}

impl Sender {
    fn new(id: MemberId, token: Secret, room: RoomId) -> Self {
        Self { id, token, room, ledger: Ledger::default(), open: Vec::new(), written: 0 }
    }

    fn connect(&self, address: &str) -> anyhow::Result<(Link, protocol::SignedIn)> {
        Link::sign_in(address, SignIn::Session { token: self.token.clone() })
    }

    /// First again what is open, in its order, then new messages, until the connection breaks.
    fn send_until_cut(&mut self, address: &str, acknowledged: &AtomicUsize) {
        let Ok((mut link, _)) = self.connect(address) else { return };
        let mut told = 0;
        loop {
            while told < WINDOW {
                if told == self.open.len() {
                    self.write_another();
                }
                let (message, text) = self.open[told].clone();
                let post = Request::post(self.room, message, Text(text));
                told += 1;
                if link.tell(post).is_err() {
                    return;
                }
            }
            let Ok(frame) = link.hear() else { return };
            match frame.reply {
                Reply::Posted { message, room, seq, .. } => {
                    self.ledger.acknowledged(message, room, seq);
                    self.open.retain(|(open, _)| *open != message);
                    told -= 1;
                    acknowledged.fetch_add(1, Ordering::Relaxed);
                }
                Reply::Event { event } => self.ledger.heard(self.id, &event),
                Reply::Error(failure) if failure.code == ErrorCode::Stopping => return,
                Reply::Error(failure) => panic!("a post was refused: {failure:?}"),
                _ => {}
            }
        }
    }

    fn write_another(&mut self) {
        self.written += 1;
        let message = MessageId(Uuid::now_v7());
        let text = format!("message {} of {}", self.written, self.id);
        self.ledger.sent(self.id, self.room, message, &text);
        self.open.push((message, text));
    }
}
