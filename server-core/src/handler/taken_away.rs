//! Rights that are taken away end at that very event: many members at once, joining, leaving, thrown out, banned and
//! coming back while others post, react and read. The log itself says who had which right at which number.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Cases, TestRunner};
use protocol::{
    Change, DeviceId, Event, MemberId, MessageId, Reading, Reply, Request, Role, RoomId, RoomRole, Search,
    Secret, Seq, SignIn, Standing, Text, Visibility, decode_server,
};
use uuid::Uuid;

use super::Caller;
use crate::admission::{Account, Admission, Claim, Peer, sign_in, write_account};
use crate::config::Config;
use crate::dispatch::dispatch;
use crate::host::Host;
use crate::hub::Outlet;
use crate::store::table::events::{self, Stretch};
use crate::store::table::{members, rooms, sessions};
use crate::store::{Denied, now};
use crate::token;

const MEMBERS: usize = 5;
const ROOMS: usize = 4;

/// What one member does; members, rooms and messages by their places in the cast.
#[derive(Debug, Clone)]
enum Step {
    Post(usize),
    Edit(usize),
    React(usize),
    Type(usize),
    Join(usize),
    Leave(usize),
    Add(usize, usize),
    Remove(usize, usize),
    Promote(usize, usize, bool),
    Archive(usize, bool),
    Delete(usize),
    Demote(usize, bool),
    Ban(usize, bool),
    Block(usize, bool),
    Read(usize),
    Look,
    Sync,
    Come,
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let (who, room) = (0..MEMBERS, 0..ROOMS);
    let what = prop_oneof![
        6 => room.clone().prop_map(Step::Post),
        2 => room.clone().prop_map(Step::Edit),
        2 => room.clone().prop_map(Step::React),
        2 => room.clone().prop_map(Step::Type),
        3 => room.clone().prop_map(Step::Join),
        2 => room.clone().prop_map(Step::Leave),
        3 => (room.clone(), who.clone()).prop_map(|(room, who)| Step::Add(room, who)),
        3 => (room.clone(), who.clone()).prop_map(|(room, who)| Step::Remove(room, who)),
        1 => (room.clone(), who.clone(), any::<bool>()).prop_map(|(room, who, up)| Step::Promote(room, who, up)),
        1 => (room.clone(), any::<bool>()).prop_map(|(room, shut)| Step::Archive(room, shut)),
        1 => room.clone().prop_map(Step::Delete),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, down)| Step::Demote(who, down)),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, out)| Step::Ban(who, out)),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, shut)| Step::Block(who, shut)),
        4 => room.prop_map(Step::Read),
        2 => Just(Step::Look),
        2 => Just(Step::Sync),
        4 => Just(Step::Come),
    ];
    (who, what)
}

/// One connection of a member, with all it has heard and not yet been judged for.
struct Device {
    member: usize,
    outlet: Arc<Outlet>,
    admission: Admission,
    heard: Vec<(Option<u32>, Reply)>,
}

impl Device {
    /// Takes what waits.
    async fn drain(&mut self) {
        let mut written = Vec::new();
        let _ = std::future::poll_fn(|cx| self.outlet.poll_write_out(cx, &mut written)).await;
        self.heard.extend(frames(&written));
    }
}

/// The frames of what was written.
fn frames(mut written: &[u8]) -> Vec<(Option<u32>, Reply)> {
    let mut found = Vec::new();
    while written.len() >= 2 {
        let (start, length) = match written[1] & 0x7f {
            126 => (4, usize::from(u16::from_be_bytes([written[2], written[3]]))),
            127 => (10, usize::try_from(u64::from_be_bytes(written[2..10].try_into().unwrap())).unwrap()),
            short => (2, usize::from(short)),
        };
        let text = &written[start..start + length];
        if written[0] == 0x81 {
            let frame = decode_server(std::str::from_utf8(text).unwrap()).unwrap();
            found.push((frame.req, frame.reply));
        }
        written = &written[start + length..];
    }
    found
}

struct Story {
    _dir: tempfile::TempDir,
    host: Arc<Host>,
    members: Vec<MemberId>,
    rooms: Vec<RoomId>,
    messages: HashMap<RoomId, MessageId>,
    devices: Vec<Device>,
    /// What was read of each log, also of those that are gone.
    logs: HashMap<RoomId, Vec<Event>>,
    /// Rooms that were deleted: what their logs said at the end can't be known.
    gone: HashSet<RoomId>,
    req: u32,
}

