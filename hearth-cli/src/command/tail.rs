//! `tail` and `history`: rooms as lines. `tail` prints every event of a room once, in order and without gaps, whatever the
//! connection does meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use client_core::{Client, ClientEvent, ConnectionState, RoomSummary, TimelineItem};
use protocol::limits::PAGE_EVENTS;
use protocol::{RoomId, Seq};

use super::{live, one_room_now, tried};
use crate::failure::Failure;
use crate::output;

/// How much is shown of a room that one comes into while the tail runs.
const OF_NEW_ROOM: u64 = 50;

struct Tail<'a> {
    client: &'a Client,
    as_json: bool,
    only: Option<RoomId>,
    printed: HashMap<RoomId, (String, Seq)>,
}

pub(super) async fn tail(
    client: &Client,
    within: Duration,
    room: Option<&str>,
    from: Option<u64>,
    as_json: bool,
) -> Result<(), Failure> {
    let mut events = client.subscribe();
    let only = match room {
        Some(room) => Some(one_room_now(client, room, within).await?.id),
        None => None,
    };
    let mut tail = Tail { client, as_json, only, printed: HashMap::new() };
    // A host that is away is waited for: following is what this command is for.
    if let Err(failure) = live(client, within).await
        && matches!(*client.state().borrow(), ConnectionState::Stopped { .. })
    {
        return Err(failure);
    }
    for room in client.rooms().await? {
        tail.know(&room, from.map_or(room.head, Seq));
    }
    tail.print_all().await?;
    loop {
        match events.next().await {
            Some(ClientEvent::Timeline { room, .. }) => tail.print(room).await?,
            Some(ClientEvent::Rooms(rooms)) => {
                for room in rooms {
                    tail.know(&room, from.map_or(Seq(room.head.0.saturating_sub(OF_NEW_ROOM)), Seq));
                    tail.print(room.id).await?;
                }
            }
            Some(ClientEvent::Lagged | ClientEvent::State(ConnectionState::Live)) => tail.print_all().await?,
            Some(ClientEvent::State(ConnectionState::Stopped { reason })) => {
                return Err(Failure::Failed(reason.to_string()));
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

impl Tail<'_> {
    fn know(&mut self, room: &RoomSummary, from: Seq) {
        if self.only.is_none_or(|only| only == room.id) {
            self.printed.entry(room.id).or_insert_with(|| (room.name.clone(), from)).0.clone_from(&room.name);
        }
    }

    async fn print_all(&mut self) -> Result<(), Failure> {
        for room in self.printed.keys().copied().collect::<Vec<_>>() {
            self.print(room).await?;
        }
        Ok(())
    }

    /// Prints what is new in a room, up to the first hole.
    async fn print(&mut self, room: RoomId) -> Result<(), Failure> {
        let Some((name, printed)) = self.printed.get_mut(&room) else {
            return Ok(());
        };
        loop {
            let page = self.client.timeline_after(room, *printed, PAGE_EVENTS).await?;
            if page.gap || page.items.is_empty() {
                return Ok(());
            }
            for item in &page.items {
                show(self.client, room, name, item, self.as_json)?;
                *printed = item.seq.unwrap_or(*printed);
            }
        }
    }
}

pub(super) async fn history(
    client: &Client,
    within: Duration,
    room: &str,
    limit: u64,
    as_json: bool,
) -> Result<(), Failure> {
    // What is held here is shown without the host too.
    let reached = tried(client, within).await;
    let room = one_room_now(client, room, Duration::ZERO).await?;
    let mut pages = Vec::new();
    let (mut before, mut left, mut gap) = (None, limit, false);
    while left > 0 {
        let size = u32::try_from(left).unwrap_or(PAGE_EVENTS).min(PAGE_EVENTS);
        let page = client.timeline(room.id, before, size).await?;
        gap |= page.gap;
        before = page.items.iter().find_map(|item| item.seq);
        left = left.saturating_sub(page.items.iter().filter(|item| item.seq.is_some()).count() as u64);
        pages.push(page.items);
        if page.at_start || before.is_none() {
            break;
        }
    }
    for item in pages.iter().rev().flatten() {
        show(client, room.id, &room.name, item, as_json)?;
    }
    match reached {
        Err(failure) if gap => Err(Failure::Failed(format!(
            "some messages are not held here, and the host can't be asked: {failure}"
        ))),
        _ => Ok(()),
    }
}

fn show(
    client: &Client,
    room: RoomId,
    name: &str,
    item: &TimelineItem,
    as_json: bool,
) -> Result<(), Failure> {
    if as_json {
        return output::json(&output::item_json(client.id(), room, name, item));
    }
    output::item_text(name, item).map_or(Ok(()), |text| output::line(&text))
}
