//! Roles, profiles, bans, the end of an account, contacts and blocked members.

use protocol::{Change, ErrorCode, MemberId, Reply, Request, Role, SignIn, Standing};

use crate::support::{Client, World, message_id};

async fn done(client: &mut Client, request: Request) {
    assert_eq!(client.ask(request).await.unwrap(), Reply::Done);
}

#[tokio::test]
async fn administrators_rule_over_members_and_the_owner_over_them() {
    let world = World::start().await;
    let (mut alice, alices) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let (alices, bobs, carols) = (alices.member.id, bobs.member.id, carols.member.id);
    let set = |member, role| Request::SetRole { member, role };
    assert_eq!(bob.refused(set(carols, Role::Guest)).await, ErrorCode::Forbidden);
    done(&mut alice, set(bobs, Role::Admin)).await;
    carol.hears_of(bobs).await;
    done(&mut bob, set(carols, Role::Guest)).await;
    assert_eq!(carol.hears_of(carols).await.role, Role::Guest);
    for (member, role) in
        [(carols, Role::Admin), (alices, Role::Member), (bobs, Role::Member), (bobs, Role::Owner)]
    {
        assert_eq!(bob.refused(set(member, role)).await, ErrorCode::Forbidden);
    }
    assert_eq!(alice.refused(set(alices, Role::Admin)).await, ErrorCode::Forbidden);
    assert_eq!(alice.refused(set(MemberId(message_id().0), Role::Admin)).await, ErrorCode::NotFound);
    done(&mut alice, set(bobs, Role::Owner)).await;
    assert_eq!(alice.refused(set(carols, Role::Owner)).await, ErrorCode::Forbidden);
    done(&mut bob, set(alices, Role::Member)).await;
    assert_eq!(
        carol.refused(Request::Directory { after: None }).await,
        ErrorCode::Forbidden,
        "rights change at once"
    );
}

#[tokio::test]
async fn whoever_is_banned_is_cut_off_at_once_and_stays_out() {
    let world = World::start().await;
    let (mut alice, alices) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    done(&mut bob, Request::SetPassword { current: None, new: "bob's password".into(), end_others: false })
        .await;
    let room = alices.rooms[0].id;
    let set = |standing| Request::SetStanding { member: bobs.member.id, standing };
    assert_eq!(alice.refused(set(Standing::Gone)).await, ErrorCode::OutOfBounds);
    let own = Request::SetStanding { member: alices.member.id, standing: Standing::Banned };
    assert_eq!(bob.refused(own.clone()).await, ErrorCode::Forbidden);
    assert_eq!(alice.refused(own).await, ErrorCode::Forbidden);
    done(&mut alice, set(Standing::Banned)).await;
    alice.post(room, "not for bob").await;
    let code = loop {
        match bob.frame().await {
            Err(code) => break code,
            Ok(frame) => assert!(
                !matches!(&frame.reply, Reply::Event { event } if matches!(event.change, Change::Posted(_))),
                "heard after the ban"
            ),
        }
    };
    assert_eq!(code, 4200);
    let mut again = world.greet().await;
    let by_session = SignIn::Session { token: bobs.token.clone().unwrap() };
    assert_eq!(again.sign_in(by_session).await.unwrap_err().code, ErrorCode::SessionEnded);
    let by_password = SignIn::Password { name: "bob".into(), password: "bob's password".into() };
    assert_eq!(again.sign_in(by_password.clone()).await.unwrap_err().code, ErrorCode::Forbidden);
    let (_, token) = alice.invite(1, 60_000).await;
    let anew = SignIn::Invite { token, name: "Bob".into(), password: None };
    assert_eq!(again.sign_in(anew).await.unwrap_err().code, ErrorCode::NameTaken);
    done(&mut alice, set(Standing::Active)).await;
    let back = again.sign_in(by_password).await.unwrap();
    assert!(back.rooms.iter().any(|mine| mine.id == room), "what was theirs is theirs again");
}

#[tokio::test]
async fn a_deleted_account_leaves_its_words_and_nothing_else() {
    let world = World::start().await;
    let (mut alice, alices) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = alices.rooms[0].id;
    bob.post(room, "my last words").await;
    done(&mut bob, Request::SetPassword { current: None, new: "bob's password".into(), end_others: false })
        .await;
    let delete = |password: Option<&str>| Request::DeleteAccount {
        member: bobs.member.id,
        password: password.map(protocol::Secret::from),
    };
    assert_eq!(bob.refused(delete(None)).await, ErrorCode::OutOfBounds);
    assert_eq!(bob.refused(delete(Some("something else"))).await, ErrorCode::WrongCredentials);
    let owner =
        Request::DeleteAccount { member: alices.member.id, password: Some("alice's password".into()) };
    assert_eq!(alice.refused(owner).await, ErrorCode::Forbidden);
    done(&mut bob, delete(Some("bob's password"))).await;
    assert_eq!(bob.closed().await, 4200);
    let gone = loop {
        let heard = alice.hears_of(bobs.member.id).await;
        if heard.standing == Standing::Gone {
            break heard;
        }
    };
    assert_eq!((gone.name.as_str(), gone.role), ("former member", Role::Guest));
    let request = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(page) = alice.ask(request).await.unwrap() else { panic!("no history") };
    assert!(
        page.events
            .iter()
            .any(|event| event.by == bobs.member.id && matches!(event.change, Change::Posted(_)))
    );
    assert!(
        matches!(page.events.last().unwrap().change, Change::Left { member } if member == bobs.member.id)
    );
    let mut again = world.greet().await;
    let by = SignIn::Password { name: "bob".into(), password: "bob's password".into() };
    assert_eq!(again.sign_in(by).await.unwrap_err().code, ErrorCode::WrongCredentials);
    let role = Request::SetRole { member: bobs.member.id, role: Role::Member };
    assert_eq!(alice.refused(role).await, ErrorCode::NotFound);
    world.invited(&mut alice, "bob").await;
}

