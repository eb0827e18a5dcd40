//! The few shapes that this crate's own files are made of: big-endian numbers and bytes with their length before
//! them, and at the end a hash over all, so that a file that was cut or changed is never taken for whole.

/// Bytes of the hash at the end.
const CHECK: usize = 32;

/// Writes.
#[derive(Debug, Default)]
pub(crate) struct Packer(Vec<u8>);

impl Packer {
    /// Begins with what the file is and which version.
    pub(crate) fn new(magic: [u8; 8]) -> Self {
        Self(magic.to_vec())
    }

    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn i64(&mut self, value: i64) -> &mut Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes with their length. More than 4 GiB do not occur: manifests end at 256 MiB, names far below.
    pub(crate) fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.0.extend_from_slice(value);
        self
    }

    /// Ends with the hash.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let check = blake3::hash(&self.0);
        self.0.extend_from_slice(check.as_bytes());
        std::mem::take(&mut self.0)
    }
}

/// Reads; every question is answered with nothing once the bytes don't fit.
#[derive(Debug)]
pub(crate) struct Unpacker<'a>(&'a [u8]);

impl<'a> Unpacker<'a> {
    /// Begins, if the bytes are whole and of this kind.
    pub(crate) fn new(bytes: &'a [u8], magic: [u8; 8]) -> Option<Self> {
        let body = bytes.len().checked_sub(CHECK)?;
        let (body, check) = bytes.split_at_checked(body)?;
        let rest = body.strip_prefix(&magic)?;
        (blake3::hash(body).as_bytes() == check).then_some(Self(rest))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (value, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*value)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (value, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(value)
    }

    pub(crate) fn str(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// Whether everything was read.
    pub(crate) fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}
