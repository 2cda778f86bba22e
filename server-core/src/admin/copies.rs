//! Copies of the host, and whether the host itself is whole.

use std::path::{Path, PathBuf};

use super::{Administration, Answer};
use crate::error::Refusal;
use crate::store::damage;
use protocol::ErrorCode;

impl Administration {
    /// The copy holds everything acknowledged before it was asked for, this act included where it could be noted.
    pub(super) async fn backup(&self, to: PathBuf) -> Result<Answer, Refusal> {
        if !to.is_absolute() {
            return Err(Refusal::field("to", "must be an absolute path"));
        }
        if std::fs::read_dir(&to).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Refusal::field("the folder", "is not empty; a backup makes one of its own"));
        }
        self.note_if_it_can("backup made").await?;
        let failed = |message: String| Refusal::new(ErrorCode::Internal, message);
        self.host.vault.snapshot(&to).await.map_err(|error| failed(error.to_string()))?;
        let with_key =
            vault::peek(&to).ok().and_then(|peek| peek.key_file).is_some_and(|key| key.starts_with(&to));
        Ok(Answer::Backup { bytes: size(&to), with_key, to })
    }

    pub(super) async fn damage(&self) -> Result<Answer, Refusal> {
        Ok(Answer::Damage { rows: self.host.read(|conn| Ok(damage::find(conn)?)).await? })
    }

    pub(super) async fn check(&self) -> Result<Answer, Refusal> {
        let vault = self.host.vault.clone();
        let checked = tokio::task::spawn_blocking(move || vault.check_blocking()).await;
        match checked {
            Ok(Ok(())) => Ok(Answer::Done),
            Ok(Err(error)) => Err(Refusal::new(ErrorCode::Internal, error.to_string())),
            Err(_) => Err(crate::store::stopping()),
        }
    }
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|file| file.len())
        .sum()
}
