//! Hashes that stand for sets of topics and for sets of heads, and the ids of WANT.

use nexus_log::frontier::Fingerprint;
use nexus_log::ids::{LogHead, Topic};

use crate::ids::{ScopeFingerprint, SetHash, Side, TopicFingerprint, WantId, WantSecret};

/// Context of [`set_hash`].
pub const SET_CONTEXT: &str = "nexus wanted v1";
/// Hash of a set of wanted topics: `derive("nexus wanted v1", topics ascending)`.
pub fn set_hash<'a>(ascending: impl Iterator<Item = &'a Topic>) -> SetHash {
    let mut hasher = blake3::Hasher::new_derive_key(SET_CONTEXT);
    for topic in ascending {
        hasher.update(topic.as_bytes());
    }
    SetHash(*hasher.finalize().as_bytes())
}

/// Fingerprint of one topic: the first 16 bytes of the [`Fingerprint`] of that topic alone.
pub fn topic_fingerprint(topic: &Topic, heads: &[LogHead]) -> TopicFingerprint {
    let full = Fingerprint::of_topic(topic, heads);
    TopicFingerprint(full.first_chunk().copied().unwrap_or_default())
}

/// Fingerprint of a scope: of the heads of all its topics, which come ascending.
pub fn scope_fingerprint<'a>(
    topics: impl Iterator<Item = (&'a Topic, Vec<LogHead>)>,
) -> ScopeFingerprint {
    let mut all = Fingerprint::new();
    for (topic, heads) in topics {
        all.topic(topic, &heads);
    }
    ScopeFingerprint(all.finish())
}

/// The WANT id that `side` sends for a topic on one link: the first 16 bytes of BLAKE3 keyed with
/// the topic's want secret over `exporter 32 ‖ side 1`.
pub fn want_id(secret: &WantSecret, exporter: &[u8; 32], side: Side) -> WantId {
    let mut hasher = blake3::Hasher::new_keyed(secret.expose());
    hasher.update(exporter);
    hasher.update(&[side.byte()]);
    let mut out = [0; 16];
    hasher.finalize_xof().fill(&mut out);
    WantId(out)
}
