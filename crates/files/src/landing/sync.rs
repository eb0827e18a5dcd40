//! Making what came last through a power cut.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::Ordering;

use nexus_blobs::GroupSet;

use super::body::{Body, Placed, Tree};
use super::{Landing, lock};
use crate::error::{At as _, LandingError};
use crate::items::ItemKind;
use crate::sys;

/// With more files and folders than this, the whole file system is written out at once: one call instead of one each.
const FEW: usize = 64;

impl Landing {
    /// Makes everything last that came up to now: first the bytes, then what says that they are there. Call it every
    /// few seconds or gigabytes; after a power cut what came since is fetched again.
    ///
    /// # Errors
    /// When the disk can't keep what it was given. Then what came since the last time is forgotten and has to come
    /// again: the system does not say which of it was lost.
    pub fn sync(&self) -> Result<(), LandingError> {
        let _going = self.going()?;
        self.sync_all()
    }

    fn sync_all(&self) -> Result<(), LandingError> {
        self.sync_groups()?;
        if self.fresh.load(Ordering::Acquire) {
            rustix::fs::fsync(&self.target).at(&self.at.dir)?;
            let head = lock(&self.head).to_bytes();
            self.files.replace("head", &head, true)?;
            self.fresh.store(false, Ordering::Release);
        }
        Ok(())
    }

    /// The bytes, and then what says that they are there.
    pub(super) fn sync_groups(&self) -> Result<(), LandingError> {
        let pending = std::mem::take(&mut *lock(&self.unsynced));
        if let Err(error) = self.sync_data() {
            self.forget_all(&pending)?;
            return Err(error);
        }
        self.got.sync()
    }

    fn sync_data(&self) -> Result<(), LandingError> {
        match &self.body {
            // With its times.
            Body::File { file, path } => file.sync_all().at(path),
            Body::Tree(tree) => match tree.placed() {
                Ok(placed) => sync_tree(tree, placed),
                Err(_) => tree.sync_first(),
            },
            Body::Done(_) => Ok(()),
        }
    }

    fn forget_all(&self, groups: &GroupSet) -> Result<(), LandingError> {
        for index in groups.ranges().flatten() {
            self.drop_group(index)?;
        }
        Ok(())
    }
}

/// Writes out a folder.
fn sync_tree(tree: &Tree, placed: &Placed) -> Result<(), LandingError> {
    if placed.items.len() > FEW && sys::sync_filesystem(tree.root.root()).at(&tree.path)? {
        return Ok(());
    }
    for item in placed.items.iter().rev() {
        let path = placed.items.path(item);
        let synced = match item.kind {
            ItemKind::File { .. } => match tree.root.file_to_read(&path) {
                Ok(file) => file.sync_all(),
                Err(error) => Err(error),
            },
            ItemKind::Folder { .. } => {
                tree.root.folder(&path).and_then(|dir| Ok(rustix::fs::fsync(dir.as_fd())?))
            }
            ItemKind::Link { .. } => Ok(()),
        };
        match synced {
            // Not come yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done.map_err(|error| tree.fail(&path, error))?,
        }
    }
    rustix::fs::fsync(tree.root.root()).at(&tree.path)
}
