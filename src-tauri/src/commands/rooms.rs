//! The rooms of a host and who is there.

use protocol::{HostId, RoomId, Visibility};

use super::Here;
use crate::error::Answer;
use crate::forward;
use crate::view::{PersonView, RoomView};

#[tauri::command]
pub(crate) async fn rooms(here: Here<'_>, host: HostId) -> Answer<Vec<RoomView>> {
    let rooms = here.client(&host)?.rooms().await?;
    Ok(rooms.into_iter().map(RoomView::from).collect())
}

#[tauri::command]
pub(crate) async fn directory(here: Here<'_>, host: HostId) -> Answer<Vec<RoomView>> {
    let rooms = here.client(&host)?.directory().await?;
    Ok(rooms.into_iter().map(RoomView::from).collect())
}

#[tauri::command]
pub(crate) async fn create_room(
    here: Here<'_>,
    host: HostId,
    name: String,
    topic: String,
    visibility: Visibility,
) -> Answer<RoomView> {
    Ok(here.client(&host)?.create_room(&name, &topic, visibility).await?.into())
}

#[tauri::command]
pub(crate) async fn join_room(here: Here<'_>, host: HostId, room: RoomId) -> Answer<RoomView> {
    Ok(here.client(&host)?.join_room(room).await?.into())
}

#[tauri::command]
pub(crate) async fn leave_room(here: Here<'_>, host: HostId, room: RoomId) -> Answer<()> {
    Ok(here.client(&host)?.leave_room(room).await?)
}

#[tauri::command]
pub(crate) async fn people(here: Here<'_>, host: HostId) -> Answer<Vec<PersonView>> {
    forward::people(&here, &host).await
}
