//! Rights that end while something is under way, each moment of it forced: a question, an act or a sign-in is held at one
//! of its waits after the other, the right is taken away to the end, and only then it goes on.
#![allow(clippy::large_futures, reason = "what is held is held on the stack of a test")]

use std::pin::pin;
use std::sync::{Arc, mpsc};

use futures_util::poll;
use protocol::{
    Cursor, ErrorCode, Failure, MemberId, MessageId, Reading, Registration, Reply, Request, Role, RoomId,
    RoomRole, Search, Secret, Seq, SignIn, Standing, Text, UnixMillis, Visibility, encode,
};
use tokio::task::spawn_blocking;
use uuid::Uuid;
use vault::rusqlite::Connection;
use vault::{Committed, Verdict, Work};

use super::behalf;
use super::pass::Pass;
use super::stage::{Device, Stage, all_is_told, by_session, come_in, way_out};
use crate::admin::{Administration, Answer, Command};
use crate::admission::{Account, write_account};
use crate::dispatch::dispatch;
use crate::host::Host;
use crate::store::table::{passwords, rooms};
use crate::store::{Denied, now};

const REQ: u32 = 7;
const TEXT: &str = "where the key is";
const PASSWORD: &str = "an old password";

/// Runs a story with one thread for everything that blocks: what is queued there is done once all before it is.
fn run(story: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.max_blocking_threads(1).enable_all().build().unwrap().block_on(story);
}

/// Waits until nothing that was asked of the store or the hashes is still under way.
async fn quiet(host: &Host) {
    for _ in 0..2 {
        spawn_blocking(|| ()).await.unwrap();
        host.vault.write(|_| Ok::<_, Denied>(())).await.unwrap();
    }
}

/// Takes `under_way` to its `wait`th wait, does all of `meanwhile`, then the rest of it. None if it has no such wait.
async fn held<T>(
    host: &Host,
    wait: usize,
    under_way: impl Future<Output = T>,
    meanwhile: impl Future<Output = ()>,
) -> Option<T> {
    let mut under_way = pin!(under_way);
    for _ in 0..wait {
        let gates = (Gate::before_writes(host), Gate::before_reads());
        let is_over = poll!(under_way.as_mut()).is_ready();
        drop(gates);
        if is_over {
            return None;
        }
        quiet(host).await;
    }
    meanwhile.await;
    Some(under_way.await)
}

/// Keeps those waiting who come after it, in their order, until it is dropped.
struct Gate(#[expect(dead_code, reason = "its drop opens the gate")] mpsc::Sender<()>);

impl Gate {
    fn before_writes(host: &Host) -> Self {
        let (open, opened) = mpsc::channel();
        assert!(host.vault.try_submit(Shut(opened)).is_ok());
        Self(open)
    }

    fn before_reads() -> Self {
        let (open, opened) = mpsc::channel::<()>();
        spawn_blocking(move || opened.recv());
        Self(open)
    }
}

struct Shut(mpsc::Receiver<()>);

impl Work for Shut {
    fn run(&mut self, _: &Connection) -> Verdict {
        let _ = self.0.recv();
        Verdict::Keep
    }
    fn settle(self: Box<Self>, _: Committed) {}
}

/// A way to end what somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Remove,
    Leave,
    DeleteRoom,
    Ban,
    Deactivate,
    DeleteAccount,
    RevokeDevice,
    RevokeOthers,
    RevokeAll,
    BanByOperator,
    EndSessionsByOperator,
    ResetPasswordByOperator,
}

const WAYS: [Way; 12] = [
    Way::Remove,
    Way::Leave,
    Way::DeleteRoom,
    Way::Ban,
    Way::Deactivate,
    Way::DeleteAccount,
    Way::RevokeDevice,
    Way::RevokeOthers,
    Way::RevokeAll,
    Way::BanByOperator,
    Way::EndSessionsByOperator,
    Way::ResetPasswordByOperator,
];

impl Way {
    /// Whether the session goes with it.
    fn cuts(self) -> bool {
        !matches!(self, Self::Remove | Self::Leave | Self::DeleteRoom)
    }
}

/// Alice, and a fresh victim with two devices in a fresh room of hers where something was said.
struct Scene {
    stage: Stage,
    alice: Device,
    count: u32,
}

