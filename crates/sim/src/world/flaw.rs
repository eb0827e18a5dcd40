//! Mistakes of the simulated world itself.

/// A mistake built into a simulated disk or wire, to be found like the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// What was last confirmed is gone after a crash.
    LostFsync,
    /// What came of a frame when its link ended counts as all of it.
    PartOfFrameTaken,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::LostFsync, Self::PartOfFrameTaken];

    /// What goes wrong, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::LostFsync => "what was last confirmed is gone after a crash",
            Self::PartOfFrameTaken => {
                "what came of a frame when its link ended counts as all of it"
            }
        }
    }
}
