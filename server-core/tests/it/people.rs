//! Accounts, invites, devices, passwords.

use protocol::{ErrorCode, Registration, Reply, Request, Role, Secret, SignIn};

use crate::support::{Client, World, soon};

#[tokio::test]
async fn the_owner_invite_makes_one_owner_and_is_gone() {
    let world = World::start().await;
    let invite = world.server.owner_invite().unwrap();
    let (_alice, me) = world.alice().await;
    assert_eq!(me.member.role, Role::Owner);
    assert_eq!(world.server.owner_invite(), None);
    let mut mallory = world.greet().await;
    let by = SignIn::Invite { token: invite.token, name: "mallory".into(), password: None };
    assert_eq!(mallory.sign_in(by).await.unwrap_err().code, ErrorCode::InviteUsed);
    let world = world.restart().await;
    assert_eq!(world.server.owner_invite(), None);
}

#[tokio::test]
async fn a_lost_answer_to_a_sign_in_is_found_again_by_the_chosen_token() {
    let world = World::start().await;
    let token = world.server.owner_invite().unwrap().token;
    let by = SignIn::Invite { token, name: "alice".into(), password: None };
    let token = Secret("A".repeat(43));
    let session = Some(token.clone());
    let made = world.greet().await.sign_in_as(by.clone(), session.clone()).await.unwrap();
    assert_eq!(made.token, session);
    // The invite is used and the name taken, but it is the same one asking.
    let world = world.restart().await;
    let again = world.greet().await.sign_in_as(by.clone(), session).await.unwrap();
    assert_eq!((again.member.id, again.device, again.token), (made.member.id, made.device, None));
    let other = Some(Secret("B".repeat(42) + "A"));
    assert_eq!(
        world.greet().await.sign_in_as(by.clone(), other).await.unwrap_err().code,
        ErrorCode::InviteUsed
    );
    let short = Some(Secret("AAAA".into()));
    assert_eq!(world.greet().await.sign_in_as(by, short).await.unwrap_err().code, ErrorCode::OutOfBounds);
    let resumed = SignIn::Session { token };
    assert_eq!(world.greet().await.sign_in(resumed).await.unwrap().device, made.device);
}

#[tokio::test]
async fn an_unused_owner_invite_is_replaced_at_the_next_start() {
    let world = World::start().await;
    let id = world.server.host_id().clone();
    let first = world.server.owner_invite().unwrap();
    let world = world.restart().await;
    assert_eq!(*world.server.host_id(), id);
    let second = world.server.owner_invite().unwrap();
    assert_ne!(first.token, second.token);
    let mut stranger = world.greet().await;
    let by = SignIn::Invite { token: first.token, name: "alice".into(), password: None };
    assert_eq!(stranger.sign_in(by).await.unwrap_err().code, ErrorCode::InviteUnknown);
}

#[tokio::test]
async fn invites_that_no_longer_hold_say_why() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, used) = alice.invite(1, 60_000).await;
    let (_, expired) = alice.invite(1, 1).await;
    let (invite, revoked) = alice.invite(1, 60_000).await;
    alice.ask(Request::RevokeInvite { invite: invite.id }).await.unwrap();
    let by = |token: &Secret, name: &str| SignIn::Invite {
        token: token.clone(),
        name: name.into(),
        password: None,
    };
    world.greet().await.sign_in(by(&used, "bob")).await.unwrap();
    for (token, expected) in [
        (used, ErrorCode::InviteUsed),
        (expired, ErrorCode::InviteExpired),
        (revoked, ErrorCode::InviteRevoked),
        (Secret("A".repeat(43)), ErrorCode::InviteUnknown),
    ] {
        let mut stranger = world.greet().await;
        assert_eq!(stranger.sign_in(by(&token, "carol")).await.unwrap_err().code, expected);
    }
    let Reply::Invites { invites } = alice.ask(Request::Invites).await.unwrap() else { panic!("no invites") };
    assert!(invites.is_empty());
}

