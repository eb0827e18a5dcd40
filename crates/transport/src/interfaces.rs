//! Which network interfaces this machine has, and which of them discovery uses.

/// Which interfaces discovery uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceFilter {
    /// If not empty: only interfaces with these names, junk or not.
    pub only: Vec<String>,
    /// Never interfaces with these names.
    pub never: Vec<String>,
}
