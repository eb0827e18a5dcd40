//! What is known of a set of logs, in one comparable value.

use crate::ids::{LogHead, Topic};

/// Bytes of a fingerprint.
pub const FINGERPRINT_LEN: usize = 32;

/// BLAKE3 over (topic, log key, seq, head hash) of everything shared, sorted: equal on both sides exactly when both
/// hold the same.
#[derive(Debug, Clone)]
pub struct Fingerprint(blake3::Hasher);

/// Context of a fingerprint.
pub const FINGERPRINT_CONTEXT: &str = "nexus frontier v1";

impl Fingerprint {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(blake3::Hasher::new_derive_key(FINGERPRINT_CONTEXT))
    }

    /// Adds the heads of one topic; topics must come in rising order, heads may come in any.
    pub fn topic(&mut self, topic: &Topic, heads: &[LogHead]) -> &mut Self {
        let mut rows: Vec<_> =
            heads.iter().map(|head| (head.log, head.head.seq, head.head.hash)).collect();
        rows.sort_unstable();
        for (log, seq, hash) in rows {
            self.0.update(topic.as_bytes()).update(log.as_bytes());
            self.0.update(&seq.to_be_bytes()).update(hash.as_bytes());
        }
        self
    }

    /// The value.
    #[must_use]
    pub fn finish(&self) -> [u8; FINGERPRINT_LEN] {
        *self.0.finalize().as_bytes()
    }

    /// The value for one topic alone.
    #[must_use]
    pub fn of_topic(topic: &Topic, heads: &[LogHead]) -> [u8; FINGERPRINT_LEN] {
        Self::new().topic(topic, heads).finish()
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{EntryHash, Head, LogKey};

    fn head(log: u8, seq: u64, hash: u8) -> LogHead {
        let head = Head { seq, hash: EntryHash::from_bytes([hash; 32]) };
        LogHead { log: LogKey::from_bytes([log; 32]), branch: None, first: 0, head }
    }

    #[test]
    fn neither_order_nor_which_branch_came_first_matters() {
        let topic = Topic::from_bytes([1; 32]);
        let other = LogHead { branch: Some(EntryHash::from_bytes([4; 32])), ..head(1, 3, 9) };
        let a = Fingerprint::of_topic(&topic, &[head(1, 3, 9), head(2, 5, 7)]);
        let b = Fingerprint::of_topic(&topic, &[head(2, 5, 7), other]);
        assert_eq!(a, b);
        assert_ne!(a, Fingerprint::of_topic(&topic, &[head(1, 4, 9), head(2, 5, 7)]));
        assert_ne!(
            a,
            Fingerprint::of_topic(&Topic::from_bytes([2; 32]), &[head(1, 3, 9), head(2, 5, 7)])
        );
    }
}
