//! From the cores' types to the window's. It refuses to ask anyone anything: what a view needs is given.

use client_core::discovery::Finding;
use client_core::{
    ConnectionState, Content, Delivery, FoundHost, RoomSummary, StopReason, TimelineItem, TimelinePage,
};
use protocol::{Device, HostCard, Invite, InviteLink, Member, Room, UnixMillis};
use vault::SlotKind;

use super::{
    ConnectionView, ContentView, DeliveryView, DeviceView, FindingView, FoundView, HostCardView,
    InviteLinkView, InviteView, PersonView, QrView, RoomView, RowView, SlotView, StopView, TimelineView,
};
use crate::error::{wire_code, with_capital};

impl From<HostCard> for HostCardView {
    fn from(card: HostCard) -> Self {
        let words = card.id.words();
        Self { id: card.id, name: card.name, words }
    }
}

impl From<ConnectionState> for ConnectionView {
    fn from(state: ConnectionState) -> Self {
        match state {
            ConnectionState::Dialling => Self::Dialling,
            ConnectionState::SigningIn => Self::SigningIn,
            ConnectionState::Live => Self::Live,
            ConnectionState::Waiting { retry_at_ms, reason } => {
                Self::Waiting { retry_at: UnixMillis(retry_at_ms), reason: with_capital(&reason.to_string()) }
            }
            ConnectionState::Stopped { reason } => {
                Self::Stopped { message: with_capital(&reason.to_string()), reason: reason.into() }
            }
        }
    }
}

impl From<StopReason> for StopView {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::KeyChanged { .. } => Self::KeyChanged,
            StopReason::SessionEnded => Self::SessionEnded,
            StopReason::Version | StopReason::SentAway { .. } => Self::Version,
            StopReason::SignedOut | StopReason::Closed => Self::SignedOut,
        }
    }
}

impl From<Member> for PersonView {
    fn from(member: Member) -> Self {
        Self { id: member.id, name: member.name, role: member.role, online: member.online }
    }
}

impl From<RoomSummary> for RoomView {
    fn from(room: RoomSummary) -> Self {
        Self {
            id: room.id,
            name: room.name,
            topic: room.topic,
            visibility: room.visibility,
            head: room.head,
            members: room.members,
        }
    }
}

impl From<Room> for RoomView {
    fn from(room: Room) -> Self {
        Self {
            id: room.id,
            name: room.name,
            topic: room.topic,
            visibility: room.visibility,
            head: room.head,
            members: room.members,
        }
    }
}

impl From<TimelineItem> for RowView {
    fn from(item: TimelineItem) -> Self {
        let content = match item.content {
            // The window has no place for what was taken away.
            Content::Message { about, .. } if about.deleted => ContentView::Unknown,
            Content::Message { id, text, .. } => ContentView::Message { id, text: text.0 },
            Content::Created { name, .. } => ContentView::Created { name },
            Content::Joined => ContentView::Joined { who: item.by_name.clone() },
            Content::Left => ContentView::Left { who: item.by_name.clone() },
            Content::Unknown => ContentView::Unknown,
        };
        Self {
            key: item.key,
            seq: item.seq,
            at: item.at,
            by: item.by,
            by_name: item.by_name,
            content,
            delivery: item.delivery.into(),
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        match delivery {
            Delivery::Queued => Self::Queued,
            Delivery::Sent => Self::Sent,
            Delivery::Failed { code, message } => {
                Self::Failed { code: wire_code(code), message: with_capital(&message) }
            }
        }
    }
}

impl From<TimelinePage> for TimelineView {
    fn from(page: TimelinePage) -> Self {
        let rows = page.items.into_iter().map(RowView::from).collect();
        Self { rows, at_start: page.at_start, gap: page.gap }
    }
}

impl From<FoundHost> for FoundView {
    fn from(found: FoundHost) -> Self {
        let known = found.known.is_some();
        Self { id_prefix: found.id_prefix, name: found.name, addresses: found.addresses, known }
    }
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            id: device.id,
            name: device.name,
            since: device.since,
            last_seen: device.last_seen,
            current: device.current,
        }
    }
}

impl From<SlotKind> for SlotView {
    fn from(kind: SlotKind) -> Self {
        match kind {
            SlotKind::Keyring => Self::Keyring,
            SlotKind::Passphrase => Self::Passphrase,
            SlotKind::Recovery => Self::Recovery,
            SlotKind::KeyFile => Self::KeyFile,
        }
    }
}

impl InviteView {
    /// An invite with the name of its maker.
    pub(crate) fn of(invite: &Invite, people: &[Member]) -> Self {
        let maker = people.iter().find(|member| member.id == invite.by);
        Self {
            id: invite.id,
            role: invite.role,
            uses_left: invite.uses_left,
            expires_at: invite.expires_at,
            by_name: maker.map(|member| member.name.clone()).unwrap_or_default(),
        }
    }
}

impl From<&InviteLink> for InviteLinkView {
    fn from(link: &InviteLink) -> Self {
        let app = link.to_app_link();
        let address = link.addresses.first().map(String::as_str).unwrap_or_default();
        // Only a link with eight long names is too long for a code; it is then shown as text alone.
        let qr = crate::qr::draw(&app).unwrap_or(QrView { size: 0, path: String::new() });
        // A browser on this very computer is let in without TLS, which spares it the certificate's warning.
        let scheme = if is_loopback(address) { "http" } else { "https" };
        Self { web: link.to_web_link(scheme, address), app, qr }
    }
}

fn is_loopback(address: &str) -> bool {
    address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let message = with_capital(&finding.message);
        Self { code: finding.code.to_owned(), blocking: finding.blocking, message }
    }
}
