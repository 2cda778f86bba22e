//! Stories over real programs and real sockets.
// Every function here is part of a test; clippy sees only the attributed ones as such.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod account;
mod at_rest;
mod bad_input;
mod certificates;
mod discovery;
mod drills;
mod imports;
mod python;
mod talk;

use protocol::InviteLink;
use serde_json::Value;
use tests::world::{Cli, Host, World};

/// A host with Alice as its owner.
fn alice_at_home(world: &World) -> (Host, Cli) {
    let host = world.host("studio").start().unwrap();
    let alice = world.client("alice").unwrap();
    alice.join(&host.owner_link().unwrap(), "Alice").unwrap();
    (host, alice)
}

/// A fresh invite by `who`, for `uses` people.
fn invite(who: &Cli, uses: u32) -> InviteLink {
    let said = who.done(&["invite", "--uses", &uses.to_string(), "--json"]).unwrap();
    InviteLink::parse(said.json().unwrap()[0]["app"].as_str().unwrap()).unwrap()
}

/// The texts of a room's messages, as `who` sees them.
fn texts(who: &Cli, room: &str) -> Vec<String> {
    let lines =
        who.done(&["history", room, "--json", "--limit", "500", "--timeout", "5"]).unwrap().json().unwrap();
    let messages = lines.iter().filter(|line| line["kind"] == "message");
    messages.map(|line| line["text"].as_str().unwrap().to_owned()).collect()
}

/// Whether a line of `tail` is the message with this text.
fn is_message(line: &Value, text: &str) -> Option<()> {
    (line["kind"] == "message" && line["text"] == text).then_some(())
}
