//! Letters: the bounded inbox, what goes out, and invites.

use std::time::Duration;

use nexus_identity::id::{ConnectId, Millis};
use rusqlite::Row;

use crate::contacts::{ContactRow, ContactState};
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, bounded, millis, to_millis, to_moment};
use crate::writer::Tx;

/// Pending letters at most; beyond, the address that holds most loses its oldest.
pub const INBOX: i64 = 256;
/// Senders whose last letter is remembered so that it can't be replayed.
pub const LETTERS_SEEN: i64 = 4_096;
/// Longest words of a letter, in bytes (500 characters of up to 4).
pub const MAX_LETTER_TEXT: usize = 2_000;
/// Largest sealed letter, in bytes.
pub const MAX_SEALED: usize = 8 * 1024;
/// Invites that can be open at once; no more are made beyond.
pub const MAX_INVITES: i64 = 1_024;

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
    /// Address it came from, without the port.
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
        /// Who lost a letter because the inbox was full (the sender itself, at times).
        evicted: Option<ConnectId>,
    },
    /// It, or a later one of that sender, was here before.
    Duplicate,
    /// The sender is a contact already (`Requested` or `Accepted`): nothing was stored but that it came.
    Contact(ContactState),
    /// The sender was declined not long ago.
    Declined,
    /// The sender is blocked.
    Blocked,
}

/// A letter of mine that is repeated until it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterOut {
    /// For whom.
    pub recipient: ConnectId,
    /// Its id.
    pub letter: [u8; 16],
    /// The sealed bytes.
    pub sealed: Vec<u8>,
    /// When it was written.
    pub created: Millis,
    /// When it may go out again.
    pub next_at: Millis,
    /// How often it went out.
    pub sent: u32,
    /// When the other side last said that it has it.
    pub taken: Option<Millis>,
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

fn read_out(row: &Row<'_>) -> Result<LetterOut, StoreError> {
    Ok(LetterOut {
        recipient: ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        letter: row.get::<_, Bytes<16>>(1)?.0,
        sealed: row.get(2)?,
        created: to_millis(row.get(3)?),
        next_at: to_millis(row.get(4)?),
        sent: row.get(5)?,
        taken: to_moment(row.get(6)?),
    })
}

const IN: &str = "SELECT l.sender, l.letter, l.created, l.received, l.source, l.text, l.card,
    coalesce(c.card_name, ''), l.record FROM letters_in l LEFT JOIN contacts c ON c.connect_id = l.sender";
const OUT: &str =
    "SELECT recipient, letter, sealed, created, next_at, sent, taken FROM letters_out";

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

    /// My letter to somebody.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn letter_to(&self, recipient: &ConnectId) -> Result<Option<LetterOut>, StoreError> {
        self.first(&format!("{OUT} WHERE recipient = ?1"), [recipient.as_bytes()], read_out)
    }

    /// My letters that may go out at `now`, with those put off further than by `most`: the clock ran ahead then.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn letters_due(&self, now: Millis, most: Duration) -> Result<Vec<LetterOut>, StoreError> {
        self.all(
            &format!("{OUT} WHERE next_at <= ?1 OR next_at > ?2 ORDER BY next_at"),
            (millis(now), millis(now.saturating_add(most))),
            read_out,
        )
    }

    /// Whether a letter with this invite secret would be accepted at once.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn invite_open(&self, secret: &[u8; 16], now: Millis) -> Result<bool, StoreError> {
        let open = self.number(
            "SELECT count(*) FROM invites WHERE secret = ?1 AND uses > 0 AND expires > ?2",
            (secret, millis(now)),
        )?;
        Ok(open > 0)
    }
}

