//! The beacon: one datagram by which a node on the LAN says where it listens.
//!
//! All of it is claims until a link proves them. The byte table is in `docs/protocol.md` §4.

use nexus_identity::{ConnectId, InstanceKey, InstanceSecret, Secret32, Signature};
use rand::{CryptoRng, RngExt};
use thiserror::Error;

use crate::gate::{GATE_BYTES, Nonce, Token, token};

/// Largest beacon, in bytes; longer datagrams are not read further.
pub const MAX_BEACON: usize = 512;

/// First bytes of every beacon.
pub const MAGIC: [u8; 4] = *b"NEXB";

/// The version written here.
pub const VERSION: u8 = 1;

/// Bytes before the part that depends on the kind.
pub const HEAD_BYTES: usize = 16;

/// Largest name in a beacon, in bytes of UTF-8.
pub const MAX_NAME: usize = 64;

/// Tokens in a beacon for contacts; always as many, so that it does not tell how many contacts there are.
pub const TOKENS: usize = 24;

/// What the signature of a beacon that everyone may read is for.
pub const CONTEXT: &str = "nexus beacon v1";

const FLAG_CONTACTS: u8 = 0b01;
const FLAG_ANSWER: u8 = 0b10;

/// Random for each start of a node: tells the processes of one host apart, and a restart from a silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootId(pub [u8; 8]);

impl BootId {
    /// A fresh one.
    pub fn random(rng: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(rng.random())
    }
}

/// What every beacon says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// TCP port at the datagram's source address.
    pub port: u16,
    /// The sender's boot id.
    pub boot: BootId,
    /// Whether it answers another beacon, and so wants no answer itself.
    pub answer: bool,
}

/// A beacon, read but not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beacon {
    /// The part that all have.
    pub head: Head,
    /// The part that depends on the sender's visibility.
    pub claim: Claim,
}

/// Who sends a beacon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// For everyone: who it says it is.
    Everyone {
        /// Instance key; the beacon is signed by it.
        instance: InstanceKey,
        /// ConnectID, unproven.
        connect_id: ConnectId,
        /// Profile name, raw text of a stranger.
        name: String,
        /// Over all bytes before it.
        signature: Signature,
    },
    /// For contacts: only they find their token.
    Contacts {
        /// Fresh in each round of beacons.
        nonce: Nonce,
        /// One for each of up to [`TOKENS`] contacts, the rest random.
        tokens: Vec<Token>,
    },
}

/// Why a datagram is no beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BeaconError {
    /// Another program's datagram.
    #[error("not a beacon")]
    Magic,
    /// A beacon of a version that this one can't read.
    #[error("a beacon of another version")]
    Version,
    /// Too short, too long, or with a length inside that does not fit.
    #[error("a beacon of the wrong length")]
    Length,
    /// Port 0, or a name that is not UTF-8 or too long.
    #[error("a beacon with a value out of range")]
    Range,
    /// The signature is not the instance key's.
    #[error("a beacon with a wrong signature")]
    Signature,
}

fn encode_head(head: &Head, contacts: bool) -> [u8; HEAD_BYTES] {
    let mut out = [0; HEAD_BYTES];
    let mut flags = 0;
    if contacts {
        flags |= FLAG_CONTACTS;
    }
    if head.answer {
        flags |= FLAG_ANSWER;
    }
    let parts =
        MAGIC.into_iter().chain([VERSION, flags]).chain(head.port.to_be_bytes()).chain(head.boot.0);
    for (byte, value) in out.iter_mut().zip(parts) {
        *byte = value;
    }
    out
}

/// A signed beacon that everyone may read. A name over [`MAX_NAME`] bytes is cut at a character.
#[must_use]
pub fn encode_everyone(
    head: &Head,
    instance: &InstanceSecret,
    connect_id: &ConnectId,
    name: &str,
) -> Vec<u8> {
    let name = cut(name);
    let mut out = encode_head(head, false).to_vec();
    out.extend_from_slice(instance.key().as_bytes());
    out.extend_from_slice(connect_id.as_bytes());
    out.push(u8::try_from(name.len()).unwrap_or(0));
    out.extend_from_slice(name.as_bytes());
    let signature = instance.sign(CONTEXT, &out);
    out.extend_from_slice(signature.as_bytes());
    out
}

