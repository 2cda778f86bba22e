//! Rolling snapshots: whole copies of the host's vault, made while it runs and kept beside it, for the day its file no
//! longer opens.
//!
//! What is deleted for everyone, accounts and rooms that are gone, and pictures nobody shows any more are taken out of the snapshots too, at the next
//! look. They stand on the same disk: against its loss only a backup elsewhere helps.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use protocol::{AvatarId, MemberId, MessageId, Role, RoomId, Seq, UnixMillis};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use vault::rusqlite::{Connection, Result};
use vault::{CopyError, Vault};

use crate::config::Snapshots;
use crate::handler::accounts;
use crate::host::{self, Host};
use crate::store::table::{avatars, events, members, messages, rooms};
use crate::store::{SCHEMA, now};

/// The folder of snapshots in a host's folder.
const FOLDER: &str = "snapshots";

/// The first look comes this long after the start, which has enough to do.
const FIRST: Duration = Duration::from_secs(600);

/// How often is looked.
const EVERY: Duration = Duration::from_secs(3600);

/// Left free on the disk after a snapshot, at least.
const SPARE_BYTES: u64 = 512 * 1024 * 1024;

/// Looks after the snapshots until the host stops.
pub(crate) async fn keep(host: Arc<Host>) {
    let mut tick = interval_at(Instant::now() + FIRST, EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = host.stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let (vault, rule) = (host.vault.clone(), host.config.snapshots);
        let tended = tokio::task::spawn_blocking(move || tend(&vault, rule, now())).await;
        match tended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the snapshots could not be looked after"),
            Err(error) => tracing::error!(%error, "looking after the snapshots failed"),
        }
    }
}

/// The newest whole snapshot in a host's folder, if there is one.
#[must_use]
pub fn newest_snapshot(data_dir: &Path) -> Option<PathBuf> {
    list(data_dir).pop().map(|(_, path)| path)
}

