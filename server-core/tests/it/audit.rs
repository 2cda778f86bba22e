//! The audit log: who did what to others and to the host. Everything that may be asked is asked here, and each thing
//! leaves exactly the entry that is written down for it, or none.

mod entries;

use std::collections::BTreeSet;

use protocol::{
    Attention, Availability, ClientFrame, DeviceId, HookId, InviteId, MemberId, MessageId, Reading,
    Registration, Reply, ReportId, Request, Role, RoomId, RoomRole, Search, Seq, SignIn, Standing, Text,
    UnixMillis, Visibility,
};
use server_core::Config;
use server_core::admin::{Act, Answer, Command};
use uuid::Uuid;

use crate::avatars::{RED, picture, sent};
use crate::support::{Client, World, message_id};
use entries::{entry_of, entry_of_command};

async fn audit(world: &World) -> Vec<Act> {
    match world.server.administer(Command::Audit { limit: 10_000 }).await.unwrap() {
        Answer::Audit { acts } => acts,
        other => panic!("no audit: {other:?}"),
    }
}

/// What was asked so far, by its types on the wire, and what it left.
struct Book {
    world: World,
    known: usize,
    asked: BTreeSet<String>,
    left: BTreeSet<String>,
}

impl Book {
    /// Whether exactly `expected` is new, by `by`.
    async fn check(&mut self, expected: &[&str], by: Option<MemberId>, what: &str) {
        let acts = audit(&self.world).await;
        let new = &acts[..acts.len() - self.known];
        let told = new.iter().map(|act| (act.act.as_str(), act.by)).collect::<Vec<_>>();
        let expected = expected.iter().map(|act| (*act, by)).collect::<Vec<_>>();
        assert_eq!(told, expected, "{what}");
        for act in new {
            assert!(!act.object.contains(SAID), "{act:?} says what was said");
            self.left.insert(act.act.clone());
        }
        self.known = acts.len();
    }

    /// Asks as `by`, who may.
    async fn ask(&mut self, (client, by): (&mut Client, MemberId), request: Request) -> Reply {
        let what = format!("{request:?}");
        let frame = serde_json::to_value(ClientFrame { req: 1, request: request.clone() }).unwrap();
        self.asked.insert(frame["type"].as_str().unwrap().to_owned());
        let expected = entry_of(&request);
        let reply = client.ask(request).await.unwrap_or_else(|failure| panic!("{what}: {failure:?}"));
        self.check(expected.as_slice(), Some(by), &what).await;
        reply
    }

    async fn command(&mut self, command: Command) -> Answer {
        let (what, expected) = (format!("{command:?}"), entry_of_command(&command));
        let answer = self.world.server.administer(command).await;
        let answer = answer.unwrap_or_else(|refusal| panic!("{what}: {refusal:?}"));
        self.check(expected.as_slice(), None, &what).await;
        answer
    }

    /// Who comes in by an invite of this role.
    async fn newcomer(&mut self, owner: (&mut Client, MemberId), name: &str, role: Role) -> Person {
        let invite = Request::CreateInvite { role, uses: 1, life_ms: 60_000, rooms: Vec::new() };
        let Reply::InviteCreated { token, .. } = self.ask(owner, invite).await else { panic!("no invite") };
        let mut client = self.world.greet().await;
        let by = SignIn::Invite { token, name: name.into(), password: Some(PASSWORD.into()) };
        let me = client.sign_in(by).await.unwrap();
        self.asked.insert("sign_in".into());
        self.check(&["account made"], Some(me.member.id), "a sign-in by invite").await;
        Person { client, id: me.member.id, device: me.device }
    }
}

struct Person {
    client: Client,
    id: MemberId,
    device: DeviceId,
}

impl Person {
    fn who(&mut self) -> (&mut Client, MemberId) {
        (&mut self.client, self.id)
    }
}

/// What is said, and must not stand in the audit log.
const SAID: &str = "between us";
const PASSWORD: &str = "a good password";

async fn book() -> (Book, Person) {
    let world = World::start_with(|config: &mut Config| {
        config.admin_socket = Some(config.data_dir.join("admin.sock"));
    })
    .await;
    let (client, me) = world.alice().await;
    let known = audit(&world).await.len();
    let book = Book { world, known, asked: BTreeSet::new(), left: BTreeSet::new() };
    (book, Person { client, id: me.member.id, device: me.device })
}

