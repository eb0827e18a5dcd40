//! This installation: its instance, where it was made, and the instances before it.

use std::fmt;

use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use zeroize::Zeroizing;

use crate::error::StoreError;
use crate::open::{Notice, inode};
use crate::queries::Queries;
use crate::sql::{Bytes, millis, to_millis};
use crate::writer::Tx;

/// The own instance as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct OwnInstance {
    /// Whose it is.
    pub connect_id: ConnectId,
    /// Its public key.
    pub instance: InstanceKey,
    /// Its seed.
    pub seed: Zeroizing<[u8; 32]>,
    /// Its ring of prekeys, in identity's own form.
    pub prekeys: Zeroizing<Vec<u8>>,
    /// The instance record it publishes; empty before the first.
    pub record: Vec<u8>,
    /// The card as this instance knows it; empty before the first.
    pub card: Vec<u8>,
    /// When it was made.
    pub created: Millis,
}

impl fmt::Debug for OwnInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnInstance").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// Why an instance was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retirement {
    /// The database was found on another machine or in another place.
    Copied,
    /// Own logs were missing or damaged.
    Damaged,
    /// A signature of its own turned up that it did not know.
    Forked,
    /// Its own clock ran too far ahead to go on.
    Clock,
    /// It was revoked.
    Revoked,
}

impl Retirement {
    const ALL: [Self; 5] = [Self::Copied, Self::Damaged, Self::Forked, Self::Clock, Self::Revoked];

    fn code(self) -> i64 {
        match self {
            Self::Copied => 1,
            Self::Damaged => 2,
            Self::Forked => 3,
            Self::Clock => 4,
            Self::Revoked => 5,
        }
    }
}

/// An instance that this database held before.
#[derive(Clone, PartialEq, Eq)]
pub struct RetiredInstance {
    /// Its public key.
    pub instance: InstanceKey,
    /// Its ring of prekeys as it was: what was sealed to it can still be opened.
    pub prekeys: Zeroizing<Vec<u8>>,
    /// Why.
    pub reason: Retirement,
    /// When.
    pub at: Millis,
}

impl fmt::Debug for RetiredInstance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetiredInstance")
            .field("instance", &self.instance)
            .field("reason", &self.reason)
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl Queries {
    /// The own instance, once one was made.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn own_instance(&self) -> Result<Option<OwnInstance>, StoreError> {
        self.first(
            "SELECT instance, seed, prekeys, record, card, created, connect_id FROM own_instance",
            [],
            |row| {
                Ok(OwnInstance {
                    connect_id: ConnectId::from_bytes(row.get::<_, Bytes<32>>(6)?.0),
                    instance: InstanceKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    seed: Zeroizing::new(row.get::<_, Bytes<32>>(1)?.0),
                    prekeys: Zeroizing::new(row.get(2)?),
                    record: row.get(3)?,
                    card: row.get(4)?,
                    created: to_millis(row.get(5)?),
                })
            },
        )
    }

    /// Instances this database held before, oldest first.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn retired_instances(&self) -> Result<Vec<RetiredInstance>, StoreError> {
        self.all(
            "SELECT instance, prekeys, reason, at FROM retired_instances ORDER BY at, instance",
            [],
            |row| {
                let code: i64 = row.get(2)?;
                Ok(RetiredInstance {
                    instance: InstanceKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
                    prekeys: Zeroizing::new(row.get(1)?),
                    reason: Retirement::ALL
                        .into_iter()
                        .find(|r| r.code() == code)
                        .ok_or_else(|| StoreError::damaged("an unknown retirement"))?,
                    at: to_millis(row.get(3)?),
                })
            },
        )
    }

    /// Whether this file is still where the own instance was made.
    pub(crate) fn copied(&self, machine: &[u8]) -> Result<Option<Notice>, StoreError> {
        let here = inode_column(inode(&self.shared.path));
        self.first(
            "SELECT machine, inode FROM meta JOIN own_instance ON own_instance.id = meta.id WHERE healed = 0",
            [],
            |row| {
                let (then_machine, then_inode): (Vec<u8>, i64) = (row.get(0)?, row.get(1)?);
                let (machine, place) = (then_machine != machine, then_inode != here);
                Ok((machine || place).then_some(Notice::Copied { machine, place }))
            },
        )
        .map(Option::flatten)
    }
}

impl Tx<'_> {
    /// Makes `own` the instance of this database, on this machine and in this file.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn set_own_instance(
        &mut self,
        own: &OwnInstance,
        machine: &[u8],
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO own_instance (id, instance, seed, prekeys, record, card, created, connect_id)
             VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            (
                own.instance.as_bytes(),
                own.seed.as_slice(),
                own.prekeys.as_slice(),
                &own.record,
                &own.card,
                millis(own.created),
                own.connect_id.as_bytes(),
            ),
        )?;
        // The own identity is remembered while a transaction lasts; it may be another now.
        self.flush_working()?;
        self.forget_working();
        let here = inode_column(inode(&self.shared.path));
        self.run("UPDATE meta SET machine = ?1, inode = ?2, healed = 0", (machine, here))?;
        Ok(())
    }

    /// Gives up the own instance: its seed is erased, its prekeys stay. Follow with [`Tx::set_own_instance`].
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn retire_own_instance(
        &mut self,
        reason: Retirement,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT OR REPLACE INTO retired_instances (instance, prekeys, reason, at)
             SELECT instance, prekeys, ?1, ?2 FROM own_instance",
            (reason.code(), millis(now)),
        )?;
        self.note_erased();
        self.run("DELETE FROM own_instance", [])?;
        Ok(())
    }

    /// Stores the ring of prekeys after a rotation or an erasure.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn set_prekeys(&mut self, prekeys: &[u8]) -> Result<(), StoreError> {
        self.note_erased();
        self.run("UPDATE own_instance SET prekeys = ?1", [prekeys])?;
        Ok(())
    }

    /// Erases the prekeys of a retired instance (30 days after it was retired).
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn erase_retired_prekeys(&mut self, instance: &InstanceKey) -> Result<(), StoreError> {
        self.note_erased();
        self.run(
            "UPDATE retired_instances SET prekeys = x'' WHERE instance = ?1",
            [instance.as_bytes()],
        )?;
        Ok(())
    }

    /// Stores the own instance record.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn set_own_record(&mut self, record: &[u8]) -> Result<(), StoreError> {
        self.run("UPDATE own_instance SET record = ?1", [record])?;
        Ok(())
    }

    /// Stores the own card.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn set_own_card(&mut self, card: &[u8]) -> Result<(), StoreError> {
        self.run("UPDATE own_instance SET card = ?1", [card])?;
        Ok(())
    }
}

/// Inodes are 64 bits without an order, so they are kept bit by bit.
fn inode_column(inode: u64) -> i64 {
    i64::from_ne_bytes(inode.to_ne_bytes())
}
