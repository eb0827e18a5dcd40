//! Instance records: what an instance says of itself now. The newest wins.

use thiserror::Error;

use crate::card::VerifiedCard;
use crate::cbor::{CborError, Extra, Map, MapWriter, Reader, Writer};
use crate::id::{BadSignature, ConnectId, InstanceKey, Millis, Signature};
use crate::kdf::derive;
use crate::keys::InstanceSecret;
use crate::prekey::{Prekey, PrekeyId};
use crate::seal::{self, SealError, Suite, XWING_PUBLIC};

#[cfg(test)]
mod tests;

/// Bytes of an encoded record, at most.
pub const MAX_RECORD: usize = 4096;
/// Relay hints in a record, at most.
pub const MAX_HINTS: usize = 4;
/// Bytes of one hint, at most.
pub const MAX_HINT: usize = 128;
/// Bytes of a prekey of a suite that this version does not know, at most.
pub const MAX_PREKEY: usize = 2048;

/// Signature context.
const CONTEXT: &str = "nexus record v1";
/// Context of the hash that decides between records of equal `seq`.
const HASH_CONTEXT: &str = "nexus record hash v1";

/// Keys of the map.
const CONNECT_ID: u64 = 1;
const INSTANCE: u64 = 2;
const SEQ: u64 = 3;
const SUITE: u64 = 4;
const PREKEY: u64 = 5;
const CREATED: u64 = 6;
const HINTS: u64 = 7;
const KNOWN: [u64; 7] = [CONNECT_ID, INSTANCE, SEQ, SUITE, PREKEY, CREATED, HINTS];

/// Why a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`].
    #[error("the instance record is too long")]
    TooLong,
    /// Not the encoding that this version writes, or over a limit.
    #[error("the instance record is not well formed: {0}")]
    Encoding(#[from] CborError),
    /// Not signed by the instance that it names.
    #[error("the instance record is not signed by its instance")]
    Signature(#[from] BadSignature),
    /// Its X-Wing prekey is not a key that can be sealed to.
    #[error("the prekey in the instance record is not usable")]
    Prekey(#[from] SealError),
    /// It names another identity than the card.
    #[error("the instance record belongs to another identity")]
    OtherIdentity,
    /// The card does not count the instance as live.
    #[error("the instance of the record is not live")]
    NotLive,
}

/// What an instance says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceRecord {
    /// Whose instance it is.
    pub connect_id: ConnectId,
    /// Which instance.
    pub instance: InstanceKey,
    /// Rises with each new record of the instance.
    pub seq: u64,
    /// Byte of the prekey's suite; one that is not known can't be sealed to.
    pub suite: u8,
    /// The public prekey.
    pub prekey: Vec<u8>,
    /// When this record was made. Age never closes or voids anything.
    pub created: Millis,
    /// Where to look for the instance: at most [`MAX_HINTS`] of [`MAX_HINT`] bytes.
    pub hints: Vec<String>,
    /// What a newer version says besides.
    pub extra: Extra,
}

impl InstanceRecord {
    /// A record about `instance`, with its current prekey.
    pub fn new(
        connect_id: ConnectId,
        instance: InstanceKey,
        seq: u64,
        prekey: &Prekey,
        created: Millis,
    ) -> Self {
        Self {
            connect_id,
            instance,
            seq,
            suite: prekey.suite().byte(),
            prekey: prekey.public().to_vec(),
            created,
            hints: Vec::new(),
            extra: Extra::default(),
        }
    }

    /// Signs it. Refuses a record over a limit, or one about another instance.
    pub fn sign(&self, secret: &InstanceSecret) -> Result<VerifiedRecord, RecordError> {
        let mut map = MapWriter::new();
        map.bytes(CONNECT_ID, self.connect_id.as_bytes());
        map.bytes(INSTANCE, self.instance.as_bytes()).uint(SEQ, self.seq);
        map.uint(SUITE, u64::from(self.suite)).bytes(PREKEY, &self.prekey);
        map.uint(CREATED, self.created.0);
        if !self.hints.is_empty() {
            map.value(HINTS, |w| {
                w.array(self.hints.len());
                for hint in &self.hints {
                    w.text(hint);
                }
            });
        }
        map.extra(&self.extra);
        let signed = map.into_bytes();
        let signature = secret.sign(CONTEXT, &signed);
        let mut writer = Writer::new();
        writer.array(2).bytes(&signed).bytes(&signature.0);
        VerifiedRecord::verify_alone(&writer.into_bytes())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let map = Map::decode(bytes)?;
        let suite = map.get(SUITE)?.u8()?;
        let prekey = map.get(PREKEY)?.bytes_up_to(MAX_PREKEY)?;
        if suite == Suite::XWing.byte() && prekey.len() != XWING_PUBLIC {
            return Err(CborError::Range);
        }
        let mut hints = Vec::new();
        if let Some(mut reader) = map.find(HINTS) {
            for _ in 0..reader.array(MAX_HINTS)? {
                hints.push(reader.text_up_to(MAX_HINT)?.to_owned());
            }
        }
        Ok(Self {
            connect_id: ConnectId::from_bytes(map.get(CONNECT_ID)?.array_of()?),
            instance: InstanceKey(map.get(INSTANCE)?.array_of()?),
            seq: map.get(SEQ)?.uint()?,
            suite,
            prekey: prekey.to_vec(),
            created: Millis(map.get(CREATED)?.uint()?),
            hints,
            extra: map.unknown(&KNOWN),
        })
    }
}

/// A record that its instance signed, with the bytes as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRecord {
    record: InstanceRecord,
    bytes: Vec<u8>,
    prekey_id: PrekeyId,
    hash: [u8; 32],
}