struct Victim {
    name: String,
    id: MemberId,
    device: Device,
    other: Device,
    room: RoomId,
    message: MessageId,
}

impl Scene {
    async fn set() -> Self {
        let stage = Stage::set().await;
        let alice = stage.device(stage.members[0]).await;
        Self { stage, alice, count: 0 }
    }

    async fn account(&mut self, role: Role) -> (String, MemberId) {
        self.count += 1;
        let name = format!("victim {}", self.count);
        let account = Account { name: name.clone(), password_hash: None };
        let made = self.stage.host.vault.write(move |conn| write_account(conn, account, role, &[], now()));
        (name, made.await.unwrap().0)
    }

    async fn victim(&mut self, role: Role) -> Victim {
        let (name, id) = self.account(role).await;
        let mut device = self.stage.device(id).await;
        let other = self.stage.device(id).await;
        let room = self.alice.room(&self.stage, &name, Visibility::Private, Reading::Start).await;
        self.done(Request::AddToRoom { room, member: id }).await;
        let (message, answer) = (MessageId(Uuid::now_v7()), MessageId(Uuid::now_v7()));
        let mut threaded = Request::post(room, answer, TEXT.into());
        if let Request::Post(post) = &mut threaded {
            post.thread = Some(message);
        }
        for request in [
            Request::post(room, message, "first".into()),
            Request::Edit { room, message, text: TEXT.into() },
            threaded,
            Request::Pin { room, message },
        ] {
            let answer = device.ask(&self.stage, request).await;
            assert!(!matches!(answer, Reply::Error(_)), "{answer:?}");
        }
        Victim { name, id, device, other, room, message }
    }

    async fn done(&mut self, request: Request) {
        let answer = self.alice.ask(&self.stage, request).await;
        assert!(!matches!(answer, Reply::Error(_)), "{answer:?}");
    }

    async fn by_operator(&self, command: Command) {
        let operator = Administration {
            host: Arc::clone(&self.stage.host),
            bound: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        };
        operator.perform(command).await.unwrap();
    }

    async fn take_away(&mut self, way: Way, victim: &mut Taken<'_>) {
        let (member, room, name) = (victim.id, victim.room, victim.name.to_owned());
        let standing = match way {
            Way::Deactivate => Standing::Deactivated,
            _ => Standing::Banned,
        };
        let by_alice = match way {
            Way::Remove => Request::RemoveFromRoom { room, member },
            Way::DeleteRoom => Request::DeleteRoom { room },
            Way::Ban | Way::Deactivate => Request::SetStanding { member, standing },
            Way::DeleteAccount => Request::DeleteAccount { member, password: None },
            Way::Leave | Way::RevokeDevice | Way::RevokeOthers | Way::RevokeAll => {
                let request = match way {
                    Way::Leave => Request::LeaveRoom { room },
                    Way::RevokeDevice => Request::RevokeDevice { device: victim.device },
                    Way::RevokeOthers => Request::RevokeOthers,
                    _ => Request::RevokeAll,
                };
                assert_eq!(victim.other.ask(&self.stage, request).await, Reply::Done);
                return;
            }
            Way::BanByOperator => return self.by_operator(Command::SetStanding { name, standing }).await,
            Way::EndSessionsByOperator => {
                return self.by_operator(Command::RevokeSession { name, device: None }).await;
            }
            Way::ResetPasswordByOperator => {
                let password = Some(PASSWORD.into());
                return self.by_operator(Command::ResetPassword { name, password }).await;
            }
        };
        self.done(by_alice).await;
    }
}

/// What is taken away from whom, while a device of theirs waits.
struct Taken<'a> {
    name: &'a str,
    id: MemberId,
    device: protocol::DeviceId,
    room: RoomId,
    other: &'a mut Device,
}

fn search(room: Option<RoomId>) -> Request {
    let text = Text(TEXT.into());
    let (from, before, after, older_than) = (None, None, None, None);
    Request::Search(Search { text, from, room, before, after, has_link: false, older_than, limit: 20 })
}

