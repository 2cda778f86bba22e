//! Codes beside a password: begun, asked for, used up, ended; and an owner's way back in.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::{ErrorCode, Reply, Request, Role, Secret, SignIn, Standing, limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Client, World, message_id, soon};

const PASSWORD: &str = "alice's password";

fn by_password(password: &str) -> SignIn {
    SignIn::Password { name: "alice".into(), password: password.into() }
}

/// What an authenticator with `secret` shows so many steps from now.
pub(crate) fn shown(secret: &Secret, steps: i64) -> Secret {
    let key = totp_rs::Secret::try_from_base32(&secret.0).unwrap();
    let authenticator = totp_rs::Builder::new().with_secret(key).with_account_name("x").build().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Secret(authenticator.generate(now.saturating_add_signed(30 * steps)).to_string())
}

/// No code of the authenticator, now or around.
fn wrong(secret: &Secret) -> Secret {
    let near = (-3..4).map(|steps| shown(secret, steps)).collect::<Vec<_>>();
    let code = (0..).map(|number: u32| Secret(format!("{number:06}"))).find(|code| !near.contains(code));
    code.unwrap()
}

async fn begin(client: &mut Client) -> Secret {
    let begun = client.ask(Request::BeginSecondFactor { password: PASSWORD.into() }).await.unwrap();
    let Reply::SecondFactorBegun { secret, uri } = begun else { panic!("not begun: {begun:?}") };
    assert_eq!(uri.0, format!("otpauth://totp/Studio:alice?secret={}&issuer=Studio", secret.0));
    secret
}

/// Begins and confirms by the code of the step before this one, so that the present one is still unused.
async fn enrol(client: &mut Client) -> (Secret, Vec<Secret>) {
    let secret = begin(client).await;
    let codes = confirm(client, &secret).await;
    (secret, codes)
}

pub(crate) async fn confirm(client: &mut Client, secret: &Secret) -> Vec<Secret> {
    loop {
        // At the turn of a step the code may be too old by the time it arrives.
        match client.ask(Request::ConfirmSecondFactor { code: shown(secret, -1) }).await {
            Ok(Reply::RecoveryCodes { codes }) => return codes,
            Err(failure) if failure.code == ErrorCode::WrongCode => {}
            other => panic!("not confirmed: {other:?}"),
        }
    }
}

async fn state(client: &mut Client) -> (bool, u32) {
    match client.ask(Request::SecondFactor).await.unwrap() {
        Reply::SecondFactor { on, recovery_codes } => (on, recovery_codes),
        other => panic!("no state: {other:?}"),
    }
}

async fn enters(world: &World, code: Secret) -> Result<(), ErrorCode> {
    let entered = world.greet().await.sign_in_by_code(("alice", PASSWORD), code, None).await;
    entered.map(drop).map_err(|failure| failure.code)
}

#[tokio::test]
async fn a_code_is_asked_for_after_the_right_password_only_and_taken_once() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    assert_eq!(state(&mut alice).await, (false, 0));
    let (secret, codes) = enrol(&mut alice).await;
    assert_eq!(state(&mut alice).await, (true, 10));
    assert_eq!(codes.len(), limits::RECOVERY_CODES);

    let mut phone = world.greet().await;
    let denied = phone.sign_in(by_password("not her password")).await.unwrap_err();
    assert_eq!(denied.code, ErrorCode::WrongCredentials);
    let coded = phone.sign_in_by_code(("alice", "not her password"), shown(&secret, 0), None).await;
    assert_eq!(coded.unwrap_err(), denied, "a code says nothing about a password");
    assert_eq!(phone.sign_in(by_password(PASSWORD)).await.unwrap_err().code, ErrorCode::SecondFactorRequired);
    assert_eq!(enters(&world, wrong(&secret)).await, Err(ErrorCode::WrongCode));

    let used = shown(&secret, 0);
    phone.sign_in_by_code(("alice", PASSWORD), used.clone(), None).await.unwrap();
    assert_eq!(enters(&world, used).await, Err(ErrorCode::WrongCode), "each code counts once");
    assert_eq!(enters(&world, shown(&secret, 1)).await, Ok(()));
    assert_eq!(
        enters(&world, shown(&secret, 0)).await,
        Err(ErrorCode::WrongCode),
        "none older than the newest"
    );
    let by = SignIn::Session { token: me.token.unwrap() };
    world.greet().await.sign_in(by).await.expect("a session is not asked again");
}

