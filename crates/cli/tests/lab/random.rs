//! Seeded randomness for tests: SplitMix64. A failing run is repeated with the seed that it printed.

/// A sequence that depends on nothing but its seed.
pub struct Random(u64);

impl Random {
    /// The seed is taken from `variable`, else it is new, and printed either way.
    pub fn from_env(variable: &str) -> Self {
        let seed = std::env::var(variable).ok().map_or_else(
            || {
                let now = std::time::SystemTime::now();
                let since = now.duration_since(std::time::UNIX_EPOCH).unwrap();
                u64::try_from(since.as_micros()).unwrap()
            },
            |text| text.parse().unwrap(),
        );
        eprintln!("again with {variable}={seed}");
        Self(seed)
    }

    /// The same for parts of a test that run beside each other.
    pub fn fork(&mut self) -> Self {
        Self(self.draw())
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.draw() % bound as u64).unwrap()
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.draw().to_le_bytes()[0]).collect()
    }
}