impl VerifiedRecord {
    /// Checks a record's signature, and that its instance is live in `card`.
    pub fn verify(bytes: &[u8], card: &VerifiedCard) -> Result<Self, RecordError> {
        let verified = Self::verify_alone(bytes)?;
        if verified.record.connect_id != card.connect_id() {
            return Err(RecordError::OtherIdentity);
        }
        if !card.is_live(&verified.record.instance) {
            return Err(RecordError::NotLive);
        }
        Ok(verified)
    }

    /// Checks only that the instance which the record names has signed it.
    ///
    /// For records whose instance was checked before, such as those in the own store.
    pub fn verify_alone(bytes: &[u8]) -> Result<Self, RecordError> {
        if bytes.len() > MAX_RECORD {
            return Err(RecordError::TooLong);
        }
        let mut reader = Reader::new(bytes);
        if reader.array(2)? != 2 {
            return Err(CborError::Range.into());
        }
        let (signed, signature) = (reader.bytes()?, Signature(reader.array_of()?));
        reader.finish()?;
        let record = InstanceRecord::decode(signed)?;
        record.instance.verify(CONTEXT, signed, &signature)?;
        // Checked here, so that no record can make a later sealing fail.
        if record.suite == Suite::XWing.byte() {
            seal::check_public_key(Suite::XWing, &record.prekey)?;
        }
        Ok(Self {
            prekey_id: PrekeyId::of(record.suite, &record.prekey),
            hash: derive(HASH_CONTEXT, &[signed]),
            record,
            bytes: bytes.to_vec(),
        })
    }

    /// What it says.
    pub const fn record(&self) -> &InstanceRecord {
        &self.record
    }

    /// Which instance.
    pub const fn instance(&self) -> InstanceKey {
        self.record.instance
    }

    /// Whose instance.
    pub const fn connect_id(&self) -> ConnectId {
        self.record.connect_id
    }

    /// Its sequence number.
    pub const fn seq(&self) -> u64 {
        self.record.seq
    }

    /// When it was made.
    pub const fn created(&self) -> Millis {
        self.record.created
    }

    /// The suite of its prekey, if this version can seal to it; then sealing can't fail.
    ///
    /// X25519 alone is for contact keys: nobody is sealed to with less than X-Wing by prekey.
    pub fn suite(&self) -> Option<Suite> {
        (self.record.suite == Suite::XWing.byte()).then_some(Suite::XWing)
    }

    /// The public prekey.
    pub fn prekey(&self) -> &[u8] {
        &self.record.prekey
    }

    /// The id of the prekey.
    pub const fn prekey_id(&self) -> PrekeyId {
        self.prekey_id
    }

    /// The record as signed: CBOR `[record, signature]`.
    pub fn to_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether this record replaces `other`: the higher `seq`, at equal `seq` the smaller hash.
    ///
    /// Records of different instances never replace each other.
    pub fn newer_than(&self, other: &Self) -> bool {
        let same = self.record.instance == other.record.instance;
        let (mine, theirs) = (self.record.seq, other.record.seq);
        same && (mine > theirs || mine == theirs && self.hash < other.hash)
    }
}
