//! Letters: the bounded inbox, what goes out (`out`), and what opens the door at once (`invites`).

use nexus_identity::id::{ConnectId, Millis};
use rusqlite::Row;

use crate::contacts::{ContactRow, ContactState};
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, bounded, millis, to_millis};
use crate::writer::Tx;

mod invites;
mod out;
mod room;

pub use invites::MAX_INVITES;
pub use out::LetterOut;
use room::Room;

/// Pending letters at most.
pub const INBOX: i64 = 256;
/// Of these, places that only those get with whom there was a conversation once: no crowd of strangers can take them.
pub const INBOX_KNOWN: i64 = 32;
/// Senders whose last letter is remembered so that it can't be replayed.
pub const LETTERS_SEEN: i64 = 4_096;
/// Longest words of a letter, in bytes (500 characters of up to 4).
pub const MAX_LETTER_TEXT: usize = 2_000;
/// Largest sealed letter, in bytes.
pub const MAX_SEALED: usize = 8 * 1024;

/// A letter that was opened and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterIn {
    /// Who wrote it.
    pub sender: ConnectId,
    /// Its id.
    pub letter: [u8; 16],
    /// When it was written, by its sender's clock.
    pub created: Millis,
    /// When it came.
    pub received: Millis,
    /// What counts as one source: an address without the port, a network, or the contact that brought it.
    pub source: String,
    /// Its words.
    pub text: String,
    /// The sender's card as shown in it; kept only while no other is known.
    pub card: Vec<u8>,
    /// The name in that card.
    pub card_name: String,
    /// The sender's instance record.
    pub record: Vec<u8>,
}

/// What became of a letter. On the wire the answer is the same for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterFate {
    /// In the inbox; its sender is `Incoming` now.
    Taken {
        /// Whether an earlier letter of the same sender made room for it.
        replaced: bool,
        /// Who lost a place because the inbox was full.
        evicted: Option<Evicted>,
    },
    /// The inbox is full, and nobody holds so much of it that this one should come before. Nothing was stored: when it is
    /// repeated it may find room.
    Full,
    /// It, or a later one of that sender, was here before.
    Duplicate,
    /// The sender is a contact already (`Requested` or `Accepted`): nothing was stored but that it came.
    Contact(ContactState),
    /// The sender was declined not long ago.
    Declined,
    /// The sender is blocked.
    Blocked,
}

/// A letter that made room in a full inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evicted {
    /// Whose it was.
    pub sender: ConnectId,
    /// Where it came from: whoever holds most of the inbox.
    pub source: String,
}

fn read_in(row: &Row<'_>) -> Result<LetterIn, StoreError> {
    Ok(LetterIn {
        sender: ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        letter: row.get::<_, Bytes<16>>(1)?.0,
        created: to_millis(row.get(2)?),
        received: to_millis(row.get(3)?),
        source: row.get(4)?,
        text: row.get(5)?,
        card: row.get(6)?,
        card_name: row.get(7)?,
        record: row.get(8)?,
    })
}

const IN: &str = "SELECT l.sender, l.letter, l.created, l.received, l.source, l.text, l.card,
    coalesce(c.card_name, ''), l.record FROM letters_in l LEFT JOIN contacts c ON c.connect_id = l.sender";
impl Queries {
    /// The pending letter of a sender.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn letter_from(&self, sender: &ConnectId) -> Result<Option<LetterIn>, StoreError> {
        self.first(&format!("{IN} WHERE l.sender = ?1"), [sender.as_bytes()], read_in)
    }

    /// All pending letters, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn inbox(&self) -> Result<Vec<LetterIn>, StoreError> {
        self.all(&format!("{IN} ORDER BY l.received, l.id"), [], read_in)
    }
}

