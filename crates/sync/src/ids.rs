//! Names of what the machine talks about: links, sides, tickets, fingerprints.

use core::fmt;

use nexus_identity::kdf::hkdf32;
use nexus_identity::{ConnectId, InstanceKey, Secret32};
use nexus_log::ids::{LogKey, Topic};
use nexus_log::topic::TopicSecret;

use crate::shared::Shared;

/// One link of this node, numbered by whoever drives the engine. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// A run that was handed out to be stored, until it is reported as durable or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Counts the frames handed out for one link, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serial(pub u64);

/// Which end of a link an instance is; both ends differ, whoever dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that dialled (TLS client). Byte 0.
    Dialler,
    /// The end that was dialled (TLS server). Byte 1.
    Listener,
}

impl Side {
    /// The byte that stands for this side in a WANT id.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Dialler => 0,
            Self::Listener => 1,
        }
    }

    /// The other end.
    pub const fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Listener,
            Self::Listener => Self::Dialler,
        }
    }
}

/// One chain of a log: the log itself, or one branch of a forked log as the store names it.
pub type Chain = (LogKey, Option<nexus_log::ids::EntryHash>);

/// Hash of a set of wanted topics, 32 bytes; [`SetHash::NONE`] stands for "I remember nothing".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetHash(pub [u8; 32]);

impl SetHash {
    /// No set has this hash.
    pub const NONE: Self = Self([0; 32]);
}

/// Fingerprint of all heads in a scope of topics, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeFingerprint(pub [u8; 32]);

/// Fingerprint of the heads of one topic, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFingerprint(pub [u8; 16]);

/// A topic as only its members recognise it on one link, 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WantId(pub [u8; 16]);

/// The secret under which WANT ids of a topic are made: `HKDF(topic secret, "want")`.
#[derive(Clone)]
pub struct WantSecret(Secret32);

impl WantSecret {
    /// Takes the derived secret.
    pub const fn new(secret: Secret32) -> Self {
        Self(secret)
    }

    /// Derives it from the secret of a topic.
    pub fn of(topic: &TopicSecret) -> Self {
        Self(hkdf32(topic.secret(), &[b"want"]))
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }
}

impl fmt::Debug for WantSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WantSecret(..)")
    }
}

/// A topic that this node wants over a link.
#[derive(Clone, Debug)]
pub struct WantedTopic {
    /// The topic.
    pub topic: Topic,
    /// Makes and recognises its WANT ids.
    pub want: WantSecret,
    /// Larger is sent first; the time of the newest entry serves well.
    pub priority: u64,
}

/// What the engine must know about a link that came up.
#[derive(Clone, Debug)]
pub struct LinkParams {
    /// Which end this node is.
    pub side: Side,
    /// 32 bytes of TLS exporter, the same at both ends and on no other link.
    pub exporter: Secret32,
    /// Whose link it is, proven by transport.
    pub peer: ConnectId,
    /// The instance at the other end, proven by transport.
    pub instance: InstanceKey,
    /// What [`crate::Output::Remember`] said last about this instance; `None` if nothing is known,
    /// then the engine uses what it remembers itself.
    pub remembered: Option<Shared>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let secret = TopicSecret::from_secret(Secret32::new([0xab; 32]));
        let wanted =
            WantedTopic { topic: secret.topic(), want: WantSecret::of(&secret), priority: 1 };
        let link = LinkParams {
            side: Side::Dialler,
            exporter: Secret32::new([0xcd; 32]),
            peer: ConnectId::from_bytes([1; 32]),
            instance: InstanceKey::from_bytes([2; 32]),
            remembered: None,
        };
        let topic = secret.topic();
        assert_eq!(
            format!("{wanted:?}"),
            format!("WantedTopic {{ topic: {topic:?}, want: WantSecret(..), priority: 1 }}")
        );
        assert!(format!("{link:?}").contains("exporter: Secret32(..)"), "{link:?}");
    }
}
