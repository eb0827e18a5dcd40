//! Edits, retractions and reactions; clocks and timers.

use std::borrow::Cow;

use nexus_identity::id::{ConnectId, Millis};
use nexus_log::body::{Answer, FileRoot};
use nexus_log::fold::{Action, Operation};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash};
use nexus_log::ledger::Due;
use nexus_log::order::Position;
use rusqlite::Row;

use crate::error::StoreError;
use crate::log::limit_column;
use crate::queries::Queries;
use crate::sql::{Bytes, from_ordered, millis, ordered, to_millis};

/// An operation whose target is not shown here. The alias of `operations` is `o`.
const NO_TARGET: &str = "NOT EXISTS (SELECT 1 FROM entries e JOIN messages m ON m.id = e.id
    WHERE substr(e.hash, 1, 8) = substr(o.target, 1, 8) AND e.hash = o.target AND m.conversation = o.conversation)";

/// Codes of edits, retractions, reactions, roots of files and answers to offers.
const ACTIONS: [i64; 5] = [1, 2, 3, 4, 5];

/// Kind and text of an operation; of a root it is its hex, and that of the sealed form's after it.
fn action_columns(action: &Action) -> (i64, Cow<'_, str>) {
    match action {
        Action::Edit(text) => (1, text.into()),
        Action::Retract => (2, "".into()),
        Action::React(emoji) => (3, emoji.into()),
        Action::Root(FileRoot { content, sealed }) => {
            (4, content.iter().chain(sealed.iter().flatten()).map(|b| format!("{b:02x}")).collect())
        }
        Action::Answer(answer) => (5, answer.code().to_string().into()),
    }
}

fn read_action(code: i64, text: String) -> Result<Action, StoreError> {
    let unknown = || StoreError::damaged("an unknown operation");
    Ok(match code {
        1 => Action::Edit(text),
        2 => Action::Retract,
        3 => Action::React(text),
        4 => {
            let mut digits = text.as_bytes().chunks_exact(64).map(unhex);
            let content = digits.next().flatten().ok_or_else(unknown)?;
            Action::Root(FileRoot { content, sealed: digits.next().flatten() })
        }
        5 => Action::Answer(text.parse().ok().and_then(Answer::from_code).ok_or_else(unknown)?),
        _ => return Err(unknown()),
    })
}

fn unhex(digits: &[u8]) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn read(row: &Row<'_>) -> Result<Operation, StoreError> {
    let text: String = row.get(4)?;
    Ok(Operation {
        target: EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        position: Position::decode(&row.get::<_, Bytes<80>>(1)?.0)
            .ok_or_else(|| StoreError::damaged("a cut position"))?,
        author: ConnectId::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
        action: read_action(row.get(3)?, text)?,
        expires: row.get::<_, Option<i64>>(5)?.map(to_millis),
    })
}

impl Queries {
    pub(crate) fn add_operation(
        &self,
        conversation: &ConversationId,
        operation: &Operation,
    ) -> Result<(), StoreError> {
        let (action, text) = action_columns(&operation.action);
        self.run(
            "INSERT OR REPLACE INTO operations (id, conversation, target, position, author, action, expires, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                self.entry_number(&operation.position.hash)?,
                self.known_conversation(conversation)?,
                operation.target.as_bytes(),
                operation.position.encode(),
                self.person(&operation.author)?,
                action,
                operation.expires.map(millis),
                text,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn operations_on(
        &self,
        conversation: &ConversationId,
        target: &EntryHash,
    ) -> Result<Vec<Operation>, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(Vec::new()) };
        let mut last = Vec::new();
        let mut author: i64 = -1;
        // From author to author, and of each the last of each kind: what does not count is not looked at.
        while let Some(next) = self.first(
            "SELECT author FROM operations WHERE target = ?1 AND conversation = ?2 AND author > ?3
             ORDER BY author LIMIT 1",
            (target.as_bytes(), id, author),
            |row| Ok(row.get::<_, i64>(0)?),
        )? {
            author = next;
            for action in ACTIONS {
                last.extend(self.first(
                    "SELECT o.target, o.position, p.connect_id, o.action, o.text, o.expires
                     FROM operations o JOIN people p ON p.id = o.author
                     WHERE o.target = ?1 AND o.conversation = ?2 AND o.author = ?3 AND o.action = ?4
                     ORDER BY o.position DESC LIMIT 1",
                    (target.as_bytes(), id, author, action),
                    read,
                )?);
            }
        }
        Ok(last)
    }