impl Tx<'_> {
    /// Takes a verified letter in, within the limits of the inbox. Who was `invited` is about to be accepted and needs no
    /// place in it.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn take_letter(
        &mut self,
        letter: &LetterIn,
        invited: bool,
    ) -> Result<LetterFate, StoreError> {
        bounded("a letter", letter.text.len(), MAX_LETTER_TEXT)?;
        bounded("a record", letter.record.len(), MAX_SEALED)?;
        let known = self.contact(&letter.sender)?;
        let state = known.as_ref().map(|c| c.state);
        let declined = known.as_ref().and_then(|c| c.declined_until);
        match state {
            Some(ContactState::Blocked) => return Ok(LetterFate::Blocked),
            Some(ContactState::Removed) if declined > Some(letter.received) => {
                return Ok(LetterFate::Declined);
            }
            // The time is over: what they repeat since then counts as a new letter.
            Some(ContactState::Removed) if declined.is_some() => {
                self.run(
                    "DELETE FROM letters_seen WHERE sender = ?1 AND letter = ?2",
                    (letter.sender.as_bytes(), letter.letter),
                )?;
            }
            _ => {}
        }
        if self.was_here(letter)? {
            return Ok(LetterFate::Duplicate);
        }
        if let Some(state @ (ContactState::Requested | ContactState::Accepted)) = state {
            self.remember_letter(letter)?;
            return Ok(LetterFate::Contact(state));
        }
        let replaced = self.drop_letter_from(&letter.sender)?;
        let room = if replaced || invited { Room::Free } else { self.room_for(letter)? };
        let evicted = match room {
            Room::Free => None,
            Room::None => return Ok(LetterFate::Full),
            Room::Of(loser) => {
                self.evict(&loser.sender)?;
                Some(loser)
            }
        };
        self.remember_letter(letter)?;
        self.put_incoming(letter, known)?;
        Ok(LetterFate::Taken { replaced, evicted })
    }

    /// The sender asks; the letter lies in the inbox.
    fn put_incoming(
        &mut self,
        letter: &LetterIn,
        known: Option<ContactRow>,
    ) -> Result<(), StoreError> {
        let base = known.unwrap_or_else(|| {
            ContactRow::new(letter.sender, ContactState::Incoming, letter.received)
        });
        // A letter shows the live part of a card: what is known of it, revocations above all, is the caller's to merge.
        let (card, card_name) = match base.card.is_empty() {
            true => (letter.card.clone(), letter.card_name.clone()),
            false => (base.card.clone(), base.card_name.clone()),
        };
        self.put_contact(&ContactRow {
            state: ContactState::Incoming,
            card,
            card_name,
            request_text: letter.text.clone(),
            declined_until: None,
            ..base
        })?;
        self.run(
            "INSERT INTO letters_in (sender, letter, created, received, source, text, card, record)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                letter.sender.as_bytes(),
                letter.letter,
                millis(letter.created),
                millis(letter.received),
                &letter.source,
                &letter.text,
                &letter.card,
                &letter.record,
            ),
        )?;
        Ok(())
    }

    /// Removes the pending letter of a sender, after it was accepted, declined or blocked. Says whether there was one.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn drop_letter_from(&mut self, sender: &ConnectId) -> Result<bool, StoreError> {
        Ok(self.run("DELETE FROM letters_in WHERE sender = ?1", [sender.as_bytes()])? > 0)
    }

    /// Deletes the letter of a sender and ignores the sender until then.
    ///
    /// # Errors
    /// [`StoreError::Missing`], or when the store can't be written.
    pub fn decline(&mut self, sender: &ConnectId, until: Millis) -> Result<(), StoreError> {
        self.drop_letter_from(sender)?;
        self.set_contact_state(sender, ContactState::Removed)?;
        self.run(
            "UPDATE contacts SET declined_until = ?2, request_text = '' WHERE connect_id = ?1",
            (sender.as_bytes(), millis(until)),
        )?;
        Ok(())
    }

    /// Whether it, or a later one of its sender, was here before.
    fn was_here(&self, letter: &LetterIn) -> Result<bool, StoreError> {
        let held = self.number(
            "SELECT count(*) FROM letters_seen WHERE sender = ?1 AND (letter = ?2 OR created >= ?3)",
            (letter.sender.as_bytes(), letter.letter, millis(letter.created)),
        )?;
        Ok(held > 0)
    }

    /// Notes that a letter came.
    fn remember_letter(&mut self, letter: &LetterIn) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO letters_seen (sender, letter, created, at) VALUES (?1, ?2, ?3, ?4)",
            (
                letter.sender.as_bytes(),
                letter.letter,
                // A clock that ran ahead must not make what it writes later look old.
                millis(letter.created.min(letter.received)),
                millis(letter.received),
            ),
        )?;
        if self.number("SELECT count(*) FROM letters_seen", [])? > LETTERS_SEEN {
            self.run(
                "DELETE FROM letters_seen WHERE sender =
                 (SELECT sender FROM letters_seen ORDER BY at, sender LIMIT 1)",
                [],
            )?;
        }
        Ok(())
    }
}
