//! `Hello`: the first frame of each side on the control stream, and what must hold of it.

use nexus_identity::cbor::{CborError, Map, MapWriter};
use nexus_identity::{ConnectId, InstanceKey, VerifiedCard, VerifiedRecord};

use crate::beacon::BootId;
use crate::code::CloseCode;
use crate::config::LocalHello;

/// Largest body of a `Hello`, in bytes: a card and a record at their limits, and room for what versions to come add.
pub const MAX_HELLO: usize = 60 * 1024;

/// The one protocol version that this build speaks.
pub const VERSION: u64 = 1;

/// Versions that one `Hello` may name.
pub const MAX_VERSIONS: usize = 16;

const VERSIONS_KEY: u64 = 1;
const CONNECT_ID: u64 = 2;
const CARD: u64 = 3;
const RECORD: u64 = 4;
const CAPABILITIES: u64 = 5;
const PORT: u64 = 6;
const BOOT: u64 = 7;

/// A `Hello` as read: nothing in it is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Protocol versions that the sender speaks.
    pub versions: Vec<u64>,
    /// Who the sender says it is.
    pub connect_id: ConnectId,
    /// Its card.
    pub card: Vec<u8>,
    /// Its own instance record.
    pub record: Vec<u8>,
    /// Bits of what it can do.
    pub capabilities: u64,
    /// TCP port at which it listens; 0: nowhere.
    pub port: u16,
    /// Its boot id, as in its beacons.
    pub boot: BootId,
}

impl Hello {
    /// What this node says.
    #[must_use]
    pub fn local(connect_id: ConnectId, hello: &LocalHello, port: u16, boot: BootId) -> Self {
        Self {
            versions: vec![VERSION],
            connect_id,
            card: hello.card.to_bytes(),
            record: hello.record.to_bytes().to_vec(),
            capabilities: hello.capabilities,
            port,
            boot,
        }
    }

    /// The body of the frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.value(VERSIONS_KEY, |writer| {
            writer.array(self.versions.len());
            for version in &self.versions {
                writer.uint(*version);
            }
        })
        .bytes(CONNECT_ID, self.connect_id.as_bytes())
        .bytes(CARD, &self.card)
        .bytes(RECORD, &self.record)
        .uint(CAPABILITIES, self.capabilities)
        .uint(PORT, u64::from(self.port))
        .bytes(BOOT, &self.boot.0);
        map.into_bytes()
    }

    /// Reads the body of the frame; unknown keys are skipped.
    ///
    /// # Errors
    /// When it is over [`MAX_HELLO`], no deterministic CBOR, or a value is missing or out of range.
    pub fn decode(body: &[u8]) -> Result<Self, CborError> {
        if body.len() > MAX_HELLO {
            return Err(CborError::Range);
        }
        let map = Map::decode(body)?;
        let mut versions = map.get(VERSIONS_KEY)?;
        let count = versions.array(MAX_VERSIONS)?;
        Ok(Self {
            versions: (0..count).map(|_| versions.uint()).collect::<Result<_, _>>()?,
            connect_id: ConnectId::from_bytes(map.get(CONNECT_ID)?.array_of()?),
            card: map.get(CARD)?.bytes()?.to_vec(),
            record: map.get(RECORD)?.bytes()?.to_vec(),
            capabilities: map.get(CAPABILITIES)?.uint()?,
            port: u16::try_from(map.get(PORT)?.uint()?).map_err(|_| CborError::Range)?,
            boot: BootId(map.get(BOOT)?.array_of()?),
        })
    }

    /// Checks a `Hello` that came over a link whose TLS key is `instance`.
    ///
    /// The card is merged into `known` first: a revocation that either side knows of counts. Then the TLS key must be a
    /// live instance of the ConnectID, the record must be that instance's own, and the ConnectID the one that was
    /// dialled, if any.
    ///
    /// # Errors
    /// The code to end the link with.
    pub fn check(
        &self,
        instance: InstanceKey,
        expected: Option<&ConnectId>,
        known: Option<&VerifiedCard>,
    ) -> Result<CheckedHello, CloseCode> {
        if !self.versions.contains(&VERSION) {
            return Err(CloseCode::Version);
        }
        if expected.is_some_and(|expected| *expected != self.connect_id) {
            return Err(CloseCode::WrongIdentity);
        }
        let told =
            VerifiedCard::decode_knowing(&self.card, known).map_err(|_| CloseCode::BadHello)?;
        if told.connect_id() != self.connect_id {
            return Err(CloseCode::BadHello);
        }
        let (card, second_contact_key) = match known {
            Some(known) => {
                let merge = known.merge(&told);
                (merge.card, merge.second_contact_key)
            }
            None => (told, false),
        };
        if !card.is_live(&instance) {
            return Err(CloseCode::NotLive);
        }
        let record =
            VerifiedRecord::verify(&self.record, &card).map_err(|_| CloseCode::BadHello)?;
        if record.instance() != instance {
            return Err(CloseCode::BadHello);
        }
        Ok(CheckedHello {
            connect_id: self.connect_id,
            instance,
            card,
            second_contact_key,
            record,
            capabilities: self.capabilities,
            port: self.port,
            boot: self.boot,
        })
    }
}

/// A `Hello` that passed [`Hello::check`]: its sender is who it says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CheckedHello {
    /// Who.
    pub connect_id: ConnectId,
    /// Which instance; it holds the TLS key.
    pub instance: InstanceKey,
    /// The card, merged with what was known.
    pub card: VerifiedCard,
    /// A second contact key was told and refused.
    pub second_contact_key: bool,
    /// The instance's own record.
    pub record: VerifiedRecord,
    /// Bits of what it can do.
    pub capabilities: u64,
    /// TCP port at which it listens; 0: nowhere.
    pub port: u16,
    /// Its boot id.
    pub boot: BootId,
}

impl CheckedHello {
    /// Merges its card into what is known of the peer.
    ///
    /// # Errors
    /// [`CloseCode::NotLive`] when its instance does not count by that.
    pub(crate) fn merge(&mut self, known: Option<&VerifiedCard>) -> Result<(), CloseCode> {
        if let Some(known) = known {
            let merge = known.merge(&self.card);
            self.card = merge.card;
            self.second_contact_key |= merge.second_contact_key;
        }
        if self.card.is_live(&self.instance) { Ok(()) } else { Err(CloseCode::NotLive) }
    }
}

#[cfg(test)]
mod tests;
