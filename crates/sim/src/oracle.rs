//! What truly happened, as nobody in the world knows it.

use std::collections::{BTreeMap, BTreeSet};

use nexus_log::ids::{EntryHash, Topic};
use nexus_log::order::Position;

use crate::node::Signed;

/// Everything that was written, and what is known of each of it.
#[derive(Debug, Default)]
pub struct Oracle {
    /// What devices wrote, once it was durable there.
    pub signed: BTreeMap<EntryHash, Signed>,
    /// In which order, by topic.
    pub by_topic: BTreeMap<Topic, Vec<EntryHash>>,
    /// Where each readable message was first seen to stand.
    pub places: BTreeMap<EntryHash, Position>,
    /// Entries of liars, which nobody needs to keep.
    pub lies: BTreeSet<EntryHash>,
}

impl Oracle {
    /// Somebody wrote something, and it is durable.
    pub fn wrote(&mut self, signed: Signed) {
        self.by_topic.entry(signed.topic).or_default().push(signed.hash);
        self.signed.insert(signed.hash, signed);
    }
}
