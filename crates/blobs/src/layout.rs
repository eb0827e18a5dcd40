//! Which bytes of a blob belong to which file.

use core::ops::Range;

use crate::limits::GROUP;
use crate::size::BlobSize;

/// Where the manifest ends and each file begins. 16 bytes a file; looked up by halving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    size: BlobSize,
    manifest: u64,
    files: Vec<FilePlace>,
}

/// Where a file lies in the blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FilePlace {
    /// Where it begins, in bytes.
    start: u64,
    /// Index of its entry in the manifest.
    entry: u32,
}

/// What a byte of a blob belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The manifest; how far into it.
    Manifest(u64),
    /// A file.
    File {
        /// Which one, counted among files.
        file: usize,
        /// Index of its entry in the manifest.
        entry: u32,
        /// How far into the file, in bytes.
        offset: u64,
    },
}

/// Bytes in one row in the blob that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What the first byte belongs to.
    pub place: Place,
    /// How many, at least 1.
    pub len: u64,
}

impl Layout {
    /// Of a blob of one file: no manifest, one file, entry 0.
    pub fn single(size: BlobSize) -> Self {
        Self { size, manifest: 0, files: vec![FilePlace { start: 0, entry: 0 }] }
    }

    /// Of a manifest of so many bytes, whose files (index of the entry, bytes) are these.
    pub(crate) fn new(
        size: BlobSize,
        manifest: u64,
        files: impl IntoIterator<Item = (u32, u64)>,
    ) -> Self {
        let mut builder = LayoutBuilder::new(size, manifest);
        for (entry, len) in files {
            builder.push(entry, len);
        }
        builder.finish()
    }

    /// The size of the blob.
    pub const fn size(&self) -> BlobSize {
        self.size
    }

    /// Bytes of the manifest; 0 if the blob is one file.
    pub const fn manifest_len(&self) -> u64 {
        self.manifest
    }

    /// Groups that hold bytes of the manifest: the first ones.
    pub const fn manifest_groups(&self) -> Range<u64> {
        0..self.manifest.div_ceil(GROUP as u64)
    }

    /// How many files.
    pub const fn files(&self) -> usize {
        self.files.len()
    }

    /// Index in the manifest of the entry of a file.
    pub fn entry(&self, file: usize) -> Option<u32> {
        self.files.get(file).map(|place| place.entry)
    }

    /// Which file an entry of the manifest is.
    pub fn file_of(&self, entry: u32) -> Option<usize> {
        self.files.binary_search_by_key(&entry, |place| place.entry).ok()
    }

    /// Where in the blob a file lies.
    pub fn bytes(&self, file: usize) -> Option<Range<u64>> {
        let start = self.files.get(file)?.start;
        let end = self.files.get(file + 1).map_or(self.size.get(), |next| next.start);
        Some(start..end)
    }

    /// The groups that hold bytes of a file; none if it is empty.
    pub fn groups(&self, file: usize) -> Option<Range<u64>> {
        let bytes = self.bytes(file)?;
        let first = bytes.start / GROUP as u64;
        Some(if bytes.is_empty() { first..first } else { first..bytes.end.div_ceil(GROUP as u64) })
    }

    /// What the byte at `offset` of the blob belongs to; `None` at its end and beyond.
    pub fn locate(&self, offset: u64) -> Option<Place> {
        if offset >= self.size.get() {
            return None;
        }
        if offset < self.manifest {
            return Some(Place::Manifest(offset));
        }
        // The last one that begins at or before it: empty files before it begin there, too.
        let file = self.files.partition_point(|place| place.start <= offset).checked_sub(1)?;
        let place = self.files.get(file)?;
        Some(Place::File { file, entry: place.entry, offset: offset - place.start })
    }

    /// What the bytes of a range of the blob belong to, in order. Empty files have no piece.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Piece> + '_ {
        let mut at = range.start;
        core::iter::from_fn(move || {
            let place = self.locate(at).filter(|_| at < range.end)?;
            let end = match place {
                Place::Manifest(_) => self.manifest,
                Place::File { file, .. } => self.bytes(file)?.end,
            };
            let len = end.min(range.end) - at;
            at += len;
            Some(Piece { place, len })
        })
    }

    /// What the bytes of a group belong to, in order.
    pub fn group_pieces(&self, group: u64) -> impl Iterator<Item = Piece> + '_ {
        let start = self.size.group_start(group);
        self.pieces(start..start + self.size.group_len(group) as u64)
    }
}

/// Makes a [`Layout`] while entries are read.
#[derive(Clone, Debug)]
pub struct LayoutBuilder {
    layout: Layout,
    next: u64,
}

impl LayoutBuilder {
    /// For a blob of `size` bytes with a manifest of `manifest` bytes.
    pub const fn new(size: BlobSize, manifest: u64) -> Self {
        Self { layout: Layout { size, manifest, files: Vec::new() }, next: manifest }
    }

    /// Adds the next file: index of its entry in the manifest, and its bytes.
    pub fn push(&mut self, entry: u32, len: u64) {
        self.layout.files.push(FilePlace { start: self.next, entry });
        self.next = self.next.saturating_add(len);
    }

    /// All files were added.
    pub fn finish(self) -> Layout {
        self.layout
    }
}
