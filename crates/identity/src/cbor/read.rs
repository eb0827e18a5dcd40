//! The strict reader.

use super::{CborError, MAX_DEPTH};

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;

/// Reads deterministic CBOR values one after the other and refuses every other encoding.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `input`.
    pub const fn new(input: &'a [u8]) -> Self {
        Self { rest: input }
    }

    /// Ends reading; an error if anything is left.
    pub const fn finish(self) -> Result<(), CborError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CborError::Trailing) }
    }

    /// Whether everything was read.
    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, CborError> {
        self.expect(UINT, "an unsigned integer")
    }

    /// An unsigned integer below 2³².
    pub fn u32(&mut self) -> Result<u32, CborError> {
        u32::try_from(self.uint()?).map_err(|_| CborError::Range)
    }

    /// An unsigned integer below 2⁸.
    pub fn u8(&mut self) -> Result<u8, CborError> {
        u8::try_from(self.uint()?).map_err(|_| CborError::Range)
    }

    /// A signed integer.
    pub fn int(&mut self) -> Result<i64, CborError> {
        let (major, value) = self.head()?;
        let value = i64::try_from(value).map_err(|_| CborError::Range)?;
        match major {
            UINT => Ok(value),
            NEGATIVE => Ok(!value),
            _ => Err(CborError::Expected("an integer")),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], CborError> {
        let len = self.expect(BYTES, "a byte string")?;
        self.take(len)
    }

    /// A byte string of at most `max` bytes.
    pub fn bytes_up_to(&mut self, max: usize) -> Result<&'a [u8], CborError> {
        let bytes = self.bytes()?;
        if bytes.len() > max { Err(CborError::Range) } else { Ok(bytes) }
    }

    /// A byte string of exactly `N` bytes.
    pub fn array_of<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        self.bytes()?.try_into().map_err(|_| CborError::Range)
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, CborError> {
        let len = self.expect(TEXT, "a text")?;
        core::str::from_utf8(self.take(len)?).map_err(|_| CborError::NotUtf8)
    }

    /// A text of at most `max` bytes.
    pub fn text_up_to(&mut self, max: usize) -> Result<&'a str, CborError> {
        let text = self.text()?;
        if text.len() > max { Err(CborError::Range) } else { Ok(text) }
    }

    /// `false` or `true`.
    pub fn bool(&mut self) -> Result<bool, CborError> {
        match self.head()? {
            (SIMPLE, 20) => Ok(false),
            (SIMPLE, 21) => Ok(true),
            _ => Err(CborError::Expected("false or true")),
        }
    }

    /// `null`: then it is read and `true`; anything else is left in place and `false`.
    pub fn null(&mut self) -> Result<bool, CborError> {
        let mut ahead = self.clone();
        let found = ahead.head()? == (SIMPLE, 22);
        if found {
            *self = ahead;
        }
        Ok(found)
    }

    /// The head of an array: how many items follow. At most `max`, else [`CborError::Range`].
    pub fn array(&mut self, max: usize) -> Result<usize, CborError> {
        let len = self.expect(ARRAY, "an array")?;
        let len = usize::try_from(len).map_err(|_| CborError::Range)?;
        // An item is at least a byte: a larger count is a lie, found before anything is reserved.
        if len > self.rest.len() {
            return Err(CborError::Truncated);
        }
        if len > max { Err(CborError::Range) } else { Ok(len) }
    }

    /// The head of a map: how many pairs follow.
    pub(super) fn map(&mut self) -> Result<usize, CborError> {
        let len = self.expect(MAP, "a map")?;
        let len = usize::try_from(len).map_err(|_| CborError::Range)?;
        if len > self.rest.len() / 2 { Err(CborError::Truncated) } else { Ok(len) }
    }

    /// A map key: an unsigned integer above `last`.
    pub(super) fn key(&mut self, last: Option<u64>) -> Result<u64, CborError> {
        match self.head()? {
            (UINT, key) if last.is_none_or(|last| key > last) => Ok(key),
            _ => Err(CborError::Keys),
        }
    }

    /// Any one value, checked through and through; gives its bytes.
    pub fn any(&mut self) -> Result<&'a [u8], CborError> {
        self.any_at(0)
    }

    pub(super) fn any_at(&mut self, depth: usize) -> Result<&'a [u8], CborError> {
        let start = self.rest;
        self.skip(depth)?;
        start.get(..start.len() - self.rest.len()).ok_or(CborError::Truncated)
    }

    fn skip(&mut self, depth: usize) -> Result<(), CborError> {
        let mut ahead = self.clone();
        match ahead.head()? {
            (UINT | NEGATIVE, _) => *self = ahead,
            (BYTES, _) => {
                self.bytes()?;
            }
            (TEXT, _) => {
                self.text()?;
            }
            (ARRAY | MAP, _) if depth >= MAX_DEPTH => return Err(CborError::TooDeep),
            (ARRAY, _) => {
                for _ in 0..self.array(usize::MAX)? {
                    self.skip(depth + 1)?;
                }
            }
            (MAP, _) => {
                let mut last = None;
                for _ in 0..self.map()? {
                    last = Some(self.key(last)?);
                    self.skip(depth + 1)?;
                }
            }
            // false, true, null; `head` lets no other simple value through.
            _ => *self = ahead,
        }
        Ok(())
    }

    fn expect(&mut self, major: u8, what: &'static str) -> Result<u64, CborError> {
        let (found, value) = self.head()?;
        if found == major { Ok(value) } else { Err(CborError::Expected(what)) }
    }

    /// Major type and argument, in the shortest form or not at all.
    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let (&first, rest) = self.rest.split_first().ok_or(CborError::Truncated)?;
        self.rest = rest;
        let (major, info) = (first >> 5, first & 0x1f);
        match (major, info) {
            (SIMPLE, 20..=22) => return Ok((SIMPLE, u64::from(info))),
            (6 | SIMPLE, _) => return Err(CborError::Unsupported),
            _ => {}
        }
        let (value, least) = match info {
            0..=23 => (u64::from(info), 0),
            24 => (u64::from(u8::from_be_bytes(self.fixed()?)), 24),
            25 => (u64::from(u16::from_be_bytes(self.fixed()?)), 0x100),
            26 => (u64::from(u32::from_be_bytes(self.fixed()?)), 0x1_0000),
            27 => (u64::from_be_bytes(self.fixed()?), 0x1_0000_0000),
            _ => return Err(CborError::Unsupported),
        };
        if value < least { Err(CborError::NotShortest) } else { Ok((major, value)) }
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], CborError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(*head)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], CborError> {
        let len = usize::try_from(len).map_err(|_| CborError::Truncated)?;
        let (head, rest) = self.rest.split_at_checked(len).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(head)
    }
}
