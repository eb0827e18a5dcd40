//! A hash for each group, on disk: 32 bytes at 32 times its index, zeros where none is known.
//!
//! The file has holes where nothing came, so it costs what is known; memory stays bounded for the largest blob.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nexus_blobs::GroupHash;

use crate::error::{At as _, LandingError};

/// Bytes of a hash.
const SLOT: u64 = 32;
/// Hashes read at once: 32 KiB.
const READ_AT_ONCE: usize = 1024;

/// The hashes of one blob.
#[derive(Debug)]
pub(crate) struct Slots {
    file: File,
    path: PathBuf,
    /// How many groups the blob has.
    count: u64,
}

impl Slots {
    /// Opens the file, or makes it. One that is longer than it can be is emptied.
    pub(crate) fn open(path: &Path, count: u64) -> Result<Self, LandingError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).at(path)?;
        if file.metadata().at(path)?.len() > count.saturating_mul(SLOT) {
            file.set_len(0).at(path)?;
        }
        Ok(Self { file, path: path.to_owned(), count })
    }

    /// Forgets all.
    pub(crate) fn empty(&self) -> Result<(), LandingError> {
        self.file.set_len(0).at(&self.path)
    }

    /// Records the hashes of the groups from `first` on.
    pub(crate) fn put(&self, first: u64, hashes: &[GroupHash]) -> Result<(), LandingError> {
        let end = first.checked_add(hashes.len() as u64);
        if end.is_none_or(|end| end > self.count) {
            return Err(LandingError::WrongGroup { index: self.count });
        }
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
        self.file.write_all_at(&bytes, first * SLOT).at(&self.path)
    }

    /// Forgets one.
    pub(crate) fn clear(&self, index: u64) -> Result<(), LandingError> {
        match self.get(index)? {
            Some(_) => self.put(index, &[GroupHash::from_bytes([0; 32])]),
            None => Ok(()),
        }
    }

    /// The hash of one group, if known.
    pub(crate) fn get(&self, index: u64) -> Result<Option<GroupHash>, LandingError> {
        if index >= self.count {
            return Ok(None);
        }
        let mut found = None;
        self.read(index, 1, &mut |_, hash| found = Some(hash)).at(&self.path)?;
        Ok(found)
    }

    /// Every known hash from `first` on, `count` groups at most, in order.
    pub(crate) fn each(
        &self,
        first: u64,
        count: u64,
        mut each: impl FnMut(u64, GroupHash),
    ) -> Result<(), LandingError> {
        let end = first.saturating_add(count).min(self.count);
        let mut at = first;
        while at < end {
            at = self.after_hole(at).at(&self.path)?;
            let run = (end.saturating_sub(at)).min(READ_AT_ONCE as u64);
            if run == 0 || self.read(at, run, &mut each).at(&self.path)? == 0 {
                break;
            }
            at += run;
        }
        Ok(())
    }

    /// The first index at or after `index` that is not in a hole of the file.
    fn after_hole(&self, index: u64) -> io::Result<u64> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use rustix::io::Errno;
            match rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Data(index * SLOT)) {
                Ok(at) => Ok((at / SLOT).max(index)),
                // Nothing but a hole up to the end.
                Err(Errno::NXIO) => Ok(self.count),
                Err(Errno::INVAL) => Ok(index),
                Err(error) => Err(error.into()),
            }
        }
        #[cfg(not(any(target_os = "linux", target_os = "macos")))]
        Ok(index)
    }

    /// Reads some, and says how many bytes there were; the file may end before.
    fn read(
        &self,
        first: u64,
        count: u64,
        each: &mut impl FnMut(u64, GroupHash),
    ) -> io::Result<usize> {
        let mut bytes = vec![0; usize::try_from(count * SLOT).unwrap_or_default()];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, first * SLOT + filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let (slots, _) = bytes.get(..filled).unwrap_or_default().as_chunks::<32>();
        for (index, slot) in (first..).zip(slots) {
            if slot.iter().any(|byte| *byte != 0) {
                each(index, GroupHash::from_bytes(*slot));
            }
        }
        Ok(filled)
    }

    /// Makes what was recorded last through a power cut.
    pub(crate) fn sync(&self) -> Result<(), LandingError> {
        self.file.sync_data().at(&self.path)
    }
}
