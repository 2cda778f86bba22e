//! One host, its snapshots, and what must not be found in them.

use protocol::{Change, Posted, Role, Visibility};
use tempfile::TempDir;
use uuid::Uuid;
use vault::Unlock;

use super::*;
use crate::admission::{Account, write_account};
use crate::pictures::Avatar;

const DAY: i64 = 24 * 3600 * 1000;
const RULE: Snapshots = Snapshots { every: Duration::from_secs(24 * 3600), keep: 2 };
const START: UnixMillis = UnixMillis(1_700_000_000_000);

fn at(day: i64) -> UnixMillis {
    UnixMillis(START.0 + day * DAY)
}

/// A host's vault with alice as its owner, and its first room.
fn vault(folder: &TempDir) -> (Vault, MemberId, RoomId) {
    let key = folder.path().join("key");
    let unlock = Unlock::KeyFile(&key);
    let vault = vault::create_with(folder.path(), unlock, &SCHEMA, host::vault_options()).unwrap();
    let alice = write(&vault, |conn| {
        let account = Account { name: "alice".into(), password_hash: None };
        write_account(conn, account, Role::Owner, &[], START).map(|(alice, _)| alice).map_err(|_| no_rows())
    });
    let room = write(&vault, |conn| Ok(rooms::all(conn)?[0].id));
    (vault, alice, room)
}

fn no_rows() -> vault::rusqlite::Error {
    vault::rusqlite::Error::QueryReturnedNoRows
}

fn write<T: Send + 'static>(
    vault: &Vault,
    work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> T {
    vault.write_blocking(work).unwrap()
}

fn post(vault: &Vault, by: MemberId, room: RoomId, text: &str) -> MessageId {
    let message = MessageId(Uuid::now_v7());
    let posted = Change::Posted(Posted::new(message, text.into()));
    write(vault, move |conn| events::append(conn, room, by, posted, START).map(drop));
    message
}

fn delete(vault: &Vault, by: MemberId, message: MessageId) {
    write(vault, move |conn| {
        let place = messages::find(conn, message)?.unwrap();
        messages::delete(conn, place, events::by_message(conn, message)?.unwrap())?;
        events::append(conn, place.room, by, Change::Deleted { message }, START).map(drop)
    });
}

/// What a snapshot says, message by message.
fn texts(snapshot: &Path) -> Vec<String> {
    let vault = vault::open(snapshot, Unlock::KeyFile(&snapshot.join("key")), &SCHEMA).unwrap();
    let all = |conn: &Connection| {
        let mut texts = Vec::new();
        for room in rooms::all(conn)? {
            let mut budget = usize::MAX;
            let page = events::page(conn, room.id, events::Stretch::After(Seq::ZERO), 100, &mut budget)?;
            texts.extend(page.into_iter().filter_map(|event| match event.change {
                Change::Posted(posted) => Some(posted.text.0),
                _ => None,
            }));
        }
        Ok::<_, vault::rusqlite::Error>(texts)
    };
    let texts = vault.read_blocking(all).unwrap();
    vault.close_blocking();
    texts
}

#[test]
fn a_day_brings_a_snapshot_and_only_the_newest_stay() {
    let folder = TempDir::new().unwrap();
    let (vault, alice, room) = vault(&folder);
    for day in 0..4 {
        post(&vault, alice, room, &format!("day {day}"));
        tend(&vault, RULE, at(day)).unwrap();
        tend(&vault, RULE, UnixMillis(at(day).0 + DAY / 2)).unwrap();
    }
    let kept = list(folder.path());
    assert_eq!(kept.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [at(2), at(3)]);
    assert_eq!(newest_snapshot(folder.path()), Some(kept[1].1.clone()));
    assert_eq!(texts(&kept[0].1), ["day 0", "day 1", "day 2"]);
    tend(&vault, Snapshots { keep: 0, ..RULE }, at(9)).unwrap();
    assert!(list(folder.path()).is_empty());
}

