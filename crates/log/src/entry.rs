//! One entry as it is stored and sent.

use nexus_identity::id::Signature;
use nexus_identity::keys::SigningKey;

use crate::header::{HEADER_LEN, Header, HeaderError, Kind, entry_hash, payload_hash};
use crate::ids::{EntryHash, EntryRef, Head, LogKey, Seq};

/// Context of the signature over an entry hash, made by the log key.
pub const HEAD_CONTEXT: &str = "nexus head v1";

/// An entry with bytes of its own, and its signature if that is held.
///
/// Made by [`Entry::write`] (mine) or read back from a store; nothing here says that it is valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The 112 header bytes.
    pub header: [u8; HEADER_LEN],
    /// The payload, at most 64 KiB.
    pub payload: Vec<u8>,
    /// The log key's signature over the entry hash. Only heads of frames travel with one.
    pub signature: Option<Signature>,
}

impl Entry {
    /// Writes and signs the next entry of a log whose key this is.
    ///
    /// # Errors
    /// [`HeaderError::PayloadLength`] if the payload is too long.
    pub fn write(
        key: &SigningKey,
        kind: Kind,
        seq: Seq,
        prev: EntryHash,
        payload: Vec<u8>,
    ) -> Result<Self, HeaderError> {
        let log = LogKey::from_bytes(key.public());
        let header = Header::for_payload(kind, log, seq, prev, &payload)?.encode();
        let signature = key.sign(HEAD_CONTEXT, entry_hash(&header).as_bytes());
        Ok(Self { header, payload, signature: Some(signature) })
    }

    /// The entry hash.
    #[must_use]
    pub fn hash(&self) -> EntryHash {
        entry_hash(&self.header)
    }

    /// The decoded header.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn decode_header(&self) -> Result<Header, HeaderError> {
        Header::decode(&self.header)
    }

    /// Borrows it, decoded.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn view(&self) -> Result<EntryView<'_>, HeaderError> {
        let header = self.decode_header()?;
        Ok(EntryView { header, bytes: &self.header, hash: self.hash(), payload: &self.payload })
    }

    /// Whether the payload is the one that the header names.
    #[must_use]
    pub fn payload_fits(&self) -> bool {
        self.decode_header().is_ok_and(|header| {
            usize::try_from(header.payload_len).is_ok_and(|len| len == self.payload.len())
                && header.payload_hash == payload_hash(&self.payload)
        })
    }
}

/// A decoded entry whose bytes live elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryView<'a> {
    /// The decoded header.
    pub header: Header,
    /// Its 112 bytes.
    pub bytes: &'a [u8; HEADER_LEN],
    /// The entry hash.
    pub hash: EntryHash,
    /// The payload.
    pub payload: &'a [u8],
}

impl EntryView<'_> {
    /// Sequence number and hash.
    #[must_use]
    pub const fn head(&self) -> Head {
        Head { seq: self.header.seq, hash: self.hash }
    }

    /// The entry named in full.
    #[must_use]
    pub const fn reference(&self) -> EntryRef {
        EntryRef { log: self.header.log, seq: self.header.seq, hash: self.hash }
    }
}
