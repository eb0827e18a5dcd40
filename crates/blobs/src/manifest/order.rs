//! What must hold from one entry to the next, in memory that depends on the depth alone.

use super::{Entry, Kind, ManifestError};
use crate::limits::{MAX_BLOB, MAX_DEPTH, MAX_PATH};
use crate::name::SafeName;
use crate::size::TooLarge;

/// The path of the last entry, and what was said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    path: Vec<SafeName>,
    /// Whether the last entry is one that others may lie in.
    holds: bool,
    /// Bytes of all files so far.
    pub(super) content: u64,
}

impl Order {
    /// The path of the last entry.
    pub(super) fn path(&self) -> &[SafeName] {
        &self.path
    }

    /// Names that a path has in common with the last entry's, from the front.
    pub(super) fn shared(&self, path: &[SafeName]) -> usize {
        self.path.iter().zip(path).take_while(|(a, b)| a == b).count()
    }

    /// Takes the next entry if it may follow.
    pub(super) fn take(&mut self, entry: &Entry) -> Result<(), ManifestError> {
        let path = &entry.path;
        let bytes: usize = path.iter().map(|name| name.as_str().len() + 1).sum();
        if path.is_empty() || path.len() > MAX_DEPTH || bytes > MAX_PATH + 1 {
            return Err(ManifestError::Path);
        }
        if *path <= self.path {
            return Err(ManifestError::Order);
        }
        // Only the last entry can be what this one lies in: an earlier one with an entry of its own
        // was looked at when the next came.
        if !self.path.is_empty() && self.shared(path) == self.path.len() && !self.holds {
            return Err(ManifestError::Parent);
        }
        self.holds = matches!(entry.kind, Kind::Folder { .. });
        match &entry.kind {
            Kind::File { size, .. } => self.add(*size)?,
            Kind::Link { target } => target.check(path)?,
            Kind::Folder { .. } => {}
        }
        self.path.clone_from(path);
        Ok(())
    }

    fn add(&mut self, size: u64) -> Result<(), ManifestError> {
        let content = self.content.saturating_add(size);
        if content > MAX_BLOB {
            return Err(TooLarge(content).into());
        }
        self.content = content;
        Ok(())
    }
}
