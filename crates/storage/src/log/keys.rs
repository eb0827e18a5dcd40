//! The keyring: epochs and their keys.

use nexus_identity::id::{InstanceKey, Millis};
use nexus_identity::kdf::Secret32;
use nexus_identity::prekey::PrekeyId;
use nexus_log::cipher::Commitment;
use nexus_log::ids::{Epoch, LogKey, Topic};
use nexus_log::ledger::{ChainId, EpochStart, FleetingKey, KeyState, OwnEpoch};
use rusqlite::Row;

use super::entries::limit_column;
use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, millis, signed, to_millis, unsigned};
use crate::writer::Tx;

/// An epoch key, as a backup takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The log.
    pub log: LogKey,
    /// The epoch.
    pub epoch: Epoch,
    /// What the key was committed to.
    pub commitment: Commitment,
    /// The key.
    pub key: Secret32,
}

fn read_start(row: &Row<'_>) -> Result<EpochStart, StoreError> {
    Ok(EpochStart {
        log: LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        epoch: row.get(1)?,
        chain: ChainId(row.get(2)?),
        seq: unsigned(row.get(3)?)?,
        commitment: Commitment(row.get::<_, Bytes<32>>(4)?.0),
    })
}

/// Bytes of an instance key and the id of the prekey sealed to.
const SLOT: usize = 48;

fn read_slot(slot: &[u8; SLOT]) -> Option<(InstanceKey, PrekeyId)> {
    let (key, prekey) = slot.split_first_chunk()?;
    Some((InstanceKey::from_bytes(*key), PrekeyId(prekey.try_into().ok()?)))
}

fn read_own(row: &Row<'_>) -> Result<OwnEpoch, StoreError> {
    let sealed: Vec<u8> = row.get(5)?;
    let (keys, rest) = sealed.as_chunks::<SLOT>();
    if !rest.is_empty() {
        return Err(StoreError::damaged("a cut list of instances"));
    }
    Ok(OwnEpoch {
        epoch: row.get(0)?,
        commitment: Commitment(row.get::<_, Bytes<32>>(1)?.0),
        started: to_millis(row.get(2)?),
        entries: row.get(3)?,
        timer: row.get::<_, Option<i64>>(4)?.map(unsigned).transpose()?,
        sealed: keys.iter().filter_map(read_slot).collect(),
    })
}

