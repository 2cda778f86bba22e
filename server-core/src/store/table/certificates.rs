//! What an authority has given: the account with it, and the newest certificate for a list of names.

use protocol::UnixMillis;
use vault::rusqlite::{Connection, OptionalExtension, Result, params};
use zeroize::Zeroizing;

pub(crate) const SCHEMA: &str = "
-- The host's account with an authority that gives certificates (RFC 8555).
CREATE TABLE authority_accounts (
    -- The address of its directory.
    directory TEXT NOT NULL PRIMARY KEY,
    -- The account's address and private key, as JSON.
    credentials TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest certificate of an authority for a list of names.
CREATE TABLE certificates (
    directory TEXT NOT NULL,
    -- In their order, between spaces.
    names TEXT NOT NULL,
    -- PEM, from the host's certificate on.
    chain TEXT NOT NULL,
    -- PEM.
    private_key TEXT NOT NULL,
    obtained_at INTEGER NOT NULL,
    PRIMARY KEY (directory, names)
) STRICT, WITHOUT ROWID;
";

/// A certificate as stored.
#[derive(Clone)]
pub(crate) struct Row {
    /// PEM.
    pub(crate) chain: String,
    /// PEM.
    pub(crate) private_key: Zeroizing<String>,
}

pub(crate) fn account(conn: &Connection, directory: &str) -> Result<Option<Zeroizing<String>>> {
    conn.prepare_cached("SELECT credentials FROM authority_accounts WHERE directory = ?")?
        .query_row([directory], |row| Ok(Zeroizing::new(row.get(0)?)))
        .optional()
}

pub(crate) fn set_account(
    conn: &Connection,
    directory: &str,
    credentials: &str,
    now: UnixMillis,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO authority_accounts (directory, credentials, created_at) VALUES (?, ?, ?)",
    )?
    .execute(params![directory, credentials, now.0])?;
    Ok(())
}

pub(crate) fn forget_account(conn: &Connection, directory: &str) -> Result<()> {
    conn.prepare_cached("DELETE FROM authority_accounts WHERE directory = ?")?.execute([directory])?;
    Ok(())
}

pub(crate) fn read(conn: &Connection, directory: &str, names: &[String]) -> Result<Option<Row>> {
    conn.prepare_cached("SELECT chain, private_key FROM certificates WHERE directory = ? AND names = ?")?
        .query_row(params![directory, names.join(" ")], |row| {
            Ok(Row { chain: row.get("chain")?, private_key: Zeroizing::new(row.get("private_key")?) })
        })
        .optional()
}

pub(crate) fn set(
    conn: &Connection,
    (directory, names): (&str, &[String]),
    row: &Row,
    now: UnixMillis,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO certificates (directory, names, chain, private_key, obtained_at)
         VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![directory, names.join(" "), row.chain, row.private_key.as_str(), now.0])?;
    Ok(())
}
