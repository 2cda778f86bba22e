//! The slot of a machine without people: a file that only its owner may read.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Name, Way, WrappingKey};
use crate::error::{KeyFileProblem, OpenError, SlotError};
use crate::files::{self, Place};
use crate::key;

/// 64 digits and a line end; more is not read.
const MOST_BYTES: u64 = 128;

pub(super) fn make(path: &Path, place: &Place, name: &Name<'_>) -> Result<(Way, WrappingKey), SlotError> {
    let fail = |problem| SlotError::KeyFile { path: path.to_owned(), problem };
    let secret = match read(path) {
        Err(KeyFileProblem::Missing) => generate(path)?,
        read => read.map_err(fail)?,
    };
    Ok((Way::KeyFile { path: remembered(path, place) }, stretch(&secret, name)))
}

pub(super) fn wrapping_key(path: &Path, name: &Name<'_>) -> Result<WrappingKey, OpenError> {
    match read(path) {
        Ok(secret) => Ok(stretch(&secret, name)),
        Err(problem) => Err(OpenError::KeyFile { path: path.to_owned(), problem }),
    }
}

fn generate(path: &Path) -> Result<Zeroizing<[u8; 32]>, SlotError> {
    let secret = key::random::<32>()?;
    let text = Zeroizing::new(format!("{}\n", hex::encode(*secret)));
    let written = files::create_private(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let problem = |error: std::io::Error| KeyFileProblem::Unusable(error.kind());
    written.map_err(|error| SlotError::KeyFile { path: path.to_owned(), problem: problem(error) })?;
    Ok(secret)
}

fn read(path: &Path) -> Result<Zeroizing<[u8; 32]>, KeyFileProblem> {
    let unusable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => KeyFileProblem::Missing,
        kind => KeyFileProblem::Unusable(kind),
    };
    let file = fs::File::open(path).map_err(unusable)?;
    if is_exposed(&file.metadata().map_err(unusable)?) {
        return Err(KeyFileProblem::Exposed);
    }
    let mut text = Zeroizing::new(String::with_capacity(MOST_BYTES as usize));
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(unusable)?;
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim(), &mut *secret).map_err(|_| KeyFileProblem::Malformed)?;
    Ok(secret)
}

#[cfg(unix)]
fn is_exposed(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0
}

#[cfg(not(unix))]
fn is_exposed(_metadata: &fs::Metadata) -> bool {
    false
}

/// Within the folder the path is kept relative, so that the folder can move.
fn remembered(path: &Path, place: &Place) -> PathBuf {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (path, dir) = (absolute(path), absolute(place.dir()));
    path.strip_prefix(&dir).map(Path::to_owned).unwrap_or(path)
}

fn stretch(secret: &[u8; 32], name: &Name<'_>) -> WrappingKey {
    key::hkdf_sha256(secret, name.slot.as_bytes(), b"hearth key file slot")
}
