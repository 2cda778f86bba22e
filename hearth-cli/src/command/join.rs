//! `join`: by an invite, which says whom to believe, or by an address, where a person compares words.

use std::io::{BufRead, IsTerminal, Write};
use std::time::Duration;

use client_core::{Client, Join, JoinBy, JoinError, Profile, Target};
use protocol::{HostId, InviteLink, Secret};
use serde_json::json;

use super::live;
use crate::arguments::JoinArguments;
use crate::failure::Failure;
use crate::{opening, output};

/// How long to find out whether the session with a host known already is alive.
const WHETHER_ALIVE: Duration = Duration::from_secs(10);

/// Refuses half a link before anything is opened or made.
pub(super) fn check(arguments: &JoinArguments) -> Result<(), Failure> {
    let meant_as_link = arguments.target.contains("/join/") || arguments.target.starts_with("hearth:");
    match InviteLink::parse(&arguments.target) {
        Err(error) if meant_as_link => Err(Failure::Usage(error.to_string())),
        _ => Ok(()),
    }
}

pub(super) async fn join(profile: &Profile, arguments: JoinArguments) -> Result<(), Failure> {
    let as_json = arguments.json;
    let (host, join) = match InviteLink::parse(&arguments.target) {
        Ok(link) => (link.host.clone(), by_invite(link, &arguments)?),
        Err(_) => by_address(profile, &arguments).await?,
    };
    // A session that still lives makes a second account needless; one that has ended is replaced.
    if profile.hosts().await?.iter().any(|known| known.id == host) {
        profile.start().await?;
        if let Some(client) = profile.client(&host) {
            let _ = live(&client, WHETHER_ALIVE).await;
        }
    }
    let client = match profile.join(join.clone()).await {
        Err(JoinError::SecondFactorRequired) if std::io::stdin().is_terminal() => {
            profile.join(with_code(join)?).await?
        }
        Err(error @ JoinError::SecondFactorRequired) => {
            return Err(Failure::Usage(format!("{error} (with --code CODE)")));
        }
        joined => joined?,
    };
    joined(&client, as_json)
}

/// The same wish, with the code that the person types now.
fn with_code(mut join: Join) -> Result<Join, Failure> {
    let mut out = std::io::stdout().lock();
    write!(out, "Code of your authenticator, or a recovery code: ")?;
    out.flush()?;
    let mut typed = String::new();
    std::io::stdin().lock().read_line(&mut typed)?;
    if let JoinBy::Password { code, .. } = &mut join.by {
        *code = Some(Secret::from(typed.trim()));
    }
    Ok(join)
}

fn by_invite(link: InviteLink, arguments: &JoinArguments) -> Result<Join, Failure> {
    let by = JoinBy::Invite { name: name(arguments)?, password: password(arguments)? };
    Ok(Join { target: Target::Invite(link), by, device: arguments.device.clone(), hosted: false })
}

async fn by_address(profile: &Profile, arguments: &JoinArguments) -> Result<(HostId, Join), Failure> {
    let (name, password) = (name(arguments)?, password(arguments)?);
    let by = match (arguments.register, password) {
        (true, password) => JoinBy::Register { name, password },
        (false, Some(password)) => {
            JoinBy::Password { name, password, code: arguments.code.as_deref().map(Secret::from) }
        }
        (false, None) => {
            let sentence = "sign in with --password-file FILE, or make a new account with --register";
            return Err(Failure::Usage(sentence.to_owned()));
        }
    };
    let probe = profile.probe(&arguments.target).await?;
    compare(&probe.host.id, &probe.host.name, arguments)?;
    let host = probe.host.id;
    let target = Target::Address { address: arguments.target.clone(), expect: host.clone() };
    Ok((host, Join { target, by, device: arguments.device.clone(), hosted: false }))
}

/// Somebody must say that this is the right host, before anything is sent to it.
fn compare(id: &HostId, name: &str, arguments: &JoinArguments) -> Result<(), Failure> {
    let expected = arguments.expect.as_deref().map(|expected| expected.trim().to_lowercase());
    match expected {
        Some(expected) if expected == id.to_string() || expected.replace(' ', "-") == id.words() => Ok(()),
        Some(_) => Err(Failure::Failed(format!(
            "another host than expected answers: its words are {}; ask whoever runs it",
            id.words()
        ))),
        None if arguments.yes => Ok(()),
        None if !std::io::stdin().is_terminal() => {
            let sentence = "compare the host's words: give them with --expect, or believe it with --yes";
            Err(Failure::Usage(format!("{sentence} ({})", id.words())))
        }
        None => ask(id, name),
    }
}

fn ask(id: &HostId, name: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "{} answers. Its words are:\n\n    {}\n",
        output::plain(name),
        id.words().replace('-', " ")
    )?;
    write!(out, "Does the host itself show the same words? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") {
        Ok(())
    } else {
        Err(Failure::Failed("not joined; nothing was sent".to_owned()))
    }
}

fn joined(client: &Client, as_json: bool) -> Result<(), Failure> {
    let me = client.me().map(|me| (me.id, me.name));
    let (id, words) = (client.id(), client.id().words());
    if as_json {
        return output::json(&json!({
            "host": id, "name": client.host_name(), "words": words,
            "member": me.as_ref().map(|(id, _)| id), "member_name": me.as_ref().map(|(_, name)| name),
        }));
    }
    let name = me.map(|(_, name)| name).unwrap_or_default();
    output::line(&format!("joined {} as {}", output::plain(&client.host_name()), output::plain(&name)))
}

fn name(arguments: &JoinArguments) -> Result<String, Failure> {
    let user = || std::env::var("USER").or_else(|_| std::env::var("USERNAME")).ok();
    let name = arguments.name.clone().or_else(user).filter(|name| !name.is_empty());
    name.ok_or_else(|| Failure::Usage("say your name with --name".to_owned()))
}

fn password(arguments: &JoinArguments) -> Result<Option<Secret>, Failure> {
    match &arguments.password_file {
        None => Ok(None),
        Some(path) => Ok(Some(Secret::from(opening::first_line(path)?.as_str()))),
    }
}
