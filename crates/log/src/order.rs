//! The one order in which every peer shows a conversation.

use core::fmt;

use crate::hlc::Hlc;
use crate::ids::{EntryHash, EntryRef, LogKey, Seq};

/// Bytes of an encoded position.
pub const POSITION_LEN: usize = 80;

/// Place of an entry in its conversation: `(hlc, log, seq, hash)`, compared in that order.
///
/// An entry that can't be read has hlc 0, since its own is inside what can't be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The hybrid logical clock of its author.
    pub hlc: Hlc,
    /// Its log.
    pub log: LogKey,
    /// Its place there.
    pub seq: Seq,
    /// Its hash.
    pub hash: EntryHash,
}

impl Position {
    /// Before every entry.
    pub const START: Self =
        Self { hlc: Hlc(0), log: LogKey::from_bytes([0; 32]), seq: 0, hash: EntryHash::ZERO };

    /// `hlc 8 ‖ log 32 ‖ seq 8 ‖ hash 32`, big-endian: bytewise order is the order of positions.
    #[must_use]
    pub fn encode(&self) -> [u8; POSITION_LEN] {
        let mut out = [0; POSITION_LEN];
        let (hlc, rest) = out.split_at_mut(8);
        let (log, rest) = rest.split_at_mut(32);
        let (seq, hash) = rest.split_at_mut(8);
        hlc.copy_from_slice(&self.hlc.0.to_be_bytes());
        log.copy_from_slice(self.log.as_bytes());
        seq.copy_from_slice(&self.seq.to_be_bytes());
        hash.copy_from_slice(self.hash.as_bytes());
        out
    }

    /// Reads exactly 80 bytes; `None` for any other length.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (hlc, rest) = bytes.split_first_chunk::<8>()?;
        let (log, rest) = rest.split_first_chunk::<32>()?;
        let (seq, hash) = rest.split_first_chunk::<8>()?;
        Some(Self {
            hlc: Hlc(u64::from_be_bytes(*hlc)),
            log: LogKey::from_bytes(*log),
            seq: u64::from_be_bytes(*seq),
            hash: EntryHash::from_slice(hash)?,
        })
    }

    /// The entry at this position.
    #[must_use]
    pub const fn entry(&self) -> EntryRef {
        EntryRef { log: self.log, seq: self.seq, hash: self.hash }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{:?}/{}/{:?}", self.hlc, self.log, self.seq, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_position() -> impl Strategy<Value = Position> {
        // Few values, so that ties in front decide further back.
        (0..3_u64, 0..3_u8, 0..300_u64, 0..3_u8).prop_map(|(hlc, log, seq, hash)| Position {
            hlc: Hlc(hlc),
            log: LogKey::from_bytes([log; 32]),
            seq,
            hash: EntryHash::from_bytes([hash; 32]),
        })
    }

    proptest! {
        #[test]
        fn bytes_order_as_positions_do_and_round_trip(a in any_position(), b in any_position()) {
            prop_assert_eq!(a.encode().cmp(&b.encode()), a.cmp(&b));
            prop_assert_eq!(Position::decode(&a.encode()), Some(a));
        }
    }
}
