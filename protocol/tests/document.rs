//! `docs/protocol.md` against the golden frames: whoever writes a client from it finds every frame, field and code.
// Every function here is part of a test; clippy sees only the attributed ones as such.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use protocol::{CloseCode, ErrorCode};
use serde_json::Value;
use ts_rs::TS;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn document() -> String {
    fs::read_to_string(root().join("../docs/protocol.md")).unwrap()
}

/// The fields of all golden frames of one side, by type.
fn fields(side: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(root().join("tests/wire").join(side)).unwrap() {
        let frame: Value = serde_json::from_str(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        let fields =
            frame.as_object().unwrap().keys().filter(|name| !matches!(name.as_str(), "req" | "type"));
        found.entry(frame["type"].as_str().unwrap().to_owned()).or_default().extend(fields.cloned());
    }
    found
}

/// What the first cell of a row names in backticks; nothing outside tables.
fn named(line: &str) -> Vec<&str> {
    let cell = line.strip_prefix("| ").and_then(|rest| rest.split(" | ").next()).unwrap_or_default();
    cell.split('`').skip(1).step_by(2).collect()
}

/// The rows of tables that are about `name`.
fn rows<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    document.lines().filter(|line| named(line).contains(&name)).collect()
}

/// Whether a text names a field, as it is or as one that may be absent.
fn names(text: &str, field: &str) -> bool {
    let mut words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.any(|word| word == field)
}

#[test]
fn every_frame_is_documented_with_all_its_fields() {
    let document = document();
    for side in ["client", "host"] {
        for (kind, fields) in fields(side) {
            // What is said before and by signing in has sections of its own.
            let rows = match kind.as_str() {
                "hello" | "welcome" | "sign_in" | "signed_in" => vec![document.as_str()],
                _ => rows(&document, &kind),
            };
            assert!(!rows.is_empty(), "{kind} is not in the document");
            for field in fields {
                assert!(rows.iter().any(|row| names(row, &field)), "{kind}.{field} is not in the document");
            }
        }
    }
}

#[test]
fn no_frame_is_documented_that_there_is_not() {
    let document = document();
    let (asked, said) = (fields("client"), fields("host"));
    let section = document.split("\n## ").find(|section| section.starts_with("6. ")).unwrap();
    for name in section.lines().flat_map(named).filter(|name| *name != "type") {
        assert!(asked.contains_key(name) || said.contains_key(name), "{name} is in the document only");
    }
}

#[test]
fn every_error_and_close_code_is_documented() {
    let document = document();
    let codes = ErrorCode::inline(&ts_rs::Config::default());
    let codes = codes.split('"').filter(|word| word.starts_with(|letter: char| letter.is_ascii_lowercase()));
    for code in codes.filter(|code| *code != "unknown") {
        assert!(!rows(&document, code).is_empty(), "{code} is not in the document");
    }
    for code in [
        CloseCode::ComeBack,
        CloseCode::LeaseOver,
        CloseCode::SignInDeadline,
        CloseCode::Resync,
        CloseCode::SessionEnded,
        CloseCode::Abuse,
        CloseCode::Version,
    ] {
        assert!(document.contains(&format!("| {} |", code.code())), "{code:?} is not in the document");
    }
}
