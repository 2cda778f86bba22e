//! The window asks, the capability allows and the program answers exactly the same commands, with the same arguments.

use std::collections::{BTreeMap, BTreeSet};

const PROGRAM: &str = include_str!("../src/lib.rs");
const COMMANDS: [&str; 5] = [
    include_str!("../src/commands/hosting.rs"),
    include_str!("../src/commands/messages.rs"),
    include_str!("../src/commands/rooms.rs"),
    include_str!("../src/commands/session.rs"),
    include_str!("../src/commands/settings.rs"),
];
const ALLOWED: &str = include_str!("../permissions/hearth.toml");
const WINDOW: &str = include_str!("../../ui/src/lib/ipc/tauri.ts");

/// What stands between `start` and the next `end`, and what follows.
fn between<'a>(text: &'a str, start: &str, end: &str) -> (&'a str, &'a str) {
    let (_, rest) = text.split_once(start).expect("the start is there");
    rest.split_once(end).expect("the end is there")
}

fn registered() -> BTreeSet<&'static str> {
    let (list, _) = between(PROGRAM, "generate_handler![", "]");
    list.split(',')
        .filter_map(|path| path.trim().rsplit("::").next())
        .filter(|name| !name.is_empty())
        .collect()
}

fn allowed() -> BTreeSet<&'static str> {
    let (list, _) = between(ALLOWED, "commands.allow", "]");
    list.split('"').skip(1).step_by(2).collect()
}

/// Each command with the arguments that come from the window; Tauri gives the rest.
fn answered() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let functions = COMMANDS.iter().flat_map(|file| file.split("#[tauri::command]").skip(1));
    let signature = |function| {
        let (signature, _) = between(function, "fn ", ") ->");
        let (name, arguments) = signature.split_once('(').expect("a function has arguments");
        let named = arguments
            .split(": ")
            .filter_map(|part| part.rsplit([',', ' ', '\n']).find(|word| !word.is_empty()));
        let given = ["here", "app"];
        let count = arguments.matches(": ").count();
        (name, named.take(count).filter(|argument| !given.contains(argument)).collect())
    };
    functions.map(signature).collect()
}

fn asked() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let calls = WINDOW.split("invoke(\"").skip(1);
    let call = |call: &'static str| {
        let (name, rest) = call.split_once('"').expect("a name ends");
        let arguments =
            rest.strip_prefix(", { ").and_then(|rest| rest.split_once(" }")).map_or("", |(list, _)| list);
        (name, arguments.split(", ").filter(|argument| !argument.is_empty()).collect())
    };
    calls.map(call).collect()
}

#[test]
fn every_allowed_command_is_registered() {
    assert_eq!(allowed(), registered());
    assert_eq!(allowed(), answered().into_keys().collect());
}

#[test]
fn the_window_asks_what_is_answered_with_the_same_arguments() {
    assert_eq!(asked(), answered());
}
