//! Who is here and how, told to everyone once a second; who was, told to those who ask.

use protocol::{Availability, ErrorCode, MemberId, Reply, Request, Role, Seen, SignIn, UnixMillis};

use crate::support::{Client, World, message_id};

fn say(availability: Availability) -> Request {
    Request::SetPresence { availability, until: None }
}

/// How `member` is said to be by the next telling that names them.
async fn told(client: &mut Client, member: MemberId) -> Option<Availability> {
    client
        .hears(|reply| {
            let Reply::Presence { online, offline, idle, busy } = reply else { return None };
            let lists = [
                (online, Some(Availability::Active)),
                (idle, Some(Availability::Idle)),
                (busy, Some(Availability::DoNotDisturb)),
                (offline, None),
            ];
            lists.into_iter().find(|(list, _)| list.contains(&member)).map(|(_, availability)| availability)
        })
        .await
}

/// Until that is said: a telling in between is no fault.
async fn until_told(client: &mut Client, member: MemberId, wanted: Option<Availability>) {
    while told(client, member).await != wanted {}
}

async fn seen(client: &mut Client, members: &[MemberId]) -> Vec<Seen> {
    match client.ask(Request::Seen { members: members.to_vec() }).await.unwrap() {
        Reply::Seen { members } => members,
        other => panic!("not seen: {other:?}"),
    }
}

#[tokio::test]
async fn devices_say_how_their_member_is_and_together_they_say_one_thing() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut laptop, bobs) = world.invited(&mut alice, "bob").await;
    let bob = bobs.member.id;
    until_told(&mut alice, bob, Some(Availability::Active)).await;
    laptop.ask(say(Availability::Idle)).await.unwrap();
    until_told(&mut alice, bob, Some(Availability::Idle)).await;
    let Reply::Members { members, .. } = alice.ask(Request::Members { after: None }).await.unwrap() else {
        panic!("no members")
    };
    let listed = members.into_iter().find(|member| member.id == bob).unwrap();
    assert_eq!((listed.online, listed.availability), (true, Availability::Idle));

    laptop.ask(say(Availability::DoNotDisturb)).await.unwrap();
    until_told(&mut alice, bob, Some(Availability::DoNotDisturb)).await;
    // The same device comes back over another link, before the first is given up: the newest word counts.
    let mut again = world.greet().await;
    again.sign_in(SignIn::Session { token: bobs.token.unwrap() }).await.unwrap();
    until_told(&mut alice, bob, Some(Availability::Active)).await;
    drop(again);
    until_told(&mut alice, bob, Some(Availability::DoNotDisturb)).await;
    drop(laptop);
    until_told(&mut alice, bob, None).await;
}

#[tokio::test]
async fn peace_with_an_end_ends_by_itself() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_millis()).unwrap();
    let until = |until| Request::SetPresence {
        availability: Availability::DoNotDisturb,
        until: Some(UnixMillis(until)),
    };
    bob.ask(until(now + 3_000)).await.unwrap();
    until_told(&mut alice, bobs.member.id, Some(Availability::DoNotDisturb)).await;
    until_told(&mut alice, bobs.member.id, Some(Availability::Active)).await;
    for wrong in [now - 1, 0, i64::MIN, i64::MAX, now + 400 * 24 * 3600 * 1000] {
        assert_eq!(bob.refused(until(wrong)).await, ErrorCode::OutOfBounds);
    }
    let idle =
        Request::SetPresence { availability: Availability::Idle, until: Some(UnixMillis(now + 9_999)) };
    assert_eq!(bob.refused(idle).await, ErrorCode::OutOfBounds);
}

#[tokio::test]
async fn when_somebody_was_last_here_is_known_after_a_restart_too() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (bob, bobs) = world.invited(&mut alice, "bob").await;
    let bob_id = bobs.member.id;
    let here = seen(&mut alice, &[bob_id, MemberId(message_id().0)]).await;
    assert_eq!(here.len(), 1, "who is not there is not named");
    assert_eq!((here[0].online, here[0].last_seen), (true, None));
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    drop(bob);
    until_told(&mut alice, bob_id, None).await;
    let at_once = seen(&mut alice, &[bob_id]).await[0].last_seen.unwrap();
    assert!(at_once.0 >= i64::try_from(since.as_millis()).unwrap(), "before it is written down");
    let world = world.restart().await;
    let mut alice = world.greet().await;
    alice.sign_in(SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    let gone = seen(&mut alice, &[bob_id]).await;
    assert!(!gone[0].online && gone[0].last_seen.is_some());
}

#[tokio::test]
async fn when_somebody_was_here_is_not_for_everyone() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (carol, carols) = world.invited(&mut alice, "carol").await;
    let invite = Request::CreateInvite {
        role: Role::Guest,
        uses: 1,
        life_ms: 60_000,
        rooms: vec![alice.create_room("guests", protocol::Visibility::Private).await.id],
    };
    let Reply::InviteCreated { token, .. } = alice.ask(invite).await.unwrap() else { panic!("no invite") };
    let mut gina = world.greet().await;
    gina.sign_in(SignIn::Invite { token, name: "gina".into(), password: None }).await.unwrap();
    drop(carol);
    until_told(&mut alice, carols.member.id, None).await;
    let carol = carols.member.id;
    assert!(seen(&mut bob, &[carol]).await[0].last_seen.is_some());
    assert!(seen(&mut gina, &[carol]).await[0].last_seen.is_none(), "a guest who meets her nowhere");
    bob.ask(Request::SetBlock { member: carol, blocked: true }).await.unwrap();
    assert!(seen(&mut bob, &[carol]).await[0].last_seen.is_none(), "nor whom a block divides");
    for wrong in [Vec::new(), (0..101).map(|_| MemberId(message_id().0)).collect()] {
        assert_eq!(alice.refused(Request::Seen { members: wrong }).await, ErrorCode::OutOfBounds);
    }
    assert_eq!(seen(&mut bob, &[bobs.member.id]).await.len(), 1);
}
