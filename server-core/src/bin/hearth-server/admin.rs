//! `hearth-server admin`: what the operator asks, and how the answers read.

mod shown;

pub(crate) use shown::lines;

use std::io::Read;

use clap::{Subcommand, ValueEnum};
use protocol::{DeviceId, InviteId, Secret, Standing, limits};
use server_core::admin::Command;

use crate::ask::ask;
use crate::place::Place;
use crate::say;

/// A day in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;

/// For how many days an invite lives at most.
const INVITE_DAYS: i64 = limits::INVITE_LIFE_MS / DAY;

#[derive(Debug, clap::Args)]
pub(crate) struct Admin {
    #[command(flatten)]
    place: Place,
    /// Print the answer as one line of JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Accounts.
    #[command(subcommand)]
    User(User),
    /// Rooms.
    #[command(subcommand)]
    Room(Room),
    /// Invites.
    #[command(subcommand)]
    Invite(Invite),
    /// Incoming webhooks: programs that post into a room.
    #[command(subcommand)]
    Hook(Hook),
    /// Outgoing webhooks: programs that are told what happens in a room.
    #[command(subcommand)]
    Report(Report),
    /// Bots: programs that post and read, by the HTTP API.
    #[command(subcommand)]
    Bot(Bot),
    /// Signed-in devices.
    #[command(subcommand)]
    Session(Session),
    /// The certificate that browsers see.
    #[command(subcommand)]
    Certificate(Certificate),
    /// Prints a link that lets whoever opens it in as the owner: once, within the hour, with a new password and
    /// without a second factor. For an owner who lost theirs.
    OwnerLink,
    /// How much there is of everything.
    Stats,
    /// Who did what to the host.
    Audit {
        /// At most this many entries, the newest.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
}

#[derive(Debug, Subcommand)]
enum User {
    /// Lists all accounts.
    List,
    /// Makes an account, and prints its password unless it was given.
    Add {
        /// Its name.
        name: String,
        /// On the host. The first account is the owner's.
        #[arg(long, value_enum, default_value_t = Role::Member)]
        role: Role,
        /// Take the password from the first line of standard input.
        #[arg(long)]
        stdin: bool,
    },
    /// Sets a new password, prints it unless it was given, and ends all sessions of the account.
    ResetPassword {
        /// Whose.
        name: String,
        /// Take the password from the first line of standard input.
        #[arg(long)]
        stdin: bool,
    },
    /// From now on no code is asked for beside the account's password.
    EndSecondFactor {
        /// Whose.
        name: String,
    },
    /// Takes the account's picture away.
    RemoveAvatar {
        /// Whose.
        name: String,
    },
    /// Puts an account aside: nobody can sign in as it, and its sessions end.
    Disable {
        /// Whose.
        name: String,
    },
    /// Lets a disabled or banned account in again.
    Enable {
        /// Whose.
        name: String,
    },
    /// Sends an account away: nobody can sign in as it, and its sessions end.
    Ban {
        /// Whose.
        name: String,
    },
    /// Gives an account another role. A new owner makes the one before an admin.
    Role {
        /// Whose.
        name: String,
        /// The new one.
        #[arg(value_enum)]
        role: Role,
    },
}

#[derive(Debug, Subcommand)]
enum Room {
    /// Lists all rooms.
    List,
    /// Takes a room's picture away.
    RemoveAvatar {
        /// The room's name, or its id.
        room: String,
    },
    /// Says for how long a room keeps what is said in it; older messages are deleted for everyone.
    Retention {
        /// The room's name, or its id.
        room: String,
        /// For how many days.
        #[arg(long, required_unless_present = "forever", value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::RETENTION_DAYS)))]
        days: Option<u32>,
        /// For good.
        #[arg(long, conflicts_with = "days")]
        forever: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Invite {
    /// Makes an invite and prints its links, this once.
    Create {
        /// What those who use it become.
        #[arg(long, value_enum, default_value_t = Role::Member)]
        role: Role,
        /// How often it can be used.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::INVITE_USES)))]
        uses: u32,
        /// For how many days.
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=INVITE_DAYS))]
        days: u16,
    },
    /// Lists living invites.
    List,
    /// Ends an invite.
    Revoke {
        /// Which, as listed.
        invite: InviteId,
    },
}

#[derive(Debug, Subcommand)]
enum Hook {
    /// Makes a webhook and prints its address and signing key, this once.
    Create {
        /// As whom it posts; a new account.
        name: String,
        /// The room's name, or its id.
        #[arg(long)]
        room: String,
    },
    /// Lists all webhooks.
    List,
    /// Ends a webhook.
    Revoke {
        /// Which, as listed.
        hook: uuid::Uuid,
    },
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Reports what happens in a room from now on, and prints the key it is signed with, this once.
    Create {
        /// Where to post.
        url: String,
        /// The room's name, or its id.
        #[arg(long)]
        room: String,
    },
    /// Lists all outgoing webhooks, and how they fare.
    List,
    /// Ends an outgoing webhook.
    Revoke {
        /// Which, as listed.
        report: uuid::Uuid,
    },
    /// Tries an outgoing webhook again at once, also one that was given up; nothing is left out.
    Resume {
        /// Which, as listed.
        report: uuid::Uuid,
    },
}

