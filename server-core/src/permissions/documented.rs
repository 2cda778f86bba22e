//! The table of `docs/security.md` is what the function says, cell by cell, and names every operation.

use protocol::{ErrorCode, Role, Visibility};

use super::{Authorship, Object, Operation, permit};

const ROLES: [Role; 4] = [Role::Owner, Role::Admin, Role::Member, Role::Guest];

const ON_HOST: [Operation; 13] = [
    Operation::ListMembers,
    Operation::ListDirectory,
    Operation::CreateRoom,
    Operation::OpenDirect,
    Operation::CreateInvite(Role::Guest),
    Operation::CreateInvite(Role::Member),
    Operation::CreateInvite(Role::Admin),
    Operation::ListInvites,
    Operation::RevokeInvite,
    Operation::SetRegistration,
    Operation::SeeStatistics,
    Operation::ManageBots,
    Operation::Administer,
];

const IN_ROOMS: [Operation; 29] = [
    Operation::JoinRoom,
    Operation::LeaveRoom,
    Operation::SeeRoom,
    Operation::ReadRoom,
    Operation::ListRoomMembers,
    Operation::Post,
    Operation::React,
    Operation::EditMessage(Authorship::Own),
    Operation::EditMessage(Authorship::Foreign),
    Operation::DeleteMessage(Authorship::Own),
    Operation::DeleteMessage(Authorship::Foreign),
    Operation::ReadRevisions(Authorship::Own),
    Operation::ReadRevisions(Authorship::Foreign),
    Operation::SeeDelivery(Authorship::Own),
    Operation::SeeDelivery(Authorship::Foreign),
    Operation::MentionRoom,
    Operation::Pin,
    Operation::SetTopic,
    Operation::AddToRoom,
    Operation::RenameRoom,
    Operation::SetRoomAvatar,
    Operation::SetReading,
    Operation::SetRetention,
    Operation::ManageHooks,
    Operation::ListHooks,
    Operation::ArchiveRoom,
    Operation::RemoveFromRoom,
    Operation::SetRoomRole,
    Operation::DeleteRoom,
];

const TO_ACCOUNTS: [Operation; 7] = [
    Operation::SetRole(Role::Guest),
    Operation::SetRole(Role::Member),
    Operation::SetRole(Role::Admin),
    Operation::SetRole(Role::Owner),
    Operation::SetStanding,
    Operation::DeleteAccount,
    Operation::RemoveAvatar,
];

fn cell(role: Role, operation: Operation, object: Object) -> &'static str {
    match permit(role, operation, object).map_err(|refusal| refusal.code) {
        Ok(()) => "yes",
        Err(ErrorCode::Forbidden) => "no",
        Err(ErrorCode::NotFound) => "hidden",
        Err(_) => "?",
    }
}

fn line(operation: Operation, cells: impl IntoIterator<Item = &'static str>) -> String {
    let cells = cells.into_iter().collect::<Vec<_>>().join(" | ");
    format!("| `{operation:?}` | {cells} |")
}

fn room(visibility: Visibility, inside: bool, runs: bool, archived: bool) -> Object {
    Object::Room { visibility, inside, runs, archived }
}

/// The columns of the table of rooms.
fn in_rooms(operation: Operation) -> String {
    use Visibility::{Direct, Private, Public};
    let columns = [
        (Role::Owner, room(Private, true, false, false)),
        (Role::Admin, room(Private, true, false, false)),
        (Role::Member, room(Private, true, true, false)),
        (Role::Member, room(Private, true, false, false)),
        (Role::Guest, room(Private, true, false, false)),
        (Role::Member, room(Direct, true, false, false)),
        (Role::Member, room(Public, true, true, true)),
        (Role::Member, room(Public, false, false, false)),
        (Role::Owner, room(Private, false, false, false)),
    ];
    line(operation, columns.map(|(role, object)| cell(role, operation, object)))
}

fn lines() -> Vec<String> {
    let on_host =
        ON_HOST.map(|operation| line(operation, ROLES.map(|role| cell(role, operation, Object::Host))));
    let to_accounts = TO_ACCOUNTS.map(|operation| {
        let to = |theirs, own| move |role| cell(role, operation, Object::Member { role: theirs, own });
        let member = ROLES.map(to(Role::Member, false));
        let admin = ROLES.map(to(Role::Admin, false));
        line(operation, member.into_iter().chain(admin))
    });
    on_host.into_iter().chain(IN_ROOMS.map(in_rooms)).chain(to_accounts).collect()
}

#[test]
fn the_document_has_every_operation_with_every_cell_as_the_function_says() {
    let document = include_str!("../../../docs/security.md");
    let documented = document.lines().filter(|line| line.starts_with("| `")).collect::<Vec<_>>();
    assert_eq!(lines().join("\n"), documented.join("\n"));
}

/// Whether an operation leaves an entry in the audit log: what changes other people's accounts and rights, rooms,
/// programs or the host. `tests/it/audit.rs` does all of it and looks.
fn is_noted(operation: Operation) -> bool {
    use Operation as Op;
    match operation {
        Op::CreateRoom
        | Op::RenameRoom
        | Op::SetTopic
        | Op::SetRoomAvatar
        | Op::SetReading
        | Op::ArchiveRoom
        | Op::DeleteRoom
        | Op::AddToRoom
        | Op::RemoveFromRoom
        | Op::SetRoomRole
        | Op::CreateInvite(_)
        | Op::RevokeInvite
        | Op::Administer
        | Op::SetRole(_)
        | Op::SetStanding
        | Op::DeleteAccount
        | Op::RemoveAvatar
        | Op::DeleteMessage(Authorship::Foreign)
        | Op::SetRetention
        | Op::ManageHooks
        | Op::ListHooks
        | Op::ManageBots
        | Op::SetRegistration => true,
        // Reading.
        Op::ListDirectory
        | Op::ReadRoom
        | Op::SeeRoom
        | Op::ReadRevisions(_)
        | Op::SeeDelivery(_)
        | Op::ListRoomMembers
        | Op::ListMembers
        | Op::ListInvites
        | Op::SeeStatistics => false,
        // One's own doing, which the rooms' logs tell.
        Op::JoinRoom
        | Op::LeaveRoom
        | Op::OpenDirect
        | Op::Post
        | Op::MentionRoom
        | Op::EditMessage(_)
        | Op::DeleteMessage(Authorship::Own)
        | Op::React
        | Op::Pin => false,
    }
}

#[test]
fn the_document_names_what_leaves_an_entry_in_the_audit_log() {
    let document = include_str!("../../../docs/security.md");
    let (_, rest) = document.split_once("these leave an entry: ").expect("the list begins so");
    let (list, _) = rest.split_once(". ").expect("the list is a sentence");
    let mut named = list.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let all = ON_HOST.into_iter().chain(IN_ROOMS).chain(TO_ACCOUNTS);
    let mut noted =
        all.filter(|operation| is_noted(*operation)).map(|op| format!("{op:?}")).collect::<Vec<_>>();
    named.sort();
    noted.sort();
    assert_eq!(named, noted);
}
