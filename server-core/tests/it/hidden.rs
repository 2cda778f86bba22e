//! What somebody may not know looks like what is not there, byte for byte, for every request there is; and whoever
//! has no session any more is answered nothing at all.

use protocol::{
    ErrorCode, MemberId, MessageId, Reply, Request, Role, RoomId, SignIn, SignedIn, Standing, Visibility,
};
use serde_json::Value;
use server_core::admin::Command;
use uuid::Uuid;

use crate::golden::{self, Golden, MEMBER, MESSAGE, OTHER_MEMBER, OTHER_MESSAGE, ROOM};
use crate::support::{Client, World, message_id};

async fn world() -> World {
    World::start_with(|config| {
        config.admin_socket = Some(config.data_dir.join("admin.sock"));
        config.limits.attempts_per_address = 0;
        config.limits.attempts_per_account = 0;
    })
    .await
}

async fn person(world: &World, owner: &mut Client, name: &str, role: Role) -> (Client, SignedIn) {
    let request = Request::CreateInvite { role, uses: 1, life_ms: 60_000, rooms: Vec::new() };
    let Reply::InviteCreated { token, .. } = owner.ask(request).await.unwrap() else { panic!("no invite") };
    let mut client = world.greet().await;
    let by = SignIn::Invite { token, name: name.into(), password: None };
    let signed_in = client.sign_in(by).await.unwrap();
    (client, signed_in)
}

fn fresh() -> String {
    Uuid::now_v7().to_string()
}

/// Where a request is asked: a room, a message in it, and two members.
#[derive(Clone)]
struct Scene {
    room: String,
    message: String,
    members: [String; 2],
}

impl Scene {
    fn of(room: RoomId, message: MessageId) -> Self {
        Self { room: room.to_string(), message: message.to_string(), members: [fresh(), fresh()] }
    }

    fn nowhere() -> Self {
        Self { room: fresh(), message: fresh(), members: [fresh(), fresh()] }
    }

    fn put(&self, golden: &Golden) -> Golden {
        // What is posted is new each time; what it answers is the message of the scene.
        let own = (golden.kind() == "post").then(|| golden.value()["message"].as_str().unwrap().to_owned());
        let mut placed = golden.clone();
        if let Some(own) = own {
            let mut value = golden.value();
            value["message"] = fresh().into();
            assert!(own == MESSAGE || own == OTHER_MESSAGE);
            placed.text = value.to_string();
        }
        placed.with(&[
            (ROOM, self.room.clone()),
            (MESSAGE, self.message.clone()),
            (OTHER_MESSAGE, self.message.clone()),
            (MEMBER, self.members[0].clone()),
            (OTHER_MEMBER, self.members[1].clone()),
        ])
    }
}

async fn asked(client: &mut Client, golden: &Golden) -> String {
    client.answer_to(7, golden.numbered(7)).await.expect("the connection lives")
}

fn is_error(answer: &str) -> bool {
    serde_json::from_str::<Value>(answer).unwrap()["type"] == "error"
}

