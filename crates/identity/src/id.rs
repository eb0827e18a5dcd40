//! Public names: ConnectID, keys, signatures, time.

use core::fmt;

use ed25519_dalek::VerifyingKey;
use thiserror::Error;

mod connect;
#[cfg(test)]
mod tests;

pub use connect::{ConnectId, ConnectIdError, TEXT_LENGTH};

/// A signature that does not belong to the key, context and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature is not valid")]
pub struct BadSignature;

/// Checks an Ed25519 signature (RFC 8032, strict) over `context ‖ 0x00 ‖ message`.
///
/// Strict: points of small order and encodings that are not canonical are refused too, so a
/// signature is valid for everybody or for nobody.
pub fn verify(
    public: &[u8; 32],
    context: &str,
    message: &[u8],
    signature: &Signature,
) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(public).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(&signed_bytes(context, message), &signature).map_err(|_| BadSignature)
}

/// The bytes that a signature with `context` covers: `context ‖ 0x00 ‖ message`.
pub fn signed_bytes(context: &str, message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(context.len() + 1 + message.len());
    bytes.extend_from_slice(context.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(message);
    bytes
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

macro_rules! bytes_newtype {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// From the bytes, which are not checked.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// From a slice; `None` for any other length.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex(&self.0))
            }
        }
    };
}

bytes_newtype!(
    /// An identity's Ed25519 public key. Not checked to be a point: [`IdentityKey::verify`] does.
    IdentityKey,
    32
);
bytes_newtype!(
    /// An instance's Ed25519 public key.
    InstanceKey,
    32
);
bytes_newtype!(
    /// An identity's X25519 public key, with which others reach a shared topic.
    ContactKey,
    32
);
bytes_newtype!(
    /// An Ed25519 signature.
    Signature,
    64
);

impl IdentityKey {
    /// Checks a signature made by this identity. See [`verify`].
    pub fn verify(
        &self,
        context: &str,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        verify(&self.0, context, message, signature)
    }

    /// The ConnectID of this identity.
    pub fn connect_id(&self) -> ConnectId {
        ConnectId::of(self)
    }
}

impl InstanceKey {
    /// Checks a signature made by this instance. See [`verify`].
    pub fn verify(
        &self,
        context: &str,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), BadSignature> {
        verify(&self.0, context, message, signature)
    }
}

/// Wall-clock time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Millis(pub u64);

impl Millis {
    /// This time plus `later`; stays at the end of time instead of overflowing.
    pub fn saturating_add(self, later: core::time::Duration) -> Self {
        let later = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(later))
    }

    /// How long after `earlier` this is; zero if it is before.
    pub const fn since(self, earlier: Self) -> core::time::Duration {
        core::time::Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
