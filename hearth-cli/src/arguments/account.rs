//! What may be typed about one's own account. Passwords come from files, never from arguments, which every user of the
//! machine can see.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Who I am.
#[derive(Debug, Args)]
pub(crate) struct ProfileChange {
    /// My name from now on
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What I say of myself; "" takes it back
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// An emoji before it; "" takes it back
    #[arg(long)]
    pub(crate) emoji: Option<String>,
    /// For how many minutes; then the host takes status and emoji back
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) minutes: Option<u32>,
    /// JSON line
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is done to a picture.
#[derive(Debug, Subcommand)]
pub(crate) enum AvatarCommand {
    /// Show a picture, a PNG, JPEG, GIF or WebP, as mine or as a room's
    Set {
        /// The file
        file: PathBuf,
        /// The room's name or id
        #[arg(long)]
        room: Option<String>,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Show none any more
    Remove {
        #[command(flatten)]
        shown: Shown,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Write a picture into a file
    Get {
        /// The file; it is written over
        file: PathBuf,
        #[command(flatten)]
        shown: Shown,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
}

/// Whose picture; mine unless said otherwise.
#[derive(Debug, Args)]
pub(crate) struct Shown {
    /// The member's name
    #[arg(long, conflicts_with = "room")]
    pub(crate) member: Option<String>,
    /// The room's name or id
    #[arg(long)]
    pub(crate) room: Option<String>,
}

/// My password.
#[derive(Debug, Args)]
pub(crate) struct PasswordArguments {
    /// A file with the new one
    #[arg(long)]
    pub(crate) new_password_file: PathBuf,
    /// A file with the one I have, if I have one
    #[arg(long)]
    pub(crate) password_file: Option<PathBuf>,
}

/// What is done to my second factor.
#[derive(Debug, Subcommand)]
pub(crate) enum SecondFactorCommand {
    /// Show whether a code is asked for beside my password
    Status {
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Show a secret for my authenticator, as a QR code and as a link; nothing is asked for before it is confirmed
    Begin {
        /// A file with my password
        #[arg(long)]
        password_file: PathBuf,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Prove by a code that my authenticator has the secret; prints recovery codes, this once
    Confirm {
        /// What it shows now
        code: String,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// Print new recovery codes in place of the old ones, this once
    Renew {
        /// A file with my password
        #[arg(long)]
        password_file: PathBuf,
        /// JSON line
        #[arg(long)]
        json: bool,
    },
    /// From now on my password is enough
    End {
        /// A file with my password
        #[arg(long)]
        password_file: PathBuf,
    },
}
