//! `hearth-server config`: what can be set, what is set, and whether it holds.

use clap::Subcommand;

use crate::place::Place;
use crate::{say, settings};

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Prints every setting with its default and what it means.
    #[command(alias = "gen")]
    Default,
    /// Checks the settings; says the first thing that is wrong, with exit code 78.
    Check(Place),
    /// Prints the settings in force, secrets masked.
    Show(Place),
}

impl Config {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Default => say(settings::DEFAULT.trim_end()),
            Self::Check(place) => {
                server_core::check_files(&place.settings(Vec::new())?.settings.config()?)?;
                say("the settings hold")
            }
            Self::Show(place) => say(place.settings(Vec::new())?.shown.trim_end()),
        }
    }
}
