//! The store against real databases.

use proptest::prelude::*;
use protocol::{Change, DeviceId, MemberId, MessageId, Role, RoomId, Seq, UnixMillis, Visibility};
use tempfile::TempDir;
use uuid::Uuid;
use vault::rusqlite::{Connection, Result};
use vault::{Unlock, Vault};

use super::table::{events, members, memberships, messages, rooms, sessions};
use super::{Denied, SCHEMA};

mod counts;
mod words;

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

fn vault() -> (TempDir, Vault) {
    let dir = tempfile::tempdir().unwrap();
    let vault = vault::create(dir.path(), Unlock::Passphrase("for this test"), &SCHEMA).unwrap();
    (dir, vault)
}

fn in_memory() -> Connection {
    let conn = Connection::open_in_memory().unwrap();
    for migration in SCHEMA.migrations {
        conn.execute_batch(migration.sql).unwrap();
    }
    conn
}

fn room_of_alice(conn: &Connection) -> Result<(RoomId, MemberId)> {
    let (room, alice) = (RoomId(Uuid::now_v7()), MemberId(Uuid::now_v7()));
    members::insert(conn, &members::Row::new(alice, "alice".into(), Role::Owner), NOW)?;
    let new = rooms::New {
        id: room,
        name: "general".into(),
        topic: String::new(),
        visibility: Visibility::Public,
        for_everyone: true,
        reading: protocol::Reading::Start,
        between: None,
    };
    rooms::insert(conn, &new, NOW)?;
    memberships::insert(conn, (room, alice), protocol::RoomRole::Admin, Seq(1), NOW)?;
    Ok((room, alice))
}

fn posted(text: &str) -> Change {
    Change::posted(MessageId(Uuid::now_v7()), text.into())
}

/// Everything the database says of its own schema.
fn schema_of(conn: &Connection) -> Result<String> {
    let mut statement = conn.prepare(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
         -- What the engine makes of a virtual table by itself.
         AND name NOT LIKE 'words\\_%' ESCAPE '\\' ORDER BY rowid",
    )?;
    let texts = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>>>()?;
    Ok(texts.join(";\n"))
}

#[test]
fn the_documented_schema_is_that_of_a_real_database() {
    let (_dir, vault) = vault();
    let real = vault.read_blocking(|conn| schema_of(conn).map_err(Denied::from)).unwrap();
    let documented = Connection::open_in_memory().unwrap();
    documented.execute_batch(include_str!("../../../docs/server-schema.sql")).unwrap();
    assert_eq!(real, schema_of(&documented).unwrap());
}

#[test]
fn the_documented_schema_says_of_every_table_what_it_is_for() {
    let written =
        SCHEMA.migrations.iter().map(|migration| migration.sql.trim()).collect::<Vec<_>>().join("\n\n");
    let documented = include_str!("../../../docs/server-schema.sql");
    let from_first_table = &documented[documented.find("-- The host itself").unwrap()..];
    assert_eq!(from_first_table.trim(), written);
}

#[test]
fn a_host_has_one_owner_and_a_name_one_member() {
    let conn = in_memory();
    room_of_alice(&conn).unwrap();
    let row = |name: &str, role| members::Row::new(MemberId(Uuid::now_v7()), name.into(), role);
    assert!(members::insert(&conn, &row("ALICE", Role::Member), NOW).is_err());
    assert!(members::insert(&conn, &row("bob", Role::Owner), NOW).is_err());
    members::insert(&conn, &row("bob", Role::Member), NOW).unwrap();
}

#[test]
fn a_room_knows_how_many_it_has_as_they_come_and_go() {
    let conn = in_memory();
    let (room, alice) = room_of_alice(&conn).unwrap();
    let bob = MemberId(Uuid::now_v7());
    members::insert(&conn, &members::Row::new(bob, "bob".into(), Role::Member), NOW).unwrap();
    let known = || rooms::by_id(&conn, room, alice).unwrap().unwrap().members;
    memberships::insert(&conn, (room, bob), protocol::RoomRole::Member, Seq(2), NOW).unwrap();
    assert_eq!((known(), memberships::size(&conn, room).unwrap()), (2, 2));
    // Who is in already does not count twice, who is out already not less.
    assert!(memberships::insert(&conn, (room, bob), protocol::RoomRole::Member, Seq(3), NOW).is_err());
    assert!(memberships::remove(&conn, room, bob).unwrap());
    assert!(!memberships::remove(&conn, room, bob).unwrap());
    assert_eq!(known(), 1);
    rooms::delete(&conn, room).unwrap();
    assert_eq!(memberships::size(&conn, room).unwrap(), 0);
}

