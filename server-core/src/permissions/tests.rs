//! The function against tables written by hand: one letter per role.

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
        (Op::RemoveAvatar, ["ffff", "+fff", "++ff", "++ff"]),
    ];
    for (operation, expected) in table {
        for (theirs, expected) in ROLES.into_iter().zip(expected) {
            let object = Object::Member { role: theirs, own: false };
            assert_eq!(row(operation, object), expected, "{operation:?} to {theirs:?}");
            let own = permit(theirs, operation, Object::Member { role: theirs, own: true });
            let may =
                operation == Op::RemoveAvatar || (operation == Op::DeleteAccount && theirs != Role::Owner);
            assert_eq!(own.is_ok(), may, "{operation:?} to oneself as {theirs:?}");
        }
    }
}

/// What those in a room may do there: who does not run it, then who does.
const INSIDE: [(Operation, &str, &str); 26] = [
    (Operation::JoinRoom, "++++", "++++"),
    (Operation::LeaveRoom, "++++", "++++"),
    (Operation::ReadRoom, "++++", "++++"),
    (Operation::Post, "++++", "++++"),
    (Operation::MentionRoom, "+++f", "+++f"),
    (Operation::EditMessage(Authorship::Own), "++++", "++++"),
    (Operation::EditMessage(Authorship::Foreign), "ffff", "ffff"),
    (Operation::DeleteMessage(Authorship::Own), "++++", "++++"),
    (Operation::DeleteMessage(Authorship::Foreign), "++ff", "+++f"),
    (Operation::React, "++++", "++++"),
    (Operation::Pin, "+++f", "+++f"),
    (Operation::ReadRevisions(Authorship::Own), "++++", "++++"),
    (Operation::ReadRevisions(Authorship::Foreign), "++ff", "+++f"),
    (Operation::SeeDelivery(Authorship::Own), "++++", "++++"),
    (Operation::SeeDelivery(Authorship::Foreign), "ffff", "ffff"),
    (Operation::ListRoomMembers, "++++", "++++"),
    (Operation::SetTopic, "+++f", "+++f"),
    (Operation::AddToRoom, "+++f", "+++f"),
    (Operation::RenameRoom, "++ff", "+++f"),
    (Operation::SetRoomAvatar, "++ff", "+++f"),
    (Operation::SetReading, "++ff", "+++f"),
    (Operation::ArchiveRoom, "++ff", "+++f"),
    (Operation::DeleteRoom, "++ff", "+++f"),
    (Operation::RemoveFromRoom, "++ff", "+++f"),
    (Operation::SetRoomRole, "++ff", "+++f"),
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
    for (operation, ..) in INSIDE.into_iter().skip(1).take(24) {
        assert_eq!(row(operation, room(Visibility::Public, false, false)), "fffn", "{operation:?}");
    }
}

#[test]
fn a_room_is_seen_by_those_inside_and_a_public_one_by_all_but_guests() {
    use Visibility::{Direct, Private, Public};
    for archived in [false, true] {
        for (visibility, inside, expected) in [
            (Public, true, "++++"),
            (Public, false, "+++n"),
            (Private, true, "++++"),
            (Private, false, "nnnn"),
            (Direct, true, "++++"),
            (Direct, false, "nnnn"),
        ] {
            let object = Object::Room { visibility, inside, runs: false, archived };
            assert_eq!(row(Operation::SeeRoom, object), expected, "{visibility:?} {inside}");
        }
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
    for (operation, _, running) in INSIDE.into_iter().take(23) {
        let settled = matches!(
            operation,
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
        (Operation::ReadRevisions(Authorship::Own), "++++"),
        (Operation::ReadRevisions(Authorship::Foreign), "+++f"),
        (Operation::ArchiveRoom, "+++f"),
        (Operation::DeleteRoom, "+++f"),
        (Operation::Post, "ffff"),
        (Operation::RenameRoom, "ffff"),
        (Operation::SetRoomAvatar, "ffff"),
        (Operation::SetTopic, "ffff"),
        (Operation::AddToRoom, "ffff"),
        (Operation::RemoveFromRoom, "ffff"),
        (Operation::SetRoomRole, "ffff"),
    ] {
        assert_eq!(row(operation, archived(true)), expected, "{operation:?}");
    }
    assert_eq!(row(Operation::JoinRoom, archived(false)), "fffn");
}
