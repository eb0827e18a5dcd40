//! The writer.

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Writes deterministic CBOR values one after the other.
///
/// [`Writer::array`] and [`Writer::map`] write only the head: the caller writes that many items
/// (for a map: key and value, keys rising). [`super::MapWriter`] takes that care away.
#[derive(Debug, Clone, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An empty writer.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// An empty writer with room for `capacity` bytes: secrets then leave no copies behind.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// What was written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(value) => self.head(UINT, value),
            // -1 - value without overflow: the bitwise complement.
            Err(_) => self.head(NEGATIVE, !value.cast_unsigned()),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, value.len() as u64);
        self.raw(value)
    }

    /// A text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(TEXT, value.len() as u64);
        self.raw(value.as_bytes())
    }

    /// `false` or `true`.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(&[if value { TRUE } else { FALSE }])
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[NULL])
    }

    /// The head of an array of `len` items.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(ARRAY, len as u64)
    }

    /// The head of a map of `len` pairs.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(MAP, len as u64)
    }

    /// Bytes that are deterministic CBOR already.
    pub fn raw(&mut self, encoded: &[u8]) -> &mut Self {
        self.0.extend_from_slice(encoded);
        self
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        let [b7, b6, b5, b4, b3, b2, b1, b0] = value.to_be_bytes();
        match value {
            0..=23 => self.raw(&[major | b0]),
            24..=0xff => self.raw(&[major | 24, b0]),
            0x100..=0xffff => self.raw(&[major | 25, b1, b0]),
            0x1_0000..=0xffff_ffff => self.raw(&[major | 26, b3, b2, b1, b0]),
            _ => self.raw(&[major | 27, b7, b6, b5, b4, b3, b2, b1, b0]),
        }
    }
}
