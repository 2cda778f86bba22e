//! Opening the vault, joining and leaving hosts, my devices and password.

use protocol::{DeviceId, HostId, Secret};
use tauri::ipc::Channel;
use zeroize::Zeroizing;

use super::Here;
use crate::error::Answer;
use crate::joining;
use crate::state::Way;
use crate::view::{DeviceView, HostView, JoinByView, ProbeView, StartView, UpdateView};

#[tauri::command]
pub(crate) async fn subscribe(here: Here<'_>, channel: Channel<UpdateView>) -> Answer<()> {
    here.push.listen(move |update| channel.send(update).is_ok());
    Ok(())
}

#[tauri::command]
pub(crate) async fn start(here: Here<'_>) -> Answer<StartView> {
    here.start().await
}

#[tauri::command]
pub(crate) async fn unlock(here: Here<'_>, way: Way, secret: String) -> Answer<StartView> {
    here.unlock(way, Zeroizing::new(secret)).await
}

#[tauri::command]
pub(crate) async fn prepare(here: Here<'_>, passphrase: String) -> Answer<StartView> {
    here.prepare(Zeroizing::new(passphrase)).await
}

#[tauri::command]
pub(crate) async fn look(here: Here<'_>, text: String) -> Answer<ProbeView> {
    joining::look(&here.profile()?, &text).await
}

#[tauri::command]
pub(crate) async fn join(here: Here<'_>, text: String, expect: HostId, by: JoinByView) -> Answer<HostView> {
    joining::join(&here, &text, expect, by).await
}

#[tauri::command]
pub(crate) async fn sign_in_again(here: Here<'_>, host: HostId, by: JoinByView) -> Answer<HostView> {
    joining::sign_in_again(&here, &host, by).await
}

#[tauri::command]
pub(crate) async fn reconnect(here: Here<'_>, host: HostId) -> Answer<()> {
    here.reconnect(&host).await
}

#[tauri::command]
pub(crate) async fn sign_out(here: Here<'_>, host: HostId) -> Answer<()> {
    here.sign_out(&host).await
}

#[tauri::command]
pub(crate) async fn devices(here: Here<'_>, host: HostId) -> Answer<Vec<DeviceView>> {
    let devices = here.client(&host)?.devices().await?;
    Ok(devices.into_iter().map(DeviceView::from).collect())
}

#[tauri::command]
pub(crate) async fn revoke_device(here: Here<'_>, host: HostId, device: DeviceId) -> Answer<()> {
    Ok(here.client(&host)?.revoke_device(device).await?)
}

#[tauri::command]
pub(crate) async fn set_password(
    here: Here<'_>,
    host: HostId,
    current: Option<String>,
    next: String,
) -> Answer<()> {
    here.client(&host)?.set_password(current.map(Secret), Secret(next)).await?;
    crate::forward::tell_host(&here, &host).await
}