#[tokio::test]
async fn a_recovery_code_stands_in_once() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, codes) = enrol(&mut alice).await;
    let typed = Secret(format!(" {} ", codes[0].0.to_uppercase().replace('-', " ")));
    assert_eq!(enters(&world, typed).await, Ok(()));
    assert_eq!(enters(&world, codes[0].clone()).await, Err(ErrorCode::WrongCode));
    assert_eq!(state(&mut alice).await, (true, 9));
    let world = world.restart().await;
    assert_eq!(enters(&world, codes[0].clone()).await, Err(ErrorCode::WrongCode));
    assert_eq!(enters(&world, codes[1].clone()).await, Ok(()));
}

#[tokio::test]
async fn what_is_begun_and_not_confirmed_locks_nobody_out() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let early = Request::ConfirmSecondFactor { code: "123456".into() };
    assert_eq!(alice.refused(early).await, ErrorCode::NotFound);
    let first = begin(&mut alice).await;
    let second = begin(&mut alice).await;
    assert_ne!(first, second);
    let old = Request::ConfirmSecondFactor { code: shown(&first, 0) };
    assert_eq!(alice.refused(old).await, ErrorCode::WrongCode);
    assert_eq!(state(&mut alice).await, (false, 0));
    world.greet().await.sign_in(by_password(PASSWORD)).await.unwrap();
    // A code nobody has asked for does no harm.
    assert_eq!(enters(&world, "123456".into()).await, Ok(()));
    alice.ask(Request::ConfirmSecondFactor { code: shown(&second, 0) }).await.unwrap();
    let again = Request::BeginSecondFactor { password: PASSWORD.into() };
    assert_eq!(alice.refused(again).await, ErrorCode::Forbidden);
    let wrong = Request::BeginSecondFactor { password: "not her password".into() };
    assert_eq!(alice.refused(wrong).await, ErrorCode::WrongCredentials);
}

#[tokio::test]
async fn recovery_codes_are_renewed_and_all_of_it_ended_by_who_proves_themselves() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let renew = |password: Option<&str>, code: Option<&Secret>| Request::RenewRecoveryCodes {
        password: password.map(Secret::from),
        code: code.cloned(),
    };
    assert_eq!(alice.refused(renew(Some(PASSWORD), None)).await, ErrorCode::NotFound);
    let (secret, old) = enrol(&mut alice).await;
    assert_eq!(alice.refused(renew(None, None)).await, ErrorCode::OutOfBounds);
    assert_eq!(alice.refused(renew(Some("not her password"), None)).await, ErrorCode::WrongCredentials);
    assert_eq!(alice.refused(renew(None, Some(&wrong(&secret)))).await, ErrorCode::WrongCode);
    let renewed = alice.ask(renew(None, Some(&old[0]))).await.unwrap();
    let Reply::RecoveryCodes { codes } = renewed else { panic!("not renewed") };
    assert!(codes.iter().all(|code| !old.contains(code)));
    assert_eq!(enters(&world, old[1].clone()).await, Err(ErrorCode::WrongCode));
    assert_eq!(enters(&world, codes[1].clone()).await, Ok(()));

    let end = |password: Option<&str>, code: Option<&Secret>| Request::EndSecondFactor {
        password: password.map(Secret::from),
        code: code.cloned(),
    };
    assert_eq!(alice.refused(end(None, None)).await, ErrorCode::OutOfBounds);
    assert_eq!(alice.refused(end(None, Some(&codes[1]))).await, ErrorCode::WrongCode);
    alice.ask(end(None, Some(&shown(&secret, 0)))).await.unwrap();
    world.greet().await.sign_in(by_password(PASSWORD)).await.unwrap();
    let (_, codes) = enrol(&mut alice).await;
    assert_eq!(codes.len(), limits::RECOVERY_CODES);
    alice.ask(end(Some(PASSWORD), None)).await.unwrap();
    assert_eq!(state(&mut alice).await, (false, 0));
}