/// All that is asked of a room, and of all one's rooms.
fn questions(room: RoomId, message: MessageId) -> Vec<Request> {
    vec![
        Request::History { room, before: None, after: None, limit: 50 },
        Request::SeqAt { room, at: UnixMillis(0) },
        Request::Pins { room, before: None },
        Request::Thread { room, message, after: None, limit: 50 },
        Request::Revisions { room, message, after: None },
        Request::ReadBy { room, message, after: None },
        Request::Delivered { room, message },
        Request::RoomMembers { room, after: None },
        Request::Retention { room },
        Request::Resolve { message },
        search(Some(room)),
        search(None),
        Request::Sync { cursors: vec![Cursor { room, after: Seq::ZERO }] },
        Request::Rooms,
        Request::Progress,
        Request::Threads { older_than: None, unread: false, limit: 50 },
    ]
}

/// Whether an answer says anything of a room.
fn tells_of(reply: &Reply, room: RoomId) -> bool {
    match reply {
        Reply::Error(_) => false,
        // These do not name the room: any answer is one of it.
        Reply::RoomMembers { .. }
        | Reply::Revisions { .. }
        | Reply::ReadBy { .. }
        | Reply::Delivered { .. } => true,
        _ => encode(reply).contains(&room.to_string()),
    }
}

#[test]
fn no_answer_comes_after_the_right_to_it_is_gone() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let count = questions(RoomId(Uuid::nil()), MessageId(Uuid::nil())).len();
        let mut cases = 0;
        for (way, index) in WAYS.iter().flat_map(|way| (0..count).map(move |index| (*way, index))) {
            for wait in 1.. {
                let mut victim = scene.victim(Role::Member).await;
                let question = questions(victim.room, victim.message).remove(index);
                let asking = dispatch(victim.device.caller(&host), REQ, question.clone());
                let mut taken = Taken {
                    name: &victim.name,
                    id: victim.id,
                    device: victim.device.admission.device,
                    room: victim.room,
                    other: &mut victim.other,
                };
                if held(&host, wait, asking, scene.take_away(way, &mut taken)).await.is_none() {
                    assert!(wait > 1, "{question:?} was never under way");
                    break;
                }
                cases += 1;
                victim.device.drain().await;
                assert_eq!(victim.device.outlet.is_cut(), way.cuts(), "{way:?}");
                match victim.device.take_answer(REQ) {
                    Some(answer) => {
                        assert!(!way.cuts(), "{way:?}: {question:?}: {answer:?} past the end of the session");
                        assert!(!tells_of(&answer, victim.room), "{way:?}: {question:?}: {answer:?}");
                    }
                    None => assert!(way.cuts(), "{way:?}: {question:?} was never answered"),
                }
            }
        }
        assert!(cases >= WAYS.len() * count);
        host.vault.close().await;
    });
}

/// The control: held in the same way, and nothing of theirs taken.
#[test]
fn an_answer_that_waits_while_others_lose_their_rights_comes() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let mut victim = scene.victim(Role::Member).await;
        for question in questions(victim.room, victim.message) {
            let asking = dispatch(victim.device.caller(&host), REQ, question.clone());
            let bystander = scene.victim(Role::Member).await;
            let ban = Request::SetStanding { member: bystander.id, standing: Standing::Banned };
            held(&host, 1, asking, scene.done(ban)).await.expect("it was under way");
            victim.device.drain().await;
            let answer = victim.device.take_answer(REQ).expect("it is answered");
            let says = matches!(answer, Reply::SeqAt { .. }) || tells_of(&answer, victim.room);
            assert!(says, "{question:?}: {answer:?}");
        }
        host.vault.close().await;
    });
}

/// Holds a question of `device` at each of its waits while alice does what `meanwhile` says.
async fn asked_while(
    scene: &mut Scene,
    device: &mut Device,
    question: &Request,
    meanwhile: Vec<Request>,
) -> Reply {
    let host = Arc::clone(&scene.stage.host);
    let asking = dispatch(device.caller(&host), REQ, question.clone());
    let doing = async {
        for request in meanwhile {
            scene.done(request).await;
        }
    };
    held(&host, 1, asking, doing).await.expect("it was under way");
    device.drain().await;
    device.take_answer(REQ).expect("it is answered")
}

fn forbidden(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(Failure { code: ErrorCode::Forbidden, .. }))
}

