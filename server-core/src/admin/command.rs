//! The words of the admin socket: one JSON object per line, both ways.

use std::path::PathBuf;

use protocol::{
    DeviceId, ErrorCode, Failure, Invite, InviteId, MemberId, Role, RoomId, Secret, Standing, UnixMillis,
    Visibility,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What the operator may ask.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// All accounts. Answer: `users`.
    Users,
    /// Makes an account. Answer: `password`.
    AddUser {
        /// Its name.
        name: String,
        /// On the host.
        role: Role,
        /// Its password; without one, the host makes one up.
        #[serde(default)]
        password: Option<Secret>,
    },
    /// Sets a new password and ends all sessions of an account. Answer: `password`.
    ResetPassword {
        /// Whose.
        name: String,
        /// The new one; without one, the host makes one up.
        #[serde(default)]
        password: Option<Secret>,
    },
    /// From now on no code is asked for beside the password of an account. Answer: `done`.
    EndSecondFactor {
        /// Whose.
        name: String,
    },
    /// Takes the picture of an account away. Answer: `done`.
    RemoveAvatar {
        /// Whose.
        name: String,
    },
    /// Makes a link that lets whoever uses it in as the owner, once, with a password of their choice and without a
    /// second factor. Answer: `owner_link`.
    RecoverOwner,
    /// Gives an account another role; giving `owner` makes the owner before an admin. Answer: `done`.
    SetRole {
        /// Whose.
        name: String,
        /// The new one.
        role: Role,
    },
    /// Puts an account aside, sends it away, or lets it in again; its sessions end. Answer: `done`.
    SetStanding {
        /// Whose.
        name: String,
        /// `active`, `deactivated` or `banned`.
        standing: Standing,
    },
    /// The signed-in devices of an account. Answer: `sessions`.
    Sessions {
        /// Whose.
        name: String,
    },
    /// Ends a session of an account, or all of them, and the live connections. Answer: `done`.
    RevokeSession {
        /// Whose.
        name: String,
        /// Which; without one, all.
        #[serde(default)]
        device: Option<DeviceId>,
    },
    /// All rooms. Answer: `rooms`.
    Rooms,
    /// Takes the picture of a room away. Answer: `done`.
    RemoveRoomAvatar {
        /// The room's name, or its id.
        room: String,
    },
    /// Says for how long a room keeps what is said in it. Answer: `done`.
    SetRetention {
        /// The room's name, or its id.
        room: String,
        /// Days; without them, for good.
        #[serde(default)]
        days: Option<u32>,
    },
    /// Living invites. Answer: `invites`.
    Invites,
    /// Makes an invite in the owner's name. Answer: `invite_created`.
    CreateInvite {
        /// What those who use it become.
        role: Role,
        /// How often it can be used.
        uses: u32,
        /// For how long, in milliseconds from now.
        life_ms: i64,
    },
    /// Ends an invite. Answer: `done`.
    RevokeInvite {
        /// Which.
        invite: InviteId,
    },
    /// All incoming webhooks. Answer: `hooks`.
    Hooks,
    /// Makes an incoming webhook for a room. Answer: `hook_created`.
    CreateHook {
        /// As whom it posts; a new account.
        name: String,
        /// The room's name, or its id.
        room: String,
    },
    /// Ends an incoming webhook. Answer: `done`.
    RevokeHook {
        /// Which.
        hook: Uuid,
    },
    /// All outgoing webhooks. Answer: `reports`.
    Reports,
    /// Reports what happens in a room, from now on, to another program. Answer: `report_created`.
    CreateReport {
        /// The room's name, or its id.
        room: String,
        /// Where to post.
        url: String,
    },
    /// Ends an outgoing webhook. Answer: `done`.
    RevokeReport {
        /// Which.
        report: Uuid,
    },
    /// Tries an outgoing webhook again, from where it stopped; also one that was given up. Answer: `done`.
    ResumeReport {
        /// Which.
        report: Uuid,
    },
    /// All bots. Answer: `bots`.
    Bots,
    /// Makes a bot. Answer: `bot_created`.
    CreateBot {
        /// Its name; a new account.
        name: String,
        /// The rooms it is in, by name or id.
        rooms: Vec<String>,
    },
    /// Ends a bot's token. Answer: `done`.
    RevokeBot {
        /// Whose.
        name: String,
    },
    /// How it stands with the certificate that browsers see. Answer: `certificate`.
    Certificate,
    /// Has a new certificate from the authority now, not when it is time; the answer does not wait for it.
    /// Answer: `done`.
    RenewCertificate,
    /// How much there is of everything. Answer: `stats`.
    Stats,
    /// The newest entries of the audit log. Answer: `audit`.
    Audit {
        /// At most this many.
        limit: u32,
    },
    /// Copies the host as it is at this moment. Answer: `backup`.
    Backup {
        /// The folder to make; absolute.
        to: PathBuf,
    },
    /// From now on, serves nothing here but a signed note that the host is elsewhere. Answer: `done`.
    Forward {
        /// Where, `name:port` or `ip:port`, best first.
        to: Vec<String>,
    },
    /// Serves here again. Answer: `done`.
    ComeHome,
    /// Reads every page of the vault. Answer: `done`.
    Check,
    /// Looks at every row for what can't be read as it should be. Answer: `damage`.
    Damage,
    /// The whole log in canonical form. Answer: `line` for each, then `done`.
    Export,
}

/// One line of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The answer, and its end.
    Ok(Answer),
    /// It was refused.
    Error(Failure),
    /// A line of an export; more follow.
    Line(String),
}