#[tokio::test]
async fn without_a_password_there_is_nothing_to_stand_beside() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let begin = Request::BeginSecondFactor { password: "anything at all".into() };
    assert_eq!(bob.refused(begin).await, ErrorCode::Forbidden);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_for_those_who_know_the_password_too() {
    let world = World::start_with(|config| config.limits.attempts_per_account = 3).await;
    let (mut alice, _) = world.alice().await;
    let (secret, codes) = enrol(&mut alice).await;
    for _ in 0..3 {
        assert_eq!(enters(&world, wrong(&secret)).await, Err(ErrorCode::WrongCode));
    }
    assert_eq!(enters(&world, codes[0].clone()).await, Err(ErrorCode::RateLimited));
    let end = Request::EndSecondFactor { password: None, code: Some(codes[0].clone()) };
    assert_eq!(alice.refused(end).await, ErrorCode::RateLimited, "not by another door either");
}

#[tokio::test]
async fn a_lost_answer_to_a_sign_in_with_a_code_is_found_again() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (secret, _) = enrol(&mut alice).await;
    let (code, session) = (shown(&secret, 0), Some(Secret("A".repeat(43))));
    let who = ("alice", PASSWORD);
    let made = world.greet().await.sign_in_by_code(who, code.clone(), session.clone()).await.unwrap();
    let again = world.greet().await.sign_in_by_code(who, code, session).await.unwrap();
    assert_eq!((again.device, again.token), (made.device, None));
}

#[tokio::test]
async fn one_code_lets_one_in_however_many_try_at_once() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, codes) = enrol(&mut alice).await;
    let mut tries = Vec::new();
    for _ in 0..6 {
        let (mut client, code) = (world.greet().await, codes[0].clone());
        tries.push(tokio::spawn(async move {
            client.sign_in_by_code(("alice", PASSWORD), code, None).await.map(|_| client)
        }));
    }
    let mut came_in = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => came_in += 1,
            Err(failure) => assert_eq!(failure.code, ErrorCode::WrongCode),
        }
    }
    assert_eq!(came_in, 1);
}

#[tokio::test]
async fn whatever_stands_in_for_a_code_is_refused_and_the_connection_lives() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    enrol(&mut alice).await;
    for typed in ["", " ", "12345", "1234567", "+12345", "１２３４５６", "\u{0}", &"9".repeat(6_000)] {
        assert_eq!(enters(&world, typed.into()).await, Err(ErrorCode::WrongCode), "{}", typed.len());
    }
    let mut stranger = world.greet().await;
    for frame in [
        r#"{"req":90,"type":"confirm_second_factor","code":123456}"#,
        r#"{"req":91,"type":"begin_second_factor"}"#,
        r#"{"req":92,"type":"end_second_factor","code":["1"]}"#,
    ] {
        stranger.say(frame.into()).await;
        let Reply::Error(failure) = stranger.frame().await.unwrap().reply else { panic!("{frame}") };
        assert_eq!(failure.code, ErrorCode::BadFrame);
    }
    assert_eq!(stranger.refused(Request::SecondFactor).await, ErrorCode::NotSignedIn);
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn no_secret_and_no_recovery_code_is_readable_on_disk() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (secret, codes) = enrol(&mut alice).await;
    let key = totp_rs::Secret::try_from_base32(&secret.0).unwrap();
    world.server.stop().await;
    let sought = [secret.0.as_bytes(), key.as_bytes(), codes[0].0.as_bytes(), &codes[0].0.as_bytes()[..9]];
    let mut files = 0;
    for entry in std::fs::read_dir(world.dir.path().join("host")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        files += 1;
        for needle in sought {
            assert!(!bytes.windows(needle.len()).any(|window| window == needle), "{}", path.display());
        }
    }
    assert!(files > 1);
}

