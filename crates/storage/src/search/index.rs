//! The index: kept in big batches behind the messages.

use super::words::spaced;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::writer::Tx;

/// Entries that may be behind the index; a commit with more brings it up to date. Searching reads through them, so this
/// bounds what that costs.
pub const MAX_INDEX_LAG: i64 = 8_192;

/// The word that stands for a conversation in the index.
pub(super) fn token(conversation: i64) -> String {
    format!("c{conversation}")
}

impl Queries {
    /// Entries that came after the last one in the index.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn index_lag(&self) -> Result<i64, StoreError> {
        let last = self.number("SELECT coalesce(max(id), 0) FROM messages", [])?;
        Ok((last - self.indexed_in_database()?).max(0))
    }

    pub(super) fn indexed_in_database(&self) -> Result<i64, StoreError> {
        self.number("SELECT indexed FROM meta", [])
    }

    /// Messages up to this number are in the index; asked once a transaction.
    fn indexed(&self) -> Result<i64, StoreError> {
        if let Some(indexed) = self.working.borrow().indexed {
            return Ok(indexed);
        }
        let indexed = self.indexed_in_database()?;
        self.working.borrow_mut().indexed = Some(indexed);
        Ok(indexed)
    }

    /// The text of a message changed: the index follows at once, if it has got there.
    pub(crate) fn index_changed(
        &self,
        id: i64,
        old: &str,
        new: &str,
        conversation: i64,
    ) -> Result<(), StoreError> {
        if old == new || id > self.indexed()? {
            return Ok(());
        }
        self.unindex(id, old, conversation)?;
        self.index(id, new, conversation)
    }

    fn index(&self, id: i64, text: &str, conversation: i64) -> Result<(), StoreError> {
        let words = spaced(text);
        if !words.is_empty() {
            self.run(
                "INSERT INTO search (rowid, text, conversation) VALUES (?1, ?2, ?3)",
                (id, words, token(conversation)),
            )?;
        }
        Ok(())
    }

    /// Takes a text out of the index: its words must be exactly those that were put in.
    fn unindex(&self, id: i64, text: &str, conversation: i64) -> Result<(), StoreError> {
        let words = spaced(text);
        if !words.is_empty() {
            self.run(
                "INSERT INTO search (search, rowid, text, conversation) VALUES ('delete', ?1, ?2, ?3)",
                (id, words, token(conversation)),
            )?;
        }
        Ok(())
    }

    /// Takes a whole conversation out of the index.
    pub(crate) fn unindex_conversation(&self, conversation: i64) -> Result<(), StoreError> {
        let others = self.number(
            "SELECT EXISTS (SELECT 1 FROM timeline WHERE conversation <> ?1)",
            [conversation],
        )?;
        if others == 0 {
            self.run("INSERT INTO search (search) VALUES ('delete-all')", [])?;
            // With an empty index everything that comes is behind it again, and goes in in big batches.
            self.run("UPDATE meta SET indexed = 0", [])?;
            self.working.borrow_mut().indexed = Some(0);
            return Ok(());
        }
        let mut statement = self.statement(
            "SELECT m.id, m.text FROM timeline t JOIN messages m ON m.id = t.message
             WHERE t.conversation = ?1 AND m.id <= ?2 AND m.text <> ''",
        )?;
        let mut rows = statement.query((conversation, self.indexed()?))?;
        while let Some(row) = rows.next()? {
            let text: String = row.get(1)?;
            self.unindex(row.get(0)?, &text, conversation)?;
        }
        Ok(())
    }

    /// Brings the index up to date when it has fallen behind too far; before a commit.
    pub(crate) fn index_if_behind(&self) -> Result<(), StoreError> {
        if self.index_lag()? > MAX_INDEX_LAG {
            self.index_some(i64::MAX)?;
        }
        Ok(())
    }

    /// Indexes the next messages; whether there are more.
    fn index_some(&self, limit: i64) -> Result<bool, StoreError> {
        let from = self.indexed_in_database()?;
        let mut statement = self.statement(
            "SELECT id, text, conversation FROM messages WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let mut rows = statement.query((from, limit))?;
        let mut last = None;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let id: i64 = row.get(0)?;
            let text = row.get_ref(1)?.as_str().map_err(|_| StoreError::damaged("a text"))?;
            self.index(id, text, row.get(2)?)?;
            last = Some(id);
            count += 1;
        }
        if let Some(last) = last {
            self.run("UPDATE meta SET indexed = ?1", [last])?;
            self.working.borrow_mut().indexed = Some(last);
        }
        Ok(count == limit)
    }
}

impl Tx<'_> {
    /// Brings at most `limit` more messages into the search index. Returns whether there are more. For quiet moments:
    /// search finds them before as well, only slower.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn index_messages(&mut self, limit: u32) -> Result<bool, StoreError> {
        self.index_some(i64::from(limit))
    }
}
