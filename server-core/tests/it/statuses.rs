//! What members say of themselves: an emoji before it, and an end at which the host takes it back.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::limits::{EMOJI_BYTES, STATUS_MS};
use protocol::{ErrorCode, Reply, Request, SignIn, UnixMillis};

use crate::support::World;

/// So many milliseconds from now.
fn after(ms: i64) -> Option<UnixMillis> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Some(UnixMillis(i64::try_from(since.as_millis()).unwrap() + ms))
}

fn profile(status: &str, emoji: &str, until: Option<UnixMillis>) -> Request {
    Request::SetProfile {
        name: "alice".into(),
        status: status.into(),
        status_emoji: emoji.into(),
        status_until: until,
    }
}

#[tokio::test]
async fn a_status_is_told_with_its_emoji_and_taken_back_at_its_end() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let (mut bob, _) = world.invited(&mut alice, "bob").await;
    let until = after(2_000);
    alice.ask(profile(" at lunch ", "🍜", until)).await.unwrap();
    let told = bob.hears_of(me.member.id).await;
    assert_eq!(
        (told.status.as_str(), told.status_emoji.as_str(), told.status_until),
        ("at lunch", "🍜", until)
    );
    let over = bob.hears_of(me.member.id).await;
    assert_eq!((over.status.as_str(), over.status_emoji.as_str(), over.status_until), ("", "", None));
    assert!(after(0) >= until, "not before its time");

    // What has no end stays, and what is said anew has the end that is said anew.
    alice.ask(profile("", "🌴", after(60_000))).await.unwrap();
    alice.ask(profile("", "🌴", None)).await.unwrap();
    assert!(bob.hears_of(me.member.id).await.status_until.is_some());
    assert_eq!(bob.hears_of(me.member.id).await.status_until, None);
    alice.ask(profile("back", "", after(2_000))).await.unwrap();
    assert_eq!(bob.hears_of(me.member.id).await.status, "back", "the end before is forgotten");
    assert_eq!(bob.hears_of(me.member.id).await.status, "");
}

#[tokio::test]
async fn a_status_ends_across_a_restart() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    let until = after(3_000);
    alice.ask(profile("in a meeting", "", until)).await.unwrap();
    let world = world.restart().await;
    let mut alice = world.greet().await;
    let signed_in = alice.sign_in(SignIn::Session { token: me.token.unwrap() }).await.unwrap();
    if !signed_in.member.status.is_empty() {
        assert_eq!(signed_in.member.status_until, until);
        assert_eq!(alice.hears_of(me.member.id).await.status, "");
    }
    assert!(after(0) >= until, "not before its time");
}

#[tokio::test]
async fn what_is_no_emoji_and_no_end_changes_nothing() {
    let world = World::start().await;
    let (mut alice, me) = world.alice().await;
    alice.ask(profile("here", "🙂", None)).await.unwrap();
    for (what, refused) in [
        ("past", profile("x", "", after(-1_000))),
        ("now", profile("x", "", after(0))),
        ("too far", profile("x", "", after(STATUS_MS + 60_000))),
        ("never", profile("x", "", Some(UnixMillis(i64::MAX)))),
        ("long ago", profile("x", "", Some(UnixMillis(i64::MIN)))),
        ("an end of nothing", profile(" ", "", after(60_000))),
        ("a space", profile("x", "a b", None)),
        ("a long emoji", profile("x", &"🙂".repeat(EMOJI_BYTES), None)),
        ("a disguise", profile("x", "\u{202e}", None)),
    ] {
        assert_eq!(alice.refused(refused).await, ErrorCode::OutOfBounds, "{what}");
    }
    let Reply::Members { members, .. } = alice.ask(Request::Members { after: None }).await.unwrap() else {
        panic!("no list")
    };
    let alices = members.iter().find(|member| member.id == me.member.id).unwrap();
    assert_eq!((alices.status.as_str(), alices.status_emoji.as_str()), ("here", "🙂"));
}