impl Queries {
    /// Keys for a backup, by (log, epoch): all that are held, but those that go with their last message.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn keys_for_backup(&self) -> Result<Vec<KeyRow>, StoreError> {
        self.all(
            "SELECT log, epoch, commitment, key FROM keyring WHERE erased = 0 AND until IS NULL
             ORDER BY log, epoch, commitment",
            [],
            |row| {
                Ok(KeyRow {
                    log: LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    epoch: row.get(1)?,
                    commitment: Commitment(row.get::<_, Bytes<32>>(2)?.0),
                    key: Secret32::new(row.get::<_, Bytes<32>>(3)?.0),
                })
            },
        )
    }

    pub(crate) fn insert_epoch(&self, start: &EpochStart) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO epochs (log, epoch, chain, seq, commitment) VALUES (?1, ?2, ?3, ?4, ?5)",
            (
                start.log.as_bytes(),
                start.epoch,
                start.chain.0,
                signed(start.seq, "a sequence number")?,
                start.commitment.0,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn epoch_starts(
        &self,
        log: &LogKey,
        epoch: Epoch,
    ) -> Result<Vec<EpochStart>, StoreError> {
        self.all(
            "SELECT log, epoch, chain, seq, commitment FROM epochs WHERE log = ?1 AND epoch = ?2 ORDER BY chain, seq",
            (log.as_bytes(), epoch),
            read_start,
        )
    }

    pub(crate) fn insert_key(
        &self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO keyring (log, epoch, commitment, key) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (log, epoch, commitment) DO NOTHING",
            (log.as_bytes(), epoch, commitment.0, key.expose().as_slice()),
        )?;
        Ok(())
    }

    pub(crate) fn key_state(
        &self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<KeyState, StoreError> {
        let state = self.first(
            "SELECT erased, key FROM keyring WHERE log = ?1 AND epoch = ?2 AND commitment = ?3",
            (log.as_bytes(), epoch, commitment.0),
            |row| {
                if row.get(0)? {
                    return Ok(KeyState::Erased);
                }
                Ok(KeyState::Held(Secret32::new(row.get::<_, Bytes<32>>(1)?.0)))
            },
        )?;
        Ok(state.unwrap_or(KeyState::Unknown))
    }

    pub(crate) fn mark_fleeting(&self, key: &FleetingKey) -> Result<(), StoreError> {
        self.run(
            "UPDATE keyring SET until = max(coalesce(until, 0), ?4)
             WHERE log = ?1 AND epoch = ?2 AND commitment = ?3",
            (key.log.as_bytes(), key.epoch, key.commitment.0, millis(key.until)),
        )?;
        Ok(())
    }

    pub(crate) fn fleeting_keys(
        &self,
        now: Millis,
        limit: usize,
    ) -> Result<Vec<FleetingKey>, StoreError> {
        self.all(
            "SELECT log, epoch, commitment, until FROM keyring
             WHERE until IS NOT NULL AND erased = 0 AND until <= ?1 ORDER BY until, log, epoch LIMIT ?2",
            (millis(now), limit_column(limit)),
            |row| {
                Ok(FleetingKey {
                    log: LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    epoch: row.get(1)?,
                    commitment: Commitment(row.get::<_, Bytes<32>>(2)?.0),
                    until: to_millis(row.get(3)?),
                })
            },
        )
    }

    pub(crate) fn erase_epoch_key(
        &self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<(), StoreError> {
        self.note_erased();
        self.run(
            "INSERT INTO keyring (log, epoch, commitment, erased) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT (log, epoch, commitment) DO UPDATE SET key = x'', erased = 1",
            (log.as_bytes(), epoch, commitment.0),
        )?;
        Ok(())
    }

    pub(crate) fn own_epoch_of(&self, log: &LogKey) -> Result<Option<OwnEpoch>, StoreError> {
        self.first(
            "SELECT epoch, commitment, started, entries, timer, sealed FROM own_epochs WHERE log = ?1",
            [log.as_bytes()],
            read_own,
        )
    }

    pub(crate) fn keep_own_epoch(&self, log: &LogKey, own: &OwnEpoch) -> Result<(), StoreError> {
        let slots = own.sealed.iter();
        let sealed: Vec<u8> = slots
            .flat_map(|(key, prekey)| key.as_bytes().iter().chain(prekey.as_bytes()).copied())
            .collect();
        self.run(
            "INSERT OR REPLACE INTO own_epochs (log, epoch, commitment, started, entries, timer, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                log.as_bytes(),
                own.epoch,
                own.commitment.0,
                millis(own.started),
                own.entries,
                own.timer.map(|t| i64::try_from(t).unwrap_or(i64::MAX)),
                sealed,
            ),
        )?;
        Ok(())
    }
}

impl Tx<'_> {
    /// Takes keys out of a backup in; they open what comes later.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn restore_keys(
        &mut self,
        keys: impl IntoIterator<Item = KeyRow>,
    ) -> Result<(), StoreError> {
        keys.into_iter().try_for_each(|k| self.insert_key(&k.log, k.epoch, &k.commitment, &k.key))
    }

    /// Erases every epoch key of a topic, without the mark that keeps them from coming back: the conversation was
    /// removed, and may be taken up again.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn erase_keys(&mut self, topic: &Topic) -> Result<(), StoreError> {
        self.note_erased();
        self.run(
            "DELETE FROM keyring WHERE erased = 0 AND log IN (SELECT log FROM chains WHERE topic = ?1)",
            [topic.as_bytes()],
        )?;
        // Whoever takes it up again may ask at once.
        self.run(
            "DELETE FROM keys_asked WHERE log IN (SELECT log FROM chains WHERE topic = ?1)",
            [topic.as_bytes()],
        )?;
        Ok(())
    }
}
