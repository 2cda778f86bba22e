//! From the first words to being here: hello, proof, sign-in.
//!
//! The last step of every sign-in runs on the write path, so that a connection hears everything committed after the
//! rooms it was told, and nothing twice. What a peer claims of itself decides nothing.

mod account;
mod arrival;
mod entry;
mod invite;
mod password;
mod peer;
mod way;

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{DeviceId, ErrorCode, MemberId, Reply, Secret, SignIn, Welcome, limits};
use vault::rusqlite::Connection;

pub(crate) use account::{Account, write_account};
pub(crate) use peer::Peer;
pub(crate) use way::session_ended;

use crate::budget::Exiled;
use crate::error::Refusal;
use crate::forward;
use crate::host::Host;
use crate::hub::{Outlet, Seat};
use crate::store::now;
use crate::token;
use arrival::{commit_entry, enter};
use entry::write_return;
use invite::by_invite;
use password::by_password;
use way::{Way, by_registration, by_session, session_of};

/// A signed-in connection. Dropping it is its departure.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) seat: Seat,
    pub(crate) member: MemberId,
    pub(crate) device: DeviceId,
}

/// Who a peer says it is, and by what it can be known.
pub(crate) struct Claim {
    pub(crate) by: SignIn,
    pub(crate) device: String,
    pub(crate) session: Option<Secret>,
    pub(crate) code: Option<Secret>,
}

/// The answer to a hello.
pub(crate) fn welcome(host: &Host, peer: Peer, nonce: &str) -> Result<Reply, Refusal> {
    let nonce = URL_SAFE_NO_PAD.decode(nonce).ok().filter(|nonce| nonce.len() == limits::NONCE_BYTES);
    let nonce =
        nonce.ok_or_else(|| Refusal::field("nonce", "is not 32 bytes in base64url without padding"))?;
    let proof = host.identity.prove(&nonce).ok_or_else(Refusal::internal)?;
    Ok(Reply::Welcome(Welcome {
        host: host.card(),
        public_key: host.identity.public_key(),
        moved: host.moved.load_full().map(|moved| (*moved).clone()),
        proof,
        registration: host.registration_for(peer.is_near()),
        heartbeat_ms: u32::try_from(host.config.timeouts.heartbeat.as_millis())
            .unwrap_or(limits::HEARTBEAT_MS),
    }))
}

/// Signs a peer in and answers `req`; a refusal is the caller's to answer.
pub(crate) async fn sign_in(
    host: Arc<Host>,
    peer: Peer,
    outlet: Arc<Outlet>,
    req: u32,
    Claim { by, device, session, code }: Claim,
) -> Result<Admission, Refusal> {
    if let Some(moved) = host.moved.load_full() {
        return Err(forward::refusal(&moved));
    }
    let device = limits::check_name(&device).map_err(|problem| Refusal::field("device", problem))?.to_owned();
    let chosen = session.is_some();
    // Where a token was wrong before, a reader looks first: whoever guesses keeps no one from writing.
    if let SignIn::Session { token } = &by
        && !chosen
        && !host.has_failed(peer.address)
    {
        return resume(host, peer, outlet, req, (token::hash(token), device)).await;
    }
    let token = match session {
        Some(session) => token::chosen(session)
            .ok_or_else(|| Refusal::field("session", "is not 32 bytes in base64url without padding"))?,
        None => token::fresh()?,
    };
    let way = match by {
        _ if chosen && let Some(member) = session_of(&host, token.1).await? => Way::Session(token.1, member),
        SignIn::Password { name, password } => {
            Way::Known(by_password(&host, peer, (&name, &password), code).await?)
        }
        SignIn::Session { token } => by_session(&host, peer, &token).await?,
        SignIn::Invite { token, name, password } => by_invite(&host, peer, &token, name, password).await?,
        SignIn::Register { name, password } => by_registration(&host, peer, name, password).await?,
    };
    let known = match &way {
        Way::Known(known) => Some((known.member, known.tried.clone(), known.code.is_some())),
        _ => None,
    };
    let welcome = way.member().filter(|_| !peer.is_spared(&host)).map(|member| check_welcome(&host, member));
    let entered = match welcome.unwrap_or(Ok(())) {
        Ok(()) => {
            let seen = (device, peer.address.to_string());
            enter(Arc::clone(&host), outlet, req, (way, token), seen, peer.is_spared(&host)).await
        }
        Err(refusal) => Err(refusal),
    };
    // What was right gives its attempts back.
    if let Some((member, tried, coded)) = known
        && entered.as_ref().err().is_none_or(|refusal| refusal.code != ErrorCode::WrongCode)
    {
        host.attempt_was_good(peer.address, Some(&tried));
        if coded {
            host.attempt_by_code_was_good(member);
        }
    }
    entered
}

/// Signs in a device that was here before. The write path alone looks for its session: many come back at once, and two
/// looks would cost twice.
async fn resume(
    host: Arc<Host>,
    peer: Peer,
    outlet: Arc<Outlet>,
    req: u32,
    (hash, device): ([u8; 32], String),
) -> Result<Admission, Refusal> {
    let address = peer.address.to_string();
    let door = (!peer.is_spared(&host)).then(|| Arc::clone(&host));
    let work = move |conn: &Connection| {
        let check = |member| door.as_ref().map_or(Ok(()), |host| check_welcome(host, member));
        write_return(conn, &hash, (&device, &address), now(), check)
    };
    let entered = commit_entry(Arc::clone(&host), outlet, req, peer.is_spared(&host), work).await;
    if entered.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::SessionEnded) {
        // Guessing 256 bits is hopeless; trying is still counted.
        host.attempt_from(peer.address)?;
    }
    entered
}

/// Whether a member may have one more connection now.
fn check_welcome(host: &Host, member: MemberId) -> Result<(), Refusal> {
    host.may_come(Exiled::Member(member))?;
    check_place(host, member)
}

/// Whether a member has fewer connections than they may have.
fn check_place(host: &Host, member: MemberId) -> Result<(), Refusal> {
    let most = host.limits().connections_per_member as usize;
    if most > 0 && host.hub.connections_of(member) >= most {
        // Those that are cut off without a word are gone by then.
        return Err(Refusal::wait(host.config.timeouts.lease));
    }
    Ok(())
}
