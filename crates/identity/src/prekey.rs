//! Prekeys: the keys that others seal to, replaced and erased on schedule.

use core::fmt;
use core::time::Duration;

use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::bugs::{self, Bug};
use crate::id::{Millis, hex};
use crate::kdf::{Secret32, derive};
use crate::seal::{self, SealError, Suite};

#[cfg(test)]
mod tests;

/// How long a prekey is the current one.
pub const ROTATE: Duration = Duration::from_secs(7 * 86_400);
/// How long the private half is kept after it was replaced.
pub const KEEP: Duration = Duration::from_secs(30 * 86_400);
/// How far ahead of the clock a prekey may have been made before the clock counts as set back.
const CLOCK_SLACK: Duration = Duration::from_secs(86_400);
/// Prekeys kept at once, at most: the current one and those replaced.
pub const MAX_PREKEYS: usize = 16;

/// Context of prekey ids.
const ID_CONTEXT: &str = "nexus prekey v1";
/// Version byte of the stored ring.
const STATE_VERSION: u8 = 1;
/// Bytes of one prekey in the stored ring: suite 1, secret 32, created 8, replaced 8.
const STATE_EACH: usize = 1 + 32 + 8 + 8;
/// Stands for "not replaced" in the stored ring.
const NOT_REPLACED: u64 = u64::MAX;

/// First 16 bytes of `derive("nexus prekey v1", suite byte ‖ public key)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrekeyId(pub [u8; 16]);

impl PrekeyId {
    /// The id of a public prekey.
    pub fn of(suite: u8, public: &[u8]) -> Self {
        let hash = derive(ID_CONTEXT, &[&[suite], public]);
        Self(hash.first_chunk().copied().unwrap_or_default())
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for PrekeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for PrekeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrekeyId({self})")
    }
}

/// One of my prekeys, with its private half.
#[derive(Clone)]
pub struct Prekey {
    id: PrekeyId,
    suite: Suite,
    secret: Secret32,
    public: Vec<u8>,
    created: Millis,
}

impl Prekey {
    fn from_secret(suite: Suite, secret: Secret32, created: Millis) -> Result<Self, SealError> {
        let public = seal::public_key(suite, &secret)?;
        Ok(Self { id: PrekeyId::of(suite.byte(), &public), suite, secret, public, created })
    }

    /// Its id.
    pub const fn id(&self) -> PrekeyId {
        self.id
    }

    /// What it is for.
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The public half.
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// When it was made.
    pub const fn created(&self) -> Millis {
        self.created
    }

    /// Opens what was sealed to it. See [`seal::open`].
    pub fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        seal::open(self.suite, &self.secret, info, aad, sealed)
    }
}

impl fmt::Debug for Prekey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prekey({}, ..)", self.id)
    }
}

/// Why a stored ring was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PrekeysError {
    /// Not what [`Prekeys::to_bytes`] of this version writes.
    #[error("the stored prekeys are damaged or of an unknown version")]
    Malformed,
}

/// The ring of an instance's own prekeys: the current one, and those replaced but not erased yet.
#[derive(Clone)]
pub struct Prekeys {
    current: Prekey,
    /// With the time of replacement, oldest first.
    old: Vec<(Prekey, Millis)>,
}

impl Prekeys {
    /// A ring with one fresh prekey.
    pub fn generate(now: Millis, rng: &mut (impl CryptoRng + ?Sized)) -> Result<Self, SealError> {
        let current = Prekey::from_secret(Suite::XWing, Secret32::random(rng), now)?;
        Ok(Self { current, old: Vec::new() })
    }

    /// The one to publish.
    pub const fn current(&self) -> &Prekey {
        &self.current
    }

    /// The prekey of this id, if it is not erased yet.
    pub fn find(&self, id: &PrekeyId) -> Option<&Prekey> {
        self.all().find(|prekey| prekey.id == *id)
    }