#[test]
fn an_answer_to_one_who_ran_the_host_or_a_room_does_not_come_after_the_demotion() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for question in [Request::Statistics, Request::Invites, Request::Bots] {
            let (_, member) = scene.account(Role::Admin).await;
            let mut device = scene.stage.device(member).await;
            let demotion = vec![Request::SetRole { member, role: Role::Member }];
            let answer = asked_while(&mut scene, &mut device, &question, demotion).await;
            assert!(forbidden(&answer), "{question:?}: {answer:?}");
        }
        let (_, member) = scene.account(Role::Member).await;
        let mut device = scene.stage.device(member).await;
        let demotion = vec![Request::SetRole { member, role: Role::Guest }];
        let answer =
            asked_while(&mut scene, &mut device, &Request::Directory { after: None }, demotion).await;
        assert!(forbidden(&answer), "{answer:?}");
        for index in 0..3 {
            let mut victim = scene.victim(Role::Member).await;
            let (room, member, message) = (victim.room, victim.id, MessageId(Uuid::now_v7()));
            scene.done(Request::post(room, message, "hers".into())).await;
            let question = [
                Request::Hooks { room },
                Request::Reports { room },
                Request::Revisions { room, message, after: None },
            ][index]
                .clone();
            for demotion in [
                Request::SetRoomRole { room, member, role: RoomRole::Member },
                Request::SetRole { member, role: Role::Guest },
            ] {
                let back = Request::SetRoomRole { room, member, role: RoomRole::Admin };
                scene.done(back).await;
                let answer = asked_while(&mut scene, &mut victim.device, &question, vec![demotion]).await;
                assert!(forbidden(&answer), "{question:?}: {answer:?}");
            }
        }
        host.vault.close().await;
    });
}

#[test]
fn what_lies_before_the_joining_is_not_answered_after_the_room_is_read_from_there_on() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "open", Visibility::Private, Reading::Start).await;
        let message = MessageId(Uuid::now_v7());
        scene.done(Request::post(room, message, TEXT.into())).await;
        scene.done(Request::Pin { room, message }).await;
        for question in [
            Request::History { room, before: None, after: None, limit: 50 },
            Request::Pins { room, before: None },
            Request::Resolve { message },
            Request::ReadBy { room, message, after: None },
            search(Some(room)),
            search(None),
            Request::Sync { cursors: Vec::new() },
            Request::SeqAt { room, at: UnixMillis(0) },
        ] {
            let (_, member) = scene.account(Role::Member).await;
            scene.done(Request::AddToRoom { room, member }).await;
            let mut device = scene.stage.device(member).await;
            let Reply::History(page) = device
                .ask(&scene.stage, Request::History { room, before: None, after: None, limit: 1 })
                .await
            else {
                panic!("no page")
            };
            let narrowed = vec![Request::SetReading { room, reading: Reading::Join }];
            let answer = asked_while(&mut scene, &mut device, &question, narrowed).await;
            match &answer {
                Reply::SeqAt { seq, .. } => assert!(*seq >= page.head, "{answer:?}"),
                _ => assert!(!encode(&answer).contains(TEXT), "{question:?}: {answer:?}"),
            }
            if let Request::Resolve { .. } | Request::ReadBy { .. } = question {
                assert!(matches!(answer, Reply::Error(_)), "{question:?}: {answer:?}");
            }
            scene.done(Request::SetReading { room, reading: Reading::Start }).await;
        }
        host.vault.close().await;
    });
}

#[test]
fn when_one_was_last_here_is_not_answered_after_a_block() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let mut victim = scene.victim(Role::Member).await;
        let (stage, bob) = (&scene.stage, scene.stage.members[2]);
        drop(stage.device(bob).await);
        let question = Request::Seen { members: vec![bob] };
        let block = Request::SetBlock { member: victim.id, blocked: true };
        let comes_and_blocks = async {
            assert_eq!(stage.device(bob).await.ask(stage, block).await, Reply::Done);
        };
        let asking = dispatch(victim.device.caller(&host), REQ, question);
        held(&host, 1, asking, comes_and_blocks).await.expect("it was under way");
        victim.device.drain().await;
        let Some(Reply::Seen { members }) = victim.device.take_answer(REQ) else { panic!("no answer") };
        assert_eq!(members[0].last_seen, None);
        host.vault.close().await;
    });
}

