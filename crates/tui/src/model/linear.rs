//! What is kept only where there is no screen: typed lines come in, lines are told.

use super::home::Item;

/// The state of the linear mode.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Linear {
    /// Lines of a text that ends with a line of one dot.
    pub pasted: Option<String>,
    /// What was listed last: its numbers mean these.
    pub listed: Vec<Item>,
    /// How far the open conversation was told: an entry id.
    pub told: Option<String>,
}
