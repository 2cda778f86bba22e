//! Running a host here, finding others, and who may come.

use std::time::Duration;

use client_core::discovery;
use protocol::{HostId, InviteId, Registration, Role};

use super::Here;
use crate::error::Answer;
use crate::state::blocking;
use crate::view::{FindingView, HostView, InviteLinkView, InviteView};
use crate::{forward, joining};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tauri::command]
pub(crate) async fn host(here: Here<'_>, name: String, owner: String) -> Answer<HostView> {
    joining::host(&here, name, owner).await
}

#[tauri::command]
pub(crate) async fn browse(here: Here<'_>, on: bool) -> Answer<()> {
    if !on {
        here.lookout.hide();
        return Ok(());
    }
    here.lookout.show(&here.profile()?, here.push.clone()).await
}

#[tauri::command]
pub(crate) async fn doctor() -> Answer<Vec<FindingView>> {
    Ok(blocking(discovery::doctor).await?.into_iter().map(FindingView::from).collect())
}

#[tauri::command]
pub(crate) async fn create_invite(
    here: Here<'_>,
    host: HostId,
    role: Role,
    uses: u32,
    days: u32,
) -> Answer<InviteLinkView> {
    let link = here.client(&host)?.create_invite(role, uses, DAY * days).await?;
    Ok(InviteLinkView::from(&here.reachable(&host, link)))
}

#[tauri::command]
pub(crate) async fn invites(here: Here<'_>, host: HostId) -> Answer<Vec<InviteView>> {
    let client = here.client(&host)?;
    let (invites, people) = (client.invites().await?, client.members().await?);
    Ok(invites.into_iter().map(|invite| InviteView::of(&invite, &people)).collect())
}

#[tauri::command]
pub(crate) async fn revoke_invite(here: Here<'_>, host: HostId, invite: InviteId) -> Answer<()> {
    Ok(here.client(&host)?.revoke_invite(invite).await?)
}

#[tauri::command]
pub(crate) async fn set_registration(here: Here<'_>, host: HostId, registration: Registration) -> Answer<()> {
    here.client(&host)?.set_registration(registration).await?;
    forward::tell_host(&here, &host).await
}
