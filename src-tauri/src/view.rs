//! What crosses from Rust to the window: written for the window's eyes, converted from the cores' types at this edge.
//! The TypeScript of these types is generated from here and committed (`tests/bindings.rs` writes and compares it); the
//! browser's backend produces the same shapes.

mod from;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use protocol::{
    HostId, InviteId, MemberId, MessageId, Registration, Role, RoomId, Seq, UnixMillis, Visibility,
};

/// What the window opens into.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StartView {
    /// Nothing here yet: host or join.
    First {
        /// No keyring service answers, so the person chooses a passphrase before the vault is made.
        needs_passphrase: bool,
    },
    /// The vault is there and needs a person to open it.
    Locked {
        /// Why, and what to do.
        failure: FailureView,
        /// Which ways there are to open it.
        ways: Vec<SlotView>,
    },
    /// A browser at a host's page that is not signed in.
    SignIn {
        /// The host that served the page.
        host: HostCardView,
        /// The page was opened by an invite link.
        invited: bool,
        /// Whether one may register without an invite.
        registration: Registration,
    },
    /// Open, with these hosts.
    Open {
        /// In the order they were joined.
        hosts: Vec<HostView>,
    },
}

/// A host before it is joined.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HostCardView {
    /// Its key's hash.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Six words to compare at first contact.
    pub words: String,
}

/// A joined host.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HostView {
    /// Its key's hash.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// Six words to compare.
    pub words: String,
    /// This very installation is the server.
    pub hosted: bool,
    /// Where it can be reached by others, best first; only known when hosted here.
    pub addresses: Vec<String>,
    /// How the connection is.
    pub state: ConnectionView,
    /// Who I am there; unknown before the first sign-in.
    pub me: Option<PersonView>,
    /// How many members are here now.
    pub online: u32,
    /// Who may register there without an invite.
    pub registration: Registration,
    /// Whether I have a password there.
    pub has_password: bool,
}

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ConnectionView {
    /// Looking for the host.
    Dialling,
    /// Found it, proving who we are.
    SigningIn,
    /// Everything travels at once.
    Live,
    /// Will try again by itself.
    Waiting {
        /// When.
        retry_at: UnixMillis,
        /// Why the last try failed.
        reason: String,
    },
    /// Will not try again before a person acts.
    Stopped {
        /// Why.
        reason: StopView,
        /// The same for people.
        message: String,
    },
}

/// Why a connection will not come back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum StopView {
    /// Another key answered in the host's place.
    KeyChanged,
    /// The session was ended; sign in again.
    SessionEnded,
    /// One of both is too old.
    Version,
    /// Signed out here.
    SignedOut,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    /// For good.
    pub id: MemberId,
    /// Unique on the host.
    pub name: String,
    /// On the host.
    pub role: Role,
    /// Whether any device of theirs is connected.
    pub online: bool,
}

/// A room, mine or one I could join.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// For good.
    pub id: RoomId,
    /// Without the `#`.
    pub name: String,
    /// May be empty.
    pub topic: String,
    /// Who can find it.
    pub visibility: Visibility,
    /// The newest number.
    pub head: Seq,
    /// How many members.
    pub members: u32,
}

/// One row of a timeline: an event, or a message still on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct RowView {
    /// The same for the echo and the event it becomes.
    pub key: String,
    /// Its number; null while the host has not taken it. Rows stand in this order, those without one last, by key.
    pub seq: Option<Seq>,
    /// When.
    pub at: UnixMillis,
    /// Who.
    pub by: MemberId,
    /// Their name.
    pub by_name: String,
    /// What.
    pub content: ContentView,
    /// How far it is.
    pub delivery: DeliveryView,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ContentView {
    /// A message.
    Message {
        /// Its id.
        id: MessageId,
        /// Markdown.
        text: String,
    },
    /// The room was made.
    Created {
        /// Its first name.
        name: String,
    },
    /// Somebody came in.
    Joined {
        /// Their name.
        who: String,
    },
    /// Somebody went out.
    Left {
        /// Their name.
        who: String,
    },
    /// From a newer host.
    Unknown,
}

/// How far a message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum DeliveryView {
    /// In the outbox; will send by itself.
    Queued,
    /// On the host's disk.
    Sent,
    /// Refused for good; waits for a person.
    Failed {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
}

