//! What may be done in a room: first whether it is there for someone, then what those inside may do.

use protocol::{Role, Visibility};

use super::{Authorship, Operation};
use crate::error::Refusal;

/// Whether the room is there for someone, and open to what they want.
pub(super) fn in_room(
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
        Op::SeeRoom => Ok(()),
        _ if archived && !is_left_to_archived(operation) => {
            Err(Refusal::forbidden("this room is archived: it can be read, and nothing is said in it"))
        }
        Op::JoinRoom => Ok(()),
        _ if !inside => Err(Refusal::forbidden("you are not in this room; join it first")),
        _ => Ok(()),
    }
}

/// What those in a room may do there.
pub(super) fn as_insider(
    role: Role,
    operation: Operation,
    visibility: Visibility,
    runs: bool,
) -> Result<(), Refusal> {
    use Operation as Op;
    // Who became a guest keeps the place among the room's admins, to have it again, and none of its rights.
    let runs = (runs && role != Role::Guest) || matches!(role, Role::Owner | Role::Admin);
    match operation {
        Op::LeaveRoom
        | Op::RenameRoom
        | Op::SetRoomAvatar
        | Op::SetTopic
        | Op::SetReading
        | Op::ArchiveRoom
        | Op::DeleteRoom
        | Op::AddToRoom
        | Op::RemoveFromRoom
        | Op::SetRoomRole
        | Op::SetRetention
        | Op::ManageHooks
        | Op::ListHooks
            if visibility == Visibility::Direct =>
        {
            Err(Refusal::forbidden("a direct room stays as it is, between those it is between"))
        }
        Op::RenameRoom
        | Op::SetRoomAvatar
        | Op::SetReading
        | Op::ArchiveRoom
        | Op::DeleteRoom
        | Op::RemoveFromRoom
        | Op::SetRoomRole
        | Op::SetRetention
        | Op::ManageHooks
        | Op::ListHooks
            if !runs =>
        {
            Err(Refusal::forbidden("only the room's admins may do this; ask one of them"))
        }
        Op::EditMessage(Authorship::Foreign) => Err(Refusal::forbidden("only its author may edit a message")),
        Op::SeeDelivery(Authorship::Foreign) => {
            Err(Refusal::forbidden("only its author may see who got a message"))
        }
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
    matches!(
        operation,
        Op::LeaveRoom
            | Op::ReadRoom
            | Op::ListRoomMembers
            | Op::ListHooks
            | Op::ArchiveRoom
            | Op::DeleteRoom
            | Op::SeeDelivery(_)
            | Op::ReadRevisions(_)
    )
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
            | Op::RemoveAvatar
            | Op::SetRegistration
            | Op::SeeStatistics
            | Op::ManageBots
            | Op::Administer
    )
}
