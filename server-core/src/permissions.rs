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
    /// A room.
    Room {
        /// Who can find it.
        visibility: Visibility,
        /// Whether the actor is in it.
        inside: bool,
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
        Object::Room { visibility, inside } => in_room(role, operation, visibility, inside),
    }
}

fn on_host(role: Role, operation: Operation) -> Result<(), Refusal> {
    use Operation as Op;
    let runs_host = matches!(role, Role::Owner | Role::Admin);
    match operation {
        Op::ListMembers => Ok(()),
        Op::ListDirectory | Op::CreateRoom if role != Role::Guest => Ok(()),
        Op::ListDirectory | Op::CreateRoom => {
            Err(Refusal::forbidden("guests talk in the rooms they were invited to"))
        }
        Op::CreateInvite(Role::Owner) => Err(Refusal::forbidden("a host has one owner")),
        Op::CreateInvite(Role::Admin) if role != Role::Owner => {
            Err(Refusal::forbidden("only the owner invites administrators"))
        }
        Op::CreateInvite(_) | Op::ListInvites | Op::RevokeInvite | Op::SetRegistration if runs_host => Ok(()),
        Op::CreateInvite(_) | Op::ListInvites | Op::RevokeInvite | Op::SetRegistration => {
            Err(Refusal::forbidden("only the owner and administrators may do this; ask one of them"))
        }
        Op::Administer if role == Role::Owner => Ok(()),
        Op::Administer => Err(Refusal::forbidden("only the owner may do this")),
        _ => Err(Refusal::not_found("room")),
    }
}

fn in_room(role: Role, operation: Operation, visibility: Visibility, inside: bool) -> Result<(), Refusal> {
    use Operation as Op;
    let findable = visibility == Visibility::Public && role != Role::Guest;
    match operation {
        _ if !inside && !findable => Err(Refusal::not_found("room")),
        Op::JoinRoom => Ok(()),
        _ if !is_about_rooms(operation) => Err(Refusal::not_found("room")),
        _ if !inside => Err(Refusal::forbidden("you are not in this room; join it first")),
        _ => as_insider(role, operation),
    }
}

fn is_about_rooms(operation: Operation) -> bool {
    use Operation as Op;
    match operation {
        Op::JoinRoom
        | Op::LeaveRoom
        | Op::ReadRoom
        | Op::Post
        | Op::MentionRoom
        | Op::EditMessage(_)
        | Op::DeleteMessage(_)
        | Op::React
        | Op::Pin
        | Op::ReadRevisions(_) => true,
        Op::ListDirectory
        | Op::CreateRoom
        | Op::ListMembers
        | Op::CreateInvite(_)
        | Op::ListInvites
        | Op::RevokeInvite
        | Op::SetRegistration
        | Op::Administer => false,
    }
}

fn as_insider(role: Role, operation: Operation) -> Result<(), Refusal> {
    use Authorship::Foreign;
    use Operation as Op;
    let runs_host = matches!(role, Role::Owner | Role::Admin);
    match operation {
        Op::EditMessage(Foreign) => Err(Refusal::forbidden("only its author may edit a message")),
        Op::DeleteMessage(Foreign) | Op::ReadRevisions(Foreign) if !runs_host => {
            Err(Refusal::forbidden("only its author, the owner and administrators may do this"))
        }
        Op::MentionRoom | Op::Pin if role == Role::Guest => {
            Err(Refusal::forbidden("guests may not do this; ask a member"))
        }
        _ => Ok(()),
    }
}

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

    /// What those in a room may do there.
    const INSIDE: [(Operation, &str); 13] = [
        (Operation::JoinRoom, "++++"),
        (Operation::LeaveRoom, "++++"),
        (Operation::ReadRoom, "++++"),
        (Operation::Post, "++++"),
        (Operation::MentionRoom, "+++f"),
        (Operation::EditMessage(Authorship::Own), "++++"),
        (Operation::EditMessage(Authorship::Foreign), "ffff"),
        (Operation::DeleteMessage(Authorship::Own), "++++"),
        (Operation::DeleteMessage(Authorship::Foreign), "++ff"),
        (Operation::React, "++++"),
        (Operation::Pin, "+++f"),
        (Operation::ReadRevisions(Authorship::Own), "++++"),
        (Operation::ReadRevisions(Authorship::Foreign), "++ff"),
    ];

    #[test]
    fn the_table_of_rooms() {
        use Operation as Op;
        let inside = |visibility| Object::Room { visibility, inside: true };
        let outside = |visibility| Object::Room { visibility, inside: false };
        for visibility in [Visibility::Public, Visibility::Private, Visibility::Direct] {
            for (operation, expected) in INSIDE {
                assert_eq!(row(operation, inside(visibility)), expected, "{operation:?}");
            }
        }
        assert_eq!(row(Op::JoinRoom, outside(Visibility::Public)), "+++n");
        for (operation, _) in INSIDE.into_iter().skip(1) {
            assert_eq!(row(operation, outside(Visibility::Public)), "fffn", "{operation:?}");
        }
        for visibility in [Visibility::Private, Visibility::Direct] {
            for (operation, _) in INSIDE {
                assert_eq!(row(operation, outside(visibility)), "nnnn", "{operation:?}");
                assert_eq!(
                    permit(Role::Owner, operation, outside(visibility)),
                    permit(Role::Owner, operation, Object::Nothing)
                );
            }
        }
    }
}
