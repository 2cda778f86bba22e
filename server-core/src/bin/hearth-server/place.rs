//! Which host a command is about, and by which settings: the flags all commands share.

use std::path::{Path, PathBuf};

use crate::settings::{self, Loaded, SettingsError, Sources};

/// Which host.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Place {
    /// The file with the settings [default: /etc/hearth/server.toml, if it is there].
    #[arg(long, short, env = "HEARTH_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The host's folder; made at the first start. Copying it moves the host.
    #[arg(long, env = "HEARTH_DATA_DIR", value_name = "FOLDER", global = true)]
    data_dir: Option<String>,
    /// The file with the key to the host's folder [default: the file `key` in it].
    #[arg(long, value_name = "FILE", global = true)]
    key_file: Option<String>,
    /// Sets any setting; see `config default` for all of them. May be given several times.
    #[arg(short = 'O', long = "option", value_name = "SECTION.KEY=VALUE", global = true)]
    options: Vec<String>,
}

impl Place {
    /// The settings in force, `flags` (`key=value`) over all others.
    pub(crate) fn settings(&self, flags: Vec<String>) -> Result<Loaded, SettingsError> {
        settings::load(&self.sources(flags)?)
    }

    fn sources(&self, flags: Vec<String>) -> Result<Sources, SettingsError> {
        let usual = Path::new(settings::USUAL_FILE);
        let mut overrides = Vec::new();
        // An older name than HEARTH_LOG__FILTER, kept because it is short.
        overrides.extend(std::env::var("HEARTH_LOG").ok().map(|filter| format!("log.filter={filter}")));
        overrides.extend(self.options.iter().cloned());
        overrides.extend(self.data_dir.as_ref().map(|folder| format!("host.data_dir={folder}")));
        overrides.extend(self.key_file.as_ref().map(|file| format!("vault.key_file={file}")));
        overrides.extend(flags);
        Ok(Sources {
            file: self.config.clone().or_else(|| usual.exists().then(|| usual.to_owned())),
            environment: environment()?,
            overrides,
            credentials: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            state_directory: std::env::var_os("STATE_DIRECTORY").map(PathBuf::from),
        })
    }
}

/// The variables that may be settings. One of ours that is no text would else be passed over without a word.
fn environment() -> Result<Vec<(String, String)>, SettingsError> {
    let named = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    let ours = named.filter(|(name, _)| name.starts_with(settings::PREFIX));
    ours.map(|(name, value)| match value.into_string() {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(SettingsError::Value(format!("{name} is no text in UTF-8"))),
    })
    .collect()
}
