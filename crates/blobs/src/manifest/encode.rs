//! Writing a manifest.

use super::order::Order;
use super::{Entry, HEADER, Kind, MAGIC, ManifestError, VERSION, check_counts};
use crate::layout::Layout;
use crate::name::SafeName;
use crate::size::BlobSize;

pub(super) const FILE: u8 = 1;
pub(super) const EXECUTABLE: u8 = 2;
pub(super) const FOLDER: u8 = 3;
pub(super) const LINK: u8 = 4;

/// Writes entries that come in their order.
#[derive(Clone, Debug, Default)]
pub struct Encoder {
    order: Order,
    entries: u32,
    files: Vec<(u32, u64)>,
    bytes: Vec<u8>,
}

impl Encoder {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry: its path is after that of the one before, name by name, as bytes.
    pub fn push(&mut self, entry: &Entry) -> Result<(), ManifestError> {
        let shared = self.order.shared(&entry.path);
        self.order.take(entry)?;
        self.write(entry, shared);
        check_counts(u64::from(self.entries) + 1, (HEADER + self.bytes.len()) as u64)?;
        if let Kind::File { size, .. } = entry.kind {
            self.files.push((self.entries, size));
        }
        self.entries += 1;
        Ok(())
    }

    /// The manifest, and which bytes of the blob belong to which file.
    pub fn finish(self) -> Result<(Vec<u8>, Layout), ManifestError> {
        check_counts(self.entries.into(), (HEADER + self.bytes.len()) as u64)?;
        let mut manifest = Vec::with_capacity(HEADER + self.bytes.len());
        manifest.extend_from_slice(&MAGIC);
        manifest.push(VERSION);
        manifest.extend_from_slice(&self.entries.to_be_bytes());
        manifest.extend_from_slice(&(self.bytes.len() as u64).to_be_bytes());
        manifest.extend_from_slice(&self.order.content.to_be_bytes());
        manifest.extend_from_slice(&self.bytes);
        let size = BlobSize::new(manifest.len() as u64 + self.order.content)?;
        let layout = Layout::new(size, manifest.len() as u64, self.files);
        Ok((manifest, layout))
    }

    fn write(&mut self, entry: &Entry, shared: usize) {
        let out = &mut self.bytes;
        out.push(match entry.kind {
            Kind::File { executable: false, .. } => FILE,
            Kind::File { executable: true, .. } => EXECUTABLE,
            Kind::Folder { .. } => FOLDER,
            Kind::Link { .. } => LINK,
        });
        // The depth is at most 64.
        out.push(shared as u8);
        put_names(out, entry.path.get(shared..).unwrap_or_default());
        match &entry.kind {
            Kind::File { size, mtime_ms, .. } => {
                out.extend_from_slice(&size.to_be_bytes());
                out.extend_from_slice(&mtime_ms.to_be_bytes());
            }
            Kind::Folder { mtime_ms } => out.extend_from_slice(&mtime_ms.to_be_bytes()),
            Kind::Link { target } => {
                out.push(target.up);
                put_names(out, &target.down);
            }
        }
    }
}

/// At most 64 names of at most 255 bytes each.
fn put_names(out: &mut Vec<u8>, names: &[SafeName]) {
    out.push(names.len() as u8);
    for name in names {
        out.push(name.as_str().len() as u8);
        out.extend_from_slice(name.as_str().as_bytes());
    }
}
