//! Who may do what: one pure function for every entrance.
//!
//! It knows no store and no clock; whoever calls it looks the actor and the object up first. What is not there and
//! what may not be seen get the same answer.

use protocol::{Role, Visibility};

use crate::error::Refusal;

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
    /// Open a direct room with others.
    OpenDirect,
    /// Give a room another name.
    RenameRoom,
    /// Say what a room is about.
    SetTopic,
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
    /// See how much the host is used.
    SeeStatistics,
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

fn on_host(role: Role, operation: Operation) -> Result<(), Refusal> {
    use Operation as Op;
    let runs_host = matches!(role, Role::Owner | Role::Admin);
    match operation {
        Op::ListMembers => Ok(()),
        Op::ListDirectory | Op::CreateRoom | Op::OpenDirect if role != Role::Guest => Ok(()),
        Op::ListDirectory | Op::CreateRoom | Op::OpenDirect => {
            Err(Refusal::forbidden("guests talk in the rooms they were invited to"))
        }
        Op::CreateInvite(Role::Owner) => Err(Refusal::forbidden("a host has one owner")),
        Op::CreateInvite(Role::Admin) if role != Role::Owner => {
            Err(Refusal::forbidden("only the owner invites administrators"))
        }
        Op::CreateInvite(_)
        | Op::ListInvites
        | Op::RevokeInvite
        | Op::SetRegistration
        | Op::SeeStatistics
            if runs_host =>
        {
            Ok(())
        }
        Op::CreateInvite(_)
        | Op::ListInvites
        | Op::RevokeInvite
        | Op::SetRegistration
        | Op::SeeStatistics => {
            Err(Refusal::forbidden("only the owner and administrators may do this; ask one of them"))
        }
        Op::Administer if role == Role::Owner => Ok(()),
        Op::Administer => Err(Refusal::forbidden("only the owner may do this")),
        _ => Err(Refusal::not_found("room")),
    }
}

/// The owner rules over everyone, administrators over members and guests.
fn to_member(role: Role, operation: Operation, theirs: Role, own: bool) -> Result<(), Refusal> {
    use Operation as Op;
    let rules_over = |them: Role| match role {
        Role::Owner => them != Role::Owner,
        Role::Admin => matches!(them, Role::Member | Role::Guest),
        Role::Member | Role::Guest => false,
    };
    let allowed = match operation {
        Op::SetRole(Role::Owner) => role == Role::Owner && !own,
        Op::SetRole(new) => !own && rules_over(theirs) && rules_over(new),
        Op::SetStanding => !own && rules_over(theirs),
        Op::DeleteAccount if own => theirs != Role::Owner,
        Op::DeleteAccount => rules_over(theirs),
        _ => return Err(Refusal::not_found("member")),
    };
    match allowed {
        true => Ok(()),
        false if own && role == Role::Owner => {
            Err(Refusal::forbidden("a host has an owner; hand it over to another member first"))
        }
        false => Err(Refusal::forbidden("only the owner and administrators may do this; ask one of them")),
    }
}

/// Whether the room is there for someone, and open to what they want.
fn in_room(
    role: Role,
    operation: Operation,
    (visibility, archived): (Visibility, bool),
    inside: bool,
) -> Result<(), Refusal> {
    use Operation as Op;
    let findable = visibility == Visibility::Public && role != Role::Guest;
    match operation {
        _ if !inside && !findable => Err(Refusal::not_found("room")),
        _ if !is_about_rooms(operation) => Err(Refusal::not_found("room")),
        Op::JoinRoom if inside => Ok(()),
        _ if archived && !is_left_to_archived(operation) => {
            Err(Refusal::forbidden("this room is archived: it can be read, and nothing is said in it"))
        }
        Op::JoinRoom => Ok(()),
        _ if !inside => Err(Refusal::forbidden("you are not in this room; join it first")),
        _ => Ok(()),
    }
}

/// What those in a room may do there.
fn as_insider(role: Role, operation: Operation, visibility: Visibility, runs: bool) -> Result<(), Refusal> {
    use Operation as Op;
    let runs = runs || matches!(role, Role::Owner | Role::Admin);
    match operation {
        Op::LeaveRoom
        | Op::RenameRoom
        | Op::SetTopic
        | Op::SetReading
        | Op::ArchiveRoom
        | Op::DeleteRoom
        | Op::AddToRoom
        | Op::RemoveFromRoom
        | Op::SetRoomRole
            if visibility == Visibility::Direct =>
        {
            Err(Refusal::forbidden("a direct room stays as it is, between those it is between"))
        }
        Op::RenameRoom
        | Op::SetReading
        | Op::ArchiveRoom
        | Op::DeleteRoom
        | Op::RemoveFromRoom
        | Op::SetRoomRole
            if !runs =>
        {
            Err(Refusal::forbidden("only the room's admins may do this; ask one of them"))
        }
        Op::EditMessage(Authorship::Foreign) => Err(Refusal::forbidden("only its author may edit a message")),
        Op::DeleteMessage(Authorship::Foreign) | Op::ReadRevisions(Authorship::Foreign) if !runs => {
            Err(Refusal::forbidden("only its author and the room's admins may do this"))
        }
        Op::SetTopic | Op::AddToRoom | Op::MentionRoom | Op::Pin if role == Role::Guest => {
            Err(Refusal::forbidden("guests may not do this; ask a member"))
        }
        _ => Ok(()),
    }
}

