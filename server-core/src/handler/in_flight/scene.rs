//! Alice who owns the host, a victim with two devices in a room where something was said, and the ways to end what the
//! victim may.

use std::sync::Arc;

use protocol::{MemberId, MessageId, Reading, Reply, Request, Role, RoomId, Standing, Visibility};
use uuid::Uuid;

use crate::admin::{Administration, Command};
use crate::admission::{Account, write_account};
use crate::handler::stage::{Device, Stage};
use crate::store::now;

/// What is said in the room.
pub(super) const TEXT: &str = "where the key is";

/// A password that is about to be no more.
pub(super) const PASSWORD: &str = "an old password";

/// A way to end what somebody may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Remove,
    Leave,
    DeleteRoom,
    Ban,
    Deactivate,
    DeleteAccount,
    RevokeDevice,
    RevokeOthers,
    RevokeAll,
    BanByOperator,
    EndSessionsByOperator,
    ResetPasswordByOperator,
}

pub(super) const WAYS: [Way; 12] = [
    Way::Remove,
    Way::Leave,
    Way::DeleteRoom,
    Way::Ban,
    Way::Deactivate,
    Way::DeleteAccount,
    Way::RevokeDevice,
    Way::RevokeOthers,
    Way::RevokeAll,
    Way::BanByOperator,
    Way::EndSessionsByOperator,
    Way::ResetPasswordByOperator,
];

impl Way {
    /// Whether the session goes with it.
    pub(super) fn cuts(self) -> bool {
        !matches!(self, Self::Remove | Self::Leave | Self::DeleteRoom)
    }
}

/// Alice, and a fresh victim with two devices in a fresh room of hers where something was said.
pub(super) struct Scene {
    pub(super) stage: Stage,
    pub(super) alice: Device,
    pub(super) count: u32,
}

pub(super) struct Victim {
    pub(super) name: String,
    pub(super) id: MemberId,
    pub(super) device: Device,
    pub(super) other: Device,
    pub(super) room: RoomId,
    pub(super) message: MessageId,
}

impl Scene {
    pub(super) async fn set() -> Self {
        let stage = Stage::set().await;
        let alice = stage.device(stage.members[0]).await;
        Self { stage, alice, count: 0 }
    }

    pub(super) async fn account(&mut self, role: Role) -> (String, MemberId) {
        self.count += 1;
        let name = format!("victim {}", self.count);
        let account = Account { name: name.clone(), password_hash: None };
        let made = self.stage.host.vault.write(move |conn| write_account(conn, account, role, &[], now()));
        (name, made.await.unwrap().0)
    }

    pub(super) async fn victim(&mut self, role: Role) -> Victim {
        let (name, id) = self.account(role).await;
        let mut device = self.stage.device(id).await;
        let other = self.stage.device(id).await;
        let room = self.alice.room(&self.stage, &name, Visibility::Private, Reading::Start).await;
        self.done(Request::AddToRoom { room, member: id }).await;
        let (message, answer) = (MessageId(Uuid::now_v7()), MessageId(Uuid::now_v7()));
        let mut threaded = Request::post(room, answer, TEXT.into());
        if let Request::Post(post) = &mut threaded {
            post.thread = Some(message);
        }
        for request in [
            Request::post(room, message, "first".into()),
            Request::Edit { room, message, text: TEXT.into() },
            threaded,
            Request::Pin { room, message },
        ] {
            let answer = device.ask(&self.stage, request).await;
            assert!(!matches!(answer, Reply::Error(_)), "{answer:?}");
        }
        Victim { name, id, device, other, room, message }
    }

    pub(super) async fn done(&mut self, request: Request) {
        let answer = self.alice.ask(&self.stage, request).await;
        assert!(!matches!(answer, Reply::Error(_)), "{answer:?}");
    }

    pub(super) async fn by_operator(&self, command: Command) {
        let operator = Administration {
            host: Arc::clone(&self.stage.host),
            bound: (std::net::Ipv4Addr::LOCALHOST, 0).into(),
        };
        operator.perform(command).await.unwrap();
    }

    pub(super) async fn take_away(&mut self, way: Way, victim: &mut Taken<'_>) {
        let (member, room, name) = (victim.id, victim.room, victim.name.to_owned());
        let standing = match way {
            Way::Deactivate => Standing::Deactivated,
            _ => Standing::Banned,
        };
        let by_alice = match way {
            Way::Remove => Request::RemoveFromRoom { room, member },
            Way::DeleteRoom => Request::DeleteRoom { room },
            Way::Ban | Way::Deactivate => Request::SetStanding { member, standing },
            Way::DeleteAccount => Request::DeleteAccount { member, password: None },
            Way::Leave | Way::RevokeDevice | Way::RevokeOthers | Way::RevokeAll => {
                let request = match way {
                    Way::Leave => Request::LeaveRoom { room },
                    Way::RevokeDevice => Request::RevokeDevice { device: victim.device },
                    Way::RevokeOthers => Request::RevokeOthers,
                    _ => Request::RevokeAll,
                };
                assert_eq!(victim.other.ask(&self.stage, request).await, Reply::Done);
                return;
            }
            Way::BanByOperator => return self.by_operator(Command::SetStanding { name, standing }).await,
            Way::EndSessionsByOperator => {
                return self.by_operator(Command::RevokeSession { name, device: None }).await;
            }
            Way::ResetPasswordByOperator => {
                let password = Some(PASSWORD.into());
                return self.by_operator(Command::ResetPassword { name, password }).await;
            }
        };
        self.done(by_alice).await;
    }
}

/// What is taken away from whom, while a device of theirs waits.
pub(super) struct Taken<'a> {
    pub(super) name: &'a str,
    pub(super) id: MemberId,
    pub(super) device: protocol::DeviceId,
    pub(super) room: RoomId,
    pub(super) other: &'a mut Device,
}