#[tokio::test]
async fn what_members_do_to_others_and_to_the_host_leaves_an_entry_and_nothing_else_does() {
    let (mut book, mut alice) = book().await;
    book.asked.extend(["hello".into(), "sign_in".into()]);
    let mut bob = book.newcomer(alice.who(), "bob", Role::Member).await;
    in_rooms(&mut book, &mut alice, &mut bob).await;
    reading(&mut book, &mut alice, &mut bob).await;
    programs(&mut book, &mut alice).await;
    on_the_host(&mut book, &mut alice, &mut bob).await;
    to_oneself(&mut book, &mut bob).await;
    for golden in crate::golden::requests() {
        assert!(book.asked.contains(golden.kind()), "{} was not asked", golden.name);
    }
}

async fn room(book: &mut Book, who: &mut Person, name: &str, visibility: Visibility) -> RoomId {
    let request =
        Request::CreateRoom { name: name.into(), topic: String::new(), visibility, reading: Reading::Start };
    match book.ask(who.who(), request).await {
        Reply::Room { room } => room.id,
        other => panic!("no room: {other:?}"),
    }
}

async fn in_rooms(book: &mut Book, alice: &mut Person, bob: &mut Person) {
    let room = room(book, alice, "kitchen", Visibility::Public).await;
    for request in [Request::JoinRoom { room }, Request::LeaveRoom { room }] {
        book.ask(bob.who(), request).await;
    }
    let member = bob.id;
    for request in [
        Request::AddToRoom { room, member },
        Request::SetRoomRole { room, member, role: RoomRole::Admin },
        Request::SetRoomRole { room, member, role: RoomRole::Member },
        Request::RemoveFromRoom { room, member },
        Request::AddToRoom { room, member },
        Request::RenameRoom { room, name: "cellar".into() },
        Request::SetTopic { room, topic: SAID.into() },
        Request::SetRoomAvatar { room, image: sent(&picture(RED)) },
        Request::RoomAvatar { room },
        Request::SetRoomAvatar { room, image: None },
        Request::SetReading { room, reading: Reading::Join },
        Request::SetReading { room, reading: Reading::Start },
        Request::ArchiveRoom { room },
        Request::RestoreRoom { room },
        Request::SetRetention { room, days: Some(9) },
        Request::Retention { room },
        Request::OpenDirect { members: vec![member] },
    ] {
        book.ask(alice.who(), request).await;
    }
    let (his, hers) = (message_id(), message_id());
    for (who, message) in [(&mut *bob, his), (&mut *alice, hers)] {
        for request in [
            Request::post(room, message, SAID.into()),
            Request::Edit { room, message, text: format!("{SAID}!").into() },
            Request::React { room, message, emoji: "+1".into() },
            Request::Unreact { room, message, emoji: "+1".into() },
            Request::Pin { room, message },
            Request::Unpin { room, message },
            Request::Typing { room },
        ] {
            book.ask(who.who(), request).await;
        }
    }
    book.ask(alice.who(), Request::Delete { room, message: hers }).await;
    alice.client.ask(Request::Delete { room, message: his }).await.unwrap();
    book.check(&["message of another deleted"], Some(alice.id), "a moderator").await;
    book.ask(alice.who(), Request::DeleteRoom { room }).await;
    // What changes nothing leaves nothing.
    let same = Request::RenameRoom { room, name: "cellar".into() };
    assert!(alice.client.ask(same).await.is_err());
    book.check(&[], None, "a room that is gone").await;
}

async fn reading(book: &mut Book, alice: &mut Person, bob: &mut Person) {
    let room = room(book, alice, "garden", Visibility::Public).await;
    book.ask(bob.who(), Request::JoinRoom { room }).await;
    book.ask(bob.who(), Request::SetAvatar { image: sent(&picture(RED)) }).await;
    for request in [Request::Avatar { member: bob.id }, Request::RemoveAvatar { member: bob.id }] {
        book.ask(alice.who(), request).await;
    }
    let message = message_id();
    book.ask(alice.who(), Request::post(room, message, SAID.into())).await;
    let search = Search {
        text: Text(SAID.into()),
        from: None,
        room: None,
        before: None,
        after: None,
        has_link: false,
        older_than: None,
        limit: 5,
    };
    for request in [
        Request::Ping,
        Request::Rooms,
        Request::Directory { after: None },
        Request::RoomMembers { room, after: None },
        Request::Pins { room, before: None },
        Request::Thread { room, message, after: None, limit: 5 },
        Request::FollowThread { room, message, follow: true },
        Request::MarkThread { room, message, seq: Seq(1), back: false },
        Request::Threads { older_than: None, unread: false, limit: 5 },
        Request::Mark { room, seq: Seq(1), back: true },
        Request::SetAttention { room, attention: Attention::Mentions },
        Request::Progress,
        Request::ReadBy { room, message, after: None },
        Request::SetReceipts { shown: false },
        Request::SetPresence { availability: Availability::Idle, until: None },
        Request::Seen { members: vec![bob.id] },
        Request::Received { cursors: Vec::new() },
        Request::Delivered { room, message },
        Request::Resolve { message },
        Request::Search(search),
        Request::SeqAt { room, at: UnixMillis(0) },
        Request::Statistics,
        Request::Revisions { room, message, after: None },
        Request::History { room, before: None, after: None, limit: 5 },
        Request::Sync { cursors: Vec::new() },
        Request::Members { after: None },
        Request::SetProfile {
            name: "alice".into(),
            status: SAID.into(),
            status_emoji: String::new(),
            status_until: None,
        },
        Request::SetContact { member: bob.id, contact: true },
        Request::SetBlock { member: bob.id, blocked: true },
        Request::SetBlock { member: bob.id, blocked: false },
        Request::People,
        Request::Devices,
    ] {
        book.ask(alice.who(), request).await;
    }
}