fn is_left_to_archived(operation: Operation) -> bool {
    use Operation as Op;
    matches!(operation, Op::LeaveRoom | Op::ReadRoom | Op::ListRoomMembers | Op::ArchiveRoom | Op::DeleteRoom)
}

fn is_about_rooms(operation: Operation) -> bool {
    use Operation as Op;
    !matches!(
        operation,
        Op::ListDirectory
            | Op::CreateRoom
            | Op::OpenDirect
            | Op::ListMembers
            | Op::CreateInvite(_)
            | Op::ListInvites
            | Op::RevokeInvite
            | Op::SetRole(_)
            | Op::SetStanding
            | Op::DeleteAccount
            | Op::SetRegistration
            | Op::SeeStatistics
            | Op::Administer
    )
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod tests {
    use protocol::ErrorCode;

    use super::*;

    const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Guest];

    /// `+` allowed, `f` forbidden, `n` not found; one letter per role in the order of [`ROLES`].
    fn row(operation: Operation, object: Object) -> String {
        ROLES
            .iter()
            .map(|role| match permit(*role, operation, object) {
                Ok(()) => '+',
                Err(refusal) if refusal.code == ErrorCode::Forbidden => 'f',
                Err(refusal) if refusal.code == ErrorCode::NotFound => 'n',
                Err(_) => '?',
            })
            .collect()
    }

    #[test]
    fn the_table_of_the_host() {
        use Operation as Op;
        let table = [
            (Op::ListMembers, "++++"),
            (Op::ListDirectory, "+++f"),
            (Op::CreateRoom, "+++f"),
            (Op::CreateInvite(Role::Owner), "ffff"),
            (Op::CreateInvite(Role::Admin), "+fff"),
            (Op::CreateInvite(Role::Member), "++ff"),
            (Op::CreateInvite(Role::Guest), "++ff"),
            (Op::ListInvites, "++ff"),
            (Op::RevokeInvite, "++ff"),
            (Op::SetRegistration, "++ff"),
            (Op::SeeStatistics, "++ff"),
            (Op::Administer, "+fff"),
            (Op::JoinRoom, "nnnn"),
            (Op::LeaveRoom, "nnnn"),
            (Op::ReadRoom, "nnnn"),
            (Op::Post, "nnnn"),
            (Op::MentionRoom, "nnnn"),
            (Op::EditMessage(Authorship::Own), "nnnn"),
            (Op::DeleteMessage(Authorship::Foreign), "nnnn"),
            (Op::React, "nnnn"),
            (Op::Pin, "nnnn"),
            (Op::ReadRevisions(Authorship::Own), "nnnn"),
        ];
        for (operation, expected) in table {
            assert_eq!(row(operation, Object::Host), expected, "{operation:?}");
        }
    }

    /// Rows: what is wanted; columns: the account's role, in the order of [`ROLES`].
    #[test]
    fn the_table_of_accounts() {
        use Operation as Op;
        let table = [
            (Op::SetRole(Role::Owner), ["+fff", "+fff", "+fff", "+fff"]),
            (Op::SetRole(Role::Admin), ["ffff", "+fff", "+fff", "+fff"]),
            (Op::SetRole(Role::Member), ["ffff", "+fff", "++ff", "++ff"]),
            (Op::SetRole(Role::Guest), ["ffff", "+fff", "++ff", "++ff"]),
            (Op::SetStanding, ["ffff", "+fff", "++ff", "++ff"]),
            (Op::DeleteAccount, ["ffff", "+fff", "++ff", "++ff"]),
        ];
        for (operation, expected) in table {
            for (theirs, expected) in ROLES.into_iter().zip(expected) {
                let object = Object::Member { role: theirs, own: false };
                assert_eq!(row(operation, object), expected, "{operation:?} to {theirs:?}");
                let own = permit(theirs, operation, Object::Member { role: theirs, own: true });
                let leaves = operation == Op::DeleteAccount && theirs != Role::Owner;
                assert_eq!(own.is_ok(), leaves, "{operation:?} to oneself as {theirs:?}");
            }
        }
    }

    /// What those in a room may do there: who does not run it, then who does.
    const INSIDE: [(Operation, &str, &str); 23] = [
        (Operation::JoinRoom, "++++", "++++"),
        (Operation::LeaveRoom, "++++", "++++"),
        (Operation::ReadRoom, "++++", "++++"),
        (Operation::Post, "++++", "++++"),
        (Operation::MentionRoom, "+++f", "+++f"),
        (Operation::EditMessage(Authorship::Own), "++++", "++++"),
        (Operation::EditMessage(Authorship::Foreign), "ffff", "ffff"),
        (Operation::DeleteMessage(Authorship::Own), "++++", "++++"),
        (Operation::DeleteMessage(Authorship::Foreign), "++ff", "++++"),
        (Operation::React, "++++", "++++"),
        (Operation::Pin, "+++f", "+++f"),
        (Operation::ReadRevisions(Authorship::Own), "++++", "++++"),
        (Operation::ReadRevisions(Authorship::Foreign), "++ff", "++++"),
        (Operation::ListRoomMembers, "++++", "++++"),
        (Operation::SetTopic, "+++f", "+++f"),
        (Operation::AddToRoom, "+++f", "+++f"),
        (Operation::RenameRoom, "++ff", "++++"),
        (Operation::SetReading, "++ff", "++++"),
        (Operation::ArchiveRoom, "++ff", "++++"),
        (Operation::DeleteRoom, "++ff", "++++"),
        (Operation::RemoveFromRoom, "++ff", "++++"),
        (Operation::SetRoomRole, "++ff", "++++"),
        (Operation::CreateRoom, "nnnn", "nnnn"),
    ];

    fn room(visibility: Visibility, inside: bool, runs: bool) -> Object {
        Object::Room { visibility, inside, runs, archived: false }
    }

    #[test]
    fn the_table_of_rooms() {
        for visibility in [Visibility::Public, Visibility::Private] {
            for (operation, plain, running) in INSIDE {
                assert_eq!(row(operation, room(visibility, true, false)), plain, "{operation:?}");
                assert_eq!(row(operation, room(visibility, true, true)), running, "{operation:?}");
            }
        }
        assert_eq!(row(Operation::JoinRoom, room(Visibility::Public, false, false)), "+++n");
        for (operation, ..) in INSIDE.into_iter().skip(1).take(21) {
            assert_eq!(row(operation, room(Visibility::Public, false, false)), "fffn", "{operation:?}");
        }
    }

    #[test]
    fn what_may_not_be_seen_looks_like_what_is_not_there() {
        for visibility in [Visibility::Private, Visibility::Direct] {
            for (operation, ..) in INSIDE {
                let outside = room(visibility, false, false);
                assert_eq!(row(operation, outside), "nnnn", "{operation:?}");
                let nothing = permit(Role::Owner, operation, Object::Nothing);
                assert_eq!(permit(Role::Owner, operation, outside), nothing);
            }
        }
    }

    #[test]
    fn a_direct_room_is_for_talking() {
        use Operation as Op;
        for (operation, _, running) in INSIDE.into_iter().take(22) {
            let settled = matches!(
                operation,
                Op::LeaveRoom
                    | Op::RenameRoom
                    | Op::SetTopic
                    | Op::SetReading
                    | Op::ArchiveRoom
                    | Op::DeleteRoom
                    | Op::AddToRoom
                    | Op::RemoveFromRoom
                    | Op::SetRoomRole
            );
            let expected = if settled { "ffff" } else { running };
            assert_eq!(row(operation, room(Visibility::Direct, true, true)), expected, "{operation:?}");
        }
    }

    #[test]
    fn an_archived_room_is_for_reading() {
        let archived =
            |inside| Object::Room { visibility: Visibility::Public, inside, runs: true, archived: true };
        for (operation, expected) in [
            (Operation::ReadRoom, "++++"),
            (Operation::LeaveRoom, "++++"),
            (Operation::ListRoomMembers, "++++"),
            (Operation::ArchiveRoom, "++++"),
            (Operation::DeleteRoom, "++++"),
            (Operation::Post, "ffff"),
            (Operation::RenameRoom, "ffff"),
            (Operation::SetTopic, "ffff"),
            (Operation::AddToRoom, "ffff"),
            (Operation::RemoveFromRoom, "ffff"),
            (Operation::SetRoomRole, "ffff"),
        ] {
            assert_eq!(row(operation, archived(true)), expected, "{operation:?}");
        }
        assert_eq!(row(Operation::JoinRoom, archived(false)), "fffn");
    }
}
