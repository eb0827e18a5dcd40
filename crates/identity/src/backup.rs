//! The backup file: everything that history can't bring back, sealed by a phrase.
//!
//! `magic 13 ‖ version 1 ‖ memory 4 ‖ passes 4 ‖ lanes 4 ‖ salt 16 ‖ nonce 24 ‖ commitment 32 ‖
//! XChaCha20-Poly1305`. The commitment names the key, so a wrong phrase and a damaged file are
//! told apart, and one file never opens with two phrases.

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::card::CardError;
use crate::cbor::CborError;
use crate::id::BadSignature;
use crate::kdf::{Secret32, derive};
use crate::phrase::{Phrase, normalize};

mod contents;
#[cfg(test)]
mod tests;

pub use contents::{Contact, Contents, EpochKey, MAX_LOCAL_NAME};

/// Bytes of a backup file, at most.
pub const MAX_BACKUP: usize = 128 << 20;
/// KiB of memory that opening a backup may ask for, at most: a file must not exhaust the machine.
pub const MAX_MEMORY: u32 = 1 << 20;
/// Passes that opening a backup may ask for, at most.
pub const MAX_PASSES: u32 = 16;
/// Lanes that opening a backup may ask for, at most.
pub const MAX_LANES: u32 = 4;

const MAGIC: &[u8; 13] = b"nexus backup\0";
const VERSION: u8 = 1;
const SALT: usize = 16;
const NONCE: usize = 24;
const COMMITMENT: usize = 32;
/// Bytes before the ciphertext.
const HEADER: usize = MAGIC.len() + 1 + 3 * 4 + SALT + NONCE + COMMITMENT;
/// Context of the commitment.
const COMMITMENT_CONTEXT: &str = "nexus backup commitment v1";

