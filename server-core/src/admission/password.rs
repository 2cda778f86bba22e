//! Proving a password, and the code beside it where a second factor is on.
//!
//! Refuses to say whether a name is known: who is not there costs as much to try as who is, and is answered the same.

use std::net::IpAddr;

use protocol::{ErrorCode, MemberId, Secret, limits};
use vault::rusqlite::Connection;

use super::peer::Peer;
use crate::budget::{Source, Tried};
use crate::error::Refusal;
use crate::handler::second_factor;
use crate::host::Host;
use crate::names::fold;
use crate::second_factor::Code;
use crate::store::Denied;
use crate::store::table::{members, passwords, second_factors, sessions};

/// A member whose password was right, as it was then; the code is for the transaction to use up.
pub(super) struct Known {
    pub(super) member: MemberId,
    pub(super) tried: Tried,
    hash: String,
    pub(super) code: Option<Option<Code>>,
}

pub(super) async fn by_password(
    host: &Host,
    peer: Peer,
    (name, password): (&str, &Secret),
    code: Option<Secret>,
) -> Result<Known, Refusal> {
    let folded = fold(name.trim());
    if folded.len() > limits::NAME_CHARS * 8 || password.0.len() > limits::PASSWORD_MAX_BYTES {
        return Err(wrong_credentials());
    }
    peer.attempt(host)?;
    let (asked, source) = (folded.clone(), peer.source());
    let found = host.read(move |conn| {
        let Some(member) = members::by_name(conn, &asked)? else { return Ok((None, None)) };
        let at_home = is_at_home(conn, member.id, source)?.then_some(source).flatten();
        let (hash, asks) = (passwords::of(conn, member.id)?, second_factors::is_on(conn, member.id)?);
        Ok((Some((member.id, hash, asks)), at_home))
    });
    let (found, at_home) = found.await?;
    let tried = Tried { account: folded, at_home };
    host.attempt_at(&tried)?;
    let stored = found.as_ref().and_then(|(_, stored, _)| stored.clone());
    if !host.hashing.verify(&host.limits(), peer.asker(), password, stored).await? {
        return Err(wrong_credentials());
    }
    let Some((member, Some(hash), asks)) = found else { return Err(wrong_credentials()) };
    let code = match code {
        None if asks => {
            host.attempt_was_good(peer.address, Some(&tried));
            return Err(second_factor_required());
        }
        Some(typed) if asks => {
            host.attempt_by_code(member)?;
            Some(Code::read(&typed))
        }
        _ => None,
    };
    Ok(Known { member, tried, hash, code })
}

/// Whether a device of `member` comes from where somebody speaks.
fn is_at_home(conn: &Connection, member: MemberId, source: Option<Source>) -> Result<bool, Denied> {
    let addresses = sessions::addresses(conn, member)?;
    let mut sources = addresses.iter().filter_map(|address| Some(address.parse::<IpAddr>().ok()?.into()));
    Ok(source.is_some_and(|source| sources.any(|known: Source| known == source)))
}

/// Whether what was right a moment ago still is, and the code with it, which is used up.
pub(super) fn check_known(conn: &Connection, known: Known) -> Result<MemberId, Denied> {
    let member = known.member;
    if passwords::of(conn, member)? != Some(known.hash) {
        return Err(wrong_credentials().into());
    }
    match (second_factors::is_on(conn, member)?, known.code) {
        (false, _) => Ok(member),
        (true, None) => Err(second_factor_required().into()),
        (true, Some(code)) => second_factor::spend(conn, member, code).map(|()| member),
    }
}

fn wrong_credentials() -> Refusal {
    Refusal::new(ErrorCode::WrongCredentials, "no member has this name and this password; check both")
}

fn second_factor_required() -> Refusal {
    Refusal::new(
        ErrorCode::SecondFactorRequired,
        "the password is right; sign in again with the code your authenticator shows, or a recovery code",
    )
}
