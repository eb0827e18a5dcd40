//! One connection and everything that can be asked over it.
//!
//! [`crate::Reader`] and [`crate::Tx`] both deref to [`Queries`], so the same question has the same answer on a
//! snapshot and in the middle of a write. The questions themselves are in the module of what they ask for.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, Params, Row};

use crate::error::StoreError;
use crate::intern::Interned;
use crate::log::RecentEntries;
use crate::open::Shared;
use crate::view::Working;

/// Reads, over one connection. See the `impl` blocks in each module.
#[derive(Debug)]
pub struct Queries {
    conn: Connection,
    pub(crate) interned: RefCell<Interned>,
    pub(crate) recent: RefCell<RecentEntries>,
    pub(crate) working: RefCell<Working>,
    pub(crate) shared: Arc<Shared>,
    /// Texts or keys were erased that may still be in the write-ahead log, or behind it in the database.
    pub(crate) erased: Cell<bool>,
}

impl Queries {
    pub(crate) fn new(conn: Connection, shared: Arc<Shared>) -> Self {
        Self {
            conn,
            interned: RefCell::default(),
            recent: RefCell::default(),
            working: RefCell::default(),
            shared,
            erased: Cell::new(false),
        }
    }

    pub(crate) fn conn(&self) -> &Connection {
        &self.conn
    }

    /// Notes that what was just deleted must go from the files too: see [`crate::Writer::wipe`].
    pub(crate) fn note_erased(&self) {
        self.erased.set(true);
    }

    pub(crate) fn statement(&self, sql: &str) -> Result<CachedStatement<'_>, StoreError> {
        Ok(self.conn.prepare_cached(sql)?)
    }

    /// Runs a statement; returns how many rows it changed.
    pub(crate) fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.statement(sql)?.execute(params)?)
    }

    /// The first row, if there is one.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        rows.next()?.map(read).transpose()
    }

    /// All rows.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(read(row)?);
        }
        Ok(found)
    }

    /// One number.
    pub(crate) fn number(&self, sql: &str, params: impl Params) -> Result<i64, StoreError> {
        Ok(self.statement(sql)?.query_row(params, |row| row.get(0))?)
    }
}
