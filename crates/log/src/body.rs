//! What an ENTRY says once it is opened: a deterministic CBOR map.
//!
//! | key | value |
//! | --- | --- |
//! | 1 | hlc, unsigned |
//! | 2 | sent: the author's wall clock, milliseconds since 1970 |
//! | 3 | deps: array of at most 16 `[log key, seq, hash]` |
//! | 4 | type, unsigned |
//! | 5 | body: a map, by type |
//! | 6 | timer: seconds until it disappears; absent when it stays |
//!
//! Other keys are ignored and kept.

use nexus_identity::cbor::{CborError, Extra, Map, MapWriter, Reader, Writer};
use nexus_identity::id::Millis;

use crate::hlc::Hlc;
use crate::ids::{EntryHash, EntryRef, LogKey};

mod file;
mod payload;
#[cfg(test)]
mod tests;

pub use file::{Answer, FileKind, FileOffer, FileRoot, FileSecret, MAX_FILE_NAME, MAX_MEDIA_TYPE};
pub use payload::{
    ContactData, KeyName, MAX_EMOJI, MAX_KEY_REQUESTS, MAX_NAME, MAX_READ_MARKS, MAX_TEXT, Payload,
    PayloadType,
};

/// Citations of an entry at most.
pub const MAX_DEPS: usize = 16;

/// The inside of an ENTRY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Its clock, which orders it.
    pub hlc: Hlc,
    /// The author's wall clock; shown, never used.
    pub sent: Millis,
    /// Heads of other logs that the author had newly seen.
    pub deps: Vec<EntryRef>,
    /// Seconds after which it disappears, counted by each device from its own storing.
    pub timer: Option<u64>,
    /// What is said.
    pub payload: Payload,
    /// Keys of a later version.
    pub extra: Extra,
}

impl Body {
    /// The deterministic CBOR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.uint(1, self.hlc.0).uint(2, self.sent.0);
        map.value(3, |w| {
            w.array(self.deps.len());
            for dep in &self.deps {
                write_ref(w, dep);
            }
        });
        map.uint(4, self.payload.code()).raw(5, &self.payload.encode());
        if let Some(timer) = self.timer {
            map.uint(6, timer);
        }
        map.extra(&self.extra);
        map.into_bytes()
    }

    /// Reads the CBOR inside an ENTRY.
    ///
    /// # Errors
    /// [`CborError`] if it is not deterministic CBOR of this shape; the entry is then shown as unreadable. A type
    /// that is not known, or a known one whose body has another shape, is [`Payload::Unknown`] and no error.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let map = Map::decode(bytes)?;
        let hlc = Hlc(map.get(1)?.uint()?);
        let sent = Millis(map.get(2)?.uint()?);
        let mut reader = map.get(3)?;
        let deps = (0..reader.array(MAX_DEPS)?)
            .map(|_| read_ref(&mut reader))
            .collect::<Result<_, _>>()?;
        let code = map.get(4)?.uint()?;
        let payload = Payload::decode(code, map.get(5)?.any()?);
        let timer = map.find(6).map(|mut reader| reader.uint()).transpose()?;
        let extra = map.unknown(&[1, 2, 3, 4, 5, 6]);
        Ok(Self { hlc, sent, deps, timer, payload, extra })
    }
}

/// Writes `[log key, seq, hash]`.
fn write_ref(writer: &mut Writer, entry: &EntryRef) {
    writer.array(3).bytes(entry.log.as_bytes()).uint(entry.seq).bytes(entry.hash.as_bytes());
}

/// Reads `[log key, seq, hash]`.
fn read_ref(reader: &mut Reader<'_>) -> Result<EntryRef, CborError> {
    if reader.array(3)? != 3 {
        return Err(CborError::Expected("[log key, seq, hash]"));
    }
    Ok(EntryRef {
        log: LogKey::from_bytes(reader.array_of()?),
        seq: reader.uint()?,
        hash: EntryHash::from_bytes(reader.array_of()?),
    })
}
