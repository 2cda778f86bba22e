//! What a host says: answers, and what it pushes by itself.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::counts::{Progress, ThreadProgress};
use crate::error::ErrorCode;
use crate::event::Event;
use crate::handshake::{Registration, Welcome};
use crate::ids::{AvatarId, DeviceId, MemberId, MessageId, RoomId, Seq, UnixMillis};
use crate::people::{Device, Invite, Member, Room, RoomMember, Seen, is_default};
use crate::programs::{Bot, Hook, Report};
use crate::redacted::{Picture, Secret, Text};

/// One frame of a host: an answer when `req` is there, else something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ServerFrame {
    /// Whose answer it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub req: Option<u32>,
    /// What is said.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What a host says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Reply {
    /// To `hello`.
    Welcome(Welcome),
    /// To `sign_in`. From here on events are pushed; ask for `sync` next.
    SignedIn(SignedIn),
    /// To whatever has nothing to say but yes.
    Done,
    /// To `ping`.
    Pong,
    /// To `rooms` and `directory`.
    Rooms {
        /// In the order of their names.
        rooms: Vec<Room>,
        /// Whether a directory has more after the last.
        #[serde(default, skip_serializing_if = "is_default")]
        #[ts(as = "Option<bool>", optional)]
        more: bool,
    },
    /// To whatever makes, opens or changes a room; also pushed when I came into a room by another device or another
    /// member.
    Room {
        /// Which.
        room: Room,
    },
    /// Pushed to my devices when I am out of a room.
    RoomGone {
        /// Which.
        room: RoomId,
    },
    /// To `room_members`.
    RoomMembers {
        /// In the order of their ids.
        members: Vec<RoomMember>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// To `post`: it is on disk, and its place is fixed.
    Posted {
        /// Which.
        message: MessageId,
        /// Where.
        room: RoomId,
        /// Its number.
        seq: Seq,
        /// When the host took it.
        at: UnixMillis,
    },
    /// To `history`.
    History(HistoryPage),
    /// To `pins`, `thread` and `search`.
    Messages {
        /// As they stand now.
        messages: Vec<Event>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// To `mark` and `set_attention`, and pushed to my other devices.
    Progress {
        /// How far I am.
        progress: Progress,
        /// Its place among all that I changed of my own: what has a smaller one is older.
        #[ts(type = "number")]
        number: u64,
    },
    /// To `progress`.
    ProgressList {
        /// One per room of mine.
        rooms: Vec<Progress>,
    },
    /// To `follow_thread` and `mark_thread`, and pushed to my other devices; also pushed when I follow a thread by
    /// having answered or been mentioned in it, or because somebody answered me.
    ThreadProgress {
        /// How far I am.
        thread: ThreadProgress,
        /// As in `progress`.
        #[ts(type = "number")]
        number: u64,
    },
    /// To `threads`.
    Threads {
        /// Those with the newest messages first.
        threads: Vec<ThreadProgress>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// To `read_by`.
    ReadBy {
        /// Which message.
        message: MessageId,
        /// In the order of their ids.
        members: Vec<MemberId>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// To `delivered`. Counted are those who were in the room when it was posted and still are, but for its author.
    Delivered {
        /// Which message.
        message: MessageId,
        /// How many devices they have.
        devices: u32,
        /// How many of those have got it.
        delivered: u32,
        /// How many members they are.
        members: u32,
        /// How many of those have got it on one device at least.
        reached: u32,
    },
    /// To `resolve`.
    Place {
        /// Which message.
        message: MessageId,
        /// Where.
        room: RoomId,
        /// Its number there.
        seq: Seq,
        /// The message under which its thread began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        thread: Option<MessageId>,
    },
    /// To `seen`.
    Seen {
        /// In the order of their ids.
        members: Vec<Seen>,
    },
    /// Pushed: somebody writes in a room of mine, for [`TYPING_MS`](crate::limits::TYPING_MS) from now.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        member: MemberId,
    },
    /// To `seq_at`.
    SeqAt {
        /// Where.
        room: RoomId,
        /// The first at or after that time; one more than the newest if there is none yet.
        seq: Seq,
    },
    /// To `statistics`.
    Statistics(Statistics),
    /// To `revisions`.
    Revisions {
        /// Whose.
        message: MessageId,
        /// What it said before, oldest first; what it says now is not among them.
        revisions: Vec<Revision>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// To `sync`.
    Synced {
        /// One entry per room of mine, those without news included.
        rooms: Vec<RoomSync>,
    },
    /// To `members`.
    Members {
        /// In the order of their ids.
        members: Vec<Member>,
        /// Whether there are more after the last.
        more: bool,
    },
    /// To `avatar` and `room_avatar`.
    Avatar {
        /// Which: the SHA-256 of the bytes of `image`.
        avatar: AvatarId,
        /// `image/png` or `image/jpeg`.
        media_type: String,
        /// A square of [`AVATAR_PIXELS`](crate::limits::AVATAR_PIXELS).
        image: Picture,
    },
    /// To `people`; also pushed to my other devices when it changed.
    People {
        /// My contacts.
        contacts: Vec<MemberId>,
        /// Whose direct messages I let not through.
        blocked: Vec<MemberId>,
    },
    /// To `second_factor`.
    SecondFactor {
        /// Whether a code is asked for beside my password.
        on: bool,
        /// How many recovery codes are left.
        recovery_codes: u32,
    },
    /// To `begin_second_factor`.
    SecondFactorBegun {
        /// For typing: base32 (RFC 4648).
        secret: Secret,
        /// The same for an authenticator, as a link or a QR code: `otpauth://totp/…`.
        uri: Secret,
    },
    /// To `confirm_second_factor` and `renew_recovery_codes`.
    RecoveryCodes {
        /// Each stands in for the authenticator once.
        codes: Vec<Secret>,
    },
    /// To `devices`.
    Devices {
        /// Newest first.
        devices: Vec<Device>,
    },
    /// To `retention` and `set_retention`.
    Retention {
        /// Of which room.
        room: RoomId,
        /// For how many days it keeps what is said in it; none for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        days: Option<u32>,
    },
    /// To `hooks`.
    Hooks {
        /// By name.
        hooks: Vec<Hook>,
    },
    /// To `create_hook`.
    HookCreated {
        /// As it will be listed.
        hook: Hook,
        /// Where programs post on the host's port: `/hooks/` and a secret. Shown this once.
        path: Secret,
        /// With which GitHub signs what it sends there. Shown this once.
        signing_key: Secret,
    },
    /// To `reports`.
    Reports {
        /// Oldest first.
        reports: Vec<Report>,
    },
    /// To `create_report`.
    ReportCreated {
        /// As it will be listed.
        report: Report,
        /// With which what it sends is signed. Shown this once.
        signing_key: Secret,
    },
    /// To `bots`.
    Bots {
        /// By name.
        bots: Vec<Bot>,
    },
    /// To `create_bot`.
    BotCreated {
        /// As it will be listed.
        bot: Bot,
        /// For `Authorization: Bearer`. Shown this once.
        token: Secret,
    },
    /// To `create_invite`.
    InviteCreated {
        /// As it will be listed.
        invite: Invite,
        /// The secret of the link, shown this once.
        token: Secret,
    },
    /// To `invites`.
    Invites {
        /// Newest first.
        invites: Vec<Invite>,
    },
    /// A request was refused; without `req`, the frame could not be read that far.
    Error(Failure),
    /// Pushed: something happened in a room of mine.
    Event {
        /// What.
        event: Event,
    },
    /// Pushed: a member is new, or changed name, status, picture, role or standing.
    Member {
        /// As they are now.
        member: Member,
    },
    /// Pushed, at most once a second: how members are here now. Each is named once.
    Presence {
        /// Here, and active.
        online: Vec<MemberId>,
        /// Not here.
        offline: Vec<MemberId>,
        /// Here, and idle.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(as = "Option<Vec<MemberId>>", optional)]
        idle: Vec<MemberId>,
        /// Here, and not to be disturbed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(as = "Option<Vec<MemberId>>", optional)]
        busy: Vec<MemberId>,
    },
    /// From a newer host: ignore it.
    #[serde(other)]
    #[ts(skip)]
    Unknown,
}

/// Who I am here now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SignedIn {
    /// Me.
    pub member: Member,
    /// This device.
    pub device: DeviceId,
    /// The session's token, only when it is new: 32 random bytes, base64url without padding. Keep it secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub token: Option<Secret>,
    /// The rooms I am in.
    pub rooms: Vec<Room>,
    /// Who may register without an invite.
    pub registration: Registration,
    /// Whether I have a password.
    pub has_password: bool,
    /// How far I am in each of my rooms.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Progress>>", optional)]
    pub progress: Vec<Progress>,
    /// Whether the host asks for a second factor of me and I have none: `rooms` and `progress` are left out, and nothing
    /// but setting one up is answered.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<bool>", optional)]
    pub second_factor_missing: bool,
}

/// How much a host is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Statistics {
    /// How many accounts, without those that are gone.
    #[ts(type = "number")]
    pub members: u64,
    /// How many rooms.
    #[ts(type = "number")]
    pub rooms: u64,
    /// How many messages, deleted ones included.
    #[ts(type = "number")]
    pub messages: u64,
    /// What the database takes on disk.
    #[ts(type = "number")]
    pub bytes: u64,
    /// The last 30 days, newest first, without those on which nothing was posted.
    pub days: Vec<TallyOfDay>,
}

/// How many messages one room got on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TallyOfDay {
    /// When the day began (UTC).
    pub day: UnixMillis,
    /// Where.
    pub room: RoomId,
    /// How many.
    pub messages: u32,
}

