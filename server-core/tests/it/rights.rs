//! The table of `docs/security.md`, walked over real sockets by everyone it speaks of.

use protocol::{
    Attention, Change, ErrorCode, HookId, InviteId, MemberId, MessageId, Picture, Reading, Registration,
    Reply, ReportId, Request, Role, RoomId, RoomRole, Search, Seq, SignIn, Standing, Text, UnixMillis,
    Visibility,
};
use uuid::Uuid;

use crate::golden;
use crate::support::{Client, World, message_id};

/// The documented rows with this many cells: the operation and what each cell says.
fn rows(cells: usize) -> Vec<(String, Vec<&'static str>)> {
    let lines = include_str!("../../../docs/security.md").lines().filter(|line| line.starts_with("| `"));
    let rows = lines.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let operation = cells.next().unwrap().trim_matches('`').to_owned();
        (operation, cells.collect::<Vec<_>>())
    });
    let rows = rows.filter(|(_, row)| row.len() == cells).collect::<Vec<_>>();
    assert!(!rows.is_empty());
    rows
}

/// Asks and compares the answer with a cell.
async fn check(client: &mut Client, request: Request, cell: &str, what: &str) {
    // What is named here is not there: whoever may do it hears so.
    let finds_nothing = matches!(
        request,
        Request::RevokeHook { .. }
            | Request::ResumeReport { .. }
            | Request::RevokeReport { .. }
            | Request::RevokeBot { .. }
            | Request::Avatar { .. }
            | Request::RoomAvatar { .. }
    );
    let cell = if finds_nothing && cell == "yes" { "hidden" } else { cell };
    let answer = client.ask(request).await.map_err(|failure| failure.code);
    match cell {
        "yes" => assert!(answer.is_ok(), "{what}: {answer:?}"),
        "no" => assert_eq!(answer, Err(ErrorCode::Forbidden), "{what}"),
        "hidden" => assert_eq!(answer, Err(ErrorCode::NotFound), "{what}"),
        other => panic!("{what}: no such cell: {other}"),
    }
}

struct Person {
    client: Client,
    id: MemberId,
}

struct Cast {
    alice: Person,
    adam: Person,
    rita: Person,
    bob: Person,
    gina: Person,
    /// In every room, to have things done to.
    walt: MemberId,
    /// In no room.
    zoe: MemberId,
}

async fn person(world: &World, owner: &mut Client, name: &str, role: Role) -> Person {
    let request = Request::CreateInvite { role, uses: 1, life_ms: 60_000, rooms: Vec::new() };
    let Reply::InviteCreated { token, .. } = owner.ask(request).await.unwrap() else { panic!("no invite") };
    let mut client = world.greet().await;
    let by = SignIn::Invite { token, name: name.into(), password: None };
    let id = client.sign_in(by).await.unwrap().member.id;
    Person { client, id }
}

async fn cast(world: &World) -> Cast {
    let (mut client, me) = world.alice().await;
    let adam = person(world, &mut client, "adam", Role::Admin).await;
    let rita = person(world, &mut client, "rita", Role::Member).await;
    let bob = person(world, &mut client, "bob", Role::Member).await;
    let gina = person(world, &mut client, "gina", Role::Guest).await;
    let walt = person(world, &mut client, "walt", Role::Member).await.id;
    let zoe = person(world, &mut client, "zoe", Role::Member).await.id;
    Cast { alice: Person { client, id: me.member.id }, adam, rita, bob, gina, walt, zoe }
}

/// A message of `author` in `room`.
async fn message(author: &mut Client, room: RoomId) -> MessageId {
    let message = message_id();
    author.post_as(room, message, "to be spoken of").await.unwrap();
    message
}

/// A picture, if a small one.
fn picture() -> Picture {
    let golden = golden::requests().into_iter().find(|golden| golden.name == "set_room_avatar").unwrap();
    Picture(golden.value()["image"].as_str().unwrap().to_owned())
}

