//! The words a Hearth host and its clients say to each other, and how much of each they may say.
//!
//! This crate exists so that both sides, the generated TypeScript and `docs/protocol.md` share one truth.
//! It refuses to know about sockets, disks, clocks or randomness: it is types, limits and text.
//!
//! A session in short: the client opens a WebSocket at [`WS_PATH`] with a subprotocol from [`version`], says
//! [`Hello`] with a fresh nonce and hears [`Welcome`] with the host's proof of its key; it signs in by password,
//! invite, registration or session token and hears [`SignedIn`]; it names its cursors in [`Sync`] and hears what
//! it missed; from then on it posts, pages and listens.

pub mod ids;
pub mod limits;
pub mod version;

pub mod client_frame;
pub mod close;
pub mod codec;
pub mod counts;
pub mod error;
pub mod event;
pub mod handshake;
pub mod invite_link;
pub mod message_link;
pub mod people;
pub mod programs;
pub mod redacted;
pub mod search;
pub mod server_frame;

pub use client_frame::{ClientFrame, Cursor, Post, Request, Search, SignIn};
pub use close::CloseCode;
pub use codec::{DecodeError, decode_client, decode_server, encode};
pub use counts::{Attention, Progress, ThreadProgress};
pub use error::ErrorCode;
pub use event::{Change, Edited, Event, Posted, Reaction};
pub use handshake::{ClientName, HostCard, Moved, Registration, Welcome, moved_message, proof_message};
pub use ids::{
    AvatarId, DeviceId, HookId, HostId, InviteId, MemberId, MessageId, ReportId, RoomId, Seq, UnixMillis,
};
pub use invite_link::InviteLink;
pub use message_link::MessageLink;
pub use people::{
    Availability, Device, Invite, Member, Reading, Role, Room, RoomMember, RoomRole, Seen, Standing,
    Visibility,
};
pub use programs::{Bot, Hook, Report};
pub use redacted::{Picture, Secret, Text};
pub use server_frame::{
    Failure, HistoryPage, Reply, Revision, RoomSync, ServerFrame, SignedIn, Statistics, TallyOfDay,
};

/// Where on the host's one port the chat protocol is spoken.
pub const WS_PATH: &str = "/ws";

/// Where a host that has moved serves its signed note.
pub const MOVED_PATH: &str = "/moved";

/// The DNS-SD service type under which hosts announce themselves (RFC 6763).
pub const MDNS_SERVICE: &str = "_hearth._tcp.local.";

/// The port a host listens on unless told otherwise.
pub const DEFAULT_PORT: u16 = 7717;