#[test]
fn nobody_is_told_to_be_writing_after_they_may_not() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let typing = |reply: &(Option<u32>, Reply)| matches!(reply.1, Reply::Typing { .. });
        let ways = WAYS.iter().filter(|way| **way != Way::DeleteRoom).map(|way| Some(*way));
        for way in ways.chain([None]) {
            let mut victim = scene.victim(Role::Member).await;
            let room = victim.room;
            let asking = dispatch(victim.device.caller(&host), REQ, Request::Typing { room });
            let mut taken = Taken {
                name: &victim.name,
                id: victim.id,
                device: victim.device.admission.device,
                room,
                other: &mut victim.other,
            };
            let meanwhile = async {
                match way {
                    Some(way) => scene.take_away(way, &mut taken).await,
                    None => scene.done(Request::ArchiveRoom { room }).await,
                }
            };
            held(&host, 1, asking, meanwhile).await.expect("it was under way");
            scene.alice.drain().await;
            assert!(!scene.alice.heard.iter().any(typing), "{way:?}");
        }
        // The control.
        let victim = scene.victim(Role::Member).await;
        let asking = dispatch(victim.device.caller(&host), REQ, Request::Typing { room: victim.room });
        held(&host, 1, asking, async {}).await.expect("it was under way");
        scene.alice.drain().await;
        assert!(scene.alice.heard.iter().any(typing));
        host.vault.close().await;
    });
}

#[test]
fn an_act_that_waits_behind_the_end_of_its_session_is_not_done() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for way in [Way::RevokeDevice, Way::RevokeOthers, Way::RevokeAll] {
            let mut victim = scene.victim(Role::Admin).await;
            let (room, device) = (victim.room, victim.device.admission.device);
            let end = match way {
                Way::RevokeDevice => Request::RevokeDevice { device },
                Way::RevokeOthers => Request::RevokeOthers,
                _ => Request::RevokeAll,
            };
            let before = log(&scene.stage, room).await;
            let rooms = rooms_of(&scene.stage, victim.id).await;
            let open = Gate::before_writes(&host);
            dispatch(victim.other.caller(&host), REQ, end).await;
            for act in [
                Request::post(room, MessageId(Uuid::now_v7()), "too late".into()),
                Request::React { room, message: victim.message, emoji: "+1".into() },
                Request::SetTopic { room, topic: "too late".into() },
                Request::LeaveRoom { room },
                Request::CreateRoom {
                    name: format!("too late {way:?}"),
                    topic: String::new(),
                    visibility: Visibility::Public,
                    reading: Reading::Start,
                },
                Request::SetRole { member: scene.stage.members[3], role: Role::Guest },
                Request::CreateInvite { role: Role::Member, uses: 9, life_ms: 9_000, rooms: Vec::new() },
            ] {
                dispatch(victim.device.caller(&host), REQ, act).await;
            }
            drop(open);
            all_is_told(&host).await;
            victim.device.drain().await;
            assert!(victim.device.outlet.is_cut());
            assert!(victim.device.take_answer(REQ).is_none(), "{way:?}");
            assert_eq!(log(&scene.stage, room).await, before, "{way:?}");
            assert_eq!(rooms_of(&scene.stage, victim.id).await, rooms, "{way:?}");
            let Reply::Invites { invites } = scene.alice.ask(&scene.stage, Request::Invites).await else {
                panic!("no invites")
            };
            assert!(invites.iter().all(|invite| invite.by != victim.id), "{way:?}");
        }
        host.vault.close().await;
    });
}

async fn log(stage: &Stage, room: RoomId) -> Option<Seq> {
    stage.host.read(move |conn| Ok(rooms::head(conn, room)?)).await.unwrap()
}

async fn rooms_of(stage: &Stage, member: MemberId) -> usize {
    stage.host.read(move |conn| Ok(rooms::of_member(conn, member, 100)?.len())).await.unwrap()
}

