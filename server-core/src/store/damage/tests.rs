use std::path::Path;
use std::sync::Arc;

use protocol::{Change, DeviceId, MemberId, MessageId, Reading, Reply, Request, Role, RoomId, Visibility};
use uuid::Uuid;
use vault::rusqlite::{self, Connection};
use vault::{Options, Unlock};

use crate::admin::{Administration, Answer, Command};
use crate::admission::{Account, write_account};
use crate::config::Config;
use crate::error::Refusal;
use crate::handler::behalf;
use crate::handler::pass::Pass;
use crate::host::Host;
use crate::store::table::{rooms, sessions};
use crate::store::{Denied, SCHEMA, now};

/// The device of whoever asks.
const DEVICE: DeviceId = DeviceId(Uuid::from_u128(1));

async fn open(folder: &Path) -> Arc<Host> {
    let config = Config::new(folder, ([127, 0, 0, 1], 0).into());
    Arc::new(tokio::task::spawn_blocking(move || Host::open(config)).await.unwrap().unwrap())
}

async fn ask(host: &Arc<Host>, member: MemberId, request: Request) -> Result<Reply, Refusal> {
    behalf::ask(host, (member, Pass::Session(DEVICE)), request).await
}

/// Lets a row be written that no host writes.
fn loose(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON")
}

async fn poison(folder: &Path, sql: &'static str) {
    let options = Options { on_connect: Some(loose), ..Options::host() };
    let vault = vault::open_with(folder, Unlock::KeyFile(&folder.join("key")), &SCHEMA, options).unwrap();
    // References are only let go of outside a transaction.
    let outside = format!(
        "ROLLBACK; PRAGMA foreign_keys = OFF; {sql}; PRAGMA foreign_keys = ON; BEGIN IMMEDIATE; SAVEPOINT work"
    );
    let _ = vault.write(move |conn| conn.execute_batch(&outside)).await;
    vault.close().await;
}

/// What somebody can see and do, all of which must go on.
async fn look_around(host: &Arc<Host>, member: MemberId, healthy: RoomId, what: &str) -> Vec<String> {
    for request in [
        Request::Rooms,
        Request::Directory { after: None },
        Request::Members { after: None },
        Request::Progress,
        Request::People,
        Request::Devices,
        Request::Invites,
        Request::Statistics,
        Request::Sync { cursors: Vec::new() },
        Request::RoomMembers { room: healthy, after: None },
        Request::Pins { room: healthy, before: None },
    ] {
        let asked = format!("{request:?}");
        ask(host, member, request).await.unwrap_or_else(|error| panic!("{what}: {asked}: {error:?}"));
    }
    let post = Request::post(healthy, MessageId(Uuid::now_v7()), "and still we talk".into());
    ask(host, member, post).await.unwrap();
    texts(host, member, healthy).await
}

/// What a room's log says, each number once and in order.
async fn texts(host: &Arc<Host>, member: MemberId, room: RoomId) -> Vec<String> {
    let page = Request::History { room, before: None, after: None, limit: 200 };
    let Reply::History(page) = ask(host, member, page).await.unwrap() else { panic!("no page") };
    for (number, event) in (1..).zip(&page.events) {
        assert_eq!(event.seq.0, number);
    }
    let said = page.events.into_iter().filter_map(|event| match event.change {
        Change::Posted(posted) => Some(posted.text.0),
        _ => None,
    });
    said.collect()
}

struct Scene {
    dir: tempfile::TempDir,
    alice: MemberId,
    healthy: RoomId,
    sick: RoomId,
}

async fn scene() -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("host");
    let host = open(&folder).await;
    let made = host.vault.write(|conn| -> Result<_, Denied> {
        let account = |name: &str| Account { name: name.into(), password_hash: None };
        let alice = write_account(conn, account("alice"), Role::Owner, &[], now())?.0;
        sessions::insert(conn, (alice, DEVICE), &[0; 32], ("laptop", ""), now())?;
        write_account(conn, account("bob"), Role::Member, &[], now())?;
        Ok(alice)
    });
    let alice = made.await.unwrap();
    let mut rooms = Vec::new();
    for name in ["healthy", "sick"] {
        let (name, topic, visibility) = (name.into(), "about".into(), Visibility::Public);
        let make = Request::CreateRoom { name, topic, visibility, reading: Reading::Start };
        let Reply::Room { room } = ask(&host, alice, make).await.unwrap() else { panic!("no room") };
        let message = MessageId(Uuid::now_v7());
        let (room, emoji) = (room.id, "+1".into());
        for request in [
            Request::post(room, message, "one".into()),
            Request::React { room, message, emoji },
            Request::Pin { room, message },
            Request::Edit { room, message, text: "two".into() },
            Request::post(room, MessageId(Uuid::now_v7()), "three".into()),
        ] {
            ask(&host, alice, request).await.unwrap();
        }
        rooms.push(room);
    }
    let invite = Request::CreateInvite { role: Role::Member, uses: 3, life_ms: 60_000, rooms: rooms.clone() };
    ask(&host, alice, invite).await.unwrap();
    host.vault.close().await;
    drop(host);
    Scene { dir, alice, healthy: rooms[0], sick: rooms[1] }
}

