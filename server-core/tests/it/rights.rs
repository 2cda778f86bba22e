//! The table of `docs/security.md`, walked over real sockets by everyone it speaks of.

use protocol::{
    ErrorCode, InviteId, MemberId, MessageId, Reading, Registration, Reply, Request, Role, RoomId, RoomRole,
    SignIn, Standing, Visibility,
};
use uuid::Uuid;

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

/// What an operation in a room is asked by; none for what is no request of its own.
fn in_room(
    operation: &str,
    room: RoomId,
    message: MessageId,
    (walt, zoe): (MemberId, MemberId),
) -> Option<Request> {
    let text = "another text".into();
    Some(match operation {
        "JoinRoom" => Request::JoinRoom { room },
        "LeaveRoom" => Request::LeaveRoom { room },
        "ReadRoom" => Request::History { room, before: None, after: None, limit: 10 },
        "ListRoomMembers" => Request::RoomMembers { room, after: None },
        "Post" => Request::post(room, message_id(), "hello".into()),
        "React" => Request::React { room, message, emoji: "+1".into() },
        "EditMessage(Own)" | "EditMessage(Foreign)" => Request::Edit { room, message, text },
        "DeleteMessage(Own)" | "DeleteMessage(Foreign)" => Request::Delete { room, message },
        "ReadRevisions(Own)" | "ReadRevisions(Foreign)" => Request::Revisions { room, message },
        "Pin" => Request::Pin { room, message },
        "SetTopic" => Request::SetTopic { room, topic: "this".into() },
        "AddToRoom" => Request::AddToRoom { room, member: zoe },
        "RenameRoom" => Request::RenameRoom { room, name: Uuid::now_v7().to_string() },
        "SetReading" => Request::SetReading { room, reading: Reading::Join },
        "ArchiveRoom" => Request::ArchiveRoom { room },
        "RemoveFromRoom" => Request::RemoveFromRoom { room, member: walt },
        "SetRoomRole" => Request::SetRoomRole { room, member: walt, role: RoomRole::Admin },
        "DeleteRoom" => Request::DeleteRoom { room },
        "MentionRoom" => return None,
        other => panic!("the walk does not know {other}"),
    })
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
        let own = operation.ends_with("(Own)");
        // Inside a private room, by everyone who may be there.
        for (index, cell) in cells.iter().enumerate().take(5) {
            let everyone = [alice.id, adam.id, bob.id, gina.id, walt];
            let room = room_with(&mut rita.client, Visibility::Private, &everyone).await;
            let foreign = message(if index == 2 { &mut bob.client } else { &mut rita.client }, room).await;
            let actor =
                [&mut alice, &mut adam, &mut rita, &mut bob, &mut gina].into_iter().nth(index).unwrap();
            let subject = if own { message(&mut actor.client, room).await } else { foreign };
            let Some(request) = in_room(&operation, room, subject, (walt, zoe)) else { continue };
            check(&mut actor.client, request, cell, &format!("{operation} by insider {index}")).await;
        }
        let author = if own { &mut bob } else { &mut rita };
        let subject = message(&mut author.client, direct.id).await;
        if let Some(request) = in_room(&operation, direct.id, subject, (walt, zoe)) {
            check(&mut bob.client, request, cells[5], &format!("{operation} in a direct room")).await;
        }
        let room = bob.client.create_room(&Uuid::now_v7().to_string(), Visibility::Public).await.id;
        for member in [rita.id, walt] {
            bob.client.ask(Request::AddToRoom { room, member }).await.unwrap();
        }
        let author = if own { &mut bob } else { &mut rita };
        let subject = message(&mut author.client, room).await;
        bob.client.ask(Request::ArchiveRoom { room }).await.unwrap();
        if let Some(request) = in_room(&operation, room, subject, (walt, zoe)) {
            check(&mut bob.client, request, cells[6], &format!("{operation} in an archived room")).await;
        }
        let public = room_with(&mut rita.client, Visibility::Public, &[walt]).await;
        let private = room_with(&mut rita.client, Visibility::Private, &[walt, bob.id]).await;
        rita.client.ask(Request::RemoveFromRoom { room: private, member: bob.id }).await.unwrap();
        let open = message(&mut rita.client, public).await;
        let closed = message(&mut rita.client, private).await;
        if let Some(request) = in_room(&operation, private, closed, (walt, zoe)) {
            let nowhere = RoomId(Uuid::now_v7());
            check(&mut alice.client, request.clone(), cells[8], &format!("{operation} outside private"))
                .await;
            check(&mut bob.client, request.clone(), cells[8], &format!("{operation} by one taken out")).await;
            let unknown = in_room(&operation, nowhere, closed, (walt, zoe)).unwrap();
            let (one, other) = (bob.client.ask(request).await, bob.client.ask(unknown).await);
            assert_eq!(one, other, "{operation}: hidden and unknown look the same");
        }
        if let Some(request) = in_room(&operation, public, open, (walt, zoe)) {
            check(&mut gina.client, request.clone(), "hidden", &format!("{operation} by a guest outside"))
                .await;
            check(&mut bob.client, request.clone(), cells[7], &format!("{operation} outside public")).await;
            let mut stranger = world.greet().await;
            assert_eq!(stranger.refused(request).await, ErrorCode::NotSignedIn);
        }
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
            let Some(request) = to_host(&operation, invite.id, zoe) else { continue };
            let actor = [&mut alice, &mut adam, &mut rita, &mut gina].into_iter().nth(index).unwrap();
            check(&mut actor.client, request.clone(), cell, &format!("{operation} by {index}")).await;
            let mut stranger = world.greet().await;
            assert_eq!(stranger.refused(request).await, ErrorCode::NotSignedIn);
        }
    }
}

fn to_host(operation: &str, invite: InviteId, zoe: MemberId) -> Option<Request> {
    let create = |role| Request::CreateInvite { role, uses: 1, life_ms: 60_000, rooms: Vec::new() };
    Some(match operation {
        "ListMembers" => Request::Members { after: None },
        "ListDirectory" => Request::Directory,
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
        "SeeStatistics" => Request::Statistics,
        "SetRegistration" => Request::SetRegistration { registration: Registration::Invite },
        // By the machine's own command line alone, or not walked here.
        _ => return None,
    })
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
            let request = match operation.as_str() {
                "SetRole(Guest)" => Request::SetRole { member, role: Role::Guest },
                "SetRole(Member)" => Request::SetRole { member, role: Role::Member },
                "SetRole(Admin)" => Request::SetRole { member, role: Role::Admin },
                "SetRole(Owner)" => Request::SetRole { member, role: Role::Owner },
                "SetStanding" => Request::SetStanding { member, standing: Standing::Banned },
                "DeleteAccount" => Request::DeleteAccount { member, password: None },
                other => panic!("the walk does not know {other}"),
            };
            let actor = [&mut alice, &mut adam, &mut rita, &mut gina].into_iter().nth(index % 4).unwrap();
            check(&mut actor.client, request, cell, &format!("{operation} {index}")).await;
        }
    }
}