#[tokio::test]
async fn one_use_means_one_account_however_many_try_at_once() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, token) = alice.invite(1, 60_000).await;
    let mut tries = Vec::new();
    for number in 0..8 {
        let mut client = world.greet().await;
        let by = SignIn::Invite { token: token.clone(), name: format!("bob {number}"), password: None };
        tries.push(tokio::spawn(async move { client.sign_in(by).await.map(|_| client) }));
    }
    let mut came_in = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => came_in += 1,
            Err(failure) => assert_eq!(failure.code, ErrorCode::InviteUsed),
        }
    }
    assert_eq!(came_in, 1);
}

#[tokio::test]
async fn a_password_opens_its_own_account_only() {
    let world = World::start().await;
    let (_alice, me) = world.alice().await;
    let by = |name: &str, password: &str| SignIn::Password { name: name.into(), password: password.into() };
    let mut second = world.greet().await;
    let wrong = second.sign_in(by("alice", "not her password")).await.unwrap_err();
    let unknown = second.sign_in(by("nobody", "alice's password")).await.unwrap_err();
    assert_eq!(wrong, unknown);
    assert_eq!(wrong.code, ErrorCode::WrongCredentials);
    let signed_in = second.sign_in(by(" ALICE ", "alice's password")).await.unwrap();
    assert_eq!(signed_in.member.id, me.member.id);
    assert_ne!(signed_in.device, me.device);
}

#[tokio::test]
async fn guessing_passwords_is_slowed_down() {
    let world = World::start_with(|config| config.limits.attempts_per_account = 3).await;
    let (_alice, _) = world.alice().await;
    let mut mallory = world.greet().await;
    let by = SignIn::Password { name: "alice".into(), password: "guess guess".into() };
    for _ in 0..3 {
        assert_eq!(mallory.sign_in(by.clone()).await.unwrap_err().code, ErrorCode::WrongCredentials);
    }
    let limited = mallory.sign_in(by).await.unwrap_err();
    assert_eq!(limited.code, ErrorCode::RateLimited);
    assert!(limited.retry_after_ms.is_some_and(|wait| wait > 0));
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, token) = alice.invite(5, 60_000).await;
    let mut other = world.greet().await;
    let by = |name: &str| SignIn::Invite { token: token.clone(), name: name.into(), password: None };
    assert_eq!(other.sign_in(by("ALICE")).await.unwrap_err().code, ErrorCode::NameTaken);
    assert_eq!(other.sign_in(by("a\u{202e}b")).await.unwrap_err().code, ErrorCode::OutOfBounds);
    other.sign_in(by("Léa")).await.unwrap();
}

#[tokio::test]
async fn registration_is_open_only_where_it_was_opened_and_after_the_owner() {
    let world = World::start_with(|config| config.registration = Some(Registration::Open)).await;
    let by = |name: &str| SignIn::Register { name: name.into(), password: None };
    let early = world.greet().await.sign_in(by("mallory")).await.unwrap_err();
    assert_eq!(early.code, ErrorCode::RegistrationClosed);
    let (mut alice, _) = world.alice().await;
    let mut bob = world.dial().await;
    let Reply::Welcome(welcome) = bob.hello().await else { panic!("no welcome") };
    assert_eq!(welcome.registration, Registration::Open);
    let bobs = bob.sign_in(by("bob")).await.unwrap();
    assert_eq!(bobs.member.role, Role::Member);
    let closing = Request::SetRegistration { registration: Registration::Invite };
    assert_eq!(bob.refused(closing.clone()).await, ErrorCode::Forbidden);
    alice.ask(closing).await.unwrap();
    let late = world.greet().await.sign_in(by("carol")).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::RegistrationClosed);
}

#[tokio::test]
async fn revoking_a_device_closes_its_socket_and_ends_its_token() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let mut phone = world.greet().await;
    let by = SignIn::Password { name: "alice".into(), password: "alice's password".into() };
    let phones = phone.sign_in(by).await.unwrap();
    let Reply::Devices { devices } = alice.ask(Request::Devices).await.unwrap() else { panic!("no devices") };
    assert_eq!(
        devices.iter().map(|device| (device.id, device.current)).collect::<Vec<_>>(),
        [(phones.device, false), (me.device, true)]
    );
    alice.ask(Request::RevokeDevice { device: phones.device }).await.unwrap();
    assert_eq!(phone.closed().await, 4200);
    let mut again = world.greet().await;
    let by = SignIn::Session { token: phones.token.unwrap() };
    assert_eq!(again.sign_in(by).await.unwrap_err().code, ErrorCode::SessionEnded);
    assert_eq!(alice.refused(Request::RevokeDevice { device: phones.device }).await, ErrorCode::NotFound);
}

