//! Forward-only schema changes. A released migration is never edited; the next one mends it.

use std::path::Path;

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

use crate::error::OpenError;

const STEPS: &[M<'static>] = &[
    M::up(concat!(
        include_str!("migrations/0001_local.sql"),
        include_str!("migrations/0001_logs.sql"),
        "PRAGMA application_id = 0x4e585553;\n"
    )),
    M::up(include_str!("migrations/0002_shares.sql")),
    M::up(include_str!("migrations/0003_bounds.sql")),
    M::up(include_str!("migrations/0004_transfers.sql")),
];

/// Schema version that this program writes.
#[expect(clippy::cast_possible_wrap, reason = "a handful")]
pub const SCHEMA_VERSION: i64 = STEPS.len() as i64;

/// Brings the schema up to date; refuses one from the future.
pub(crate) fn run(path: &Path, conn: &mut Connection) -> Result<(), OpenError> {
    up_to(path, conn, STEPS)
}

fn up_to(path: &Path, conn: &mut Connection, steps: &[M<'static>]) -> Result<(), OpenError> {
    let found: i64 = conn
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|e| OpenError::from_sqlite(path, e))?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(OpenError::NewerVersion { path: path.to_path_buf(), found, known });
    }
    if found == known {
        return Ok(());
    }
    Migrations::from_slice(steps).to_latest(conn).map_err(|error| match error {
        rusqlite_migration::Error::RusqliteError { err, .. } => OpenError::from_sqlite(path, err),
        other => OpenError::Damaged { path: path.to_path_buf(), detail: other.to_string() },
    })
}

#[cfg(test)]
mod tests;