/// All that an operation in a room is asked by, in an order in which it can be.
fn in_room(
    operation: &str,
    room: RoomId,
    message: MessageId,
    (walt, zoe): (MemberId, MemberId),
) -> Vec<Request> {
    let text = "another text".into();
    let search = Search {
        text: Text::default(),
        from: None,
        room: Some(room),
        before: None,
        after: None,
        has_link: false,
        older_than: None,
        limit: 5,
    };
    match operation {
        "JoinRoom" => vec![Request::JoinRoom { room }],
        "LeaveRoom" => vec![Request::LeaveRoom { room }],
        "SeeRoom" => vec![Request::RoomAvatar { room }],
        "ReadRoom" => vec![
            Request::History { room, before: None, after: None, limit: 10 },
            Request::Pins { room, before: None },
            Request::Thread { room, message, after: None, limit: 5 },
            Request::FollowThread { room, message, follow: true },
            Request::MarkThread { room, message, seq: Seq(1), back: false },
            Request::ReadBy { room, message, after: None },
            Request::SeqAt { room, at: UnixMillis(0) },
            Request::Retention { room },
            Request::Mark { room, seq: Seq(1), back: false },
            Request::SetAttention { room, attention: Attention::All },
            Request::Search(search),
        ],
        "ListRoomMembers" => vec![Request::RoomMembers { room, after: None }],
        "Post" => vec![Request::post(room, message_id(), "hello".into()), Request::Typing { room }],
        "MentionRoom" => vec![Request::post(room, message_id(), "hello @room".into())],
        "React" => vec![
            Request::React { room, message, emoji: "+1".into() },
            Request::Unreact { room, message, emoji: "+1".into() },
        ],
        "EditMessage(Own)" | "EditMessage(Foreign)" => vec![Request::Edit { room, message, text }],
        "DeleteMessage(Own)" | "DeleteMessage(Foreign)" => vec![Request::Delete { room, message }],
        "ReadRevisions(Own)" | "ReadRevisions(Foreign)" => {
            vec![Request::Revisions { room, message, after: None }]
        }
        "SeeDelivery(Own)" | "SeeDelivery(Foreign)" => vec![Request::Delivered { room, message }],
        "Pin" => vec![Request::Pin { room, message }, Request::Unpin { room, message }],
        "SetTopic" => vec![Request::SetTopic { room, topic: "this".into() }],
        "AddToRoom" => vec![
            Request::AddToRoom { room, member: zoe },
            Request::CreateInvite { role: Role::Member, uses: 1, life_ms: 60_000, rooms: vec![room] },
            Request::CreateBot { name: Uuid::now_v7().to_string(), rooms: vec![room] },
        ],
        "RenameRoom" => vec![Request::RenameRoom { room, name: Uuid::now_v7().to_string() }],
        "SetRoomAvatar" => {
            vec![
                Request::SetRoomAvatar { room, image: Some(picture()) },
                Request::SetRoomAvatar { room, image: None },
            ]
        }
        "SetReading" => vec![Request::SetReading { room, reading: Reading::Join }],
        "ArchiveRoom" => vec![Request::ArchiveRoom { room }, Request::RestoreRoom { room }],
        "RemoveFromRoom" => vec![Request::RemoveFromRoom { room, member: walt }],
        "SetRoomRole" => vec![Request::SetRoomRole { room, member: walt, role: RoomRole::Admin }],
        "DeleteRoom" => vec![Request::DeleteRoom { room }],
        "SetRetention" => vec![Request::SetRetention { room, days: Some(90) }],
        "ManageHooks" => vec![
            Request::CreateReport { room, url: "https://example.org/hook".into() },
            Request::CreateHook { room, name: Uuid::now_v7().to_string() },
        ],
        "ListHooks" => vec![
            Request::Hooks { room },
            Request::Reports { room },
            Request::RevokeHook { room, hook: HookId(Uuid::nil()) },
            Request::ResumeReport { room, report: ReportId(Uuid::nil()) },
            Request::RevokeReport { room, report: ReportId(Uuid::nil()) },
        ],
        other => panic!("the walk does not know {other}"),
    }
}