#[test]
fn the_last_answer_of_a_session_comes_after_all_that_was_told_before() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for index in 0..3 {
            let mut victim = scene.victim(Role::Member).await;
            let (member, password) = (victim.id, None);
            let end = [Request::SignOut, Request::RevokeAll, Request::DeleteAccount { member, password }];
            let end = end[index].clone();
            quiet(&host).await;
            let open = Gate::before_writes(&host);
            let post = Request::post(victim.room, MessageId(Uuid::now_v7()), "just before".into());
            dispatch(scene.alice.caller(&host), REQ, post).await;
            let mut ending = pin!(dispatch(victim.device.caller(&host), REQ, end.clone()));
            while poll!(ending.as_mut()).is_pending() {
                spawn_blocking(|| ()).await.unwrap();
            }
            drop(open);
            all_is_told(&host).await;
            victim.device.drain().await;
            let last = victim.device.heard.last().unwrap();
            assert_eq!(*last, (Some(REQ), Reply::Done), "{end:?}");
            let heard = |(_, reply): &(Option<u32>, Reply)| encode(reply).contains("just before");
            assert!(victim.device.heard.iter().any(heard), "{end:?}: what was told before is heard");
        }
        host.vault.close().await;
    });
}

async fn bot(scene: &mut Scene, room: RoomId) -> MemberId {
    let name = format!("bot {}", Uuid::now_v7());
    let made = scene.alice.ask(&scene.stage, Request::CreateBot { name, rooms: vec![room] }).await;
    let Reply::BotCreated { bot, .. } = made else { panic!("no bot: {made:?}") };
    bot.member
}

#[test]
fn a_bot_gets_no_answer_after_its_token_is_revoked_or_it_was_taken_out() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "bots", Visibility::Private, Reading::Start).await;
        for index in 0..4 {
            let member = bot(&mut scene, room).await;
            let (end, expected) = match index {
                0 | 2 => (Request::RevokeBot { member }, ErrorCode::NotSignedIn),
                1 => (Request::RemoveFromRoom { room, member }, ErrorCode::NotFound),
                _ => (Request::SetStanding { member, standing: Standing::Banned }, ErrorCode::NotSignedIn),
            };
            let question = match index {
                2 => Request::Rooms,
                _ => Request::History { room, before: None, after: None, limit: 5 },
            };
            let asking = behalf::ask(&host, (member, Pass::Bot), question);
            let answer = held(&host, 1, asking, scene.done(end)).await.expect("it was under way");
            assert_eq!(answer.unwrap_err().code, expected, "{index}");
        }
        host.vault.close().await;
    });
}

#[test]
fn what_a_program_says_behind_the_end_of_its_pass_is_not_said() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "bots", Visibility::Private, Reading::Start).await;
        for index in 0..2 {
            let made =
                scene.alice.ask(&scene.stage, Request::CreateHook { room, name: format!("hook {index}") });
            let Reply::HookCreated { hook, .. } = made.await else { panic!("no hook") };
            let (who, end, expected) = match index {
                0 => {
                    let member = bot(&mut scene, room).await;
                    ((member, Pass::Bot), Request::RevokeBot { member }, ErrorCode::NotSignedIn)
                }
                _ => {
                    let end = Request::RevokeHook { room, hook: hook.id };
                    ((hook.member, Pass::Hook(hook.id.0)), end, ErrorCode::NotFound)
                }
            };
            let before = log(&scene.stage, room).await;
            let open = Gate::before_writes(&host);
            dispatch(scene.alice.caller(&host), REQ, end).await;
            let post = Request::post(room, MessageId(Uuid::now_v7()), "too late".into());
            let mut saying = pin!(behalf::ask(&host, who, post));
            assert!(poll!(saying.as_mut()).is_pending());
            drop(open);
            assert_eq!(saying.await.unwrap_err().code, expected);
            assert_eq!(log(&scene.stage, room).await, before);
        }
        host.vault.close().await;
    });
}

