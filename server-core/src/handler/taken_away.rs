//! Rights that are taken away end at that very event: many members at once, joining, leaving, thrown out, banned,
//! demoted and coming back while others post, react and read. The logs say who had which right at which number; what
//! each device heard before says what it may hear next.

mod judge;

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::poll;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestRng, TestRunner};
use protocol::{
    MemberId, MessageId, Reading, Request, Role, RoomId, RoomRole, Search, Seq, Standing, Text, Visibility,
};
use uuid::Uuid;

use super::Caller;
use super::stage::{CAST, Device, Stage, all_is_told, by_session};
use crate::dispatch::dispatch;
use crate::host::Host;
use crate::store::Denied;
use crate::store::table::events::{self, Stretch};
use crate::store::table::{members, rooms};
use judge::{Logs, Scales};

const MEMBERS: usize = CAST.len();
const ROOMS: usize = 4;

/// Stories of one run, unless `HEARTH_ROUNDS` says another number.
const STORIES: u64 = 10;

/// What one member does; members, rooms and messages by their places in the cast.
#[derive(Debug, Clone)]
enum Step {
    Post(usize),
    Edit(usize),
    React(usize),
    Type(usize),
    Mark(usize),
    Join(usize),
    Leave(usize),
    Add(usize, usize),
    Remove(usize, usize),
    Promote(usize, usize, bool),
    Archive(usize, bool),
    Narrow(usize, bool),
    Delete(usize),
    Demote(usize, bool),
    Ban(usize, bool),
    Block(usize, bool),
    Revoke,
    Read(usize),
    Count(usize),
    Look,
    List,
    Find,
    Figures,
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
        1 => room.clone().prop_map(Step::Mark),
        3 => room.clone().prop_map(Step::Join),
        2 => room.clone().prop_map(Step::Leave),
        3 => (room.clone(), who.clone()).prop_map(|(room, who)| Step::Add(room, who)),
        3 => (room.clone(), who.clone()).prop_map(|(room, who)| Step::Remove(room, who)),
        1 => (room.clone(), who.clone(), any::<bool>()).prop_map(|(room, who, up)| Step::Promote(room, who, up)),
        1 => (room.clone(), any::<bool>()).prop_map(|(room, shut)| Step::Archive(room, shut)),
        1 => (room.clone(), any::<bool>()).prop_map(|(room, narrow)| Step::Narrow(room, narrow)),
        1 => room.clone().prop_map(Step::Delete),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, down)| Step::Demote(who, down)),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, out)| Step::Ban(who, out)),
        1 => (who.clone(), any::<bool>()).prop_map(|(who, shut)| Step::Block(who, shut)),
        1 => Just(Step::Revoke),
        4 => room.clone().prop_map(Step::Read),
        1 => room.prop_map(Step::Count),
        2 => Just(Step::Look),
        1 => Just(Step::List),
        1 => Just(Step::Find),
        1 => Just(Step::Figures),
        2 => Just(Step::Sync),
        4 => Just(Step::Come),
    ];
    (who, what)
}

/// A device under trial: what it heard weighs what it may hear next.
struct Ear {
    member: usize,
    device: Device,
    scales: Scales,
}

struct Story {
    stage: Stage,
    rooms: Vec<RoomId>,
    messages: HashMap<RoomId, MessageId>,
    ears: Vec<Ear>,
    logs: Logs,
    asked: HashMap<u32, Request>,
}

impl Story {
    async fn begin() -> Self {
        let stage = Stage::set().await;
        stage.host.vault.write(events::keep_deleted).await.unwrap();
        let mut rooms = Vec::new();
        let mut bob = stage.device(stage.members[2]).await;
        for (name, visibility, reading) in [
            ("open", Visibility::Public, Reading::Start),
            ("closed", Visibility::Private, Reading::Start),
            ("late", Visibility::Private, Reading::Join),
        ] {
            rooms.push(bob.room(&stage, name, visibility, reading).await);
        }
        let direct = bob.ask(&stage, Request::OpenDirect { members: vec![stage.members[3]] }).await;
        let protocol::Reply::Room { room } = direct else { panic!("no room: {direct:?}") };
        rooms.push(room.id);
        drop(bob);
        let (messages, asked, logs) = (HashMap::new(), HashMap::new(), Logs::new(rooms[2]));
        let mut story = Self { stage, rooms, messages, ears: Vec::new(), logs, asked };
        for who in 0..MEMBERS {
            let ear = story.comes(who).await;
            story.ears.extend(ear.await);
        }
        story.read_logs().await;
        story
    }

