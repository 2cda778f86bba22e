//! Inputs that are at hand without a fuzzer: the seeds of the repository, and what earlier runs on this machine have kept.
//! For the ordinary tests, which are beside what is read.

use std::fs;
use std::path::Path;

/// The inputs of a target, with those in `seeds`; both from the top of the repository.
pub(crate) fn inputs(target: &str, seeds: &[&str]) -> Vec<Vec<u8>> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = package.parent().expect("packages lie in the top folder");
    let kept = ["corpus", "artifacts"].map(|folder| format!("fuzz/{folder}/{target}"));
    let mut found = Vec::new();
    for folder in seeds.iter().copied().chain(kept.iter().map(String::as_str)) {
        for entry in fs::read_dir(top.join(folder)).into_iter().flatten() {
            let path = entry.expect("a folder can be listed").path();
            if path.is_file() {
                found.push(fs::read(path).expect("a seed can be read"));
            }
        }
    }
    assert!(!found.is_empty(), "{seeds:?} are gone");
    found
}