#[test]
fn what_a_program_says_behind_the_move_of_the_host_is_not_said() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "bots", Visibility::Private, Reading::Start).await;
        let member = bot(&mut scene, room).await;
        let before = log(&scene.stage, room).await;
        let open = Gate::before_writes(&host);
        let mut moving =
            pin!(scene.by_operator(Command::Forward { to: vec!["chat.example.org:443".into()] }));
        assert!(poll!(moving.as_mut()).is_pending());
        let post = Request::post(room, MessageId(Uuid::now_v7()), "too late".into());
        let mut saying = pin!(behalf::ask(&host, (member, Pass::Bot), post));
        assert!(poll!(saying.as_mut()).is_pending());
        drop(open);
        moving.await;
        assert_eq!(saying.await.unwrap_err().code, ErrorCode::Stopping);
        assert_eq!(log(&scene.stage, room).await, before);
        host.vault.close().await;
    });
}

/// What a member's password is, as it is stored.
async fn stored_password(stage: &Stage, member: MemberId) -> Option<String> {
    stage.host.read(move |conn| Ok(passwords::of(conn, member)?)).await.unwrap()
}

fn new_password(current: Option<&str>, new: &str) -> Request {
    Request::SetPassword {
        current: current.map(|current| Secret(current.into())),
        new: new.into(),
        end_others: false,
    }
}

/// Whoever knew the old password when they asked does nothing by it once there is a new one: a stolen device does not
/// take the account from whoever has just changed it.
#[test]
fn what_is_asked_by_an_old_password_is_not_done_after_it_was_changed() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for index in 0..4 {
            for wait in 1.. {
                let mut victim = scene.victim(Role::Member).await;
                let set = victim.other.ask(&scene.stage, new_password(None, PASSWORD)).await;
                assert_eq!(set, Reply::Done);
                let (member, password) = (victim.id, Some(Secret(PASSWORD.into())));
                let by_the_old = [
                    new_password(Some(PASSWORD), "a thief's password"),
                    Request::DeleteAccount { member, password: password.clone() },
                    Request::BeginSecondFactor { password: PASSWORD.into() },
                    Request::EndSecondFactor { password, code: None },
                ][index]
                    .clone();
                let asking = dispatch(victim.device.caller(&host), REQ, by_the_old.clone());
                let mut after = None;
                let changed = async {
                    let new = new_password(Some(PASSWORD), "the owner's own");
                    if victim.other.ask(&scene.stage, new).await == Reply::Done {
                        after = stored_password(&scene.stage, member).await;
                    }
                };
                if held(&host, wait, asking, changed).await.is_none() {
                    assert!(wait > 2, "{by_the_old:?} was never under way");
                    break;
                }
                all_is_told(&host).await;
                victim.device.drain().await;
                let answer = victim.device.take_answer(REQ).expect("it is answered");
                assert!(after.is_some(), "{by_the_old:?}: the owner was kept out");
                let Reply::Error(Failure { code: ErrorCode::WrongCredentials, .. }) = answer else {
                    panic!("{by_the_old:?} at {wait}: {answer:?}")
                };
                assert_eq!(stored_password(&scene.stage, member).await, after, "{by_the_old:?} at {wait}");
            }
        }
        host.vault.close().await;
    });
}

/// What ends a way in while somebody is on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Ban,
    NewPassword,
    RevokeAll,
    RevokeInvite,
    CloseRegistration,
    HandOver,
}

#[test]
fn nobody_comes_in_by_a_way_that_was_closed_meanwhile() {
    run(async {
        for (way, doors) in [
            ("password", &[Door::Ban, Door::NewPassword][..]),
            ("session", &[Door::Ban, Door::RevokeAll]),
            ("invite", &[Door::RevokeInvite]),
            ("registration", &[Door::CloseRegistration]),
            ("owner's link", &[Door::HandOver]),
        ] {
            for door in doors {
                for wait in 1.. {
                    if !comes_in_late(way, *door, wait).await {
                        assert!(wait > 1, "{way} was never under way");
                        break;
                    }
                }
            }
        }
    });
}

