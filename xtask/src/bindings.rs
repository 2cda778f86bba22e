//! Whether the committed TypeScript is what the Rust types generate today.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{root, target};

/// Where the tests write what the types generate.
pub(crate) fn fresh() -> std::path::PathBuf {
    target().join("bindings")
}

/// Compares what was generated with what is committed.
///
/// # Errors
/// When a file is stale, missing or superfluous; the message names them and the way to mend it.
pub(crate) fn compare() -> Result<usize> {
    let committed = read(&root().join("ui/src/lib/ipc/bindings"))?;
    let generated = read(&fresh())?;
    let names = committed.keys().chain(generated.keys()).collect::<std::collections::BTreeSet<_>>();
    let stale: Vec<&str> = names
        .into_iter()
        .filter(|name| committed.get(*name) != generated.get(*name))
        .map(String::as_str)
        .collect();
    if !stale.is_empty() {
        bail!(
            "stale: {}; run `cargo test export_bindings -p protocol -p hearth` and commit",
            stale.join(" ")
        );
    }
    Ok(committed.len())
}

fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.insert(entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path())?);
        }
    }
    Ok(files)
}