/// Which documented operations a request asks for; none for what is everyone's own affair. A request that is missing
/// here does not compile, and one whose operations are not documented fails the walk.
fn operations_of(request: &Request) -> &'static [&'static str] {
    match request {
        Request::Hello { .. }
        | Request::SignIn { .. }
        | Request::SignOut
        | Request::Ping
        | Request::Rooms
        | Request::Progress
        | Request::Threads { .. }
        | Request::SetPresence { .. }
        // Whoever may list members, which is everyone; what is left out for whom, a story of its own shows.
        | Request::Seen { .. }
        | Request::Received { .. }
        // It answers of every place that is not one's own as of one that is not there; a story of its own shows it.
        | Request::Resolve { .. }
        | Request::SetReceipts { .. }
        | Request::Sync { .. }
        | Request::SetPassword { .. }
        | Request::SetProfile { .. }
        | Request::SetAvatar { .. }
        | Request::SetContact { .. }
        | Request::SetBlock { .. }
        | Request::People
        | Request::SecondFactor
        | Request::BeginSecondFactor { .. }
        | Request::ConfirmSecondFactor { .. }
        | Request::RenewRecoveryCodes { .. }
        | Request::EndSecondFactor { .. }
        | Request::RevokeAll
        | Request::RevokeOthers
        | Request::Devices
        | Request::RevokeDevice { .. } => &[],
        Request::Directory { .. } => &["ListDirectory"],
        Request::CreateRoom { .. } => &["CreateRoom"],
        Request::OpenDirect { .. } => &["OpenDirect"],
        Request::RenameRoom { .. } => &["RenameRoom"],
        Request::SetTopic { .. } => &["SetTopic"],
        Request::SetRoomAvatar { .. } => &["SetRoomAvatar"],
        Request::RoomAvatar { .. } => &["SeeRoom"],
        Request::SetReading { .. } => &["SetReading"],
        Request::Retention { .. } => &["ReadRoom"],
        Request::SetRetention { .. } => &["SetRetention"],
        Request::CreateHook { .. } | Request::CreateReport { .. } => &["ManageHooks"],
        Request::Hooks { .. }
        | Request::Reports { .. }
        | Request::RevokeHook { .. }
        | Request::ResumeReport { .. }
        | Request::RevokeReport { .. } => &["ListHooks"],
        Request::Bots | Request::RevokeBot { .. } => &["ManageBots"],
        Request::CreateBot { .. } => &["ManageBots", "AddToRoom"],
        Request::ArchiveRoom { .. } | Request::RestoreRoom { .. } => &["ArchiveRoom"],
        Request::DeleteRoom { .. } => &["DeleteRoom"],
        Request::RoomMembers { .. } => &["ListRoomMembers"],
        Request::AddToRoom { .. } => &["AddToRoom"],
        Request::RemoveFromRoom { .. } => &["RemoveFromRoom"],
        Request::SetRoomRole { .. } => &["SetRoomRole"],
        Request::JoinRoom { .. } => &["JoinRoom"],
        Request::LeaveRoom { .. } => &["LeaveRoom"],
        Request::Post(_) => &["Post", "MentionRoom", "ReadRoom"],
        Request::Typing { .. } => &["Post"],
        Request::Edit { .. } => &["EditMessage(Own)", "EditMessage(Foreign)"],
        Request::Delete { .. } => &["DeleteMessage(Own)", "DeleteMessage(Foreign)"],
        Request::Revisions { .. } => &["ReadRevisions(Own)", "ReadRevisions(Foreign)"],
        Request::React { .. } | Request::Unreact { .. } => &["React"],
        Request::Pin { .. } | Request::Unpin { .. } => &["Pin"],
        Request::Pins { .. }
        | Request::Thread { .. }
        | Request::FollowThread { .. }
        | Request::MarkThread { .. }
        | Request::Mark { .. }
        | Request::SetAttention { .. }
        | Request::ReadBy { .. }
        | Request::Search(_)
        | Request::SeqAt { .. }
        | Request::History { .. } => &["ReadRoom"],
        Request::Delivered { .. } => &["SeeDelivery(Own)", "SeeDelivery(Foreign)"],
        Request::Statistics => &["SeeStatistics"],
        Request::Members { .. } | Request::Avatar { .. } => &["ListMembers"],
        Request::SetRole { .. } => &["SetRole(Guest)", "SetRole(Member)", "SetRole(Admin)", "SetRole(Owner)"],
        Request::SetStanding { .. } => &["SetStanding"],
        Request::DeleteAccount { .. } => &["DeleteAccount"],
        Request::RemoveAvatar { .. } => &["RemoveAvatar"],
        Request::CreateInvite { .. } => {
            &["CreateInvite(Guest)", "CreateInvite(Member)", "CreateInvite(Admin)", "AddToRoom"]
        }
        Request::Invites => &["ListInvites"],
        Request::RevokeInvite { .. } => &["RevokeInvite"],
        Request::SetRegistration { .. } => &["SetRegistration"],
    }
}

