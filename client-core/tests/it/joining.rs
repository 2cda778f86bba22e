//! Becoming a member, and not becoming one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client_core::{
    ClientEvent, ConnectError, ConnectionState, Join, JoinBy, JoinError, RequestError, SessionSecrets,
    StopReason, Target,
};
use protocol::{ErrorCode, HostId, Role, Secret};
use vault::{Keyring, KeyringError};
use zeroize::Zeroizing;

use crate::stage::{Stage, by_invite, event, general, live, post, state, texts, whole};

fn at(server: &server_core::Server, by: JoinBy) -> Join {
    let target =
        Target::Address { address: server.local_addr().to_string(), expect: server.host_id().clone() };
    Join { target, by, device: "second device".into(), hosted: false }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_member_talks_with_its_host() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (_b, bob)) = stage.alice_and_bob(&server).await;
    assert_eq!(alice.me().unwrap().role, Role::Owner);
    let room = general(&alice).await;
    let mut events = bob.subscribe();
    post(&alice, room, "bonjour").await;
    let item = event(&mut events, "alice's message", |event| match event {
        client_core::ClientEvent::Timeline { diff: client_core::TimelineDiff::Put(item), .. } => Some(item),
        _ => None,
    })
    .await;
    assert_eq!((item.by_name.as_str(), texts(std::slice::from_ref(&item))), ("alice", vec!["bonjour"]));
    let people: Vec<_> = bob.members().await.unwrap().into_iter().map(|member| member.name).collect();
    assert_eq!(people, ["alice", "bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_contact_by_address_is_confirmed_and_registers() {
    let stage = Stage::new();
    let server = stage.host().await;
    let (_alice, _bob) = stage.alice_and_bob(&server).await;
    let profile = stage.profile("carol").await;
    let probe = profile.probe(&server.local_addr().to_string()).await.unwrap();
    assert_eq!((&probe.host.id, probe.words), (server.host_id(), server.host_id().words()));
    assert!(!probe.known);
    let by = JoinBy::Register { name: "carol".into(), password: None };
    let client = profile.join(at(&server, by)).await.unwrap();
    live(&client).await;
    assert!(profile.probe(&server.local_addr().to_string()).await.unwrap().known);
    assert_eq!(client.has_password(), Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_signs_in_a_second_device_and_a_wrong_one_does_not() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), _) = stage.alice_and_bob(&server).await;
    let other = stage.profile("alice-phone").await;
    let by =
        |password: &str| JoinBy::Password { name: "Alice".into(), password: password.into(), code: None };
    let wrong = other.join(at(&server, by("not her password"))).await.unwrap_err();
    assert!(matches!(wrong, JoinError::WrongCredentials), "{wrong}");
    assert!(other.hosts().await.unwrap().is_empty(), "nothing is kept of a join that failed");
    let phone = other.join(at(&server, by("alice has a password"))).await.unwrap();
    live(&phone).await;
    assert_eq!(phone.me().unwrap().id, alice.me().unwrap().id);
    let again = other.join(at(&server, by("alice has a password"))).await.unwrap_err();
    assert!(matches!(again, JoinError::AlreadyJoined), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invites_that_do_not_work_say_why() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), _) = stage.alice_and_bob(&server).await;
    let carol = stage.profile("carol").await;
    let once = alice.create_invite(Role::Member, 1, Duration::from_secs(3600)).await.unwrap();
    let revoked = alice.create_invite(Role::Member, 1, Duration::from_secs(3600)).await.unwrap();
    let newest = alice.invites().await.unwrap().remove(0);
    alice.revoke_invite(newest.id).await.unwrap();
    let error = carol.join(by_invite(revoked, "carol")).await.unwrap_err();
    assert!(matches!(error, JoinError::InviteRevoked), "{error}");
    let error = carol.join(by_invite(once.clone(), "bob")).await.unwrap_err();
    assert!(matches!(error, JoinError::NameTaken), "{error}");
    let dave = stage.profile("dave").await;
    dave.join(by_invite(once.clone(), "dave")).await.unwrap();
    let error = carol.join(by_invite(once.clone(), "carol")).await.unwrap_err();
    assert!(matches!(error, JoinError::InviteUsed), "{error}");
    let mut unknown = once;
    unknown.token = "A".repeat(43).into();
    let error = carol.join(by_invite(unknown, "carol")).await.unwrap_err();
    assert!(matches!(error, JoinError::InviteUnknown), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_answers_the_addresses_are_named() {
    let stage = Stage::new();
    let profile = stage.profile("bob").await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = profile.probe(&free.to_string()).await.unwrap_err();
    assert!(error.to_string().contains(&free.to_string()), "{error}");
    assert!(matches!(profile.probe("no address!").await, Err(ConnectError::NotAnAddress(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_to_another_host_sends_nothing() {
    let stage = Stage::new();
    let server = stage.host().await;
    let mut link = server.owner_invite().unwrap();
    link.host = HostId::from_digest([7; 32]);
    let error = stage.profile("bob").await.join(by_invite(link, "bob")).await.unwrap_err();
    assert!(matches!(error, JoinError::KeyChanged { ref found, .. } if found == server.host_id()), "{error}");
    assert!(server.owner_invite().is_some(), "the invite was not spent");
}

/// What an authenticator with `secret` shows now.
fn shown(secret: &Secret) -> Secret {
    let key = totp_rs::Secret::try_from_base32(&secret.0).unwrap();
    let authenticator = totp_rs::Builder::new().with_secret(key).with_account_name("x").build().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    Secret(authenticator.generate(now).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_asked_of_the_second_device_and_not_of_the_first() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), _) = stage.alice_and_bob(&server).await;
    let password = || Secret::from("alice has a password");
    let (secret, _) = alice.begin_second_factor(password()).await.unwrap();
    let code = shown(&secret);
    let codes = alice.confirm_second_factor(code.clone()).await.unwrap();
    assert_eq!(alice.second_factor().await.unwrap(), (true, 10));
    let phones = stage.profile("alice-phone").await;
    let by = |code: Option<Secret>| JoinBy::Password { name: "alice".into(), password: password(), code };
    let asked = phones.join(at(&server, by(None))).await.unwrap_err();
    assert!(matches!(asked, JoinError::SecondFactorRequired), "{asked}");
    let used = phones.join(at(&server, by(Some(code)))).await.unwrap_err();
    assert!(matches!(used, JoinError::WrongCode), "{used}");
    assert!(phones.hosts().await.unwrap().is_empty());
    let phone = phones.join(at(&server, by(Some(codes[0].clone())))).await.unwrap();
    live(&phone).await;
    alice.retry_now();
    live(&alice).await;
    alice.renew_recovery_codes(password()).await.unwrap();
    alice.end_second_factor(password()).await.unwrap();
    assert_eq!(phone.second_factor().await.unwrap(), (false, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_no_longer_listed_and_keeps_their_words() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), (_b, bob)) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    post(&bob, room, "remember me").await;
    let mut events = alice.subscribe();
    let standing = protocol::Standing::Banned;
    let ban = server_core::admin::Command::SetStanding { name: "bob".into(), standing };
    server.administer(ban).await.unwrap();
    event(&mut events, "bob's end", |event| matches!(event, ClientEvent::Members(_)).then_some(())).await;
    let listed = alice.members().await.unwrap();
    assert_eq!(listed.iter().map(|member| member.name.as_str()).collect::<Vec<_>>(), ["alice"]);
    let page = whole(&alice, room, 50).await;
    let said = page.iter().find(|item| texts(std::slice::from_ref(*item)) == ["remember me"]).unwrap();
    assert_eq!(said.by_name, "bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_device_stops_and_signs_in_again_with_its_history() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((alices, alice), _) = stage.alice_and_bob(&server).await;
    let room = general(&alice).await;
    post(&alice, room, "before").await;
    let phones = stage.profile("alice-phone").await;
    let by =
        || JoinBy::Password { name: "alice".into(), password: "alice has a password".into(), code: None };
    let phone = phones.join(at(&server, by())).await.unwrap();
    live(&phone).await;
    let laptop = phone.devices().await.unwrap().into_iter().find(|device| !device.current).unwrap();
    assert_eq!(laptop.name, "alice's laptop");
    phone.revoke_device(laptop.id).await.unwrap();
    let ended = ConnectionState::Stopped { reason: StopReason::SessionEnded };
    state(&alice, "the end of the session", |state| *state == ended).await;
    assert!(matches!(alice.directory().await, Err(RequestError::NotConnected)));
    let page = alice.timeline(room, None, 50).await.unwrap();
    assert_eq!(texts(&page.items), ["before"], "history stays readable");
    let again = alices.join(at(&server, by())).await.unwrap();
    live(&again).await;
    assert_eq!(texts(&whole(&again, room, 50).await), ["before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_session_for_good() {
    let stage = Stage::new();
    let server = stage.host().await;
    let (_, (bobs, bob)) = stage.alice_and_bob(&server).await;
    bob.sign_out().await.unwrap();
    let out = ConnectionState::Stopped { reason: StopReason::SignedOut };
    state(&bob, "signed out", |state| *state == out).await;
    bobs.stop().await;
    let bobs = stage.profile("bob").await;
    let bob = bobs.start().await.unwrap().remove(0);
    let ended = ConnectionState::Stopped { reason: StopReason::SessionEnded };
    state(&bob, "no session", |state| *state == ended).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_refuses_is_told_in_its_words() {
    let stage = Stage::new();
    let server = stage.host().await;
    let (_, (_bobs, bob)) = stage.alice_and_bob(&server).await;
    let refused = bob.create_invite(Role::Admin, 1, Duration::from_secs(60)).await.unwrap_err();
    let RequestError::Refused(failure) = refused else { panic!("{refused}") };
    assert_eq!(failure.code, ErrorCode::Forbidden);
    assert!(!failure.message.is_empty());
}

/// The system's keyring, kept in memory: it is not ours, and a real one is part of the whole app's stories.
#[derive(Default)]
struct Drawer {
    entries: Mutex<HashMap<String, Vec<u8>>>,
    locked: Mutex<bool>,
}

impl Drawer {
    fn check(&self) -> Result<(), KeyringError> {
        if *self.locked.lock().unwrap() { Err(KeyringError::Locked) } else { Ok(()) }
    }
}

impl Keyring for Drawer {
    fn set(&self, name: &str, secret: &[u8]) -> Result<(), KeyringError> {
        self.check()?;
        self.entries.lock().unwrap().insert(name.into(), secret.into());
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, KeyringError> {
        self.check()?;
        self.entries.lock().unwrap().get(name).cloned().map(Zeroizing::new).ok_or(KeyringError::Missing)
    }

    fn delete(&self, name: &str) -> Result<(), KeyringError> {
        self.check()?;
        self.entries.lock().unwrap().remove(name).map(drop).ok_or(KeyringError::Missing)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_keyring_the_session_lives_in_it_alone() {
    let stage = Stage::new();
    let server = stage.host().await;
    let drawer = Arc::new(Drawer::default());
    let secrets = || SessionSecrets::Keyring(Arc::clone(&drawer) as Arc<dyn Keyring>);
    let profile = stage.profile_with("alice", secrets()).await;
    *drawer.locked.lock().unwrap() = true;
    let invite = server.owner_invite().unwrap();
    let error = profile.join(by_invite(invite.clone(), "alice")).await.unwrap_err();
    assert!(matches!(error, JoinError::Secrets(_)), "{error}");
    *drawer.locked.lock().unwrap() = false;
    live(&profile.join(by_invite(invite, "alice")).await.unwrap()).await;
    assert_eq!(drawer.entries.lock().unwrap().len(), 1);
    profile.stop().await;

    *drawer.locked.lock().unwrap() = true;
    let profile = stage.profile_with("alice", secrets()).await;
    let client = profile.start().await.unwrap().remove(0);
    state(&client, "the locked keyring", |state| {
        matches!(state, ConnectionState::Waiting { reason: client_core::WaitReason::Keyring(_), .. })
    })
    .await;
    *drawer.locked.lock().unwrap() = false;
    client.retry_now();
    live(&client).await;
    profile.forget(server.host_id()).await.unwrap();
    assert!(drawer.entries.lock().unwrap().is_empty());
    assert!(profile.hosts().await.unwrap().is_empty());
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_ended_while_joining_finds_its_account_again() {
    let stage = Stage::new();
    let server = stage.host().await;
    let ((_a, alice), _bob) = stage.alice_and_bob(&server).await;
    let invite = alice.create_invite(Role::Member, 1, Duration::from_secs(3600)).await.unwrap();
    let (folder, before) = (stage.profile_folder("carol"), stage.folder().join("before"));
    stage.profile("carol").await.stop().await;
    copy_folder(&folder, &before);
    let carol = stage.profile("carol").await;
    let joined = carol.join(by_invite(invite.clone(), "carol")).await.unwrap().me().unwrap();
    carol.stop().await;
    // As if it had ended after the host's commit and before its own.
    std::fs::remove_dir_all(&folder).unwrap();
    copy_folder(&before, &folder);
    let carol = stage.profile("carol").await;
    let again = carol.join(by_invite(invite.clone(), "carol")).await.unwrap();
    live(&again).await;
    assert_eq!(again.me().unwrap().id, joined.id);
    let stranger = stage.profile("mallory").await;
    let refused = stranger.join(by_invite(invite, "carol")).await.unwrap_err();
    assert!(matches!(refused, JoinError::InviteUsed), "{refused}");
}
