//! The hashes of the groups of what is sent, in a file beside the database: 32 bytes each, zeros where it is not known.
//!
//! They are noted as the source is read for the first one who asks, so that it is read once; when all are there they
//! give the root. A group that is read again must have the hash that it had.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Mutex;

use nexus_blobs::{BlobSize, GroupHash, GroupSet, Root, RootBuilder};

use crate::core::locked;

/// Hashes read at a time.
const PAGE: usize = 2048;
/// Bytes of a hash.
const LEN: usize = 32;

/// The list of one blob.
#[derive(Debug)]
pub(crate) struct Hashes {
    file: File,
    size: BlobSize,
    known: Mutex<GroupSet>,
}

/// A group is not what it was when it was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed;

impl Hashes {
    /// Opens or makes the list; what is in it is trusted only where it fits the root, or where there is none yet.
    pub(crate) fn open(path: &Path, size: BlobSize, root: Option<&Root>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path)?;
        file.set_len(size.groups().saturating_mul(LEN as u64))?;
        let mut found = GroupSet::new();
        let mut builder = RootBuilder::new(size);
        let mut whole = true;
        pages(&file, size, |index, hash| {
            if hash == [0; LEN] {
                whole = false;
                return;
            }
            found.insert(index);
            whole &= builder.push(GroupHash::from_bytes(hash)).is_ok();
        })?;
        // Whatever was there before a power cut may be anything.
        if let Some(root) = root
            && !(whole && builder.finish().as_ref() == Ok(root))
        {
            found = GroupSet::new();
            file.set_len(0)?;
            file.set_len(size.groups().saturating_mul(LEN as u64))?;
        }
        Ok(Self { file, size, known: Mutex::new(found) })
    }

    /// Notes the hash of a group that was read.
    pub(crate) fn put(&self, index: u64, hash: GroupHash) -> io::Result<Result<(), Changed>> {
        if locked(&self.known).contains(index) {
            let before = self.get(index, 1)?;
            let same = before.first().is_some_and(|known| known == hash.as_bytes());
            return Ok(if same { Ok(()) } else { Err(Changed) });
        }
        self.file.write_all_at(hash.as_bytes(), index.saturating_mul(LEN as u64))?;
        locked(&self.known).insert(index);
        Ok(Ok(()))
    }

    /// Hashes from `first` on, as far as the file goes.
    pub(crate) fn get(&self, first: u64, count: u32) -> io::Result<Vec<[u8; LEN]>> {
        let left = self.size.groups().saturating_sub(first).min(u64::from(count));
        let mut list = vec![[0; LEN]; usize::try_from(left).unwrap_or(0)];
        self.file.read_exact_at(list.as_flattened_mut(), first.saturating_mul(LEN as u64))?;
        Ok(list)
    }

    /// Whether all are known.
    pub(crate) fn is_whole(&self) -> bool {
        locked(&self.known).len() == self.size.groups()
    }

    /// The first run of groups whose hash is not known.
    pub(crate) fn first_missing(&self, most: u64) -> Option<std::ops::Range<u64>> {
        locked(&self.known).first_missing(self.size.groups(), 0, most)
    }

    /// The root, once all are known; it is durable before it is told.
    pub(crate) fn root(&self) -> io::Result<Option<Root>> {
        if !self.is_whole() {
            return Ok(None);
        }
        self.file.sync_data()?;
        let mut builder = RootBuilder::new(self.size);
        let mut fits = true;
        pages(&self.file, self.size, |_, hash| {
            fits &= builder.push(GroupHash::from_bytes(hash)).is_ok();
        })?;
        Ok(builder.finish().ok().filter(|_| fits))
    }
}

fn pages(file: &File, size: BlobSize, mut each: impl FnMut(u64, [u8; LEN])) -> io::Result<()> {
    let mut at = 0;
    while at < size.groups() {
        let count = usize::try_from(size.groups() - at).unwrap_or(PAGE).min(PAGE);
        let mut page = vec![[0; LEN]; count];
        file.read_exact_at(page.as_flattened_mut(), at.saturating_mul(LEN as u64))?;
        for hash in page {
            each(at, hash);
            at += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nexus_blobs::{GROUP, group_hash};

    use super::*;

    fn content() -> (Vec<u8>, BlobSize) {
        let bytes: Vec<u8> = (0..3 * GROUP + 5).map(|n| (n % 251) as u8).collect();
        let size = BlobSize::new(bytes.len() as u64).unwrap();
        (bytes, size)
    }

    fn fill(hashes: &Hashes, bytes: &[u8], size: BlobSize) {
        for (index, group) in bytes.chunks(GROUP).enumerate().rev() {
            let index = index as u64;
            let hash = group_hash(size, index, group).unwrap();
            assert_eq!(hashes.put(index, hash).unwrap(), Ok(()));
        }
    }

    #[test]
    fn the_root_is_there_once_every_group_was_read_in_whatever_order() {
        let dir = tempfile::tempdir().unwrap();
        let (bytes, size) = content();
        let hashes = Hashes::open(&dir.path().join("h"), size, None).unwrap();
        assert_eq!(hashes.root().unwrap(), None);
        fill(&hashes, &bytes, size);
        let root = hashes.root().unwrap().unwrap();
        assert_eq!(root.as_bytes(), blake3::hash(&bytes).as_bytes());
    }

    #[test]
    fn a_group_that_reads_otherwise_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let (bytes, size) = content();
        let hashes = Hashes::open(&dir.path().join("h"), size, None).unwrap();
        fill(&hashes, &bytes, size);
        let other = group_hash(size, 3, b"other").unwrap();
        assert_eq!(hashes.put(3, other).unwrap(), Err(Changed));
    }

    #[test]
    fn a_list_that_does_not_fit_its_root_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (bytes, size) = content();
        let path = dir.path().join("h");
        fill(&Hashes::open(&path, size, None).unwrap(), &bytes, size);
        let root = Root::from_bytes(*blake3::hash(&bytes).as_bytes());
        assert!(Hashes::open(&path, size, Some(&root)).unwrap().is_whole());
        let other = Root::from_bytes([9; 32]);
        let forgotten = Hashes::open(&path, size, Some(&other)).unwrap();
        assert_eq!(forgotten.first_missing(9), Some(0..4));
    }
}