#[tokio::test]
async fn an_account_that_is_gone_leaves_its_name_without_a_second_factor() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, token) = alice.invite(2, 60_000).await;
    let by = |name: &str| SignIn::Invite {
        token: token.clone(),
        name: name.into(),
        password: Some(PASSWORD.into()),
    };
    let mut bob = world.greet().await;
    let bobs = bob.sign_in(by("bob")).await.unwrap();
    let begun = bob.ask(Request::BeginSecondFactor { password: PASSWORD.into() }).await.unwrap();
    let Reply::SecondFactorBegun { secret, .. } = begun else { panic!("not begun") };
    bob.ask(Request::ConfirmSecondFactor { code: shown(&secret, 0) }).await.unwrap();
    let delete = Request::DeleteAccount { member: bobs.member.id, password: Some(PASSWORD.into()) };
    bob.ask(delete).await.unwrap();
    world.greet().await.sign_in(by("bob")).await.unwrap();
    let again = SignIn::Password { name: "bob".into(), password: PASSWORD.into() };
    world.greet().await.sign_in(again).await.expect("the new bob has no second factor");
}

/// How many passwords the host has hashed or compared.
async fn hashes(address: SocketAddr) -> u64 {
    let mut socket = soon(tokio::net::TcpStream::connect(address)).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    soon(socket.write_all(request.as_bytes())).await.unwrap();
    let mut text = String::new();
    soon(socket.read_to_string(&mut text)).await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("hearth_password_hashes_total "));
    line.expect("it is counted").trim().parse().unwrap()
}

