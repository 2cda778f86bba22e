//! Reading rows that somebody or something has damaged: what can be read of them is, and the rest does not take
//! others with it.
//!
//! Who may do what never follows from damage: an unknown role is the least, an unknown visibility the narrowest.
//! Secrets and keys are not mended here: without them the way is closed.

use protocol::{AvatarId, Role, Visibility};
use vault::rusqlite::types::ValueRef;
use vault::rusqlite::{self, Result, Row, RowIndex};

use super::described;

/// Rows of an answer, those that can't be read passed over.
pub(crate) trait Kept<T> {
    /// All that can be read. The log says what kind of row was passed over, never what was in it.
    fn kept(self) -> Result<Vec<T>>;
}

impl<T, I: Iterator<Item = Result<T>>> Kept<T> for I {
    fn kept(self) -> Result<Vec<T>> {
        let mut kept = Vec::new();
        for row in self {
            match row {
                Ok(row) => kept.push(row),
                Err(error) if is_damage(&error) => {
                    let kind = std::any::type_name::<T>();
                    tracing::warn!(kind, error = %described(&error), "a damaged row was passed over; run doctor");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }
}

/// What could be read; nothing where the row is damaged.
pub(crate) fn undamaged<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if is_damage(&error) => {
            tracing::warn!(error = %described(&error), "a damaged row was passed over; run doctor");
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Whether a row was read that does not hold what it should.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) | E::IntegralValueOutOfRange(..)
    )
}

/// A text for people. What in it is no UTF-8 is replaced.
pub(crate) fn text<I: RowIndex + Copy>(row: &Row<'_>, column: I) -> Result<String> {
    match row.get_ref(column)? {
        ValueRef::Text(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
        _ => row.get(column),
    }
}

/// What an account is. What is not known gives no rights.
pub(crate) fn role(row: &Row<'_>, column: &str) -> Result<Role> {
    Ok(match text(row, column)?.as_str() {
        "owner" => Role::Owner,
        "admin" => Role::Admin,
        "member" => Role::Member,
        _ => Role::Guest,
    })
}

/// Which picture somebody shows. What is no name of one is none.
pub(crate) fn avatar(row: &Row<'_>, column: &str) -> Result<Option<AvatarId>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Blob(bytes) => bytes.try_into().ok().map(AvatarId::from_digest),
        _ => None,
    })
}

/// Who can find a room. What is not known is nobody outside.
pub(crate) fn visibility(row: &Row<'_>, column: &str) -> Result<Visibility> {
    Ok(match text(row, column)?.as_str() {
        "public" => Visibility::Public,
        "direct" => Visibility::Direct,
        _ => Visibility::Private,
    })
}
