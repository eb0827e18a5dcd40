//! The manifest becomes known: from then on everything has its place.

use nexus_blobs::GROUP;
use nexus_blobs::manifest::ManifestError;

use super::body::{Body, Placed, Tree};
use super::{Landing, lock};
use crate::error::LandingError;

impl Landing {
    /// The bytes of the groups that the manifest is in, as far as they came in one row from the front: to be read as
    /// a manifest.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn read_front(&self, groups: u64) -> Result<Vec<u8>, LandingError> {
        let (mut front, mut group) = (Vec::new(), Vec::new());
        for index in 0..groups {
            self.read_group(index, &mut group)?;
            front.extend_from_slice(&group);
        }
        Ok(front)
    }

    /// Whether the manifest is known; also true of a file, which has none.
    pub fn has_manifest(&self) -> bool {
        match &self.body {
            Body::File { .. } | Body::Done => true,
            Body::Tree(tree) => tree.placed().is_ok(),
        }
    }

    /// The manifest, if it is known.
    pub fn manifest(&self) -> Option<&[u8]> {
        match &self.body {
            Body::File { .. } | Body::Done => None,
            Body::Tree(tree) => tree.placed().ok().map(|placed| &*placed.manifest),
        }
    }

    /// Tells which of the first bytes are the manifest: exactly its bytes. The groups that it is in have to be there.
    /// Its folders are made, and what else came with it is moved to its place.
    ///
    /// # Errors
    /// When it is not valid, not what came, or the disk fails; the same call can be tried again.
    pub fn set_manifest(&self, manifest: &[u8]) -> Result<(), LandingError> {
        let _alone = self.alone()?;
        let Body::Tree(tree) = &self.body else {
            return Err(LandingError::Manifest(ManifestError::Header));
        };
        if let Ok(placed) = tree.placed() {
            return if placed.manifest == manifest {
                Ok(())
            } else {
                Err(LandingError::OtherManifest)
            };
        }
        let what = self.what();
        let placed = Placed::read(what.kind, what.size, manifest.to_vec())?;
        let needed = placed.manifest_groups();
        let missing = lock(&self.have).missing(needed).map(|range| range.end - range.start).sum();
        if missing > 0 {
            return Err(LandingError::Incomplete { missing });
        }
        compare(tree, manifest)?;
        self.files.replace("tree", manifest, true)?;
        tree.place(placed).map_err(|error| self.blame(error))?;
        self.move_first()
    }

    /// Moves what came before the manifest was known to its place. Done again after a crash, it does the same.
    pub(super) fn move_first(&self) -> Result<(), LandingError> {
        let Body::Tree(tree) = &self.body else { return Ok(()) };
        let content = tree.placed()?.manifest.len() as u64;
        let size = self.size();
        let recorded = self.recorded()?;
        let mut bytes = Vec::new();
        for index in recorded.ranges().flatten() {
            let start = size.group_start(index).max(content);
            let end = size.group_start(index) + size.group_len(index) as u64;
            if end > tree.first_len()? {
                break;
            }
            if start < end {
                bytes.resize(usize::try_from(end - start).unwrap_or(GROUP), 0);
                tree.read_first(start, &mut bytes)?;
                self.body.write(start, &bytes).map_err(|error| self.blame(error))?;
            }
        }
        self.files.remove("first")
    }
}

/// Whether the manifest is what came.
fn compare(tree: &Tree, manifest: &[u8]) -> Result<(), LandingError> {
    let mut came = vec![0; GROUP.min(manifest.len())];
    let mut at = 0;
    for part in manifest.chunks(GROUP) {
        came.truncate(part.len());
        tree.read_first(at, &mut came)?;
        if came != part {
            return Err(LandingError::OtherManifest);
        }
        at += part.len() as u64;
    }
    Ok(())
}
