//! `profile` and `avatar`: how I and my rooms show themselves.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use client_core::Client;
use protocol::limits::AVATAR_BYTES;
use protocol::{AvatarId, Member, MemberId, Standing, UnixMillis};
use serde_json::json;

use super::{live, one_room_now};
use crate::arguments::{AvatarCommand, ProfileChange, Shown};
use crate::failure::Failure;
use crate::output::{self, plain};

pub(super) async fn profile(client: &Client, within: Duration, change: ProfileChange) -> Result<(), Failure> {
    live(client, within).await?;
    let before = myself(client).await?;
    let ProfileChange { name, status, emoji, minutes, json } = change;
    if name.is_some() || status.is_some() || emoji.is_some() || minutes.is_some() {
        let until = match minutes {
            Some(minutes) => Some(after(minutes)),
            None if status.is_some() || emoji.is_some() => None,
            None => before.status_until,
        };
        let said = (status.unwrap_or(before.status), emoji.unwrap_or(before.status_emoji));
        client.set_profile(&name.unwrap_or(before.name), (&said.0, &said.1), until).await?;
    }
    show(&myself(client).await?, json)
}

fn after(minutes: u32) -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let end = since + Duration::from_secs(60 * u64::from(minutes));
    UnixMillis(i64::try_from(end.as_millis()).unwrap_or(i64::MAX))
}

fn show(me: &Member, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&json!({
            "member": me.id, "name": me.name, "role": me.role, "status": me.status,
            "status_emoji": me.status_emoji, "status_until": me.status_until, "avatar": me.avatar,
        }));
    }
    output::line(&plain(&me.name))?;
    if !me.status.is_empty() || !me.status_emoji.is_empty() {
        output::line(plain(&format!("{} {}", me.status_emoji, me.status)).trim())?;
    }
    Ok(())
}

async fn myself(client: &Client) -> Result<Member, Failure> {
    let me = client.me().map(|me| me.id);
    let members = client.members_now().await?;
    let found = members.into_iter().find(|member| Some(member.id) == me);
    found.ok_or_else(|| Failure::Failed("the host does not know you; join it again".to_owned()))
}

pub(super) async fn avatar(client: &Client, within: Duration, command: AvatarCommand) -> Result<(), Failure> {
    live(client, within).await?;
    let (as_json, avatar) = match command {
        AvatarCommand::Set { file, room, json } => {
            let image = read(&file)?;
            let avatar = match room {
                Some(room) => {
                    let room = one_room_now(client, &room, within).await?.id;
                    client.set_room_avatar(room, Some(&image)).await?.avatar
                }
                None => {
                    client.set_avatar(Some(&image)).await?;
                    myself(client).await?.avatar
                }
            };
            (json, avatar)
        }
        AvatarCommand::Remove { shown, json } => {
            match (shown.room, shown.member) {
                (Some(room), _) => {
                    let room = one_room_now(client, &room, within).await?.id;
                    client.set_room_avatar(room, None).await?;
                }
                (None, Some(name)) => client.remove_avatar(member(client, &name).await?).await?,
                (None, None) => client.set_avatar(None).await?,
            }
            (json, None)
        }
        AvatarCommand::Get { file, shown, json } => {
            let (id, image) = get(client, within, shown).await?;
            std::fs::write(&file, image)?;
            (json, Some(id))
        }
    };
    if as_json { output::json(&json!({ "avatar": avatar })) } else { Ok(()) }
}

async fn get(client: &Client, within: Duration, shown: Shown) -> Result<(AvatarId, Vec<u8>), Failure> {
    Ok(match (shown.room, shown.member) {
        (Some(room), _) => client.room_avatar(one_room_now(client, &room, within).await?.id).await?,
        (None, Some(name)) => client.avatar(member(client, &name).await?).await?,
        (None, None) => client.avatar(myself(client).await?.id).await?,
    })
}

async fn member(client: &Client, name: &str) -> Result<MemberId, Failure> {
    let members = client.members_now().await?;
    let mut named = members
        .iter()
        .filter(|member| member.name.eq_ignore_ascii_case(name) && member.standing != Standing::Gone);
    match named.next() {
        Some(member) => Ok(member.id),
        None => Err(Failure::Failed(format!("no member of this host is called \"{name}\""))),
    }
}

/// A picture that the host may take: said here already, before anything is sent.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::Failed(format!("cannot read {}: {error}; check the path", file.display()))
    })?;
    if bytes.len() > AVATAR_BYTES {
        return Err(Failure::Failed(format!(
            "{} has {} bytes, a picture may have {AVATAR_BYTES}; make it smaller first",
            file.display(),
            bytes.len()
        )));
    }
    Ok(bytes)
}
