//! What may be done to the host as a whole.

use protocol::Role;

use super::Operation;
use crate::error::Refusal;

/// Whether someone with `role` may do `operation` to the host.
pub(super) fn on_host(role: Role, operation: Operation) -> Result<(), Refusal> {
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
        | Op::ManageBots
            if runs_host =>
        {
            Ok(())
        }
        Op::CreateInvite(_)
        | Op::ListInvites
        | Op::RevokeInvite
        | Op::SetRegistration
        | Op::SeeStatistics
        | Op::ManageBots => {
            Err(Refusal::forbidden("only the owner and administrators may do this; ask one of them"))
        }
        Op::Administer if role == Role::Owner => Ok(()),
        Op::Administer => Err(Refusal::forbidden("only the owner may do this")),
        _ => Err(Refusal::not_found("room")),
    }
}