#[tokio::test]
async fn a_profile_is_everyones_to_see_and_a_name_one_members() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let set = |name: &str, status: &str| Request::SetProfile {
        name: name.into(),
        status: status.into(),
        status_emoji: String::new(),
        status_until: None,
    };
    assert_eq!(bob.refused(set("ALICE", "")).await, ErrorCode::NameTaken);
    assert_eq!(bob.refused(set("", "")).await, ErrorCode::OutOfBounds);
    assert_eq!(bob.refused(set("bob", &"x".repeat(300))).await, ErrorCode::OutOfBounds);
    done(&mut bob, set("Bobby", "On a train")).await;
    let heard = loop {
        let heard = alice.hears_of(bobs.member.id).await;
        if heard.name == "Bobby" {
            break heard;
        }
    };
    assert_eq!(heard.status, "On a train");
    world.invited(&mut alice, "bob").await;
}

#[tokio::test]
async fn a_blocked_member_writes_no_direct_messages() {
    let world = World::start().await;
    let (mut alice, alices) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (mut carol, carols) = world.invited(&mut alice, "carol").await;
    let with = |member| Request::OpenDirect { members: vec![member] };
    let Reply::Room { room } = bob.ask(with(alices.member.id)).await.unwrap() else { panic!("no room") };
    bob.post(room.id, "hello").await;
    let block = |member, blocked| Request::SetBlock { member, blocked };
    done(&mut alice, block(bobs.member.id, true)).await;
    done(&mut alice, block(carols.member.id, true)).await;
    done(&mut alice, Request::SetContact { member: bobs.member.id, contact: true }).await;
    let people = alice.ask(Request::People).await.unwrap();
    let Reply::People { contacts, blocked } = people else { panic!("no people") };
    assert_eq!(contacts, [bobs.member.id]);
    assert_eq!(blocked.len(), 2);
    let Reply::People { blocked, .. } = bob.ask(Request::People).await.unwrap() else { panic!("no people") };
    assert!(blocked.is_empty(), "whom alice blocked is hers to know");
    let post = Request::post(room.id, message_id(), "hello?".into());
    assert_eq!(bob.refused(post.clone()).await, ErrorCode::Forbidden);
    assert_eq!(carol.refused(with(alices.member.id)).await, ErrorCode::Forbidden);
    let own = block(alices.member.id, true);
    assert_eq!(alice.refused(own).await, ErrorCode::OutOfBounds);
    done(&mut alice, block(bobs.member.id, false)).await;
    bob.ask(post).await.unwrap();
}

#[tokio::test]
async fn all_other_devices_are_ended_at_once_by_choice() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let by = SignIn::Password { name: "alice".into(), password: "alice's password".into() };
    let mut phone = world.greet().await;
    phone.sign_in(by.clone()).await.unwrap();
    let Reply::Devices { devices } = alice.ask(Request::Devices).await.unwrap() else { panic!("no devices") };
    assert!(devices.iter().all(|device| device.address.as_deref() == Some("127.0.0.1")));
    done(&mut alice, Request::RevokeOthers).await;
    assert_eq!(phone.closed().await, 4200);
    let mut phone = world.greet().await;
    phone.sign_in(by).await.unwrap();
    let (current, new) = (Some("alice's password".into()), "a new password".into());
    done(&mut alice, Request::SetPassword { current, new, end_others: true }).await;
    assert_eq!(phone.closed().await, 4200);
    let Reply::Devices { devices } = alice.ask(Request::Devices).await.unwrap() else { panic!("no devices") };
    assert_eq!(devices.len(), 1);
}

#[tokio::test]
async fn nobody_who_is_put_aside_becomes_the_owner() {
    use server_core::admin::Command;
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_bob, bobs) = world.invited(&mut alice, "bob").await;
    let banned = Request::SetStanding { member: bobs.member.id, standing: Standing::Banned };
    done(&mut alice, banned).await;
    let hand_over = Request::SetRole { member: bobs.member.id, role: Role::Owner };
    assert_eq!(alice.refused(hand_over).await, ErrorCode::Forbidden);
    let by_operator = Command::SetRole { name: "bob".into(), role: Role::Owner };
    assert!(world.server.administer(by_operator.clone()).await.is_err(), "the host would have nobody");
    let enable = Command::SetStanding { name: "bob".into(), standing: Standing::Active };
    world.server.administer(enable).await.unwrap();
    world.server.administer(by_operator).await.unwrap();
}

