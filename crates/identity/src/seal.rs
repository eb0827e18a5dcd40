//! HPKE (RFC 9180, base mode): sealing to one recipient's public key.
//!
//! Two suites, both with HKDF-SHA256 and ChaCha20-Poly1305: X-Wing (hybrid post-quantum, for
//! prekeys) and DHKEM(X25519, HKDF-SHA256) (for a contact key, while no prekey is known).

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::kdf::Secret32;

#[cfg(test)]
mod tests;

/// Bytes of an X-Wing public key.
pub const XWING_PUBLIC: usize = 1216;
/// Bytes by which sealing with X-Wing lengthens: encapsulated key 1120, tag 16.
pub const XWING_OVERHEAD: usize = 1120 + 16;
/// Bytes by which sealing with X25519 lengthens: encapsulated key 32, tag 16.
pub const X25519_OVERHEAD: usize = 32 + 16;

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SealError {
    /// The suite byte is one that this version does not know.
    #[error("sealed with a suite that this program does not know")]
    UnknownSuite,
    /// The recipient's public key is not a usable key of its suite.
    #[error("the recipient's key is not usable")]
    BadKey,
    /// Sealed to another key, for another purpose, or changed on its way.
    #[error("the sealed data can't be opened with this key")]
    Opening,
}

/// Which algorithms seal. The byte travels with what is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Suite {
    /// X-Wing (KEM 0x647a), HKDF-SHA256 (0x0001), ChaCha20-Poly1305 (0x0003).
    XWing = 1,
    /// DHKEM(X25519, HKDF-SHA256) (KEM 0x0020), HKDF-SHA256, ChaCha20-Poly1305.
    X25519 = 2,
}

impl Suite {
    /// The suite of this byte.
    pub const fn from_byte(byte: u8) -> Result<Self, SealError> {
        match byte {
            1 => Ok(Self::XWing),
            2 => Ok(Self::X25519),
            _ => Err(SealError::UnknownSuite),
        }
    }

    /// The byte that names it.
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// Bytes by which sealing lengthens.
    pub const fn overhead(self) -> usize {
        match self {
            Self::XWing => XWING_OVERHEAD,
            Self::X25519 => X25519_OVERHEAD,
        }
    }
}

/// Seals `plaintext` to `recipient`: encapsulated key, then ciphertext with tag.
///
/// `info` binds the purpose and everything that both sides know of it; `aad` is what travels
/// beside it in the clear.
pub fn seal(
    suite: Suite,
    recipient: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, SealError> {
    match suite {
        Suite::XWing => seal_with::<XWing>(recipient, info, aad, plaintext, rng),
        Suite::X25519 => seal_with::<X25519HkdfSha256>(recipient, info, aad, plaintext, rng),
    }
}

/// Opens what [`seal`] sealed to the public key of `secret`.
pub fn open(
    suite: Suite,
    secret: &Secret32,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    match suite {
        Suite::XWing => open_with::<XWing>(secret, info, aad, sealed),
        Suite::X25519 => open_with::<X25519HkdfSha256>(secret, info, aad, sealed),
    }
}

/// The public key that belongs to a secret of this suite.
pub fn public_key(suite: Suite, secret: &Secret32) -> Result<Vec<u8>, SealError> {
    match suite {
        Suite::XWing => public_with::<XWing>(secret),
        Suite::X25519 => public_with::<X25519HkdfSha256>(secret),
    }
}

/// Whether a public key can be sealed to with this suite.
///
/// X-Wing: length and the modulus check of FIPS 203 §7.2. X25519: the length and that agreements
/// with it are not always zero.
pub fn check_public_key(suite: Suite, public: &[u8]) -> Result<(), SealError> {
    match suite {
        Suite::XWing => <XWing as Kem>::PublicKey::from_bytes(public).map(drop),
        Suite::X25519 => {
            let public: [u8; 32] = public.try_into().map_err(|_| SealError::BadKey)?;
            // Any secret tells: a key of small order gives zero with all of them.
            let secret = x25519_dalek::StaticSecret::from([1; 32]);
            let shared = secret.diffie_hellman(&public.into());
            return if shared.was_contributory() { Ok(()) } else { Err(SealError::BadKey) };
        }
    }
    .map_err(|_| SealError::BadKey)
}

fn seal_with<K: Kem>(
    recipient: &[u8],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    mut rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, SealError> {
    let key = K::PublicKey::from_bytes(recipient).map_err(|_| SealError::BadKey)?;
    let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<
        ChaCha20Poly1305,
        HkdfSha256,
        K,
    >(&OpModeS::Base, &key, info, plaintext, aad, &mut rng)
    // The one thing that can fail is the agreement with a key of small order.
    .map_err(|_| SealError::BadKey)?;
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

fn open_with<K: Kem>(
    secret: &Secret32,
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let key = K::PrivateKey::from_bytes(secret.expose()).map_err(|_| SealError::BadKey)?;
    let (encapsulated, ciphertext) =
        sealed.split_at_checked(K::EncappedKey::size()).ok_or(SealError::Opening)?;
    let encapsulated = K::EncappedKey::from_bytes(encapsulated).map_err(|_| SealError::Opening)?;
    let mode = OpModeR::Base;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, K>(
        &mode,
        &key,
        &encapsulated,
        info,
        ciphertext,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| SealError::Opening)
}

fn public_with<K: Kem>(secret: &Secret32) -> Result<Vec<u8>, SealError> {
    let key = K::PrivateKey::from_bytes(secret.expose()).map_err(|_| SealError::BadKey)?;
    Ok(K::sk_to_pk(&key).to_bytes().to_vec())
}