#[test]
fn an_event_of_a_newer_host_keeps_its_number() {
    let conn = in_memory();
    let (room, alice) = room_of_alice(&conn).unwrap();
    events::append(&conn, room, alice, posted("one"), NOW).unwrap();
    conn.execute_batch("UPDATE events SET change = '{\"kind\":\"waved\"}'").unwrap();
    let read = events::page(&conn, room, events::Stretch::After(Seq::ZERO), 10, &mut 10_000).unwrap();
    assert_eq!((read[0].seq, &read[0].change), (Seq(1), &Change::Unknown));
}

#[test]
fn a_message_exists_once_and_is_found_by_its_id() {
    let conn = in_memory();
    let (room, alice) = room_of_alice(&conn).unwrap();
    let change = posted("once");
    let Change::Posted(protocol::Posted { message, .. }) = change else { unreachable!("it was posted") };
    let event = events::append(&conn, room, alice, change.clone(), NOW).unwrap();
    assert!(events::append(&conn, room, alice, change, NOW).is_err());
    assert_eq!(events::by_message(&conn, message).unwrap(), Some(event));
}

proptest! {
    #[test]
    fn pages_of_any_size_and_direction_cover_a_log_exactly_once(
        texts in prop::collection::vec("[a-z]{0,2000}", 1..40),
        limit in 1u32..9,
        budget in 300usize..6000,
    ) {
        let conn = in_memory();
        let (room, alice) = room_of_alice(&conn).unwrap();
        let written = texts.iter().map(|text| events::append(&conn, room, alice, posted(text), NOW).unwrap());
        let written = written.collect::<Vec<_>>();
        let (mut forwards, mut backwards) = (Vec::new(), Vec::new());
        loop {
            let after = forwards.last().map_or(Seq::ZERO, |event: &protocol::Event| event.seq);
            let page = events::page(&conn, room, events::Stretch::After(after), limit, &mut budget.clone()).unwrap();
            prop_assert!(page.len() <= limit as usize);
            if page.is_empty() { break }
            forwards.extend(page);
        }
        loop {
            let before = backwards.first().map_or(Seq(u64::MAX), |event: &protocol::Event| event.seq);
            let page = events::page(&conn, room, events::Stretch::Before(before), limit, &mut budget.clone()).unwrap();
            if page.is_empty() { break }
            backwards.splice(0..0, page);
        }
        prop_assert_eq!(&forwards, &written);
        prop_assert_eq!(&backwards, &written);
    }
}

#[test]
fn of_too_many_devices_those_go_that_were_not_here_for_longest() {
    let conn = in_memory();
    let (_, alice) = room_of_alice(&conn).unwrap();
    let device = |number: u8| DeviceId(Uuid::from_u128(number.into()));
    for number in 1..=5 {
        let at = UnixMillis(NOW.0 + i64::from(number));
        sessions::insert(&conn, (alice, device(number)), &[number; 32], ("device", ""), at).unwrap();
    }
    sessions::left(&conn, device(1), UnixMillis(NOW.0 + 100)).unwrap();
    assert_eq!(sessions::remove_oldest(&conn, alice, 3, &[device(2)]).unwrap(), [device(3)], "2 is here");
    assert_eq!(sessions::remove_oldest(&conn, alice, 3, &[]).unwrap(), [device(2)]);
    assert_eq!(sessions::remove_oldest(&conn, alice, 3, &[]).unwrap(), []);
}

#[test]
fn the_newest_part_of_a_long_hole_still_says_what_it_changed() {
    let conn = in_memory();
    let (room, alice) = room_of_alice(&conn).unwrap();
    let first = events::append(&conn, room, alice, posted("take this back"), NOW).unwrap();
    let Change::Posted(said) = &first.change else { panic!("no message") };
    let message = said.message;
    for _ in 0..30 {
        events::append(&conn, room, alice, posted("more"), NOW).unwrap();
    }
    let place = messages::find(&conn, message).unwrap().unwrap();
    messages::delete(&conn, place, first.clone()).unwrap();
    let last = events::append(&conn, room, alice, Change::Deleted { message }, NOW).unwrap();
    let changed = |after| {
        let (mut budget, floor) = (usize::MAX, Seq::ZERO);
        events::changed(&conn, room, (floor, after), last.seq.next(), 10, &mut budget).unwrap()
    };
    for (after, more) in [(first.seq, true), (Seq(last.seq.0 - 5), false)] {
        let (events, told) = changed(after);
        assert_eq!((events.iter().map(|event| event.seq).collect::<Vec<_>>(), told), (vec![first.seq], more));
    }
}