#[tokio::test]
async fn every_request_answers_the_same_for_the_hidden_and_for_what_is_not_there() {
    let world = world().await;
    let (mut alice, me) = world.alice().await;
    let (mut rita, _) = person(&world, &mut alice, "rita", Role::Member).await;
    let (_walt, walt) = person(&world, &mut alice, "walt", Role::Member).await;
    let (adam, _) = person(&world, &mut alice, "adam", Role::Admin).await;
    let (bob, _) = person(&world, &mut alice, "bob", Role::Member).await;
    let (gina, _) = person(&world, &mut alice, "gina", Role::Guest).await;
    let (removed, out) = person(&world, &mut alice, "carol", Role::Member).await;

    let private = rita.create_room("secret", Visibility::Private).await.id;
    rita.ask(Request::AddToRoom { room: private, member: out.member.id }).await.unwrap();
    let opened = rita.ask(Request::OpenDirect { members: vec![walt.member.id] }).await.unwrap();
    let Reply::Room { room: direct } = opened else { panic!("no room") };
    let mut hidden = Vec::new();
    for room in [private, direct.id] {
        let message = message_id();
        rita.post_as(room, message, "nobody else hears this").await.unwrap();
        hidden.push(Scene::of(room, message));
    }
    rita.ask(Request::RemoveFromRoom { room: private, member: out.member.id }).await.unwrap();
    let gone = rita.create_room("gone", Visibility::Private).await.id;
    let message = message_id();
    rita.post_as(gone, message, "nobody hears this any more").await.unwrap();
    rita.ask(Request::DeleteRoom { room: gone }).await.unwrap();
    hidden.push(Scene::of(gone, message));
    let open = me.rooms[0].id;

    let before = world.export().await;
    let concerned = golden::requests().into_iter().filter(|golden| golden.text.contains(ROOM));
    let concerned = concerned.collect::<Vec<_>>();
    assert!(concerned.len() > 30);
    let mut actors =
        [("owner", alice), ("admin", adam), ("member", bob), ("guest", gina), ("removed", removed)];
    for golden in &concerned {
        for (who, client) in &mut actors {
            let nothing = Scene::nowhere();
            let expected = asked(client, &nothing.put(golden)).await;
            for scene in &hidden {
                let scene = Scene { members: nothing.members.clone(), ..scene.clone() };
                let answer = asked(client, &scene.put(golden)).await;
                assert_eq!(answer, expected, "{} by {who}", golden.name);
            }
        }
    }
    assert_eq!(world.export().await, before, "nothing came of any of it");

    // In a room of their own, a message of a hidden one is none.
    for golden in golden::requests().iter().filter(|golden| golden.text.contains(MESSAGE)) {
        for (who, client) in &mut actors {
            let here = Scene { room: open.to_string(), ..Scene::nowhere() };
            let expected = asked(client, &here.put(golden)).await;
            for scene in &hidden {
                let scene = Scene { message: scene.message.clone(), ..here.clone() };
                let answer = asked(client, &scene.put(golden)).await;
                if is_error(&answer) || is_error(&expected) {
                    assert_eq!(answer, expected, "{} by {who}", golden.name);
                }
            }
        }
    }
}

#[tokio::test]
async fn accounts_that_are_gone_are_as_good_as_none() {
    let world = world().await;
    let (mut alice, _) = world.alice().await;
    let (_, gone) = person(&world, &mut alice, "carol", Role::Member).await;
    let (mut bob, _) = person(&world, &mut alice, "bob", Role::Member).await;
    alice.ask(Request::DeleteAccount { member: gone.member.id, password: None }).await.unwrap();
    for golden in golden::requests().iter().filter(|golden| golden.text.contains(MEMBER)) {
        for client in [&mut alice, &mut bob] {
            let nobody = Scene::nowhere();
            let expected = asked(client, &nobody.put(golden)).await;
            let members = [gone.member.id.to_string(), nobody.members[1].clone()];
            let answer = asked(client, &Scene { members, ..nobody.clone() }.put(golden)).await;
            if is_error(&answer) || is_error(&expected) {
                assert_eq!(answer, expected, "{}", golden.name);
            }
        }
    }
}

#[tokio::test]
async fn strangers_hear_of_no_request_what_it_does() {
    let world = world().await;
    let (_alice, _) = world.alice().await;
    let mut stranger = world.dial().await;
    let mut greeted = world.greet().await;
    for golden in golden::requests() {
        if !matches!(golden.kind(), "hello" | "ping") {
            let answer: Value = serde_json::from_str(&asked(&mut stranger, &golden).await).unwrap();
            assert_eq!(answer["code"], "not_signed_in", "{}", golden.name);
        }
        if !matches!(golden.kind(), "hello" | "ping" | "sign_in") {
            let answer: Value = serde_json::from_str(&asked(&mut greeted, &golden).await).unwrap();
            assert_eq!(answer["code"], "not_signed_in", "{}", golden.name);
        }
    }
}

/// How a session ends by somebody else's doing.
#[derive(Debug, Clone, Copy)]
enum End {
    Revoked,
    Deactivated,
    Banned,
    Deleted,
}

