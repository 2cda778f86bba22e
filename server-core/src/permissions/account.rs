//! What may be done to the account of another, and to one's own.

use protocol::Role;

use super::Operation;
use crate::error::Refusal;

/// The owner rules over everyone, administrators over members and guests.
pub(super) fn to_member(role: Role, operation: Operation, theirs: Role, own: bool) -> Result<(), Refusal> {
    use Operation as Op;
    let rules_over = |them: Role| match role {
        Role::Owner => them != Role::Owner,
        Role::Admin => matches!(them, Role::Member | Role::Guest),
        Role::Member | Role::Guest => false,
    };
    let allowed = match operation {
        Op::SetRole(Role::Owner) => role == Role::Owner && !own,
        Op::SetRole(new) => !own && rules_over(theirs) && rules_over(new),
        Op::RemoveAvatar => own || rules_over(theirs),
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
