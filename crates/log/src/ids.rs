//! Identifiers of logs, topics, entries and conversations, and the small pairs made of them.

use core::fmt;

/// Position of an entry in its log, counted from 0 (the OPEN).
pub type Seq = u64;

/// Number of an epoch in its log, counted from 0.
pub type Epoch = u32;

/// Writes bytes as lower-case hex.
fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes the bytes as they are.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Takes exactly 32 bytes; `None` for any other length.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            /// 64 hex digits.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            /// The first 8 hex digits, which tell test failures apart.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                write_hex(self.0.get(..4).unwrap_or_default(), f)?;
                f.write_str("…)")
            }
        }
    };
}

id32! {
    /// One log: the Ed25519 public key that signs its heads.
    LogKey
}
id32! {
    /// One conversation as outsiders see it: an Ed25519 public key whose secret the members share.
    Topic
}
id32! {
    /// One entry: `derive("nexus entry v1", header)`.
    EntryHash
}
id32! {
    /// One conversation: `derive("nexus conversation v1", kind ‖ topic ‖ founding data)`.
    ConversationId
}

impl EntryHash {
    /// The `prev` of an entry at seq 0.
    pub const ZERO: Self = Self([0; 32]);
}

/// The last entry of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Head {
    /// Its sequence number.
    pub seq: Seq,
    /// Its hash.
    pub hash: EntryHash,
}

/// What a store holds of one log, or of one branch of a forked log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogHead {
    /// The log.
    pub log: LogKey,
    /// `None` for the chain that this store met first, else the first hash that differs from it.
    pub branch: Option<EntryHash>,
    /// First sequence number held (0 until pruning exists; a branch shares what is before it).
    pub first: Seq,
    /// Last entry held.
    pub head: Head,
}

/// One entry named in full: what citations, replies and edits point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryRef {
    /// The log.
    pub log: LogKey,
    /// The place in it.
    pub seq: Seq,
    /// The entry's hash, which decides when the other two disagree.
    pub hash: EntryHash,
}
