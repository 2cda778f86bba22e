//! Every request with everything wrong that can be: a typed refusal, nothing changed, and the connection lives. The
//! table is made of the golden frames, so a new request comes in by itself.

use protocol::{ErrorCode, Reading, Request, RoomId, SignIn, Visibility};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::golden::{self, Golden, MEMBER, MESSAGE, OTHER_MEMBER, OTHER_MESSAGE, ROOM};
use crate::support::{Client, World, message_id};

/// Stands in a frame where raw text is to stand that no JSON value can say.
const RAW: &str = "@raw@";

/// Raw values that are no JSON, or none that a number can hold.
const RAW_VALUES: [&str; 6] =
    ["NaN", "1e400", "-0", "99999999999999999999999999", "\"\\ud800\"", "{\"a\":1,\"a\":2}"];

/// What is put in the place of every value.
fn wrong_values() -> Vec<Value> {
    let deep = (0..100).fold(json!(1), |inside, _| json!([inside]));
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("x"),
        json!("a\u{0}b"),
        json!("\u{202e}\u{200b}\u{feff}"),
        json!("\u{200d}"),
        json!("x".repeat(10_000)),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("ffffffff-ffff-ffff-ffff-ffffffffffff"),
        json!("01890a5d-ac96-774b-bcce-b302099a8057"),
        json!([]),
        json!(vec![1; 1000]),
        json!({}),
        json!({ "kind": "x", "type": "ping" }),
        deep,
    ]
}

/// Paths of all values of a frame but its number.
fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inside) in fields.iter().filter(|(name, _)| !at.is_empty() || *name != "req") {
                let path = format!("{at}/{name}");
                found.push(path.clone());
                paths(inside, &path, found);
            }
        }
        Value::Array(items) => {
            for (index, inside) in items.iter().enumerate() {
                let path = format!("{at}/{index}");
                found.push(path.clone());
                paths(inside, &path, found);
            }
        }
        _ => {}
    }
}

/// All that is made of one golden frame by breaking one thing.
fn broken(golden: &Golden, req: u32) -> Vec<String> {
    let mut whole = golden.value();
    whole["req"] = req.into();
    let mut found = Vec::new();
    paths(&whole, "", &mut found);
    let mut made = Vec::new();
    for path in found {
        for wrong in wrong_values() {
            let mut frame = whole.clone();
            *frame.pointer_mut(&path).unwrap() = wrong;
            made.push(frame.to_string());
        }
        let mut frame = whole.clone();
        *frame.pointer_mut(&path).unwrap() = RAW.into();
        let text = frame.to_string();
        made.extend(RAW_VALUES.iter().map(|raw| text.replace(&format!("\"{RAW}\""), raw)));
        let (parent, name) = path.rsplit_once('/').unwrap();
        if let Some(fields) = whole.clone().pointer_mut(parent).and_then(Value::as_object_mut) {
            fields.remove(name);
            let mut frame = whole.clone();
            *frame.pointer_mut(parent).unwrap() = Value::Object(fields.clone());
            made.push(frame.to_string());
            let mut twice = whole.to_string();
            twice.insert_str(1, &format!("\"{name}\":7,"));
            made.push(twice);
        }
    }
    let mut more = whole.clone();
    more["a_field_of_tomorrow"] = json!({ "deep": [1, 2, 3] });
    made.push(more.to_string());
    made
}

