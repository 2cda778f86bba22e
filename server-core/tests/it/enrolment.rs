//! A host that asks for a second factor: who has none is let in aside, hears nothing, and sets one up first.

use protocol::{
    ErrorCode, MemberId, Reply, Request, Role, Secret, SignIn, SignedIn, Standing, Visibility, limits,
};
use server_core::admin::Command;
use server_core::{Config, SecondFactor};

use crate::golden;
use crate::second_factor::{confirm, shown};
use crate::support::{Client, World};

const PASSWORD: &str = "alice's password";

/// What sets a second factor up, and what every connection may.
const OPEN: [&str; 8] = [
    "hello",
    "sign_in",
    "sign_out",
    "ping",
    "second_factor",
    "begin_second_factor",
    "confirm_second_factor",
    "set_password",
];

async fn world(asked: SecondFactor) -> World {
    World::start_with(|config| config.second_factor = asked).await
}

async fn reload(world: &mut World, asked: SecondFactor) {
    let mut config = Config::new(world.dir.path().join("host"), world.address());
    config.second_factor = asked;
    world.server.reload(config).await.unwrap();
}

async fn again(world: &World, token: &Option<Secret>) -> (Client, SignedIn) {
    let mut client = world.greet().await;
    let by = SignIn::Session { token: token.clone().unwrap() };
    let signed_in = client.sign_in(by).await.unwrap();
    (client, signed_in)
}

/// Sets one up, and is told to sign in again.
async fn enrol(client: &mut Client, password: &str) -> (Secret, Vec<Secret>) {
    let begun = client.ask(Request::BeginSecondFactor { password: password.into() }).await.unwrap();
    let Reply::SecondFactorBegun { secret, .. } = begun else { panic!("not begun: {begun:?}") };
    let codes = confirm(client, &secret).await;
    (secret, codes)
}