async fn programs(book: &mut Book, alice: &mut Person) {
    let room = room(book, alice, "workshop", Visibility::Private).await;
    let hook = Request::CreateHook { room, name: "hook".into() };
    let Reply::HookCreated { hook, .. } = book.ask(alice.who(), hook).await else { panic!("no hook") };
    let report = Request::CreateReport { room, url: "https://example.org/between-us".into() };
    let Reply::ReportCreated { report, .. } = book.ask(alice.who(), report).await else {
        panic!("no report")
    };
    let bot = Request::CreateBot { name: "bot".into(), rooms: vec![room] };
    let Reply::BotCreated { bot, .. } = book.ask(alice.who(), bot).await else { panic!("no bot") };
    for request in [
        Request::Hooks { room },
        Request::Reports { room },
        Request::Bots,
        Request::ResumeReport { room, report: report.id },
        Request::RevokeReport { room, report: report.id },
        Request::RevokeHook { room, hook: hook.id },
        Request::RevokeBot { member: bot.member },
    ] {
        book.ask(alice.who(), request).await;
    }
    for request in [
        Request::RevokeHook { room, hook: HookId(Uuid::nil()) },
        Request::RevokeReport { room, report: ReportId(Uuid::nil()) },
        Request::RevokeBot { member: bot.member },
        Request::RevokeInvite { invite: InviteId(Uuid::nil()) },
        Request::Delete { room, message: MessageId(Uuid::nil()) },
    ] {
        assert!(alice.client.ask(request).await.is_err());
    }
    book.check(&[], None, "what is not there").await;
}

async fn on_the_host(book: &mut Book, alice: &mut Person, bob: &mut Person) {
    let invite = Request::CreateInvite { role: Role::Guest, uses: 1, life_ms: 9_000, rooms: Vec::new() };
    let Reply::InviteCreated { invite, .. } = book.ask(alice.who(), invite).await else {
        panic!("no invite")
    };
    book.ask(alice.who(), Request::Invites).await;
    book.ask(alice.who(), Request::RevokeInvite { invite: invite.id }).await;
    for registration in [Registration::Open, Registration::Invite] {
        book.ask(alice.who(), Request::SetRegistration { registration }).await;
        if registration == Registration::Open {
            let by = SignIn::Register { name: "dora".into(), password: None };
            let dora = book.world.greet().await.sign_in(by).await.unwrap().member.id;
            book.check(&["account made"], Some(dora), "a registration").await;
        }
    }
    let carol = book.newcomer(alice.who(), "carol", Role::Member).await;
    let member = carol.id;
    for request in [
        Request::SetRole { member, role: Role::Admin },
        Request::SetStanding { member, standing: Standing::Deactivated },
        Request::SetStanding { member, standing: Standing::Banned },
        Request::SetStanding { member, standing: Standing::Active },
        Request::DeleteAccount { member, password: None },
        Request::SetRole { member: bob.id, role: Role::Owner },
    ] {
        book.ask(alice.who(), request).await;
    }
    book.ask(bob.who(), Request::SetRole { member: alice.id, role: Role::Owner }).await;
}

