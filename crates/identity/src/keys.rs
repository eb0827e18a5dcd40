//! Secret keys: an identity's, an instance's, and any other Ed25519 key; the contents of `identity.key`.

use core::fmt;

use rand_core::CryptoRng;
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::id::{ConnectId, ContactKey, IdentityKey, InstanceKey, Signature, signed_bytes};
use crate::kdf::{Secret32, derive, hkdf32};

#[cfg(test)]
mod tests;

/// First bytes of `identity.key`, before the version byte.
const FILE_MAGIC: &[u8; 15] = b"nexus identity\0";
/// Version byte of `identity.key`.
const FILE_VERSION: u8 = 1;
/// Bytes of the check at the end of `identity.key`.
const FILE_CHECK: usize = 16;
/// Context of that check.
const FILE_CONTEXT: &str = "nexus identity file v1";
/// Bytes of the contents of `identity.key`.
pub const FILE_LENGTH: usize = FILE_MAGIC.len() + 1 + 3 * 32 + FILE_CHECK;

/// An Ed25519 secret key, wiped when dropped.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of this seed (the RFC 8032 secret key).
    pub fn from_seed(seed: Secret32) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs `context ‖ 0x00 ‖ message`.
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        use ed25519_dalek::Signer as _;
        Signature(self.0.sign(&signed_bytes(context, message)).to_bytes())
    }

    /// The seed.
    pub fn seed(&self) -> Secret32 {
        Secret32::new(self.0.to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// An X25519 agreement gave zero: the other key is one of the few that always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the contact key is not usable")]
pub struct AllZero;

/// Why the contents of `identity.key` were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum IdentityFileError {
    /// It is another kind of file, or it lost bytes.
    #[error("this is not an identity file, or it is cut off")]
    NotIdentity,
    /// A newer program wrote it.
    #[error("the identity file is of version {0}, which this program does not know")]
    Version(u8),
    /// Some byte of it changed.
    #[error("the identity file is damaged")]
    Damaged,
}

/// The secrets of one identity: what `identity.key` holds.
#[derive(Clone)]
pub struct IdentitySecrets {
    identity: SigningKey,
    contact: StaticSecret,
    self_secret: Secret32,
}

impl IdentitySecrets {
    /// A new identity.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        let [identity, contact, self_secret] = [(); 3].map(|()| Secret32::random(rng));
        Self::from_parts(identity, contact, self_secret)
    }

    /// From the identity seed (Ed25519), the contact secret (X25519) and the self secret.
    pub fn from_parts(identity: Secret32, contact: Secret32, self_secret: Secret32) -> Self {
        Self {
            identity: SigningKey::from_seed(identity),
            contact: StaticSecret::from(*contact.expose()),
            self_secret,
        }
    }

    /// The identity's public key.
    pub fn identity_key(&self) -> IdentityKey {
        IdentityKey(self.identity.public())
    }

    /// The identity's ConnectID.
    pub fn connect_id(&self) -> ConnectId {
        ConnectId::of(&self.identity_key())
    }

    /// The public half of the contact secret.
    pub fn contact_key(&self) -> ContactKey {
        ContactKey(PublicKey::from(&self.contact).to_bytes())
    }

    /// X25519 (RFC 7748) with another identity's contact key.
    ///
    /// Both sides get the same 32 bytes; derive from them, never use them as a key directly.
    pub fn agree(&self, their: &ContactKey) -> Result<Secret32, AllZero> {
        let shared = self.contact.diffie_hellman(&PublicKey::from(their.0));
        if shared.was_contributory() { Ok(Secret32::new(shared.to_bytes())) } else { Err(AllZero) }
    }

    /// The secret that only the own instances share.
    pub const fn self_secret(&self) -> &Secret32 {
        &self.self_secret
    }

    /// Signs as the identity; for statements use [`crate::card`].
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        self.identity.sign(context, message)
    }

    /// The contact secret, for opening what was sealed to the contact key.
    pub fn contact_secret(&self) -> Secret32 {
        Secret32::new(self.contact.to_bytes())
    }

    /// The contents of `identity.key`, [`FILE_LENGTH`] bytes:
    /// magic 15, version 1, identity seed 32, contact secret 32, self secret 32, check 16.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_LENGTH));
        bytes.extend_from_slice(FILE_MAGIC);
        bytes.push(FILE_VERSION);
        bytes.extend_from_slice(self.identity.0.as_bytes());
        bytes.extend_from_slice(self.contact.as_bytes());
        bytes.extend_from_slice(self.self_secret.expose());
        let check = file_check(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    /// Reads the contents of `identity.key`; any changed byte is found.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityFileError> {
        let not_identity = IdentityFileError::NotIdentity;
        let rest = bytes.strip_prefix(FILE_MAGIC).ok_or(not_identity)?;
        let (version, rest) = rest.split_first().ok_or(not_identity)?;
        if *version != FILE_VERSION {
            return Err(IdentityFileError::Version(*version));
        }
        if bytes.len() != FILE_LENGTH {
            return Err(not_identity);
        }
        let (body, check) = bytes.split_last_chunk::<FILE_CHECK>().ok_or(not_identity)?;
        if file_check(body) != *check {
            return Err(IdentityFileError::Damaged);
        }
        let mut secrets = rest.chunks(32).map_while(Secret32::from_slice);
        match (secrets.next(), secrets.next(), secrets.next()) {
            (Some(identity), Some(contact), Some(own)) => {
                Ok(Self::from_parts(identity, contact, own))
            }
            _ => Err(not_identity),
        }
    }
}

fn file_check(body: &[u8]) -> [u8; FILE_CHECK] {
    derive(FILE_CONTEXT, &[body]).first_chunk().copied().unwrap_or_default()
}

impl fmt::Debug for IdentitySecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentitySecrets({}, ..)", self.connect_id())
    }
}

/// The secrets of one instance: a random seed and what follows from it.
///
/// The instance key is `Ed25519(hkdf32(seed, "instance"))`; log keys come from the same seed with
/// other labels.
#[derive(Clone)]
pub struct InstanceSecret {
    seed: Secret32,
    key: SigningKey,
}

impl InstanceSecret {
    /// A new instance.
    pub fn generate(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self::from_seed(Secret32::random(rng))
    }

    /// The instance of this seed.
    pub fn from_seed(seed: Secret32) -> Self {
        let key = SigningKey::from_seed(hkdf32(&seed, &[b"instance"]));
        Self { seed, key }
    }

    /// The instance key: also the TLS key.
    pub fn key(&self) -> InstanceKey {
        InstanceKey(self.key.public())
    }

    /// The seed: to be stored, and to derive log keys from.
    pub const fn seed(&self) -> &Secret32 {
        &self.seed
    }

    /// Signs as the instance.
    pub fn sign(&self, context: &str, message: &[u8]) -> Signature {
        self.key.sign(context, message)
    }

    /// The instance key as PKCS #8 version 1 (RFC 8410 §7), for TLS.
    pub fn pkcs8_der(&self) -> Zeroizing<Vec<u8>> {
        /// SEQUENCE, version 0, algorithm 1.3.101.112, OCTET STRING in OCTET STRING of 32 bytes.
        const HEAD: [u8; 16] = [
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22,
            0x04, 0x20,
        ];
        let mut der = Zeroizing::new(Vec::with_capacity(HEAD.len() + 32));
        der.extend_from_slice(&HEAD);
        der.extend_from_slice(self.key.0.as_bytes());
        der
    }
}

impl fmt::Debug for InstanceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstanceSecret({}, ..)", self.key())
    }
}
