//! Finding: what is not in the index yet is read through, then the index is asked.

use nexus_log::ids::ConversationId;

use super::index::token;
use super::query::{Query, Whole};
use crate::error::StoreError;
use crate::queries::Queries;
use crate::view::{MESSAGE, MessageRow, read_message};

/// Messages looked at that have the first letters of what is looked for, before the index has to gather all that have it.
/// Reading them takes a tenth of the time in which it gathers a word that is in each of a million messages.
const CANDIDATES: u32 = 2_048;
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

/// Numbers of messages, the latest first.
struct Search<'a> {
    queries: &'a Queries,
    query: Query,
    conversation: Option<i64>,
    /// Those that arrived before are still to be looked at.
    before: i64,
    limit: usize,
    found: Vec<i64>,
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
        let conversation = match conversation {
            None => None,
            Some(id) => match self.conversation_number(id)? {
                None => return Ok(Vec::new()),
                some => some,
            },
        };
        if query.is_empty() {
            return Ok(Vec::new());
        }
        let mut search = Search {
            queries: self,
            query,
            conversation,
            before: before.unwrap_or(i64::MAX),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            found: Vec::new(),
        };
        search.read_through()?;
        search.ask()?;
        let Search { found, query, .. } = search;
        found.into_iter().filter_map(|id| self.hit(id, &query).transpose()).collect()
    }

    fn hit(&self, id: i64, query: &Query) -> Result<Option<Hit>, StoreError> {
        let row =
            self.first(&format!("{MESSAGE} WHERE m.id = ?1"), [id], |row| read_message(self, row))?;
        Ok(row.map(|row| Hit { snippet: query.snippet(&row.message.state.text, SNIPPET), row }))
    }
}

impl Search<'_> {
    fn left(&self) -> usize {
        self.limit.saturating_sub(self.found.len())
    }

    /// Looks at the messages that are not in the index.
    fn read_through(&mut self) -> Result<(), StoreError> {
        let after = self.queries.indexed_in_database()?;
        let mut statement = self.queries.statement(
            "SELECT id, text FROM messages WHERE id > ?1 AND id < ?2 AND text <> ''
             AND (?3 IS NULL OR conversation = ?3) ORDER BY id DESC",
        )?;
        let mut rows = statement.query((after, self.before, self.conversation))?;
        while self.left() > 0 {
            let Some(row) = rows.next()? else { break };
            let text = row.get_ref(1)?.as_str().map_err(|_| StoreError::damaged("a text"))?;
            if self.query.matches(text) {
                self.found.push(row.get(0)?);
            }
        }
        self.before = self.before.min(after.saturating_add(1));
        Ok(())
    }

    /// Asks the index, at first for what it need not gather. Each step goes on where the one before gave up.
    fn ask(&mut self) -> Result<(), StoreError> {
        let mut lacking: Vec<(usize, u32)> = self.query.gathered().map(|i| (i, 0)).collect();
        if !lacking.is_empty() && self.sift(&Whole::None, &mut lacking)? {
            return Ok(());
        }
        // What most candidates lacked is likely to be rare, and quickly gathered.
        let rarest = lacking.iter().max_by_key(|(_, lacking)| *lacking).map(|(i, _)| *i);
        if let Some(rarest) = rarest.filter(|_| lacking.len() > 1)
            && self.sift(&Whole::One(rarest), &mut lacking)?
        {
            return Ok(());
        }
        self.gather()
    }

    /// Looks at the texts of what the index gives for a query that finds too much. Returns whether that was all that is
    /// needed; counts who lacks what.
    fn sift(&mut self, whole: &Whole, lacking: &mut [(usize, u32)]) -> Result<bool, StoreError> {
        let mut statement = self.queries.statement(
            "SELECT s.rowid, m.text FROM search s CROSS JOIN messages m ON m.id = s.rowid
             WHERE s.search MATCH ?1 AND s.rowid < ?2 ORDER BY s.rowid DESC LIMIT ?3",
        )?;
        let mut rows = statement.query((self.fts(whole), self.before, CANDIDATES))?;
        let mut seen = 0;
        while self.left() > 0 {
            let Some(row) = rows.next()? else { return Ok(seen < CANDIDATES) };
            seen += 1;
            self.before = row.get(0)?;
            let text = row.get_ref(1)?.as_str().map_err(|_| StoreError::damaged("a text"))?;
            if self.query.matches(text) {
                self.found.push(self.before);
            } else {
                for (term, count) in &mut *lacking {
                    *count += u32::from(self.query.lacks(*term, text));
                }
            }
        }
        Ok(true)
    }

    /// Asks the index for all there is in the query.
    fn gather(&mut self) -> Result<(), StoreError> {
        let left = i64::try_from(self.left()).unwrap_or(i64::MAX);
        if left > 0 {
            self.found.extend(self.queries.all(
                "SELECT rowid FROM search WHERE search MATCH ?1 AND rowid < ?2 ORDER BY rowid DESC LIMIT ?3",
                (self.fts(&Whole::All), self.before, left),
                |row| Ok(row.get::<_, i64>(0)?),
            )?);
        }
        Ok(())
    }

    fn fts(&self, whole: &Whole) -> String {
        self.query.fts(self.conversation.map(token).as_deref(), whole)
    }
}
