//! Whose letter finds room in a full inbox.
//!
//! What is there stays: a newcomer takes a place only from a source that holds more than a household has, and at least two
//! more than its own, and of that source the one that came last. So nobody, with however many names and addresses, can push out a letter that came before
//! by itself; and who floods from few addresses leaves room to all others. Some places are kept for those with whom there
//! was a conversation once. Whoever finds no room repeats the letter.

use nexus_identity::id::ConnectId;

use super::{Evicted, INBOX, INBOX_KNOWN, LetterIn};
use crate::error::StoreError;
use crate::sql::Bytes;
use crate::writer::Tx;

/// Letters of one source that none of them can lose: the people of one household are not a flood.
const HOUSEHOLD: i64 = 4;

/// Whether there is a place.
pub(super) enum Room {
    /// There is.
    Free,
    /// Once this one is gone.
    Of(Evicted),
    /// There is none.
    None,
}

/// Those with whom there was a conversation once.
const KNOWN: &str = "SELECT 1 FROM conversations JOIN chains USING (topic) WHERE peer =";

impl Tx<'_> {
    /// Looks for a place for the letter of somebody who has none.
    pub(super) fn room_for(&self, letter: &LetterIn) -> Result<Room, StoreError> {
        let all = self.number("SELECT count(*) FROM letters_in", [])?;
        let known = self.number(
            &format!("SELECT count(*) FROM letters_in WHERE EXISTS ({KNOWN} sender)"),
            [],
        )?;
        let reserved = known < INBOX_KNOWN && self.was_contact(&letter.sender)?;
        let common = all - known.min(INBOX_KNOWN);
        if all < INBOX && (reserved || common < INBOX - INBOX_KNOWN) {
            return Ok(Room::Free);
        }
        let of_source = "SELECT count(*) FROM letters_in WHERE source = ?1";
        let own = self.number(of_source, [&letter.source])?;
        let largest = self.first(
            &format!(
                "SELECT source, count(*), max(id) FROM letters_in WHERE NOT EXISTS ({KNOWN} sender)
                 GROUP BY source ORDER BY 2 DESC, 3 DESC LIMIT 1"
            ),
            [],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let Some((source, count)) = largest else { return Ok(Room::None) };
        if count <= HOUSEHOLD || count < own + 2 {
            return Ok(Room::None);
        }
        let last = self.first(
            &format!(
                "SELECT sender FROM letters_in WHERE source = ?1 AND NOT EXISTS ({KNOWN} sender)
                 ORDER BY id DESC LIMIT 1"
            ),
            [&source],
            |row| Ok(ConnectId::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )?;
        Ok(last.map_or(Room::None, |sender| Room::Of(Evicted { sender, source })))
    }

    /// Takes the place of a letter away.
    pub(super) fn evict(&mut self, loser: &ConnectId) -> Result<(), StoreError> {
        self.drop_letter_from(loser)?;
        // They were told that it is here and repeat it; it must find room again.
        self.run("DELETE FROM letters_seen WHERE sender = ?1", [loser.as_bytes()])?;
        self.run("DELETE FROM contacts WHERE connect_id = ?1 AND state = 2", [loser.as_bytes()])?;
        Ok(())
    }

    fn was_contact(&self, who: &ConnectId) -> Result<bool, StoreError> {
        Ok(self.number(&format!("SELECT EXISTS ({KNOWN} ?1)"), [who.as_bytes()])? > 0)
    }
}
