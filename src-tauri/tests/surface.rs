//! The window asks, the capability allows and the program answers exactly the same commands.

use std::collections::BTreeSet;

const PROGRAM: &str = include_str!("../src/lib.rs");
const ALLOWED: &str = include_str!("../permissions/hearth.toml");
const WINDOW: &str = include_str!("../../ui/src/lib/ipc/tauri.ts");

fn answered() -> BTreeSet<&'static str> {
    let (_, rest) = PROGRAM.split_once("generate_handler![").expect("the list of commands is there");
    let (list, _) = rest.split_once(']').expect("the list of commands ends");
    list.split(',')
        .filter_map(|path| path.trim().rsplit("::").next())
        .filter(|name| !name.is_empty())
        .collect()
}

fn allowed() -> BTreeSet<&'static str> {
    let (_, rest) = ALLOWED.split_once("commands.allow").expect("the permission allows commands");
    rest.split('"').skip(1).step_by(2).collect()
}

fn asked() -> BTreeSet<&'static str> {
    WINDOW.split("invoke(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_allowed_command_is_answered() {
    assert_eq!(allowed(), answered());
}

#[test]
fn every_question_of_the_window_is_allowed() {
    assert_eq!(asked(), allowed());
}
