//! The sealed form of a blob, for carriers that cannot read it.
//!
//! Each group of 64 KiB is sealed by itself with AES-256-GCM, without associated data:
//!
//! - key: `derive("nexus blob v1", secret ‖ root)`. It depends on the content, so one nonce never
//!   covers two contents, and any member that holds the content makes the same bytes;
//! - nonce: group index 8 ‖ 3 zero bytes ‖ 1 in the last group, else 0. So groups are neither
//!   moved nor left out, and the end is where it was.
//!
//! The sealed bytes are a blob, too: [`sealed_size`] long, with a root of their own.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use nexus_identity::Secret32;
use nexus_identity::kdf::derive;

use crate::ids::Root;
use crate::size::BlobSize;

/// Bytes by which a sealed group is longer than its content.
pub const TAG: usize = 16;

/// Why a group was not sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes are not as long as this group is, or there is no such group.
    #[error("not the length of this group")]
    Length,
    /// Not sealed with this key for this place: changed, moved, or of another blob. What was to be
    /// opened is overwritten.
    #[error("not sealed by a member for this place")]
    Forged,
    /// The cipher could not be set up; does not happen.
    #[error("the cipher does not work")]
    Cipher,
}

/// How many bytes the sealed form has; `None` if that is more than a blob may have.
pub fn sealed_size(size: BlobSize) -> Option<BlobSize> {
    BlobSize::new(size.get() + size.groups() * TAG as u64).ok()
}

/// Where sealed group `index` lies in the sealed form: offset and length in bytes.
pub fn sealed_place(size: BlobSize, index: u64) -> Option<(u64, usize)> {
    (index < size.groups())
        .then(|| (size.group_start(index) + index * TAG as u64, size.group_len(index) + TAG))
}

/// Seals and opens the groups of one blob, in any order, on any number of threads.
#[derive(Debug)]
pub struct Sealer {
    key: LessSafeKey,
    size: BlobSize,
}

impl Sealer {
    /// For the blob of `size` bytes with this root, whose file entry holds `secret`.
    pub fn new(secret: &Secret32, root: &Root, size: BlobSize) -> Result<Self, SealError> {
        let key = Secret32::new(derive("nexus blob v1", &[secret.expose(), root.as_bytes()]));
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).map_err(|_| SealError::Cipher)?;
        Ok(Self { key: LessSafeKey::new(key), size })
    }

    /// Seals the bytes of group `index` in place and returns what follows them.
    pub fn seal(&self, index: u64, group: &mut [u8]) -> Result<[u8; TAG], SealError> {
        self.check(index, group.len())?;
        let tag = self.key.seal_in_place_separate_tag(self.nonce(index), Aad::empty(), group);
        tag.map_err(|_| SealError::Cipher)?.as_ref().try_into().map_err(|_| SealError::Cipher)
    }

    /// Opens sealed group `index` in place; the content is what is returned.
    pub fn open<'a>(&self, index: u64, sealed: &'a mut [u8]) -> Result<&'a mut [u8], SealError> {
        let len = sealed.len().checked_sub(TAG).ok_or(SealError::Length)?;
        self.check(index, len)?;
        self.key
            .open_in_place(self.nonce(index), Aad::empty(), sealed)
            .map_err(|_| SealError::Forged)
    }

    const fn check(&self, index: u64, len: usize) -> Result<(), SealError> {
        if index < self.size.groups() && self.size.group_len(index) == len {
            Ok(())
        } else {
            Err(SealError::Length)
        }
    }

    fn nonce(&self, index: u64) -> Nonce {
        let last = u8::from(index + 1 == self.size.groups());
        let [a, b, c, d, e, f, g, h] = index.to_be_bytes();
        let bytes: [u8; NONCE_LEN] = [a, b, c, d, e, f, g, h, 0, 0, 0, last];
        Nonce::assume_unique_for_key(bytes)
    }
}

#[cfg(test)]
mod tests;
