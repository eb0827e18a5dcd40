//! Durable events: what `watch` goes on from after a restart.

use nexus_identity::id::{ConnectId, Millis};
use nexus_log::ids::{ConversationId, EntryHash};
use rusqlite::Connection;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{MaybeBytes, bounded, millis, to_millis, unsigned};
use crate::writer::Tx;

/// Events kept; a watcher that was away for longer hears that some are missing.
pub const EVENTS_KEPT: i64 = 100_000;
/// Old events are removed each time so many new ones came.
const TRIM_EVERY: i64 = 1_024;
/// Microseconds in a millisecond: no store tells events faster than that.
const MICROS: i64 = 1_000;
/// Longest words of an event, in bytes.
pub const MAX_EVENT_TEXT: usize = 4 * 1024;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A message is new.
    MessageNew,
    /// A message changed.
    MessageChanged,
    /// A message of mine rose in state; `value` is the new one.
    State,
    /// A contact is new or changed.
    Contact,
    /// A conversation changed.
    Conversation,
    /// Something the person should know.
    Notice,
}

impl EventKind {
    fn code(self) -> i64 {
        match self {
            Self::MessageNew => 1,
            Self::MessageChanged => 2,
            Self::State => 3,
            Self::Contact => 4,
            Self::Conversation => 5,
            Self::Notice => 6,
        }
    }

    fn from_code(code: i64) -> Result<Self, StoreError> {
        Ok(match code {
            1 => Self::MessageNew,
            2 => Self::MessageChanged,
            3 => Self::State,
            4 => Self::Contact,
            5 => Self::Conversation,
            6 => Self::Notice,
            _ => return Err(StoreError::damaged("an unknown event")),
        })
    }
}

/// An event without its cursor. Refers to things; whoever shows it looks them up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When.
    pub at: Millis,
    /// What.
    pub kind: EventKind,
    /// In which conversation.
    pub conversation: Option<ConversationId>,
    /// Of which entry.
    pub entry: Option<EntryHash>,
    /// About whom.
    pub peer: Option<ConnectId>,
    /// A small number whose meaning depends on the kind.
    pub value: u32,
    /// Words (notices only).
    pub text: String,
}

impl NewEvent {
    /// An event with nothing but its kind.
    #[must_use]
    pub fn new(kind: EventKind, at: Millis) -> Self {
        Self {
            at,
            kind,
            conversation: None,
            entry: None,
            peer: None,
            value: 0,
            text: String::new(),
        }
    }
}

/// An event with its cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Where to go on from: higher is later, never used twice.
    pub cursor: u64,
    /// The event.
    pub event: NewEvent,
}

/// Some events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// In order.
    pub rows: Vec<EventRow>,
    /// Events after the cursor asked for are not kept any more, or the cursor is not one of this store: the rows begin with
    /// the oldest kept.
    pub missing: bool,
    /// Where to go on from.
    pub next: u64,
}

impl Queries {
    /// At most `limit` events after `cursor`, oldest first. 0 is before the oldest that is kept.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn events_since(&self, cursor: u64, limit: u32) -> Result<Events, StoreError> {
        let last = self.last_cursor()?;
        let oldest = self.first("SELECT min(id) FROM events", [], |row| Ok(row.get(0)?))?.flatten();
        let oldest = oldest.map_or(Ok(last.saturating_add(1)), unsigned)?;
        // A cursor ahead of all that was ever told here is another store's, so nothing is known of what it has seen.
        let missing = cursor != 0 && (cursor > last || cursor.saturating_add(1) < oldest);
        let from = if missing { oldest.saturating_sub(1) } else { cursor };
        let after = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = self.all(
            "SELECT id, at, kind, conversation, entry, peer, value, text FROM events
             WHERE id > ?1 ORDER BY id LIMIT ?2",
            (after, limit),
            |row| {
                Ok(EventRow {
                    cursor: unsigned(row.get(0)?)?,
                    event: NewEvent {
                        at: to_millis(row.get(1)?),
                        kind: EventKind::from_code(row.get(2)?)?,
                        conversation: row
                            .get::<_, MaybeBytes<32>>(3)?
                            .0
                            .map(ConversationId::from_bytes),
                        entry: row.get::<_, MaybeBytes<32>>(4)?.0.map(EntryHash::from_bytes),
                        peer: row.get::<_, MaybeBytes<32>>(5)?.connect_id(),
                        value: row.get(6)?,
                        text: row.get(7)?,
                    },
                })
            },
        )?;
        let next = rows.last().map_or(from, |row| row.cursor);
        Ok(Events { rows, missing, next })
    }

    /// Cursor of the last event; before the first, what the numbers of this store begin after.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn last_cursor(&self) -> Result<u64, StoreError> {
        unsigned(self.number(
            "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)",
            [],
        )?)
    }
}

/// Lets the numbers of a new store begin after those of any store that was in its place before: with the microsecond in
/// which it is made, or after `last` if that is later.
pub(crate) fn number_after(conn: &Connection, now: Millis, last: i64) -> rusqlite::Result<()> {
    let begin = millis(now).saturating_mul(MICROS).max(last);
    conn.execute("DELETE FROM sqlite_sequence WHERE name = 'events'", [])?;
    conn.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?1)", [begin])?;
    Ok(())
}

impl Tx<'_> {
    /// Writes an event; returns its cursor.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn append_event(&mut self, event: &NewEvent) -> Result<u64, StoreError> {
        bounded("an event", event.text.len(), MAX_EVENT_TEXT)?;
        let none: &[u8] = &[];
        self.run(
            "INSERT INTO events (at, kind, conversation, entry, peer, value, text)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                millis(event.at),
                event.kind.code(),
                event.conversation.as_ref().map_or(none, |c| c.as_bytes()),
                event.entry.as_ref().map_or(none, |e| e.as_bytes()),
                event.peer.as_ref().map_or(none, |p| p.as_bytes()),
                event.value,
                &event.text,
            ),
        )?;
        let cursor = self.conn().last_insert_rowid();
        if cursor % TRIM_EVERY == 0 {
            self.run("DELETE FROM events WHERE id <= ?1", [cursor - EVENTS_KEPT])?;
        }
        unsigned(cursor)
    }

    /// Removes the words and references of a conversation's events, when its view is erased.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn erase_events(&mut self, conversation: &ConversationId) -> Result<(), StoreError> {
        self.run("DELETE FROM events WHERE conversation = ?1", [conversation.as_bytes()])?;
        Ok(())
    }
}