/// A beacon that only the contacts behind `secrets` recognise; at most [`TOKENS`] of them get a token.
pub fn encode_contacts<'a>(
    head: &Head,
    sender: &ConnectId,
    nonce: &Nonce,
    secrets: impl Iterator<Item = &'a Secret32>,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<u8> {
    let first = encode_head(head, true);
    let mut tokens: Vec<Token> =
        secrets.take(TOKENS).map(|secret| token(secret, sender, &first, nonce)).collect();
    tokens.resize_with(TOKENS, || rng.random());
    let mut out = first.to_vec();
    out.extend_from_slice(nonce);
    out.push(u8::try_from(tokens.len()).unwrap_or(0));
    out.extend(tokens.iter().flatten());
    out
}

fn cut(name: &str) -> &str {
    let mut end = name.len().min(MAX_NAME);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.get(..end).unwrap_or("")
}

impl Beacon {
    /// Reads a datagram. Checks form only; [`Beacon::verify`] checks the signature.
    ///
    /// # Errors
    /// [`BeaconError`], but for the signature.
    pub fn decode(bytes: &[u8]) -> Result<Self, BeaconError> {
        if bytes.len() > MAX_BEACON {
            return Err(BeaconError::Length);
        }
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(BeaconError::Magic)?;
        if *magic != MAGIC {
            return Err(BeaconError::Magic);
        }
        let mut read = Cursor(rest);
        let [version, flags] = read.take()?;
        if version != VERSION {
            return Err(BeaconError::Version);
        }
        let head = Head {
            port: u16::from_be_bytes(read.take()?),
            boot: BootId(read.take()?),
            answer: flags & FLAG_ANSWER != 0,
        };
        if head.port == 0 {
            return Err(BeaconError::Range);
        }
        let claim = if flags & FLAG_CONTACTS == 0 { read.everyone()? } else { read.contacts()? };
        if read.0.is_empty() { Ok(Self { head, claim }) } else { Err(BeaconError::Length) }
    }

    /// Checks the signature over the datagram `bytes` that this beacon was read from. A beacon for contacts has none.
    ///
    /// # Errors
    /// [`BeaconError::Signature`].
    pub fn verify(&self, bytes: &[u8]) -> Result<(), BeaconError> {
        let Claim::Everyone { instance, signature, .. } = &self.claim else { return Ok(()) };
        let signed = bytes.split_last_chunk::<64>().ok_or(BeaconError::Length)?.0;
        instance.verify(CONTEXT, signed, signature).map_err(|_| BeaconError::Signature)
    }

    /// The first bytes of this beacon, which its tokens cover.
    #[must_use]
    pub fn head_bytes(&self) -> [u8; HEAD_BYTES] {
        encode_head(&self.head, matches!(self.claim, Claim::Contacts { .. }))
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], BeaconError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(BeaconError::Length)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn everyone(&mut self) -> Result<Claim, BeaconError> {
        let instance = InstanceKey::from_bytes(self.take()?);
        let connect_id = ConnectId::from_bytes(self.take()?);
        let [length] = self.take()?;
        let length = usize::from(length);
        if length > MAX_NAME {
            return Err(BeaconError::Range);
        }
        let (name, rest) = self.0.split_at_checked(length).ok_or(BeaconError::Length)?;
        self.0 = rest;
        let name = std::str::from_utf8(name).map_err(|_| BeaconError::Range)?.to_owned();
        let signature = Signature::from_bytes(self.take()?);
        Ok(Claim::Everyone { instance, connect_id, name, signature })
    }

    fn contacts(&mut self) -> Result<Claim, BeaconError> {
        let nonce = self.take()?;
        let [count] = self.take()?;
        if usize::from(count) > TOKENS {
            return Err(BeaconError::Range);
        }
        let tokens = (0..count).map(|_| self.take::<GATE_BYTES>()).collect::<Result<_, _>>()?;
        Ok(Claim::Contacts { nonce, tokens })
    }
}

#[cfg(test)]
mod tests;
