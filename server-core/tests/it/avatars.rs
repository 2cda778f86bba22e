//! Pictures of members and rooms: given, shown, taken away, and what is none.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use protocol::limits::{AVATAR_BYTES, AVATAR_PIXELS};
use protocol::{AvatarId, Change, ErrorCode, MemberId, Picture, Reply, Request, Role, RoomId, Visibility};
use server_core::admin::{Answer, Command};

use crate::support::{Client, World};

pub(crate) fn picture(colour: [u8; 3]) -> Vec<u8> {
    let pixels = DynamicImage::ImageRgb8(RgbImage::from_pixel(64, 32, Rgb(colour)));
    let mut out = Cursor::new(Vec::new());
    pixels.write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

pub(crate) fn sent(bytes: &[u8]) -> Option<Picture> {
    Some(Picture(URL_SAFE_NO_PAD.encode(bytes)))
}

pub(crate) const RED: [u8; 3] = [220, 20, 30];
const BLUE: [u8; 3] = [20, 30, 220];

async fn exported() -> World {
    World::start_with(|config| config.admin_socket = Some(config.data_dir.join("admin.sock"))).await
}

/// The picture that was asked for: its id and its bytes, which fit.
async fn shown(client: &mut Client, request: Request) -> Result<(AvatarId, Vec<u8>), ErrorCode> {
    let answer = client.ask(request).await.map_err(|failure| failure.code)?;
    let Reply::Avatar { avatar, media_type, image } = answer else { panic!("no picture: {answer:?}") };
    let bytes = URL_SAFE_NO_PAD.decode(&image.0).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    assert_eq!(digest.as_ref(), avatar.digest());
    let format = image::guess_format(&bytes).unwrap();
    assert_eq!(format.to_mime_type(), media_type);
    let pixels = image::load_from_memory(&bytes).unwrap();
    assert_eq!((pixels.width(), pixels.height()), (AVATAR_PIXELS, AVATAR_PIXELS));
    Ok((avatar, bytes))
}

/// The picture that the room's log says it has from now on.
async fn hears_picture(client: &mut Client) -> Option<AvatarId> {
    client
        .hears(|reply| match reply {
            Reply::Event { event } => match event.change {
                Change::AvatarSet { avatar } => Some(avatar),
                _ => None,
            },
            _ => None,
        })
        .await
}

/// How many pictures the host keeps.
async fn kept(world: &World) -> usize {
    world.export().await.iter().filter(|line| line.starts_with(r#"{"entry":"avatar""#)).count()
}

#[tokio::test]
async fn a_member_shows_a_picture_across_a_restart_until_they_take_it_away() {
    let world = exported().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let of_alice = || Request::Avatar { member: me.member.id };
    assert_eq!(shown(&mut bob, of_alice()).await, Err(ErrorCode::NotFound));

    alice.ask(Request::SetAvatar { image: sent(&picture(RED)) }).await.unwrap();
    let id = bob.hears_of(me.member.id).await.avatar.expect("everyone hears of it");
    let first = shown(&mut bob, of_alice()).await.unwrap();
    assert_eq!(first.0, id);
    alice.ask(Request::SetAvatar { image: sent(&picture(BLUE)) }).await.unwrap();
    let second = bob.hears_of(me.member.id).await.avatar;
    assert!(second.is_some() && second != Some(id));
    assert_eq!(kept(&world).await, 1, "the one before is gone");

    let before = world.export().await;
    let world =
        world.restart_with(|config| config.admin_socket = Some(config.data_dir.join("admin.sock"))).await;
    assert_eq!(world.export().await, before);
    let mut bob = world.greet().await;
    bob.sign_in(protocol::SignIn::Session { token: bobs.token.unwrap() }).await.unwrap();
    let Reply::Members { members, .. } = bob.ask(Request::Members { after: None }).await.unwrap() else {
        panic!("no list")
    };
    let alices = members.into_iter().find(|member| member.id == me.member.id).unwrap();
    assert_eq!(alices.avatar, second);
    assert_eq!(shown(&mut bob, of_alice()).await.unwrap().0, second.unwrap());

    let mut alice = world.greet().await;
    alice.sign_in(protocol::SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    alice.ask(Request::SetAvatar { image: None }).await.unwrap();
    assert_eq!(bob.hears_of(me.member.id).await.avatar, None);
    assert_eq!(shown(&mut bob, of_alice()).await, Err(ErrorCode::NotFound));
    assert_eq!(kept(&world).await, 0);
}

#[tokio::test]
async fn a_rooms_picture_travels_on_its_log_and_is_nobodys_outside() {
    let world = exported().await;
    let (mut alice, me) = world.alice().await;
    let (mut rita, _) = world.invited(&mut alice, "rita").await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let secret = rita.create_room("secret", Visibility::Private).await.id;
    rita.ask(Request::AddToRoom { room: secret, member: bobs.member.id }).await.unwrap();
    let set = |room, image| Request::SetRoomAvatar { room, image };
    let answer = rita.ask(set(secret, sent(&picture(RED)))).await.unwrap();
    let Reply::Room { room } = answer else { panic!("no room: {answer:?}") };
    assert_eq!(hears_picture(&mut bob).await, room.avatar);
    let of_room = |room| Request::RoomAvatar { room };
    assert_eq!(shown(&mut bob, of_room(secret)).await.unwrap().0, room.avatar.clone().unwrap());
    assert_eq!(bob.refused(set(secret, None)).await, ErrorCode::Forbidden);

    // Not even for the owner, as long as she is not in it; and the same picture elsewhere opens nothing.
    let nowhere = alice.ask(of_room(RoomId(uuid::Uuid::now_v7()))).await.unwrap_err();
    assert_eq!(alice.ask(of_room(secret)).await.unwrap_err(), nowhere);
    let bad = sent(b"no picture");
    let unknown = alice.ask(set(RoomId(uuid::Uuid::now_v7()), bad.clone())).await.unwrap_err();
    assert_eq!(alice.ask(set(secret, bad)).await.unwrap_err(), unknown);
    rita.ask(Request::RemoveFromRoom { room: secret, member: bobs.member.id }).await.unwrap();
    assert_eq!(bob.ask(of_room(secret)).await.unwrap_err(), nowhere);

    // Saying the same again is no news.
    let Reply::Room { room: again } = rita.ask(set(secret, sent(&picture(RED)))).await.unwrap() else {
        panic!("no room")
    };
    let Reply::Room { room: bare } = rita.ask(set(secret, None)).await.unwrap() else { panic!("no room") };
    assert_eq!((bare.head, bare.avatar), (again.head.next(), None));
    assert_eq!(kept(&world).await, 0);

    let general = me.rooms[0].id;
    alice.ask(set(general, sent(&picture(BLUE)))).await.unwrap();
    let request = Request::CreateInvite { role: Role::Guest, uses: 1, life_ms: 60_000, rooms: vec![secret] };
    assert_eq!(alice.refused(request).await, ErrorCode::NotFound);
    let open = rita.create_room("open", Visibility::Public).await.id;
    rita.ask(set(open, sent(&picture(RED)))).await.unwrap();
    shown(&mut bob, of_room(open)).await.expect("a public room is seen by those outside");
    let Reply::Rooms { rooms, .. } = bob.ask(Request::Directory { after: None }).await.unwrap() else {
        panic!("no list")
    };
    assert!(rooms.iter().any(|room| room.id == open && room.avatar.is_some()));
    rita.ask(Request::DeleteRoom { room: open }).await.unwrap();
    assert_eq!(kept(&world).await, 1);

    let direct = rita.ask(Request::OpenDirect { members: vec![bobs.member.id] }).await.unwrap();
    let Reply::Room { room: direct } = direct else { panic!("no room") };
    assert_eq!(rita.refused(set(direct.id, sent(&picture(RED)))).await, ErrorCode::Forbidden);
}

#[tokio::test]
async fn a_guest_sees_the_pictures_of_members_and_of_their_own_rooms() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let [inside, outside] = [
        alice.create_room("inside", Visibility::Public).await.id,
        alice.create_room("outside", Visibility::Public).await.id,
    ];
    for room in [inside, outside] {
        alice.ask(Request::SetRoomAvatar { room, image: sent(&picture(RED)) }).await.unwrap();
    }
    alice.ask(Request::SetAvatar { image: sent(&picture(RED)) }).await.unwrap();
    let request = Request::CreateInvite { role: Role::Guest, uses: 1, life_ms: 60_000, rooms: vec![inside] };
    let Reply::InviteCreated { token, .. } = alice.ask(request).await.unwrap() else { panic!("no invite") };
    let mut gina = world.greet().await;
    let by = protocol::SignIn::Invite { token, name: "gina".into(), password: None };
    gina.sign_in(by).await.unwrap();
    shown(&mut gina, Request::Avatar { member: me.member.id }).await.unwrap();
    shown(&mut gina, Request::RoomAvatar { room: inside }).await.unwrap();
    let nowhere = gina.ask(Request::RoomAvatar { room: RoomId(uuid::Uuid::now_v7()) }).await.unwrap_err();
    assert_eq!(gina.ask(Request::RoomAvatar { room: outside }).await.unwrap_err(), nowhere);
}

#[tokio::test]
async fn those_who_run_the_host_take_pictures_away_and_it_is_noted() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let remove = |member| Request::RemoveAvatar { member };
    bob.ask(Request::SetAvatar { image: sent(&picture(RED)) }).await.unwrap();
    assert_eq!(bob.refused(remove(me.member.id)).await, ErrorCode::Forbidden);
    for _ in 0..2 {
        alice.ask(remove(bobs.member.id)).await.unwrap();
    }
    assert!(bob.hears_of(bobs.member.id).await.avatar.is_some(), "first his own doing");
    assert_eq!(bob.hears_of(bobs.member.id).await.avatar, None);

    // One's own is no administrative act, and the operator sees what no member may.
    bob.ask(Request::SetAvatar { image: sent(&picture(BLUE)) }).await.unwrap();
    bob.ask(remove(bobs.member.id)).await.unwrap();
    let secret = bob.create_room("secret", Visibility::Private).await.id;
    bob.ask(Request::SetRoomAvatar { room: secret, image: sent(&picture(RED)) }).await.unwrap();
    bob.ask(Request::SetAvatar { image: sent(&picture(RED)) }).await.unwrap();
    let room = Command::RemoveRoomAvatar { room: secret.to_string() };
    world.server.administer(room.clone()).await.unwrap();
    hears_picture(&mut bob).await.expect("first his own doing");
    assert_eq!(hears_picture(&mut bob).await, None);
    let user = Command::RemoveAvatar { name: "bob".into() };
    world.server.administer(user.clone()).await.unwrap();
    for again in [room, user] {
        assert_eq!(world.server.administer(again).await.unwrap_err().code, ErrorCode::NotFound);
    }
    let Answer::Audit { acts } = world.server.administer(Command::Audit { limit: 10 }).await.unwrap() else {
        panic!("no list")
    };
    let noted = acts.iter().filter(|act| act.act.starts_with("picture"));
    let noted = noted.map(|act| (act.act.as_str(), act.by, act.object.as_str())).collect::<Vec<_>>();
    let expected = [
        ("picture removed", None, "bob"),
        ("picture of a room removed", None, &*secret.to_string()),
        ("picture removed", Some(me.member.id), "bob"),
    ];
    assert_eq!(noted, expected);
}

#[tokio::test]
async fn a_picture_that_several_show_goes_with_the_last_of_them() {
    let world = exported().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    for client in [&mut alice, &mut bob] {
        client.ask(Request::SetAvatar { image: sent(&picture(RED)) }).await.unwrap();
    }
    alice.ask(Request::SetRoomAvatar { room, image: sent(&picture(RED)) }).await.unwrap();
    assert_eq!(kept(&world).await, 1);
    alice.ask(Request::SetAvatar { image: None }).await.unwrap();
    alice.ask(Request::DeleteAccount { member: bobs.member.id, password: None }).await.unwrap();
    assert_eq!(kept(&world).await, 1);
    let gone = alice.ask(Request::Avatar { member: bobs.member.id }).await.unwrap_err();
    let nobody = alice.ask(Request::Avatar { member: MemberId(uuid::Uuid::now_v7()) }).await.unwrap_err();
    assert_eq!(gone, nobody);
    alice.ask(Request::SetRoomAvatar { room, image: None }).await.unwrap();
    assert_eq!(kept(&world).await, 0);
}

#[tokio::test]
async fn what_is_no_picture_changes_nothing_and_the_connection_lives() {
    let world = exported().await;
    let (mut alice, me) = world.alice().await;
    alice.ask(Request::SetAvatar { image: sent(&picture(RED)) }).await.unwrap();
    let whole = picture(BLUE);
    let mut bomb = whole.clone();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let before = world.export().await;
    for (what, image) in [
        ("nothing", sent(b"")),
        ("a page", sent(b"<!doctype html><script>alert(1)</script>")),
        ("a drawing", sent(b"<svg xmlns='http://www.w3.org/2000/svg'/>")),
        ("half", sent(&whole[..whole.len() / 2])),
        ("a bomb", sent(&bomb)),
        ("too much", sent(&vec![0; AVATAR_BYTES + 1])),
        ("no base64", Some(Picture("*".into()))),
        ("another base64", Some(Picture("+/==".into()))),
    ] {
        let refused = alice.ask(Request::SetAvatar { image: image.clone() }).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::OutOfBounds, "{what}");
        assert!(refused.message.starts_with("image "), "{what}: {}", refused.message);
        let request = Request::SetRoomAvatar { room: me.rooms[0].id, image };
        assert_eq!(alice.ask(request).await.unwrap_err(), refused, "{what}");
    }
    assert_eq!(world.export().await, before);
    assert_eq!(alice.ask(Request::Ping).await.unwrap(), Reply::Pong);
}

#[tokio::test]
async fn pictures_have_a_budget_and_wait_in_turn() {
    let world = World::start_with(|config| {
        config.limits.spare_this_computer = false;
        config.limits.pictures_per_hour = 3;
    })
    .await;
    let (mut alice, _) = world.alice().await;
    for colour in [RED, BLUE, RED] {
        alice.ask(Request::SetAvatar { image: sent(&picture(colour)) }).await.unwrap();
    }
    let refused = alice.ask(Request::SetAvatar { image: sent(&picture(BLUE)) }).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::RateLimited);
    assert!(refused.retry_after_ms.is_some_and(|wait| wait > 60_000));
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    bob.ask(Request::SetAvatar { image: sent(&picture(BLUE)) }).await.expect("others have their own");
}

