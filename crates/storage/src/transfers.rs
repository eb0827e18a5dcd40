//! Files that are sent and received: what was decided, and how far each is. Their content is beside the database.

use nexus_identity::id::Millis;
use nexus_log::ids::EntryHash;
use rusqlite::Row;

use crate::error::StoreError;
use crate::log::limit_column;
use crate::queries::Queries;
use crate::sql::{Bytes, bounded, millis, signed, to_millis, unsigned};
use crate::view::{MESSAGE, MessageRow, read_message};
use crate::writer::Tx;

/// Bytes of a place on disk at most: what Linux takes as a path.
pub const MAX_PLACE: usize = 4096;
/// Bytes of a reason at most.
pub const MAX_DETAIL: usize = 1024;

/// What was decided of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransferState {
    /// Outgoing: it may be fetched. Incoming ones that are only offered have no row.
    Offered,
    /// It is being fetched, or will be as soon as somebody who has it is there.
    Active,
    /// The person wants it to wait.
    Paused,
    /// All of it is where it belongs.
    Done,
    /// Not wanted.
    Declined,
    /// Given up by the person.
    Cancelled,
    /// It can't be had, or not be put where it belongs; `detail` says why.
    Failed,
}

impl TransferState {
    const ALL: [Self; 7] = [
        Self::Offered,
        Self::Active,
        Self::Paused,
        Self::Done,
        Self::Declined,
        Self::Cancelled,
        Self::Failed,
    ];

    fn code(self) -> i64 {
        Self::ALL.iter().position(|state| *state == self).map_or(0, |at| at as i64)
    }

    fn from_code(code: i64) -> Option<Self> {
        usize::try_from(code).ok().and_then(|at| Self::ALL.get(at)).copied()
    }
}

/// One transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferRow {
    /// The entry that offers it.
    pub entry: EntryHash,
    /// What it is called on links.
    pub blob: [u8; 32],
    /// Mine, or somebody else's.
    pub outgoing: bool,
    /// What was decided.
    pub state: TransferState,
    /// The directory it goes to, or what is sent: a path as the system has it.
    pub place: Vec<u8>,
    /// Where it is, once it is there.
    pub landed: Option<Vec<u8>>,
    /// Bytes of the content.
    pub size: u64,
    /// Bytes of it that were there when this was written last.
    pub done: u64,
    /// Why it failed or waits.
    pub detail: String,
    /// When it began.
    pub created: Millis,
    /// When its state changed last.
    pub changed: Millis,
}

const TRANSFER: &str =
    "SELECT entry, blob, outgoing, state, place, landed, size, done, detail, created, changed
     FROM transfers";

fn read(row: &Row<'_>) -> Result<TransferRow, StoreError> {
    Ok(TransferRow {
        entry: EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        blob: row.get::<_, Bytes<32>>(1)?.0,
        outgoing: row.get(2)?,
        state: TransferState::from_code(row.get(3)?)
            .ok_or_else(|| StoreError::damaged("an unknown state of a transfer"))?,
        place: row.get(4)?,
        landed: row.get(5)?,
        size: unsigned(row.get(6)?)?,
        done: unsigned(row.get(7)?)?,
        detail: row.get(8)?,
        created: to_millis(row.get(9)?),
        changed: to_millis(row.get(10)?),
    })
}

impl Queries {
    /// The transfer of an offer, if anything was decided.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn transfer(&self, entry: &EntryHash) -> Result<Option<TransferRow>, StoreError> {
        self.first(&format!("{TRANSFER} WHERE entry = ?1"), [entry.as_bytes()], read)
    }

    /// The transfers of a blob: it may be offered more than once.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn transfers_of_blob(&self, blob: &[u8; 32]) -> Result<Vec<TransferRow>, StoreError> {
        self.all(&format!("{TRANSFER} WHERE blob = ?1"), [blob], read)
    }

    /// Accepted offers that are not here yet, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn accepted(&self) -> Result<Vec<EntryHash>, StoreError> {
        self.all(
            "SELECT entry FROM transfers WHERE state = ?1 AND outgoing = 0 ORDER BY created, entry",
            [TransferState::Active.code()],
            |row| Ok(EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )
    }

    /// Transfers in one of these states, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn transfers_in(&self, states: &[TransferState]) -> Result<Vec<TransferRow>, StoreError> {
        let mut rows = self.all(&format!("{TRANSFER} ORDER BY created, entry"), [], read)?;
        rows.retain(|row| states.contains(&row.state));
        Ok(rows)
    }

    /// Whether this entry shows as an offer of files.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn is_offer(&self, entry: &EntryHash) -> Result<bool, StoreError> {
        let Some(found) = self.find_entry(entry)? else { return Ok(false) };
        Ok(self.number("SELECT count(*) FROM messages WHERE id = ?1 AND shown = 7", [found.id])?
            > 0)
    }

    /// Number of the offer that arrived last; 0 before the first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn last_offer(&self) -> Result<i64, StoreError> {
        self.number("SELECT coalesce(max(id), 0) FROM messages WHERE shown = 7", [])
    }

    /// Offers that arrived after the one with this number, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn offers_since(&self, after: i64, limit: usize) -> Result<Vec<MessageRow>, StoreError> {
        self.all(
            &format!("{MESSAGE} WHERE m.shown = 7 AND m.id > ?1 ORDER BY m.id LIMIT ?2"),
            (after, limit_column(limit)),
            |row| read_message(self, row),
        )
    }

    /// Messages that offer files, newest arrived first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn offers(&self, limit: usize) -> Result<Vec<MessageRow>, StoreError> {
        self.all(
            &format!("{MESSAGE} WHERE m.shown = 7 ORDER BY m.id DESC LIMIT ?1"),
            [limit_column(limit)],
            |row| read_message(self, row),
        )
    }
}

impl Tx<'_> {
    /// Stores a transfer, in place of what was known of it.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], [`StoreError::OutOfRange`], or when the store can't be written.
    pub fn put_transfer(&mut self, row: &TransferRow) -> Result<(), StoreError> {
        bounded("a place on disk", row.place.len(), MAX_PLACE)?;
        bounded("a place on disk", row.landed.as_ref().map_or(0, Vec::len), MAX_PLACE)?;
        bounded("a reason", row.detail.len(), MAX_DETAIL)?;
        self.run(
            "INSERT OR REPLACE INTO transfers
                 (entry, blob, outgoing, state, place, landed, size, done, detail, created, changed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            (
                row.entry.as_bytes(),
                row.blob,
                row.outgoing,
                row.state.code(),
                &row.place,
                &row.landed,
                signed(row.size, "the size of a file")?,
                signed(row.done, "the size of a file")?,
                &row.detail,
                millis(row.created),
                millis(row.changed),
            ),
        )?;
        Ok(())
    }

    /// Forgets a transfer: its offer is gone.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn drop_transfer(&mut self, entry: &EntryHash) -> Result<(), StoreError> {
        self.run("DELETE FROM transfers WHERE entry = ?1", [entry.as_bytes()])?;
        Ok(())
    }
}