    /// A new device of a member, on its way in; nobody comes whose account does not stand.
    async fn comes(&self, who: usize) -> impl Future<Output = Option<Ear>> + use<> {
        let member = self.stage.members[who];
        let stands = self.stage.host.read(move |conn| {
            Ok(members::by_id(conn, member)?.is_some_and(|row| row.standing == Standing::Active))
        });
        let token = if stands.await.unwrap() { Some(self.stage.session(member).await) } else { None };
        let (host, rooms) = (Arc::clone(&self.stage.host), self.rooms.clone());
        async move {
            let device = Device::enter(&host, by_session(token?)).await.ok()?;
            Some(Ear { member: who, device, scales: Scales::new(member, rooms) })
        }
    }

    /// The newest device of a member.
    fn caller(&self, who: usize) -> Option<(usize, Caller)> {
        let found = self.ears.iter().enumerate().rev();
        let (index, ear) = found.into_iter().find(|(_, ear)| ear.member == who)?;
        Some((index, ear.device.caller(&self.stage.host)))
    }

    /// Asks all of it at once, and waits until each is answered or its connection is no more.
    async fn ask(&mut self, requests: Vec<(usize, Request)>) {
        let mut open = HashSet::new();
        let mut asked = Vec::new();
        for (who, request) in requests {
            let Some((index, caller)) = self.caller(who) else { continue };
            // Request 0 is the sign-in.
            let req = u32::try_from(self.asked.len()).unwrap() + 1;
            open.insert((index, req));
            self.asked.insert(req, request.clone());
            asked.push(answered(Arc::clone(&self.stage.host), dispatch(caller, req, request), req % 2 == 0));
        }
        join_all(asked).await;
        for _ in 0..20_000 {
            for (index, Ear { device, .. }) in self.ears.iter_mut().enumerate() {
                device.drain().await;
                let over = device.outlet.is_cut();
                open.retain(|(at, req)| {
                    let answered = |(answered, _): &(Option<u32>, _)| *answered == Some(*req);
                    *at != index || !(over || device.heard.iter().any(answered))
                });
            }
            if open.is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("a request was never answered");
    }

    fn request(&mut self, who: usize, step: &Step) -> Option<Request> {
        let (room, member) = (|at: &usize| self.rooms[*at], |at: &usize| self.stage.members[*at]);
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
            Step::Mark(at) => Request::Mark { room: room(at), seq: Seq(1 << 40), back: false },
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
            Step::Narrow(at, narrow) => Request::SetReading {
                room: room(at),
                reading: if *narrow { Reading::Join } else { Reading::Start },
            },
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
            Step::Revoke => Request::RevokeOthers,
            Step::Read(at) => Request::History { room: room(at), before: None, after: None, limit: 200 },
            Step::Count(at) => Request::RoomMembers { room: room(at), after: None },
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
            Step::List => Request::Rooms,
            Step::Find => Request::Directory { after: None },
            Step::Figures => Request::Statistics,
            Step::Sync => Request::Sync { cursors: Vec::new() },
            Step::Come => return None,
        })
    }

    /// All of it at once: requests, and connections that come while rights are taken.
    async fn together(&mut self, batch: &[(usize, Step)]) {
        let able = self.able().await;
        let mut coming = Vec::new();
        for (who, _) in batch.iter().filter(|(_, step)| matches!(step, Step::Come)) {
            coming.push(self.comes(*who).await);
        }
        let mut requests = Vec::new();
        for (who, step) in batch {
            requests.extend(self.request(*who, step).map(|request| (*who, request)));
        }
        let (came, ()) = tokio::join!(join_all(coming), self.ask(requests));
        self.ears.extend(came.into_iter().flatten());
        all_is_told(&self.stage.host).await;
        let touched = |member: &MemberId| {
            batch.iter().any(|(_, step)| match step {
                Step::Ban(whom, _) | Step::Demote(whom, _) => self.stage.members[*whom] == *member,
                _ => false,
            })
        };
        let able = able.into_iter().filter(|member| !touched(member)).collect();
        self.judge(&able).await;
    }

    /// Those who may run a room.
    async fn able(&self) -> HashSet<MemberId> {
        let members = self.stage.members.clone();
        let read = self.stage.host.read(move |conn| {
            let able = |id: &MemberId| {
                let row = members::by_id(conn, *id)?;
                let able = |row: &members::Row| row.standing == Standing::Active && row.role != Role::Guest;
                Ok(row.filter(able).map(|row| row.id))
            };
            members.iter().map(able).collect::<Result<Vec<_>, Denied>>()
        });
        read.await.unwrap().into_iter().flatten().collect()
    }

    /// Takes up what is new on the logs, those of rooms that are gone included.
    async fn read_logs(&mut self) {
        for room in self.rooms.clone() {
            let read = self.stage.host.vault.write(move |conn| -> Result<_, Denied> {
                let mut budget = usize::MAX;
                Ok(match rooms::head(conn, room)? {
                    Some(_) => events::page(conn, room, Stretch::After(Seq::ZERO), 100_000, &mut budget)?,
                    None => events::deleted(conn, room)?,
                })
            });
            self.logs.take(room, read.await.unwrap());
        }
    }

    async fn judge(&mut self, able: &HashSet<MemberId>) {
        self.read_logs().await;
        self.logs.check(able);
        let members = self.stage.members.clone();
        let standings = self.stage.host.read(move |conn| {
            let stands = |id: &MemberId| {
                Ok(members::by_id(conn, *id)?.is_some_and(|row| row.standing == Standing::Active))
            };
            members.iter().map(stands).collect::<Result<Vec<bool>, Denied>>()
        });
        let stands = standings.await.unwrap();
        for Ear { member, device, scales } in &mut self.ears {
            device.drain().await;
            let cut = device.outlet.is_cut();
            assert!(stands[*member] || cut, "who is banned is still connected");
            for (req, reply) in std::mem::take(&mut device.heard) {
                let asked = req.and_then(|req| self.asked.get(&req));
                scales.hear(asked, &reply);
                self.logs.weigh(self.stage.members[*member], req.is_none(), &reply);
            }
            if !cut {
                scales.settle();
            }
        }
        self.ears.retain(|ear| !ear.device.outlet.is_cut());
        self.logs.end_batch();
    }
}

/// Answers a request; a `late` one is looked at again only once all acts of its batch are committed and told.
async fn answered(host: Arc<Host>, asked: impl Future<Output = ()>, late: bool) {
    let mut asked = pin!(asked);
    if late && poll!(asked.as_mut()).is_pending() {
        all_is_told(&host).await;
        asked.await;
    } else if !late {
        asked.await;
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn nobody_hears_anything_after_the_right_to_it_is_gone() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let seed = number("HEARTH_SEED").unwrap_or_else(|| getrandom::u64().unwrap());
    println!("HEARTH_SEED={seed}");
    let dice = TestRng::from_seed(RngAlgorithm::XorShift, &[seed.to_be_bytes(); 2].concat());
    let mut runner = TestRunner::new_with_rng(Cases::with_cases(1), dice);
    let batches = prop::collection::vec(prop::collection::vec(step(), 1..7), 10..40);
    for _ in 0..number("HEARTH_ROUNDS").unwrap_or(STORIES) {
        let batches = batches.new_tree(&mut runner).unwrap().current();
        runtime.block_on(async {
            let mut story = Story::begin().await;
            for batch in &batches {
                story.together(batch).await;
            }
            story.stage.host.vault.close().await;
        });
    }
}
