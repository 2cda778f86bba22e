//! The ways in, each checked as far as it can be outside the transaction: what is slow, what may be guessed, and what
//! costs an attempt.
//!
//! Refuses to let anybody in: what was right here is asked once more where nothing can come between.

use protocol::{ErrorCode, MemberId, Registration, Secret};

use super::account::{Account, account, check_account, check_free};
use super::password::Known;
use super::peer::Peer;
use crate::error::Refusal;
use crate::host::Host;
use crate::store::table::sessions;
use crate::token;

/// A way in that has been checked as far as it can be outside the transaction.
pub(super) enum Way {
    Known(Known),
    Session([u8; 32], MemberId),
    Invite([u8; 32], Account),
    /// The way back in from the machine's own command line; of the account, only the password counts.
    Recovery([u8; 32], Account),
    Registration(Account),
}

impl Way {
    /// Whose it is, if they are a member already.
    pub(super) fn member(&self) -> Option<MemberId> {
        match self {
            Self::Known(Known { member, .. }) | Self::Session(_, member) => Some(*member),
            Self::Invite(..) | Self::Recovery(..) | Self::Registration(_) => None,
        }
    }
}

/// Whose session this is. If the token was chosen, the answer to an earlier try was lost: what it made is there.
pub(super) async fn session_of(host: &Host, hash: [u8; 32]) -> Result<Option<MemberId>, Refusal> {
    Ok(host.read(move |conn| Ok(sessions::by_token(conn, &hash)?)).await?.map(|(member, _)| member))
}

pub(super) async fn by_session(host: &Host, peer: Peer, token: &Secret) -> Result<Way, Refusal> {
    let hash = token::hash(token);
    let Some(member) = session_of(host, hash).await? else {
        // Guessing 256 bits is hopeless; trying is still counted.
        peer.attempt(host)?;
        return Err(session_ended());
    };
    Ok(Way::Session(hash, member))
}

pub(super) async fn by_registration(
    host: &Host,
    peer: Peer,
    name: String,
    password: Option<Secret>,
) -> Result<Way, Refusal> {
    if host.registration_for(peer.is_near()) != Registration::Open {
        return Err(registration_closed());
    }
    peer.attempt(host)?;
    check_account(host, &name, password.as_ref())?;
    let asked = name.clone();
    host.read(move |conn| check_free(conn, &asked)).await?;
    let account = account(host, peer, name, password).await?;
    host.attempt_was_good(peer.address, None);
    Ok(Way::Registration(account))
}

pub(crate) fn session_ended() -> Refusal {
    Refusal::new(ErrorCode::SessionEnded, "this session was ended; sign in again")
}

pub(super) fn registration_closed() -> Refusal {
    Refusal::new(ErrorCode::RegistrationClosed, "this host takes new members by invite only; ask for one")
}
