//! Letters of mine, each repeated until it is answered.

use std::time::Duration;

use nexus_identity::id::{ConnectId, Millis};
use rusqlite::Row;

use super::MAX_SEALED;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, bounded, millis, to_millis, to_moment};
use crate::writer::Tx;

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

const OUT: &str =
    "SELECT recipient, letter, sealed, created, next_at, sent, taken FROM letters_out";

impl Queries {
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
}

impl Tx<'_> {
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
}
