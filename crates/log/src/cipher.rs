//! What hides the inside of an ENTRY: epoch keys, the cipher, and padding.
//!
//! Payload of an ENTRY: `epoch 4 ‖ nonce 24 ‖ XChaCha20-Poly1305`. Key: `derive("nexus entry key v1", epoch key ‖ log
//! key ‖ seq)`. Associated data: `conversation id ‖ header[0..76]`. Plaintext: the CBOR, `0x80`, zeros, in all as many
//! bytes as [`padded_len`] says.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use nexus_identity::kdf::{Secret32, derive};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::header::{BOUND_LEN, Header, Kind, MAX_PAYLOAD};
use crate::ids::{ConversationId, EntryHash, Epoch, LogKey, Seq};

#[cfg(test)]
mod tests;

/// Bytes of an XChaCha20 nonce.
pub const NONCE_LEN: usize = 24;
/// Bytes of a Poly1305 tag.
pub const MAC_LEN: usize = 16;
/// Bytes of the payload before the sealed part.
const CLEAR_LEN: usize = 4 + NONCE_LEN;
/// Bytes of a plaintext at least.
pub const MIN_PLAINTEXT: usize = 64;
/// Bytes of the CBOR inside at most: the largest whose padded length fits a payload.
pub const MAX_BODY: usize = 63_487;

const MARK: u8 = 0x80;
const KEY_CONTEXT: &str = "nexus entry key v1";
const COMMITMENT_CONTEXT: &str = "nexus epoch v1";

/// Padmé (Nikitin et al. 2019): the length with all but its first ⌊log2 ⌊log2 len⌋⌋ + 1 bits rounded up; at least 64.
#[must_use]
pub fn padded_len(len: usize) -> usize {
    if len <= MIN_PLAINTEXT {
        return MIN_PLAINTEXT;
    }
    let exponent = len.ilog2();
    let mask = (1_usize << (exponent - exponent.ilog2() - 1)) - 1;
    (len + mask) & !mask
}

/// What SEALS says of an epoch key before anybody can open it: `derive("nexus epoch v1", key ‖ log key ‖ epoch)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Commitment(pub [u8; 32]);

impl Commitment {
    /// Commits to the key of epoch `epoch` of `log`.
    #[must_use]
    pub fn of(key: &Secret32, log: &LogKey, epoch: Epoch) -> Self {
        Self(derive(COMMITMENT_CONTEXT, &[key.expose(), log.as_bytes(), &epoch.to_be_bytes()]))
    }
}

fn cipher(key: &Secret32, log: &LogKey, seq: Seq) -> XChaCha20Poly1305 {
    let parts: [&[u8]; 3] = [key.expose(), log.as_bytes(), &seq.to_be_bytes()];
    let key = Zeroizing::new(derive(KEY_CONTEXT, &parts));
    XChaCha20Poly1305::new((&*key).into())
}

fn associated(conversation: &ConversationId, bound: &[u8]) -> [u8; 32 + BOUND_LEN] {
    let mut aad = [0; 32 + BOUND_LEN];
    let (first, second) = aad.split_at_mut(32);
    first.copy_from_slice(conversation.as_bytes());
    for (to, from) in second.iter_mut().zip(bound) {
        *to = *from;
    }
    aad
}

/// Where an ENTRY stands, which its cipher binds.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The conversation.
    pub conversation: &'a ConversationId,
    /// The log.
    pub log: LogKey,
    /// Its place there.
    pub seq: Seq,
    /// The entry before.
    pub prev: EntryHash,
}

/// Writes the payload of an ENTRY; `None` if `body` is over [`MAX_BODY`].
pub fn seal(
    place: &Place<'_>,
    epoch: Epoch,
    key: &Secret32,
    body: &[u8],
    rng: &mut (impl CryptoRng + ?Sized),
) -> Option<Vec<u8>> {
    if body.len() > MAX_BODY {
        return None;
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(padded_len(body.len() + 1)));
    plain.extend_from_slice(body);
    plain.push(MARK);
    let padded = padded_len(plain.len());
    plain.resize(padded, 0);
    let mut nonce = [0; NONCE_LEN];
    rng.fill_bytes(&mut nonce);
    // The bound bytes end before payload length and hash, so an empty payload gives the same.
    let header =
        Header::for_payload(Kind::Entry, place.log, place.seq, place.prev, &[]).ok()?.encode();
    let aad = associated(place.conversation, header.get(..BOUND_LEN)?);
    let sealed = cipher(key, &place.log, place.seq)
        .encrypt(&XNonce::from(nonce), Payload { msg: &plain, aad: &aad })
        .ok()?;
    let mut payload = Vec::with_capacity(CLEAR_LEN + sealed.len());
    payload.extend_from_slice(&epoch.to_be_bytes());
    payload.extend_from_slice(&nonce);
    payload.extend_from_slice(&sealed);
    debug_assert!(payload.len() <= MAX_PAYLOAD);
    Some(payload)
}

/// The epoch that an ENTRY's payload names; `None` if it is too short to be one.
#[must_use]
pub fn epoch_of(payload: &[u8]) -> Option<Epoch> {
    if payload.len() < CLEAR_LEN + MAC_LEN {
        return None;
    }
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Opens the payload of an ENTRY and takes the padding off; `None` if it does not open or the padding is wrong.
///
/// `header` is the entry's 112 bytes.
#[must_use]
pub fn open(
    conversation: &ConversationId,
    header: &[u8],
    log: &LogKey,
    seq: Seq,
    key: &Secret32,
    payload: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let (clear, sealed) = payload.split_at_checked(CLEAR_LEN)?;
    let nonce: [u8; NONCE_LEN] = clear.get(4..)?.try_into().ok()?;
    let aad = associated(conversation, header.get(..BOUND_LEN)?);
    let plain = cipher(key, log, seq)
        .decrypt(&XNonce::from(nonce), Payload { msg: sealed, aad: &aad })
        .ok()?;
    let mut plain = Zeroizing::new(plain);
    let end = plain.iter().rposition(|byte| *byte != 0)?;
    if plain.get(end) != Some(&MARK) {
        return None;
    }
    plain.truncate(end);
    Some(plain)
}
