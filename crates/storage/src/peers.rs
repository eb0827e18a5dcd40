//! How to reach people: addresses, instance records, and what was found to be shared.

use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use rusqlite::Row;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::sql::{Bytes, bounded, millis, to_millis, to_moment};
use crate::writer::Tx;

/// Addresses kept per person; beyond, the one that worked least recently goes, those typed in last.
pub const MAX_ADDRESSES: i64 = 16;
/// Longest address, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 256;
/// Largest instance record, in bytes.
pub const MAX_RECORD_BYTES: usize = 16 * 1024;
/// Instance records kept per person: the live ones and some that were revoked.
pub const MAX_RECORDS: i64 = 32;
/// Largest share with one instance, in bytes: two hashes, and as many topics as one round may name.
pub const MAX_SHARE_BYTES: usize = 64 + 32 * 16_384;
/// Instances whose share is kept; beyond, the one written longest ago goes.
pub const MAX_SHARES: i64 = 1_024;

/// Where an address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressSource {
    /// The person typed it.
    Manual,
    /// Discovery, or a link that came from there.
    Seen,
    /// An invite or a record.
    Told,
}

impl AddressSource {
    fn code(self) -> i64 {
        match self {
            Self::Manual => 1,
            Self::Seen => 2,
            Self::Told => 3,
        }
    }

    fn from_code(code: i64) -> Result<Self, StoreError> {
        Ok(match code {
            1 => Self::Manual,
            2 => Self::Seen,
            3 => Self::Told,
            _ => return Err(StoreError::damaged("an unknown address source")),
        })
    }
}

/// An address of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRow {
    /// `host:port`.
    pub address: String,
    /// Where it comes from.
    pub source: AddressSource,
    /// When it was last heard of.
    pub seen: Millis,
    /// When a link over it last proved who is there.
    pub authenticated: Option<Millis>,
}

/// An instance record as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// Whose it is.
    pub instance: InstanceKey,
    /// Of which identity.
    pub connect_id: ConnectId,
    /// The signed bytes.
    pub bytes: Vec<u8>,
    /// When it came.
    pub received: Millis,
    /// Last authenticated sign of life of this instance.
    pub last_seen: Option<Millis>,
}

fn read_record(row: &Row<'_>) -> Result<RecordRow, StoreError> {
    Ok(RecordRow {
        instance: InstanceKey::from_bytes(row.get::<_, Bytes<32>>(0)?.0),
        connect_id: ConnectId::from_bytes(row.get::<_, Bytes<32>>(1)?.0),
        bytes: row.get(2)?,
        received: to_millis(row.get(3)?),
        last_seen: to_moment(row.get(4)?),
    })
}

const RECORDS: &str =
    "SELECT instance, connect_id, bytes, received, last_seen FROM instance_records";

impl Queries {
    /// Addresses of somebody: the last authenticated first, then the last heard of.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn addresses(&self, who: &ConnectId) -> Result<Vec<AddressRow>, StoreError> {
        self.all(
            "SELECT address, source, seen, authenticated FROM addresses WHERE connect_id = ?1
             ORDER BY authenticated DESC, seen DESC, id",
            [who.as_bytes()],
            |row| {
                Ok(AddressRow {
                    address: row.get(0)?,
                    source: AddressSource::from_code(row.get(1)?)?,
                    seen: to_millis(row.get(2)?),
                    authenticated: to_moment(row.get(3)?),
                })
            },
        )
    }

    /// The record of one instance.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn record(&self, instance: &InstanceKey) -> Result<Option<RecordRow>, StoreError> {
        self.first(&format!("{RECORDS} WHERE instance = ?1"), [instance.as_bytes()], read_record)
    }

    /// Records of all instances of somebody.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn records(&self, who: &ConnectId) -> Result<Vec<RecordRow>, StoreError> {
        self.all(
            &format!("{RECORDS} WHERE connect_id = ?1 ORDER BY instance"),
            [who.as_bytes()],
            read_record,
        )
    }
}

impl Queries {
    /// What an instance and I found to share when last we compared, in sync's own form.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn share(&self, instance: &InstanceKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.first("SELECT bytes FROM shares WHERE instance = ?1", [instance.as_bytes()], |row| {
            Ok(row.get(0)?)
        })
    }
}

