//! Reading: from the vault first; what is missing there is fetched from the host while there is a connection.

use protocol::limits::PAGE_EVENTS;
use protocol::{Event, Member, MessageId, Reply, Request, RoomId, Seq};
use rusqlite::Connection;

use super::Client;
use crate::error::{StoreError, TimelineError};
use crate::store::table::{coverage, events, members, outbox, rooms};
use crate::store::{Received, RoomSummary};
use crate::sync::plan::{Coverage, Page, Span, page};
use crate::timeline::{TimelineItem, TimelinePage};

/// Most pages fetched for one page shown: holes have at most two ends, and each fetch fills a whole page.
const FETCHES: usize = 4;

struct Stand {
    head: Seq,
    held: Coverage,
}

impl Client {
    /// My rooms, by name.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn rooms(&self) -> Result<Vec<RoomSummary>, StoreError> {
        self.shared.store.read(rooms::list).await
    }

    /// What waits in all rooms of mine together: messages that count, then mentions.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn badge(&self) -> Result<(u32, u32), StoreError> {
        let sum = |all: (u32, u32), room: RoomSummary| {
            (all.0.saturating_add(room.unread), all.1.saturating_add(room.mentions))
        };
        Ok(self.rooms().await?.into_iter().fold((0, 0), sum))
    }

    /// All known members, by name, with who is here now.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn members(&self) -> Result<Vec<Member>, StoreError> {
        let mut members = self.shared.store.read(members::list).await?;
        for member in &mut members {
            let here = self.shared.availability(member.id);
            (member.online, member.availability) = (here.is_some(), here.unwrap_or_default());
        }
        Ok(members)
    }

    /// The page of at most `limit` lines that ends before `before`, or the newest one, which also shows what waits in
    /// the outbox. `limit` is bounded by [`PAGE_EVENTS`].
    ///
    /// # Errors
    /// When the room is unknown or storage fails. A host that does not answer is no error: the page then has a gap.
    pub async fn timeline(
        &self,
        room: RoomId,
        before: Option<Seq>,
        limit: u32,
    ) -> Result<TimelinePage, TimelineError> {
        let limit = limit.clamp(1, PAGE_EVENTS);
        let mut began = false;
        let mut top = Seq::ZERO;
        for fetch in 0..=FETCHES {
            let stand = self.stand(room).await?;
            top = before.map_or(stand.head, |before| Seq(before.0.saturating_sub(1)).min(stand.head));
            let missing = match page(&stand.held, top, limit) {
                Page::Held(span) => return self.shown(room, before, Some(span), span.first == Seq(1)).await,
                Page::Empty => return self.shown(room, before, None, true).await,
                Page::Missing { before } => before,
            };
            if fetch == FETCHES {
                break;
            }
            match self.fetch(room, Some(missing), None).await? {
                Fetched::Some => {}
                Fetched::Nothing => {
                    began = true;
                    break;
                }
                Fetched::NotNow => break,
            }
        }
        self.shown_with_gap(room, before, top, limit, began).await
    }

    /// At most `limit` lines after `after`, ascending.
    ///
    /// # Errors
    /// As [`Client::timeline`].
    pub async fn timeline_after(
        &self,
        room: RoomId,
        after: Seq,
        limit: u32,
    ) -> Result<TimelinePage, TimelineError> {
        let limit = limit.clamp(1, PAGE_EVENTS);
        let mut gap = false;
        let first = after.next();
        let stand = self.stand(room).await?;
        if stand.held.around(first).is_none() && stand.head >= first {
            gap = !matches!(self.fetch(room, None, Some(after)).await?, Fetched::Some);
        }
        let items = self.shared.store.read(move |connection, host| {
            let held = coverage::of(connection, host, room)?;
            let mut list = events::following(connection, host, room, after, limit)?;
            if let Some(span) = held.around(first) {
                list.retain(|event| event.seq <= span.last);
            }
            lines(connection, host, list)
        });
        Ok(TimelinePage { items: items.await?, at_start: after == Seq::ZERO, gap })
    }

    /// One message as it stands now, delivered or not; `None` if it is not held here.
    ///
    /// # Errors
    /// When storage fails.
    pub async fn message(&self, message: MessageId) -> Result<Option<TimelineItem>, StoreError> {
        let me = self.me();
        let found = self.shared.store.read(move |connection, host| {
            match (events::of_message(connection, host, message)?, me) {
                (Some(event), _) => events::line(connection, host, event).map(Some),
                (None, Some(me)) => {
                    Ok(outbox::find(connection, host, message)?.map(|unsent| unsent.line(&me)))
                }
                (None, None) => Ok(None),
            }
        });
        found.await
    }

    async fn stand(&self, room: RoomId) -> Result<Stand, TimelineError> {
        let stand = self.shared.store.read(move |connection, host| {
            let held = coverage::of(connection, host, room)?;
            let room = rooms::find(connection, host, room)?;
            Ok(room.map(|room| Stand { head: room.head.max(held.newest()), held }))
        });
        stand.await?.ok_or(TimelineError::UnknownRoom)
    }

    /// Asks the host for a page and keeps it.
    async fn fetch(
        &self,
        room: RoomId,
        before: Option<Seq>,
        after: Option<Seq>,
    ) -> Result<Fetched, StoreError> {
        let request = Request::History { room, before, after, limit: PAGE_EVENTS };
        match self.request(request).await {
            Ok(Reply::History(page)) if page.events.is_empty() => Ok(Fetched::Nothing),
            Ok(Reply::History(page)) => {
                let (events, head) = (page.events, page.head);
                self.shared.receive(vec![Received::Stretch { room, events, head, quiet: true }]).await?;
                Ok(Fetched::Some)
            }
            _ => Ok(Fetched::NotNow),
        }
    }

    /// A page that is held as a whole.
    async fn shown(
        &self,
        room: RoomId,
        before: Option<Seq>,
        span: Option<Span>,
        at_start: bool,
    ) -> Result<TimelinePage, TimelineError> {
        let mut items = match span {
            None => Vec::new(),
            Some(span) => {
                let held = self.shared.store.read(move |connection, host| {
                    lines(connection, host, events::within(connection, host, room, span)?)
                });
                held.await?
            }
        };
        self.append_unsent(room, before, &mut items).await?;
        Ok(TimelinePage { items, at_start, gap: false })
    }

    /// What is held of a page, where the rest can't be had now: down to the next hole, or beyond one that is at the top.
    /// With a gap it never counts as the start, so that whoever pages on asks for the hole again.
    async fn shown_with_gap(
        &self,
        room: RoomId,
        before: Option<Seq>,
        top: Seq,
        limit: u32,
        began: bool,
    ) -> Result<TimelinePage, TimelineError> {
        let held = self.shared.store.read(move |connection, host| {
            let held = coverage::of(connection, host, room)?;
            let span = if began { held.around(top) } else { held.below(top) };
            let Some(span) = span else {
                return Ok(Vec::new());
            };
            let last = span.last.min(top);
            let first = span.first.max(Seq(last.0.saturating_sub(u64::from(limit) - 1)));
            lines(connection, host, events::within(connection, host, room, Span { first, last })?)
        });
        let mut items = held.await?;
        self.append_unsent(room, before, &mut items).await?;
        Ok(TimelinePage { items, at_start: began, gap: !began })
    }

    async fn append_unsent(
        &self,
        room: RoomId,
        before: Option<Seq>,
        items: &mut Vec<TimelineItem>,
    ) -> Result<(), StoreError> {
        let (None, Some(me)) = (before, self.me()) else {
            return Ok(());
        };
        let unsent =
            self.shared.store.read(move |connection, host| outbox::of_room(connection, host, room)).await?;
        for unsent in unsent {
            let line = unsent.line(&me);
            // Delivered between the two reads: its event is shown already.
            if !items.iter().any(|item| item.key == line.key) {
                items.push(line);
            }
        }
        Ok(())
    }
}

enum Fetched {
    Some,
    Nothing,
    NotNow,
}

fn lines(connection: &Connection, host: i64, list: Vec<Event>) -> rusqlite::Result<Vec<TimelineItem>> {
    list.into_iter().map(|event| events::line(connection, host, event)).collect()
}