/// What the host answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// It is done.
    Done,
    /// Rows that do not hold what they should; reading passes over them or makes the best of them.
    Damage {
        /// How many, by table.
        rows: std::collections::BTreeMap<String, u64>,
    },
    /// All accounts, by name.
    Users {
        /// Them.
        users: Vec<User>,
    },
    /// The password of an account, if the host made it up. Shown this once.
    Password {
        /// Whose.
        name: String,
        /// None if it was given.
        password: Option<Secret>,
    },
    /// The owner's way back in, shown this once.
    OwnerLink {
        /// Who the owner is.
        name: String,
        /// For the app.
        link: Secret,
        /// For a browser.
        web_link: Secret,
        /// Until when.
        expires_at: UnixMillis,
    },
    /// Newest first.
    Sessions {
        /// Them.
        devices: Vec<Device>,
    },
    /// All rooms, by name.
    Rooms {
        /// Them.
        rooms: Vec<Room>,
    },
    /// Newest first.
    Invites {
        /// Them.
        invites: Vec<Invite>,
    },
    /// An invite's links, shown this once.
    InviteCreated {
        /// For revoking it.
        id: InviteId,
        /// For the app.
        link: Secret,
        /// For a browser.
        web_link: Secret,
    },
    /// By name.
    Hooks {
        /// Them.
        hooks: Vec<Hook>,
    },
    /// A hook's address and key, shown this once.
    HookCreated {
        /// For revoking it.
        id: Uuid,
        /// Where to post.
        url: Secret,
        /// With which GitHub signs.
        signing_key: Secret,
    },
    /// Oldest first.
    Reports {
        /// Them.
        reports: Vec<Report>,
    },
    /// An outgoing webhook's key, shown this once.
    ReportCreated {
        /// For revoking it.
        id: Uuid,
        /// With which reports are signed.
        signing_key: Secret,
    },
    /// By name.
    Bots {
        /// Them.
        bots: Vec<Bot>,
    },
    /// A bot's token, shown this once.
    BotCreated {
        /// Its account.
        id: MemberId,
        /// For `Authorization: Bearer`.
        token: Secret,
    },
    /// How it stands with the certificate that browsers see.
    Certificate(Certificate),
    /// How much there is of everything.
    Stats(Figures),
    /// Newest first.
    Audit {
        /// Them.
        acts: Vec<Act>,
    },
    /// A copy was made.
    Backup {
        /// Where.
        to: PathBuf,
        /// Its size.
        bytes: u64,
        /// Whether the key that opens it is in it.
        with_key: bool,
    },
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// For good.
    pub id: MemberId,
    /// As shown.
    pub name: String,
    /// On the host.
    pub role: Role,
    /// Whether it may be used.
    pub standing: Standing,
    /// Whether any device is connected.
    pub online: bool,
}

/// A signed-in device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    /// For revoking it.
    pub id: DeviceId,
    /// As its person calls it.
    pub name: String,
    /// When it signed in.
    pub since: UnixMillis,
    /// When it was last heard.
    pub last_seen: UnixMillis,
    /// From which network address.
    #[serde(default)]
    pub address: Option<String>,
}

/// A room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Room {
    /// For good.
    pub id: RoomId,
    /// As shown.
    pub name: String,
    /// Who can find it.
    pub visibility: Visibility,
    /// How many are in it.
    pub members: u32,
    /// How many events its log has.
    pub events: u64,
    /// For how many days it keeps what is said in it; none for good.
    pub days: Option<u32>,
}

/// An incoming webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hook {
    /// For revoking it.
    pub id: Uuid,
    /// As whom it posts.
    pub name: String,
    /// Into which room.
    pub room: String,
}

/// An outgoing webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// For revoking it.
    pub id: Uuid,
    /// What is reported of.
    pub room: String,
    /// The other side's host name; the rest of the address may be a secret.
    pub to: String,
    /// The number of the newest event that was taken.
    pub sent: u64,
    /// Tries in a row that came to nothing.
    pub failures: u32,
    /// Why the last one did.
    #[serde(default)]
    pub problem: Option<String>,
    /// Whether it is tried no more.
    #[serde(default)]
    pub given_up: bool,
}

/// A bot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bot {
    /// Its account.
    pub id: MemberId,
    /// As shown.
    pub name: String,
}

/// How it stands with the certificate that browsers see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// When the one from files ends; none without one.
    pub files_end_at: Option<UnixMillis>,
    /// For which names an authority is asked; empty if none is.
    pub names: Vec<String>,
    /// When the authority's ends; none as long as there is none.
    pub ends_at: Option<UnixMillis>,
    /// When the authority is asked next; none if that is now, or never.
    pub next_at: Option<UnixMillis>,
    /// Attempts in a row that came to nothing.
    pub failures: u32,
    /// Why the last one did.
    pub problem: Option<String>,
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Accounts.
    pub members: u64,
    /// Of these, connected now.
    pub online: u64,
    /// Signed-in devices.
    pub sessions: u64,
    /// Rooms.
    pub rooms: u64,
    /// Entries of all logs.
    pub events: u64,
    /// Size of the database, in bytes.
    pub database_bytes: u64,
}

/// An entry of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub at: UnixMillis,
    /// Who; none for the operator of the machine.
    pub by: Option<MemberId>,
    /// What was done.
    pub act: String,
    /// To whom or what: a name or an id, never a secret.
    pub object: String,
}

impl Reply {
    /// A refusal as a line.
    pub(crate) fn refused(refusal: crate::error::Refusal) -> Self {
        Self::Error(refusal.into())
    }

    /// What could not be read as a command.
    pub(crate) fn unreadable() -> Self {
        Self::Error(Failure {
            code: ErrorCode::BadFrame,
            message: "this is no command; see `hearth-server admin --help`".into(),
            retry_after_ms: None,
        })
    }
}
