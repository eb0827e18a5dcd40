//! Entries: appended, found, read back.

use std::collections::HashMap;

use nexus_identity::id::{Millis, Signature};
use nexus_log::entry::Entry;
use nexus_log::header::{Header, Kind, payload_hash};
use nexus_log::ids::{EntryHash, EntryRef, Epoch, LogKey, Seq};
use nexus_log::ledger::{ChainId, NewEntry, StoredEntry};
use rusqlite::Row;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, MaybeBytes, millis, signed, to_millis, unsigned};

/// Entries appended lately whose numbers are remembered, so that their messages need no look-up.
const RECENT: usize = 4_096;

/// Numbers of entries appended lately.
#[derive(Debug, Default)]
pub(crate) struct RecentEntries {
    by_hash: HashMap<EntryHash, Found>,
}

impl RecentEntries {
    pub(crate) fn clear(&mut self) {
        self.by_hash.clear();
    }
}

/// Where an entry is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// Its row number.
    pub(crate) id: i64,
    pub(crate) chain: ChainId,
    pub(crate) seq: Seq,
}

pub(super) const ENTRY: &str = "SELECT e.chain, e.seq, e.hash, e.stored, p.epoch, c.log, e.kind, e.flags, e.prev,
    e.payload, e.signature
    FROM entries e JOIN chains c ON c.id = e.chain LEFT JOIN pending p ON p.chain = e.chain AND p.seq = e.seq";

fn read(row: &Row<'_>) -> Result<StoredEntry, StoreError> {
    let seq = unsigned(row.get(1)?)?;
    let payload: Vec<u8> = row.get(9)?;
    let header = read_header(row, 5, seq, &payload)?;
    Ok(StoredEntry {
        chain: ChainId(row.get(0)?),
        seq,
        hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
        stored: to_millis(row.get(3)?),
        pending: row.get(4)?,
        entry: Entry {
            header: header.encode(),
            payload,
            signature: row.get::<_, MaybeBytes<64>>(10)?.0.map(Signature),
        },
    })
}

/// The header from columns log, kind, flags, prev, beginning at column `at`, and the payload.
pub(crate) fn read_header(
    row: &Row<'_>,
    at: usize,
    seq: Seq,
    payload: &[u8],
) -> Result<Header, StoreError> {
    let kind = Kind::from_code(row.get(at + 1)?)
        .ok_or_else(|| StoreError::damaged("an entry of unknown kind"))?;
    Ok(Header {
        kind,
        flags: row.get(at + 2)?,
        log: LogKey::from_bytes(row.get::<_, Bytes<32>>(at)?.0),
        seq,
        prev: EntryHash::from_bytes(row.get::<_, Bytes<32>>(at + 3)?.0),
        payload_len: u32::try_from(payload.len())
            .map_err(|_| StoreError::damaged("a payload over all limits"))?,
        payload_hash: payload_hash(payload),
    })
}