/// Whether the sign-in by `way` has such a wait; what must hold, if it has, is asserted.
async fn comes_in_late(way: &str, door: Door, wait: usize) -> bool {
    let mut scene = Scene::set().await;
    let host = Arc::clone(&scene.stage.host);
    let mut victim = scene.victim(Role::Member).await;
    assert_eq!(victim.other.ask(&scene.stage, new_password(None, PASSWORD)).await, Reply::Done);
    let password = Some(Secret("a new password".into()));
    let (mut invited, mut name) = (None, "newcomer".to_owned());
    let by = match way {
        "password" => SignIn::Password { name: victim.name.clone(), password: PASSWORD.into() },
        "session" => by_session(scene.stage.session(victim.id).await),
        "invite" => {
            let create =
                Request::CreateInvite { role: Role::Member, uses: 1, life_ms: 60_000, rooms: Vec::new() };
            let made = scene.alice.ask(&scene.stage, create).await;
            let Reply::InviteCreated { invite, token } = made else { panic!("no invite") };
            invited = Some(invite.id);
            SignIn::Invite { token, name, password }
        }
        "registration" => {
            scene.done(Request::SetRegistration { registration: Registration::Open }).await;
            SignIn::Register { name, password }
        }
        _ => {
            let operator = Administration {
                host: Arc::clone(&host),
                bound: (std::net::Ipv4Addr::LOCALHOST, 7717).into(),
            };
            let Answer::OwnerLink { link, .. } = operator.perform(Command::RecoverOwner).await.unwrap()
            else {
                panic!("no link")
            };
            name = "alice".into();
            let token = protocol::InviteLink::parse(&link.0).unwrap().token;
            SignIn::Invite { token, name, password }
        }
    };
    let outlet = way_out();
    let mut was_in = false;
    let closing = async {
        let mut written = Vec::new();
        let _ = std::future::poll_fn(|cx| outlet.poll_write_out(cx, &mut written)).await;
        was_in = !written.is_empty();
        let member = victim.id;
        match door {
            Door::Ban => scene.done(Request::SetStanding { member, standing: Standing::Banned }).await,
            Door::NewPassword | Door::RevokeAll => {
                let request = match door {
                    Door::RevokeAll => Request::RevokeAll,
                    _ => Request::SetPassword {
                        current: Some(PASSWORD.into()),
                        new: "the owner's own".into(),
                        end_others: true,
                    },
                };
                assert_eq!(victim.other.ask(&scene.stage, request).await, Reply::Done);
            }
            Door::RevokeInvite => scene.done(Request::RevokeInvite { invite: invited.unwrap() }).await,
            Door::CloseRegistration => {
                scene.done(Request::SetRegistration { registration: Registration::Invite }).await;
            }
            // Whoever came in by the link is alone then, alice's own device is gone.
            Door::HandOver if was_in => {}
            Door::HandOver => scene.done(Request::SetRole { member, role: Role::Owner }).await,
        }
    };
    let Some(came) = held(&host, wait, come_in(&host, &outlet, by), closing).await else { return false };
    match came {
        Ok(_) => {
            assert!(was_in, "{way}, {door:?} at {wait}: let in afterwards");
            let ends = matches!(door, Door::Ban | Door::NewPassword | Door::RevokeAll);
            assert_eq!(outlet.is_cut(), ends, "{way}, {door:?} at {wait}");
        }
        Err(refusal) => assert!(!was_in, "{way}, {door:?} at {wait}: {refusal:?} after the answer"),
    }
    host.vault.close().await;
    true
}

#[test]
fn a_member_who_comes_many_times_at_once_takes_no_more_places_than_there_are() {
    run(async {
        let stage = Stage::set().await;
        let mut config = crate::Config::new("anywhere", ([127, 0, 0, 1], 0).into());
        config.limits.connections_per_member = 2;
        config.limits.spare_this_computer = false;
        stage.host.adopt(crate::live::Live::new("host".into(), &config).unwrap());
        let bob = stage.members[2];
        let mut tokens = Vec::new();
        for _ in 0..5 {
            tokens.push(stage.session(bob).await);
        }
        let open = Gate::before_writes(&stage.host);
        let outlet = way_out();
        let coming = tokens.into_iter().map(|token| come_in(&stage.host, &outlet, by_session(token)));
        let mut coming = pin!(futures_util::future::join_all(coming));
        assert!(poll!(coming.as_mut()).is_pending());
        drop(open);
        let came = coming.await;
        assert_eq!(came.iter().filter(|came| came.is_ok()).count(), 2);
        let waits = |refusal: &crate::error::Refusal| refusal.code == ErrorCode::RateLimited;
        assert!(came.iter().filter_map(|came| came.as_ref().err()).all(waits));
        stage.host.vault.close().await;
    });
}
