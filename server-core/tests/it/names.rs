//! What members are called: whom a text calls by a name, and names that are nobody's.

use protocol::{Change, ErrorCode, MemberId, Reply, Request, RoomId, SignIn, Visibility};

use crate::support::{Client, World};

/// Whom the newest message mentions: members, and everyone.
async fn called(client: &mut Client, room: RoomId, text: &str) -> (Vec<MemberId>, bool) {
    client.post(room, text).await;
    let request = Request::History { room, before: None, after: None, limit: 1 };
    let Reply::History(page) = client.ask(request).await.unwrap() else { panic!("no history") };
    match page.events.into_iter().next_back().unwrap().change {
        Change::Posted(posted) => (posted.mentions, posted.mentions_room),
        other => panic!("not posted: {other:?}"),
    }
}

async fn take_name(client: &mut Client, name: &str) -> Result<Reply, ErrorCode> {
    let request = Request::SetProfile {
        name: name.into(),
        status: String::new(),
        status_emoji: String::new(),
        status_until: None,
    };
    client.ask(request).await.map_err(|failure| failure.code)
}

#[tokio::test]
async fn everyone_is_called_by_their_name_whatever_it_begins_or_ends_with() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, bobs) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    for name in
        ["Anna (QA)", "C++", "J.R.", "👩\u{200d}🚀", "Ren\u{e9}", "विराट्", "陈思远", "O'Neil-Smith Jr.", "sh"]
    {
        take_name(&mut bob, name).await.unwrap();
        for text in [format!("@{name}"), format!("is @{name}, there?"), format!("(@{name})")] {
            assert_eq!(called(&mut alice, room, &text).await, (vec![bobs.member.id], false), "{text}");
        }
    }
    take_name(&mut bob, "René").await.unwrap();
    assert_eq!(
        called(&mut alice, room, "@Rene\u{301} hi").await.0,
        [bobs.member.id],
        "as some keyboards write it"
    );
    take_name(&mut bob, "陈思远").await.unwrap();
    assert_eq!(
        called(&mut alice, room, "你好@陈思远你在吗").await.0,
        [bobs.member.id],
        "no spaces are needed"
    );
    take_name(&mut bob, "bob").await.unwrap();
    for text in ["``@bob``", "``` @bob\n```", "```\n@bob", "x@bob.org", "5 @ bob"] {
        assert_eq!(called(&mut alice, room, text).await, (Vec::new(), false), "{text}");
    }
    assert_eq!(called(&mut alice, room, "a ` that nothing closes, @bob").await.0, [bobs.member.id]);
}

#[tokio::test]
async fn the_longest_name_of_those_in_the_room_is_meant() {
    let world = World::start().await;
    let (mut alice, _) = world.alice().await;
    let (_ann, anns) = world.invited(&mut alice, "Ann").await;
    let (_lee, lees) = world.invited(&mut alice, "Ann Lee").await;
    let room = alice.create_room("small", Visibility::Private).await.id;
    alice.ask(Request::AddToRoom { room, member: anns.member.id }).await.unwrap();
    assert_eq!(called(&mut alice, room, "@Ann Lee").await.0, [anns.member.id], "the other one is not here");
    alice.ask(Request::AddToRoom { room, member: lees.member.id }).await.unwrap();
    assert_eq!(called(&mut alice, room, "@Ann Lee").await.0, [lees.member.id]);
}

#[tokio::test]
async fn nobody_has_a_name_that_says_something_else() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let room = me.rooms[0].id;
    for name in ["room", "ＲＯＯＭ", "ro\u{200d}om", "Former  Member"] {
        assert_eq!(take_name(&mut bob, name).await, Err(ErrorCode::NameTaken), "{}", name.escape_unicode());
        let (_, token) = alice.invite(1, 60_000).await;
        let by = SignIn::Invite { token, name: name.into(), password: None };
        assert_eq!(world.greet().await.sign_in(by).await.unwrap_err().code, ErrorCode::NameTaken);
    }
    let bot = Request::CreateBot { name: "Room".into(), rooms: vec![room] };
    assert_eq!(alice.refused(bot).await, ErrorCode::NameTaken);
    assert_eq!(called(&mut bob, room, "@room").await, (Vec::new(), true));
}
