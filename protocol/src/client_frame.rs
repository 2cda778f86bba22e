//! What a client may say.

mod cursor;
mod post;
mod search;
mod sign_in;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use cursor::Cursor;
pub use post::Post;
pub use search::Search;
pub use sign_in::SignIn;

use crate::counts::Attention;
use crate::handshake::ClientName;
use crate::ids::{DeviceId, HookId, InviteId, MemberId, MessageId, ReportId, RoomId, Seq, UnixMillis};
use crate::people::{Availability, Reading, Role, RoomRole, Standing, Visibility, is_default};
use crate::redacted::{Picture, Secret, Text};

/// One request. Its answer carries the same `req`; answers may come in another order than the requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ClientFrame {
    /// Chosen by the client; reuse only after the answer.
    pub req: u32,
    /// What is asked.
    #[serde(flatten)]
    pub request: Request,
}

/// What is asked of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// The first words. Answer: `welcome`.
    Hello {
        /// [`NONCE_BYTES`](crate::limits::NONCE_BYTES) fresh random bytes, base64url without padding.
        nonce: String,
        /// The program that speaks.
        client: ClientName,
    },
    /// Says who it is. Answer: `signed_in`.
    SignIn {
        /// By which means.
        by: SignIn,
        /// The device's name, for the member's own list of devices.
        device: String,
        /// The token the new session is to have: 32 random bytes, base64url without padding. Whoever chooses it can
        /// ask again when the answer was lost: the same token finds the account and the session it has made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        session: Option<Secret>,
        /// What the member's authenticator shows now, or one of their recovery codes, where the host has answered
        /// `second_factor_required`; beside a password only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        code: Option<Secret>,
    },
    /// Ends this session for good. Answer: `done`, then the connection closes.
    SignOut,
    /// Shows life where the WebSocket ping is not at hand (browsers). Answer: `pong`.
    Ping,
    /// The rooms I am in. Answer: `rooms`.
    Rooms,
    /// Public rooms I am not in, by name. Answer: `rooms`.
    Directory {
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<RoomId>,
    },
    /// Makes a room and joins it. Answer: `room`.
    CreateRoom {
        /// Without the `#`.
        name: String,
        /// May be empty.
        #[serde(default)]
        topic: String,
        /// Public or private.
        visibility: Visibility,
        /// From where on those who come in may read.
        #[serde(default, skip_serializing_if = "is_default")]
        #[ts(as = "Option<Reading>", optional)]
        reading: Reading,
    },
    /// Opens the direct room between me and others: always the same one for the same members. Answer: `room`.
    OpenDirect {
        /// The others, at most [`DIRECT_MEMBERS`](crate::limits::DIRECT_MEMBERS).
        members: Vec<MemberId>,
    },
    /// Gives a room another name. Answer: `room`.
    RenameRoom {
        /// Which.
        room: RoomId,
        /// Without the `#`.
        name: String,
    },
    /// Says what a room is about. Answer: `room`.
    SetTopic {
        /// Which.
        room: RoomId,
        /// May be empty.
        topic: String,
    },
    /// Gives a room a picture, or takes it away. Answer: `room`.
    SetRoomAvatar {
        /// Which.
        room: RoomId,
        /// PNG, JPEG, GIF or WebP, at most [`AVATAR_BYTES`](crate::limits::AVATAR_BYTES); the host makes a square of it.
        /// Without it, the room has none any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        image: Option<Picture>,
    },
    /// The picture of a room. Answer: `avatar`.
    RoomAvatar {
        /// Which.
        room: RoomId,
    },
    /// Says from where on those who come in may read. Answer: `room`.
    SetReading {
        /// Which.
        room: RoomId,
        /// From where.
        reading: Reading,
    },
    /// Closes a room: it can be read, and nothing is said in it. Answer: `room`.
    ArchiveRoom {
        /// Which.
        room: RoomId,
    },
    /// Opens an archived room again. Answer: `room`.
    RestoreRoom {
        /// Which.
        room: RoomId,
    },
    /// Deletes a room and all that was said in it, for good. Answer: `done`.
    DeleteRoom {
        /// Which.
        room: RoomId,
    },
    /// Who is in a room, in the order of their ids. Answer: `room_members`.
    RoomMembers {
        /// Which.
        room: RoomId,
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<MemberId>,
    },
    /// Brings a member into a room. Answer: `done`.
    AddToRoom {
        /// Which.
        room: RoomId,
        /// Whom.
        member: MemberId,
    },
    /// Takes a member out of a room. Answer: `done`.
    RemoveFromRoom {
        /// Which.
        room: RoomId,
        /// Whom.
        member: MemberId,
    },
    /// Says what a member may do in a room. Answer: `done`.
    SetRoomRole {
        /// Which.
        room: RoomId,
        /// Who.
        member: MemberId,
        /// What.
        role: RoomRole,
    },
    /// Joins a public room. Answer: `room`.
    JoinRoom {
        /// Which.
        room: RoomId,
    },
    /// Leaves a room. Answer: `done`.
    LeaveRoom {
        /// Which.
        room: RoomId,
    },
    /// Posts a message. Answer: `posted`, once it is on the host's disk. Saying the same again gets the same answer.
    Post(Post),
    /// Gives a message of mine another text. Answer: `done`.
    Edit {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
        /// Markdown.
        text: Text,
    },
    /// Deletes a message for everyone: its text goes everywhere, its place stays. Answer: `done`.
    Delete {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
    },
    /// Puts an emoji under a message. Answer: `done`; so it is if mine is there already.
    React {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
        /// At most [`EMOJI_BYTES`](crate::limits::EMOJI_BYTES).
        emoji: String,
    },
    /// Takes it back. Answer: `done`; so it is if mine is not there.
    Unreact {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
        /// Which one.
        emoji: String,
    },
    /// Pins a message to its room. Answer: `done`.
    Pin {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
    },
    /// Takes it down again. Answer: `done`.
    Unpin {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
    },
    /// The pinned messages of a room. Answer: `messages`, newest first.
    Pins {
        /// Where.
        room: RoomId,
        /// Only those with a smaller number: that of the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        before: Option<Seq>,
    },
    /// The messages of a thread. Answer: `messages`, ascending.
    Thread {
        /// Where.
        room: RoomId,
        /// Under which message it began.
        message: MessageId,
        /// Only those with a greater number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<Seq>,
        /// At most this many.
        limit: u32,
    },
    /// I have read up to here. Answer: `progress`, pushed to my other devices too.
    Mark {
        /// Where.
        room: RoomId,
        /// The number of an event.
        seq: Seq,
        /// Whether the mark may go back: this is unread again.
        #[serde(default)]
        back: bool,
    },
    /// Follows a thread, or no longer. Whoever answers in one, began it or is mentioned in it follows it by that.
    /// Answer: `thread_progress`, pushed to my other devices too.
    FollowThread {
        /// Where.
        room: RoomId,
        /// Under which message it began.
        message: MessageId,
        /// Whether I follow it from now on.
        follow: bool,
    },
    /// I have read a thread that I follow up to here. Answer: `thread_progress`, pushed to my other devices too.
    MarkThread {
        /// Where.
        room: RoomId,
        /// Under which message it began.
        message: MessageId,
        /// The number of an event.
        seq: Seq,
        /// Whether the mark may go back: this is unread again.
        #[serde(default, skip_serializing_if = "is_default")]
        #[ts(as = "Option<bool>", optional)]
        back: bool,
    },
    /// The threads I follow, those with the newest messages first. Answer: `threads`.
    Threads {
        /// Only those whose newest message is older than this one: the `newest` of the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        older_than: Option<MessageId>,
        /// Only those in which something waits.
        #[serde(default, skip_serializing_if = "is_default")]
        #[ts(as = "Option<bool>", optional)]
        unread: bool,
        /// At most this many, and at most [`THREADS`](crate::limits::THREADS).
        limit: u32,
    },
    /// What of a room counts for me. Answer: `progress`, pushed to my other devices too.
    SetAttention {
        /// Which.
        room: RoomId,
        /// What counts.
        attention: Attention,
    },
    /// How far I am in each room of mine. Answer: `progress_list`.
    Progress,
    /// Who has read this far; those who keep it to themselves are not named. Answer: `read_by`.
    ReadBy {
        /// Where.
        room: RoomId,
        /// Which message.
        message: MessageId,
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<MemberId>,
    },
    /// Whether others may see how far I have read. Answer: `done`.
    SetReceipts {
        /// They may.
        shown: bool,
    },
    /// How I am to be reached, as far as this device can tell: it holds while the device is connected, so say it again
    /// after signing in. Answer: `done`.
    SetPresence {
        /// How.
        availability: Availability,
        /// For `do_not_disturb`: until when, at most [`BUSY_MS`](crate::limits::BUSY_MS) from now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        until: Option<UnixMillis>,
    },
    /// Whether members are here, and when they last were. Answer: `seen`, without those who are not there.
    Seen {
        /// Whom, at most [`SEEN_MEMBERS`](crate::limits::SEEN_MEMBERS).
        members: Vec<MemberId>,
    },
    /// This device keeps all up to here. Say it now and then, for all rooms in one; authors may ask who got a message.
    /// Answer: `done`.
    Received {
        /// The newest number held, per room.
        cursors: Vec<Cursor>,
    },
    /// How many devices of others have got a message of mine. Answer: `delivered`.
    Delivered {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
    },
    /// Where a message is that a link names. Answer: `place`.
    Resolve {
        /// Which.
        message: MessageId,
    },
    /// I am writing in this room. Say it again every few seconds while it is so. Answer: `done`.
    Typing {
        /// Where.
        room: RoomId,
    },
    /// Looks for messages in my rooms. Answer: `messages`, newest first.
    Search(Search),
    /// Which event was the first at or after a time. Answer: `seq_at`.
    SeqAt {
        /// Where.
        room: RoomId,
        /// When.
        at: UnixMillis,
    },
    /// How much the host is used. Answer: `statistics`.
    Statistics,
    /// What a message said before it was edited. Answer: `revisions`.
    Revisions {
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
        /// Only those with a greater number: that of the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<Seq>,
    },
    /// A page of a room's log. Answer: `history`, ascending.
    History {
        /// Where.
        room: RoomId,
        /// Only events with a smaller number: the page ends just before it. Without both, the newest page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        before: Option<Seq>,
        /// Only events with a greater number: the page starts just after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<Seq>,
        /// At most this many; the host may send fewer (see [`PAGE_BYTES`](crate::limits::PAGE_BYTES)).
        limit: u32,
    },
    /// What did I miss? Answer: `synced`. Rooms of mine without a cursor are answered from zero.
    Sync {
        /// The newest number I hold, per room.
        cursors: Vec<Cursor>,
    },
    /// Members of the host in the order of their ids. Answer: `members`.
    Members {
        /// Only those after this one: the last of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        after: Option<MemberId>,
    },
    /// Sets my password. Answer: `done`.
    SetPassword {
        /// Required once one is set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        current: Option<Secret>,
        /// The new one.
        new: Secret,
        /// Whether to end my sessions on other devices.
        #[serde(default, skip_serializing_if = "is_default")]
        #[ts(as = "Option<bool>", optional)]
        end_others: bool,
    },
    /// Whether a code is asked for beside my password. Answer: `second_factor`.
    SecondFactor,
    /// Makes a secret for my authenticator (RFC 6238); nothing is asked of me before it is confirmed. Answer:
    /// `second_factor_begun`.
    BeginSecondFactor {
        /// Mine.
        password: Secret,
    },
    /// Proves that my authenticator has the secret: from now on a code is asked for beside my password. Answer:
    /// `recovery_codes`, the only time they are shown.
    ConfirmSecondFactor {
        /// What it shows.
        code: Secret,
    },
    /// Makes new recovery codes in place of the old ones; one of the fields must be there. Answer: `recovery_codes`.
    RenewRecoveryCodes {
        /// Mine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        password: Option<Secret>,
        /// What my authenticator shows, or a recovery code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        code: Option<Secret>,
    },
    /// From now on my password is enough; one of the fields must be there. Answer: `done`.
    EndSecondFactor {
        /// Mine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        password: Option<Secret>,
        /// What my authenticator shows, or a recovery code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        code: Option<Secret>,
    },
    /// Says who I am, to everyone. Answer: `done`.
    SetProfile {
        /// My name from now on.
        name: String,
        /// What I say of myself, at most [`TOPIC_CHARS`](crate::limits::TOPIC_CHARS); may be empty.
        status: String,
        /// An emoji before it, at most [`EMOJI_BYTES`](crate::limits::EMOJI_BYTES); may be empty.
        #[serde(default, skip_serializing_if = "is_default")]
        #[ts(as = "Option<String>", optional)]
        status_emoji: String,
        /// When the host takes both back, at most [`STATUS_MS`](crate::limits::STATUS_MS) from now; without it, they
        /// stay.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        status_until: Option<UnixMillis>,
    },
    /// Gives me a picture, or takes mine away. Answer: `done`.
    SetAvatar {
        /// As in `set_room_avatar`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        image: Option<Picture>,
    },
    /// Takes a member's picture away. Answer: `done`; so it is if they have none.
    RemoveAvatar {
        /// Whose.
        member: MemberId,
    },
    /// The picture of a member. Answer: `avatar`.
    Avatar {
        /// Whose.
        member: MemberId,
    },
    /// Says what a member is on the host; `owner` hands the host over. Answer: `done`.
    SetRole {
        /// Who.
        member: MemberId,
        /// What.
        role: Role,
    },
    /// Puts an account aside, sends it away, or lets it in again; its sessions end at once. Answer: `done`.
    SetStanding {
        /// Whose.
        member: MemberId,
        /// How it stands from now on; never `gone`.
        standing: Standing,
    },
    /// Deletes an account for good; what it wrote stays, without its name. Answer: `done`.
    DeleteAccount {
        /// Whose.
        member: MemberId,
        /// Required for my own, where one is set.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        password: Option<Secret>,
    },
    /// Puts a member among my contacts, or takes them out. Answer: `done`.
    SetContact {
        /// Whom.
        member: MemberId,
        /// Whether they are one.
        contact: bool,
    },
    /// Lets no direct messages of a member through to me, or lets them again. Answer: `done`.
    SetBlock {
        /// Whom.
        member: MemberId,
        /// Whether they are blocked.
        blocked: bool,
    },
    /// My contacts and whom I blocked. Answer: `people`.
    People,
    /// Ends my sessions on all other devices. Answer: `done`.
    RevokeOthers,
    /// Ends my sessions on all devices, this one included. Answer: `done`, then the connection closes.
    RevokeAll,
    /// My devices. Answer: `devices`.
    Devices,
    /// Ends the session of one of my devices, and its live connection. Answer: `done`.
    RevokeDevice {
        /// Which.
        device: DeviceId,
    },
    /// For how long a room keeps what is said in it. Answer: `retention`.
    Retention {
        /// Which.
        room: RoomId,
    },
    /// Says for how long a room keeps what is said in it; what is older is deleted for everyone. Answer: `retention`.
    SetRetention {
        /// Which.
        room: RoomId,
        /// Days, at most [`RETENTION_DAYS`](crate::limits::RETENTION_DAYS); without them, for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[ts(optional)]
        days: Option<u32>,
    },
    /// The incoming webhooks of a room. Answer: `hooks`.
    Hooks {
        /// Which.
        room: RoomId,
    },
    /// Makes an incoming webhook. Answer: `hook_created`, the only time its secrets are shown.
    CreateHook {
        /// Into which room it posts.
        room: RoomId,
        /// As whom it posts; a new account, a guest in that room.
        name: String,
    },
    /// Ends an incoming webhook of a room. Answer: `done`.
    RevokeHook {
        /// Of which room.
        room: RoomId,
        /// Which.
        hook: HookId,
    },
    /// The outgoing webhooks of a room. Answer: `reports`.
    Reports {
        /// Which.
        room: RoomId,
    },
    /// Makes an outgoing webhook: from now on, what happens in the room is posted to `url`. Answer: `report_created`,
    /// the only time its key is shown.
    CreateReport {
        /// Of which room.
        room: RoomId,
        /// Where to; of the web, at most [`URL_BYTES`](crate::limits::URL_BYTES), and without a password in it.
        url: Secret,
    },
    /// Tries an outgoing webhook again at once, also one that was given up. Answer: `done`.
    ResumeReport {
        /// Of which room.
        room: RoomId,
        /// Which.
        report: ReportId,
    },
    /// Ends an outgoing webhook of a room. Answer: `done`.
    RevokeReport {
        /// Of which room.
        room: RoomId,
        /// Which.
        report: ReportId,
    },
    /// All bots of the host. Answer: `bots`.
    Bots,
    /// Makes a bot. Answer: `bot_created`, the only time its token is shown.
    CreateBot {
        /// What it is called; a new account, a guest.
        name: String,
        /// In which rooms it is from the start, at most [`INVITE_ROOMS`](crate::limits::INVITE_ROOMS).
        rooms: Vec<RoomId>,
    },
    /// Ends a bot's token. Answer: `done`.
    RevokeBot {
        /// Its account.
        member: MemberId,
    },
    /// Makes an invite. Answer: `invite_created`, the only time its secret is shown.
    CreateInvite {
        /// What those who use it become.
        role: Role,
        /// How often it can be used.
        uses: u32,
        /// For how long, in milliseconds from now.
        life_ms: i64,
        /// Into which rooms those who use it come, at most [`INVITE_ROOMS`](crate::limits::INVITE_ROOMS). A guest
        /// comes into these alone, if there are any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[ts(as = "Option<Vec<RoomId>>", optional)]
        rooms: Vec<RoomId>,
    },
    /// Living invites. Answer: `invites`.
    Invites,
    /// Ends an invite. Answer: `done`.
    RevokeInvite {
        /// Which.
        invite: InviteId,
    },
    /// Sets who may register without an invite. Answer: `done`.
    SetRegistration {
        /// `open` lets anyone on the local network in, `invite` nobody.
        registration: crate::handshake::Registration,
    },
}
