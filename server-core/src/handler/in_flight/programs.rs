//! Programs: bots and hooks whose pass ends while they wait for an answer.

use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use protocol::{ErrorCode, MemberId, MessageId, Reading, Reply, Request, RoomId, Standing, Visibility};
use uuid::Uuid;

use super::REQ;
use super::acts::log;
use super::hold::{Gate, held, run};
use super::scene::Scene;
use crate::admin::Command;
use crate::dispatch::dispatch;
use crate::handler::behalf;
use crate::handler::pass::Pass;

async fn bot(scene: &mut Scene, room: RoomId) -> MemberId {
    let name = format!("bot {}", Uuid::now_v7());
    let made = scene.alice.ask(&scene.stage, Request::CreateBot { name, rooms: vec![room] }).await;
    let Reply::BotCreated { bot, .. } = made else { panic!("no bot: {made:?}") };
    bot.member
}

#[test]
fn a_bot_gets_no_answer_after_its_token_is_revoked_or_it_was_taken_out() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "bots", Visibility::Private, Reading::Start).await;
        for index in 0..4 {
            let member = bot(&mut scene, room).await;
            let (end, expected) = match index {
                0 | 2 => (Request::RevokeBot { member }, ErrorCode::NotSignedIn),
                1 => (Request::RemoveFromRoom { room, member }, ErrorCode::NotFound),
                _ => (Request::SetStanding { member, standing: Standing::Banned }, ErrorCode::NotSignedIn),
            };
            let question = match index {
                2 => Request::Rooms,
                _ => Request::History { room, before: None, after: None, limit: 5 },
            };
            let asking = behalf::ask(&host, (member, Pass::Bot), question);
            let answer = held(&host, 1, asking, scene.done(end)).await.expect("it was under way");
            assert_eq!(answer.unwrap_err().code, expected, "{index}");
        }
        host.vault.close().await;
    });
}

#[test]
fn what_a_program_says_behind_the_end_of_its_pass_is_not_said() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "bots", Visibility::Private, Reading::Start).await;
        for index in 0..2 {
            let made =
                scene.alice.ask(&scene.stage, Request::CreateHook { room, name: format!("hook {index}") });
            let Reply::HookCreated { hook, .. } = made.await else { panic!("no hook") };
            let (who, end, expected) = match index {
                0 => {
                    let member = bot(&mut scene, room).await;
                    ((member, Pass::Bot), Request::RevokeBot { member }, ErrorCode::NotSignedIn)
                }
                _ => {
                    let end = Request::RevokeHook { room, hook: hook.id };
                    ((hook.member, Pass::Hook(hook.id.0)), end, ErrorCode::NotFound)
                }
            };
            let before = log(&scene.stage, room).await;
            let open = Gate::before_writes(&host);
            dispatch(scene.alice.caller(&host), REQ, end).await;
            let post = Request::post(room, MessageId(Uuid::now_v7()), "too late".into());
            let mut saying = pin!(behalf::ask(&host, who, post));
            assert!(poll!(saying.as_mut()).is_pending());
            drop(open);
            assert_eq!(saying.await.unwrap_err().code, expected);
            assert_eq!(log(&scene.stage, room).await, before);
        }
        host.vault.close().await;
    });
}

#[test]
fn what_a_program_says_behind_the_move_of_the_host_is_not_said() {
    run(async {
        let mut scene = Scene::set().await;
        let host = Arc::clone(&scene.stage.host);
        let room = scene.alice.room(&scene.stage, "bots", Visibility::Private, Reading::Start).await;
        let member = bot(&mut scene, room).await;
        let before = log(&scene.stage, room).await;
        let open = Gate::before_writes(&host);
        let mut moving =
            pin!(scene.by_operator(Command::Forward { to: vec!["chat.example.org:443".into()] }));
        assert!(poll!(moving.as_mut()).is_pending());
        let post = Request::post(room, MessageId(Uuid::now_v7()), "too late".into());
        let mut saying = pin!(behalf::ask(&host, (member, Pass::Bot), post));
        assert!(poll!(saying.as_mut()).is_pending());
        drop(open);
        moving.await;
        assert_eq!(saying.await.unwrap_err().code, ErrorCode::Stopping);
        assert_eq!(log(&scene.stage, room).await, before);
        host.vault.close().await;
    });
}