async fn to_oneself(book: &mut Book, bob: &mut Person) {
    let password = || PASSWORD.into();
    let new = Request::SetPassword { current: Some(password()), new: password(), end_others: false };
    book.ask(bob.who(), new).await;
    book.ask(bob.who(), Request::SecondFactor).await;
    let begin = Request::BeginSecondFactor { password: password() };
    let Reply::SecondFactorBegun { secret, .. } = book.ask(bob.who(), begin).await else {
        panic!("no secret")
    };
    let code = crate::second_factor::shown(&secret, 0);
    book.ask(bob.who(), Request::ConfirmSecondFactor { code }).await;
    let renew = Request::RenewRecoveryCodes { password: Some(password()), code: None };
    book.ask(bob.who(), renew).await;
    let end = Request::EndSecondFactor { password: Some(password()), code: None };
    book.ask(bob.who(), end).await;
    let by = || SignIn::Password { name: "bob".into(), password: password() };
    let other = book.world.greet().await.sign_in(by()).await.unwrap();
    book.ask(bob.who(), Request::RevokeDevice { device: other.device }).await;
    book.ask(bob.who(), Request::RevokeOthers).await;
    let mut again = Person { client: book.world.greet().await, id: bob.id, device: bob.device };
    again.client.sign_in(by()).await.unwrap();
    book.ask(again.who(), Request::SignOut).await;
    let mut again = Person { client: book.world.greet().await, id: bob.id, device: bob.device };
    again.client.sign_in(by()).await.unwrap();
    book.ask(again.who(), Request::RevokeAll).await;
}

#[tokio::test]
async fn what_the_operator_changes_leaves_an_entry_and_nothing_else_does() {
    let (mut book, alice) = book().await;
    let name = || "bob".to_owned();
    let mut done = Vec::new();
    let mut steps = vec![
        Command::AddUser { name: name(), role: Role::Member, password: Some(PASSWORD.into()) },
        Command::Users,
        Command::SetRole { name: name(), role: Role::Admin },
        Command::SetStanding { name: name(), standing: Standing::Deactivated },
        Command::SetStanding { name: name(), standing: Standing::Banned },
        Command::SetStanding { name: name(), standing: Standing::Active },
        Command::ResetPassword { name: name(), password: None },
        Command::Sessions { name: name() },
        Command::RevokeSession { name: name(), device: None },
        Command::RecoverOwner,
        Command::Rooms,
        Command::SetRetention { room: "general".into(), days: Some(3) },
        Command::Certificate,
        Command::Stats,
        Command::Audit { limit: 1 },
        Command::Check,
        Command::Damage,
        Command::Backup { to: book.world.dir.path().join("copy") },
        Command::Forward { to: vec!["chat.example.org:443".into()] },
        Command::ComeHome,
        Command::Hooks,
        Command::Reports,
        Command::Bots,
        Command::Invites,
        Command::CreateBot { name: "robot".into(), rooms: vec!["general".into()] },
        Command::RevokeBot { name: "robot".into() },
        Command::CreateInvite { role: Role::Member, uses: 1, life_ms: 9_000 },
        Command::CreateHook { name: "hook".into(), room: "general".into() },
        Command::CreateReport { room: "general".into(), url: "https://example.org/hook".into() },
    ];
    steps.reverse();
    while let Some(command) = steps.pop() {
        done.extend(entry_of_command(&command));
        match book.command(command).await {
            Answer::InviteCreated { id, .. } => steps.push(Command::RevokeInvite { invite: id }),
            Answer::HookCreated { id, .. } => steps.push(Command::RevokeHook { hook: id }),
            Answer::ReportCreated { id, .. } => {
                steps.extend([Command::RevokeReport { report: id }, Command::ResumeReport { report: id }]);
            }
            _ => {}
        }
    }
    book.world.export().await;
    book.check(&["export made"], None, "an export").await;
    // What changes nothing leaves nothing.
    for command in [
        Command::EndSecondFactor { name: name() },
        Command::RemoveAvatar { name: name() },
        Command::RemoveRoomAvatar { room: "general".into() },
        Command::RevokeInvite { invite: InviteId(Uuid::nil()) },
        Command::RevokeHook { hook: Uuid::nil() },
        Command::RevokeReport { report: Uuid::nil() },
        Command::ResumeReport { report: Uuid::nil() },
        Command::RevokeBot { name: name() },
        Command::RenewCertificate,
        Command::SetRole { name: "nobody".into(), role: Role::Guest },
    ] {
        assert!(book.world.server.administer(command).await.is_err());
    }
    book.check(&[], None, "what is not there").await;
    drop(alice);
    let mut config = Config::new(book.world.dir.path().join("host"), ([127, 0, 0, 1], 0).into());
    config.name = Some("Atelier".into());
    book.world.server.reload(config).await.unwrap();
    book.check(&["settings read again", "host renamed"], None, "a reload").await;
}
