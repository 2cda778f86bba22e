//! What is said in a room.

use protocol::{HostId, MessageId, RoomId, Seq};

use super::Here;
use crate::error::Answer;
use crate::view::TimelineView;

#[tauri::command]
pub(crate) async fn timeline(
    here: Here<'_>,
    host: HostId,
    room: RoomId,
    before: Option<Seq>,
    limit: u32,
) -> Answer<TimelineView> {
    Ok(here.client(&host)?.timeline(room, before, limit).await?.into())
}

#[tauri::command]
pub(crate) async fn send(here: Here<'_>, host: HostId, room: RoomId, text: String) -> Answer<MessageId> {
    Ok(here.client(&host)?.send(room, text).await?)
}

#[tauri::command]
pub(crate) async fn retry(here: Here<'_>, host: HostId, message: MessageId) -> Answer<()> {
    Ok(here.client(&host)?.retry(message).await?)
}

#[tauri::command]
pub(crate) async fn discard(here: Here<'_>, host: HostId, message: MessageId) -> Answer<()> {
    Ok(here.client(&host)?.discard(message).await?)
}
