//! Sign-ins: nobody comes in by a way that was closed while they were on it.

use std::pin::pin;
use std::sync::Arc;

use futures_util::poll;
use protocol::{ErrorCode, Registration, Reply, Request, Role, Secret, SignIn, Standing};

use super::acts::new_password;
use super::hold::{Gate, held, run};
use super::scene::{PASSWORD, Scene};
use crate::admin::{Administration, Answer, Command};
use crate::handler::stage::{Stage, by_session, come_in, way_out};

/// What ends a way in while somebody is on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Ban,
    NewPassword,
    RevokeAll,
    RevokeInvite,
    CloseRegistration,
    HandOver,
}

#[test]
fn nobody_comes_in_by_a_way_that_was_closed_meanwhile() {
    run(async {
        for (way, doors) in [
            ("password", &[Door::Ban, Door::NewPassword][..]),
            ("session", &[Door::Ban, Door::RevokeAll]),
            ("invite", &[Door::RevokeInvite]),
            ("registration", &[Door::CloseRegistration]),
            ("owner's link", &[Door::HandOver]),
        ] {
            for door in doors {
                for wait in 1.. {
                    if !comes_in_late(way, *door, wait).await {
                        assert!(wait > 1, "{way} was never under way");
                        break;
                    }
                }
            }
        }
    });
}

/// Whether the sign-in by `way` has such a wait; what must hold, if it has, is asserted.
async fn comes_in_late(way: &str, door: Door, wait: usize) -> bool {
    let mut scene = Scene::set().await;
    let host = Arc::clone(&scene.stage.host);
    let mut victim = scene.victim(Role::Member).await;
    assert_eq!(victim.other.ask(&scene.stage, new_password(None, PASSWORD)).await, Reply::Done);
    let password = Some(Secret("a new password".into()));
    let (mut invited, mut name) = (None, "newcomer".to_owned());
    let by = match way {
        "password" => SignIn::Password { name: victim.name.clone(), password: PASSWORD.into() },
        "session" => by_session(scene.stage.session(victim.id).await),
        "invite" => {
            let create =
                Request::CreateInvite { role: Role::Member, uses: 1, life_ms: 60_000, rooms: Vec::new() };
            let made = scene.alice.ask(&scene.stage, create).await;
            let Reply::InviteCreated { invite, token } = made else { panic!("no invite") };
            invited = Some(invite.id);
            SignIn::Invite { token, name, password }
        }
        "registration" => {
            scene.done(Request::SetRegistration { registration: Registration::Open }).await;
            SignIn::Register { name, password }
        }
        _ => {
            let operator = Administration {
                host: Arc::clone(&host),
                bound: (std::net::Ipv4Addr::LOCALHOST, 7717).into(),
            };
            let Answer::OwnerLink { link, .. } = operator.perform(Command::RecoverOwner).await.unwrap()
            else {
                panic!("no link")
            };
            name = "alice".into();
            let token = protocol::InviteLink::parse(&link.0).unwrap().token;
            SignIn::Invite { token, name, password }
        }
    };
    let outlet = way_out();
    let mut was_in = false;
    let closing = async {
        let mut written = Vec::new();
        let _ = std::future::poll_fn(|cx| outlet.poll_write_out(cx, &mut written)).await;
        was_in = !written.is_empty();
        let member = victim.id;
        match door {
            Door::Ban => scene.done(Request::SetStanding { member, standing: Standing::Banned }).await,
            Door::NewPassword | Door::RevokeAll => {
                let request = match door {
                    Door::RevokeAll => Request::RevokeAll,
                    _ => Request::SetPassword {
                        current: Some(PASSWORD.into()),
                        new: "the owner's own".into(),
                        end_others: true,
                    },
                };
                assert_eq!(victim.other.ask(&scene.stage, request).await, Reply::Done);
            }
            Door::RevokeInvite => scene.done(Request::RevokeInvite { invite: invited.unwrap() }).await,
            Door::CloseRegistration => {
                scene.done(Request::SetRegistration { registration: Registration::Invite }).await;
            }
            // Whoever came in by the link is alone then, alice's own device is gone.
            Door::HandOver if was_in => {}
            Door::HandOver => scene.done(Request::SetRole { member, role: Role::Owner }).await,
        }
    };
    let Some(came) = held(&host, wait, come_in(&host, &outlet, by), closing).await else { return false };
    match came {
        Ok(_) => {
            assert!(was_in, "{way}, {door:?} at {wait}: let in afterwards");
            let ends = matches!(door, Door::Ban | Door::NewPassword | Door::RevokeAll);
            assert_eq!(outlet.is_cut(), ends, "{way}, {door:?} at {wait}");
        }
        Err(refusal) => assert!(!was_in, "{way}, {door:?} at {wait}: {refusal:?} after the answer"),
    }
    host.vault.close().await;
    true
}

#[test]
fn a_member_who_comes_many_times_at_once_takes_no_more_places_than_there_are() {
    run(async {
        let stage = Stage::set().await;
        let mut config = crate::Config::new("anywhere", ([127, 0, 0, 1], 0).into());
        config.limits.connections_per_member = 2;
        config.limits.spare_this_computer = false;
        stage.host.adopt(crate::live::Live::new("host".into(), &config).unwrap());
        let bob = stage.members[2];
        let mut tokens = Vec::new();
        for _ in 0..5 {
            tokens.push(stage.session(bob).await);
        }
        let open = Gate::before_writes(&stage.host);
        let outlet = way_out();
        let coming = tokens.into_iter().map(|token| come_in(&stage.host, &outlet, by_session(token)));
        let mut coming = pin!(futures_util::future::join_all(coming));
        assert!(poll!(coming.as_mut()).is_pending());
        drop(open);
        let came = coming.await;
        assert_eq!(came.iter().filter(|came| came.is_ok()).count(), 2);
        let waits = |refusal: &crate::error::Refusal| refusal.code == ErrorCode::RateLimited;
        assert!(came.iter().filter_map(|came| came.as_ref().err()).all(waits));
        stage.host.vault.close().await;
    });
}