/// What is broken, one at a time; `sick` stands for the room of that name.
const POISONS: [(&str, &str); 19] = [
    ("members", "UPDATE members SET name = CAST(x'fffe41' AS TEXT) WHERE folded = 'bob'"),
    ("members", "UPDATE members SET status = CAST(x'ff' AS TEXT)"),
    ("members", "UPDATE members SET role = 'emperor' WHERE folded = 'bob'"),
    ("members", "UPDATE members SET standing = 'floating' WHERE folded = 'bob'"),
    ("members", "UPDATE members SET id = x'01' WHERE folded = 'bob'"),
    ("rooms", "UPDATE rooms SET topic = CAST(x'c328' AS TEXT) WHERE folded = 'sick'"),
    ("rooms", "UPDATE rooms SET visibility = 'foggy' WHERE folded = 'sick'"),
    ("rooms", "UPDATE rooms SET reading = 'never', archived = 7 WHERE folded = 'sick'"),
    (
        "events",
        "UPDATE events SET change = CAST(x'ff' AS TEXT) WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    ),
    (
        "events",
        "UPDATE events SET change = '{\"kind\":\"posted\"}' WHERE seq = 3 AND room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    ),
    ("events", "UPDATE events SET change = '[[[' WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick')"),
    (
        "events",
        "UPDATE events SET by = x'00112233445566778899aabbccddeeff', at = -9223372036854775807 WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    ),
    (
        "events",
        "UPDATE events SET by = x'00' WHERE seq = 3 AND room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    ),
    (
        "reactions",
        "UPDATE reactions SET emoji = CAST(x'ff' AS TEXT), member = x'00' WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    ),
    (
        "memberships",
        "INSERT INTO memberships (room, member, role, since, created_at) SELECT id, x'00112233445566778899aabbccddeeff', 'king', -5, -5 FROM rooms WHERE folded = 'sick'",
    ),
    (
        "memberships",
        "INSERT INTO memberships (room, member, role, since, created_at) SELECT x'00112233445566778899aabbccddeeff', id, 'member', 1, 1 FROM members WHERE folded = 'alice'",
    ),
    (
        "marks",
        "UPDATE marks SET attention = 'asleep', seq = -7, posted = 9223372036854775807 WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    ),
    ("invites", "UPDATE invites SET role = 'emperor', uses_left = 99999999999 WHERE created_by IS NOT NULL"),
    (
        "relations",
        "INSERT INTO relations (member, other, kind, created_at) SELECT id, x'0011', 'contact', 1 FROM members",
    ),
];

async fn damage(host: &Arc<Host>) -> Vec<String> {
    let administration = Administration { host: Arc::clone(host), bound: ([127, 0, 0, 1], 0).into() };
    let Answer::Damage { rows } = administration.perform(Command::Damage).await.unwrap() else {
        panic!("no damage told")
    };
    administration.perform(Command::Check).await.expect("the file itself is whole");
    rows.into_keys().collect()
}

#[tokio::test]
async fn a_poisoned_row_stops_neither_the_start_nor_the_others_and_is_told_of() {
    let pristine = scene().await;
    for (table, sql) in POISONS {
        let copy = tempfile::tempdir().unwrap();
        let folder = copy.path().join("host");
        std::fs::create_dir(&folder).unwrap();
        for entry in std::fs::read_dir(pristine.dir.path().join("host")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
            }
        }
        poison(&folder, sql).await;
        let host = open(&folder).await;
        let said = look_around(&host, pristine.alice, pristine.healthy, sql).await;
        assert_eq!(said, ["two", "three", "and still we talk"], "{sql}");
        texts(&host, pristine.alice, pristine.sick).await;
        assert!(damage(&host).await.iter().any(|told| told == table), "{sql}");
        host.vault.close().await;
    }
    let host = open(&pristine.dir.path().join("host")).await;
    assert!(damage(&host).await.is_empty(), "a healthy host has nothing to tell");
    host.vault.close().await;
}

#[tokio::test]
async fn what_is_damaged_keeps_no_room_from_letting_go_of_the_rest() {
    let Scene { dir, alice, sick, .. } = scene().await;
    let folder = dir.path().join("host");
    poison(
        &folder,
        "UPDATE events SET change = '{\"kind\":\"posted\"}' WHERE seq = 3 AND room IN (SELECT id FROM rooms WHERE folded = 'sick');
         UPDATE messages SET at = 1 WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick');
         UPDATE events SET at = 1 WHERE room IN (SELECT id FROM rooms WHERE folded = 'sick')",
    )
    .await;
    let host = open(&folder).await;
    ask(&host, alice, Request::SetRetention { room: sick, days: Some(1) }).await.unwrap();
    let head = |host: &Arc<Host>| {
        let read = host.vault.read_blocking(|conn| rooms::head(conn, sick));
        read.unwrap().unwrap()
    };
    let before = head(&host);
    assert_eq!(crate::retention::sweep(&host).await.unwrap(), 2);
    assert_eq!(crate::retention::sweep(&host).await.unwrap(), 0, "each once");
    assert_eq!(head(&host).0, before.0 + 2);
    host.vault.close().await;
}
