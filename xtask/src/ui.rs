//! Builds the web client, unless it is built from these very sources already: a fresh build would make everything
//! that embeds it compile again.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::Path;

use anyhow::{Context, Result};

use crate::root;
use crate::steps::run;
use crate::tools::npm;

/// What is made from the sources, and so is none.
const MADE: &[&str] = &["node_modules", "dist", "paraglide", "cache", "tests"];

/// Builds `ui/dist` if it is not what the sources give; says what it did.
///
/// # Errors
/// When the build fails, or the sources can not be read.
pub(crate) fn build() -> Result<String> {
    let ui = root().join("ui");
    let stamp = ui.join("node_modules/.built-from");
    if fs::read_to_string(&stamp).is_ok_and(|noted| fingerprint(&ui).is_ok_and(|now| now == noted)) {
        return Ok("built already".into());
    }
    run(npm("ui").args(["run", "--silent", "build", "--", "--logLevel", "error"]))?;
    fs::write(stamp, fingerprint(&ui)?).context("could not note what the web client was built from")?;
    Ok("built".into())
}

/// Of all sources, and of the page that the last build made of them.
fn fingerprint(ui: &Path) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    hash_below(ui, &mut hasher)?;
    fs::read(ui.join("dist/index.html"))?.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}

fn hash_below(folder: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        // Hidden files are notes of tools, written by the build itself among others.
        if MADE.iter().any(|made| name == *made) || name.to_string_lossy().starts_with('.') {
            continue;
        }
        name.hash(hasher);
        if entry.file_type()?.is_dir() {
            hash_below(&entry.path(), hasher)?;
        } else {
            fs::read(entry.path())?.hash(hasher);
        }
    }
    Ok(())
}