/// A stretch of a room, ascending.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TimelineView {
    /// The rows.
    pub rows: Vec<RowView>,
    /// Nothing is older than the first of them.
    pub at_start: bool,
    /// Something older is missing here and could not be fetched (offline).
    pub gap: bool,
}

/// A host seen on the local network. Nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FoundView {
    /// First digits of the id it claims.
    pub id_prefix: String,
    /// The name it claims.
    pub name: String,
    /// Where, best first.
    pub addresses: Vec<String>,
    /// It claims to be a host that is joined already.
    pub known: bool,
}

/// What answered at an address or invite, its key verified, nothing of ours said yet.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ProbeView {
    /// Who answered.
    pub host: HostCardView,
    /// Whether one may register without an invite.
    pub registration: Registration,
    /// The text was an invite, so the key is the one its maker meant.
    pub invited: bool,
    /// Joined already.
    pub known: bool,
}

/// By which means to join.
#[derive(Clone, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum JoinByView {
    /// New here.
    New {
        /// The name to have.
        name: String,
        /// For other devices later.
        password: Option<String>,
    },
    /// A member already.
    Password {
        /// The member's name.
        name: String,
        /// Theirs.
        password: String,
        /// What their authenticator shows, or a recovery code, once it was asked for.
        #[serde(default)]
        #[ts(optional)]
        code: Option<String>,
    },
}

/// One thing the doctor found about the network.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FindingView {
    /// For translation and tests.
    pub code: String,
    /// It can explain an empty list.
    pub blocking: bool,
    /// In plain words.
    pub message: String,
}

/// An invite, just made.
#[derive(Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct InviteLinkView {
    /// For the app.
    pub app: String,
    /// For a browser.
    pub web: String,
    /// The app's link as a picture (SVG, one path; size of the square in modules, and the path's data).
    pub qr: QrView,
}

/// A QR code as one path on a square grid.
#[derive(Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct QrView {
    /// Modules a side.
    pub size: u32,
    /// SVG path data, one unit a module.
    pub path: String,
}

/// A living invite.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct InviteView {
    /// For revoking it.
    pub id: InviteId,
    /// What its users become.
    pub role: Role,
    /// How often it can still be used.
    pub uses_left: u32,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// Who made it.
    pub by_name: String,
}

/// A device of mine.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct DeviceView {
    /// For revoking it.
    pub id: protocol::DeviceId,
    /// Given by me.
    pub name: String,
    /// When it signed in.
    pub since: UnixMillis,
    /// When it was last heard.
    pub last_seen: UnixMillis,
    /// It is this one.
    pub current: bool,
}

/// A way to open the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum SlotView {
    /// The OS keyring.
    Keyring,
    /// A passphrase.
    Passphrase,
    /// The printed recovery code.
    Recovery,
    /// A key file.
    KeyFile,
}

/// What went wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FailureView {
    /// For programs and for translation.
    pub code: String,
    /// For people, in English; says what to do.
    pub message: String,
}

/// Something changed; pushed to the window.
#[derive(Debug, Clone, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum UpdateView {
    /// A host is new or changed.
    Host {
        /// As it is now.
        host: HostView,
    },
    /// A host is no longer joined.
    HostGone {
        /// Which.
        host: HostId,
    },
    /// My rooms of a host, whole.
    Rooms {
        /// Which host.
        host: HostId,
        /// In the order of their names.
        rooms: Vec<RoomView>,
    },
    /// Rows of a room came, changed or went.
    Rows {
        /// Which host.
        host: HostId,
        /// Which room.
        room: RoomId,
        /// New ones and changed ones.
        put: Vec<RowView>,
        /// Keys of those that are gone.
        removed: Vec<String>,
    },
    /// Load this room's rows again.
    Reset {
        /// Which host.
        host: HostId,
        /// Which room.
        room: RoomId,
    },
    /// The members of a host, whole.
    People {
        /// Which host.
        host: HostId,
        /// In the order of their names.
        people: Vec<PersonView>,
    },
    /// What is seen on the local network, whole.
    Found {
        /// One entry a host.
        hosts: Vec<FoundView>,
    },
    /// A `hearth://` link was opened; ask before doing anything.
    Link {
        /// As it was.
        text: String,
    },
    /// Updates were lost: load everything again.
    Reload,
}
