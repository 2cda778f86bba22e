//! Opening the profile, and saying how when it does not open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use client_core::{Profile, SessionSecrets};
use etcetera::BaseStrategy;
use vault::{Keyring, OsKeyring, SlotKind, Unlock};
use zeroize::Zeroizing;

use crate::arguments::ProfileArguments;
use crate::failure::Failure;

const OPTIONS: &str = "give --key-file FILE or --passphrase-file FILE (or HEARTH_PASSPHRASE_FILE)";

/// How the profile opens.
enum Way {
    Keyring(Arc<OsKeyring>),
    Passphrase(Zeroizing<String>),
    KeyFile(PathBuf),
}

/// Opens the profile that is there.
pub(crate) fn open(arguments: &ProfileArguments) -> Result<Profile, Failure> {
    let dir = folder(arguments)?;
    if !Profile::exists(&dir) {
        return Err(Failure::Failed("no host was joined yet; start with: hearth-cli join LINK".to_owned()));
    }
    let way = way(arguments)?;
    if matches!(way, Way::Keyring(_)) && !vault::peek(&dir)?.slots.contains(&SlotKind::Keyring) {
        return Err(Failure::Usage(format!("this profile does not open with the keyring; {OPTIONS}")));
    }
    Ok(Profile::open(&dir, way.unlock(), way.secrets())?)
}

/// Opens the profile, or makes it.
pub(crate) fn open_or_create(arguments: &ProfileArguments) -> Result<Profile, Failure> {
    let dir = folder(arguments)?;
    if Profile::exists(&dir) {
        return open(arguments);
    }
    let way = way(arguments)?;
    if let Way::Keyring(keyring) = &way {
        keyring.probe().map_err(|error| Failure::Failed(format!("{error}; or {OPTIONS}")))?;
    }
    Ok(Profile::create(&dir, way.unlock(), way.secrets())?)
}

impl Way {
    fn unlock(&self) -> Unlock<'_> {
        match self {
            Self::Keyring(keyring) => Unlock::Keyring(keyring.as_ref()),
            Self::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
            Self::KeyFile(path) => Unlock::KeyFile(path),
        }
    }

    fn secrets(&self) -> SessionSecrets {
        match self {
            Self::Keyring(keyring) => SessionSecrets::Keyring(Arc::clone(keyring) as Arc<dyn Keyring>),
            Self::Passphrase(_) | Self::KeyFile(_) => SessionSecrets::Vault,
        }
    }
}

fn way(arguments: &ProfileArguments) -> Result<Way, Failure> {
    Ok(match (&arguments.key_file, &arguments.passphrase_file) {
        (Some(path), _) => Way::KeyFile(path.clone()),
        (None, Some(path)) => Way::Passphrase(first_line(path)?),
        (None, None) => Way::Keyring(Arc::new(OsKeyring::new())),
    })
}

/// The secret in a file: its first line, without the line's end.
pub(crate) fn first_line(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        Failure::Failed(format!(
            "cannot read {}: {error}; check the path and its permissions",
            path.display()
        ))
    })?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(Failure::Failed(format!("{} is empty; write the secret into it", path.display())));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn folder(arguments: &ProfileArguments) -> Result<PathBuf, Failure> {
    match &arguments.data_dir {
        Some(dir) => Ok(dir.clone()),
        None => {
            let strategy = etcetera::choose_base_strategy().map_err(|_| {
                Failure::Usage("your home folder is unknown; give --data-dir FOLDER".to_owned())
            })?;
            Ok(strategy.data_dir().join("hearth-cli"))
        }
    }
}
