//! The index: kept in big batches behind the messages, and searched together with what is not in it yet.

use nexus_log::ids::ConversationId;

use super::query::Query;
use super::words::spaced;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::view::{MESSAGE, MessageRow, read_message};
use crate::writer::Tx;

/// Entries that may be behind the index; a commit with more brings it up to date. Searching reads through them, so this
/// bounds what that costs.
pub const MAX_INDEX_LAG: i64 = 8_192;
/// Latest messages that are read through for the beginning of a word, before the index is asked: it puts together all
/// messages with any such word before it gives the first one, which takes long just when the latest few hold enough.
const READ_FIRST: i64 = 2_048;
/// Characters of a snippet around the word found.
const SNIPPET: usize = 80;

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The message.
    pub row: MessageRow,
    /// The text around the first word found, as sent.
    pub snippet: String,
}

/// The word that stands for a conversation in the index.
fn token(conversation: i64) -> String {
    format!("c{conversation}")
}

impl Queries {
    /// Messages with all words of `text`, the latest arrived first, at most `limit`; those that arrived before `before`
    /// if given (for the next page). Words from 3 letters also find longer ones. Nothing in `text` is syntax.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn search(
        &self,
        text: &str,
        conversation: Option<&ConversationId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Hit>, StoreError> {
        let query = Query::parse(text);
        let filter = match conversation {
            None => None,
            Some(id) => match self.conversation_number(id)? {
                None => return Ok(Vec::new()),
                some => some,
            },
        };
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let before = before.unwrap_or(i64::MAX);
        let mut after = self.indexed_in_database()?;
        if query.gathers() {
            after = after.min(before).saturating_sub(READ_FIRST).max(0);
        }
        let mut numbers = self.read_through(&query, filter, after, before, limit)?;
        let left = limit.saturating_sub(u32::try_from(numbers.len()).unwrap_or(limit));
        if left > 0 {
            let before = before.min(after.saturating_add(1));
            let fts = query.fts(filter.map(token).as_deref());
            numbers.extend(self.all(
                "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3",
                (fts, before, left),
                |row| Ok(row.get::<_, i64>(0)?),
            )?);
        }
        numbers.into_iter().filter_map(|id| self.hit(id, &query).transpose()).collect()
    }

    fn hit(&self, id: i64, query: &Query) -> Result<Option<Hit>, StoreError> {
        let row =
            self.first(&format!("{MESSAGE} WHERE m.id = ?1"), [id], |row| read_message(self, row))?;
        Ok(row.map(|row| Hit { snippet: query.snippet(&row.message.state.text, SNIPPET), row }))
    }

    /// Reads through the messages after one number and before another.
    fn read_through(
        &self,
        query: &Query,
        conversation: Option<i64>,
        after: i64,
        before: i64,
        limit: u32,
    ) -> Result<Vec<i64>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut statement = self.statement(
            "SELECT id, text FROM messages WHERE id > ?1 AND id < ?2 AND text <> ''
             AND (?3 IS NULL OR conversation = ?3) ORDER BY id DESC",
        )?;
        let mut rows = statement.query((after, before, conversation))?;
        let mut found = Vec::new();
        while found.len() < limit {
            let Some(row) = rows.next()? else { break };
            let text = row.get_ref(1)?.as_str().map_err(|_| StoreError::damaged("a text"))?;
            if query.matches(text) {
                found.push(row.get(0)?);
            }
        }
        Ok(found)
    }

    /// Entries that came after the last one in the index.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn index_lag(&self) -> Result<i64, StoreError> {
        let last = self.number("SELECT coalesce(max(id), 0) FROM messages", [])?;
        Ok((last - self.indexed_in_database()?).max(0))
    }

    fn indexed_in_database(&self) -> Result<i64, StoreError> {
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
