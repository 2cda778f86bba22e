//! Rights taken away from a live connection while a room is loud: not one event after it, and where the session goes,
//! the socket is cut within a second.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use protocol::{
    Change, DeviceId, ErrorCode, Event, MemberId, Reading, Reply, Request, Role, RoomId, Secret, Seq, SignIn,
    Standing, Visibility,
};
use tests::crowd::{self, Crowd, Sender};
use tests::drill::{Drill, spread};
use tests::link::{Closed, Link};
use tests::world::{Host, World};

/// From the answer to whoever took the right away to the end of the socket.
const CUT: Duration = Duration::from_secs(1);
const SESSION_ENDED: u16 = 4200;
const PASSWORD: &str = "a long password";

/// A way to take rights away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Remove,
    Leave,
    DeleteRoom,
    Archive,
    Ban,
    Deactivate,
    DeleteAccount,
    RevokeDevice,
    RevokeOthers,
    FromTheShell,
}

const WAYS: [Way; 10] = [
    Way::Remove,
    Way::Leave,
    Way::DeleteRoom,
    Way::Archive,
    Way::Ban,
    Way::Deactivate,
    Way::DeleteAccount,
    Way::RevokeDevice,
    Way::RevokeOthers,
    Way::FromTheShell,
];

impl Way {
    /// Whether the session goes with it.
    fn cuts(self) -> bool {
        !matches!(self, Self::Remove | Self::Leave | Self::DeleteRoom | Self::Archive)
    }
}

#[test]
fn rights_taken_away_under_load_end_at_that_very_event() {
    let mut drill = Drill::begin("revoke", 10, 200);
    let mut stage = Stage::set();
    let (mut cuts, mut heard) = (Vec::new(), 0);
    for round in 1..=drill.rounds {
        let way = WAYS[round as usize % WAYS.len()];
        let room = stage.fresh_room(way, round);
        let victim = stage.newcomer(round, room);
        let crowd = Crowd::begin(stage.host.address(), &mut stage.senders, 2);
        crowd.reach(20 + drill.dice.below(60)).unwrap();
        stage.take_away(way, room, &victim);
        let since = Instant::now();
        let marker = stage.mark(way, room);
        if !matches!(way, Way::DeleteRoom | Way::Archive) {
            let so_far = crowd.progress.acknowledged.load(std::sync::atomic::Ordering::SeqCst);
            crowd.reach(so_far + 20).unwrap();
        }
        if !way.cuts() {
            stage.end_session(&victim);
        }
        let seen = victim.listening.join().unwrap();
        stage.senders = crowd.end();
        assert_eq!(seen.code, Some(SESSION_ENDED), "{way:?}");
        heard += seen.events.iter().filter(|event| event.room == room).count();
        nothing_after(way, room, &seen, stage.first_forbidden(way, room, victim.id, marker));
        if way.cuts() {
            cuts.push(seen.ended_at.saturating_duration_since(since));
            let by = SignIn::Session { token: victim.token };
            assert!(Link::sign_in(stage.host.address(), by).is_err(), "{way:?}: let in again");
        }
        drill.after_round(round, format_args!("{way:?}, {heard} events heard before"));
    }
    let slowest = cuts.iter().max().copied().unwrap_or_default();
    drill.say(format_args!("{heard} events heard before, 0 after; sockets cut after {}", spread(&mut cuts)));
    assert!(slowest < CUT, "{slowest:?}");
    assert!(heard >= 20 * drill.rounds as usize, "there was no load: {heard}");
}

/// The control: a listener whose right nobody took away hears on, so that the zero above is not one of deafness.
#[test]
fn whoever_keeps_the_right_hears_what_comes_after() {
    let mut stage = Stage::set();
    let room = stage.fresh_room(Way::Remove, 0);
    let (victim, witness) = (stage.newcomer(0, room), stage.newcomer(1, room));
    let crowd = Crowd::begin(stage.host.address(), &mut stage.senders, 2);
    crowd.reach(20).unwrap();
    stage.take_away(Way::Remove, room, &victim);
    let marker = stage.mark(Way::Remove, room);
    crowd.reach(60).unwrap();
    stage.end_session(&victim);
    stage.end_session(&witness);
    drop(crowd.end());
    let first = stage.first_forbidden(Way::Remove, room, victim.id, marker);
    nothing_after(Way::Remove, room, &victim.listening.join().unwrap(), first);
    let seen = witness.listening.join().unwrap();
    assert!(seen.events.iter().any(|event| event.room == room && Some(event.seq) >= first));
}