/// Why a backup could not be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BackupError {
    /// Another kind of file, or one cut off in its header.
    #[error("this is not a Nexus backup")]
    NotBackup,
    /// Longer than [`MAX_BACKUP`].
    #[error("the backup is too long")]
    TooLong,
    /// A newer program wrote it.
    #[error("the backup is of version {0}, which this program does not know")]
    Version(u8),
    /// The cost in the file is none that this program would pay.
    #[error("the backup asks for an unreasonable cost")]
    Cost,
    /// The memory for the phrase's derivation is not available.
    #[error("not enough memory to derive the key from the phrase")]
    Memory,
    /// The phrase is not the one that sealed it (or the file's header was changed).
    #[error("the phrase does not open this backup")]
    WrongPhrase,
    /// The phrase is right, the rest of the file was changed or cut off.
    #[error("the backup is damaged")]
    Damaged,
    /// The contents are not as this version writes them, or over a limit.
    #[error("the backup's contents are not well formed: {0}")]
    Encoding(#[from] CborError),
    /// A card in it was refused.
    #[error("the backup holds a bad card: {0}")]
    Card(#[from] CardError),
    /// The contents are not signed by the identity in them.
    #[error("the backup is not signed by its identity")]
    Signature(#[from] BadSignature),
}

/// What deriving the key from the phrase costs (Argon2id, RFC 9106). Written in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Cost {
    /// KiB of memory.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Argon2Cost {
    /// 256 MiB, 3 passes: about a second.
    pub const STANDARD: Self = Self { memory: 256 * 1024, passes: 3, lanes: 1 };
    /// As cheap as the algorithm allows: for tests only, it protects nothing.
    pub const FOR_TESTS: Self = Self { memory: 8, passes: 1, lanes: 1 };
}

/// What a phrase gives: the key that seals the backup, and one that proves knowledge of the
/// phrase to a server without opening anything.
#[derive(Debug, Clone)]
pub struct PhraseKeys {
    /// Seals the backup.
    pub encryption: Secret32,
    /// For a server that keeps the backup.
    pub authentication: Secret32,
}

/// Argon2id of the normalized phrase: 64 bytes, the first half for encryption.
pub fn phrase_keys(
    phrase: &str,
    salt: &[u8; SALT],
    cost: Argon2Cost,
) -> Result<PhraseKeys, BackupError> {
    if cost.memory > MAX_MEMORY || cost.passes > MAX_PASSES || cost.lanes > MAX_LANES {
        return Err(BackupError::Cost);
    }
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(64))
        .map_err(|_| BackupError::Cost)?;
    let mut keys = Zeroizing::new([0u8; 64]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(normalize(phrase).as_bytes(), salt, keys.as_mut_slice())
        .map_err(|_| BackupError::Memory)?;
    let mut halves = keys.chunks(32).map_while(Secret32::from_slice);
    match (halves.next(), halves.next()) {
        (Some(encryption), Some(authentication)) => Ok(PhraseKeys { encryption, authentication }),
        _ => Err(BackupError::Memory),
    }
}

/// Seals contents into a backup file.
pub fn seal(
    contents: &Contents,
    phrase: &Phrase,
    cost: Argon2Cost,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Vec<u8>, BackupError> {
    let mut salt = [0; SALT];
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let keys = phrase_keys(phrase.text(), &salt, cost)?;
    let mut file = Vec::with_capacity(HEADER);
    file.extend_from_slice(MAGIC);
    file.push(VERSION);
    for number in [cost.memory, cost.passes, cost.lanes] {
        file.extend_from_slice(&number.to_be_bytes());
    }
    file.extend_from_slice(&salt);
    file.extend_from_slice(&nonce);
    file.extend_from_slice(&commitment(&keys.encryption));
    let signed = contents.sign()?;
    let payload = Payload { msg: &signed, aad: &file };
    let sealed = cipher(&keys.encryption)
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| BackupError::TooLong)?;
    file.extend_from_slice(&sealed);
    if file.len() > MAX_BACKUP { Err(BackupError::TooLong) } else { Ok(file) }
}

/// Opens a backup file.
pub fn open(file: &[u8], phrase: &str) -> Result<Contents, BackupError> {
    if file.len() > MAX_BACKUP {
        return Err(BackupError::TooLong);
    }
    let header = read_header(file)?;
    let keys = phrase_keys(phrase, &header.salt, header.cost)?;
    if !bool::from(commitment(&keys.encryption).ct_eq(&header.commitment)) {
        return Err(BackupError::WrongPhrase);
    }
    let (aad, sealed) = file.split_at_checked(HEADER).ok_or(BackupError::NotBackup)?;
    let signed = cipher(&keys.encryption)
        .decrypt(&XNonce::from(header.nonce), Payload { msg: sealed, aad })
        .map_err(|_| BackupError::Damaged)?;
    Contents::verify(&Zeroizing::new(signed))
}

struct Header {
    cost: Argon2Cost,
    salt: [u8; SALT],
    nonce: [u8; NONCE],
    commitment: [u8; COMMITMENT],
}

fn read_header(file: &[u8]) -> Result<Header, BackupError> {
    let rest = file.strip_prefix(MAGIC).ok_or(BackupError::NotBackup)?;
    let (version, mut rest) = rest.split_first().ok_or(BackupError::NotBackup)?;
    if *version != VERSION {
        return Err(BackupError::Version(*version));
    }
    Ok(Header {
        cost: Argon2Cost {
            memory: u32::from_be_bytes(take(&mut rest)?),
            passes: u32::from_be_bytes(take(&mut rest)?),
            lanes: u32::from_be_bytes(take(&mut rest)?),
        },
        salt: take(&mut rest)?,
        nonce: take(&mut rest)?,
        commitment: take(&mut rest)?,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BackupError> {
    let (head, tail) = rest.split_first_chunk().ok_or(BackupError::NotBackup)?;
    *rest = tail;
    Ok(*head)
}

fn commitment(key: &Secret32) -> [u8; COMMITMENT] {
    derive(COMMITMENT_CONTEXT, &[key.expose()])
}

fn cipher(key: &Secret32) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}
