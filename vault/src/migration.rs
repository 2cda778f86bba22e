//! Numbered steps from an older schema to the known one.
//!
//! Each step is one transaction together with its number, so a process killed inside it leaves the old
//! schema or the new, never something between. A shipped step never changes. Going back is refused.

use rusqlite::Connection;

/// The steps that make up a schema, oldest first. `PRAGMA user_version` counts those already taken.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    /// All steps ever shipped, in order. Append only.
    pub migrations: &'static [Migration],
}

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// What it brings, for error messages.
    pub name: &'static str,
    /// Statements, without `BEGIN` and `COMMIT`. Foreign keys are checked at its end, not during it.
    pub sql: &'static str,
}

#[derive(Debug)]
pub(crate) enum MigrationFailure {
    Newer { found: u32, known: u32 },
    Step { name: &'static str, source: rusqlite::Error },
    Storage(rusqlite::Error),
}

impl Schema {
    pub(crate) fn version(&self) -> u32 {
        u32::try_from(self.migrations.len()).expect("a schema has few steps")
    }
}

/// The number of steps taken, or a refusal if the file knows more steps than `schema`.
pub(crate) fn taken(conn: &Connection, schema: &Schema) -> Result<u32, MigrationFailure> {
    let found: i64 =
        conn.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(MigrationFailure::Storage)?;
    let known = schema.version();
    match u32::try_from(found) {
        Ok(found) if found <= known => Ok(found),
        other => Err(MigrationFailure::Newer { found: other.unwrap_or(u32::MAX), known }),
    }
}

/// Takes the steps that are missing.
pub(crate) fn migrate(conn: &Connection, schema: &Schema) -> Result<(), MigrationFailure> {
    let taken = taken(conn, schema)?;
    // A step may rebuild a table others refer to; the check comes before its commit.
    conn.execute_batch("PRAGMA foreign_keys = OFF").map_err(MigrationFailure::Storage)?;
    for (number, migration) in (1..).zip(schema.migrations).skip(taken as usize) {
        let stepped = step(conn, number, migration.sql);
        if let Err(source) = stepped {
            if !conn.is_autocommit() {
                // The step's own error says more than that of its undoing.
                let _ = conn.execute_batch("ROLLBACK");
            }
            return Err(MigrationFailure::Step { name: migration.name, source });
        }
    }
    conn.execute_batch("PRAGMA foreign_keys = ON").map_err(MigrationFailure::Storage)
}

fn step(conn: &Connection, number: u32, sql: &str) -> rusqlite::Result<()> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    conn.execute_batch(sql)?;
    let orphan = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if orphan || conn.is_autocommit() {
        return Err(rusqlite::Error::InvalidQuery);
    }
    conn.execute_batch(&format!("PRAGMA user_version = {number}; COMMIT"))
}