impl Queries {
    /// Entries held.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn entry_count(&self) -> Result<u64, StoreError> {
        // Entries are never deleted, so their numbers have no gaps to speak of.
        unsigned(self.number("SELECT coalesce(max(id), 0) FROM entries", [])?)
    }

    /// The entry with this hash, whole.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn entry(&self, hash: &EntryHash) -> Result<Option<StoredEntry>, StoreError> {
        self.first(
            &format!("{ENTRY} WHERE substr(e.hash, 1, 8) = substr(?1, 1, 8) AND e.hash = ?1"),
            [hash.as_bytes()],
            read,
        )
    }

    /// Hashes of messages and entries that begin with these bytes and, if `half` is given, go on with that half byte;
    /// at most `limit`, by hash.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn entries_with_prefix(
        &self,
        prefix: &[u8],
        half: Option<u8>,
        limit: u32,
    ) -> Result<Vec<EntryHash>, StoreError> {
        let (mut low, mut high) = (prefix.to_vec(), prefix.to_vec());
        low.extend(half.map(|h| h << 4));
        high.extend(half.map(|h| (h << 4) | 0x0f));
        low.resize(32, 0);
        high.resize(32, 0xff);
        self.all(
            "SELECT hash FROM entries WHERE substr(hash, 1, 8) BETWEEN substr(?1, 1, 8) AND substr(?2, 1, 8)
             AND hash BETWEEN ?1 AND ?2 ORDER BY substr(hash, 1, 8), hash LIMIT ?3",
            (low, high, limit),
            |row| Ok(EntryHash::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )
    }

    pub(crate) fn find_entry(&self, hash: &EntryHash) -> Result<Option<Found>, StoreError> {
        if let Some(found) = self.recent.borrow().by_hash.get(hash) {
            return Ok(Some(*found));
        }
        self.first(
            "SELECT id, chain, seq FROM entries WHERE substr(hash, 1, 8) = substr(?1, 1, 8) AND hash = ?1",
            [hash.as_bytes()],
            |row| {
                Ok(Found { id: row.get(0)?, chain: ChainId(row.get(1)?), seq: unsigned(row.get(2)?)? })
            },
        )
    }

    /// Whether this very entry is here, at this place of this log.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn holds(&self, entry: &EntryRef) -> Result<bool, StoreError> {
        let Some(found) = self.find_entry(&entry.hash)? else { return Ok(false) };
        let chains = self.chains_of_log(&entry.log)?;
        Ok(found.seq == entry.seq && chains.iter().any(|chain| chain.id == found.chain))
    }

    /// Entries of one chain from `from` on, at most `limit`.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn entries_of_chain(
        &self,
        chain: ChainId,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        self.all(
            &format!("{ENTRY} WHERE e.chain = ?1 AND e.seq >= ?2 ORDER BY e.seq LIMIT ?3"),
            (chain.0, from_seq(from), limit_column(limit)),
            read,
        )
    }

    pub(crate) fn pending_entries(
        &self,
        log: &LogKey,
        epoch: Epoch,
        after: Option<(ChainId, Seq)>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let (chain, seq) = after.map_or((i64::MIN, -1), |(chain, seq)| (chain.0, from_seq(seq)));
        self.all(
            &format!(
                "{ENTRY} WHERE p.log = ?1 AND p.epoch = ?2 AND (p.chain, p.seq) > (?3, ?4)
                 ORDER BY p.chain, p.seq LIMIT ?5"
            ),
            (log.as_bytes(), epoch, chain, seq, limit_column(limit)),
            read,
        )
    }

    pub(crate) fn append_entries(
        &self,
        chain: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), StoreError> {
        let Some(last) = entries.last() else { return Ok(()) };
        let mut insert = self.statement(
            "INSERT INTO entries (chain, seq, kind, flags, prev, hash, stored, signature, payload)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        let mut recent = self.recent.borrow_mut();
        if recent.by_hash.len() + entries.len() > RECENT {
            recent.by_hash.clear();
        }
        for new in entries {
            let header = Header::decode(new.header)
                .map_err(|_| StoreError::damaged("an entry that was not checked"))?;
            insert.execute((
                chain.0,
                signed(new.seq, "a sequence number")?,
                header.kind.code(),
                header.flags,
                header.prev.as_bytes(),
                new.hash.as_bytes(),
                millis(stored),
                new.signature.as_ref().map_or(&[][..], |s| s.as_bytes()),
                new.payload,
            ))?;
            let found = Found { id: self.conn().last_insert_rowid(), chain, seq: new.seq };
            recent.by_hash.insert(new.hash, found);
            if let Some(epoch) = new.pending {
                self.run(
                    "INSERT INTO pending (log, epoch, chain, seq) VALUES (?1, ?2, ?3, ?4)",
                    (header.log.as_bytes(), epoch, chain.0, signed(new.seq, "a sequence number")?),
                )?;
            }
        }
        self.run(
            "UPDATE chains SET head_seq = ?2, head_hash = ?3 WHERE id = ?1",
            (chain.0, signed(last.seq, "a sequence number")?, last.hash.as_bytes()),
        )?;
        Ok(())
    }

    /// An entry waits for a key again.
    pub(crate) fn wait_again(
        &self,
        chain: ChainId,
        seq: Seq,
        epoch: Epoch,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO pending (log, epoch, chain, seq) SELECT log, ?2, id, ?3 FROM chains WHERE id = ?1",
            (chain.0, epoch, from_seq(seq)),
        )?;
        Ok(())
    }

    pub(crate) fn settle_entry(&self, chain: ChainId, seq: Seq) -> Result<(), StoreError> {
        self.run("DELETE FROM pending WHERE chain = ?1 AND seq = ?2", (chain.0, from_seq(seq)))?;
        Ok(())
    }
}

/// For comparisons: nothing is stored beyond the end of the range.
pub(crate) fn from_seq(seq: Seq) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(crate) fn limit_column(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
