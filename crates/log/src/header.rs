//! The fixed header of every entry: 112 bytes, big-endian.

use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use thiserror::Error;

use crate::ids::{EntryHash, LogKey, Seq};

/// Bytes of a header.
pub const HEADER_LEN: usize = 112;
/// Version of the header that this crate writes and reads.
pub const VERSION: u8 = 1;
/// Bytes of a payload at most (64 KiB).
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// Bytes at the start of a header that an ENTRY's cipher authenticates: all before payload length and hash.
pub const BOUND_LEN: usize = 76;
/// Flag bits that a reader must understand; none is defined yet. The others are carried unread.
pub const CRITICAL_FLAGS: u16 = 0x00ff;
/// Kinds from here on are carried unread.
pub const FIRST_CARRIED_KIND: u8 = 0x80;

const ENTRY_CONTEXT: &str = "nexus entry v1";
const PAYLOAD_CONTEXT: &str = "nexus payload v1";

// Hashing a context costs as much as hashing a header: done once.
static ENTRY_KEY: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context(ENTRY_CONTEXT));
static PAYLOAD_KEY: LazyLock<ContextKey> =
    LazyLock::new(|| hash_derive_key_context(PAYLOAD_CONTEXT));

/// What an entry is, as far as peers without keys must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The first entry of a log: who let it in.
    Open,
    /// Keys of an epoch, sealed to those who may read.
    Seals,
    /// Something said.
    Entry,
    /// A kind of a later version (0x80 and above): stored and passed on unread.
    Carried(u8),
}

impl Kind {
    /// The byte in the header.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Open => 1,
            Self::Seals => 2,
            Self::Entry => 3,
            Self::Carried(code) => code,
        }
    }

    /// Reads the byte of a header; `None` for kinds below 0x80 that nobody defined.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Open),
            2 => Some(Self::Seals),
            3 => Some(Self::Entry),
            FIRST_CARRIED_KIND.. => Some(Self::Carried(code)),
            _ => None,
        }
    }
}

/// Why 112 bytes are no header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("the header is cut short")]
    Truncated,
    /// A version that this program does not know.
    #[error("header version {0} is unknown")]
    Version(u8),
    /// A kind below 0x80 that nobody defined.
    #[error("entry kind {0} is unknown")]
    Kind(u8),
    /// One of the flag bits 0–7, none of which is defined.
    #[error("flags {0:#06x} must be understood and are not")]
    Flags(u16),
    /// The payload would be larger than [`MAX_PAYLOAD`].
    #[error("a payload of {0} bytes is over the limit")]
    PayloadLength(u32),
}

/// A decoded header. Encoding it gives back the bytes it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the entry is.
    pub kind: Kind,
    /// Bits 0–7 must be understood, bits 8–15 are carried unread.
    pub flags: u16,
    /// The log.
    pub log: LogKey,
    /// Place in the log.
    pub seq: Seq,
    /// Hash of the entry before; zeros at seq 0.
    pub prev: EntryHash,
    /// Bytes of the payload.
    pub payload_len: u32,
    /// [`payload_hash`] of the payload.
    pub payload_hash: [u8; 32],
}

impl Header {
    /// The header of an entry that carries `payload`.
    ///
    /// # Errors
    /// [`HeaderError::PayloadLength`] if the payload is over [`MAX_PAYLOAD`].
    pub fn for_payload(
        kind: Kind,
        log: LogKey,
        seq: Seq,
        prev: EntryHash,
        payload: &[u8],
    ) -> Result<Self, HeaderError> {
        let payload_len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        if payload.len() > MAX_PAYLOAD {
            return Err(HeaderError::PayloadLength(payload_len));
        }
        let payload_hash = payload_hash(payload);
        Ok(Self { kind, flags: 0, log, seq, prev, payload_len, payload_hash })
    }

    /// The 112 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut out = [0; HEADER_LEN];
        let parts: [&[u8]; 8] = [
            &[VERSION],
            &[self.kind.code()],
            &self.flags.to_be_bytes(),
            self.log.as_bytes(),
            &self.seq.to_be_bytes(),
            self.prev.as_bytes(),
            &self.payload_len.to_be_bytes(),
            &self.payload_hash,
        ];
        let bytes = parts.into_iter().flatten();
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        out
    }

    /// Reads the first 112 bytes of `bytes`.
    ///
    /// # Errors
    /// See [`HeaderError`]; each variant says which field is at fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let mut rest = bytes;
        let [version, kind] = take(&mut rest)?;
        let flags = u16::from_be_bytes(take(&mut rest)?);
        let log = LogKey::from_bytes(take(&mut rest)?);
        let seq = u64::from_be_bytes(take(&mut rest)?);
        let prev = EntryHash::from_bytes(take(&mut rest)?);
        let payload_len = u32::from_be_bytes(take(&mut rest)?);
        let payload_hash = take(&mut rest)?;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let kind = Kind::from_code(kind).ok_or(HeaderError::Kind(kind))?;
        if flags & CRITICAL_FLAGS != 0 {
            return Err(HeaderError::Flags(flags));
        }
        if usize::try_from(payload_len).is_ok_and(|len| len > MAX_PAYLOAD) {
            return Err(HeaderError::PayloadLength(payload_len));
        }
        Ok(Self { kind, flags, log, seq, prev, payload_len, payload_hash })
    }

    /// The entry hash.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        entry_hash(&self.encode())
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], HeaderError> {
    let (head, after) = rest.split_first_chunk::<N>().ok_or(HeaderError::Truncated)?;
    *rest = after;
    Ok(*head)
}

/// `derive("nexus entry v1", header)`.
#[must_use]
pub fn entry_hash(header: &[u8; HEADER_LEN]) -> EntryHash {
    let mut hasher = blake3::Hasher::new_from_context_key(&ENTRY_KEY);
    hasher.update(header);
    EntryHash::from_bytes(*hasher.finalize().as_bytes())
}

/// `derive("nexus payload v1", payload)`.
#[must_use]
pub fn payload_hash(payload: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_from_context_key(&PAYLOAD_KEY);
    hasher.update(payload);
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests;
