//! Where this installation keeps what it keeps: one folder a profile, nothing outside of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};

/// Stands in for the folder that holds all profiles.
pub(crate) const BASE_VARIABLE: &str = "HEARTH_DATA_DIR";

/// The folders of one profile.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    profile: String,
    root: PathBuf,
}

/// Why there is no place for a profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathsError {
    /// No home directory and no override.
    #[error("there is no home folder; set {BASE_VARIABLE} to a folder of yours")]
    NoHome,
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {source}; check its owner and free space", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Paths {
    /// The folders of `profile` under the base the environment names, made if they are missing, private to their owner.
    ///
    /// # Errors
    /// [`PathsError`] when there is no home or the folder cannot be made.
    pub(crate) fn find(profile: &str) -> Result<Self, PathsError> {
        let base = match std::env::var_os(BASE_VARIABLE).filter(|value| !value.is_empty()) {
            Some(base) => std::path::absolute(PathBuf::from(base)).map_err(|_| PathsError::NoHome)?,
            None => {
                etcetera::choose_base_strategy().map_err(|_| PathsError::NoHome)?.data_dir().join("hearth")
            }
        };
        Self::under(&base, profile)
    }

    /// The folders of `profile` under `base`.
    ///
    /// # Errors
    /// [`PathsError::Folder`] when it cannot be made.
    pub(crate) fn under(base: &Path, profile: &str) -> Result<Self, PathsError> {
        let root = base.join("profiles").join(profile);
        make_private(&root).map_err(|source| PathsError::Folder { path: root.clone(), source })?;
        Ok(Self { profile: profile.to_owned(), root })
    }

    /// The profile's name.
    #[must_use]
    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// The vault of this installation.
    #[must_use]
    pub(crate) fn client(&self) -> PathBuf {
        self.root.join("client")
    }

    /// The vault of the host that runs here, if one does.
    #[must_use]
    pub(crate) fn host(&self) -> PathBuf {
        self.root.join("host")
    }

    /// The port the host had last, a number as text.
    #[must_use]
    pub(crate) fn host_port(&self) -> PathBuf {
        self.root.join("host-port")
    }

    /// Position and size of the window.
    #[must_use]
    pub(crate) fn window(&self) -> PathBuf {
        self.root.join("window.json")
    }

    /// What the web view keeps: theme, language, nothing that was written.
    #[must_use]
    pub(crate) fn webview(&self) -> PathBuf {
        self.root.join("webview")
    }

    /// There while a page is being shown for the first time; left behind when it never was.
    #[must_use]
    pub(crate) fn unshown(&self) -> PathBuf {
        self.root.join("unshown")
    }

    /// The log, without texts or secrets.
    #[must_use]
    pub(crate) fn log(&self) -> PathBuf {
        self.root.join("hearth.log")
    }

    /// The same for two processes that mean the same folder, and only for those.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.root.as_os_str().as_encoded_bytes());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_share_nothing_but_the_base() {
        let base = tempfile::tempdir().unwrap();
        let alice = Paths::under(base.path(), "alice").unwrap();
        let bob = Paths::under(base.path(), "bob").unwrap();
        assert_ne!(alice.client(), bob.client());
        assert_ne!(alice.fingerprint(), bob.fingerprint());
        assert_eq!(alice.fingerprint(), Paths::under(base.path(), "alice").unwrap().fingerprint());
    }

    #[cfg(unix)]
    #[test]
    fn a_profile_is_private_to_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let alice = Paths::under(base.path(), "alice").unwrap();
        let mode = fs::metadata(alice.client().parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