impl Tx<'_> {
    /// Keeps what an instance and I share.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn put_share(
        &mut self,
        instance: &InstanceKey,
        share: &[u8],
        now: Millis,
    ) -> Result<(), StoreError> {
        bounded("a share", share.len(), MAX_SHARE_BYTES)?;
        self.run(
            "INSERT OR REPLACE INTO shares (instance, bytes, used) VALUES (?1, ?2, ?3)",
            (instance.as_bytes(), share, millis(now)),
        )?;
        self.run(
            "DELETE FROM shares WHERE instance IN
             (SELECT instance FROM shares ORDER BY used DESC, instance LIMIT -1 OFFSET ?1)",
            [MAX_SHARES],
        )?;
        Ok(())
    }

    /// Notes an address, new or heard of again.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn note_address(
        &mut self,
        who: &ConnectId,
        address: &str,
        source: AddressSource,
        now: Millis,
    ) -> Result<(), StoreError> {
        bounded("an address", address.len(), MAX_ADDRESS_BYTES)?;
        self.run(
            "INSERT INTO addresses (connect_id, address, source, seen) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (connect_id, address) DO UPDATE SET seen = max(seen, excluded.seen),
                 source = min(source, excluded.source)",
            (who.as_bytes(), address, source.code(), millis(now)),
        )?;
        self.run(
            "DELETE FROM addresses WHERE id IN (SELECT id FROM addresses WHERE connect_id = ?1
             ORDER BY source = 1 DESC, authenticated DESC, seen DESC, id DESC LIMIT -1 OFFSET ?2)",
            (who.as_bytes(), MAX_ADDRESSES),
        )?;
        Ok(())
    }

    /// Notes that a link over this address proved who is there.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn authenticated_address(
        &mut self,
        who: &ConnectId,
        address: &str,
        now: Millis,
    ) -> Result<(), StoreError> {
        self.note_address(who, address, AddressSource::Seen, now)?;
        self.run(
            "UPDATE addresses SET authenticated = max(authenticated, ?3) WHERE connect_id = ?1 AND address = ?2",
            (who.as_bytes(), address, millis(now)),
        )?;
        Ok(())
    }

    /// Forgets all addresses of somebody.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn forget_addresses(&mut self, who: &ConnectId) -> Result<(), StoreError> {
        self.run("DELETE FROM addresses WHERE connect_id = ?1", [who.as_bytes()])?;
        Ok(())
    }

    /// Stores an instance record. Whether it is newer than the stored one is for the caller to know.
    ///
    /// # Errors
    /// [`StoreError::TooLong`], or when the store can't be written.
    pub fn put_record(
        &mut self,
        instance: &InstanceKey,
        who: &ConnectId,
        bytes: &[u8],
        now: Millis,
    ) -> Result<(), StoreError> {
        bounded("a record", bytes.len(), MAX_RECORD_BYTES)?;
        self.run(
            "INSERT INTO instance_records (instance, connect_id, bytes, received) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (instance) DO UPDATE SET connect_id = excluded.connect_id, bytes = excluded.bytes,
                 received = excluded.received",
            (instance.as_bytes(), who.as_bytes(), bytes, millis(now)),
        )?;
        self.run(
            "DELETE FROM instance_records WHERE instance IN (SELECT instance FROM instance_records
             WHERE connect_id = ?1 ORDER BY received DESC, instance LIMIT -1 OFFSET ?2)",
            (who.as_bytes(), MAX_RECORDS),
        )?;
        Ok(())
    }

    /// Notes an authenticated sign of life of an instance; the latest stays.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn saw_instance(&mut self, instance: &InstanceKey, now: Millis) -> Result<(), StoreError> {
        self.run(
            "UPDATE instance_records SET last_seen = max(last_seen, ?2) WHERE instance = ?1",
            (instance.as_bytes(), millis(now)),
        )?;
        Ok(())
    }

    /// Forgets the record of an instance that was revoked.
    ///
    /// # Errors
    /// When the store can't be written.
    pub fn drop_record(&mut self, instance: &InstanceKey) -> Result<(), StoreError> {
        self.run("DELETE FROM instance_records WHERE instance = ?1", [instance.as_bytes()])?;
        Ok(())
    }
}