/// Requests of the walk by their types on the wire.
fn kinds(requests: impl IntoIterator<Item = Request>) -> impl Iterator<Item = String> {
    requests.into_iter().map(|request| {
        let frame = serde_json::to_value(protocol::ClientFrame { req: 1, request }).unwrap();
        frame["type"].as_str().unwrap().to_owned()
    })
}

#[test]
fn every_request_is_walked_by_the_operations_it_asks_for() {
    let documented = [4, 8, 9].into_iter().flat_map(rows).map(|(operation, _)| operation).collect::<Vec<_>>();
    let (room, message) = (RoomId(Uuid::nil()), message_id());
    let (walt, invite) = (MemberId(Uuid::nil()), InviteId(Uuid::nil()));
    let walked = |operation: &str| {
        let in_rooms = || kinds(in_room(operation, room, message, (walt, walt)));
        match () {
            () if rows(9).iter().any(|(row, _)| row == operation) => in_rooms().collect::<Vec<_>>(),
            () if rows(8).iter().any(|(row, _)| row == operation) => {
                kinds([to_account(operation, walt)]).collect()
            }
            () => kinds(to_host(operation, invite, walt)).collect(),
        }
    };
    let mut asked_for = std::collections::BTreeSet::new();
    for golden in crate::golden::requests() {
        let frame = protocol::decode_client(&golden.text).unwrap();
        let operations = operations_of(&frame.request);
        for operation in operations {
            assert!(documented.iter().any(|row| row == operation), "{operation} is not documented");
            asked_for.insert(operation.to_string());
        }
        let is_walked = operations.is_empty()
            || operations.iter().any(|operation| walked(operation).iter().any(|kind| kind == golden.kind()));
        assert!(is_walked, "{} asks for {operations:?}, but is not walked", golden.name);
    }
    for operation in documented {
        // No request at all leads to what the operator does.
        assert_eq!(asked_for.contains(&operation), operation != "Administer", "{operation}");
    }
}

/// A fresh room of rita's with everyone else inside who is named.
async fn room_with(rita: &mut Client, visibility: Visibility, members: &[MemberId]) -> RoomId {
    let room = rita.create_room(&Uuid::now_v7().to_string(), visibility).await.id;
    for member in members {
        rita.ask(Request::AddToRoom { room, member: *member }).await.unwrap();
    }
    room
}

