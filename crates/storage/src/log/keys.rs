//! The keyring: epochs, their keys, and who asks for them.

use nexus_identity::id::{InstanceKey, Millis};
use nexus_identity::kdf::Secret32;
use nexus_identity::prekey::PrekeyId;
use nexus_log::cipher::Commitment;
use nexus_log::ids::{EntryHash, EntryRef, Epoch, LogKey, Topic};
use nexus_log::ledger::{
    ChainId, EpochStart, FleetingKey, KeyState, OpenRequest, OwnEpoch, Times, Waiting,
};
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

fn read_request(row: &Row<'_>) -> Result<OpenRequest, StoreError> {
    Ok(OpenRequest {
        topic: Topic::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        instance: InstanceKey::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
        log: LogKey::from_bytes(row.get::<_, Bytes<32>>(2)?.0),
        epoch: row.get(3)?,
    })
}

/// From two columns, beginning at `at`.
fn read_times(row: &Row<'_>, at: usize) -> Result<Option<Times>, StoreError> {
    let when: Option<i64> = row.get(at)?;
    let Some(when) = when.map(to_millis) else { return Ok(None) };
    Ok(Some(Times { at: when, count: row.get(at + 1)? }))
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

    pub(crate) fn waiting_epochs(
        &self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        let logs = self.all(
            "SELECT DISTINCT log FROM chains c WHERE topic = ?1
                 AND EXISTS (SELECT 1 FROM pending p WHERE p.log = c.log) ORDER BY log",
            [topic.as_bytes()],
            |row| Ok(LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )?;
        let mut waiting = Vec::new();
        for log in logs {
            waiting.extend(self.all(
                "SELECT p.epoch, a.at, a.times FROM
                     (SELECT DISTINCT epoch FROM pending WHERE log = ?1 ORDER BY epoch LIMIT ?2) p
                 LEFT JOIN keys_asked a ON a.log = ?1 AND a.epoch = p.epoch ORDER BY p.epoch",
                (log.as_bytes(), limit_column(limit)),
                |row| Ok((log, row.get(0)?, read_times(row, 1)?)),
            )?);
        }
        Ok(waiting)
    }

    pub(crate) fn keep_request(&self, request: &OpenRequest) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO key_requests (topic, instance, log, epoch) VALUES (?1, ?2, ?3, ?4)",
            (
                request.topic.as_bytes(),
                request.instance.as_bytes(),
                request.log.as_bytes(),
                request.epoch,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn requests_open(
        &self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<OpenRequest>, StoreError> {
        self.all(
            "SELECT topic, instance, log, epoch FROM key_requests WHERE topic = ?1
             ORDER BY instance, log, epoch LIMIT ?2",
            (topic.as_bytes(), limit_column(limit)),
            read_request,
        )
    }

    pub(crate) fn end_request(&self, request: &OpenRequest) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM key_requests WHERE topic = ?1 AND instance = ?2 AND log = ?3 AND epoch = ?4",
            (
                request.topic.as_bytes(),
                request.instance.as_bytes(),
                request.log.as_bytes(),
                request.epoch,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn end_requests(
        &self,
        topic: &Topic,
        log: &LogKey,
        epoch: Epoch,
    ) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM key_requests WHERE topic = ?1 AND log = ?2 AND epoch = ?3",
            (topic.as_bytes(), log.as_bytes(), epoch),
        )?;
        Ok(())
    }

    pub(crate) fn answers_to(&self, request: &OpenRequest) -> Result<Option<Times>, StoreError> {
        let OpenRequest { topic, instance, log, epoch } = request;
        let times = self.first(
            "SELECT at, times FROM keys_answered
             WHERE topic = ?1 AND instance = ?2 AND log = ?3 AND epoch = ?4",
            (topic.as_bytes(), instance.as_bytes(), log.as_bytes(), epoch),
            |row| read_times(row, 0),
        )?;
        Ok(times.flatten())
    }

    pub(crate) fn note_answers(
        &self,
        request: &OpenRequest,
        times: Times,
        until: Millis,
    ) -> Result<(), StoreError> {
        let OpenRequest { topic, instance, log, epoch } = request;
        self.run("DELETE FROM keys_answered WHERE at < ?1", [millis(until)])?;
        self.run(
            "INSERT OR REPLACE INTO keys_answered (topic, instance, log, epoch, at, times)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (
                topic.as_bytes(),
                instance.as_bytes(),
                log.as_bytes(),
                epoch,
                millis(times.at),
                times.count,
            ),
        )?;
        Ok(())
    }

    pub(crate) fn note_asked(
        &self,
        log: &LogKey,
        epoch: Epoch,
        when: Millis,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO keys_asked (log, epoch, at) VALUES (?1, ?2, ?3)
             ON CONFLICT (log, epoch) DO UPDATE SET at = excluded.at, times = min(times + 1, 1000)",
            (log.as_bytes(), epoch, millis(when)),
        )?;
        Ok(())
    }

    pub(crate) fn crowded_logs(&self, topic: &Topic) -> Result<Vec<LogKey>, StoreError> {
        self.all(
            "SELECT log FROM crowded WHERE topic = ?1 ORDER BY log",
            [topic.as_bytes()],
            |row| Ok(LogKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0)),
        )
    }

    pub(crate) fn insert_crowded(&self, topic: &Topic, log: &LogKey) -> Result<(), StoreError> {
        self.run(
            "INSERT OR IGNORE INTO crowded (topic, log) VALUES (?1, ?2)",
            (topic.as_bytes(), log.as_bytes()),
        )?;
        Ok(())
    }

    pub(crate) fn insert_citation(&self, entry: &EntryRef) -> Result<(), StoreError> {
        // No entry is beyond that, and whoever cites one must not be able to fail the run that says so.
        let Ok(seq) = i64::try_from(entry.seq) else { return Ok(()) };
        self.run(
            "INSERT OR IGNORE INTO citations (log, seq, hash) VALUES (?1, ?2, ?3)",
            (entry.log.as_bytes(), seq, entry.hash.as_bytes()),
        )?;
        Ok(())
    }

    pub(crate) fn citations_of(&self, log: &LogKey) -> Result<Vec<EntryRef>, StoreError> {
        self.all(
            "SELECT seq, hash FROM citations WHERE log = ?1 ORDER BY seq, hash",
            [log.as_bytes()],
            |row| {
                Ok(EntryRef {
                    log: *log,
                    seq: unsigned(row.get(0)?)?,
                    hash: EntryHash::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
                })
            },
        )
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
