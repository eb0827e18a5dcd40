//! The manifest becomes known: from then on everything has its place.

use nexus_blobs::GROUP;
use nexus_blobs::manifest::ManifestError;

use super::body::{Body, Placed, Tree};
use super::{Landing, lock};
use crate::error::LandingError;
use crate::pack::{Packer, Unpacker};

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
            Body::File { .. } | Body::Done(_) => true,
            Body::Tree(tree) => tree.placed().is_ok(),
        }
    }

    /// The manifest, if it is known.
    pub fn manifest(&self) -> Option<&[u8]> {
        match &self.body {
            Body::File { .. } => None,
            Body::Done(manifest) => manifest.as_deref(),
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
        self.files.replace("tree", &pack(manifest), true)?;
        self.place(tree, placed).map_err(|error| self.blame(error))
    }

    /// Takes up a manifest that was kept; nothing was, or it is damaged: false.
    pub(super) fn place_kept(&self, kept: &[u8]) -> Result<bool, LandingError> {
        let Body::Tree(tree) = &self.body else { return Ok(false) };
        let what = self.what();
        let placed = unpack(kept).and_then(|m| Placed::read(what.kind, what.size, m).ok());
        let Some(placed) = placed else { return Ok(false) };
        self.place(tree, placed).map_err(|error| self.blame(error))?;
        Ok(true)
    }

    /// Makes the folders and moves what came before the manifest was known to its place. Cut off anywhere, it is done
    /// again and does the same.
    fn place(&self, tree: &Tree, placed: Placed) -> Result<(), LandingError> {
        tree.make_folders(&placed)?;
        if tree.has_first() {
            self.move_first(tree, &placed)?;
            self.files.remove("first")?;
        }
        tree.place(placed);
        Ok(())
    }

    fn move_first(&self, tree: &Tree, placed: &Placed) -> Result<(), LandingError> {
        let content = placed.manifest.len() as u64;
        let size = self.size();
        let mut bytes = Vec::new();
        for index in self.recorded()?.ranges().flatten() {
            let start = size.group_start(index).max(content);
            let end = size.group_start(index) + size.group_len(index) as u64;
            if start >= end {
                continue;
            }
            bytes.resize(usize::try_from(end - start).unwrap_or(GROUP), 0);
            if tree.read_first(start, &mut bytes)? {
                tree.write_placed(placed, start, &bytes)?;
            } else {
                self.drop_group(index)?;
            }
        }
        Ok(())
    }
}

/// What the kept manifest is, and its version.
const MAGIC: [u8; 8] = *b"nxtree\0\x01";

fn pack(manifest: &[u8]) -> Vec<u8> {
    Packer::new(MAGIC).bytes(manifest).finish()
}

/// The manifest that was kept, if it is whole.
pub(super) fn unpack(kept: &[u8]) -> Option<Vec<u8>> {
    let mut from = Unpacker::new(kept, MAGIC)?;
    let manifest = from.bytes()?.to_vec();
    from.is_done().then_some(manifest)
}

/// Whether the manifest is what came.
fn compare(tree: &Tree, manifest: &[u8]) -> Result<(), LandingError> {
    let mut came = vec![0; GROUP.min(manifest.len())];
    let mut at = 0;
    for part in manifest.chunks(GROUP) {
        came.truncate(part.len());
        if !tree.read_first(at, &mut came)? || came != part {
            return Err(LandingError::OtherManifest);
        }
        at += part.len() as u64;
    }
    Ok(())
}
