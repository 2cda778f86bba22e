//! Acts: what waits behind the end of the right to it is not done, and the last answer of a session is its last word.

use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use protocol::{
    ErrorCode, Failure, MemberId, MessageId, Reading, Reply, Request, Role, RoomId, Secret, Seq, Visibility,
    encode,
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::REQ;
use super::hold::{Gate, held, quiet, run};
use super::scene::{PASSWORD, Scene, Taken, WAYS, Way};
use crate::dispatch::dispatch;
use crate::handler::stage::{Stage, all_is_told};
use crate::store::table::{passwords, rooms};

#[test]
fn nobody_is_told_to_be_writing_after_they_may_not() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let typing = |reply: &(Option<u32>, Reply)| matches!(reply.1, Reply::Typing { .. });
        let ways = WAYS.iter().filter(|way| **way != Way::DeleteRoom).map(|way| Some(*way));
        for way in ways.chain([None]) {
            let mut victim = scene.victim(Role::Member).await;
            let room = victim.room;
            let asking = dispatch(victim.device.caller(&host), REQ, Request::Typing { room });
            let mut taken = Taken {
                name: &victim.name,
                id: victim.id,
                device: victim.device.admission.device,
                room,
                other: &mut victim.other,
            };
            let meanwhile = async {
                match way {
                    Some(way) => scene.take_away(way, &mut taken).await,
                    None => scene.done(Request::ArchiveRoom { room }).await,
                }
            };
            held(&host, 1, asking, meanwhile).await.expect("it was under way");
            scene.alice.drain().await;
            assert!(!scene.alice.heard.iter().any(typing), "{way:?}");
        }
        // The control.
        let victim = scene.victim(Role::Member).await;
        let asking = dispatch(victim.device.caller(&host), REQ, Request::Typing { room: victim.room });
        held(&host, 1, asking, async {}).await.expect("it was under way");
        scene.alice.drain().await;
        assert!(scene.alice.heard.iter().any(typing));
        host.vault.close().await;
    });
}

#[test]
fn an_act_that_waits_behind_the_end_of_its_session_is_not_done() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for way in [Way::RevokeDevice, Way::RevokeOthers, Way::RevokeAll] {
            let mut victim = scene.victim(Role::Admin).await;
            let (room, device) = (victim.room, victim.device.admission.device);
            let end = match way {
                Way::RevokeDevice => Request::RevokeDevice { device },
                Way::RevokeOthers => Request::RevokeOthers,
                _ => Request::RevokeAll,
            };
            let before = log(&scene.stage, room).await;
            let rooms = rooms_of(&scene.stage, victim.id).await;
            let open = Gate::before_writes(&host);
            dispatch(victim.other.caller(&host), REQ, end).await;
            for act in [
                Request::post(room, MessageId(Uuid::now_v7()), "too late".into()),
                Request::React { room, message: victim.message, emoji: "+1".into() },
                Request::SetTopic { room, topic: "too late".into() },
                Request::LeaveRoom { room },
                Request::CreateRoom {
                    name: format!("too late {way:?}"),
                    topic: String::new(),
                    visibility: Visibility::Public,
                    reading: Reading::Start,
                },
                Request::SetRole { member: scene.stage.members[3], role: Role::Guest },
                Request::CreateInvite { role: Role::Member, uses: 9, life_ms: 9_000, rooms: Vec::new() },
            ] {
                dispatch(victim.device.caller(&host), REQ, act).await;
            }
            drop(open);
            all_is_told(&host).await;
            victim.device.drain().await;
            assert!(victim.device.outlet.is_cut());
            assert!(victim.device.take_answer(REQ).is_none(), "{way:?}");
            assert_eq!(log(&scene.stage, room).await, before, "{way:?}");
            assert_eq!(rooms_of(&scene.stage, victim.id).await, rooms, "{way:?}");
            let Reply::Invites { invites } = scene.alice.ask(&scene.stage, Request::Invites).await else {
                panic!("no invites")
            };
            assert!(invites.iter().all(|invite| invite.by != victim.id), "{way:?}");
        }
        host.vault.close().await;
    });
}