impl Story {
    async fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path().join("host"), ([127, 0, 0, 1], 0).into());
        let host = Arc::new(tokio::task::spawn_blocking(move || Host::open(config)).await.unwrap().unwrap());
        let made = host.vault.write(|conn| -> Result<_, Denied> {
            let roles = [Role::Owner, Role::Admin, Role::Member, Role::Member, Role::Guest];
            let names = ["alice", "adam", "bob", "carol", "gina"];
            let account = |name: &str| Account { name: name.into(), password_hash: None };
            let made = names.iter().zip(roles);
            made.map(|(name, role)| Ok(write_account(conn, account(name), role, &[], now())?.0)).collect()
        });
        let members: Vec<MemberId> = made.await.unwrap();
        let mut story = Self {
            _dir: dir,
            host,
            members,
            rooms: Vec::new(),
            messages: HashMap::new(),
            devices: Vec::new(),
            logs: HashMap::new(),
            gone: HashSet::new(),
            req: 0,
        };
        for who in 0..MEMBERS {
            let (who, token) = story.session(who).await.expect("everyone may come at first");
            story.devices.extend(enter(Arc::clone(&story.host), who, token).await);
        }
        for (name, visibility, reading) in [
            ("open", Visibility::Public, Reading::Start),
            ("closed", Visibility::Private, Reading::Start),
            ("late", Visibility::Private, Reading::Join),
        ] {
            let request =
                Request::CreateRoom { name: name.into(), topic: String::new(), visibility, reading };
            story.open(2, request).await;
        }
        story.open(2, Request::OpenDirect { members: vec![story.members[3]] }).await;
        story
    }

    async fn open(&mut self, who: usize, request: Request) {
        let done = self.ask(vec![(who, request)]).await;
        assert!(done);
        let room = self.devices[who].heard.iter().rev().find_map(|(req, reply)| match reply {
            Reply::Room { room } if req.is_some() => Some(room.id),
            _ => None,
        });
        self.rooms.push(room.expect("the room was made"));
        self.devices.iter_mut().for_each(|device| device.heard.clear());
    }

    /// A new session of a member, if they may have one.
    async fn session(&self, who: usize) -> Option<(usize, Secret)> {
        let (member, (token, hash)) = (self.members[who], token::fresh().unwrap());
        let made = self.host.vault.write(move |conn| -> Result<bool, Denied> {
            let stands = members::by_id(conn, member)?.is_some_and(|row| row.standing == Standing::Active);
            if stands {
                sessions::insert(conn, (member, DeviceId(Uuid::now_v7())), &hash, ("device", ""), now())?;
            }
            Ok(stands)
        });
        made.await.unwrap().then_some((who, token))
    }

    fn caller(&self, who: usize) -> Option<(usize, Caller)> {
        let found = self.devices.iter().enumerate().rev();
        let (index, device) = found.into_iter().find(|(_, device)| device.member == who)?;
        let caller = Caller {
            host: Arc::clone(&self.host),
            outlet: Arc::clone(&device.outlet),
            connection: device.admission.seat.id(),
            member: device.admission.member,
            device: device.admission.device,
        };
        Some((index, caller))
    }

    /// Asks all of it at once, and waits until each is answered or its connection is no more.
    async fn ask(&mut self, requests: Vec<(usize, Request)>) -> bool {
        let mut open = HashSet::new();
        let mut asked = Vec::new();
        for (who, request) in requests {
            self.req += 1;
            let Some((index, caller)) = self.caller(who) else { continue };
            open.insert((index, self.req));
            asked.push(dispatch(caller, self.req, request));
        }
        join_all(asked).await;
        for _ in 0..20_000 {
            for (index, device) in self.devices.iter_mut().enumerate() {
                device.drain().await;
                let over = device.outlet.is_cut();
                open.retain(|(at, req)| {
                    *at != index
                        || (!over && !device.heard.iter().any(|(answered, _)| *answered == Some(*req)))
                });
            }
            if open.is_empty() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        false
    }

    fn request(&mut self, who: usize, step: &Step) -> Option<Request> {
        let (room, member) = (|at: &usize| self.rooms[*at], |at: &usize| self.members[*at]);
        Some(match step {
            Step::Post(at) => {
                let (room, message) = (room(at), MessageId(Uuid::now_v7()));
                self.messages.insert(room, message);
                Request::post(room, message, "hello".into())
            }
            Step::Edit(at) => Request::Edit {
                room: room(at),
                message: *self.messages.get(&room(at))?,
                text: Uuid::now_v7().to_string().into(),
            },
            Step::React(at) => {
                Request::React { room: room(at), message: *self.messages.get(&room(at))?, emoji: "+1".into() }
            }
            Step::Type(at) => Request::Typing { room: room(at) },
            Step::Join(at) => Request::JoinRoom { room: room(at) },
            Step::Leave(at) => Request::LeaveRoom { room: room(at) },
            Step::Add(at, whom) => Request::AddToRoom { room: room(at), member: member(whom) },
            Step::Remove(at, whom) => Request::RemoveFromRoom { room: room(at), member: member(whom) },
            Step::Promote(at, whom, up) => Request::SetRoomRole {
                room: room(at),
                member: member(whom),
                role: if *up { RoomRole::Admin } else { RoomRole::Member },
            },
            Step::Archive(at, true) => Request::ArchiveRoom { room: room(at) },
            Step::Archive(at, false) => Request::RestoreRoom { room: room(at) },
            Step::Delete(at) => Request::DeleteRoom { room: room(at) },
            Step::Demote(whom, down) => Request::SetRole {
                member: member(whom),
                role: if *down { Role::Guest } else { Role::Member },
            },
            Step::Ban(whom, out) => Request::SetStanding {
                member: member(whom),
                standing: if *out { Standing::Banned } else { Standing::Active },
            },
            Step::Block(whom, shut) if *whom != who => {
                Request::SetBlock { member: member(whom), blocked: *shut }
            }
            Step::Block(..) => return None,
            Step::Read(at) => Request::History { room: room(at), before: None, after: None, limit: 200 },
            Step::Look => Request::Search(Search {
                text: Text("hello".into()),
                from: None,
                room: None,
                before: None,
                after: None,
                has_link: false,
                older_than: None,
                limit: 50,
            }),
            Step::Sync => Request::Sync { cursors: Vec::new() },
            Step::Come => return None,
        })
    }

    /// All of it at once: requests, and connections that come while rights are taken.
    async fn together(&mut self, batch: &[(usize, Step)]) {
        let before = self.heads();
        let mut tokens = Vec::new();
        for (who, _) in batch.iter().filter(|(_, step)| matches!(step, Step::Come)) {
            tokens.extend(self.session(*who).await);
        }
        let mut requests = Vec::new();
        for (who, step) in batch {
            requests.extend(self.request(*who, step).map(|request| (*who, request)));
        }
        let host = Arc::clone(&self.host);
        let entering = join_all(tokens.into_iter().map(|(who, token)| enter(Arc::clone(&host), who, token)));
        let (came, done) = tokio::join!(entering, self.ask(requests));
        assert!(done, "a request was never answered");
        self.devices.extend(came.into_iter().flatten());
        // Whatever was committed is told by the time this is answered.
        let host = Arc::clone(&self.host);
        host.vault.write(|_| Ok::<_, Denied>(())).await.unwrap();
        for device in &mut self.devices {
            device.drain().await;
        }
        self.judge(&before).await;
    }

    fn heads(&self) -> HashMap<RoomId, Seq> {
        self.logs.iter().map(|(room, log)| (*room, log.last().map_or(Seq::ZERO, |event| event.seq))).collect()
    }

    /// Takes up what is new on the logs.
    async fn read_logs(&mut self) {
        let rooms_known = self.rooms.clone();
        let read = self.host.read(move |conn| {
            let mut logs = Vec::new();
            for room in rooms_known {
                if rooms::head(conn, room)?.is_some() {
                    let mut budget = usize::MAX;
                    logs.push((
                        room,
                        events::page(conn, room, Stretch::After(Seq::ZERO), 100_000, &mut budget)?,
                    ));
                }
            }
            Ok(logs)
        });
        self.gone = self.rooms.iter().copied().collect();
        for (room, log) in read.await.unwrap() {
            self.gone.remove(&room);
            self.logs.insert(room, log);
        }
    }

    /// Whether a member was in a room just after `seq`, as its log says.
    fn was_inside(&self, room: RoomId, member: MemberId, seq: Seq) -> bool {
        let log = self.logs.get(&room).map(Vec::as_slice).unwrap_or_default();
        let told = log.iter().take_while(|event| event.seq <= seq).filter_map(|event| match event.change {
            Change::Joined { member: who } if who == member => Some(true),
            Change::Left { member: who } if who == member => Some(false),
            _ => None,
        });
        told.last().unwrap_or(false)
    }

    /// Whether a member was in a room at some moment since its log ended at `before`.
    fn was_inside_since(&self, room: RoomId, member: MemberId, before: Seq) -> bool {
        let end = self.logs.get(&room).and_then(|log| log.last()).map_or(Seq::ZERO, |event| event.seq);
        (before.0..=end.0).any(|seq| self.was_inside(room, member, Seq(seq)))
    }

    async fn judge(&mut self, before: &HashMap<RoomId, Seq>) {
        self.read_logs().await;
        let members = self.members.clone();
        let standings = self.host.read(move |conn| {
            let stands = |id: &MemberId| {
                Ok(members::by_id(conn, *id)?.is_some_and(|row| row.standing == Standing::Active))
            };
            members.iter().map(stands).collect::<Result<Vec<bool>, Denied>>()
        });
        let stands = standings.await.unwrap();
        let mut devices = std::mem::take(&mut self.devices);
        for device in &mut devices {
            if !stands[device.member] {
                assert!(device.outlet.is_cut(), "who is banned is still connected");
            }
            for (req, reply) in std::mem::take(&mut device.heard) {
                self.judge_one(self.members[device.member], req, &reply, before);
            }
        }
        devices.retain(|device| !device.outlet.is_cut());
        self.devices = devices;
        for log in self.logs.values() {
            check_log(log);
        }
    }

    fn judge_one(&self, who: MemberId, req: Option<u32>, reply: &Reply, before: &HashMap<RoomId, Seq>) {
        let since = |room: &RoomId| before.get(room).copied().unwrap_or_default();
        let inside = |room: &RoomId| {
            let known = !self.gone.contains(room);
            assert!(
                !known || self.was_inside_since(*room, who, since(room)),
                "{reply:?} to one who was not there"
            );
        };
        match reply {
            Reply::Event { event } if self.is_on_log(event) => {
                assert!(self.was_inside(event.room, who, event.seq), "{event:?} to one who was not there");
            }
            Reply::History(page) if self.ends_after(page.room, page.head) => {
                assert!(self.was_inside(page.room, who, page.head), "a page after the right to it was gone");
            }
            Reply::Messages { messages, .. } => {
                messages.iter().filter(|event| self.is_on_log(event)).for_each(|event| inside(&event.room));
            }
            Reply::Synced { rooms } => {
                for synced in rooms.iter().filter(|synced| self.rooms.contains(&synced.room)) {
                    inside(&synced.room);
                }
            }
            Reply::Typing { room, .. }
            | Reply::Progress { progress: protocol::Progress { room, .. }, .. } => {
                inside(room);
            }
            Reply::Room { room } if self.rooms.contains(&room.id) && req.is_none() => inside(&room.id),
            _ => {}
        }
    }

    /// Whether an event can be judged: its room has not been deleted before its log was read.
    fn is_on_log(&self, event: &Event) -> bool {
        self.ends_after(event.room, event.seq)
    }

    fn ends_after(&self, room: RoomId, seq: Seq) -> bool {
        self.logs.get(&room).and_then(|log| log.last()).is_some_and(|last| last.seq >= seq)
    }
}

