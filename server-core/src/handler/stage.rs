//! A host without a socket, members on it, and devices whose ways out end in memory: for tests that must see every frame
//! in its order.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use protocol::{
    DeviceId, MemberId, Reading, Reply, Request, Role, RoomId, Secret, SignIn, Visibility, decode_server,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::Caller;
use super::pass::Pass;
use crate::admission::{Account, Admission, Claim, Peer, sign_in, write_account};
use crate::config::Config;
use crate::dispatch::dispatch;
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::Outlet;
use crate::hub::frame::texts_of;
use crate::store::table::sessions;
use crate::store::{Denied, now};
use crate::token;

/// Who is there, in this order; alice owns the host.
pub(crate) const CAST: [(&str, Role); 5] = [
    ("alice", Role::Owner),
    ("adam", Role::Admin),
    ("bob", Role::Member),
    ("carol", Role::Member),
    ("gina", Role::Guest),
];

/// A host and its members.
pub(crate) struct Stage {
    _dir: TempDir,
    pub(crate) host: Arc<Host>,
    pub(crate) members: Vec<MemberId>,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        // In memory where there is such a folder: what these stories are about is order, not disks.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let config = Config::new(dir.path().join("host"), ([127, 0, 0, 1], 0).into());
        let host = Arc::new(tokio::task::spawn_blocking(move || Host::open(config)).await.unwrap().unwrap());
        let made = host.vault.write(|conn| -> Result<_, Denied> {
            let account = |name: &str| Account { name: name.into(), password_hash: None };
            CAST.iter()
                .map(|(name, role)| Ok(write_account(conn, account(name), *role, &[], now())?.0))
                .collect()
        });
        let members: Vec<MemberId> = made.await.unwrap();
        host.owner_came();
        Self { _dir: dir, host, members }
    }

    /// A new session of a member.
    pub(crate) async fn session(&self, member: MemberId) -> Secret {
        let (token, hash) = token::fresh().unwrap();
        let made = self.host.vault.write(move |conn| -> Result<(), Denied> {
            Ok(sessions::insert(conn, (member, DeviceId(Uuid::now_v7())), &hash, ("device", ""), now())?)
        });
        made.await.unwrap();
        token
    }

    /// A device of a member, signed in.
    pub(crate) async fn device(&self, member: MemberId) -> Device {
        let token = self.session(member).await;
        Device::enter(&self.host, by_session(token)).await.expect("whoever has a session may come in")
    }
}

/// Waits until all that was committed so far is told: the second batch begins once the first one is.
pub(crate) async fn all_is_told(host: &Host) {
    for _ in 0..2 {
        host.vault.write(|_| Ok::<_, Denied>(())).await.unwrap();
    }
}

/// One connection of a member, with all that it has heard.
pub(crate) struct Device {
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) admission: Admission,
    pub(crate) heard: Vec<(Option<u32>, Reply)>,
}

impl Device {
    pub(crate) async fn enter(host: &Arc<Host>, by: SignIn) -> Result<Self, Refusal> {
        let outlet = way_out();
        let admission = come_in(host, &outlet, by).await?;
        Ok(Self { outlet, admission, heard: Vec::new() })
    }

    /// Whoever asks from here.
    pub(crate) fn caller(&self, host: &Arc<Host>) -> Caller {
        Caller {
            host: Arc::clone(host),
            outlet: Arc::clone(&self.outlet),
            connection: self.admission.seat.id(),
            member: self.admission.member,
            pass: Pass::Session(self.admission.device),
            aside: false,
        }
    }

    /// Takes what waits.
    pub(crate) async fn drain(&mut self) {
        let mut written = Vec::new();
        let _ = std::future::poll_fn(|cx| self.outlet.poll_write_out(cx, &mut written)).await;
        self.heard.extend(frames(&written));
    }

    /// Asks, and gives the answer once it is committed; what else is heard stays.
    pub(crate) async fn ask(&mut self, stage: &Stage, request: Request) -> Reply {
        const REQ: u32 = 1_000_000;
        dispatch(self.caller(&stage.host), REQ, request).await;
        all_is_told(&stage.host).await;
        self.drain().await;
        self.take_answer(REQ).expect("every request is answered")
    }

    /// The answer to a request, if there is one; it is not heard twice.
    pub(crate) fn take_answer(&mut self, req: u32) -> Option<Reply> {
        let place = self.heard.iter().position(|(answered, _)| *answered == Some(req))?;
        Some(self.heard.remove(place).1)
    }

    /// A room of theirs.
    pub(crate) async fn room(
        &mut self,
        stage: &Stage,
        name: &str,
        visibility: Visibility,
        reading: Reading,
    ) -> RoomId {
        let request = Request::CreateRoom { name: name.into(), topic: String::new(), visibility, reading };
        match self.ask(stage, request).await {
            Reply::Room { room } => room.id,
            other => panic!("no room: {other:?}"),
        }
    }
}

pub(crate) fn by_session(token: Secret) -> SignIn {
    SignIn::Session { token }
}

/// A way out that takes all there is.
pub(crate) fn way_out() -> Arc<Outlet> {
    Arc::new(Outlet::new(64 * 1024 * 1024, None))
}

/// Signs in by `by`, as request 0.
pub(crate) async fn come_in(
    host: &Arc<Host>,
    outlet: &Arc<Outlet>,
    by: SignIn,
) -> Result<Admission, Refusal> {
    let peer = Peer { address: IpAddr::V4(Ipv4Addr::LOCALHOST), proxied: false };
    let claim = Claim { by, device: "device".into(), session: None, code: None };
    sign_in(Arc::clone(host), peer, Arc::clone(outlet), 0, claim).await
}

/// The frames of what was written.
fn frames(written: &[u8]) -> impl Iterator<Item = (Option<u32>, Reply)> {
    let frames = texts_of(written).into_iter().map(|text| decode_server(text).unwrap());
    frames.map(|frame| (frame.req, frame.reply))
}