#[derive(Debug, thiserror::Error)]
enum TendError {
    #[error(transparent)]
    Snapshot(#[from] vault::SnapshotError),
    #[error(transparent)]
    Change(#[from] CopyError<vault::rusqlite::Error>),
    #[error("the vault can't be read")]
    Read(#[from] vault::ReadError<vault::rusqlite::Error>),
    #[error("{} can't be removed", path.display())]
    Remove { path: PathBuf, source: std::io::Error },
}

/// Makes a snapshot if one is due, drops those beyond the rule, and brings deletions into the rest. Blocks its thread.
fn tend(vault: &Vault, rule: Snapshots, now: UnixMillis) -> std::result::Result<(), TendError> {
    let folder = vault.dir().join(FOLDER);
    sweep(&folder)?;
    let kept = list(vault.dir());
    if rule.keep > 0
        && is_due(kept.last().map(|(at, _)| *at), rule.every, now)
        && take(vault, &folder.join(now.0.to_string()))?
    {
        // Made while the clock was ahead: they would pass for newer than this one.
        for (_, ahead) in kept.iter().filter(|(at, _)| *at > now) {
            remove(ahead)?;
        }
    }
    let mut kept = list(vault.dir());
    for (_, old) in kept.drain(..kept.len().saturating_sub(rule.keep)) {
        remove(&old)?;
    }
    for (_, snapshot) in kept {
        match catch_up(vault, &snapshot) {
            // Made before an update; the text in it can't be reached, so it goes once there is a newer one.
            Err(TendError::Change(CopyError::OtherSchema)) => {
                if take(vault, &folder.join(now.0.to_string()))? {
                    remove(&snapshot)?;
                }
            }
            other => other?,
        }
    }
    Ok(())
}

/// Makes one unless it is there, or the disk has too little space for it. Says whether it is there.
fn take(vault: &Vault, to: &Path) -> std::result::Result<bool, TendError> {
    if vault::exists(to) {
        return Ok(true);
    }
    let bytes = fs::metadata(vault.dir().join("vault.db")).map_or(0, |file| file.len());
    if free(vault.dir()).is_some_and(|free| free < 2 * bytes + SPARE_BYTES) {
        tracing::warn!(
            "no snapshot was made: the disk has too little space; make room, or set snapshots.keep = 0"
        );
        return Ok(false);
    }
    vault.snapshot_blocking(to)?;
    tracing::info!("a snapshot was made");
    Ok(true)
}

/// A clock that was set back must not keep the next one away.
fn is_due(last: Option<UnixMillis>, every: Duration, now: UnixMillis) -> bool {
    let every = i64::try_from(every.as_millis()).unwrap_or(i64::MAX);
    last.is_none_or(|last| now.0.abs_diff(last.0) >= every.unsigned_abs())
}

/// Whole snapshots, the oldest first.
fn list(data_dir: &Path) -> Vec<(UnixMillis, PathBuf)> {
    let entries = fs::read_dir(data_dir.join(FOLDER)).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .filter_map(|entry| {
            let at = entry.file_name().to_str()?.parse().ok()?;
            Some((UnixMillis(at), entry.path())).filter(|(_, path)| is_whole(path))
        })
        .collect();
    found.sort();
    found
}

fn is_whole(snapshot: &Path) -> bool {
    snapshot.join("vault.db").exists() && snapshot.join("slots.json").exists()
}

/// Removes what an interrupted snapshot left.
fn sweep(folder: &Path) -> std::result::Result<(), TendError> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| !is_whole(path)) {
        remove(&path)?;
    }
    Ok(())
}

fn remove(path: &Path) -> std::result::Result<(), TendError> {
    fs::remove_dir_all(path).map_err(|source| TendError::Remove { path: path.to_owned(), source })
}

/// What is gone from the host since a snapshot was made.
#[derive(Debug, Default)]
struct Gone {
    rooms: Vec<RoomId>,
    messages: Vec<MessageId>,
    members: Vec<MemberId>,
    avatars: Vec<AvatarId>,
    /// Whose the host is now.
    owner: Option<MemberId>,
}

impl Gone {
    fn is_empty(&self) -> bool {
        let Self { rooms, messages, members, avatars, owner: _ } = self;
        rooms.is_empty() && messages.is_empty() && members.is_empty() && avatars.is_empty()
    }
}

/// What a snapshot holds of what may go: its rooms up to which number, and its pictures.
type Held = (Vec<(RoomId, Seq)>, Vec<AvatarId>);

fn catch_up(vault: &Vault, snapshot: &Path) -> std::result::Result<(), TendError> {
    let options = host::vault_options();
    let held = vault
        .change_copy_blocking(snapshot, &SCHEMA, options, |conn| Ok((heads(conn)?, avatars::all(conn)?)))?;
    let gone = vault.read_blocking(|conn| gone_since(conn, held))?;
    if gone.is_empty() {
        return Ok(());
    }
    Ok(vault.change_copy_blocking(snapshot, &SCHEMA, options, |conn| take_out(conn, &gone))?)
}

fn heads(conn: &Connection) -> Result<Vec<(RoomId, Seq)>> {
    let mut heads = Vec::new();
    for room in rooms::all(conn)? {
        heads.push((room.id, rooms::head(conn, room.id)?.unwrap_or_default()));
    }
    Ok(heads)
}

fn gone_since(conn: &Connection, (heads, mut pictures): Held) -> Result<Gone> {
    let shown = avatars::all(conn)?;
    pictures.retain(|picture| shown.binary_search(picture).is_err());
    let owner = members::owner(conn)?.map(|owner| owner.id);
    let mut gone = Gone { members: members::gone(conn)?, avatars: pictures, owner, ..Gone::default() };
    for (room, head) in heads {
        match rooms::head(conn, room)? {
            None => gone.rooms.push(room),
            Some(_) => gone.messages.extend(events::deleted_after(conn, room, head)?),
        }
    }
    Ok(gone)
}

fn take_out(conn: &Connection, gone: &Gone) -> Result<()> {
    for room in &gone.rooms {
        rooms::delete(conn, *room)?;
    }
    for message in &gone.messages {
        let place = messages::find(conn, *message)?.filter(|place| !place.deleted);
        if let (Some(place), Some(event)) = (place, events::by_message(conn, *message)?) {
            messages::delete(conn, place, event)?;
        }
    }
    // Who had handed the host over before they went is its owner here still.
    if let Some(owner) = members::owner(conn)?.filter(|owner| gone.members.contains(&owner.id)) {
        members::set_role(conn, owner.id, Role::Admin)?;
        if let Some(heir) = gone.owner {
            members::set_role(conn, heir, Role::Owner)?;
        }
    }
    for member in &gone.members {
        accounts::forget(conn, *member)?;
    }
    for avatar in &gone.avatars {
        avatars::forget(conn, avatar)?;
    }
    Ok(())
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|found| found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests;
