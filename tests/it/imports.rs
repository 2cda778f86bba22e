//! Who may use whom, read from cargo's own knowledge and from the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Direct dependencies of each member of the workspace, those of its tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let of_package = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        let shipped = dependencies.filter(|dependency| dependency["kind"] != "dev");
        (text(&package["name"]), shipped.map(|dependency| text(&dependency["name"])).collect())
    };
    metadata["packages"].as_array().unwrap().iter().map(of_package).collect()
}

/// The files below `folder` that end with `ending`, as paths from the top, with their text.
fn sources(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            if entry.file_type().unwrap().is_dir() {
                let made = ["node_modules", "target", "dist", "bindings", "generated", "paraglide"];
                if !made.iter().any(|made| path.ends_with(made)) {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no {ending}");
    found
}

/// The text of a Rust file without its comments and without the tests at its end.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = shipped.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Where one of `words` stands in shipped Rust code of the workspace.
fn files_with(words: &[&str]) -> Vec<String> {
    let crates = ["protocol", "vault", "server-core", "client-core", "hearth-cli", "src-tauri"];
    let files = crates.iter().flat_map(|name| sources(&format!("{name}/src"), ".rs"));
    let shipped = files.filter(|(name, _)| !name.ends_with("tests.rs"));
    shipped
        .filter(|(_, text)| words.iter().any(|word| code(text).contains(word)))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn protocol_and_vault_are_leaves() {
    let dependencies = dependencies();
    let ours: BTreeSet<String> = dependencies.keys().cloned().collect();
    for leaf in ["protocol", "vault"] {
        let used: Vec<_> = dependencies[leaf].intersection(&ours).collect();
        assert!(used.is_empty(), "{leaf} uses {used:?}");
    }
}

#[test]
fn the_cores_never_use_each_other() {
    let dependencies = dependencies();
    assert!(!dependencies["server-core"].contains("client-core"));
    assert!(!dependencies["client-core"].contains("server-core"));
    assert!(!dependencies["hearth-cli"].contains("server-core"));
}

#[test]
fn protocol_knows_no_runtime_and_no_disk() {
    let used = &dependencies()["protocol"];
    for strange in ["tokio", "rusqlite", "hyper", "tokio-tungstenite", "getrandom"] {
        assert!(!used.contains(strange), "protocol uses {strange}");
    }
}

#[test]
fn tauri_is_in_the_shell_only() {
    for (name, used) in dependencies() {
        let tauri = used.iter().any(|dependency| dependency.starts_with("tauri"));
        assert_eq!(tauri, name == "hearth", "{name}");
    }
}

/// Others hand a connection on, as the token of being inside a read or a turn of the writer, and never look into it.
#[test]
fn sql_is_in_stores_and_the_vault_only() {
    let sql = [
        "conn.prepare",
        ".execute_batch(",
        ".query_row(",
        ".query_map(",
        "params!",
        "SELECT ",
        "INSERT INTO",
        "DELETE FROM",
    ];
    let strays: Vec<_> = files_with(&sql)
        .into_iter()
        .filter(|name| {
            !name.starts_with("vault/") && !name.contains("/store/") && !name.ends_with("/store.rs")
        })
        .collect();
    assert_eq!(strays, Vec::<String>::new());
    for (name, used) in dependencies() {
        let may = ["vault", "server-core", "client-core", "bench"].contains(&name.as_str());
        assert!(may || !used.contains("rusqlite"), "{name} uses rusqlite");
    }
}

#[test]
fn the_keyring_is_behind_one_file() {
    let used = files_with(&["keyring_core::", "zbus_secret_service_keyring_store", " ::keyring::"]);
    assert_eq!(used, ["vault/src/keyring.rs"]);
    for (name, used) in dependencies() {
        let keyring = used.iter().any(|dependency| dependency.contains("keyring"));
        assert!(!keyring || name == "vault", "{name} uses a keyring by itself");
    }
}

#[test]
fn pure_files_know_no_clock_and_no_randomness() {
    let pure = [
        "server-core/src/permissions.rs",
        "server-core/src/hub/state.rs",
        "server-core/src/pictures/square.rs",
        "client-core/src/sync/plan.rs",
        "client-core/src/timeline/diff.rs",
    ];
    for name in pure {
        let text = code(&fs::read_to_string(root().join(name)).unwrap_or_else(|_| panic!("{name} is gone")));
        for word in
            ["::now()", "now_v7", "getrandom", "std::time::Instant", "SystemTime", "tokio::", "rusqlite"]
        {
            assert!(!text.contains(word), "{name} uses {word}");
        }
    }
}

#[test]
fn only_one_file_of_the_window_knows_tauri() {
    let files = [sources("ui/src", ".ts"), sources("ui/src", ".svelte")].concat();
    let used: Vec<_> =
        files.into_iter().filter(|(_, text)| text.contains("@tauri-apps")).map(|(name, _)| name).collect();
    assert_eq!(used, ["ui/src/lib/ipc/tauri.ts"]);
}

#[test]
fn the_window_never_injects_html() {
    for (name, text) in [sources("ui/src", ".ts"), sources("ui/src", ".svelte")].concat() {
        for word in ["{@html", "innerHTML", "insertAdjacentHTML", "document.write"] {
            assert!(!text.contains(word), "{name} uses {word}");
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let document = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || "-_@/".contains(letter);
    let named: BTreeSet<&str> = document.split(|letter| !is_part(letter)).collect();
    let all = dependencies();
    let mut used: BTreeSet<String> =
        all.values().flatten().filter(|name| !all.contains_key(*name)).cloned().collect();
    for list in ["ui/package.json", "tests/package.json"] {
        let package: Value = serde_json::from_str(&fs::read_to_string(root().join(list)).unwrap()).unwrap();
        for kind in ["dependencies", "devDependencies"] {
            used.extend(package[kind].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
        }
    }
    let missing: Vec<_> = used.iter().filter(|name| !named.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/dependencies.md does not say why: {missing:?}");
}
