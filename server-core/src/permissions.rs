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
        Op::JoinRoom | Op::LeaveRoom | Op::ReadRoom | Op::Post => Err(Refusal::not_found("room")),
    }
}

fn in_room(role: Role, operation: Operation, visibility: Visibility, inside: bool) -> Result<(), Refusal> {
    use Operation as Op;
    let findable = visibility == Visibility::Public && role != Role::Guest;
    match operation {
        _ if !inside && !findable => Err(Refusal::not_found("room")),
        Op::JoinRoom => Ok(()),
        Op::LeaveRoom | Op::ReadRoom | Op::Post if inside => Ok(()),
        Op::LeaveRoom | Op::ReadRoom | Op::Post => {
            Err(Refusal::forbidden("you are not in this room; join it first"))
        }
        _ => Err(Refusal::not_found("room")),
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
        ];
        for (operation, expected) in table {
            assert_eq!(row(operation, Object::Host), expected, "{operation:?}");
        }
    }

    #[test]
    fn the_table_of_rooms() {
        use Operation as Op;
        let inside = |visibility| Object::Room { visibility, inside: true };
        let outside = |visibility| Object::Room { visibility, inside: false };
        for visibility in [Visibility::Public, Visibility::Private, Visibility::Direct] {
            for operation in [Op::JoinRoom, Op::LeaveRoom, Op::ReadRoom, Op::Post] {
                assert_eq!(row(operation, inside(visibility)), "++++", "{operation:?}");
            }
        }
        assert_eq!(row(Op::JoinRoom, outside(Visibility::Public)), "+++n");
        for operation in [Op::LeaveRoom, Op::ReadRoom, Op::Post] {
            assert_eq!(row(operation, outside(Visibility::Public)), "fffn", "{operation:?}");
        }
        for visibility in [Visibility::Private, Visibility::Direct] {
            for operation in [Op::JoinRoom, Op::LeaveRoom, Op::ReadRoom, Op::Post] {
                assert_eq!(row(operation, outside(visibility)), "nnnn", "{operation:?}");
                assert_eq!(
                    permit(Role::Owner, operation, outside(visibility)),
                    permit(Role::Owner, operation, Object::Nothing)
                );
            }
        }
    }
}
