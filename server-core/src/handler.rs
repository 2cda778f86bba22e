//! What each request does: looks up, asks the permission function, writes through the committer.

pub(crate) mod accounts;
pub(crate) mod avatars;
pub(crate) mod behalf;
pub(crate) mod delivery;
pub(crate) mod history;
#[cfg(test)]
mod in_flight;
pub(crate) mod invites;
pub(crate) mod marks;
pub(crate) mod members;
pub(crate) mod messages;
pub(crate) mod pass;
pub(crate) mod people;
pub(crate) mod pins;
pub(crate) mod presence;
pub(crate) mod programs;
pub(crate) mod reactions;
pub(crate) mod retention;
pub(crate) mod room_members;
pub(crate) mod room_settings;
pub(crate) mod rooms;
pub(crate) mod search;
pub(crate) mod second_factor;
pub(crate) mod sessions;
#[cfg(test)]
pub(crate) mod stage;
pub(crate) mod succession;
pub(crate) mod sync;
#[cfg(test)]
mod taken_away;
pub(crate) mod threads;

use std::sync::Arc;

use protocol::{DeviceId, MemberId, Reply, Role, RoomId, RoomRole, Standing, Visibility};
use vault::rusqlite::Connection;

use crate::admission::session_ended;
use crate::error::Refusal;
use crate::host::Host;
use crate::hub::rights::Ends;
use crate::hub::state::ConnectionId;
use crate::hub::{Hub, Outlet};
use crate::permissions::{Object, Operation, permit};
use crate::store::Denied;
use crate::store::table::{members as member_rows, relations, rooms as room_rows};
use pass::Pass;

/// A handler's answer: `None` when the write path will answer.
pub(crate) type Answer = Result<Option<Reply>, Refusal>;

/// Who asks: the connection a request came by, and the pass by which it was let in.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) host: Arc<Host>,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) connection: ConnectionId,
    pub(crate) member: MemberId,
    pub(crate) pass: Pass,
    /// Whether they must set up a second factor before anything else.
    pub(crate) aside: bool,
}

impl Caller {
    /// The device that asks; of a program, none that there is.
    fn device(&self) -> DeviceId {
        self.pass.device()
    }

    /// Asks the store, as long as the pass is good.
    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (member, pass) = (self.member, self.pass);
        let asked = move |conn: &Connection| {
            pass.check(conn, member)?;
            question(conn)
        };
        self.host.read(asked).await
    }

    /// Queues `work` for the write path, which does it as long as the pass is good: it may have ended while this
    /// waited. `then` runs after the commit.
    async fn submit<T, W, S>(&self, work: W, then: S) -> Result<(), Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
        S: FnOnce(Result<T, Refusal>, &Arc<Hub>) + Send + 'static,
    {
        let (member, pass) = (self.member, self.pass);
        let work = move |conn: &Connection| {
            pass.check(conn, member)?;
            work(conn)
        };
        self.host.committer.commit(work, then).await
    }

    /// How often rights of the one who asks have ended, before a question is asked.
    pub(crate) fn ends(&self) -> Ends {
        self.host.hub.rights().ends(self.member)
    }

    /// Runs `tell` unless a right of the one who asks has ended since. Says whether it did.
    pub(crate) fn unless_ended(&self, since: Ends, tell: impl FnOnce()) -> bool {
        self.host.hub.rights().unless_ended(self.member, since, tell).is_some()
    }

    /// Writes, and answers `req` after the commit with what `then` makes of it.
    async fn commit<T, W, S>(&self, req: u32, work: W, then: S) -> Answer
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
        S: FnOnce(T, &Hub) -> Reply + Send + 'static,
    {
        let outlet = Arc::clone(&self.outlet);
        let then = move |made: Result<T, Refusal>, hub: &Arc<Hub>| {
            let answer = made.map(|made| then(made, hub));
            hub.answer(&outlet, req, answer);
        };
        self.submit(work, then).await?;
        Ok(None)
    }

    /// [`Caller::commit`] whose answer counts what is on the logs: it comes after the events committed before it, and
    /// before those committed after it.
    async fn commit_in_order<T, W, S>(&self, req: u32, work: W, then: S) -> Answer
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Denied> + Send + 'static,
        S: FnOnce(T, &Hub) -> Reply + Send + 'static,
    {
        let outlet = Arc::clone(&self.outlet);
        let then = move |made: Result<T, Refusal>, hub: &Arc<Hub>| {
            let answer = made.map(|made| then(made, hub));
            hub.answer_in_order(&outlet, req, answer);
        };
        self.submit(work, then).await?;
        Ok(None)
    }
}

/// The role of `member` as stored at this moment, if the account stands.
fn role(conn: &Connection, member: MemberId) -> Result<Role, Denied> {
    match member_rows::account(conn, member)? {
        Some((role, Standing::Active)) => Ok(role),
        _ => Err(session_ended().into()),
    }
}

/// Whether `member` may do `operation` to the host.
fn authorise(conn: &Connection, member: MemberId, operation: Operation) -> Result<(), Denied> {
    Ok(permit(role(conn, member)?, operation, Object::Host)?)
}

/// Whether `member` may do `operation` to `room`; says whether they are in it.
fn authorise_in(
    conn: &Connection,
    member: MemberId,
    operation: Operation,
    room: RoomId,
) -> Result<bool, Denied> {
    let standing = room_rows::standing(conn, room, member)?;
    let object = standing.map_or(Object::Nothing, |standing| Object::Room {
        visibility: standing.visibility,
        inside: standing.role.is_some(),
        runs: standing.role == Some(RoomRole::Admin),
        archived: standing.archived,
    });
    permit(role(conn, member)?, operation, object)?;
    let talks_alone = standing.is_some_and(|standing| standing.visibility == Visibility::Direct);
    if reaches_others(operation) && talks_alone && relations::is_silenced(conn, room, member)? {
        return Err(Refusal::forbidden("there are no direct messages between you and this member").into());
    }
    Ok(standing.is_some_and(|standing| standing.role.is_some()))
}

/// Whether what is done says something to the others in a room.
fn reaches_others(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Post
            | Operation::EditMessage(_)
            | Operation::React
            | Operation::Pin
            | Operation::MentionRoom
    )
}
