//! Read marks and unread counts.

use nexus_identity::id::ConnectId;
use nexus_log::ids::{ConversationId, EntryHash, EntryRef, LogKey};

use super::rows::flag;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, unsigned};

/// How far somebody has read a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadMark {
    /// Who.
    pub reader: ConnectId,
    /// The last entry read, with what is before it.
    pub mark: EntryRef,
}

impl Queries {
    /// Read marks in a conversation, by reader and log.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn read_marks(&self, conversation: &ConversationId) -> Result<Vec<ReadMark>, StoreError> {
        self.all(
            "SELECT p.connect_id, r.log, r.seq, r.hash FROM read_marks r
             JOIN conversations c ON c.id = r.conversation JOIN people p ON p.id = r.reader
             WHERE c.conversation = ?1 ORDER BY p.connect_id, r.log",
            [conversation.as_bytes()],
            |row| {
                Ok(ReadMark {
                    reader: ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    mark: EntryRef {
                        log: LogKey::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
                        seq: unsigned(row.get(2)?)?,
                        hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(3)?.0),
                    },
                })
            },
        )
    }

    /// Messages of others that no read mark of mine covers.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn unread(&self, conversation: &ConversationId) -> Result<u64, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(0) };
        let stored =
            self.number("SELECT unread FROM conversation_state WHERE conversation = ?1", [id])?;
        Ok(u64::try_from(stored + self.unread_change(id)).unwrap_or(0))
    }

    pub(super) fn mark_of(
        &self,
        conversation: i64,
        reader: &ConnectId,
        log: &LogKey,
    ) -> Result<i64, StoreError> {
        let mark = self.first(
            "SELECT r.seq FROM read_marks r JOIN people p ON p.id = r.reader
             WHERE r.conversation = ?1 AND p.connect_id = ?2 AND r.log = ?3",
            (conversation, reader.as_bytes(), log.as_bytes()),
            |row| Ok(row.get::<_, i64>(0)?),
        )?;
        Ok(mark.unwrap_or(-1))
    }

    pub(crate) fn raise_mark(
        &self,
        conversation: &ConversationId,
        reader: &ConnectId,
        mark: &EntryRef,
    ) -> Result<bool, StoreError> {
        let id = self.known_conversation(conversation)?;
        // No entry is there, and whoever names one must not be able to fail the run that says so.
        let Ok(to) = i64::try_from(mark.seq) else { return Ok(false) };
        let before = self.mark_of(id, reader, &mark.log)?;
        if before >= to {
            return Ok(false);
        }
        let person = self.person(reader)?;
        self.run(
            "INSERT OR REPLACE INTO read_marks (conversation, reader, log, seq, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
            (id, person, mark.log.as_bytes(), to, mark.hash.as_bytes()),
        )?;
        if self.me()? == Some(*reader) {
            let read = self.number(
                "SELECT count(*) FROM chains c CROSS JOIN entries e CROSS JOIN messages m
                 WHERE c.log = ?2 AND e.chain = c.id AND e.seq > ?3 AND e.seq <= ?4
                   AND m.id = e.id AND m.conversation = ?1 AND m.flags & ?5 <> 0",
                (id, mark.log.as_bytes(), before, to, flag::COUNTS),
            )?;
            self.add_unread(id, -read);
            self.set_my_mark(id, &mark.log, to);
        }
        Ok(true)
    }

    /// Counts anew, from messages and marks.
    pub(crate) fn recount_unread(&self, conversation: i64) -> Result<(), StoreError> {
        self.flush_working()?;
        let me = self.me()?.map_or([0; 32], |me| *me.as_bytes());
        self.run(
            "UPDATE conversation_state SET unread = (
                 SELECT count(*) FROM messages m JOIN entries e ON e.id = m.id JOIN chains c ON c.id = e.chain
                 WHERE m.conversation = ?1 AND m.flags & ?3 <> 0
                   AND e.seq > coalesce((SELECT r.seq FROM read_marks r JOIN people p ON p.id = r.reader
                       WHERE r.conversation = ?1 AND p.connect_id = ?2 AND r.log = c.log), -1))
             WHERE conversation = ?1",
            (conversation, me, flag::COUNTS),
        )?;
        Ok(())
    }
}
