//! Chance: everything random in a run comes from one seed, through streams that do not disturb each other.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// One stream of chance.
#[derive(Debug, Clone)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of that name under a seed.
    #[must_use]
    pub fn new(seed: u64, stream: &str, number: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("nexus sim dice v1");
        hasher.update(&seed.to_be_bytes()).update(&number.to_be_bytes()).update(stream.as_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Evenly one of `0..n`; 0 for none.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits().checked_rem(n).unwrap_or(0)
    }

    /// Evenly one of `low..=high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True that often in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// Between the two, as often in each order of magnitude.
    pub fn scale(&mut self, low: u64, high: u64) -> u64 {
        let (a, b) = (low.max(1).ilog2(), high.max(1).ilog2());
        let shift = self.range(u64::from(a), u64::from(b));
        self.range(1 << shift, (2 << shift) - 1).clamp(low, high)
    }

    /// A place in something of that length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len()))
    }

    /// The generator itself, for keys.
    pub const fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.0
    }
}
