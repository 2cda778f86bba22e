//! Becoming a member's device: first contact, proof, sign-in, and everything kept in one go.
//!
//! Refuses to send a name, a password or an invite before the host has proven the key that the invite names or the person
//! has confirmed, and to spend an invite before it is known that the session can be kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use protocol::{HostCard, HostId, InviteLink, Member, Registration, Secret, SignIn, SignedIn};

use crate::address::Address;
use crate::client::{Client, shown_name};
use crate::connection::link::Link;
use crate::connection::state::{ConnectionState, StopReason};
use crate::connection::{dial, sign_in};
use crate::error::{ConnectError, JoinError};
use crate::profile::Profile;
use crate::secrets::SecretsError;
use crate::store::HostStore;
use crate::store::table::hosts::{self, ADDRESSES, HostRow};
use crate::trust::Expectation;

/// How often a sign-in whose answer was lost is asked again.
const TRIES: usize = 3;

/// What a first contact showed. Nothing of ours was sent.
#[derive(Debug, Clone)]
pub struct Probe {
    /// What the host says of itself; its id is proven, its name is not.
    pub host: HostCard,
    /// The id in words, to compare with those the host shows.
    pub words: String,
    /// Whether one may register from here.
    pub registration: Registration,
    /// Whether this profile has pinned this host already.
    pub known: bool,
    /// Where it answered.
    pub addresses: Vec<String>,
}

/// Which host to join.
#[derive(Debug, Clone)]
pub enum Target {
    /// The one that the link names.
    Invite(InviteLink),
    /// The one at this address, whose id a person has confirmed.
    Address {
        /// Where; several are separated by spaces and tried at once.
        address: String,
        /// Which it must be.
        expect: HostId,
    },
}

/// As whom.
#[derive(Debug, Clone)]
pub enum JoinBy {
    /// As a new member, by the target's invite.
    Invite {
        /// The name to have.
        name: String,
        /// To sign in from other devices later.
        password: Option<Secret>,
    },
    /// As a new member where registration is open.
    Register {
        /// The name to have.
        name: String,
        /// To sign in from other devices later.
        password: Option<Secret>,
    },
    /// As an existing member.
    Password {
        /// The member's name.
        name: String,
        /// Theirs.
        password: Secret,
        /// What their authenticator shows, or a recovery code, where [`JoinError::SecondFactorRequired`] said so.
        code: Option<Secret>,
    },
}

/// A wish to join.
#[derive(Debug, Clone)]
pub struct Join {
    /// Which host.
    pub target: Target,
    /// As whom.
    pub by: JoinBy,
    /// What this installation is called in the member's list of devices.
    pub device: String,
    /// Whether this installation runs the host itself.
    pub hosted: bool,
}

