//! From a pasted text to a joined host: who answers there, and the sign-in once the person has agreed. Also becoming the
//! owner of the host that runs here. It refuses to send anything of ours before the host is the one that was agreed to.

use std::sync::Arc;

use client_core::{Client, ConnectError, Join, JoinBy, JoinError, Probe, Profile, Target};
use protocol::{HostCard, HostId, InviteLink, Secret};

use crate::error::Answer;
use crate::state::Installation;
use crate::view::{FailureView, HostView, JoinByView, ProbeView};
use crate::{forward, hosting, hosts};

/// Starts the host of this computer and makes `owner` its owner.
pub(crate) async fn host(installation: &Arc<Installation>, name: String, owner: String) -> Answer<HostView> {
    let profile = installation.profile()?;
    let id = installation.hosting.start(&profile, Some(name)).await?;
    if profile.client(&id).is_none() {
        let (target, by) = match installation.hosting.ask(&id, hosting::owner_invite).flatten() {
            Some(invite) => (Target::Invite(invite), JoinBy::Invite { name: owner, password: None }),
            // The program ended after the host had taken its owner: the same name finds that account again.
            None => (own_host(installation, &id)?, JoinBy::Register { name: owner, password: None }),
        };
        enter(installation, &profile, target, by, true).await.map_err(|failure| {
            match failure.code.as_str() {
                "name_taken" | "registration_closed" => owned(),
                _ => failure,
            }
        })?;
    } else {
        forward::tell_host(installation, &id).await?;
    }
    hosts::one(&profile, &installation.hosting, &id).await
}

fn own_host(installation: &Installation, id: &HostId) -> Answer<Target> {
    let address = installation.hosting.ask(id, hosting::loopback).ok_or_else(FailureView::unknown_host)?;
    Ok(Target::Address { address, expect: id.clone() })
}

/// Says who answers at an invite or address. Sends no credential.
pub(crate) async fn look(profile: &Profile, text: &str) -> Answer<ProbeView> {
    match read(text)? {
        Pasted::Invite(invite) => {
            let probe = answering(profile, &invite).await?;
            Ok(view(probe, true))
        }
        Pasted::Address(address) => Ok(view(profile.probe(&address).await?, false)),
    }
}

/// Joins what [`look`] showed, if it is still `expect` who answers.
pub(crate) async fn join(
    installation: &Arc<Installation>,
    text: &str,
    expect: HostId,
    by: JoinByView,
) -> Answer<HostView> {
    let profile = installation.profile()?;
    let (target, token) = match read(text)? {
        Pasted::Invite(invite) if invite.host != expect => {
            return Err(FailureView::new(
                "key_changed",
                "The link leads to another host now; look at it once more.",
            ));
        }
        Pasted::Invite(invite) => (Target::Invite(invite), true),
        Pasted::Address(address) => (Target::Address { address, expect: expect.clone() }, false),
    };
    let hosted = installation.hosting.ask(&expect, |_| ()).is_some();
    enter(installation, &profile, target, means(by, token), hosted).await?;
    hosts::one(&profile, &installation.hosting, &expect).await
}

/// Gives this device a new session at a host that ended the old one. What is stored here stays.
pub(crate) async fn sign_in_again(
    installation: &Arc<Installation>,
    host: &HostId,
    by: JoinByView,
) -> Answer<HostView> {
    let profile = installation.profile()?;
    let known = profile.hosts().await?.into_iter().find(|known| known.id == *host);
    let known = known.ok_or_else(FailureView::unknown_host)?;
    let by = means(by, false);
    let mut failure = FailureView::from(JoinError::NoAnswer { tried: known.addresses.clone() });
    for address in known.addresses {
        let target = Target::Address { address, expect: host.clone() };
        match enter(installation, &profile, target, by.clone(), known.hosted).await {
            Err(unreached) if unreached.code == "no_answer" => failure = unreached,
            entered => {
                entered?;
                return hosts::one(&profile, &installation.hosting, host).await;
            }
        }
    }
    Err(failure)
}

async fn enter(
    installation: &Arc<Installation>,
    profile: &Profile,
    target: Target,
    by: JoinBy,
    hosted: bool,
) -> Answer<Client> {
    let client = profile.join(Join { target, by, device: device_name(), hosted }).await?;
    installation.follow(&client);
    // Marks the host as known in what is found, and learns its addresses.
    if let Err(failure) = installation.lookout.search(profile).await {
        tracing::warn!(message = failure.message, "the network is not watched");
    }
    forward::tell_host(installation, client.id()).await?;
    Ok(client)
}

enum Pasted {
    Invite(InviteLink),
    Address(String),
}

/// What looks like a link must be a whole one; anything else is an address.
fn read(text: &str) -> Answer<Pasted> {
    let text = text.trim();
    match InviteLink::parse(text) {
        Ok(invite) => Ok(Pasted::Invite(invite)),
        Err(error) if text.starts_with("hearth:") || text.contains("/join/") => {
            Err(FailureView::new("invite_link", crate::error::with_capital(&error.to_string())))
        }
        Err(_) => Ok(Pasted::Address(text.to_owned())),
    }
}

/// The first of the invite's addresses where its host answers.
async fn answering(profile: &Profile, invite: &InviteLink) -> Answer<Probe> {
    let mut failure = ConnectError::NoAnswer { tried: invite.addresses.clone() };
    for address in &invite.addresses {
        match profile.probe(address).await {
            Ok(probe) if probe.host.id == invite.host => return Ok(probe),
            Ok(probe) => {
                failure = ConnectError::KeyChanged { expected: invite.host.clone(), found: probe.host.id }
            }
            Err(ConnectError::NoAnswer { .. } | ConnectError::NotAnAddress(_)) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure.into())
}

fn view(probe: Probe, invited: bool) -> ProbeView {
    ProbeView {
        host: HostCard::into(probe.host),
        registration: probe.registration,
        invited,
        known: probe.known,
    }
}

fn means(by: JoinByView, invited: bool) -> JoinBy {
    match by {
        JoinByView::Password { name, password, code } => {
            JoinBy::Password { name, password: Secret(password), code: code.map(Secret) }
        }
        JoinByView::New { name, password } if invited => {
            JoinBy::Invite { name, password: password.map(Secret) }
        }
        JoinByView::New { name, password } => JoinBy::Register { name, password: password.map(Secret) },
    }
}

fn owned() -> FailureView {
    FailureView::new(
        "owned",
        "This computer hosts already, and its host has an owner. Join it by its address with your name and password.",
    )
}

/// How this device is listed among the member's own.
fn device_name() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    let name = named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.map_or_else(|| "Hearth desktop".to_owned(), |name| format!("Hearth on {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_link_is_no_address() {
        assert_eq!(read("hearth://join/abc").err().unwrap().code, "invite_link");
        assert_eq!(read("https://192.168.1.4:7717/join/abc").err().unwrap().code, "invite_link");
        assert!(
            matches!(read(" 192.168.1.4:7717 "), Ok(Pasted::Address(address)) if address == "192.168.1.4:7717")
        );
    }

    #[test]
    fn a_new_member_needs_the_invite_only_where_there_is_one() {
        let new = || JoinByView::New { name: "alice".into(), password: None };
        assert!(matches!(means(new(), true), JoinBy::Invite { .. }));
        assert!(matches!(means(new(), false), JoinBy::Register { .. }));
    }
}
