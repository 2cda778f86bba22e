//! Questions: an answer that was read before a right ended is not given after it.

use std::sync::Arc;

use protocol::{
    Cursor, ErrorCode, Failure, MessageId, Reading, Reply, Request, Role, RoomId, RoomRole, Search, Seq,
    Standing, Text, UnixMillis, Visibility, encode,
};
use uuid::Uuid;

use super::REQ;
use super::hold::{held, run};
use super::scene::{Scene, TEXT, Taken, WAYS};
use crate::dispatch::dispatch;
use crate::handler::stage::Device;

fn search(room: Option<RoomId>) -> Request {
    let text = Text(TEXT.into());
    let (from, before, after, older_than) = (None, None, None, None);
    Request::Search(Search { text, from, room, before, after, has_link: false, older_than, limit: 20 })
}

/// All that is asked of a room, and of all one's rooms.
fn questions(room: RoomId, message: MessageId) -> Vec<Request> {
    vec![
        Request::History { room, before: None, after: None, limit: 50 },
        Request::SeqAt { room, at: UnixMillis(0) },
        Request::Pins { room, before: None },
        Request::Thread { room, message, after: None, limit: 50 },
        Request::Revisions { room, message, after: None },
        Request::ReadBy { room, message, after: None },
        Request::Delivered { room, message },
        Request::RoomMembers { room, after: None },
        Request::Retention { room },
        Request::Resolve { message },
        search(Some(room)),
        search(None),
        Request::Sync { cursors: vec![Cursor { room, after: Seq::ZERO }] },
        Request::Rooms,
        Request::Progress,
        Request::Threads { older_than: None, unread: false, limit: 50 },
    ]
}

/// Whether an answer says anything of a room.
fn tells_of(reply: &Reply, room: RoomId) -> bool {
    match reply {
        Reply::Error(_) => false,
        // These do not name the room: any answer is one of it.
        Reply::RoomMembers { .. }
        | Reply::Revisions { .. }
        | Reply::ReadBy { .. }
        | Reply::Delivered { .. } => true,
        _ => encode(reply).contains(&room.to_string()),
    }
}

#[test]
fn no_answer_comes_after_the_right_to_it_is_gone() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let count = questions(RoomId(Uuid::nil()), MessageId(Uuid::nil())).len();
        let mut cases = 0;
        for (way, index) in WAYS.iter().flat_map(|way| (0..count).map(move |index| (*way, index))) {
            for wait in 1.. {
                let mut victim = scene.victim(Role::Member).await;
                let question = questions(victim.room, victim.message).remove(index);
                let asking = dispatch(victim.device.caller(&host), REQ, question.clone());
                let mut taken = Taken {
                    name: &victim.name,
                    id: victim.id,
                    device: victim.device.admission.device,
                    room: victim.room,
                    other: &mut victim.other,
                };
                if held(&host, wait, asking, scene.take_away(way, &mut taken)).await.is_none() {
                    assert!(wait > 1, "{question:?} was never under way");
                    break;
                }
                cases += 1;
                victim.device.drain().await;
                assert_eq!(victim.device.outlet.is_cut(), way.cuts(), "{way:?}");
                match victim.device.take_answer(REQ) {
                    Some(answer) => {
                        assert!(!way.cuts(), "{way:?}: {question:?}: {answer:?} past the end of the session");
                        assert!(!tells_of(&answer, victim.room), "{way:?}: {question:?}: {answer:?}");
                    }
                    None => assert!(way.cuts(), "{way:?}: {question:?} was never answered"),
                }
            }
        }
        assert!(cases >= WAYS.len() * count);
        host.vault.close().await;
    });
}

/// The control: held in the same way, and nothing of theirs taken.
#[test]
fn an_answer_that_waits_while_others_lose_their_rights_comes() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let mut victim = scene.victim(Role::Member).await;
        for question in questions(victim.room, victim.message) {
            let asking = dispatch(victim.device.caller(&host), REQ, question.clone());
            let bystander = scene.victim(Role::Member).await;
            let ban = Request::SetStanding { member: bystander.id, standing: Standing::Banned };
            held(&host, 1, asking, scene.done(ban)).await.expect("it was under way");
            victim.device.drain().await;
            let answer = victim.device.take_answer(REQ).expect("it is answered");
            let says = matches!(answer, Reply::SeqAt { .. }) || tells_of(&answer, victim.room);
            assert!(says, "{question:?}: {answer:?}");
        }
        host.vault.close().await;
    });
}