impl Profile {
    /// First contact by address: learns the host's key and has it proven. Sends no credential. Several addresses of
    /// one host are separated by spaces and tried at once.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn probe(&self, address: &str) -> Result<Probe, ConnectError> {
        let addresses = candidates(address)?;
        let link = Box::pin(dial::dial(&addresses, &Expectation::Anyone)).await?;
        let mut host = link.welcome.host.clone();
        host.name = shown_name(&host.name, &host.id);
        let probe = Probe {
            words: host.id.words(),
            registration: link.welcome.registration,
            known: self.client(&host.id).is_some(),
            addresses: vec![link.address.to_string()],
            host,
        };
        link.close().await;
        Ok(probe)
    }

    /// Joins a host: proves it, signs in, pins its key, keeps the session and returns a live client.
    ///
    /// # Errors
    /// See [`JoinError`]; nothing is kept then.
    pub async fn join(&self, join: Join) -> Result<Client, JoinError> {
        let Join { target, by, device, hosted } = join;
        let (mut addresses, expect, token) = read_target(target)?;
        addresses.extend(self.known_addresses(&expect).await?);
        self.refuse_second_membership(&expect)?;
        self.secrets().probe().await.map_err(cannot_keep)?;
        let session = self.session_token(&expect, &by);
        let credentials = credentials(by, token)?;
        let (link, signed_in) = self.enter(&addresses, &expect, credentials, &device, &session).await?;
        let host = self.pin(&link, &signed_in, &addresses, device, hosted).await?;
        self.replace(&expect);
        Ok(self.start_client(host, Some((link, signed_in))))
    }

    /// Signs in, and asks again when the answer is lost: the host knows by the session's token what it has made.
    async fn enter(
        &self,
        addresses: &[Address],
        expect: &HostId,
        (by, code): (SignIn, Option<Secret>),
        device: &str,
        session: &Secret,
    ) -> Result<(Link, SignedIn), JoinError> {
        for _ in 0..TRIES {
            let mut link = Box::pin(dial::dial(addresses, &Expectation::Exactly(expect.clone()))).await?;
            let (by, chosen) = ((by.clone(), code.clone()), Some(session.clone()));
            match sign_in(&mut link, by, device.to_owned(), chosen).await {
                Ok(Ok(mut signed_in)) => {
                    signed_in.token.get_or_insert_with(|| session.clone());
                    return Ok((link, signed_in));
                }
                Ok(Err(failure)) => return Err(failure.into()),
                Err(_) => {}
            }
        }
        Err(JoinError::Interrupted)
    }

    /// The token of the session that joining makes: for a new account always the same for this profile, host and name,
    /// so that a program that was ended in between finds the account again; otherwise fresh.
    fn session_token(&self, host: &HostId, by: &JoinBy) -> Secret {
        let name = match by {
            JoinBy::Invite { name, .. } | JoinBy::Register { name, .. } => name.trim(),
            JoinBy::Password { .. } => &uuid::Uuid::now_v7().to_string(),
        };
        let token = self.vault().key_for(&format!("session at {host} as {name}"));
        Secret(URL_SAFE_NO_PAD.encode(*token))
    }

    /// An invite used by somebody who is a member already would make a second account of theirs.
    fn refuse_second_membership(&self, host: &HostId) -> Result<(), JoinError> {
        let Some(client) = self.client(host) else {
            return Ok(());
        };
        let state = client.state().borrow().clone();
        match state {
            ConnectionState::Stopped { reason: StopReason::SessionEnded | StopReason::SignedOut } => Ok(()),
            _ => Err(JoinError::AlreadyJoined),
        }
    }

    /// Where a host that was joined before has been reached: hints as good as the typed one.
    async fn known_addresses(&self, host: &HostId) -> Result<Vec<Address>, JoinError> {
        let id = host.clone();
        let known = self.store().read(move |connection| match hosts::find(connection, &id)? {
            Some(row) => hosts::addresses(connection, row.n),
            None => Ok(Vec::new()),
        });
        let known = known.await.map_err(JoinError::Store)?;
        Ok(known.iter().filter_map(|text| Address::parse(text)).collect())
    }

    async fn pin(
        &self,
        link: &Link,
        signed_in: &SignedIn,
        dialled: &[Address],
        device: String,
        hosted: bool,
    ) -> Result<HostRow, JoinError> {
        let token = signed_in.token.clone().ok_or(JoinError::Interrupted)?;
        let id = link.welcome.host.id.clone();
        let name = shown_name(&link.welcome.host.name, &id);
        let member = Member { online: false, ..signed_in.member.clone() };
        let mut addresses = vec![link.address.to_string()];
        addresses.extend(dialled.iter().map(Address::to_string));
        let saved = self.store().write(move |connection| {
            // What another member read here is not this one's.
            if let Some(held) = hosts::find(connection, &id)?
                && held.member.as_ref().is_none_or(|before| before.id != member.id)
            {
                hosts::remove(connection, held.n)?;
            }
            let n = hosts::put(connection, &id, &name, &device, hosted, &member)?;
            hosts::learn(connection, n, &addresses)?;
            Ok(HostRow { n, id, name, device, hosted, member: Some(member) })
        });
        let host = saved.await.map_err(JoinError::Store)?;
        let store = HostStore { store: self.store().clone(), n: host.n, id: host.id.clone() };
        self.secrets().put(&store, &token).await.map_err(cannot_keep)?;
        Ok(host)
    }
}

/// Typed addresses, separated by spaces or commas: those of one announced host come several at once. A public name
/// without a port is also tried where the web is served.
fn candidates(text: &str) -> Result<Vec<Address>, ConnectError> {
    let mut all = Vec::new();
    for part in text.split([' ', ',']).filter(|part| !part.trim().is_empty()).take(ADDRESSES) {
        let address =
            Address::parse(part).ok_or_else(|| ConnectError::NotAnAddress(part.trim().to_owned()))?;
        let web = Address { port: 443, ..address.clone() };
        let port_is_typed = part.trim().ends_with(&format!(":{}", address.port));
        let also_web = address.is_public_name() && !port_is_typed && address.port != web.port;
        all.push(address);
        all.extend(also_web.then_some(web));
    }
    if all.is_empty() { Err(ConnectError::NotAnAddress(text.trim().to_owned())) } else { Ok(all) }
}

fn read_target(target: Target) -> Result<(Vec<Address>, HostId, Option<Secret>), JoinError> {
    match target {
        Target::Address { address, expect } => Ok((candidates(&address)?, expect, None)),
        Target::Invite(link) => {
            let addresses: Vec<_> = link.addresses.iter().filter_map(|text| Address::parse(text)).collect();
            if addresses.is_empty() {
                return Err(JoinError::NoAnswer { tried: link.addresses });
            }
            Ok((addresses, link.host, Some(link.token)))
        }
    }
}

fn credentials(by: JoinBy, token: Option<Secret>) -> Result<(SignIn, Option<Secret>), JoinError> {
    let by = match by {
        JoinBy::Invite { name, password } => {
            SignIn::Invite { token: token.ok_or(JoinError::InviteUnknown)?, name, password }
        }
        JoinBy::Register { name, password } => SignIn::Register { name, password },
        JoinBy::Password { name, password, code } => return Ok((SignIn::Password { name, password }, code)),
    };
    Ok((by, None))
}

fn cannot_keep(error: SecretsError) -> JoinError {
    match error {
        SecretsError::Store(error) => JoinError::Store(error),
        error @ SecretsError::Keyring(_) => JoinError::Secrets(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::candidates;

    fn read(text: &str) -> Vec<String> {
        candidates(text).unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_public_name_without_a_port_is_also_tried_where_the_web_is() {
        assert_eq!(read("chat.example.org"), ["chat.example.org:7717", "chat.example.org:443"]);
        assert_eq!(read("chat.example.org:7717"), ["chat.example.org:7717"]);
        assert_eq!(read("studio.local, 192.168.1.4:80"), ["studio.local:7717", "192.168.1.4:80"]);
        assert!(read(" , ").is_empty() && read("a b!").is_empty());
    }
}