#[tokio::test]
async fn signing_out_ends_the_session_for_good() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    assert_eq!(alice.ask(Request::SignOut).await.unwrap(), Reply::Done);
    assert_eq!(alice.closed().await, 4200);
    let mut again = world.greet().await;
    let by = SignIn::Session { token: me.token.unwrap() };
    assert_eq!(again.sign_in(by).await.unwrap_err().code, ErrorCode::SessionEnded);
}

#[tokio::test]
async fn a_password_is_changed_only_by_who_knows_it() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let set = |current: Option<&str>| Request::SetPassword {
        current: current.map(Secret::from),
        new: "a new password".into(),
        end_others: false,
    };
    assert_eq!(alice.refused(set(None)).await, ErrorCode::OutOfBounds);
    assert_eq!(alice.refused(set(Some("not it at all"))).await, ErrorCode::WrongCredentials);
    alice.ask(set(Some("alice's password"))).await.unwrap();
    let by = |password: &str| SignIn::Password { name: "alice".into(), password: password.into() };
    let mut other = world.greet().await;
    assert_eq!(other.sign_in(by("alice's password")).await.unwrap_err().code, ErrorCode::WrongCredentials);
    other.sign_in(by("a new password")).await.unwrap();
}

#[tokio::test]
async fn a_connected_device_is_seen_now_and_one_that_went_when_it_went() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut phone, phones) = {
        let mut phone = world.greet().await;
        let by = SignIn::Password { name: "alice".into(), password: "alice's password".into() };
        let phones = phone.sign_in(by).await.unwrap();
        (phone, phones)
    };
    let mut seen = async |device| {
        let Reply::Devices { devices } = alice.ask(Request::Devices).await.unwrap() else {
            panic!("no devices")
        };
        devices.into_iter().find(|found| found.id == device).unwrap().last_seen
    };
    let first = seen(me.device).await;
    loop {
        // Time passes while it is connected.
        if seen(me.device).await > first {
            break;
        }
    }
    let before = seen(phones.device).await;
    assert!(before >= first);
    phone.ask(Request::Ping).await.unwrap();
    drop(phone);
    let mut online = world.server.watch_online();
    soon(online.wait_for(|online| *online == 1)).await.unwrap();
    assert!(seen(phones.device).await >= before, "known at once, not only when it is written down");
}

/// A connection from another address of this computer; only Linux has more than one by itself.
#[cfg(target_os = "linux")]
async fn from_elsewhere(world: &World) -> Client {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 2], 0).into()).unwrap();
    world.greet_over(soon(socket.connect(world.address())).await.unwrap()).await
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn strangers_who_guess_keep_nobody_from_their_account_at_home() {
    let world = World::start_with(|config| config.limits.attempts_per_account = 3).await;
    let (mut alice, _) = world.alice().await;
    let by = |password: &str| SignIn::Password { name: "alice".into(), password: password.into() };
    let mut mallory = from_elsewhere(&world).await;
    for _ in 0..3 {
        let refused = mallory.sign_in(by("guess guess")).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::WrongCredentials);
    }
    let limited = from_elsewhere(&world).await.sign_in(by("alice's password")).await.unwrap_err();
    assert_eq!(limited.code, ErrorCode::RateLimited, "whoever comes from there");
    world
        .greet()
        .await
        .sign_in(by("alice's password"))
        .await
        .expect("a device of hers is signed in from here");
    let unknown = SignIn::Password { name: "nobody".into(), password: "guess guess".into() };
    for expected in [ErrorCode::WrongCredentials; 3].into_iter().chain([ErrorCode::RateLimited]) {
        assert_eq!(
            mallory.sign_in(unknown.clone()).await.unwrap_err().code,
            expected,
            "as for names nobody has"
        );
    }
    // What she tries herself, signed in, is counted apart as well.
    let set = |current: &str| Request::SetPassword {
        current: Some(current.into()),
        new: "a new password".into(),
        end_others: false,
    };
    assert_eq!(alice.refused(set("not it at all")).await, ErrorCode::WrongCredentials);
    alice.ask(set("alice's password")).await.unwrap();
}
