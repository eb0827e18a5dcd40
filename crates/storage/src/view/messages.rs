//! Messages: added, replaced, removed, with everything that hangs on them.

use nexus_identity::id::ConnectId;
use nexus_log::fold::{Message, Shown};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, LogKey, Seq};
use nexus_log::order::Position;

use super::rows::{MESSAGE, MessageRow, flag, read_message, shown_columns};
use crate::error::StoreError;
use crate::log::limit_column;
use crate::queries::Queries;
use crate::sql::{Bytes, from_ordered, millis, ordered, unsigned};

/// What has to be known of a message before it is replaced or removed.
struct Old {
    id: i64,
    hlc: u64,
    flags: i64,
    text: String,
    log: LogKey,
    seq: Seq,
}

impl Queries {
    /// The message with this hash, in whatever conversation.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn message_by_hash(&self, hash: &EntryHash) -> Result<Option<MessageRow>, StoreError> {
        let Some(found) = self.find_entry(hash)? else { return Ok(None) };
        self.first(&format!("{MESSAGE} WHERE m.id = ?1"), [found.id], |row| read_message(self, row))
    }

    pub(crate) fn known_conversation(&self, id: &ConversationId) -> Result<i64, StoreError> {
        self.conversation_number(id)?.ok_or(StoreError::Missing { what: "conversation" })
    }

    /// Number of a person, given one if need be.
    pub(crate) fn person(&self, who: &ConnectId) -> Result<i64, StoreError> {
        const SELECT: &str = "SELECT id FROM people WHERE connect_id = ?1";
        if let Some(id) = self.interned(SELECT, who.as_bytes())? {
            return Ok(id);
        }
        self.run("INSERT INTO people (connect_id) VALUES (?1)", [who.as_bytes()])?;
        Ok(self.conn().last_insert_rowid())
    }

    pub(crate) fn add_message(
        &self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), StoreError> {
        let conversation = self.known_conversation(conversation)?;
        let position = &message.base.position;
        let id = self.entry_number(&position.hash)?;
        let flags = self.write_message(
            "INSERT INTO messages (id, conversation, author, hlc, sent, shown, number, flags, expires, reply,
                 first_text, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            id,
            conversation,
            message,
        )?;
        self.place(conversation, &position.encode(), id)?;
        self.put_reactions(id, message)?;
        self.index_changed(id, "", &message.state.text, conversation)?;
        self.add_unread(
            conversation,
            self.counted(conversation, flags, position.seq, &position.log)?,
        );
        Ok(())
    }

    pub(crate) fn change_message(
        &self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), StoreError> {
        let conversation = self.known_conversation(conversation)?;
        let position = &message.base.position;
        let old = self
            .old_message(conversation, &position.hash)?
            .ok_or(StoreError::Missing { what: "message" })?;
        let flags = self.write_message(
            "UPDATE messages SET author = ?3, hlc = ?4, sent = ?5, shown = ?6, number = ?7, flags = ?8,
                 expires = ?9, reply = ?10, first_text = ?11, text = ?12
             WHERE id = ?1 AND conversation = ?2",
            old.id,
            conversation,
            message,
        )?;
        if flags & flag::RETRACTED > old.flags & flag::RETRACTED {
            self.note_erased();
        }
        if old.hlc != position.hlc.0 {
            self.unplace(conversation, &old.position(&position.hash))?;
            self.place(conversation, &position.encode(), old.id)?;
        }
        if old.flags & flag::REACTIONS != 0 {
            self.run("DELETE FROM reactions WHERE message = ?1", [old.id])?;
        }
        self.put_reactions(old.id, message)?;
        self.index_changed(old.id, &old.text, &message.state.text, conversation)?;
        let change = self.counted(conversation, flags, old.seq, &old.log)?
            - self.counted(conversation, old.flags, old.seq, &old.log)?;
        self.add_unread(conversation, change);
        Ok(())
    }

    pub(crate) fn delete_message(
        &self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<(), StoreError> {
        let conversation = self.known_conversation(conversation)?;
        let Some(old) = self.old_message(conversation, hash)? else { return Ok(()) };
        self.note_erased();
        self.index_changed(old.id, &old.text, "", conversation)?;
        self.unplace(conversation, &old.position(hash))?;
        self.run("DELETE FROM reactions WHERE message = ?1", [old.id])?;
        self.run("DELETE FROM messages WHERE id = ?1", [old.id])?;
        self.add_unread(conversation, -self.counted(conversation, old.flags, old.seq, &old.log)?);
        Ok(())
    }

    /// A message of one conversation.
    pub(crate) fn one_message(
        &self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<Message>, StoreError> {
        let row = self.message_by_hash(hash)?;
        Ok(row.filter(|row| row.conversation == *conversation).map(|row| row.message))
    }

    /// Messages after a position, in order.
    pub(crate) fn messages_after(
        &self,
        conversation: &ConversationId,
        after: &Position,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(Vec::new()) };
        self.all(
            &format!(
                "{MESSAGE} JOIN timeline t ON t.message = m.id
                 WHERE t.conversation = ?1 AND t.position > ?2 ORDER BY t.position LIMIT ?3"
            ),
            (id, after.encode(), limit_column(limit)),
            |row| Ok(read_message(self, row)?.message),
        )
    }

    pub(crate) fn clear_conversation(
        &self,
        conversation: &ConversationId,
    ) -> Result<(), StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(()) };
        self.note_erased();
        self.flush_working()?;
        self.unindex_conversation(id)?;
        self.run(
            "DELETE FROM reactions WHERE message IN (SELECT id FROM messages WHERE id IN
             (SELECT message FROM timeline WHERE conversation = ?1))",
            [id],
        )?;
        self.run(
            "DELETE FROM messages WHERE id IN (SELECT message FROM timeline WHERE conversation = ?1)",
            [id],
        )?;
        self.run("DELETE FROM timeline WHERE conversation = ?1", [id])?;
        self.run("DELETE FROM operations WHERE conversation = ?1", [id])?;
        self.run("UPDATE conversation_state SET unread = 0 WHERE conversation = ?1", [id])?;
        Ok(())
    }

    /// Number of the entry with this hash.
    pub(super) fn entry_number(&self, hash: &EntryHash) -> Result<i64, StoreError> {
        self.find_entry(hash)?.map(|found| found.id).ok_or(StoreError::Missing { what: "entry" })
    }

    /// Runs an INSERT or UPDATE of all columns; returns the flags written.
    fn write_message(
        &self,
        sql: &str,
        id: i64,
        conversation: i64,
        message: &Message,
    ) -> Result<i64, StoreError> {
        let (base, state) = (&message.base, &message.state);
        let (shown, number, reply) = shown_columns(&base.shown);
        let flags = self.flags(message)?;
        self.run(
            sql,
            (
                id,
                conversation,
                self.person(&base.author)?,
                ordered(base.position.hlc.0),
                millis(base.sent),
                shown,
                number,
                flags,
                base.expires.map(millis),
                reply,
                (base.text != state.text).then_some(&base.text),
                &state.text,
            ),
        )?;
        Ok(flags)
    }

    fn flags(&self, message: &Message) -> Result<i64, StoreError> {
        let (base, state) = (&message.base, &message.state);
        let text = matches!(
            base.shown,
            Shown::Text | Shown::Reply(_) | Shown::File(_) | Shown::Unknown(_)
        );
        let counts = text && !state.retracted && self.me()? != Some(base.author);
        let bits = [
            (flag::EDITED, state.edited),
            (flag::RETRACTED, state.retracted),
            (flag::FAR, base.far),
            (flag::COUNTS, counts),
            (flag::REACTIONS, !state.reactions.is_empty()),
        ];
        Ok(bits.into_iter().filter(|(_, set)| *set).map(|(bit, _)| bit).sum())
    }

    /// 1 if a message with these flags is unread.
    fn counted(
        &self,
        conversation: i64,
        flags: i64,
        seq: Seq,
        log: &LogKey,
    ) -> Result<i64, StoreError> {
        if flags & flag::COUNTS == 0 {
            return Ok(0);
        }
        let mark = self.my_mark(conversation, log)?;
        Ok(i64::from(u64::try_from(mark).map_or(true, |mark| seq > mark)))
    }

    fn place(&self, conversation: i64, position: &[u8], id: i64) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO timeline (conversation, position, message) VALUES (?1, ?2, ?3)",
            (conversation, position, id),
        )?;
        Ok(())
    }

    fn unplace(&self, conversation: i64, position: &Position) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM timeline WHERE conversation = ?1 AND position = ?2",
            (conversation, position.encode()),
        )?;
        Ok(())
    }

    fn put_reactions(&self, id: i64, message: &Message) -> Result<(), StoreError> {
        for reaction in &message.state.reactions {
            self.run(
                "INSERT INTO reactions (message, author, emoji) VALUES (?1, ?2, ?3)",
                (id, self.person(&reaction.who)?, &reaction.emoji),
            )?;
        }
        Ok(())
    }

    fn old_message(&self, conversation: i64, hash: &EntryHash) -> Result<Option<Old>, StoreError> {
        let Some(found) = self.find_entry(hash)? else { return Ok(None) };
        self.first(
            "SELECT m.id, m.hlc, m.flags, m.text, c.log, e.seq FROM messages m
             JOIN entries e ON e.id = m.id JOIN chains c ON c.id = e.chain
             WHERE m.id = ?1 AND m.conversation = ?2",
            (found.id, conversation),
            |row| {
                Ok(Old {
                    id: row.get(0)?,
                    hlc: from_ordered(row.get(1)?),
                    flags: row.get(2)?,
                    text: row.get(3)?,
                    log: LogKey::from_bytes(row.get::<_, Bytes<32>>(4)?.0),
                    seq: unsigned(row.get(5)?)?,
                })
            },
        )
    }
}

impl Old {
    fn position(&self, hash: &EntryHash) -> Position {
        Position { hlc: Hlc(self.hlc), log: self.log, seq: self.seq, hash: *hash }
    }
}
