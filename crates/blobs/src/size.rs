//! How many bytes a blob has, and so how many groups.

use crate::limits::{GROUP, MAX_BLOB};

/// The size of a blob in bytes, at most [`MAX_BLOB`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobSize(u64);

/// A size over [`MAX_BLOB`]: refuse the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are more than a blob may have")]
pub struct TooLarge(pub u64);

impl BlobSize {
    /// Takes a size in bytes that somebody claims.
    pub const fn new(bytes: u64) -> Result<Self, TooLarge> {
        if bytes <= MAX_BLOB { Ok(Self(bytes)) } else { Err(TooLarge(bytes)) }
    }

    /// Bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Groups: at least one, as no bytes are one empty group.
    pub const fn groups(self) -> u64 {
        let groups = self.0.div_ceil(GROUP as u64);
        if groups == 0 { 1 } else { groups }
    }

    /// Bytes of group `index`: [`GROUP`] but for the last one; 0 for one that does not exist.
    pub const fn group_len(self, index: u64) -> usize {
        let rest = match index.checked_mul(GROUP as u64) {
            Some(start) => self.0.saturating_sub(start),
            None => 0,
        };
        // At most GROUP, so it fits.
        if rest < GROUP as u64 { rest as usize } else { GROUP }
    }

    /// Where group `index` begins in the blob, in bytes; the end of the blob for one that does not
    /// exist.
    pub const fn group_start(self, index: u64) -> u64 {
        let start = index.saturating_mul(GROUP as u64);
        if start < self.0 { start } else { self.0 }
    }

    /// Whether it is one group: then its hash is the root, and there is no hash list to ask for.
    pub const fn is_single(self) -> bool {
        self.0 <= GROUP as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_blob_is_taken_and_one_byte_more_is_not() {
        assert_eq!(BlobSize::new(MAX_BLOB).map(BlobSize::groups), Ok(1 << 28));
        assert_eq!(BlobSize::new(MAX_BLOB + 1), Err(TooLarge(MAX_BLOB + 1)));
        assert_eq!(BlobSize::new(1 << 63), Err(TooLarge(1 << 63)));
        assert_eq!(BlobSize::new(u64::MAX), Err(TooLarge(u64::MAX)));
    }

    #[test]
    fn groups_cover_the_bytes_exactly() {
        let group = GROUP as u64;
        for (bytes, groups, last) in [
            (0, 1, 0),
            (1, 1, 1),
            (group - 1, 1, GROUP - 1),
            (group, 1, GROUP),
            (group + 1, 2, 1),
            (3 * group, 3, GROUP),
        ] {
            let size = BlobSize::new(bytes).unwrap();
            assert_eq!((size.groups(), size.group_len(groups - 1)), (groups, last), "{bytes}");
            assert_eq!((0..groups).map(|i| size.group_len(i) as u64).sum::<u64>(), bytes);
            assert_eq!((size.group_len(groups), size.group_len(u64::MAX)), (0, 0));
            assert_eq!(size.group_start(groups), bytes);
            assert_eq!(size.is_single(), groups == 1);
        }
    }
}
