//! Rows that do not hold what they should, found by looking at every one: for the operator, by table, never what is in
//! them. Reading passes over them or makes the best of them (`kept`); this only counts.

use std::collections::BTreeMap;

use protocol::Change;
use vault::rusqlite::types::ValueRef;
use vault::rusqlite::{Connection, Result, Row};

/// How many rows of which tables can not be read as they should be.
pub(crate) fn find(conn: &Connection) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    let names = conn
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%STRICT%' ORDER BY name")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>>>()?;
    for name in names {
        // Names come from our own schema.
        let mut statement = conn.prepare(&format!("SELECT * FROM \"{name}\""))?;
        let columns = statement.column_names().map(str::to_owned).collect::<Vec<_>>();
        let mut rows = statement.query([])?;
        let mut damaged = 0;
        while let Some(row) = rows.next()? {
            damaged += u64::from(is_damaged(row, &columns)?);
        }
        count(&mut found, &name, damaged);
    }
    let mut checked = conn.prepare("PRAGMA quick_check")?;
    let mut verdicts = checked.query([])?;
    while let Some(verdict) = verdicts.next()? {
        let verdict: String = verdict.get(0)?;
        let table = verdict.rsplit_once(" in ").map(|(_, place)| place.split('.').next().unwrap_or(place));
        if let Some(table) = table.filter(|_| verdict.contains("CHECK") || verdict.contains(" value in ")) {
            count(&mut found, table, 1);
        }
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