#[tokio::test]
async fn rooms_answer_everyone_as_documented() {
    let world = World::start().await;
    let Cast { mut alice, mut adam, mut rita, mut bob, mut gina, walt, zoe } = cast(&world).await;
    let direct = Request::OpenDirect { members: vec![bob.id] };
    let Reply::Room { room: direct } = rita.client.ask(direct).await.unwrap() else { panic!("no room") };
    for (operation, cells) in rows(9) {
        // Whoever may not mention everyone may write it all the same: a walk of its own.
        if operation == "MentionRoom" {
            continue;
        }
        let own = operation.ends_with("(Own)");
        // Inside a private room, by everyone who may be there.
        for (index, cell) in cells.iter().enumerate().take(5) {
            let everyone = [alice.id, adam.id, bob.id, gina.id, walt];
            let room = room_with(&mut rita.client, Visibility::Private, &everyone).await;
            let foreign = message(if index == 2 { &mut bob.client } else { &mut rita.client }, room).await;
            let actor =
                [&mut alice, &mut adam, &mut rita, &mut bob, &mut gina].into_iter().nth(index).unwrap();
            let subject = if own { message(&mut actor.client, room).await } else { foreign };
            for request in in_room(&operation, room, subject, (walt, zoe)) {
                let is_invite = matches!(request, Request::CreateInvite { .. } | Request::CreateBot { .. });
                // Whoever may not invite to the host invites to no room either.
                let cell = if is_invite && index > 1 { "no" } else { cell };
                check(&mut actor.client, request, cell, &format!("{operation} by insider {index}")).await;
            }
        }
        let author = if own { &mut bob } else { &mut rita };
        let subject = message(&mut author.client, direct.id).await;
        for request in in_room(&operation, direct.id, subject, (walt, zoe)) {
            check(&mut bob.client, request, cells[5], &format!("{operation} in a direct room")).await;
        }
        let room = bob.client.create_room(&Uuid::now_v7().to_string(), Visibility::Public).await.id;
        for member in [rita.id, walt] {
            bob.client.ask(Request::AddToRoom { room, member }).await.unwrap();
        }
        let author = if own { &mut bob } else { &mut rita };
        let subject = message(&mut author.client, room).await;
        bob.client.ask(Request::ArchiveRoom { room }).await.unwrap();
        for request in in_room(&operation, room, subject, (walt, zoe)) {
            check(&mut bob.client, request, cells[6], &format!("{operation} in an archived room")).await;
        }
        let public = room_with(&mut rita.client, Visibility::Public, &[walt]).await;
        let private = room_with(&mut rita.client, Visibility::Private, &[walt, bob.id]).await;
        rita.client.ask(Request::RemoveFromRoom { room: private, member: bob.id }).await.unwrap();
        let open = message(&mut rita.client, public).await;
        let closed = message(&mut rita.client, private).await;
        for (index, request) in in_room(&operation, private, closed, (walt, zoe)).into_iter().enumerate() {
            let nowhere = RoomId(Uuid::now_v7());
            check(&mut alice.client, request.clone(), cells[8], &format!("{operation} outside private"))
                .await;
            if matches!(request, Request::CreateInvite { .. } | Request::CreateBot { .. }) {
                continue;
            }
            check(&mut bob.client, request.clone(), cells[8], &format!("{operation} by one taken out")).await;
            let unknown = in_room(&operation, nowhere, closed, (walt, zoe)).remove(index);
            let (one, other) = (bob.client.ask(request).await, bob.client.ask(unknown).await);
            assert_eq!(one, other, "{operation}: hidden and unknown look the same");
        }
        for request in in_room(&operation, public, open, (walt, zoe)) {
            let mut stranger = world.greet().await;
            assert_eq!(stranger.refused(request.clone()).await, ErrorCode::NotSignedIn);
            if matches!(request, Request::CreateInvite { .. } | Request::CreateBot { .. }) {
                continue;
            }
            check(&mut gina.client, request.clone(), "hidden", &format!("{operation} by a guest outside"))
                .await;
            check(&mut bob.client, request.clone(), cells[7], &format!("{operation} outside public")).await;
        }
    }
}

#[tokio::test]
async fn who_may_not_mention_everyone_only_writes_a_word() {
    let world = World::start().await;
    let Cast { mut alice, mut adam, mut rita, mut bob, mut gina, .. } = cast(&world).await;
    let (_, cells) = rows(9).into_iter().find(|(operation, _)| operation == "MentionRoom").unwrap();
    let everyone = [alice.id, adam.id, bob.id, gina.id];
    let room = room_with(&mut rita.client, Visibility::Private, &everyone).await;
    for (index, cell) in cells.iter().enumerate().take(5) {
        let actor = [&mut alice, &mut adam, &mut rita, &mut bob, &mut gina].into_iter().nth(index).unwrap();
        let Reply::Posted { seq, .. } = actor.client.post(room, "hello @room").await else {
            panic!("not posted")
        };
        let request = Request::History { room, before: Some(seq.next()), after: None, limit: 1 };
        let Reply::History(page) = rita.client.ask(request).await.unwrap() else { panic!("no page") };
        let Change::Posted(posted) = &page.events[0].change else { panic!("no message") };
        assert_eq!(posted.mentions_room, *cell == "yes", "by insider {index}");
    }
}

