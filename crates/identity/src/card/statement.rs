//! One statement, and its signature.

use crate::cbor::{Map, MapWriter, Reader, Writer};
use crate::id::{ContactKey, IdentityKey, InstanceKey, Millis, Signature};
use crate::kdf::derive;
use crate::keys::IdentitySecrets;
use crate::name::MAX_NAME;

use super::CardError;

/// Bytes of one statement, at most.
pub const MAX_STATEMENT: usize = 512;

/// Signature context of statements.
const CONTEXT: &str = "nexus card v1";
/// Context of the hash that orders profiles of equal clock.
const HASH_CONTEXT: &str = "nexus statement v1";

/// Keys of the map.
const KIND: u64 = 1;
const INSTANCE: u64 = 2;
const CREATED: u64 = 3;
const HLC: u64 = 4;
const NAME: u64 = 5;
const CONTACT: u64 = 6;

/// Values of [`KIND`].
const ADD: u64 = 1;
const REVOKE: u64 = 2;
const PROFILE: u64 = 3;
const CONTACT_KEY: u64 = 4;

/// What an identity can say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// This instance is mine.
    Add {
        /// The instance.
        instance: InstanceKey,
        /// When it was made, by its own clock.
        created: Millis,
    },
    /// This instance is no longer mine, whatever else is said of it.
    Revoke {
        /// The instance.
        instance: InstanceKey,
    },
    /// My display name; the highest clock counts.
    Profile {
        /// Hybrid logical clock.
        hlc: u64,
        /// At most [`MAX_NAME`] bytes; clean it before signing ([`crate::name::clean_name`]).
        name: String,
    },
    /// The key with which others reach our direct topic. For ever the same.
    Contact {
        /// The key.
        key: ContactKey,
    },
    /// Something that a newer version says: kept and passed on.
    Unknown {
        /// Its kind.
        kind: u64,
    },
}

impl Statement {
    /// The bytes to sign, or `None` for a kind that this version does not know.
    fn encode(&self) -> Option<Vec<u8>> {
        let mut map = MapWriter::new();
        match self {
            Self::Add { instance, created } => {
                map.uint(KIND, ADD).bytes(INSTANCE, &instance.0).uint(CREATED, created.0)
            }
            Self::Revoke { instance } => map.uint(KIND, REVOKE).bytes(INSTANCE, &instance.0),
            Self::Profile { hlc, name } => map.uint(KIND, PROFILE).uint(HLC, *hlc).text(NAME, name),
            Self::Contact { key } => map.uint(KIND, CONTACT_KEY).bytes(CONTACT, &key.0),
            Self::Unknown { .. } => return None,
        };
        Some(map.into_bytes())
    }

    fn decode(bytes: &[u8]) -> Result<Self, CardError> {
        if bytes.len() > MAX_STATEMENT {
            return Err(CardError::TooLong);
        }
        let map = Map::decode(bytes)?;
        let instance = || Ok::<_, CardError>(InstanceKey(map.get(INSTANCE)?.array_of()?));
        Ok(match map.get(KIND)?.uint()? {
            ADD => Self::Add { instance: instance()?, created: Millis(map.get(CREATED)?.uint()?) },
            REVOKE => Self::Revoke { instance: instance()? },
            PROFILE => {
                let name = map.get(NAME)?.text()?;
                if name.len() > MAX_NAME {
                    return Err(CardError::Name);
                }
                Self::Profile { hlc: map.get(HLC)?.uint()?, name: name.to_owned() }
            }
            CONTACT_KEY => Self::Contact { key: ContactKey(map.get(CONTACT)?.array_of()?) },
            kind => Self::Unknown { kind },
        })
    }
}

/// A statement as it was signed, not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedStatement {
    /// The statement: deterministic CBOR.
    pub bytes: Vec<u8>,
    /// Over the bytes, by the identity, with context `nexus card v1`.
    pub signature: Signature,
}

impl SignedStatement {
    /// Writes the CBOR array `[bytes, signature]`.
    pub fn write(&self, writer: &mut Writer) {
        write(writer, &self.bytes, &self.signature);
    }

    /// Reads what [`SignedStatement::write`] writes.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, CardError> {
        if reader.array(2)? != 2 {
            return Err(crate::cbor::CborError::Range.into());
        }
        let bytes = reader.bytes()?;
        if bytes.len() > MAX_STATEMENT {
            return Err(CardError::TooLong);
        }
        Ok(Self { bytes: bytes.to_vec(), signature: Signature(reader.array_of()?) })
    }
}

/// Checks a statement against the identity that should have signed it.
pub fn verify_statement(
    identity: &IdentityKey,
    signed: &SignedStatement,
) -> Result<Statement, CardError> {
    let statement = Statement::decode(&signed.bytes)?;
    identity.verify(CONTEXT, &signed.bytes, &signed.signature)?;
    Ok(statement)
}

impl IdentitySecrets {
    /// Signs a statement of this identity.
    ///
    /// Refuses a name that is too long and a kind that this version does not know.
    pub fn sign_statement(&self, statement: &Statement) -> Result<SignedStatement, CardError> {
        let unknown = crate::cbor::CborError::Unsupported;
        let bytes = statement.encode().ok_or(unknown)?;
        Statement::decode(&bytes)?;
        let signature = self.sign(CONTEXT, &bytes);
        Ok(SignedStatement { bytes, signature })
    }
}

pub(super) fn write(writer: &mut Writer, bytes: &[u8], signature: &Signature) {
    writer.array(2).bytes(bytes).bytes(&signature.0);
}

pub(super) fn hash(bytes: &[u8]) -> [u8; 32] {
    derive(HASH_CONTEXT, &[bytes])
}