#[tokio::test]
async fn many_pictures_at_once_are_all_made_or_told_to_wait() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_, token) = alice.invite(12, 60_000).await;
    let mut tasks = Vec::new();
    for number in 0..12u8 {
        let mut client = world.greet().await;
        let by = protocol::SignIn::Invite {
            token: token.clone(),
            name: format!("member {number}"),
            password: None,
        };
        client.sign_in(by).await.unwrap();
        tasks.push(tokio::spawn(async move {
            let image = sent(&picture([number * 20, 90, 30]));
            client.ask(Request::SetAvatar { image }).await.map(drop)
        }));
    }
    for task in tasks {
        task.await.unwrap().expect("there is room for all of them");
    }
}

#[tokio::test]
async fn nothing_of_a_picture_is_readable_on_disk() {
    const NOTE: &[u8] = b"taken at the old mill";
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let noted = [&picture(RED)[..], NOTE].concat();
    alice.ask(Request::SetAvatar { image: sent(&noted) }).await.unwrap();
    let (_, bytes) = shown(&mut alice, Request::Avatar { member: me.member.id }).await.unwrap();
    assert!(!bytes.windows(NOTE.len()).any(|part| part == NOTE), "it went with what was sent");
    let encoded = URL_SAFE_NO_PAD.encode(&bytes);
    let sought = [NOTE, &bytes[200..232], &encoded.as_bytes()[200..232]];
    world.server.stop().await;
    let mut files = 0;
    for entry in std::fs::read_dir(world.dir.path().join("host")).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else { continue };
        files += 1;
        for needle in sought {
            assert!(!bytes.windows(needle.len()).any(|part| part == needle), "{}", path.display());
        }
    }
    assert!(files > 1);
}
