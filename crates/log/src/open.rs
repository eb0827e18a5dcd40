//! OPEN, the first entry of a log: a topic lets the log in, and tells its members whose it is.
//!
//! Payload: `topic 32 ‖ topic's signature over the log key 64 ‖ nonce 24 ‖ XChaCha20-Poly1305(certificate)`.
//! Certificate: `conversation 32 ‖ topic 32 ‖ log kind 1 ‖ identity 32 ‖ instance 32 ‖ log key 32`, the instance's
//! signature over that (64), and the identity's ADD statement: its signature (64), its bytes (the rest).

use nexus_identity::id::{ConnectId, IdentityKey, InstanceKey, Signature, verify};

use crate::cipher::NONCE_LEN;
use crate::ids::{LogKey, Topic};

mod certificate;
#[cfg(test)]
mod tests;

pub use certificate::{Binding, CERTIFICATE_BODY, CertificateError, author, write};

/// Context of the topic's signature over a log key.
pub const OPEN_CONTEXT: &str = "nexus open v1";
/// Context of the instance's signature inside the certificate.
pub const CERTIFICATE_CONTEXT: &str = "nexus certificate v1";

/// Who writes a log, as the certificate inside its OPEN proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Author {
    /// The person.
    pub who: ConnectId,
    /// The person's key.
    pub identity: IdentityKey,
    /// The device.
    pub instance: InstanceKey,
}

/// Checks what everybody can check: the topic signed the log key. Gives the topic.
#[must_use]
pub fn check(log: &LogKey, payload: &[u8]) -> Option<Topic> {
    let (topic, rest) = payload.split_first_chunk::<32>()?;
    let (signature, rest) = rest.split_first_chunk::<64>()?;
    if rest.len() < NONCE_LEN {
        return None;
    }
    verify(topic, OPEN_CONTEXT, log.as_bytes(), &Signature(*signature)).ok()?;
    Some(Topic::from_bytes(*topic))
}
