//! Pictures of members and rooms: each once, named by what it is, and gone with the last one it shows.

use protocol::{AvatarId, MemberId, RoomId};
use vault::rusqlite::{Connection, OptionalExtension, Result, Row, params};

use crate::pictures::Avatar;
use crate::store::kept::{Kept, avatar};

pub(crate) const SCHEMA: &str = "
-- Pictures of members and rooms, as the host has made them.
CREATE TABLE avatars (
    -- SHA-256 of the picture.
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- A PNG or a JPEG.
    image BLOB NOT NULL
) STRICT;

-- Which member shows which picture.
CREATE TABLE member_avatars (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    avatar BLOB NOT NULL REFERENCES avatars (digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX member_avatars_avatar ON member_avatars (avatar);

-- Which room shows which picture.
CREATE TABLE room_avatars (
    room BLOB NOT NULL PRIMARY KEY REFERENCES rooms (id),
    avatar BLOB NOT NULL REFERENCES avatars (digest)
) STRICT, WITHOUT ROWID;

CREATE INDEX room_avatars_avatar ON room_avatars (avatar);

-- A picture goes with the last one who shows it.
CREATE TRIGGER member_avatars_out AFTER DELETE ON member_avatars BEGIN
    DELETE FROM avatars WHERE digest = old.avatar
        AND NOT EXISTS (SELECT 1 FROM member_avatars WHERE avatar = old.avatar)
        AND NOT EXISTS (SELECT 1 FROM room_avatars WHERE avatar = old.avatar);
END;

CREATE TRIGGER room_avatars_out AFTER DELETE ON room_avatars BEGIN
    DELETE FROM avatars WHERE digest = old.avatar
        AND NOT EXISTS (SELECT 1 FROM member_avatars WHERE avatar = old.avatar)
        AND NOT EXISTS (SELECT 1 FROM room_avatars WHERE avatar = old.avatar);
END;
";

/// Gives a member a picture in the place of the one they have, or none.
pub(crate) fn put_of_member(conn: &Connection, member: MemberId, picture: Option<&Avatar>) -> Result<()> {
    conn.prepare_cached("DELETE FROM member_avatars WHERE member = ?")?.execute([member.0.as_bytes()])?;
    let Some(picture) = picture else { return Ok(()) };
    keep(conn, picture)?;
    conn.prepare_cached("INSERT INTO member_avatars (member, avatar) VALUES (?, ?)")?
        .execute(params![member.0.as_bytes(), picture.id.digest()])?;
    Ok(())
}

/// Gives a room a picture in the place of the one it has, or none.
pub(crate) fn put_of_room(conn: &Connection, room: RoomId, picture: Option<&Avatar>) -> Result<()> {
    conn.prepare_cached("DELETE FROM room_avatars WHERE room = ?")?.execute([room.0.as_bytes()])?;
    let Some(picture) = picture else { return Ok(()) };
    keep(conn, picture)?;
    conn.prepare_cached("INSERT INTO room_avatars (room, avatar) VALUES (?, ?)")?
        .execute(params![room.0.as_bytes(), picture.id.digest()])?;
    Ok(())
}

fn keep(conn: &Connection, picture: &Avatar) -> Result<()> {
    conn.prepare_cached("INSERT OR IGNORE INTO avatars (digest, image) VALUES (?, ?)")?
        .execute(params![picture.id.digest(), picture.image])?;
    Ok(())
}

/// A member's picture.
pub(crate) fn of_member(conn: &Connection, member: MemberId) -> Result<Option<Avatar>> {
    conn.prepare_cached(
        "SELECT avatar, image FROM member_avatars JOIN avatars ON digest = avatar WHERE member = ?",
    )?
    .query_row([member.0.as_bytes()], read)
    .optional()
    .map(Option::flatten)
}

/// A room's picture.
pub(crate) fn of_room(conn: &Connection, room: RoomId) -> Result<Option<Avatar>> {
    conn.prepare_cached(
        "SELECT avatar, image FROM room_avatars JOIN avatars ON digest = avatar WHERE room = ?",
    )?
    .query_row([room.0.as_bytes()], read)
    .optional()
    .map(Option::flatten)
}

/// All there are, in the order of their ids.
pub(crate) fn all(conn: &Connection) -> Result<Vec<AvatarId>> {
    let all = conn
        .prepare_cached("SELECT digest FROM avatars ORDER BY digest")?
        .query_map([], |row| avatar(row, "digest"))?
        .kept()?;
    Ok(all.into_iter().flatten().collect())
}

/// One of them.
pub(crate) fn by_id(conn: &Connection, id: &AvatarId) -> Result<Option<Avatar>> {
    conn.prepare_cached("SELECT digest AS avatar, image FROM avatars WHERE digest = ?")?
        .query_row([id.digest()], read)
        .optional()
        .map(Option::flatten)
}

/// Takes a picture away from everyone who shows it.
pub(crate) fn forget(conn: &Connection, id: &AvatarId) -> Result<()> {
    for sql in ["DELETE FROM member_avatars WHERE avatar = ?", "DELETE FROM room_avatars WHERE avatar = ?"] {
        conn.prepare_cached(sql)?.execute([id.digest()])?;
    }
    Ok(())
}

fn read(row: &Row<'_>) -> Result<Option<Avatar>> {
    let image = row.get("image")?;
    Ok(avatar(row, "avatar")?.map(|id| Avatar { id, image }))
}
