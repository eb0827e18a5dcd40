//! Hashes of groups, and the BLAKE3 tree over them.
//!
//! A group is a complete subtree of 64 chunks, so `blake3::hazmat` computes its chaining value from
//! its bytes and its place alone: groups are hashed in any order, on any core. Merging them in
//! order gives the root of the whole, which is the plain BLAKE3 hash of the bytes.

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root,
};

use crate::ids::{GroupHash, Root};
use crate::limits::MAX_BLOB;
use crate::size::BlobSize;

/// Why a hash was not computed: a mistake of the caller, or a peer that cannot count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// A group has another length than its place asks for, or does not exist. Drop the bytes.
    #[error("group {index} has {found} bytes, not {expected}")]
    Length {
        /// Which group.
        index: u64,
        /// Bytes that there are.
        found: usize,
        /// Bytes that there must be; 0 also for a group that does not exist.
        expected: usize,
    },
    /// More hashes than the blob has groups.
    #[error("more hashes than groups")]
    TooMany,
    /// Fewer hashes than the blob has groups.
    #[error("{0} hashes are missing")]
    Missing(u64),
}

/// The hash of group `index` of a blob of `size` bytes.
///
/// ```
/// use nexus_blobs::{BlobSize, group_hash};
/// let size = BlobSize::new(5)?;
/// let hash = group_hash(size, 0, b"hello")?;
/// assert_eq!(hash.as_bytes(), blake3::hash(b"hello").as_bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn group_hash(size: BlobSize, index: u64, bytes: &[u8]) -> Result<GroupHash, TreeError> {
    let expected = size.group_len(index);
    if bytes.len() != expected || index >= size.groups() {
        return Err(TreeError::Length { index, found: bytes.len(), expected });
    }
    if size.is_single() {
        return Ok(GroupHash::from_bytes(*blake3::hash(bytes).as_bytes()));
    }
    let mut hasher = Hasher::new();
    hasher.set_input_offset(size.group_start(index)).update(bytes);
    Ok(GroupHash::from_bytes(hasher.finalize_non_root()))
}

/// Merges the hashes of all groups, in order, to the root; holds one hash for each level of the
/// tree (at most 29).
#[derive(Clone, Debug)]
pub struct RootBuilder {
    groups: u64,
    pushed: u64,
    /// Complete subtrees to the left of the next group, the largest first.
    stack: Vec<ChainingValue>,
}

impl RootBuilder {
    /// For a blob of `size` bytes.
    pub const fn new(size: BlobSize) -> Self {
        const { assert!(MAX_BLOB.is_power_of_two()) };
        Self { groups: size.groups(), pushed: 0, stack: Vec::new() }
    }

    /// How many hashes were taken: the index of the next.
    pub const fn next_index(&self) -> u64 {
        self.pushed
    }

    /// Takes the hash of the next group.
    pub fn push(&mut self, hash: GroupHash) -> Result<(), TreeError> {
        if self.pushed >= self.groups {
            return Err(TreeError::TooMany);
        }
        self.pushed += 1;
        let mut value = *hash.as_bytes();
        // A subtree of 2^n groups is complete once the count is a multiple of 2^n. The last group
        // waits for `finish`, as the topmost merge is another one.
        if self.pushed < self.groups {
            for _ in 0..self.pushed.trailing_zeros() {
                let Some(left) = self.stack.pop() else { break };
                value = merge_subtrees_non_root(&left, &value, Mode::Hash);
            }
        }
        self.stack.push(value);
        Ok(())
    }

    /// The root, once all hashes were taken.
    pub fn finish(mut self) -> Result<Root, TreeError> {
        let missing = TreeError::Missing(self.groups - self.pushed);
        if self.pushed != self.groups {
            return Err(missing);
        }
        let mut value = self.stack.pop().ok_or(missing)?;
        while let Some(left) = self.stack.pop() {
            if self.stack.is_empty() {
                let root = merge_subtrees_root(&left, &value, Mode::Hash);
                return Ok(Root::from_bytes(*root.as_bytes()));
            }
            value = merge_subtrees_non_root(&left, &value, Mode::Hash);
        }
        Ok(Root::from_bytes(value))
    }
}

/// Whether these are the hashes of all groups of a blob of `size` bytes with this root.
pub fn list_fits(size: BlobSize, root: &Root, hashes: impl IntoIterator<Item = GroupHash>) -> bool {
    let mut builder = RootBuilder::new(size);
    let mut hashes = hashes.into_iter();
    hashes.all(|hash| builder.push(hash).is_ok()) && builder.finish().as_ref() == Ok(root)
}

#[cfg(test)]
mod tests;
