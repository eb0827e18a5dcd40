//! Which run of the machine this is.

/// Names one run of the machine, from power-on to power-off.
///
/// What the program wrote is there as long as the machine runs, also when the program was killed. After a start of
/// the machine the order in which things reached the disk is not known, so they are looked at again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BootId(Option<[u8; 32]>);

impl BootId {
    /// This run. Where the system has no name for it, no two are the same: what is there is looked at each time.
    pub fn current() -> Self {
        Self::named(&std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default())
    }

    /// A run that the system names so; empty is unknown.
    pub fn named(name: &[u8]) -> Self {
        Self((!name.is_empty()).then(|| *blake3::hash(name).as_bytes()))
    }

    /// Whether both are known to be the same run.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.is_some() && self.0 == other.0
    }

    /// As kept: zeros for unknown.
    pub(crate) fn to_kept(self) -> [u8; 32] {
        self.0.unwrap_or_default()
    }

    /// From what was kept.
    pub(crate) fn from_kept(kept: [u8; 32]) -> Self {
        Self((kept != [0; 32]).then_some(kept))
    }
}
