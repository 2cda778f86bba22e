//! Whether the committed TypeScript is what the Rust types generate today.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{root, target};

/// Where the tests write what the types generate.
pub(crate) fn fresh() -> std::path::PathBuf {
    target().join("bindings")
}

/// Compares what the wire types generated with what is committed. The window's own types (`*View`) are compared by
/// the shell's test `bindings`, which ran before.
///
/// # Errors
/// When a file is stale, missing or superfluous; the message names them and the way to mend it.
pub(crate) fn compare() -> Result<usize> {
    let committed = read(&root().join("ui/src/lib/ipc/bindings"))?;
    let generated = read(&fresh())?;
    let names: BTreeSet<&String> = committed.keys().chain(generated.keys()).collect();
    let is_the_shells = |name: &str| name.ends_with("View.ts") && !generated.contains_key(name);
    let stale: Vec<&str> = names
        .into_iter()
        .filter(|name| !is_the_shells(name) && committed.get(*name) != generated.get(*name))
        .map(String::as_str)
        .collect();
    if !stale.is_empty() {
        bail!("stale: {}; run `cargo test -p protocol` and commit", stale.join(" "));
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
