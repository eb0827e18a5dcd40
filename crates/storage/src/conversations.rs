//! Conversations: what is local about them (title, quiet, draft) beside what the log says.

use nexus_identity::id::{ConnectId, Millis};
use rusqlite::Row;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, MaybeBytes, bounded, millis, to_moment};
use crate::writer::Tx;
use nexus_log::ids::{ConversationId, Topic};

/// Longest title, in bytes.
pub const MAX_TITLE_BYTES: usize = 256;
/// Longest draft, in bytes.
pub const MAX_DRAFT_BYTES: usize = 64 * 1024;

/// A conversation as it is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationRow {
    /// Its id.
    pub conversation: ConversationId,
    /// What kind it is, in the log's own numbers.
    pub kind: u8,
    /// Its topic.
    pub topic: Topic,
    /// The other side, of a direct one.
    pub peer: Option<ConnectId>,
    /// A title given here; empty when there is none.
    pub title: String,
    /// Quiet until then; `Millis(u64::MAX)` and anything beyond the store's range is for ever.
    pub muted_until: Option<Millis>,
    /// What I was writing.
    pub draft: String,
    /// Whether it is synchronized.
    pub wanted: bool,
}

fn read(row: &Row<'_>) -> Result<ConversationRow, StoreError> {
    Ok(ConversationRow {
        conversation: ConversationId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        kind: row.get(1)?,
        topic: Topic::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
        peer: row.get::<_, MaybeBytes<32>>(3)?.connect_id(),
        title: row.get(4)?,
        muted_until: to_moment(row.get(5)?).map(forever),
        draft: row.get(6)?,
        wanted: row.get(7)?,
    })
}

/// The last moment of the store is the last moment of all.
fn forever(time: Millis) -> Millis {
    if millis(time) == i64::MAX { Millis(u64::MAX) } else { time }
}

const COLUMNS: &str =
    "SELECT conversation, kind, topic, peer, title, muted_until, draft, wanted FROM conversations";

impl Queries {
    /// One conversation.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn conversation(&self, id: &ConversationId) -> Result<Option<ConversationRow>, StoreError> {
        self.first(&format!("{COLUMNS} WHERE conversation = ?1"), [id.as_bytes()], read)
    }

    /// The conversation of a topic.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn conversation_of_topic(
        &self,
        topic: &Topic,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.first(&format!("{COLUMNS} WHERE topic = ?1"), [topic.as_bytes()], read)
    }

    /// The direct conversation with somebody.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn conversation_with(
        &self,
        peer: &ConnectId,
    ) -> Result<Option<ConversationRow>, StoreError> {
        self.first(
            &format!("{COLUMNS} WHERE peer = ?1 ORDER BY id LIMIT 1"),
            [peer.as_bytes()],
            read,
        )
    }

    /// All conversations, in the order they came.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn conversations(&self) -> Result<Vec<ConversationRow>, StoreError> {
        self.all(&format!("{COLUMNS} ORDER BY id"), [], read)
    }

    /// Row number of a conversation.
    pub(crate) fn conversation_number(
        &self,
        id: &ConversationId,
    ) -> Result<Option<i64>, StoreError> {
        self.interned("SELECT id FROM conversations WHERE conversation = ?1", id.as_bytes())
    }
}

impl Tx<'_> {
    /// Makes a conversation known; what is local about one that is known already stays.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn add_conversation(
        &mut self,
        id: &ConversationId,
        kind: u8,
        topic: &Topic,
        peer: Option<&ConnectId>,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO conversations (conversation, kind, topic, peer) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (conversation) DO NOTHING",
            (id.as_bytes(), kind, topic.as_bytes(), peer.map_or(&[][..], |p| p.as_bytes())),
        )?;
        self.run(
            "INSERT OR IGNORE INTO conversation_state (conversation)
             SELECT id FROM conversations WHERE conversation = ?1",
            [id.as_bytes()],
        )?;
        Ok(())
    }

    /// Gives a title; empty takes it back.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], [`StoreError::Missing`], or when the store can't be written.
    pub fn set_title(&mut self, id: &ConversationId, title: &str) -> Result<(), StoreError> {
        bounded("a title", title.len(), MAX_TITLE_BYTES)?;
        self.change(id, "UPDATE conversations SET title = ?2 WHERE conversation = ?1", title)
    }

    /// Quiet until then; `None` ends it, `Millis(u64::MAX)` is for ever.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or when the store can't be written.
    pub fn set_muted(
        &mut self,
        id: &ConversationId,
        until: Option<Millis>,
    ) -> Result<(), StoreError> {
        let until = until.map_or(0, millis);
        self.change(id, "UPDATE conversations SET muted_until = ?2 WHERE conversation = ?1", until)
    }

    /// Keeps what I was writing; empty clears it.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], [`StoreError::Missing`], or when the store can't be written.
    pub fn set_draft(&mut self, id: &ConversationId, draft: &str) -> Result<(), StoreError> {
        bounded("a draft", draft.len(), MAX_DRAFT_BYTES)?;
        self.change(id, "UPDATE conversations SET draft = ?2 WHERE conversation = ?1", draft)
    }

    /// Whether the conversation is synchronized from now on.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or when the store can't be written.
    pub fn set_wanted(&mut self, id: &ConversationId, wanted: bool) -> Result<(), StoreError> {
        self.change(id, "UPDATE conversations SET wanted = ?2 WHERE conversation = ?1", wanted)
    }

    fn change(
        &mut self,
        id: &ConversationId,
        sql: &str,
        value: impl rusqlite::ToSql,
    ) -> Result<(), StoreError> {
        match self.run(sql, (id.as_bytes(), value))? {
            0 => Err(StoreError::Missing { what: "conversation" }),
            _ => Ok(()),
        }
    }
}
