//! Key derivation: BLAKE3 `derive_key` for everything new, HKDF-SHA256 for secrets that grow into many.

use core::fmt;

use hkdf::Hkdf;
use rand_core::CryptoRng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// BLAKE3 `derive_key(context)` over the concatenation of `parts`, 32 bytes.
///
/// `context` is a literal such as `"nexus entry v1"`. The parts are not length-prefixed: at most
/// one of them may vary in length, or two inputs could meet in one hash.
pub fn derive(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// HKDF-SHA256 (RFC 5869) without salt, `info` = the concatenation of `parts`, 32 bytes.
///
/// As in [`derive()`], at most one part may vary in length.
pub fn hkdf32(ikm: &Secret32, parts: &[&[u8]]) -> Secret32 {
    let mut out = Secret32([0; 32]);
    let hkdf = Hkdf::<Sha256>::new(None, &ikm.0);
    // HKDF-SHA256 fails only above 255 × 32 bytes of output, so 32 bytes always succeed.
    let result = hkdf.expand_multi_info(parts, &mut out.0);
    debug_assert!(result.is_ok());
    out
}

/// 32 secret bytes that are wiped when dropped and that no `Debug` output shows.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret32([u8; 32]);

impl Secret32 {
    /// Takes over bytes that are secret already.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes 32 bytes from `bytes`; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut secret = Self([0; 32]);
        if bytes.len() != secret.0.len() {
            return None;
        }
        secret.0.copy_from_slice(bytes);
        Some(secret)
    }

    /// Fresh random bytes.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let mut secret = Self([0; 32]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    /// The bytes themselves. Copy them only into something that is wiped too.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares in constant time.
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl PartialEq for Secret32 {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other)
    }
}

impl Eq for Secret32 {}

impl fmt::Debug for Secret32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret32(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_concatenated() {
        assert_eq!(derive("nexus test v1", &[b"ab", b"c"]), derive("nexus test v1", &[b"abc"]));
        let ikm = Secret32::new([7; 32]);
        assert!(hkdf32(&ikm, &[b"ab", b"c"]).ct_eq(&hkdf32(&ikm, &[b"abc"])));
    }

    #[test]
    fn contexts_and_labels_separate() {
        assert_ne!(derive("nexus test v1", &[b"a"]), derive("nexus test v2", &[b"a"]));
        let ikm = Secret32::new([7; 32]);
        assert_ne!(hkdf32(&ikm, &[b"a"]), hkdf32(&ikm, &[b"b"]));
    }

    #[test]
    fn hkdf_matches_an_independent_computation() {
        // hmac(key = hmac(key = 32 zero bytes, "\x0b" * 32), "topic" || 0x01), computed with Python.
        let out = hkdf32(&Secret32::new([0x0b; 32]), &[b"topic"]);
        assert_eq!(
            crate::id::hex(out.expose()),
            "7cf9a84e7931829a241798d6e216fb7a6c75cbbb6dba470e67c8d05526fe523f"
        );
    }
}
