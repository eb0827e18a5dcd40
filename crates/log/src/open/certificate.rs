//! The certificate inside an OPEN, for members only.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use nexus_identity::card::{SignedStatement, Statement, verify_statement};
use nexus_identity::id::{ConnectId, IdentityKey, InstanceKey, Signature};
use nexus_identity::keys::InstanceSecret;
use rand_core::CryptoRng;
use thiserror::Error;

use super::{Author, CERTIFICATE_CONTEXT, OPEN_CONTEXT};
use crate::cipher::NONCE_LEN;
use crate::ids::{ConversationId, LogKey, Topic};
use crate::topic::{LogKind, TopicSecret};

/// Bytes of a certificate before the signatures.
pub const CERTIFICATE_BODY: usize = 161;
/// Bytes before the sealed certificate.
const CLEAR_LEN: usize = 32 + 64 + NONCE_LEN;

/// Why a certificate says nothing. The log stays valid; what it says is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not sealed under this topic's secret, or damaged.
    #[error("the certificate can't be opened")]
    Sealed,
    /// Shorter than a certificate.
    #[error("the certificate is cut short")]
    Truncated,
    /// Of another conversation, topic, kind of log, or log.
    #[error("the certificate is for something else")]
    Other,
    /// Not signed by the instance it names.
    #[error("the instance did not sign the certificate")]
    Signature,
    /// The identity did not add that instance.
    #[error("the identity did not certify the instance")]
    Statement,
}

/// What a certificate binds together.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// The conversation.
    pub conversation: ConversationId,
    /// What the log carries.
    pub kind: LogKind,
    /// The log.
    pub log: LogKey,
}

fn certificate_body(
    binding: &Binding,
    topic: Topic,
    identity: &IdentityKey,
    instance: &InstanceKey,
) -> Vec<u8> {
    let mut body = Vec::with_capacity(CERTIFICATE_BODY);
    body.extend_from_slice(binding.conversation.as_bytes());
    body.extend_from_slice(topic.as_bytes());
    body.push(binding.kind.code());
    body.extend_from_slice(identity.as_bytes());
    body.extend_from_slice(instance.as_bytes());
    body.extend_from_slice(binding.log.as_bytes());
    body
}

/// Writes the payload of an OPEN.
pub fn write(
    secret: &TopicSecret,
    binding: &Binding,
    identity: &IdentityKey,
    instance: &InstanceSecret,
    add: &SignedStatement,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<u8> {
    let mut certificate = certificate_body(binding, secret.topic(), identity, &instance.key());
    let signature = instance.sign(CERTIFICATE_CONTEXT, &certificate);
    certificate.extend_from_slice(signature.as_bytes());
    certificate.extend_from_slice(add.signature.as_bytes());
    certificate.extend_from_slice(&add.bytes);
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    let aad = associated(secret.topic(), &binding.log);
    let cipher = XChaCha20Poly1305::new(secret.open_key(&binding.log).expose().into());
    // Encrypting fails only above 2^38 bytes.
    let sealed = cipher
        .encrypt(&XNonce::from(nonce), Payload { msg: &certificate, aad: &aad })
        .unwrap_or_default();
    let signature = secret.key().sign(OPEN_CONTEXT, binding.log.as_bytes());
    [secret.topic().as_bytes().as_slice(), signature.as_bytes(), &nonce, &sealed].concat()
}

/// Opens the certificate of an OPEN and checks it. Whether the author is a member is the caller's question.
///
/// # Errors
/// See [`CertificateError`].
pub fn author(
    secret: &TopicSecret,
    binding: &Binding,
    payload: &[u8],
) -> Result<Author, CertificateError> {
    let sealed = payload.get(CLEAR_LEN..).ok_or(CertificateError::Truncated)?;
    let nonce = payload.get(CLEAR_LEN - NONCE_LEN..CLEAR_LEN).ok_or(CertificateError::Truncated)?;
    let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| CertificateError::Truncated)?;
    let aad = associated(secret.topic(), &binding.log);
    let plain = XChaCha20Poly1305::new(secret.open_key(&binding.log).expose().into())
        .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad })
        .map_err(|_| CertificateError::Sealed)?;
    let (body, rest) =
        plain.split_at_checked(CERTIFICATE_BODY).ok_or(CertificateError::Truncated)?;
    let (signature, rest) = rest.split_first_chunk::<64>().ok_or(CertificateError::Truncated)?;
    let (statement_signature, statement) =
        rest.split_first_chunk::<64>().ok_or(CertificateError::Truncated)?;
    let key = |at: usize| body.get(at..).and_then(|rest| rest.first_chunk::<32>()).copied();
    let identity = IdentityKey(key(65).ok_or(CertificateError::Truncated)?);
    let instance = InstanceKey(key(97).ok_or(CertificateError::Truncated)?);
    if body != certificate_body(binding, secret.topic(), &identity, &instance) {
        return Err(CertificateError::Other);
    }
    instance
        .verify(CERTIFICATE_CONTEXT, body, &Signature(*signature))
        .map_err(|_| CertificateError::Signature)?;
    let statement =
        SignedStatement { bytes: statement.to_vec(), signature: Signature(*statement_signature) };
    match verify_statement(&identity, &statement) {
        Ok(Statement::Add { instance: added, .. }) if added == instance => {
            Ok(Author { who: ConnectId::of(&identity), identity, instance })
        }
        _ => Err(CertificateError::Statement),
    }
}

fn associated(topic: Topic, log: &LogKey) -> [u8; 64] {
    let mut aad = [0; 64];
    let (first, second) = aad.split_at_mut(32);
    first.copy_from_slice(topic.as_bytes());
    second.copy_from_slice(log.as_bytes());
    aad
}
