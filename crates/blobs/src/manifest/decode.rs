//! Reading a manifest, entry by entry as its bytes come in.

use super::encode::{EXECUTABLE, FILE, FOLDER, LINK};
use super::order::Order;
use super::{Entry, HEADER, Kind, LinkTarget, MAGIC, ManifestError, VERSION, check_counts};
use crate::layout::Layout;
use crate::limits::MAX_DEPTH;
use crate::name::SafeName;
use crate::size::BlobSize;

/// Fewest bytes of an entry: kind 1, shared 1, count 1, a name of 1 (2), a link one up (2).
const MIN_ENTRY: u64 = 7;

/// Reads entries while the bytes come in; holds what is not read yet and one path.
///
/// [`Decoder::push`] bytes in order from the front of the blob, then take entries with
/// [`Decoder::next_entry`] until it has no more for now; [`Decoder::wants`] says when the manifest
/// is over.
#[derive(Debug)]
pub struct Decoder {
    size: BlobSize,
    buffer: Vec<u8>,
    /// Bytes at the front of the buffer that were read.
    read: usize,
    header: Option<Header>,
    order: Order,
    entries: u32,
    /// Bytes of entries that were pushed.
    pushed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    entries: u32,
    bytes: u64,
    content: u64,
}

/// What was asked for lies beyond the bytes that are here.
struct Short;

enum Stop {
    Short,
    Wrong(ManifestError),
}

impl From<Short> for Stop {
    fn from(_: Short) -> Self {
        Self::Short
    }
}

impl From<ManifestError> for Stop {
    fn from(error: ManifestError) -> Self {
        Self::Wrong(error)
    }
}

impl Decoder {
    /// For a blob of `size` bytes.
    pub fn new(size: BlobSize) -> Self {
        Self {
            size,
            buffer: Vec::new(),
            read: 0,
            header: None,
            order: Order::default(),
            entries: 0,
            pushed: 0,
        }
    }

    /// Bytes of the manifest that were not pushed yet; before the header is there, those of the
    /// header. 0: all were.
    pub fn wants(&self) -> u64 {
        match self.header {
            Some(header) => header.bytes - self.pushed,
            None => (HEADER - self.buffer.len()) as u64,
        }
    }

    /// Entries there are; `None` before the header is there.
    pub fn entry_count(&self) -> Option<u32> {
        self.header.map(|header| header.entries)
    }

    /// Bytes of the manifest; `None` before the header is there.
    pub fn manifest_len(&self) -> Option<u64> {
        self.header.map(|header| header.bytes + HEADER as u64)
    }

    /// Takes the next bytes of the blob; returns how many belong to the manifest. What is read
    /// stays here until [`Decoder::next_entry`] gave it out: push a group, then take its entries.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, ManifestError> {
        let mut taken = 0;
        if self.header.is_none() {
            taken = self.fill(bytes, (HEADER - self.buffer.len()) as u64);
            let Some(header) = self.buffer.first_chunk::<HEADER>() else { return Ok(taken) };
            self.header = Some(self.read_header(header)?);
            self.buffer.clear();
        }
        let more = self.fill(bytes.get(taken..).unwrap_or_default(), self.wants());
        self.pushed += more as u64;
        Ok(taken + more)
    }

    fn fill(&mut self, bytes: &[u8], most: u64) -> usize {
        let len = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(bytes.get(..len).unwrap_or_default());
        len
    }

    fn read_header(&self, header: &[u8; HEADER]) -> Result<Header, ManifestError> {
        let mut input = Input(header);
        let mut parts = || -> Result<_, Short> {
            Ok((input.array::<4>()?, input.byte()?, input.u32()?, input.u64()?, input.u64()?))
        };
        let (magic, version, entries, bytes, content) =
            parts().map_err(|_| ManifestError::Header)?;
        if (magic, version) != (MAGIC, VERSION) {
            return Err(ManifestError::Header);
        }
        let whole = bytes.saturating_add(HEADER as u64);
        check_counts(entries.into(), whole)?;
        if bytes < u64::from(entries) * MIN_ENTRY {
            return Err(ManifestError::Malformed);
        }
        BlobSize::new(content)?;
        if whole + content != self.size.get() {
            return Err(ManifestError::Size);
        }
        Ok(Header { entries, bytes, content })
    }

    /// The next entry; `None` if more bytes are needed for it, or if there was the last.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ManifestError> {
        let Some(header) = self.header else { return Ok(None) };
        if self.entries == header.entries {
            return Ok(None);
        }
        let bytes = self.buffer.get(self.read..).unwrap_or_default();
        let mut input = Input(bytes);
        match read_entry(&mut input, self.order.path()) {
            Ok((entry, shared)) => {
                if self.order.shared(&entry.path) != shared {
                    return Err(ManifestError::Malformed);
                }
                self.read += bytes.len() - input.0.len();
                self.order.take(&entry)?;
                self.entries += 1;
                if self.entries == header.entries {
                    self.check_end(header)?;
                }
                Ok(Some(entry))
            }
            Err(Stop::Short) if self.wants() > 0 => Ok(None),
            Err(Stop::Short) => Err(ManifestError::Malformed),
            Err(Stop::Wrong(error)) => Err(error),
        }
    }

    fn check_end(&self, header: Header) -> Result<(), ManifestError> {
        if self.wants() > 0 || self.read != self.buffer.len() {
            return Err(ManifestError::Malformed);
        }
        if self.order.content != header.content {
            return Err(ManifestError::Size);
        }
        Ok(())
    }

    /// Whether all entries were given out.
    pub fn is_done(&self) -> bool {
        self.header.is_some_and(|header| header.entries == self.entries)
    }
}