#[tokio::test]
async fn every_name_costs_the_same_work_and_gets_the_same_answer() {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let world = World::start_with(|config| config.metrics = Some(address)).await;
    let (mut alice, _) = world.alice().await;
    enrol(&mut alice).await;
    let (_, token) = alice.invite(10, 60_000).await;
    for (name, password) in [
        ("plain", Some(PASSWORD)),
        ("bare", None),
        ("away", Some(PASSWORD)),
        ("banned", Some(PASSWORD)),
        ("gone", Some(PASSWORD)),
    ] {
        let by =
            SignIn::Invite { token: token.clone(), name: name.into(), password: password.map(Secret::from) };
        let id = world.greet().await.sign_in(by).await.unwrap().member.id;
        let request = match name {
            "away" => Request::SetStanding { member: id, standing: Standing::Deactivated },
            "banned" => Request::SetStanding { member: id, standing: Standing::Banned },
            "gone" => Request::DeleteAccount { member: id, password: None },
            _ => continue,
        };
        alice.ask(request).await.unwrap();
    }
    let mut answers = Vec::new();
    for name in ["nobody", "alice", "plain", "bare", "away", "banned", "gone", "former member"] {
        let mut stranger = world.greet().await;
        for code in [None, Some(Secret::from("123456"))] {
            let before = hashes(address).await;
            let by = SignIn::Password { name: name.into(), password: "not the password".into() };
            let request = Request::SignIn { by, device: "laptop".into(), session: None, code };
            answers.push(stranger.ask(request).await.unwrap_err());
            assert_eq!(hashes(address).await - before, 1, "{name}");
        }
    }
    assert_eq!(answers[0].code, ErrorCode::WrongCredentials);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // With the right password the work is the same as well.
    let before = hashes(address).await;
    assert_eq!(
        world.greet().await.sign_in(by_password(PASSWORD)).await.unwrap_err().code,
        ErrorCode::SecondFactorRequired
    );
    assert_eq!(hashes(address).await - before, 1);
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn all_sessions_are_ended_by_their_member() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let mut phone = world.greet().await;
    let phones = phone.sign_in(by_password(PASSWORD)).await.unwrap();
    assert_eq!(phone.ask(Request::RevokeAll).await.unwrap(), Reply::Done);
    assert_eq!(phone.closed().await, 4200);
    assert_eq!(alice.closed().await, 4200);
    for token in [me.token.unwrap(), phones.token.unwrap()] {
        let ended = world.greet().await.sign_in(SignIn::Session { token }).await.unwrap_err();
        assert_eq!(ended.code, ErrorCode::SessionEnded);
    }
    world.greet().await.sign_in(by_password(PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn an_owners_link_lets_the_owner_in_alone_and_once() {
    let world = World::start().await;
    let recover = || world.server.administer(server_core::admin::Command::RecoverOwner);
    assert_eq!(recover().await.unwrap_err().code, ErrorCode::Forbidden, "there is no owner yet");
    let (mut alice, me) = world.alice().await;
    enrol(&mut alice).await;
    let link = || async {
        let made = recover().await.unwrap();
        let server_core::admin::Answer::OwnerLink { name, link, .. } = made else { panic!("no link") };
        assert_eq!(name, "alice");
        protocol::InviteLink::parse(&link.0).unwrap().token
    };
    let (old, token) = (link().await, link().await);
    let by = |token: &Secret, password: Option<&str>| SignIn::Invite {
        token: token.clone(),
        name: "I forgot".into(),
        password: password.map(Secret::from),
    };
    let mut phone = world.greet().await;
    let denied = phone.sign_in(by(&old, Some("a new password"))).await.unwrap_err();
    assert_eq!(denied.code, ErrorCode::InviteUnknown, "a new link ends the one before");
    assert_eq!(phone.sign_in(by(&token, None)).await.unwrap_err().code, ErrorCode::OutOfBounds);
    assert_eq!(phone.sign_in(by(&token, Some("short"))).await.unwrap_err().code, ErrorCode::OutOfBounds);
    let Reply::Invites { invites } = alice.ask(Request::Invites).await.unwrap() else { panic!("no list") };
    assert!(invites.is_empty(), "it is nobody's to see");

    let session = Some(Secret("A".repeat(43)));
    let entered = phone.sign_in_as(by(&token, Some("a new password")), session.clone()).await.unwrap();
    assert_eq!((entered.member.id, entered.member.role), (me.member.id, Role::Owner));
    assert_eq!(entered.member.name, "alice");
    assert_eq!(alice.closed().await, 4200, "all other sessions end");
    let again = world.greet().await.sign_in_as(by(&token, Some("a new password")), session).await.unwrap();
    assert_eq!(again.device, entered.device, "a lost answer is found again");
    let used = world.greet().await.sign_in(by(&token, Some("a new password"))).await.unwrap_err();
    assert_eq!(used.code, ErrorCode::InviteUsed);
    let mut laptop = world.greet().await;
    assert!(laptop.sign_in(by_password(PASSWORD)).await.is_err());
    laptop.sign_in(by_password("a new password")).await.expect("without a code");
    let post = Request::post(entered.rooms[0].id, message_id(), "back".into());
    laptop.ask(post).await.unwrap();
}

#[tokio::test]
async fn an_owners_link_is_of_no_use_to_a_former_owner() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_bob, bobs) = world.invited(&mut alice, "bob").await;
    let made = world.server.administer(server_core::admin::Command::RecoverOwner).await.unwrap();
    let server_core::admin::Answer::OwnerLink { link, .. } = made else { panic!("no link") };
    let token = protocol::InviteLink::parse(&link.0).unwrap().token;
    alice.ask(Request::SetRole { member: bobs.member.id, role: Role::Owner }).await.unwrap();
    let by = SignIn::Invite { token, name: "alice".into(), password: Some("a new password".into()) };
    assert_eq!(world.greet().await.sign_in(by).await.unwrap_err().code, ErrorCode::InviteRevoked);
    let stays = alice.ask(Request::Ping);
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), stays).await.unwrap().unwrap(), Reply::Pong);
}
