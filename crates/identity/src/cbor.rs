//! Deterministic CBOR (RFC 8949 §4.2): one encoding for each value, so that bytes can be signed.
//!
//! What is allowed: unsigned and negative integers, byte strings, UTF-8 text, arrays, maps with
//! unsigned integer keys in rising order, `false`, `true`, `null`. All lengths are definite, all
//! integers as short as they can be, nesting at most [`MAX_DEPTH`], and nothing follows the value.
//! Floats, tags and other simple values are refused.
//!
//! [`Reader`] checks all that while it reads: what it accepts would be written back to the same
//! bytes. [`Map`] adds access by key and gives back the keys that a reader does not know
//! ([`Map::unknown`]), and [`MapWriter`] writes them again in their place.

use thiserror::Error;

mod map;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use map::{Extra, Map, MapWriter};
pub use read::Reader;
pub use write::Writer;

/// How deep arrays and maps may nest.
pub const MAX_DEPTH: usize = 8;

/// Why bytes are not the deterministic CBOR that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CborError {
    /// The input ends inside a value.
    #[error("the data ends too early")]
    Truncated,
    /// Bytes follow the value.
    #[error("bytes follow the value")]
    Trailing,
    /// An integer or a length is written longer than necessary.
    #[error("a number is not written in its shortest form")]
    NotShortest,
    /// A float, a tag, an indefinite length, or a simple value other than false, true and null.
    #[error("a kind of value that is not allowed")]
    Unsupported,
    /// A map key is not an unsigned integer, or not above the key before it.
    #[error("map keys are not rising unsigned integers")]
    Keys,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
    /// A value of another kind was expected here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// A key that must be there is not.
    #[error("key {0} is missing")]
    Missing(u64),
    /// A value is outside the range or the length that its place allows.
    #[error("a value is out of range")]
    Range,
}
