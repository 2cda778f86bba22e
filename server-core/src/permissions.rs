//! Who may do what: one pure function for every entrance.
//!
//! It knows no store and no clock; whoever calls it looks the actor and the object up first. What is not there and
//! what may not be seen get the same answer.

mod account;
#[cfg(test)]
mod documented;
mod host;
mod room;
#[cfg(test)]
mod tests;

use protocol::{Role, Visibility};

use crate::error::Refusal;
use account::to_member;
use host::on_host;
use room::{as_insider, in_room};

/// What someone wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// See the rooms that anyone may find.
    ListDirectory,
    /// Make a room.
    CreateRoom,
    /// Come into a room by oneself.
    JoinRoom,
    /// Go out of a room.
    LeaveRoom,
    /// See how a room is called, what it is about and its picture.
    SeeRoom,
    /// Read a room's log.
    ReadRoom,
    /// Post in a room.
    Post,
    /// Mention everyone in a room.
    MentionRoom,
    /// Give a message another text.
    EditMessage(Authorship),
    /// Take a message away.
    DeleteMessage(Authorship),
    /// Put an emoji under a message, or take one's own back.
    React,
    /// Pin a message to a room, or take it down.
    Pin,
    /// See what a message said before it was edited.
    ReadRevisions(Authorship),
    /// See how many devices have got a message.
    SeeDelivery(Authorship),
    /// Open a direct room with others.
    OpenDirect,
    /// Give a room another name.
    RenameRoom,
    /// Say what a room is about.
    SetTopic,
    /// Give a room a picture, or take it away.
    SetRoomAvatar,
    /// Say from where on those who come into a room may read.
    SetReading,
    /// Close a room to everything but reading, or open it again.
    ArchiveRoom,
    /// Delete a room and what was said in it.
    DeleteRoom,
    /// See who is in a room.
    ListRoomMembers,
    /// Bring someone into a room.
    AddToRoom,
    /// Take someone out of a room.
    RemoveFromRoom,
    /// Say what someone may do in a room.
    SetRoomRole,
    /// See who is a member of the host.
    ListMembers,
    /// Make an invite for someone to become this.
    CreateInvite(Role),
    /// See living invites.
    ListInvites,
    /// End an invite.
    RevokeInvite,
    /// What the command line of the host's own machine does.
    Administer,
    /// Say what a member is on the host.
    SetRole(Role),
    /// Put an account aside, send it away, or let it in again.
    SetStanding,
    /// Delete an account.
    DeleteAccount,
    /// Take the picture of a member away.
    RemoveAvatar,
    /// See how much the host is used.
    SeeStatistics,
    /// Say for how long a room keeps what is said in it.
    SetRetention,
    /// Make hooks: programs that post into a room or are told of it.
    ManageHooks,
    /// See a room's hooks, and end them.
    ListHooks,
    /// See, make and end bots.
    ManageBots,
    /// Say who may register without an invite.
    SetRegistration,
}

/// Whose message it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authorship {
    /// The actor's.
    Own,
    /// Someone else's.
    Foreign,
}

impl Authorship {
    pub(crate) fn of(own: bool) -> Self {
        if own { Self::Own } else { Self::Foreign }
    }
}

/// What it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Object {
    /// The host as a whole.
    Host,
    /// Something that is not there.
    Nothing,
    /// An account.
    Member {
        /// What it is on the host.
        role: Role,
        /// Whether it is the actor's.
        own: bool,
    },
    /// A room.
    Room {
        /// Who can find it.
        visibility: Visibility,
        /// Whether the actor is in it.
        inside: bool,
        /// Whether the actor, being in it, runs it.
        runs: bool,
        /// Whether it can only be read.
        archived: bool,
    },
}

/// Whether someone with `role` may do `operation` to `object`.
///
/// # Errors
/// The refusal to send.
pub(crate) fn permit(role: Role, operation: Operation, object: Object) -> Result<(), Refusal> {
    match object {
        Object::Host => on_host(role, operation),
        Object::Nothing => Err(Refusal::not_found("room")),
        Object::Member { role: theirs, own } => to_member(role, operation, theirs, own),
        Object::Room { visibility, inside, runs, archived } => {
            in_room(role, operation, (visibility, archived), inside)?;
            match inside {
                true => as_insider(role, operation, visibility, runs),
                false => Ok(()),
            }
        }
    }
}
