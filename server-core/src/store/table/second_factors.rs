//! Second factors: an authenticator's secret, how far its codes were used, and the hashes of recovery codes. Apart from
//! the members so that no list can carry one.

use protocol::{MemberId, UnixMillis};
use vault::rusqlite::{Connection, OptionalExtension, Result, params};

use crate::second_factor::{Code, SECRET_BYTES, step_of};
use crate::store::whole;

pub(crate) const SCHEMA: &str = "
-- Second factors: what codes of an authenticator are made of (TOTP).
CREATE TABLE second_factors (
    member BLOB NOT NULL PRIMARY KEY REFERENCES members (id),
    secret BLOB NOT NULL CHECK (length(secret) = 20),
    -- Since when a code is asked for; null while no code has shown that the authenticator has the secret.
    since INTEGER,
    -- The newest step whose code was taken: none is taken twice.
    step INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What stands in for an authenticator, each once. SHA-256: 80 random bits need no slow hash.
CREATE TABLE recovery_codes (
    member BLOB NOT NULL REFERENCES members (id),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (member, hash)
) STRICT, WITHOUT ROWID;
";

/// Keeps a secret of which it is not yet known whether an authenticator has it.
pub(crate) fn begin(conn: &Connection, member: MemberId, secret: [u8; SECRET_BYTES]) -> Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO second_factors (member, secret) VALUES (?, ?)")?
        .execute(params![member.0.as_bytes(), secret])?;
    Ok(())
}

/// Whether a code is asked for beside the password of `member`.
pub(crate) fn is_on(conn: &Connection, member: MemberId) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM second_factors WHERE member = ? AND since IS NOT NULL")?
        .exists([member.0.as_bytes()])
}

/// Whether there is a secret that waits for its first code.
pub(crate) fn is_pending(conn: &Connection, member: MemberId) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM second_factors WHERE member = ? AND since IS NULL")?
        .exists([member.0.as_bytes()])
}

/// From now on a code is asked for.
pub(crate) fn confirm(conn: &Connection, member: MemberId, now: UnixMillis) -> Result<()> {
    conn.prepare_cached("UPDATE second_factors SET since = ? WHERE member = ?")?
        .execute(params![now.0, member.0.as_bytes()])?;
    Ok(())
}

/// Uses a code up. Says whether it was one.
pub(crate) fn take(conn: &Connection, member: MemberId, code: Code, now: UnixMillis) -> Result<bool> {
    match code {
        Code::Recovery(hash) => {
            let taken = conn
                .prepare_cached("DELETE FROM recovery_codes WHERE member = ? AND hash = ?")?
                .execute(params![member.0.as_bytes(), hash])?;
            Ok(taken > 0)
        }
        Code::Shown(digits) => {
            let held = conn
                .prepare_cached("SELECT secret, step FROM second_factors WHERE member = ?")?
                .query_row([member.0.as_bytes()], |row| Ok((row.get("secret")?, whole(row.get("step")?))))
                .optional()?;
            let Some((secret, last)) = held else { return Ok(false) };
            let Some(step) = step_of(secret, digits, now).filter(|step| *step > last) else {
                return Ok(false);
            };
            conn.prepare_cached("UPDATE second_factors SET step = ? WHERE member = ?")?
                .execute(params![i64::try_from(step).unwrap_or(i64::MAX), member.0.as_bytes()])?;
            Ok(true)
        }
    }
}

/// Puts these in the place of all recovery codes.
pub(crate) fn set_recovery_codes(conn: &Connection, member: MemberId, hashes: &[[u8; 32]]) -> Result<()> {
    conn.prepare_cached("DELETE FROM recovery_codes WHERE member = ?")?.execute([member.0.as_bytes()])?;
    let mut insert = conn.prepare_cached("INSERT INTO recovery_codes (member, hash) VALUES (?, ?)")?;
    for hash in hashes {
        insert.execute(params![member.0.as_bytes(), hash])?;
    }
    Ok(())
}

/// How many recovery codes are left.
pub(crate) fn count_recovery_codes(conn: &Connection, member: MemberId) -> Result<u32> {
    conn.prepare_cached("SELECT count(*) FROM recovery_codes WHERE member = ?")?
        .query_row([member.0.as_bytes()], |row| row.get(0))
}

/// Takes all of it away. Says whether a code was asked for.
pub(crate) fn remove(conn: &Connection, member: MemberId) -> Result<bool> {
    let was_on = is_on(conn, member)?;
    for sql in ["DELETE FROM recovery_codes WHERE member = ?", "DELETE FROM second_factors WHERE member = ?"]
    {
        conn.prepare_cached(sql)?.execute([member.0.as_bytes()])?;
    }
    Ok(was_on)
}