#[tokio::test]
async fn what_is_said_again_of_oneself_is_no_news() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let set = |status: &str| Request::SetProfile {
        name: "bob".into(),
        status: status.into(),
        status_emoji: String::new(),
        status_until: None,
    };
    for status in ["On a train", "On a train", "Back"] {
        done(&mut bob, set(status)).await;
    }
    let mut heard = Vec::new();
    while heard.last().is_none_or(|status: &String| status != "Back") {
        heard.push(alice.hears_of(bobs.member.id).await.status);
    }
    assert_eq!(heard.iter().filter(|status| *status == "On a train").count(), 1);
}

/// What takes the right to invite away from a member.
type End = fn(MemberId) -> Request;

#[tokio::test]
async fn invites_end_with_the_right_to_make_them() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let ends: [(&str, End); 3] = [
        ("bob", |member| Request::SetRole { member, role: Role::Member }),
        ("carol", |member| Request::SetStanding { member, standing: Standing::Banned }),
        ("dave", |member| Request::DeleteAccount { member, password: None }),
    ];
    let mut ended = Vec::new();
    for (name, end) in ends {
        let (mut admin, admins) = world.invited(&mut alice, name).await;
        let member = admins.member.id;
        done(&mut alice, Request::SetRole { member, role: Role::Admin }).await;
        let (_, token) = admin.invite(9, 60_000).await;
        let by = |name: &str| SignIn::Invite { token: token.clone(), name: name.into(), password: None };
        world.greet().await.sign_in(by(&format!("friend of {name}"))).await.unwrap();
        done(&mut alice, end(member)).await;
        let refused = world.greet().await.sign_in(by(&format!("{name} once more"))).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::InviteRevoked, "{name}");
        ended.push(member);
    }
    // Who hands the host over keeps those an administrator may make.
    let (_, for_members) = alice.invite(1, 60_000).await;
    let admins = Request::CreateInvite { role: Role::Admin, uses: 1, life_ms: 60_000, rooms: Vec::new() };
    let Reply::InviteCreated { token: for_admins, .. } = alice.ask(admins).await.unwrap() else { panic!() };
    done(&mut alice, Request::SetRole { member: ended[0], role: Role::Owner }).await;
    let by = |token, name: &str| SignIn::Invite { token, name: name.into(), password: None };
    let refused = world.greet().await.sign_in(by(for_admins, "adam")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::InviteRevoked);
    world.greet().await.sign_in(by(for_members, "mia")).await.unwrap();
}

#[tokio::test]
async fn an_invite_leads_into_rooms_only_as_long_as_its_maker_may_bring_others_there() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let (_carol, carols) = world.invited(&mut alice, "carol").await;
    done(&mut alice, Request::SetRole { member: bobs.member.id, role: Role::Admin }).await;
    let room = bob.create_room("kitchen", protocol::Visibility::Private).await.id;
    let mut tokens = Vec::new();
    for role in [Role::Member, Role::Guest] {
        let create = Request::CreateInvite { role, uses: 9, life_ms: 60_000, rooms: vec![room] };
        let Reply::InviteCreated { token, .. } = bob.ask(create).await.unwrap() else { panic!("no invite") };
        tokens.push(token);
    }
    let enter = async |invite: usize, name: &str| {
        let by = SignIn::Invite { token: tokens[invite].clone(), name: name.into(), password: None };
        world.greet().await.sign_in(by).await.map(|me| me.rooms.len()).map_err(|failure| failure.code)
    };
    assert_eq!(enter(0, "member one").await, Ok(2));
    assert_eq!(enter(1, "guest one").await, Ok(1));
    done(&mut bob, Request::AddToRoom { room, member: carols.member.id }).await;
    done(&mut bob, Request::LeaveRoom { room }).await;
    assert_eq!(enter(0, "member two").await, Ok(1));
    assert_eq!(enter(1, "guest two").await, Err(ErrorCode::InviteRevoked));
}

#[tokio::test]
async fn a_new_member_is_told_of_where_no_room_hears_of_them() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    alice.ask(Request::ArchiveRoom { room: me.rooms[0].id }).await.unwrap();
    let (_bob, his) = world.invited(&mut alice, "bob").await;
    let told =
        alice.hears(|reply| if let Reply::Member { member } = reply { Some(member) } else { None }).await;
    assert_eq!((told.id, told.name), (his.member.id, "bob".into()));
}

#[tokio::test]
async fn a_name_whose_letters_stand_for_too_many_is_refused() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let name = "\u{fdfa}".repeat(30);
    let rename =
        Request::SetProfile { name, status: String::new(), status_emoji: String::new(), status_until: None };
    assert_eq!(alice.refused(rename).await, ErrorCode::OutOfBounds);
}