    /// All that can still be opened with, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Prekey> {
        core::iter::once(&self.current).chain(self.old.iter().map(|(prekey, _)| prekey))
    }

    /// Replaces the current prekey if it is due; then publish a new instance record.
    ///
    /// Due [`ROTATE`] after it was made; also when it comes from a future that the clock has left.
    pub fn rotate_if_due(&mut self, now: Millis, rng: &mut (impl CryptoRng + ?Sized)) -> bool {
        let from_the_future = self.current.created.since(now) > CLOCK_SLACK;
        if now.since(self.current.created) < ROTATE && !from_the_future {
            return false;
        }
        let Ok(fresh) = Prekey::from_secret(Suite::XWing, Secret32::random(rng), now) else {
            return false;
        };
        self.old.push((core::mem::replace(&mut self.current, fresh), now));
        true
    }

    /// Erases what was replaced [`KEEP`] ago, and gives the ids. Store the ring afterwards.
    ///
    /// Beyond [`MAX_PREKEYS`] the oldest go earlier. What a clock set back has put into the future
    /// counts from now.
    pub fn erase_due(&mut self, now: Millis) -> Vec<PrekeyId> {
        let too_many = (1 + self.old.len()).saturating_sub(MAX_PREKEYS);
        let mut at = 0;
        let mut erased = Vec::new();
        self.old.retain_mut(|(prekey, replaced)| {
            *replaced = (*replaced).min(now);
            at += 1;
            let keep = at > too_many && now.since(*replaced) < KEEP;
            let keep = (keep && !bugs::is(Bug::PrekeyErasedEarly)) || bugs::is(Bug::PrekeyKept);
            if !keep {
                erased.push(prekey.id);
            }
            keep
        });
        erased
    }

    /// When there is next something to rotate or to erase: at once, if a clock set back has left something in the future.
    pub fn next_deadline(&self, now: Millis) -> Millis {
        let made_ahead = self.current.created.since(now) > CLOCK_SLACK;
        if made_ahead || self.old.iter().any(|(_, replaced)| *replaced > now) {
            return now;
        }
        let erase = self.old.iter().map(|(_, replaced)| replaced.saturating_add(KEEP)).min();
        let rotate = self.current.created.saturating_add(ROTATE);
        erase.map_or(rotate, |erase| erase.min(rotate))
    }

    /// The ring for the store, secret: version 1, count 1, then for each, the current one first:
    /// suite 1, secret 32, created 8, replaced 8 (all ones: not).
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let count = 1 + self.old.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 + count * STATE_EACH));
        // Never more than a few: `erase_due` holds the ring to MAX_PREKEYS.
        bytes.extend([STATE_VERSION, u8::try_from(count).unwrap_or(u8::MAX)]);
        let current = core::iter::once((&self.current, Millis(NOT_REPLACED)));
        for (prekey, replaced) in current.chain(self.old.iter().map(|(key, at)| (key, *at))) {
            bytes.push(prekey.suite.byte());
            bytes.extend_from_slice(prekey.secret.expose());
            bytes.extend_from_slice(&prekey.created.0.to_be_bytes());
            bytes.extend_from_slice(&replaced.0.to_be_bytes());
        }
        bytes
    }

    /// Reads what [`Prekeys::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PrekeysError> {
        let (&[version, count], rest) = bytes.split_first_chunk().ok_or(PrekeysError::Malformed)?;
        let whole = rest.len() == usize::from(count) * STATE_EACH;
        if version != STATE_VERSION || !whole || usize::from(count) > MAX_PREKEYS + 1 {
            return Err(PrekeysError::Malformed);
        }
        let mut all = rest.chunks(STATE_EACH).map(read_one);
        let (current, NOT_REPLACED) = all.next().ok_or(PrekeysError::Malformed)?? else {
            return Err(PrekeysError::Malformed);
        };
        let old = all.map(|one| one.map(|(prekey, replaced)| (prekey, Millis(replaced))));
        Ok(Self { current, old: old.collect::<Result<_, _>>()? })
    }
}

fn read_one(bytes: &[u8]) -> Result<(Prekey, u64), PrekeysError> {
    let read = || {
        let (&[suite], rest) = bytes.split_first_chunk()?;
        let (secret, rest) = rest.split_at_checked(32)?;
        let (created, replaced) = rest.split_first_chunk()?;
        let suite = Suite::from_byte(suite).ok()?;
        let secret = Secret32::from_slice(secret)?;
        let created = Millis(u64::from_be_bytes(*created));
        let prekey = Prekey::from_secret(suite, secret, created).ok()?;
        Some((prekey, u64::from_be_bytes(replaced.try_into().ok()?)))
    };
    read().ok_or(PrekeysError::Malformed)
}

impl fmt::Debug for Prekeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all()).finish()
    }
}
