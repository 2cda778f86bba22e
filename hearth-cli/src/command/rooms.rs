//! `rooms`, `create-room`, `join-room` and `invite`: asking the host.

use std::time::Duration;

use client_core::Client;
use protocol::{Role, Visibility};
use serde_json::json;

use super::live;
use crate::failure::Failure;
use crate::output::{self, plain};

pub(super) async fn list(client: &Client, within: Duration, as_json: bool) -> Result<(), Failure> {
    live(client, within).await?;
    for room in client.rooms().await? {
        if as_json {
            output::json(&json!({
                "host": client.id(), "room": room.id, "name": room.name, "topic": room.topic,
                "visibility": room.visibility, "head": room.head, "members": room.members,
            }))?;
        } else {
            output::line(&format!(
                "#{}  {} members  {}",
                plain(&room.name),
                room.members,
                plain(&room.topic)
            ))?;
        }
    }
    Ok(())
}

pub(super) async fn create(
    client: &Client,
    within: Duration,
    name: &str,
    topic: &str,
    private: bool,
    as_json: bool,
) -> Result<(), Failure> {
    live(client, within).await?;
    let visibility = if private { Visibility::Private } else { Visibility::Public };
    let room = client.create_room(name, topic, visibility).await?;
    if as_json {
        return output::json(&json!({
            "host": client.id(), "room": room.id, "name": room.name, "topic": room.topic,
            "visibility": room.visibility, "head": room.head, "members": room.members,
        }));
    }
    output::line(&format!("made #{}", plain(&room.name)))
}

pub(super) async fn join(client: &Client, within: Duration, wanted: &str) -> Result<(), Failure> {
    live(client, within).await?;
    let name = wanted.strip_prefix('#').unwrap_or(wanted);
    let rooms = client.directory().await?;
    let room =
        rooms.iter().find(|room| room.id.to_string() == wanted || room.name.eq_ignore_ascii_case(name));
    let Some(room) = room else {
        let sentence = format!("there is no public room named \"{name}\" that you are not in yet");
        return Err(Failure::Failed(format!("{sentence}; see: hearth-cli rooms")));
    };
    let room = client.join_room(room.id).await?;
    output::line(&format!("joined #{}", plain(&room.name)))
}

pub(super) async fn invite(
    client: &Client,
    within: Duration,
    role: Role,
    uses: u32,
    days: u32,
    as_json: bool,
) -> Result<(), Failure> {
    live(client, within).await?;
    let life = Duration::from_secs(u64::from(days) * 24 * 3600);
    let link = client.create_invite(role, uses, life).await?;
    let app = link.to_app_link();
    let web = link.addresses.first().map(|address| link.to_web_link("https", address)).unwrap_or_default();
    if as_json {
        return output::json(&json!({ "app": app, "web": web }));
    }
    output::line(&app)?;
    output::line(&web)
}