impl Tx<'_> {
    /// Takes a verified letter in, within the limits of the inbox.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn take_letter(&mut self, letter: &LetterIn) -> Result<LetterFate, StoreError> {
        bounded("a letter", letter.text.len(), MAX_LETTER_TEXT)?;
        bounded("a record", letter.record.len(), MAX_SEALED)?;
        let known = self.contact(&letter.sender)?;
        match known.as_ref().map(|c| c.state) {
            Some(ContactState::Blocked) => return Ok(LetterFate::Blocked),
            Some(ContactState::Removed)
                if known.as_ref().and_then(|c| c.declined_until) > Some(letter.received) =>
            {
                return Ok(LetterFate::Declined);
            }
            // The time is over: what they repeat since then counts as a new letter.
            Some(ContactState::Removed)
                if known.as_ref().is_some_and(|c| c.declined_until.is_some()) =>
            {
                self.run(
                    "DELETE FROM letters_seen WHERE sender = ?1 AND letter = ?2",
                    (letter.sender.as_bytes(), letter.letter),
                )?;
            }
            _ => {}
        }
        if !self.remember_letter(letter)? {
            return Ok(LetterFate::Duplicate);
        }
        if let Some(state @ (ContactState::Requested | ContactState::Accepted)) =
            known.as_ref().map(|c| c.state)
        {
            return Ok(LetterFate::Contact(state));
        }
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
        let replaced = self.drop_letter_from(&letter.sender)?;
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
        let evicted = self.bound_inbox()?;
        Ok(LetterFate::Taken { replaced, evicted })
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

    /// Notes that a letter came. `false`: it or a later one was here before.
    fn remember_letter(&mut self, letter: &LetterIn) -> Result<bool, StoreError> {
        let new = self.run(
            "INSERT INTO letters_seen (sender, letter, created, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (sender) DO UPDATE SET letter = excluded.letter, created = excluded.created, at = excluded.at
             WHERE excluded.created > created AND excluded.letter <> letter",
            (
                letter.sender.as_bytes(),
                letter.letter,
                // A clock that ran ahead must not make what it writes later look old.
                millis(letter.created.min(letter.received)),
                millis(letter.received),
            ),
        )? > 0;
        if new && self.number("SELECT count(*) FROM letters_seen", [])? > LETTERS_SEEN {
            self.run(
                "DELETE FROM letters_seen WHERE sender =
                 (SELECT sender FROM letters_seen ORDER BY at, sender LIMIT 1)",
                [],
            )?;
        }
        Ok(new)
    }

    /// When the inbox is over its limit, the address that holds most loses its oldest letter.
    fn bound_inbox(&mut self) -> Result<Option<ConnectId>, StoreError> {
        if self.number("SELECT count(*) FROM letters_in", [])? <= INBOX {
            return Ok(None);
        }
        let loser = self.first(
            "SELECT sender FROM letters_in WHERE source =
                 (SELECT source FROM letters_in GROUP BY source ORDER BY count(*) DESC, max(id) DESC LIMIT 1)
             ORDER BY id LIMIT 1",
            [],
            |row| Ok(ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )?;
        if let Some(loser) = &loser {
            self.drop_letter_from(loser)?;
            // They were told that it is here and repeat it; it must find room again.
            self.run("DELETE FROM letters_seen WHERE sender = ?1", [loser.as_bytes()])?;
            // Who was a contact once stays known, with the devices that were revoked.
            self.run(
                "UPDATE contacts SET state = 5, request_text = '' WHERE connect_id = ?1 AND state = 2 AND EXISTS
                 (SELECT 1 FROM conversations JOIN chains USING (topic) WHERE peer = ?1)",
                [loser.as_bytes()],
            )?;
            self.run(
                "DELETE FROM contacts WHERE connect_id = ?1 AND state = 2",
                [loser.as_bytes()],
            )?;
        }
        Ok(loser)
    }

    /// Stores a letter of mine, in place of an earlier one to the same person.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn put_letter_out(&mut self, letter: &LetterOut) -> Result<(), StoreError> {
        bounded("a sealed letter", letter.sealed.len(), MAX_SEALED)?;
        self.run(
            "INSERT OR REPLACE INTO letters_out (recipient, letter, sealed, created, next_at, sent, taken)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                letter.recipient.as_bytes(),
                letter.letter,
                &letter.sealed,
                millis(letter.created),
                millis(letter.next_at),
                letter.sent,
                letter.taken.map_or(0, millis),
            ),
        )?;
        Ok(())
    }

    /// Notes that the other side said it has my letter.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn letter_taken(
        &mut self,
        recipient: &ConnectId,
        letter: &[u8; 16],
        now: Millis,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE letters_out SET taken = ?3 WHERE recipient = ?1 AND letter = ?2",
            (recipient.as_bytes(), letter, millis(now)),
        )?;
        Ok(())
    }

    /// Notes that a letter went out, and when it may go again.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn letter_sent(
        &mut self,
        recipient: &ConnectId,
        next_at: Millis,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE letters_out SET sent = sent + 1, next_at = ?2 WHERE recipient = ?1",
            (recipient.as_bytes(), millis(next_at)),
        )?;
        Ok(())
    }

    /// Removes my letter to somebody: it was answered, or I gave up.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn drop_letter_to(&mut self, recipient: &ConnectId) -> Result<(), StoreError> {
        self.run("DELETE FROM letters_out WHERE recipient = ?1", [recipient.as_bytes()])?;
        Ok(())
    }

    /// Stores an invite of mine; those that ended are forgotten. `false`: [`MAX_INVITES`] are open, and none is dropped
    /// behind the back of whoever holds it.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn put_invite(
        &mut self,
        secret: &[u8; 16],
        uses: u32,
        expires: Millis,
        now: Millis,
    ) -> Result<bool, StoreError> {
        self.run("DELETE FROM invites WHERE uses <= 0 OR expires <= ?1", [millis(now)])?;
        let kept = self.run(
            "INSERT OR REPLACE INTO invites (secret, uses, expires)
             SELECT ?1, ?2, ?3 WHERE (SELECT count(*) FROM invites) < ?4",
            (secret, uses, millis(expires), MAX_INVITES),
        )?;
        Ok(kept > 0)
    }

    /// Uses an invite up by one. `false`: there is none, or it has ended.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn use_invite(&mut self, secret: &[u8; 16], now: Millis) -> Result<bool, StoreError> {
        let used = self.run(
            "UPDATE invites SET uses = uses - 1 WHERE secret = ?1 AND uses > 0 AND expires > ?2",
            (secret, millis(now)),
        )?;
        Ok(used > 0)
    }
}
