//! What a sign-in writes: each way in, once more and for good, in the one transaction that makes or finds the session.
//!
//! Refuses to rely on what was read before it: an invite, a password or the registration may have changed meanwhile.

use protocol::{
    DeviceId, ErrorCode, Event, MemberId, Progress, Registration, Role, Room, Secret, Standing, UnixMillis,
    limits,
};
use uuid::Uuid;
use vault::rusqlite::Connection;

use super::account::{Account, write_account};
use super::invite::{rooms_of, usable};
use super::password::check_known;
use super::way::{Way, registration_closed, session_ended};
use crate::config::{Limits, SecondFactor};
use crate::error::Refusal;
use crate::store::table::{
    audits, forwards, host, invites, marks, members, passwords, rooms, second_factors, sessions,
};
use crate::store::{Denied, stopping};

/// What a sign-in has made or found, committed.
pub(super) struct Entered {
    pub(super) member: members::Row,
    pub(super) device: DeviceId,
    pub(super) token: Option<Secret>,
    pub(super) rooms: Vec<Room>,
    pub(super) has_password: bool,
    pub(super) progress: Vec<Progress>,
    /// Whether the account is new.
    pub(super) made: bool,
    /// What a new account did to the rooms' logs.
    pub(super) events: Vec<Event>,
    /// Sessions that are over by it.
    pub(super) ended: Vec<DeviceId>,
    /// Of whom a second factor was asked, and whether it is missing here.
    pub(super) asked: (SecondFactor, bool),
}

/// `check` says whether the member may come in.
pub(super) fn write_return(
    conn: &Connection,
    hash: &[u8; 32],
    seen: (&str, &str),
    now: UnixMillis,
    check: impl Fn(MemberId) -> Result<(), Refusal>,
) -> Result<Entered, Denied> {
    if forwards::any(conn)? {
        return Err(stopping().into());
    }
    let (member, device) = sessions::by_token(conn, hash)?.ok_or_else(session_ended)?;
    check(member)?;
    sessions::seen(conn, device, seen, now)?;
    entered(conn, (member, device), None, Vec::new())
}

pub(super) fn write_entry(
    conn: &Connection,
    way: Way,
    seen: (&str, &str),
    (token, hash_of_token): (Secret, [u8; 32]),
    (limits, here): (&Limits, &[DeviceId]),
    now: UnixMillis,
) -> Result<Entered, Denied> {
    // Once more, where nothing can come between: who is let in here could write what the new place never sees.
    if forwards::any(conn)? {
        return Err(stopping().into());
    }
    // Of two tries at once, the second finds what the first has made.
    let way = match sessions::by_token(conn, &hash_of_token)? {
        Some((member, _)) => Way::Session(hash_of_token, member),
        None => way,
    };
    let mut ended = Vec::new();
    let made = matches!(way, Way::Invite(..) | Way::Registration(_));
    let (member, events) = match way {
        Way::Session(hash, _) => {
            let (member, device) = sessions::by_token(conn, &hash)?.ok_or_else(session_ended)?;
            sessions::seen(conn, device, seen, now)?;
            return entered(conn, (member, device), None, Vec::new());
        }
        Way::Known(known) => {
            let member = check_known(conn, known)?;
            // A device more than can be listed: those that were not here for longest go.
            ended = sessions::remove_oldest(conn, member, limits::LIST_ITEMS - 1, here)?;
            (member, Vec::new())
        }
        Way::Invite(hash, account) => {
            let invite = usable(conn, &hash)?;
            invites::use_once(conn, invite.id)?;
            let name = account.name.clone();
            let made = write_account(conn, account, invite.role, &rooms_of(conn, &invite, limits)?, now)?;
            audits::note(
                conn,
                Some(made.0),
                "account made",
                &format!("{name} by invite {}", invite.id),
                now,
            )?;
            made
        }
        Way::Recovery(hash, account) => {
            let invite = usable(conn, &hash)?;
            invites::use_once(conn, invite.id)?;
            return recover(conn, invite.recovers, account, (seen, token, hash_of_token), now);
        }
        Way::Registration(account) => {
            // It may have been closed while the password was hashed.
            if !members::has_owner(conn)? || host::registration_of(conn)? != Registration::Open {
                return Err(registration_closed().into());
            }
            let name = account.name.clone();
            let made = write_account(conn, account, Role::Member, &[], now)?;
            audits::note(conn, Some(made.0), "account made", &format!("{name} by registration"), now)?;
            made
        }
    };
    let device = DeviceId(Uuid::now_v7());
    sessions::insert(conn, (member, device), &hash_of_token, seen, now)?;
    Ok(Entered { made, ended, ..entered(conn, (member, device), Some(token), events)? })
}

/// Lets in whoever runs the machine as the account `member`: with a new password, without a second factor, and alone.
fn recover(
    conn: &Connection,
    member: Option<MemberId>,
    account: Account,
    (seen, token, hash): ((&str, &str), Secret, [u8; 32]),
    now: UnixMillis,
) -> Result<Entered, Denied> {
    let (Some(member), Some(password)) = (member, account.password_hash) else {
        return Err(Refusal::internal().into());
    };
    if members::by_id(conn, member)?.is_none_or(|row| row.role != Role::Owner) {
        let message = "the host has another owner since the link was made; ask for a new one";
        return Err(Refusal::new(ErrorCode::InviteRevoked, message).into());
    }
    let ended = sessions::remove_all(conn, member)?;
    passwords::set(conn, member, &password, now)?;
    second_factors::remove(conn, member)?;
    let device = DeviceId(Uuid::now_v7());
    sessions::insert(conn, (member, device), &hash, seen, now)?;
    let entered = entered(conn, (member, device), Some(token), Vec::new())?;
    audits::note(conn, Some(member), "account recovered", &entered.member.name, now)?;
    Ok(Entered { ended, ..entered })
}

fn entered(
    conn: &Connection,
    (member, device): (MemberId, DeviceId),
    token: Option<Secret>,
    events: Vec<Event>,
) -> Result<Entered, Denied> {
    let member = members::by_id(conn, member)?.ok_or_else(session_ended)?;
    if member.standing != Standing::Active {
        return Err(Refusal::forbidden("this account was put aside; ask whoever runs the host").into());
    }
    let has_password = passwords::of(conn, member.id)?.is_some();
    let rooms = rooms::of_member(conn, member.id, limits::LIST_ITEMS)?;
    let progress = marks::of_member(conn, member.id, limits::LIST_ITEMS)?;
    let (made, ended, asked) = (false, Vec::new(), (SecondFactor::None, false));
    Ok(Entered { member, device, token, rooms, has_password, progress, made, events, ended, asked })
}