/// Holds a question of `device` at each of its waits while alice does what `meanwhile` says.
async fn asked_while(
    scene: &mut Scene,
    device: &mut Device,
    question: &Request,
    meanwhile: Vec<Request>,
) -> Reply {
    let host = Arc::clone(&scene.stage.host);
    let asking = dispatch(device.caller(&host), REQ, question.clone());
    let doing = async {
        for request in meanwhile {
            scene.done(request).await;
        }
    };
    held(&host, 1, asking, doing).await.expect("it was under way");
    device.drain().await;
    device.take_answer(REQ).expect("it is answered")
}

fn forbidden(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(Failure { code: ErrorCode::Forbidden, .. }))
}

#[test]
fn an_answer_to_one_who_ran_the_host_or_a_room_does_not_come_after_the_demotion() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for question in [Request::Statistics, Request::Invites, Request::Bots] {
            let (_, member) = scene.account(Role::Admin).await;
            let mut device = scene.stage.device(member).await;
            let demotion = vec![Request::SetRole { member, role: Role::Member }];
            let answer = asked_while(&mut scene, &mut device, &question, demotion).await;
            assert!(forbidden(&answer), "{question:?}: {answer:?}");
        }
        let (_, member) = scene.account(Role::Member).await;
        let mut device = scene.stage.device(member).await;
        let demotion = vec![Request::SetRole { member, role: Role::Guest }];
        let answer =
            asked_while(&mut scene, &mut device, &Request::Directory { after: None }, demotion).await;
        assert!(forbidden(&answer), "{answer:?}");
        for index in 0..3 {
            let mut victim = scene.victim(Role::Member).await;
            let (room, member, message) = (victim.room, victim.id, MessageId(Uuid::now_v7()));
            scene.done(Request::post(room, message, "hers".into())).await;
            let question = [
                Request::Hooks { room },
                Request::Reports { room },
                Request::Revisions { room, message, after: None },
            ][index]
                .clone();
            for demotion in [
                Request::SetRoomRole { room, member, role: RoomRole::Member },
                Request::SetRole { member, role: Role::Guest },
            ] {
                let back = Request::SetRoomRole { room, member, role: RoomRole::Admin };
                scene.done(back).await;
                let answer = asked_while(&mut scene, &mut victim.device, &question, vec![demotion]).await;
                assert!(forbidden(&answer), "{question:?}: {answer:?}");
            }
        }
        host.vault.close().await;
    });
}

#[test]
fn what_lies_before_the_joining_is_not_answered_after_the_room_is_read_from_there_on() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "open", Visibility::Private, Reading::Start).await;
        let message = MessageId(Uuid::now_v7());
        scene.done(Request::post(room, message, TEXT.into())).await;
        scene.done(Request::Pin { room, message }).await;
        for question in [
            Request::History { room, before: None, after: None, limit: 50 },
            Request::Pins { room, before: None },
            Request::Resolve { message },
            Request::ReadBy { room, message, after: None },
            search(Some(room)),
            search(None),
            Request::Sync { cursors: Vec::new() },
            Request::SeqAt { room, at: UnixMillis(0) },
        ] {
            let (_, member) = scene.account(Role::Member).await;
            scene.done(Request::AddToRoom { room, member }).await;
            let mut device = scene.stage.device(member).await;
            let Reply::History(page) = device
                .ask(&scene.stage, Request::History { room, before: None, after: None, limit: 1 })
                .await
            else {
                panic!("no page")
            };
            let narrowed = vec![Request::SetReading { room, reading: Reading::Join }];
            let answer = asked_while(&mut scene, &mut device, &question, narrowed).await;
            match &answer {
                Reply::SeqAt { seq, .. } => assert!(*seq >= page.head, "{answer:?}"),
                _ => assert!(!encode(&answer).contains(TEXT), "{question:?}: {answer:?}"),
            }
            if let Request::Resolve { .. } | Request::ReadBy { .. } = question {
                assert!(matches!(answer, Reply::Error(_)), "{question:?}: {answer:?}");
            }
            scene.done(Request::SetReading { room, reading: Reading::Start }).await;
        }
        host.vault.close().await;
    });
}

#[test]
fn when_one_was_last_here_is_not_answered_after_a_block() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let mut victim = scene.victim(Role::Member).await;
        let (stage, bob) = (&scene.stage, scene.stage.members[2]);
        drop(stage.device(bob).await);
        let question = Request::Seen { members: vec![bob] };
        let block = Request::SetBlock { member: victim.id, blocked: true };
        let comes_and_blocks = async {
            assert_eq!(stage.device(bob).await.ask(stage, block).await, Reply::Done);
        };
        let asking = dispatch(victim.device.caller(&host), REQ, question);
        held(&host, 1, asking, comes_and_blocks).await.expect("it was under way");
        victim.device.drain().await;
        let Some(Reply::Seen { members }) = victim.device.take_answer(REQ) else { panic!("no answer") };
        assert_eq!(members[0].last_seen, None);
        host.vault.close().await;
    });
}