/// A whole manifest in memory, for one that is known to be small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// In their order.
    pub entries: Vec<Entry>,
    /// Which bytes of the blob belong to which file.
    pub layout: Layout,
}

impl Manifest {
    /// Reads the manifest at the front of a blob of `size` bytes. `bytes` is at least the manifest;
    /// what follows is not looked at.
    pub fn decode(size: BlobSize, bytes: &[u8]) -> Result<Self, ManifestError> {
        let mut decoder = Decoder::new(size);
        decoder.push(bytes)?;
        let (mut entries, mut files) = (Vec::new(), Vec::new());
        while let Some(entry) = decoder.next_entry()? {
            if let Kind::File { size, .. } = entry.kind {
                files.push((decoder.entries - 1, size));
            }
            entries.push(entry);
        }
        match decoder.manifest_len() {
            Some(len) if decoder.is_done() => {
                Ok(Self { entries, layout: Layout::new(size, len, files) })
            }
            _ => Err(ManifestError::Malformed),
        }
    }
}

fn read_entry(input: &mut Input<'_>, last: &[SafeName]) -> Result<(Entry, usize), Stop> {
    let kind = input.byte()?;
    let shared = usize::from(input.byte()?);
    let mut path = last.get(..shared).ok_or(ManifestError::Malformed)?.to_vec();
    let names = usize::from(input.byte()?);
    if path.len() + names > MAX_DEPTH {
        return Err(ManifestError::Path.into());
    }
    read_names(input, names, &mut path)?;
    let kind = match kind {
        FILE | EXECUTABLE => Kind::File {
            size: input.u64()?,
            executable: kind == EXECUTABLE,
            mtime_ms: input.u64()?.cast_signed(),
        },
        FOLDER => Kind::Folder { mtime_ms: input.u64()?.cast_signed() },
        LINK => {
            let (up, names) = (input.byte()?, usize::from(input.byte()?));
            if names > MAX_DEPTH {
                return Err(ManifestError::Link.into());
            }
            let mut down = Vec::new();
            read_names(input, names, &mut down)?;
            Kind::Link { target: LinkTarget { up, down } }
        }
        _ => return Err(ManifestError::Malformed.into()),
    };
    Ok((Entry { path, kind }, shared))
}

fn read_names(input: &mut Input<'_>, count: usize, into: &mut Vec<SafeName>) -> Result<(), Stop> {
    for _ in 0..count {
        let len = usize::from(input.byte()?);
        let name = str::from_utf8(input.take(len)?).map_err(|_| ManifestError::Malformed)?;
        into.push(SafeName::new(name).map_err(ManifestError::from)?);
    }
    Ok(())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Short> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, Short> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Result<u32, Short> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Short> {
        self.array().map(u64::from_be_bytes)
    }
}