/// An earlier text of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Revision {
    /// The number of the event that brought it.
    pub seq: Seq,
    /// When.
    pub at: UnixMillis,
    /// Markdown.
    pub text: Text,
}

/// A stretch of a room's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HistoryPage {
    /// Whose.
    pub room: RoomId,
    /// Ascending and without gaps.
    pub events: Vec<Event>,
    /// The room's newest number when the page was read.
    pub head: Seq,
}

/// What one room has to say to a returning client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct RoomSync {
    /// Whose.
    pub room: RoomId,
    /// The newest events, ascending, without gaps, up to `head`. What lies between the cursor and the first of
    /// them is a hole to be paged by `history`.
    pub events: Vec<Event>,
    /// Messages up to the cursor that something in the hole has changed, as they stand now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[ts(as = "Option<Vec<Event>>", optional)]
    pub changed: Vec<Event>,
    /// Whether the hole has changed more messages than these: it has to be paged from the cursor on to know them all.
    #[serde(default, skip_serializing_if = "is_default")]
    #[ts(as = "Option<bool>", optional)]
    pub more: bool,
    /// The room's newest number.
    pub head: Seq,
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Failure {
    /// For programs.
    pub code: ErrorCode,
    /// For people, in English; says what to do.
    pub message: String,
    /// When to try again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[ts(optional)]
    pub retry_after_ms: Option<u32>,
}