#[test]
fn what_is_gone_from_the_host_is_gone_from_its_snapshots() {
    let folder = TempDir::new().unwrap();
    let (vault, alice, room) = vault(&folder);
    let other = RoomId(Uuid::now_v7());
    write(&vault, move |conn| {
        let room = rooms::New {
            id: other,
            name: "cellar".into(),
            topic: String::new(),
            visibility: Visibility::Public,
            for_everyone: false,
            reading: protocol::Reading::Start,
            between: None,
        };
        rooms::insert(conn, &room, START)
    });
    let secret = post(&vault, alice, room, "the safe is behind the picture");
    post(&vault, alice, room, "good morning");
    post(&vault, alice, other, "buried here");
    let bob = write(&vault, |conn| {
        let account = Account { name: "bob".into(), password_hash: Some("hash".into()) };
        write_account(conn, account, Role::Member, &[], START).map(|(bob, _)| bob).map_err(|_| no_rows())
    });
    let [stays, goes] =
        [1, 2].map(|number| Avatar { id: AvatarId::from_digest([number; 32]), image: vec![number; 9_000] });
    let shown = (stays.clone(), goes.clone());
    write(&vault, move |conn| {
        avatars::put_of_member(conn, alice, Some(&shown.1))?;
        avatars::put_of_room(conn, other, Some(&shown.1))?;
        avatars::put_of_room(conn, room, Some(&shown.0))
    });
    tend(&vault, RULE, at(0)).unwrap();
    let (_, snapshot) = list(folder.path()).remove(0);
    assert_eq!(texts(&snapshot).len(), 3);

    delete(&vault, alice, secret);
    write(&vault, move |conn| rooms::delete(conn, other));
    write(&vault, move |conn| accounts::forget(conn, bob));
    write(&vault, move |conn| avatars::put_of_member(conn, alice, None));
    tend(&vault, RULE, at(0)).unwrap();

    assert_eq!(texts(&snapshot), ["", "good morning"]);
    let copy = vault::open(&snapshot, Unlock::KeyFile(&snapshot.join("key")), &SCHEMA).unwrap();
    let left = copy.read_blocking(|conn| members::by_name(conn, "bob")).unwrap();
    assert_eq!(left, None);
    assert_eq!(copy.read_blocking(avatars::all).unwrap(), [stays.id]);
    copy.check_blocking().unwrap();
}

#[test]
fn half_a_snapshot_is_none_and_is_swept_away() {
    let folder = TempDir::new().unwrap();
    let (vault, ..) = vault(&folder);
    let half = folder.path().join(FOLDER).join(START.0.to_string());
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("vault.db.new"), b"half").unwrap();
    assert_eq!(newest_snapshot(folder.path()), None);
    tend(&vault, RULE, at(1)).unwrap();
    assert!(!half.exists());
    assert_eq!(list(folder.path()).len(), 1);
}

#[test]
fn a_clock_set_back_does_not_end_the_snapshots() {
    assert!(is_due(None, RULE.every, at(0)));
    assert!(!is_due(Some(at(0)), RULE.every, UnixMillis(at(1).0 - 1)));
    assert!(is_due(Some(at(0)), RULE.every, at(1)));
    assert!(is_due(Some(at(400)), RULE.every, at(1)));
}

#[test]
fn a_clock_that_was_ahead_keeps_no_snapshot_away() {
    let folder = TempDir::new().unwrap();
    let (vault, ..) = vault(&folder);
    for day in [8, 9, 0, 1] {
        tend(&vault, RULE, at(day)).unwrap();
    }
    assert_eq!(list(folder.path()).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [at(0), at(1)]);
}

#[test]
fn a_snapshot_has_an_owner_after_the_one_it_had_is_gone() {
    let folder = TempDir::new().unwrap();
    let (vault, alice, _) = vault(&folder);
    let bob = write(&vault, |conn| {
        let account = Account { name: "bob".into(), password_hash: None };
        write_account(conn, account, Role::Member, &[], START).map(|(bob, _)| bob).map_err(|_| no_rows())
    });
    tend(&vault, RULE, at(0)).unwrap();
    write(&vault, move |conn| {
        members::set_role(conn, alice, Role::Admin)?;
        members::set_role(conn, bob, Role::Owner)?;
        accounts::forget(conn, alice)
    });
    tend(&vault, RULE, at(0)).unwrap();
    let kept = list(folder.path());
    let copy = vault::open(&kept[0].1, Unlock::KeyFile(&kept[0].1.join("key")), &SCHEMA).unwrap();
    let owner = copy.read_blocking(members::owner).unwrap().unwrap();
    assert_eq!(owner.id, bob);
    copy.close_blocking();
}
