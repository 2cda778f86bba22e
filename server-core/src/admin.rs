//! What whoever runs the machine may ask of a host: accounts, sessions, rooms, invites, figures, copies.
//!
//! The same acts serve a running host through its admin socket and a stopped one directly. Whoever can read the
//! host's folder has its key already, so the operator stands as the owner does before the permission function;
//! every act that changes something is noted in the audit log.

mod accounts;
mod avatars;
mod certificate;
mod command;
mod copies;
mod export;
mod invites;
mod moving;
mod offline;
mod overview;
mod programs;
#[cfg(unix)]
pub(crate) mod socket;

pub use command::{Act, Answer, Bot, Certificate, Command, Device, Figures, Hook, Reply, Report, Room, User};
pub use offline::{Offline, RestoreError, Restored, restore};

use std::net::SocketAddr;
use std::sync::Arc;

use protocol::{ErrorCode, Role};
use tokio::sync::oneshot;
use vault::rusqlite::Connection;

use crate::error::Refusal;
use crate::forward;
use crate::host::Host;
use crate::hub::Hub;
use crate::permissions::{Object, Operation, permit};
use crate::store::table::audits;
use crate::store::{Denied, now, stopping};

/// What may be done to a place that the host has left.
const STAYS: [&str; 5] =
    ["backup made", "export made", "settings read again", "host moved", "host came home"];

/// A host as the operator reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Administration {
    pub(crate) host: Arc<Host>,
    /// Where it listens, or would.
    pub(crate) bound: SocketAddr,
}

impl Administration {
    /// Does what is asked, apart from `export`, whose answer is a stream.
    pub(crate) async fn perform(&self, command: Command) -> Result<Answer, Refusal> {
        may()?;
        match command {
            Command::Users => self.users().await,
            Command::AddUser { name, role, password } => self.add_user(name, role, password).await,
            Command::ResetPassword { name, password } => self.reset_password(name, password).await,
            Command::EndSecondFactor { name } => self.end_second_factor(name).await,
            Command::RecoverOwner => self.recover_owner().await,
            Command::RemoveAvatar { name } => self.remove_avatar(name).await,
            Command::RemoveRoomAvatar { room } => self.remove_room_avatar(room).await,
            Command::SetRole { name, role } => self.set_role(name, role).await,
            Command::SetStanding { name, standing } => self.set_standing(name, standing).await,
            Command::Sessions { name } => self.sessions(name).await,
            Command::RevokeSession { name, device } => self.revoke_session(name, device).await,
            Command::Rooms => self.rooms().await,
            Command::SetRetention { room, days } => self.set_retention(room, days).await,
            Command::Invites => self.invites().await,
            Command::CreateInvite { role, uses, life_ms } => self.create_invite(role, uses, life_ms).await,
            Command::RevokeInvite { invite } => self.revoke_invite(invite).await,
            Command::Hooks => self.hooks().await,
            Command::CreateHook { name, room } => self.create_hook(name, room).await,
            Command::RevokeHook { hook } => self.revoke_hook(hook).await,
            Command::Reports => self.reports().await,
            Command::CreateReport { room, url } => self.create_report(room, url).await,
            Command::RevokeReport { report } => self.revoke_report(report).await,
            Command::ResumeReport { report } => self.resume_report(report).await,
            Command::Bots => self.bots().await,
            Command::CreateBot { name, rooms } => self.create_bot(name, rooms).await,
            Command::RevokeBot { name } => self.revoke_bot(name).await,
            Command::Certificate => Ok(self.certificate()),
            Command::RenewCertificate => self.renew_certificate().await,
            Command::Stats => self.stats().await,
            Command::Audit { limit } => self.audit(limit).await,
            Command::Backup { to } => self.backup(to).await,
            Command::Check => self.check().await,
            Command::Damage => self.damage().await,
            Command::Forward { to } => self.forward(to).await,
            Command::ComeHome => self.come_home().await,
            Command::Export => Err(Refusal::internal()),
        }
    }

    /// Gives every line of the canonical export to `take`, until it says no.
    async fn export(&self, mut take: impl FnMut(String) -> bool + Send + 'static) -> Result<(), Refusal> {
        may()?;
        self.note_if_it_can("export made").await?;
        let id = self.host.identity.id().clone();
        self.host.read(move |conn| Ok(export::write(conn, &id, &mut take)?)).await
    }

    /// Notes an act that changes nothing, unless the disk is full: then a copy elsewhere is worth the more.
    pub(crate) async fn note_if_it_can(&self, act: &'static str) -> Result<(), Refusal> {
        match self.commit((act, String::new()), |_| Ok(()), |(), _| {}).await {
            Err(refusal) if refusal.code == ErrorCode::ReadOnly => {
                tracing::warn!(act, "the audit log can't be told: the host can't write");
                Ok(())
            }
            noted => noted,
        }
    }

    /// Writes, notes `act` on `object` in the audit log, and waits for the commit. `then` tells the hub.
    pub(crate) async fn commit<T, W, S>(
        &self,
        act: (&'static str, String),
        work: W,
        then: S,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
        S: FnOnce(&T, &Arc<Hub>) + Send + 'static,
    {
        if let Some(moved) = self.host.moved.load_full().filter(|_| !STAYS.contains(&act.0)) {
            // The new place would miss it.
            return Err(forward::elsewhere(&moved));
        }
        let (answer, answered) = oneshot::channel();
        let work = move |conn: &Connection| -> Result<T, Denied> {
            let made = work(conn)?;
            audits::note(conn, None, act.0, &act.1, now())?;
            Ok(made)
        };
        let then = move |made: Result<T, Refusal>, hub: &Arc<Hub>| {
            if let Ok(made) = &made {
                then(made, hub);
            }
            // Whoever asked may have gone; what is done stays done.
            drop(answer.send(made));
        };
        self.host.committer.commit(work, then).await?;
        answered.await.unwrap_or_else(|_| Err(stopping()))
    }
}

/// There is none of that name or id. Who runs the machine may see everything, and is told where.
fn unknown(what: &str, list: &str) -> Refusal {
    let message = format!("there is no such {what}; `hearth-server {list}` shows them");
    Refusal::new(ErrorCode::NotFound, message)
}

/// Whoever runs the machine stands as the owner does, before the same function as everybody.
fn may() -> Result<(), Refusal> {
    permit(Role::Owner, Operation::Administer, Object::Host)
}
