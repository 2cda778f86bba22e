//! Why settings do not hold: who said what, and what was probably meant.
//!
//! Never quotes a file, which may hold a secret.

use std::path::PathBuf;

/// Why the settings do not hold. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A file can't be read.
    #[error("cannot read {}: {problem}; check the path and its permissions", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        problem: std::io::Error,
    },
    /// The file is no TOML. The text around the fault is not shown: it may be a secret.
    #[error("{} line {line} is not TOML: {problem}", path.display())]
    Syntax {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        line: usize,
        /// What the reader said.
        problem: String,
    },
    /// There is no such setting.
    #[error("{origin}: there is no setting `{name}`; did you mean `{nearest}`?")]
    Unknown {
        /// Who said it.
        origin: String,
        /// What was said.
        name: String,
        /// The known name most like it.
        nearest: String,
    },
    /// A value is of the wrong kind.
    #[error("{origin}: `{name}` must be {expected}")]
    Kind {
        /// Who said it.
        origin: String,
        /// Which setting.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A value is of the right kind and yet none that the setting can have.
    #[error("{origin}: `{name}`: {problem}")]
    Wrong {
        /// Who said it.
        origin: String,
        /// Which setting.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A variable that is almost one of ours would be passed over without a word.
    #[error("{variable}: two underscores part section and key; did you mean `{meant}`?")]
    Variable {
        /// What was said.
        variable: String,
        /// What was meant.
        meant: String,
    },
    /// An override without an equals sign.
    #[error("-O takes section.key=value; an equals sign is missing")]
    Override,
    /// A value does not make sense.
    #[error("{0}")]
    Value(String),
}
