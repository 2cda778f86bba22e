//! What may be typed.

mod account;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use account::{AvatarCommand, PasswordArguments, ProfileChange, SecondFactorCommand, Shown};

const LINES: &str = "\
JSON lines (stable; fields may be added):
  tail, history   {\"host\",\"room\",\"room_name\",\"seq\",\"at\",\"by\",\"by_name\",\"kind\",\"message\"?,\"text\"?}
                  kind: message, joined, left, created, unknown; at: milliseconds since 1970
                  history also shows what waits: \"seq\" is null, \"delivery\" is queued or failed
  post            {\"message\",\"seq\"}; seq is null with --no-wait
  send-stream     {\"line\",\"message\",\"seq\"}, or {\"line\",\"message\",\"error\"}
  rooms           {\"host\",\"room\",\"name\",\"topic\",\"visibility\",\"head\",\"members\"}
  join            {\"host\",\"name\",\"words\",\"member\",\"member_name\"}
  invite          {\"app\",\"web\"}
  discover        {\"id_prefix\",\"name\",\"addresses\",\"version\"}; nothing found: {\"code\",\"message\",\"interface\"}
  profile         {\"member\",\"name\",\"role\",\"status\",\"status_emoji\",\"status_until\",\"avatar\"}
  avatar          {\"avatar\"}; its id, null when there is none any more
  second-factor   status: {\"on\",\"recovery_codes\",\"missing\"}; begin: {\"secret\",\"uri\"}; confirm, renew: {\"codes\"}
  status          {\"host\",\"name\",\"words\",\"addresses\",\"member_name\",\"state\",\"reason\",\"unsent\"}

Exit codes: 0 done, 1 failed, 2 used wrongly.";

/// Hearth on the command line.
#[derive(Debug, Parser)]
#[command(name = "hearth-cli", version, about, after_help = LINES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) profile: ProfileArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which profile, and how it opens.
#[derive(Debug, Args)]
pub(crate) struct ProfileArguments {
    /// Folder of the profile [default: hearth-cli in the user's data folder]
    #[arg(long, global = true, env = "HEARTH_CLI_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Open the profile with this key file; made at the first join if it is missing
    #[arg(long, global = true, env = "HEARTH_KEY_FILE", conflicts_with = "passphrase_file")]
    pub(crate) key_file: Option<PathBuf>,
    /// Open the profile with the passphrase in this file
    #[arg(long, global = true, env = "HEARTH_PASSPHRASE_FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Which host, by name or id, when several are known
    #[arg(long, global = true)]
    pub(crate) host: Option<String>,
    /// How long to wait for the host, in seconds
    #[arg(long, global = true, default_value_t = 30)]
    pub(crate) timeout: u64,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look for hosts on the local network
    Discover {
        /// How long to look
        #[arg(long, default_value_t = 4)]
        seconds: u64,
        /// JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Join a host by an invite link or an address
    Join(JoinArguments),
    /// List my rooms
    Rooms {
        /// JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Make a room
    CreateRoom {
        /// Its name, without the #
        name: String,
        /// What it is about
        #[arg(long, default_value = "")]
        topic: String,
        /// By invitation only
        #[arg(long)]
        private: bool,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Join a public room
    JoinRoom {
        /// Its name or id
        room: String,
    },
    /// Post a message and wait until it is on the host's disk
    Post {
        /// The room's name or id
        room: String,
        /// The message; - or nothing: read from standard input
        text: Option<String>,
        /// Leave it in the outbox; it is delivered whenever a later command is connected
        #[arg(long)]
        no_wait: bool,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Print what happens, until interrupted
    Tail {
        /// Only this room, by name or id
        #[arg(long)]
        room: Option<String>,
        /// Start after this number instead of now
        #[arg(long)]
        from: Option<u64>,
        /// JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Print a room's newest messages
    History {
        /// The room's name or id
        room: String,
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: u64,
        /// JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Post each line of standard input; print one JSON line per message once it is on the host's disk
    SendStream {
        /// The room's name or id
        #[arg(long)]
        room: String,
    },
    /// Make an invite link
    Invite {
        /// What those who use it become
        #[arg(long, value_enum, default_value_t = RoleArgument::Member)]
        role: RoleArgument,
        /// How often it can be used
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// For how many days
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Show who I am on the host, or change it; what is not given stays as it is
    Profile(ProfileChange),
    /// Pictures of members and rooms
    #[command(subcommand)]
    Avatar(AvatarCommand),
    /// Set my password
    Password(PasswordArguments),
    /// A second factor beside my password: the codes of an authenticator
    #[command(subcommand)]
    SecondFactor(SecondFactorCommand),
    /// Show the known hosts and whether they can be reached
    Status {
        /// JSON lines
        #[arg(long)]
        json: bool,
    },
}

/// How to join.
#[derive(Debug, Args)]
pub(crate) struct JoinArguments {
    /// An invite link, or an address such as 192.168.1.20:7717
    pub(crate) target: String,
    /// Your name there [default: the user's name on this computer]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// A file with your password there: needed to sign in, optional for a new account
    #[arg(long)]
    pub(crate) password_file: Option<PathBuf>,
    /// The code your authenticator shows, or a recovery code, if you have a second factor there
    #[arg(long)]
    pub(crate) code: Option<String>,
    /// Make a new account at an address that takes new members without an invite
    #[arg(long)]
    pub(crate) register: bool,
    /// The host's id or words, as the host itself shows them
    #[arg(long)]
    pub(crate) expect: Option<String>,
    /// Believe whoever answers at the address, without comparing words
    #[arg(long, conflicts_with = "expect")]
    pub(crate) yes: bool,
    /// What this installation is called in your list of devices
    #[arg(long, default_value = "hearth-cli")]
    pub(crate) device: String,
    /// JSON line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What an invited member becomes.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArgument {
    /// Runs the host day by day
    Admin,
    /// Talks, makes rooms
    Member,
    /// Talks in the rooms it was invited to
    Guest,
}

impl From<RoleArgument> for protocol::Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Admin => Self::Admin,
            RoleArgument::Member => Self::Member,
            RoleArgument::Guest => Self::Guest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }
}