/// A world with something of every kind in it.
struct Scene {
    world: World,
    token: protocol::Secret,
    swaps: Vec<(&'static str, String)>,
    archived: RoomId,
    closed: RoomId,
    gone: RoomId,
    deleted: protocol::MessageId,
}

async fn scene() -> (Client, Scene) {
    let world = World::start_with(|config| {
        config.admin_socket = Some(config.data_dir.join("admin.sock"));
        config.limits.attempts_per_address = 0;
        config.limits.attempts_per_account = 0;
    })
    .await;
    let (mut alice, me) = world.alice().await;
    let room = me.rooms[0].id;
    let (mut bob, walt) = world.invited(&mut alice, "walt").await;
    let (_, zoe) = world.invited(&mut alice, "zoe").await;
    let [message, answered, deleted] = [message_id(), message_id(), message_id()];
    for message in [message, answered, deleted] {
        alice.post_as(room, message, "to be spoken of").await.unwrap();
    }
    alice.ask(Request::Delete { room, message: deleted }).await.unwrap();
    let archived = alice.create_room("archived", Visibility::Public).await.id;
    alice.ask(Request::ArchiveRoom { room: archived }).await.unwrap();
    let closed = bob.create_room("closed", Visibility::Private).await.id;
    let gone = alice.create_room("gone", Visibility::Private).await.id;
    alice.ask(Request::DeleteRoom { room: gone }).await.unwrap();
    let swaps = vec![
        (ROOM, room.to_string()),
        (MESSAGE, message.to_string()),
        (OTHER_MESSAGE, answered.to_string()),
        (MEMBER, walt.member.id.to_string()),
        (OTHER_MEMBER, zoe.member.id.to_string()),
    ];
    let token = me.token.unwrap();
    (alice, Scene { world, token, swaps, archived, closed, gone, deleted })
}

impl Scene {
    /// Alice again, if she can still come; what she has asked may have ended her session.
    async fn again(&self) -> Option<Client> {
        let mut alice = self.world.greet().await;
        let by_session = SignIn::Session { token: self.token.clone() };
        let by_password = SignIn::Password { name: "alice".into(), password: "alice's password".into() };
        let came = alice.sign_in(by_session).await.is_ok() || alice.sign_in(by_password).await.is_ok();
        came.then_some(alice)
    }
}

/// The refusal's code, if it was refused.
fn code(answer: &str) -> Option<String> {
    let value: Value = serde_json::from_str(answer).unwrap();
    (value["type"] == "error").then(|| value["code"].as_str().unwrap().to_owned())
}

/// Frames that can not be read a connection may send before it is closed, with some to spare.
const FAULTS: usize = 40;

/// Says all of `frames`, coming back whenever the connection has had its share of them; gives back those refused.
async fn say_all(scene: &Scene, frames: Vec<String>, what: &str) -> Vec<String> {
    let Some(mut alice) = scene.again().await else { return Vec::new() };
    let (mut refused, mut faults) = (Vec::new(), 0);
    for frame in frames {
        match alice.answer_to(7, frame.clone()).await {
            Ok(answer) => {
                let Some(code) = code(&answer) else { continue };
                assert!(!matches!(code.as_str(), "internal" | "unknown"), "{what}: {frame}: {answer}");
                faults += usize::from(code == "bad_frame");
                refused.push(frame);
            }
            // It was a sign-out, or as good as one.
            Err(4200) => faults = FAULTS,
            Err(other) => panic!("{what}: {frame}: the connection ended with {other}"),
        }
        if faults >= FAULTS {
            let Some(client) = scene.again().await else { return refused };
            (alice, faults) = (client, 0);
        }
    }
    match alice.answer_to(8, r#"{"req":8,"type":"ping"}"#.into()).await {
        Ok(answer) => assert_eq!(code(&answer), None, "{what}"),
        Err(ended) => assert_eq!(ended, 4200, "{what}: only what ends a session ends the connection"),
    }
    refused
}

/// Breaks every golden frame whose number leaves `remainder` of four.
async fn break_a_quarter(remainder: usize) {
    for (index, golden) in golden::requests().into_iter().enumerate() {
        if index % 4 != remainder {
            continue;
        }
        let (_alice, scene) = scene().await;
        let golden =
            golden.with(&scene.swaps.iter().map(|(from, to)| (*from, to.clone())).collect::<Vec<_>>());
        // What some of it does is done by now; what was refused is refused again, and changes nothing.
        let refused = say_all(&scene, broken(&golden, 7), &golden.name).await;
        assert!(refused.len() > 5, "{}", golden.name);
        let before = scene.world.export().await;
        let again = say_all(&scene, refused.clone(), &golden.name).await;
        assert_eq!(again.len(), refused.len(), "{}", golden.name);
        assert_eq!(scene.world.export().await, before, "{}", golden.name);
    }
}

#[tokio::test]
async fn the_first_quarter_of_all_requests_survives_being_broken() {
    break_a_quarter(0).await;
}

#[tokio::test]
async fn the_second_quarter_of_all_requests_survives_being_broken() {
    break_a_quarter(1).await;
}

#[tokio::test]
async fn the_third_quarter_of_all_requests_survives_being_broken() {
    break_a_quarter(2).await;
}

#[tokio::test]
async fn the_last_quarter_of_all_requests_survives_being_broken() {
    break_a_quarter(3).await;
}

#[tokio::test]
async fn what_is_asked_in_the_wrong_room_or_of_a_deleted_message_changes_nothing() {
    let (_alice, scene) = scene().await;
    let nil = Uuid::nil().to_string();
    let places = [
        ("archived", vec![(ROOM, scene.archived.to_string())]),
        ("not joined", vec![(ROOM, scene.closed.to_string())]),
        ("deleted room", vec![(ROOM, scene.gone.to_string())]),
        (
            "deleted message",
            vec![
                (ROOM, scene.swaps[0].1.clone()),
                (MESSAGE, scene.deleted.to_string()),
                (OTHER_MESSAGE, scene.deleted.to_string()),
            ],
        ),
        ("nil", [ROOM, MESSAGE, OTHER_MESSAGE, MEMBER, OTHER_MEMBER].map(|id| (id, nil.clone())).to_vec()),
        ("crossed", vec![(ROOM, scene.swaps[3].1.clone()), (MEMBER, scene.swaps[0].1.clone())]),
    ];
    for (what, swaps) in places {
        // Archived rooms may be opened again and deleted; that is a story of its own.
        let harmless = |golden: &Golden| {
            golden.text.contains(ROOM)
                && !(what == "archived"
                    && matches!(golden.kind(), "restore_room" | "delete_room" | "leave_room"))
        };
        let frames = golden::requests().into_iter().filter(harmless).map(|golden| {
            let rest = scene.swaps.iter().map(|(from, to)| (*from, to.clone())).collect::<Vec<_>>();
            golden.with(&swaps).with(&rest).numbered(7)
        });
        let refused = say_all(&scene, frames.collect(), what).await;
        assert!(refused.len() > 5, "{what}: {}", refused.len());
        let before = scene.world.export().await;
        assert_eq!(say_all(&scene, refused.clone(), what).await.len(), refused.len(), "{what}");
        assert_eq!(scene.world.export().await, before, "{what}");
    }
}

#[tokio::test]
async fn a_message_id_said_again_for_something_else_changes_nothing() {
    let (mut alice, scene) = scene().await;
    let room = scene.swaps[0].1.parse::<RoomId>().unwrap();
    let other = alice.create_room("other", Visibility::Private).await.id;
    let message = message_id();
    alice.post_as(room, message, "once").await.unwrap();
    let before = scene.world.export().await;
    assert_eq!(alice.post_as(room, message, "twice").await.unwrap_err().code, ErrorCode::MessageIdReused);
    assert_eq!(alice.post_as(other, message, "once").await.unwrap_err().code, ErrorCode::MessageIdReused);
    let post = |change: fn(&mut protocol::Post, protocol::MessageId), to| {
        let mut post = protocol::Post::new(room, message, "once".into());
        change(&mut post, to);
        Request::Post(post)
    };
    let to = scene.swaps[1].1.parse().unwrap();
    for request in [
        post(|post, to| post.reply_to = Some(to), to),
        post(|post, to| post.thread = Some(to), to),
        post(|post, to| post.forward_of = Some(to), to),
    ] {
        assert_eq!(alice.refused(request).await, ErrorCode::MessageIdReused);
    }
    let (mut bob, _) = scene.world.invited(&mut alice, "bob").await;
    let before_bob = scene.world.export().await;
    assert!(before.len() < before_bob.len());
    assert_eq!(bob.post_as(room, message, "once").await.unwrap_err().code, ErrorCode::MessageIdReused);
    alice.post_as(room, message, "once").await.unwrap();
    assert_eq!(scene.world.export().await, before_bob);
}

#[tokio::test]
async fn names_that_look_alike_or_show_nothing_are_refused() {
    let (mut alice, scene) = scene().await;
    let (mut bob, _) = scene.world.invited(&mut alice, "bob").await;
    let profile = |name: &str| Request::SetProfile {
        name: name.into(),
        status: String::new(),
        status_emoji: String::new(),
        status_until: None,
    };
    for name in ["ALICE", "Ａｌｉｃｅ", "alice ", "al\u{200c}ice", "alice\u{fe0f}", "ａlice\u{200d}"] {
        assert_eq!(bob.refused(profile(name)).await, ErrorCode::NameTaken, "{}", name.escape_unicode());
    }
    for name in ["\u{200d}", "\u{3164}", "a\u{ad}b", "a\u{202e}b", "a\nb", "a\u{0}b", "a\u{2800}"] {
        assert_eq!(bob.refused(profile(name)).await, ErrorCode::OutOfBounds, "{}", name.escape_unicode());
    }
    assert_eq!(bob.refused(profile(&"x".repeat(10_000))).await, ErrorCode::OutOfBounds);
    alice.create_room("Kitchen", Visibility::Public).await;
    for name in ["kitchen", "ＫＩＴＣＨＥＮ", "kit\u{200d}chen"] {
        let again = Request::CreateRoom {
            name: name.into(),
            topic: String::new(),
            visibility: Visibility::Public,
            reading: Reading::Start,
        };
        assert_eq!(bob.refused(again).await, ErrorCode::NameTaken, "{}", name.escape_unicode());
    }
}