    pub(crate) fn delete_operation(
        &self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<EntryHash>, StoreError> {
        let conversation = self.known_conversation(conversation)?;
        let Some(found) = self.find_entry(hash)? else { return Ok(None) };
        let target = self.first(
            "SELECT target FROM operations WHERE id = ?1 AND conversation = ?2",
            (found.id, conversation),
            |row| Ok(EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )?;
        if target.is_some() {
            self.note_erased();
            self.run("DELETE FROM operations WHERE id = ?1", [found.id])?;
        }
        Ok(target)
    }

    pub(crate) fn due_items(&self, now: Millis, limit: usize) -> Result<Vec<Due>, StoreError> {
        let read = |operation: bool| {
            move |row: &Row<'_>| {
                Ok(Due {
                    conversation: ConversationId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
                    operation,
                })
            }
        };
        let mut due = self.all(
            "SELECT c.conversation, e.hash FROM messages m JOIN conversations c ON c.id = m.conversation
             JOIN entries e ON e.id = m.id
             WHERE m.expires IS NOT NULL AND m.expires <= ?1 ORDER BY m.expires, m.id LIMIT ?2",
            (millis(now), limit_column(limit)),
            read(false),
        )?;
        due.extend(self.all(
            &format!(
                "SELECT c.conversation, n.hash FROM operations o JOIN conversations c ON c.id = o.conversation
                 JOIN entries n ON n.id = o.id
                 WHERE o.expires IS NOT NULL AND o.expires <= ?1 AND {NO_TARGET}
                 ORDER BY o.expires, o.id LIMIT ?2"
            ),
            (millis(now), limit_column(limit.saturating_sub(due.len()))),
            read(true),
        )?);
        Ok(due)
    }

    /// When the next message or operation without target is due.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn next_due_at(&self) -> Result<Option<Millis>, StoreError> {
        self.first(
            &format!(
                "SELECT min(at) FROM (
                     SELECT min(expires) AS at FROM messages WHERE expires IS NOT NULL
                     UNION ALL SELECT * FROM (SELECT o.expires FROM operations o
                         WHERE o.expires IS NOT NULL AND {NO_TARGET} ORDER BY o.expires LIMIT 1))"
            ),
            [],
            |row| Ok(row.get::<_, Option<i64>>(0)?.map(to_millis)),
        )
        .map(Option::flatten)
    }

    pub(crate) fn clock_of(&self, conversation: &ConversationId) -> Result<Hlc, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(Hlc(0)) };
        let clock = self.first(
            "SELECT clock FROM conversation_state WHERE conversation = ?1",
            [id],
            |row| Ok(row.get::<_, Option<i64>>(0)?),
        )?;
        Ok(Hlc(clock.flatten().map_or(0, from_ordered)))
    }

    pub(crate) fn keep_clock(
        &self,
        conversation: &ConversationId,
        clock: Hlc,
    ) -> Result<(), StoreError> {
        let id = self.known_conversation(conversation)?;
        self.run(
            "UPDATE conversation_state SET clock = ?2 WHERE conversation = ?1",
            (id, ordered(clock.0)),
        )?;
        Ok(())
    }

    /// The timer in force and where it was set.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn timer_of(
        &self,
        conversation: &ConversationId,
    ) -> Result<Option<(Position, Option<u64>)>, StoreError> {
        let Some(id) = self.conversation_number(conversation)? else { return Ok(None) };
        self.first(
            "SELECT timer_position, timer_seconds FROM conversation_state
             WHERE conversation = ?1 AND timer_position IS NOT NULL",
            [id],
            |row| {
                let position = Position::decode(&row.get::<_, Bytes<80>>(0)?.0)
                    .ok_or_else(|| StoreError::damaged("a cut position"))?;
                Ok((position, row.get::<_, Option<i64>>(1)?.map(from_ordered)))
            },
        )
    }

    pub(crate) fn keep_timer(
        &self,
        conversation: &ConversationId,
        position: &Position,
        seconds: Option<u64>,
    ) -> Result<(), StoreError> {
        let id = self.known_conversation(conversation)?;
        self.run(
            "UPDATE conversation_state SET timer_position = ?2, timer_seconds = ?3 WHERE conversation = ?1",
            (id, position.encode(), seconds.map(ordered)),
        )?;
        Ok(())
    }
}
