//! What lies on disk says nothing: a search through every file that host and client wrote.

use std::fs;

use protocol::{Reply, Request, SignIn};
use tests::link::Link;
use tests::search::{Marker, search};
use tests::world::{World, finish, write};

use crate::{alice_at_home, invite, texts};

const NAME: &str = "Wilhelmina Ravensworth";
const MESSAGE: &str = "the quarterly figures are catastrophic 季度数字";
const ROOM: &str = "operation-moonshine";
const PASSWORD: &str = "a very long pass phrase indeed";

#[test]
fn no_file_of_host_or_client_holds_a_message_a_name_a_token_or_a_key() {
    let world = World::new().unwrap();
    let (host, alice) = alice_at_home(&world);
    let link = invite(&alice, 1);
    let bob = world.client("bob").unwrap();
    // Outside of the folders that are searched: a person's own note of their password.
    let password = world.folder().join("password");
    write(&password, PASSWORD).unwrap();
    let words = ["join", &link.to_app_link(), "--name", NAME, "--password-file", password.to_str().unwrap()];
    bob.done(&words).unwrap();
    bob.done(&["create-room", ROOM, "--private"]).unwrap();
    bob.done(&["post", ROOM, MESSAGE]).unwrap();
    bob.done(&["post", "general", MESSAGE]).unwrap();
    assert_eq!(texts(&alice, "general"), [MESSAGE]);
    let by = SignIn::Password { name: NAME.into(), password: PASSWORD.into() };
    let (mut link_of_bob, signed_in) = Link::sign_in(host.address(), by).unwrap();
    let session = signed_in.token.unwrap();
    assert!(matches!(link_of_bob.ask(Request::Rooms).unwrap(), Reply::Rooms { .. }));
    let unused = invite(&alice, 3);

    let host_key = fs::read(host_folder(&world).join("data/key")).unwrap();
    let client_key = fs::read(bob.key_file()).unwrap();
    let markers = [
        Marker::text("a message", MESSAGE),
        Marker::text("part of a message", "quarterly figures"),
        Marker::text("a member's name", NAME),
        Marker::text("a room's name", ROOM),
        Marker::text("a password", PASSWORD),
        Marker::text("a used invite", &link.token.0),
        Marker::text("an invite", &unused.token.0),
        Marker::text("a session token", &session.0),
    ];
    // While it runs and after a kill, so that the write-ahead log is there as well.
    let folders = [&*host_folder(&world), alice.folder(), bob.folder()];
    let running = search(&folders, &markers).unwrap();
    let plan = host.kill().unwrap();
    let killed = search(&folders, &markers).unwrap();
    println!(
        "searched {} files with {} bytes, twice, for {} markers",
        killed.files,
        killed.bytes,
        markers.len()
    );
    assert_eq!((&running.hits, &killed.hits), (&vec![], &vec![]));
    assert!(killed.files >= 9 && killed.bytes > 100_000, "{} files, {} bytes", killed.files, killed.bytes);

    // The keys are in their own files and nowhere else.
    let keys = [key_marker("the host's key", &host_key), key_marker("the client's key", &client_key)];
    let mut hits = search(&folders, &keys).unwrap().hits;
    hits.retain(|hit| hit.file != host_folder(&world).join("data/key") && hit.file != bob.key_file());
    assert_eq!(hits, []);
    drop(plan);
}

fn host_folder(world: &World) -> std::path::PathBuf {
    world.host("studio").folder
}

/// Key files hold hex; what must not be found is the key itself in any form.
fn key_marker(what: &str, file: &[u8]) -> Marker {
    let text = std::str::from_utf8(file).unwrap().trim();
    let digits: Vec<u8> = text.bytes().collect();
    assert!(digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit), "{what} is not 64 hex digits");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    Marker::bytes(what, &digits.chunks(2).map(byte).collect::<Vec<_>>())
}

#[test]
fn the_search_finds_what_is_there() {
    let world = World::new().unwrap();
    let file = world.folder().join("leak");
    write(&file, &format!("xx{MESSAGE}xx")).unwrap();
    let found = search(&[world.folder()], &[Marker::text("a message", MESSAGE)]).unwrap();
    assert_eq!(found.hits.len(), 1);
}

#[test]
fn the_keyring_keeps_the_key_and_opens_the_vault_again() {
    let world = World::new().unwrap();
    let (_host, alice) = alice_at_home(&world);
    let bob = world.client("bob").unwrap();
    let link = invite(&alice, 1).to_app_link();
    let run = |words: &[&str]| finish(bob.keyring_command(words).unwrap(), None).unwrap();
    let joined = run(&["join", &link, "--name", "Bob"]);
    assert_eq!(joined.code, Some(0), "{joined:?}");
    let posted = run(&["post", "general", "From a keyring"]);
    assert_eq!(posted.code, Some(0), "{posted:?}");
    assert_eq!(texts(&alice, "general"), ["From a keyring"]);
    assert!(!bob.key_file().exists());

    // The same vault without its keyring: said as such, and the vault stays.
    let mut elsewhere = bob.bare_command();
    elsewhere.args(["rooms"]);
    let said = finish(elsewhere, None).unwrap();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("keyring"), "{said:?}");
    let again = run(&["rooms", "--json"]);
    assert_eq!(again.json().unwrap().len(), 1, "{again:?}");
}
