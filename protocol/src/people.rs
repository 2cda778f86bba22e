//! Members, rooms, devices and invites as others may see them: written for their audience, nothing private in them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::ids::{AvatarId, DeviceId, InviteId, MemberId, RoomId, Seq, UnixMillis};

/// What a member may do on the host as a whole; later ones may do less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Made the host; may do everything.
    Owner,
    /// Runs the host day by day.
    Admin,
    /// Talks, makes rooms.
    Member,
    /// Talks in the rooms it was invited to.
    Guest,
}

/// Who can find and enter a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Every member may find and join it.
    Public,
    /// By invitation only, unlisted.
    Private,
    /// Between a fixed few, unnamed.
    Direct,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As usual.
    #[default]
    Active,
    /// Put aside: nobody can sign in as them.
    Deactivated,
    /// Sent away: nobody can sign in as them.
    Banned,
    /// Deleted; what they wrote stays, without their name.
    Gone,
}

/// How somebody who is connected is to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// At the device, as far as it can tell.
    #[default]
    Active,
    /// Away from it for a while.
    Idle,
    /// There, and not to be disturbed.
    DoNotDisturb,
}

/// What a member may do in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum RoomRole {
    /// Runs the room: its name, its members, its end.
    Admin,
    /// Talks in it.
    #[default]
    Member,
}

/// From where on those who come into a room may read its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// All of it.
    #[default]
    Start,
    /// From the event by which they came in.
    Join,
}

/// A member as every other member sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Member {
    /// For good.
    pub id: MemberId,
    /// Unique on the host, whatever the case of its letters.
    pub name: String,
    /// On the host.
    pub role: Role,
    /// Whether any device of theirs is connected.
    pub online: bool,
    /// How they are to be reached; only of those who are online.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<Availability>", optional)]
    pub availability: Availability,
    /// What they say of themselves; may be empty.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<String>", optional)]
    pub status: String,
    /// The emoji before it; may be empty.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<String>", optional)]
    pub status_emoji: String,
    /// When the host takes both back; without it, they stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub status_until: Option<UnixMillis>,
    /// Their picture, if they have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub avatar: Option<AvatarId>,
    /// How the account stands.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<Standing>", optional)]
    pub standing: Standing,
}

impl Member {
    /// A member of whom nothing else is known.
    #[must_use]
    pub const fn named(id: MemberId, name: String, role: Role) -> Self {
        Self {
            id,
            name,
            role,
            online: false,
            availability: Availability::Active,
            status: String::new(),
            status_emoji: String::new(),
            status_until: None,
            avatar: None,
            standing: Standing::Active,
        }
    }
}

/// Whether a member is here, and when they last were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Seen {
    /// Who.
    pub member: MemberId,
    /// Whether any device of theirs is connected.
    pub online: bool,
    /// How they are to be reached; only of those who are online.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<Availability>", optional)]
    pub availability: Availability,
    /// When a device of theirs was last connected; absent while one is, and where it is not mine to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub last_seen: Option<UnixMillis>,
}

/// A room as its members, and for a public one everybody, see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Room {
    /// For good.
    pub id: RoomId,
    /// Without the `#`.
    pub name: String,
    /// May be empty.
    pub topic: String,
    /// Who can find it.
    pub visibility: Visibility,
    /// The newest event's number.
    pub head: Seq,
    /// How many members it has.
    pub members: u32,
    /// What I may do in it; `member` where I am not in it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<RoomRole>", optional)]
    pub role: RoomRole,
    /// From where on those who come in may read.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<Reading>", optional)]
    pub reading: Reading,
    /// Whether it is closed for good or for now: it can be read, and nothing is said in it.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<bool>", optional)]
    pub archived: bool,
    /// Its picture, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub avatar: Option<AvatarId>,
    /// Of a direct room, those it is between besides me; its `name` is then made of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<MemberId>>", optional)]
    pub with: Vec<MemberId>,
}

/// One of those who are in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RoomMember {
    /// Who.
    pub member: MemberId,
    /// What they may do in it.
    pub role: RoomRole,
}

/// Left out on the wire.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One signed-in installation, as its own member sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Device {
    /// For revoking it.
    pub id: DeviceId,
    /// Given by the person, for example "Léa's laptop".
    pub name: String,
    /// When it signed in.
    pub since: UnixMillis,
    /// When it was last heard.
    pub last_seen: UnixMillis,
    /// Whether it is the one asking.
    pub current: bool,
    /// From which network address it was last heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub address: Option<String>,
}

/// An invite as those see it who may list invites. The secret is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Invite {
    /// For revoking it.
    pub id: InviteId,
    /// What those who use it become.
    pub role: Role,
    /// How often it can still be used.
    pub uses_left: u32,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// Who made it.
    pub by: MemberId,
    /// Into which rooms those who use it come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<RoomId>>", optional)]
    pub rooms: Vec<RoomId>,
}
