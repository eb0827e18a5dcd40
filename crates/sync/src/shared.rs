//! What two instances found to share, remembered to be compared and never to be trusted.

use nexus_log::ids::Topic;

use crate::ids::SetHash;

/// The share of two sets of wanted topics, kept for the next link to the same instance.
///
/// It only says under which two sets it was computed. The next SUMMARY uses it if both sets are
/// still the same; whatever it says, the fingerprints decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Hash of my set when the share was computed.
    pub mine: SetHash,
    /// Hash of the other's set when the share was computed.
    pub theirs: SetHash,
    /// The topics in both, ascending.
    pub topics: Vec<Topic>,
}

impl Shared {
    /// Bytes for a store: `mine 32 ‖ theirs 32 ‖ n × topic 32`. Local, never sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 32 * self.topics.len());
        out.extend_from_slice(&self.mine.0);
        out.extend_from_slice(&self.theirs.0);
        for topic in &self.topics {
            out.extend_from_slice(topic.as_bytes());
        }
        out
    }

    /// Reads what [`Shared::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mine, rest) = bytes.split_first_chunk::<32>()?;
        let (theirs, rest) = rest.split_first_chunk::<32>()?;
        let (chunks, tail) = rest.as_chunks::<32>();
        if !tail.is_empty() {
            return None;
        }
        let topics: Vec<Topic> = chunks.iter().map(|chunk| Topic::from_bytes(*chunk)).collect();
        topics.is_sorted_by(|a, b| a < b).then_some(Self {
            mine: SetHash(*mine),
            theirs: SetHash(*theirs),
            topics,
        })
    }
}