#[test]
fn a_demoted_admin_does_nothing_more_as_one() {
    let mut drill = Drill::begin("demote", 3, 40);
    let mut stage = Stage::set();
    let (mut granted, mut refused) = (0, 0);
    for round in 1..=drill.rounds {
        let room = stage.fresh_room(Way::Remove, round);
        let victim = stage.newcomer(round, room);
        stage.alice.done(Request::SetRole { member: victim.id, role: Role::Admin }).unwrap();
        let (mut link, _) =
            Link::sign_in(stage.host.address(), SignIn::Session { token: victim.token.clone() }).unwrap();
        let ruling = thread::spawn(move || rule(&mut link));
        thread::sleep(drill.dice.time(Duration::from_millis(60)));
        stage.alice.done(Request::SetRole { member: victim.id, role: Role::Guest }).unwrap();
        let since = Instant::now();
        thread::sleep(Duration::from_millis(30));
        stage.end_session(&victim);
        for (asked, answer) in ruling.join().unwrap() {
            match answer {
                Ok(()) => {
                    assert!(asked < since, "granted {:?} after the demotion", asked - since);
                    granted += 1;
                }
                Err(code) => {
                    assert_eq!(code, ErrorCode::Forbidden);
                    refused += 1;
                }
            }
        }
    }
    drill.say(format_args!(
        "{granted} acts of an admin granted before, {refused} refused after, none the other way round"
    ));
    assert!(granted > 0 && refused > 0);
}

/// Does what only an admin may, on and on: when each was asked, and how it went.
fn rule(link: &mut Link) -> Vec<(Instant, Result<(), ErrorCode>)> {
    let mut acts = Vec::new();
    loop {
        let asked = Instant::now();
        let invite =
            Request::CreateInvite { role: Role::Member, uses: 1, life_ms: 60_000, rooms: Vec::new() };
        match link.ask(invite) {
            Ok(Reply::InviteCreated { .. }) => acts.push((asked, Ok(()))),
            Ok(Reply::Error(failure)) => acts.push((asked, Err(failure.code))),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return acts,
        }
    }
}

/// Nothing of `room` from `first` on.
fn nothing_after(way: Way, room: RoomId, seen: &Seen, first: Option<Seq>) {
    let after = |event: &&Event| {
        let late = first.is_some_and(|first| event.seq >= first);
        event.room == room
            && match way {
                Way::Archive => late && matches!(event.change, Change::Posted(_)),
                _ => late,
            }
    };
    assert_eq!(seen.events.iter().find(after), None, "{way:?}: heard after it");
    assert!(!seen.heard_of_a_room_that_is_gone, "{way:?}: heard of a room after it was gone");
    assert_eq!(
        seen.gone.contains(&room),
        matches!(way, Way::Remove | Way::Leave | Way::DeleteRoom),
        "{way:?}"
    );
}

/// What a victim heard.
struct Seen {
    events: Vec<Event>,
    gone: Vec<RoomId>,
    heard_of_a_room_that_is_gone: bool,
    code: Option<u16>,
    ended_at: Instant,
}

/// Hears until the end.
fn listen(mut link: Link) -> Seen {
    let (mut events, mut gone, mut heard_of_a_room_that_is_gone) = (Vec::new(), Vec::new(), false);
    loop {
        match link.next_pushed() {
            Ok(Reply::Event { event }) => {
                heard_of_a_room_that_is_gone |= gone.contains(&event.room);
                events.push(event);
            }
            Ok(Reply::RoomGone { room }) => gone.push(room),
            Ok(_) => {}
            Err(error) => {
                let code = error.downcast_ref::<Closed>().and_then(|closed| closed.0);
                return Seen { events, gone, heard_of_a_room_that_is_gone, code, ended_at: Instant::now() };
            }
        }
    }
}

/// Somebody whose rights will go.
struct Victim {
    id: MemberId,
    name: String,
    token: Secret,
    device: DeviceId,
    listening: JoinHandle<Seen>,
}

/// A host with its crowd, and Alice who owns it at hand.
struct Stage {
    host: Host,
    senders: Vec<Sender>,
    alice: Link,
    invite: Secret,
    // Its folder lives as long as the host.
    _world: World,
}

impl Stage {
    fn set() -> Self {
        let world = World::new().unwrap();
        let host = world.host("studio").start().unwrap();
        let senders = crowd::gather(&host).unwrap();
        let (mut alice, _) = senders[0].connect(host.address()).unwrap();
        let invite =
            Request::CreateInvite { role: Role::Member, uses: 1000, life_ms: 3_600_000, rooms: Vec::new() };
        let Reply::InviteCreated { token, .. } = alice.ask(invite).unwrap() else { panic!("no invite") };
        Self { host, senders, alice, invite: token, _world: world }
    }

