//! Rows that do not hold what they should, found by looking at every one: for the operator, by table, never what is in
//! them. Reading passes over them or makes the best of them (`kept`); this only counts.

use std::collections::BTreeMap;

use protocol::Change;
use vault::rusqlite::types::ValueRef;
use vault::rusqlite::{Connection, Result, Row};

use crate::store::whole;

/// How many rows of which tables can not be read as they should be.
pub(crate) fn find(conn: &Connection) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let tables = conn
        .prepare(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%' ORDER BY name",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(String, String)>>>()?;
    for (name, schema) in tables {
        // Names and rules come from our own schema.
        let mut statement = conn.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let columns = statement.column_names().map(str::to_owned).collect::<Vec<_>>();
        let mut rows = statement.query([])?;
        let mut damaged = 0;
        while let Some(row) = rows.next()? {
            damaged += u64::from(is_damaged(row, &columns)?);
        }
        for rule in rules(&schema) {
            let broken = format!("SELECT count(*) FROM \"{name}\" WHERE NOT ({rule})");
            damaged += conn.query_row(&broken, [], |row| Ok(whole(row.get(0)?)))?;
        }
        count(&mut found, &name, damaged);
    }
    let mut dangling = conn.prepare("PRAGMA foreign_key_check")?;
    let mut rows = dangling.query([])?;
    while let Some(row) = rows.next()? {
        count(&mut found, &row.get::<_, String>(0)?, 1);
    }
    Ok(found)
}

fn count(found: &mut BTreeMap<String, u64>, table: &str, damaged: u64) {
    if damaged > 0 {
        *found.entry(table.to_owned()).or_default() += damaged;
    }
}

/// What the rows of a table must fulfil: what stands behind each `CHECK` of its schema.
fn rules(schema: &str) -> impl Iterator<Item = &str> {
    schema.split("CHECK (").skip(1).filter_map(|rest| {
        let mut depth = 1;
        let end = rest.find(|letter| {
            depth += match letter {
                '(' => 1,
                ')' => -1,
                _ => 0,
            };
            depth == 0
        });
        rest.get(..end?)
    })
}

/// Whether a text is no UTF-8, or a change none that this host knows.
fn is_damaged(row: &Row<'_>, columns: &[String]) -> Result<bool> {
    for (index, column) in columns.iter().enumerate() {
        let ValueRef::Text(bytes) = row.get_ref(index)? else { continue };
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(true) };
        if column == "change"
            && !serde_json::from_str(text).is_ok_and(|change: Change| change != Change::Unknown)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
