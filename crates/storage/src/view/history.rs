//! What front ends ask: windows of a conversation, and all conversations at one glance.

use nexus_log::ids::{ConversationId, Seq};
use nexus_log::ledger::ChainId;
use nexus_log::order::Position;

use super::rows::{MESSAGE, MessageRow, flag, read_message};
use crate::conversations::ConversationRow;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::unsigned;

/// Which messages of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The newest.
    Newest,
    /// The ones just before this position.
    Before(Position),
    /// The ones just after this position.
    After(Position),
}

/// A conversation at one glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationSummary {
    /// What is local about it.
    pub conversation: ConversationRow,
    /// Messages of others that are not read.
    pub unread: u64,
    /// The last message by the one order.
    pub last: Option<MessageRow>,
    /// The timer in force, in seconds.
    pub timer: Option<u64>,
}

impl Queries {
    /// At most `limit` messages of a window, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn history(
        &self,
        conversation: &ConversationId,
        window: Window,
        limit: u32,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(Vec::new()) };
        let (condition, order, bound) = match window {
            Window::Newest => ("t.position <= ?2", "DESC", [0xff; 80]),
            Window::Before(position) => ("t.position < ?2", "DESC", position.encode()),
            Window::After(position) => ("t.position > ?2", "ASC", position.encode()),
        };
        let mut rows = self.all(
            &format!(
                "{MESSAGE} JOIN timeline t ON t.message = m.id
                 WHERE t.conversation = ?1 AND {condition} ORDER BY t.position {order} LIMIT ?3"
            ),
            (id, bound, limit),
            |row| read_message(self, row),
        )?;
        if order == "DESC" {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Messages of a conversation.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn message_count(&self, conversation: &ConversationId) -> Result<u64, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(0) };
        unsigned(self.number("SELECT count(*) FROM timeline WHERE conversation = ?1", [id])?)
    }

    /// The first message by the one order that no read mark of mine covers.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn first_unread(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<MessageRow>, StoreError> {
        let Some(row) = self.conversation(conversation)? else { return Ok(None) };
        let (Some(id), Some(me)) = (self.conversation_number(conversation)?, self.me()?) else {
            return Ok(None);
        };
        if self.unread(conversation)? == 0 {
            return Ok(None);
        }
        let mut first: Option<MessageRow> = None;
        for chain in self.chains_of_topic(&row.topic)? {
            let read = self.mark_of(id, &me, &chain.log)?;
            let unread = self.first(
                &format!(
                    "{MESSAGE} WHERE e.chain = ?1 AND e.seq > ?2 AND m.conversation = ?3 AND m.flags & ?4 <> 0
                     ORDER BY e.seq LIMIT 1"
                ),
                (chain.id.0, read, id, flag::COUNTS),
                |row| read_message(self, row),
            )?;
            let earlier = |one: &MessageRow| {
                first.as_ref().is_none_or(|f| one.message.base.position < f.message.base.position)
            };
            if unread.as_ref().is_some_and(earlier) {
                first = unread;
            }
        }
        Ok(first)
    }

    /// Messages of one chain from `from` on.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn messages_of_chain(&self, chain: ChainId, from: Seq) -> Result<u64, StoreError> {
        unsigned(self.number(
            "SELECT count(*) FROM entries e JOIN messages m ON m.id = e.id WHERE e.chain = ?1 AND e.seq >= ?2",
            (chain.0, i64::try_from(from).unwrap_or(i64::MAX)),
        )?)
    }

    /// One conversation at one glance.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn summary(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<ConversationSummary>, StoreError> {
        let Some(row) = self.conversation(conversation)? else { return Ok(None) };
        Ok(Some(ConversationSummary {
            unread: self.unread(conversation)?,
            last: self.history(conversation, Window::Newest, 1)?.pop(),
            timer: self.timer_of(conversation)?.and_then(|(_, seconds)| seconds),
            conversation: row,
        }))
    }

    /// All conversations at one glance, the one with the latest message first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn summaries(&self) -> Result<Vec<ConversationSummary>, StoreError> {
        let mut all = Vec::new();
        for row in self.conversations()? {
            all.extend(self.summary(&row.conversation)?);
        }
        let place = |s: &ConversationSummary| s.last.as_ref().map(|row| row.message.base.position);
        all.sort_by_key(|s| std::cmp::Reverse(place(s)));
        Ok(all)
    }
}