#[derive(Debug, Subcommand)]
enum Bot {
    /// Makes a bot and prints its token, this once.
    Create {
        /// Its name; a new account.
        name: String,
        /// A room it is in, by name or id; may be given several times.
        #[arg(long, required = true)]
        room: Vec<String>,
    },
    /// Lists all bots.
    List,
    /// Ends a bot's token.
    Revoke {
        /// Whose.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Certificate {
    /// Shows how it stands: until when it is good, and what went wrong.
    Show,
    /// Has a new one from the authority now.
    Renew,
}

#[derive(Debug, Subcommand)]
enum Session {
    /// Lists the devices of an account.
    List {
        /// Whose.
        name: String,
    },
    /// Ends sessions of an account, and their live connections.
    Revoke {
        /// Whose.
        name: String,
        /// Which, as listed.
        #[arg(required_unless_present = "all")]
        device: Option<DeviceId>,
        /// All of them.
        #[arg(long, conflicts_with = "device")]
        all: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    Owner,
    Admin,
    Member,
    Guest,
}

impl From<Role> for protocol::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Owner => Self::Owner,
            Role::Admin => Self::Admin,
            Role::Member => Self::Member,
            Role::Guest => Self::Guest,
        }
    }
}

impl Admin {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let answer = ask(&self.place, &self.what.command()?, |_| false)?;
        if self.json {
            return say(&serde_json::to_string(&answer)?);
        }
        shown::lines(&answer).iter().try_for_each(|line| say(line))
    }
}

impl What {
    fn command(self) -> anyhow::Result<Command> {
        Ok(match self {
            Self::User(User::List) => Command::Users,
            Self::User(User::Add { name, role, stdin }) => {
                Command::AddUser { name, role: role.into(), password: password(stdin)? }
            }
            Self::User(User::ResetPassword { name, stdin }) => {
                Command::ResetPassword { name, password: password(stdin)? }
            }
            Self::User(User::EndSecondFactor { name }) => Command::EndSecondFactor { name },
            Self::User(User::RemoveAvatar { name }) => Command::RemoveAvatar { name },
            Self::OwnerLink => Command::RecoverOwner,
            Self::User(User::Role { name, role }) => Command::SetRole { name, role: role.into() },
            Self::User(User::Disable { name }) => {
                Command::SetStanding { name, standing: Standing::Deactivated }
            }
            Self::User(User::Enable { name }) => Command::SetStanding { name, standing: Standing::Active },
            Self::User(User::Ban { name }) => Command::SetStanding { name, standing: Standing::Banned },
            Self::Room(Room::List) => Command::Rooms,
            Self::Room(Room::RemoveAvatar { room }) => Command::RemoveRoomAvatar { room },
            Self::Room(Room::Retention { room, days, forever: _ }) => Command::SetRetention { room, days },
            Self::Invite(Invite::Create { role, uses, days }) => {
                Command::CreateInvite { role: role.into(), uses, life_ms: i64::from(days) * DAY }
            }
            Self::Invite(Invite::List) => Command::Invites,
            Self::Invite(Invite::Revoke { invite }) => Command::RevokeInvite { invite },
            Self::Hook(Hook::Create { name, room }) => Command::CreateHook { name, room },
            Self::Hook(Hook::List) => Command::Hooks,
            Self::Hook(Hook::Revoke { hook }) => Command::RevokeHook { hook },
            Self::Report(Report::Create { url, room }) => Command::CreateReport { room, url },
            Self::Report(Report::List) => Command::Reports,
            Self::Report(Report::Revoke { report }) => Command::RevokeReport { report },
            Self::Report(Report::Resume { report }) => Command::ResumeReport { report },
            Self::Bot(Bot::Create { name, room }) => Command::CreateBot { name, rooms: room },
            Self::Bot(Bot::List) => Command::Bots,
            Self::Bot(Bot::Revoke { name }) => Command::RevokeBot { name },
            Self::Certificate(Certificate::Show) => Command::Certificate,
            Self::Certificate(Certificate::Renew) => Command::RenewCertificate,
            Self::Session(Session::List { name }) => Command::Sessions { name },
            Self::Session(Session::Revoke { name, device, all: _ }) => {
                Command::RevokeSession { name, device }
            }
            Self::Stats => Command::Stats,
            Self::Audit { limit } => Command::Audit { limit },
        })
    }
}

/// A password from standard input: never from an argument, which every user of the machine can see.
fn password(stdin: bool) -> anyhow::Result<Option<Secret>> {
    if !stdin {
        return Ok(None);
    }
    let mut text = String::new();
    std::io::stdin().take(64 * 1024).read_to_string(&mut text)?;
    Ok(Some(Secret(text.lines().next().unwrap_or_default().to_owned())))
}