pub(super) async fn log(stage: &Stage, room: RoomId) -> Option<Seq> {
    stage.host.read(move |conn| Ok(rooms::head(conn, room)?)).await.unwrap()
}

async fn rooms_of(stage: &Stage, member: MemberId) -> usize {
    stage.host.read(move |conn| Ok(rooms::of_member(conn, member, 100)?.len())).await.unwrap()
}

#[test]
fn the_last_answer_of_a_session_comes_after_all_that_was_told_before() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for index in 0..3 {
            let mut victim = scene.victim(Role::Member).await;
            let (member, password) = (victim.id, None);
            let end = [Request::SignOut, Request::RevokeAll, Request::DeleteAccount { member, password }];
            let end = end[index].clone();
            quiet(&host).await;
            let open = Gate::before_writes(&host);
            let post = Request::post(victim.room, MessageId(Uuid::now_v7()), "just before".into());
            dispatch(scene.alice.caller(&host), REQ, post).await;
            let mut ending = pin!(dispatch(victim.device.caller(&host), REQ, end.clone()));
            while poll!(ending.as_mut()).is_pending() {
                spawn_blocking(|| ()).await.unwrap();
            }
            drop(open);
            all_is_told(&host).await;
            victim.device.drain().await;
            let last = victim.device.heard.last().unwrap();
            assert_eq!(*last, (Some(REQ), Reply::Done), "{end:?}");
            let heard = |(_, reply): &(Option<u32>, Reply)| encode(reply).contains("just before");
            assert!(victim.device.heard.iter().any(heard), "{end:?}: what was told before is heard");
        }
        host.vault.close().await;
    });
}

/// What a member's password is, as it is stored.
async fn stored_password(stage: &Stage, member: MemberId) -> Option<String> {
    stage.host.read(move |conn| Ok(passwords::of(conn, member)?)).await.unwrap()
}

pub(super) fn new_password(current: Option<&str>, new: &str) -> Request {
    Request::SetPassword {
        current: current.map(|current| Secret(current.into())),
        new: new.into(),
        end_others: false,
    }
}

/// Whoever knew the old password when they asked does nothing by it once there is a new one: a stolen device does not
/// take the account from whoever has just changed it.
#[test]
fn what_is_asked_by_an_old_password_is_not_done_after_it_was_changed() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        for index in 0..4 {
            for wait in 1.. {
                let mut victim = scene.victim(Role::Member).await;
                let set = victim.other.ask(&scene.stage, new_password(None, PASSWORD)).await;
                assert_eq!(set, Reply::Done);
                let (member, password) = (victim.id, Some(Secret(PASSWORD.into())));
                let by_the_old = [
                    new_password(Some(PASSWORD), "a thief's password"),
                    Request::DeleteAccount { member, password: password.clone() },
                    Request::BeginSecondFactor { password: PASSWORD.into() },
                    Request::EndSecondFactor { password, code: None },
                ][index]
                    .clone();
                let asking = dispatch(victim.device.caller(&host), REQ, by_the_old.clone());
                let mut after = None;
                let changed = async {
                    let new = new_password(Some(PASSWORD), "the owner's own");
                    if victim.other.ask(&scene.stage, new).await == Reply::Done {
                        after = stored_password(&scene.stage, member).await;
                    }
                };
                if held(&host, wait, asking, changed).await.is_none() {
                    assert!(wait > 2, "{by_the_old:?} was never under way");
                    break;
                }
                all_is_told(&host).await;
                victim.device.drain().await;
                let answer = victim.device.take_answer(REQ).expect("it is answered");
                assert!(after.is_some(), "{by_the_old:?}: the owner was kept out");
                let Reply::Error(Failure { code: ErrorCode::WrongCredentials, .. }) = answer else {
                    panic!("{by_the_old:?} at {wait}: {answer:?}")
                };
                assert_eq!(stored_password(&scene.stage, member).await, after, "{by_the_old:?} at {wait}");
            }
        }
        host.vault.close().await;
    });
}