    /// A room with the whole crowd in it.
    fn fresh_room(&mut self, way: Way, round: u32) -> RoomId {
        let request = Request::CreateRoom {
            name: format!("room-{round}"),
            topic: String::new(),
            visibility: Visibility::Private,
            reading: Reading::Start,
        };
        let Reply::Room { room } = self.alice.ask(request).unwrap() else { panic!("no room") };
        for sender in &mut self.senders[1..] {
            self.alice.done(Request::AddToRoom { room: room.id, member: sender.id }).unwrap();
        }
        for sender in &mut self.senders {
            sender.room = room.id;
            sender.open.clear();
            sender.room_may_go = matches!(way, Way::DeleteRoom | Way::Archive);
        }
        room.id
    }

    fn newcomer(&mut self, round: u32, room: RoomId) -> Victim {
        let name = format!("victim-{round}-{}", room.0.as_u128() % 1000);
        let password = Secret(PASSWORD.into());
        let by = SignIn::Invite { token: self.invite.clone(), name: name.clone(), password: Some(password) };
        let (link, me) = Link::sign_in(self.host.address(), by).unwrap();
        self.alice.done(Request::AddToRoom { room, member: me.member.id }).unwrap();
        let listening = thread::spawn(move || listen(link));
        Victim { id: me.member.id, name, token: me.token.unwrap(), device: me.device, listening }
    }

    fn take_away(&mut self, way: Way, room: RoomId, victim: &Victim) {
        let member = victim.id;
        let by_alice = match way {
            Way::Remove => Request::RemoveFromRoom { room, member },
            Way::DeleteRoom => Request::DeleteRoom { room },
            Way::Archive => Request::ArchiveRoom { room },
            Way::Ban => Request::SetStanding { member, standing: Standing::Banned },
            Way::Deactivate => Request::SetStanding { member, standing: Standing::Deactivated },
            Way::DeleteAccount => Request::DeleteAccount { member, password: None },
            Way::Leave | Way::RevokeDevice | Way::RevokeOthers => {
                return self.by_their_own_hand(way, room, victim);
            }
            Way::FromTheShell => {
                let said =
                    self.host.plan().run("admin", &["session", "revoke", &victim.name, "--all"]).unwrap();
                assert_eq!(said.code, Some(0), "{said:?}");
                return;
            }
        };
        self.alice.done(by_alice).unwrap();
    }

    fn by_their_own_hand(&self, way: Way, room: RoomId, victim: &Victim) {
        // From another device of theirs.
        let by = SignIn::Password { name: victim.name.clone(), password: Secret(PASSWORD.into()) };
        let (mut other, _) = Link::sign_in(self.host.address(), by).unwrap();
        let request = match way {
            Way::Leave => Request::LeaveRoom { room },
            Way::RevokeDevice => Request::RevokeDevice { device: victim.device },
            _ => Request::RevokeOthers,
        };
        other.done(request).unwrap();
    }

    /// Says something in the room; its number.
    fn mark(&mut self, way: Way, room: RoomId) -> Option<Seq> {
        if matches!(way, Way::DeleteRoom | Way::Archive) {
            return None;
        }
        let message = protocol::MessageId(uuid::Uuid::now_v7());
        match self.alice.ask(Request::post(room, message, protocol::Text("after it".into()))).unwrap() {
            Reply::Posted { seq, .. } => Some(seq),
            other => panic!("{other:?}"),
        }
    }

    /// The first number of the room that may not be heard: that of the very event, where it is in the log.
    fn first_forbidden(
        &mut self,
        way: Way,
        room: RoomId,
        member: MemberId,
        marker: Option<Seq>,
    ) -> Option<Seq> {
        if way == Way::DeleteRoom {
            return None;
        }
        let log = self.alice.whole_log(room).unwrap();
        let very = log.iter().find(|event| match &event.change {
            Change::Left { member: left } => *left == member,
            Change::Archived => way == Way::Archive,
            _ => false,
        });
        if way == Way::Archive {
            let archived = very.unwrap().seq;
            let said =
                log.iter().find(|event| event.seq > archived && matches!(event.change, Change::Posted(_)));
            assert_eq!(said, None, "said in a closed room");
        }
        very.map(|event| event.seq).into_iter().chain(marker).min()
    }

    fn end_session(&mut self, victim: &Victim) {
        let standing = Standing::Banned;
        self.alice.done(Request::SetStanding { member: victim.id, standing }).unwrap();
    }
}