#[tokio::test]
async fn the_host_answers_everyone_as_documented() {
    let world = World::start().await;
    let Cast { mut alice, mut adam, bob, mut gina, zoe, mut rita, .. } = cast(&world).await;
    drop(bob);
    for (operation, cells) in rows(4) {
        for (index, cell) in cells.iter().enumerate() {
            let (invite, _) = alice.client.invite(1, 60_000).await;
            for request in to_host(&operation, invite.id, zoe) {
                let actor = [&mut alice, &mut adam, &mut rita, &mut gina].into_iter().nth(index).unwrap();
                check(&mut actor.client, request.clone(), cell, &format!("{operation} by {index}")).await;
                let mut stranger = world.greet().await;
                assert_eq!(stranger.refused(request).await, ErrorCode::NotSignedIn);
            }
        }
    }
}

fn to_host(operation: &str, invite: InviteId, zoe: MemberId) -> Vec<Request> {
    let create = |role| Request::CreateInvite { role, uses: 1, life_ms: 60_000, rooms: Vec::new() };
    vec![match operation {
        "ListMembers" => {
            return vec![
                Request::Members { after: None },
                Request::Seen { members: vec![zoe] },
                Request::Avatar { member: zoe },
            ];
        }
        "ListDirectory" => Request::Directory { after: None },
        "CreateRoom" => Request::CreateRoom {
            name: Uuid::now_v7().to_string(),
            topic: String::new(),
            visibility: Visibility::Public,
            reading: Reading::Start,
        },
        "OpenDirect" => Request::OpenDirect { members: vec![zoe] },
        "CreateInvite(Guest)" => create(Role::Guest),
        "CreateInvite(Member)" => create(Role::Member),
        "CreateInvite(Admin)" => create(Role::Admin),
        "ListInvites" => Request::Invites,
        "RevokeInvite" => Request::RevokeInvite { invite },
        "ManageBots" => return vec![Request::Bots, Request::RevokeBot { member: zoe }],
        "SeeStatistics" => Request::Statistics,
        "SetRegistration" => Request::SetRegistration { registration: Registration::Invite },
        // By the machine's own command line alone.
        "Administer" => return Vec::new(),
        other => panic!("the walk does not know {other}"),
    }]
}

fn to_account(operation: &str, member: MemberId) -> Request {
    match operation {
        "SetRole(Guest)" => Request::SetRole { member, role: Role::Guest },
        "SetRole(Member)" => Request::SetRole { member, role: Role::Member },
        "SetRole(Admin)" => Request::SetRole { member, role: Role::Admin },
        "SetRole(Owner)" => Request::SetRole { member, role: Role::Owner },
        "SetStanding" => Request::SetStanding { member, standing: Standing::Banned },
        "DeleteAccount" => Request::DeleteAccount { member, password: None },
        "RemoveAvatar" => Request::RemoveAvatar { member },
        other => panic!("the walk does not know {other}"),
    }
}

#[tokio::test]
async fn the_host_is_handed_over_by_its_owner_alone_and_to_members_of_every_role() {
    for role in [Role::Admin, Role::Member, Role::Guest] {
        let world = World::start().await;
        let (mut alice, me) = world.alice().await;
        let mut heir = person(&world, &mut alice, "heir", role).await;
        let mine = Request::SetRole { member: heir.id, role: Role::Owner };
        assert_eq!(heir.client.refused(mine.clone()).await, ErrorCode::Forbidden);
        alice.ask(mine.clone()).await.unwrap();
        assert_eq!(alice.refused(mine).await, ErrorCode::Forbidden, "who was the owner is no more");
        let below = Request::SetRole { member: me.member.id, role: Role::Guest };
        heir.client.ask(below).await.unwrap();
    }
}

#[tokio::test]
async fn accounts_answer_everyone_as_documented() {
    let world = World::start().await;
    let Cast { mut alice, mut adam, mut rita, mut gina, .. } = cast(&world).await;
    for (operation, cells) in rows(8) {
        for (index, cell) in cells.iter().enumerate() {
            // Handing the host over would end the walk; a story of its own does it.
            if operation == "SetRole(Owner)" && *cell == "yes" {
                continue;
            }
            let theirs = if index < 4 { Role::Member } else { Role::Admin };
            let name = Uuid::now_v7().to_string();
            let member = person(&world, &mut alice.client, &name, theirs).await.id;
            let request = to_account(&operation, member);
            let actor = [&mut alice, &mut adam, &mut rita, &mut gina].into_iter().nth(index % 4).unwrap();
            check(&mut actor.client, request, cell, &format!("{operation} {index}")).await;
        }
    }
}