#[tokio::test]
async fn who_has_none_is_answered_nothing_until_they_have_set_one_up() {
    let world = world(SecondFactor::Everyone).await;
    let (mut alice, me) = world.alice().await;
    assert!(me.second_factor_missing && me.rooms.is_empty() && me.progress.is_empty());
    assert!(!me.member.online);
    for golden in golden::requests() {
        if OPEN.contains(&golden.kind()) {
            continue;
        }
        let answer = alice.answer_to(7, golden.numbered(7)).await.unwrap();
        assert!(answer.contains(r#""code":"second_factor_missing""#), "{}: {answer}", golden.name);
    }
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
    let (_, codes) = enrol(&mut alice, PASSWORD).await;
    assert_eq!(codes.len(), limits::RECOVERY_CODES, "the codes come before the end");
    assert_eq!(alice.closed().await, 4101);

    let (mut alice, me) = again(&world, &me.token).await;
    assert!(!me.second_factor_missing && me.rooms.len() == 1 && me.member.online);
    alice.post(me.rooms[0].id, "at last").await;
    let end = Request::EndSecondFactor { password: Some(PASSWORD.into()), code: None };
    assert_eq!(alice.refused(end).await, ErrorCode::Forbidden, "it stays as long as it is asked for");
}

#[tokio::test]
async fn who_came_without_a_password_sets_one_first() {
    let mut world = world(SecondFactor::None).await;
    let (mut alice, mine) = world.alice().await;
    let (_, bobs) = world.invited(&mut alice, "bob").await;
    enrol(&mut alice, PASSWORD).await;
    reload(&mut world, SecondFactor::Everyone).await;
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong, "she has one, and stays");
    drop(mine);
    let (mut bob, me) = again(&world, &bobs.token).await;
    assert!(me.second_factor_missing && !me.has_password);
    let begin = Request::BeginSecondFactor { password: "bob's password".into() };
    assert_eq!(bob.refused(begin).await, ErrorCode::Forbidden);
    let set = Request::SetPassword { current: None, new: "bob's password".into(), end_others: false };
    bob.ask(set).await.unwrap();
    enrol(&mut bob, "bob's password").await;
    assert_eq!(bob.closed().await, 4101);
    let (_bob, me) = again(&world, &bobs.token).await;
    assert!(!me.second_factor_missing);
}

#[tokio::test]
async fn a_reload_asks_those_who_are_here_and_lets_them_in_again() {
    let mut world = world(SecondFactor::None).await;
    let (mut alice, mine) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = mine.rooms[0].id;
    reload(&mut world, SecondFactor::Admins).await;
    assert_eq!(alice.closed().await, 4101);
    assert_eq!(bob.ask(Request::Ping).await.unwrap(), Reply::Pong, "he is not asked");
    let (mut alice, aside) = again(&world, &mine.token).await;
    assert!(aside.second_factor_missing);

    // Not one word of what happens meanwhile.
    bob.post(room, "between us").await;
    bob.ask(Request::SetProfile {
        name: "robert".into(),
        status: String::new(),
        status_emoji: String::new(),
        status_until: None,
    })
    .await
    .unwrap();
    let ping = alice.send(Request::Ping).await;
    let heard = alice.frame().await.unwrap();
    assert_eq!((heard.req, heard.reply), (Some(ping), Reply::Pong));
    let Reply::Seen { members } = bob.ask(Request::Seen { members: vec![mine.member.id] }).await.unwrap()
    else {
        panic!("no list")
    };
    assert!(!members[0].online, "she is not here yet");

    reload(&mut world, SecondFactor::Everyone).await;
    assert_eq!(bob.closed().await, 4101);
    let (mut bob, aside) = again(&world, &bobs.token).await;
    assert!(aside.second_factor_missing);
    reload(&mut world, SecondFactor::None).await;
    assert_eq!((alice.closed().await, bob.closed().await), (4101, 4101));
    for token in [&mine.token, &bobs.token] {
        let (mut client, me) = again(&world, token).await;
        assert!(!me.second_factor_missing);
        client.post(room, "here again").await;
    }
}

#[tokio::test]
async fn another_role_is_asked_otherwise() {
    let world = world(SecondFactor::Admins).await;
    let (mut alice, mine) = world.alice().await;
    enrol(&mut alice, PASSWORD).await;
    assert_eq!(alice.closed().await, 4101);
    let (mut alice, _) = again(&world, &mine.token).await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    assert!(!bobs.second_factor_missing);
    let set = |role| Request::SetRole { member: bobs.member.id, role };
    alice.ask(set(Role::Admin)).await.unwrap();
    assert_eq!(bob.closed().await, 4101);
    let (mut bob, aside) = again(&world, &bobs.token).await;
    assert!(aside.second_factor_missing && aside.member.role == Role::Admin);
    assert_eq!(bob.refused(Request::Invites).await, ErrorCode::SecondFactorMissing);
    alice.ask(set(Role::Guest)).await.unwrap();
    assert_eq!(bob.closed().await, 4101);
    let (mut bob, me) = again(&world, &bobs.token).await;
    assert!(!me.second_factor_missing);
    let promote = Command::SetRole { name: "bob".into(), role: Role::Admin };
    world.server.administer(promote).await.unwrap();
    assert_eq!(bob.closed().await, 4101, "by the operator too");
}

#[tokio::test]
async fn whose_factor_the_operator_ends_sets_up_another() {
    let world = world(SecondFactor::Everyone).await;
    let (mut alice, mine) = world.alice().await;
    enrol(&mut alice, PASSWORD).await;
    assert_eq!(alice.closed().await, 4101);
    let (mut alice, _) = again(&world, &mine.token).await;
    world.server.administer(Command::EndSecondFactor { name: "alice".into() }).await.unwrap();
    assert_eq!(alice.closed().await, 4101);
    let (mut alice, aside) = again(&world, &mine.token).await;
    assert!(aside.second_factor_missing);
    let (secret, _) = enrol(&mut alice, PASSWORD).await;
    assert_eq!(alice.closed().await, 4101);
    let mut phone = world.greet().await;
    let entered = phone.sign_in_by_code(("alice", PASSWORD), shown(&secret, 0), None).await.unwrap();
    assert!(!entered.second_factor_missing);
}

#[tokio::test]
async fn a_session_that_ends_ends_aside_as_well() {
    let mut world = world(SecondFactor::None).await;
    let (mut alice, mine) = world.alice().await;
    let (secret, _) = enrol(&mut alice, PASSWORD).await;
    let (_, bobs) = world.invited(&mut alice, "bob").await;
    reload(&mut world, SecondFactor::Everyone).await;
    let standing = |member: MemberId, standing| Request::SetStanding { member, standing };
    let (mut bob, _) = again(&world, &bobs.token).await;
    alice.ask(standing(bobs.member.id, Standing::Banned)).await.unwrap();
    assert_eq!(bob.closed().await, 4200);
    drop((mine, secret));
    let (_, carols) = world.invited(&mut alice, "carol").await;
    let (mut carol, _) = again(&world, &carols.token).await;
    world.server.administer(Command::RevokeSession { name: "carol".into(), device: None }).await.unwrap();
    assert_eq!(carol.closed().await, 4200);
    let (mut carol, _) = world.invited(&mut alice, "caroline").await;
    assert_eq!(carol.ask(Request::SignOut).await.unwrap(), Reply::Done);
    assert_eq!(carol.closed().await, 4200);
}

#[tokio::test]
async fn programs_are_not_asked() {
    use crate::programs::{bot, call, hook};
    let mut world = world(SecondFactor::None).await;
    let (mut alice, _) = world.alice().await;
    alice.create_room("builds", Visibility::Public).await;
    enrol(&mut alice, PASSWORD).await;
    reload(&mut world, SecondFactor::Everyone).await;
    let token = bot(&world, "robot", "builds").await;
    let (status, _) = call(&world, "GET /api/v1/rooms", &[("authorization", &token)], b"").await;
    assert_eq!(status, 200);
    let (_, address, _) = hook(&world, "builds").await;
    let (status, _) = call(&world, &format!("POST {address}"), &[], br#"{"text":"green"}"#).await;
    assert_eq!(status, 200);
}