async fn enter(host: Arc<Host>, who: usize, token: Secret) -> Option<Device> {
    let outlet = Arc::new(Outlet::new(64 * 1024 * 1024, None));
    let peer = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), proxied: false };
    let by = SignIn::Session { token };
    let way_out = Arc::clone(&outlet);
    let claim = Claim { by, device: "device".into(), session: None, code: None };
    let admission = sign_in(host, peer, way_out, 0, claim).await.ok()?;
    Some(Device { member: who, outlet, admission, heard: Vec::new() })
}

/// What a log must never say: that somebody spoke who was not there, or that something was said while it was archived.
fn check_log(log: &[Event]) {
    let (mut inside, mut archived) = (HashSet::new(), false);
    for (number, event) in (1..).zip(log) {
        assert_eq!(event.seq, Seq(number));
        match &event.change {
            Change::Joined { member } => drop(inside.insert(*member)),
            Change::Left { member } => drop(inside.remove(member)),
            Change::Archived => archived = true,
            Change::Restored => archived = false,
            Change::Created { .. } => {}
            // A private room that has lost the last who ran it is handed on, in the name of whoever took them away.
            Change::RoleSet { member, role: RoomRole::Admin } if archived || !inside.contains(&event.by) => {
                assert!(inside.contains(member), "{event:?} to one who was not there");
            }
            _ => {
                assert!(!archived, "{event:?} while it was archived");
                assert!(inside.contains(&event.by), "{event:?} by one who was not there");
            }
        }
    }
}

#[test]
fn nobody_hears_anything_after_the_right_to_it_is_gone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Cases::with_cases(1));
    let batches = prop::collection::vec(prop::collection::vec(step(), 1..7), 10..40);
    for _ in 0..10 {
        let batches = batches.new_tree(&mut runner).unwrap().current();
        runtime.block_on(async {
            let mut story = Story::begin().await;
            for batch in &batches {
                story.together(batch).await;
            }
            story.host.vault.close().await;
        });
    }
}