async fn end(alice: &mut Client, world: &World, who: MemberId, name: &str, end: End) {
    let standing = |standing| Request::SetStanding { member: who, standing };
    match end {
        End::Revoked => {
            let revoke = Command::RevokeSession { name: name.into(), device: None };
            world.server.administer(revoke).await.unwrap();
        }
        End::Deactivated => drop(alice.ask(standing(Standing::Deactivated)).await.unwrap()),
        End::Banned => drop(alice.ask(standing(Standing::Banned)).await.unwrap()),
        End::Deleted => {
            drop(alice.ask(Request::DeleteAccount { member: who, password: None }).await.unwrap());
        }
    }
}

async fn nothing_is_answered_after(how: End) {
    let world = world().await;
    let (mut alice, _) = world.alice().await;
    let (_, token) = alice.invite(1000, 60_000).await;
    for (number, golden) in golden::requests().into_iter().enumerate() {
        let name = format!("bob {number}");
        let mut bob = world.greet().await;
        let by = SignIn::Invite { token: token.clone(), name: name.clone(), password: None };
        let me = bob.sign_in(by).await.unwrap();
        end(&mut alice, &world, me.member.id, &name, how).await;
        assert_eq!(bob.answer_to(7, golden.numbered(7)).await, Err(4200), "{how:?}: {}", golden.name);
        let mut again = world.greet().await;
        let refused = again.sign_in(SignIn::Session { token: me.token.unwrap() }).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::SessionEnded, "{how:?}");
    }
}

#[tokio::test]
async fn whose_session_was_revoked_is_answered_nothing() {
    nothing_is_answered_after(End::Revoked).await;
}

#[tokio::test]
async fn who_was_deactivated_is_answered_nothing() {
    nothing_is_answered_after(End::Deactivated).await;
}

#[tokio::test]
async fn who_was_banned_is_answered_nothing() {
    nothing_is_answered_after(End::Banned).await;
}

#[tokio::test]
async fn whose_account_was_deleted_is_answered_nothing() {
    nothing_is_answered_after(End::Deleted).await;
}

#[tokio::test]
async fn programs_stand_before_the_same_walls() {
    use crate::programs::{bot, call, hook};
    let world = world().await;
    let (mut alice, me) = world.alice().await;
    let token = bot(&world, "robot", "general").await;
    let (_, address, _) = hook(&world, "general").await;
    let secret = alice.create_room("secret", Visibility::Private).await.id;
    let message = message_id();
    alice.post_as(secret, message, "not for robots").await.unwrap();
    let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
    let paths = |room: String, message: String| {
        [
            format!("GET /api/v1/rooms/{room}/events"),
            format!("POST /api/v1/rooms/{room}/messages"),
            format!("PUT /api/v1/rooms/{room}/messages/{message}"),
        ]
    };
    let without_number = |(status, body): (u16, String)| {
        let mut value: Value = serde_json::from_str(&body).unwrap();
        value["error"]["request_id"] = Value::Null;
        (status, value)
    };
    let (hidden, nowhere) = (paths(secret.to_string(), message.to_string()), paths(fresh(), fresh()));
    for (hidden, nowhere) in hidden.iter().zip(&nowhere) {
        let hidden = without_number(call(&world, hidden, &headers, br#"{"text":"hello"}"#).await);
        let nowhere = without_number(call(&world, nowhere, &headers, br#"{"text":"hello"}"#).await);
        assert_eq!(hidden, nowhere);
        assert_eq!(hidden.0, 404);
    }
    let room = me.rooms[0].id;
    for name in ["robot", "CI"] {
        let ban = Command::SetStanding { name: name.into(), standing: Standing::Banned };
        world.server.administer(ban).await.unwrap();
    }
    let unknown = [("authorization", "Bearer nothing"), ("content-type", "application/json")];
    for path in paths(room.to_string(), fresh()).iter().chain([&"GET /api/v1/rooms".to_owned()]) {
        let banned = without_number(call(&world, path, &headers, br#"{"text":"hello"}"#).await);
        assert_eq!(banned, without_number(call(&world, path, &unknown, br#"{"text":"hello"}"#).await));
        assert_eq!(banned.0, 401, "{path}");
    }
    let spoken = call(&world, &format!("POST {address}"), &[], br#"{"text":"hello"}"#).await;
    let guessed = call(&world, "POST /hooks/nothing", &[], br#"{"text":"hello"}"#).await;
    assert_eq!(spoken, guessed);
    assert_eq!(spoken.0, 404);
}
