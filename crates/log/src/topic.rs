//! Topic secrets: what the members of a conversation share, and everything derived from it.

use core::fmt;

use nexus_identity::id::{ConnectId, ContactKey};
use nexus_identity::kdf::{Secret32, derive, hkdf32};
use nexus_identity::keys::{AllZero, IdentitySecrets, InstanceSecret, SigningKey};

use crate::ids::{ConversationId, Epoch, LogKey, Topic};

#[cfg(test)]
mod tests;

/// Bytes of the tag that lets the owner of a prekey find its slot.
pub const TAG_LEN: usize = 8;
/// Bytes of a WANT id.
pub const WANT_ID_LEN: usize = 16;

const CONVERSATION_CONTEXT: &str = "nexus conversation v1";
const DIRECT_LABEL: &[u8] = b"nexus direct v1";
const SELF_LABEL: &[u8] = b"nexus self v1";

/// What a log carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKind(u8);

impl LogKind {
    /// Messages.
    pub const MESSAGES: Self = Self(0);

    /// The byte in derivations and certificates.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// Who may read a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConversationKind {
    /// Two identities.
    Direct,
    /// The instances of one identity.
    Own,
}

impl ConversationKind {
    /// The byte in derivations: 1 direct, 2 (groups, later), 3 own.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Direct => 1,
            Self::Own => 3,
        }
    }
}

/// The secret of a topic with what is derived from it once and used often.
#[derive(Clone)]
pub struct TopicSecret {
    secret: Secret32,
    key: SigningKey,
    topic: Topic,
    slot: Secret32,
    want: Secret32,
}

impl TopicSecret {
    /// From the 32 bytes, for example those of a group's invitation.
    #[must_use]
    pub fn from_secret(secret: Secret32) -> Self {
        let key = SigningKey::from_seed(hkdf32(&secret, &[b"topic"]));
        let topic = Topic::from_bytes(key.public());
        let slot = hkdf32(&secret, &[b"slot"]);
        let want = hkdf32(&secret, &[b"want"]);
        Self { secret, key, topic, slot, want }
    }

    /// The topic that I share with `their`: both sides reach it without agreeing on anything.
    ///
    /// # Errors
    /// [`AllZero`] if their contact key is one of the few that agree with everybody.
    pub fn direct(
        my: &IdentitySecrets,
        their: &ConnectId,
        contact: &ContactKey,
    ) -> Result<Self, AllZero> {
        let [low, high] = sorted(my.connect_id(), *their);
        let shared = my.agree(contact)?;
        let parts = [DIRECT_LABEL, low.as_bytes().as_slice(), high.as_bytes().as_slice()];
        Ok(Self::from_secret(hkdf32(&shared, &parts)))
    }

    /// The topic of my own instances.
    #[must_use]
    pub fn own(my: &IdentitySecrets) -> Self {
        let me = my.connect_id();
        Self::from_secret(hkdf32(my.self_secret(), &[SELF_LABEL, me.as_bytes()]))
    }

    /// The topic.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        self.topic
    }

    /// The key that lets logs in.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Key of the certificate inside the OPEN of `log`.
    #[must_use]
    pub fn open_key(&self, log: &LogKey) -> Secret32 {
        hkdf32(&self.secret, &[b"open", log.as_bytes()])
    }

    /// Tag of the slot that seals epoch `epoch` of `log` to the owner of the prekey.
    #[must_use]
    pub fn slot_tag(&self, log: &LogKey, epoch: Epoch, prekey: &[u8]) -> [u8; TAG_LEN] {
        let mut hasher = blake3::Hasher::new_keyed(self.slot.expose());
        hasher.update(log.as_bytes()).update(&epoch.to_be_bytes()).update(prekey);
        first(hasher.finalize().as_bytes())
    }

    /// How side `side` of a link names this topic there: keyed BLAKE3 over the link's TLS exporter and the side.
    #[must_use]
    pub fn want_id(&self, exporter: &[u8; 32], side: u8) -> [u8; WANT_ID_LEN] {
        let mut hasher = blake3::Hasher::new_keyed(self.want.expose());
        hasher.update(exporter).update(&[side]);
        first(hasher.finalize().as_bytes())
    }

    /// The secret under which [`TopicSecret::want_id`] names this topic, for those who only sync.
    #[must_use]
    pub const fn want_secret(&self) -> &Secret32 {
        &self.want
    }

    /// The secret of beacons and first bytes between contacts.
    #[must_use]
    pub fn pair_secret(&self) -> Secret32 {
        hkdf32(&self.secret, &[b"beacon"])
    }

    /// The secret from which everything else here is derived. Part of a group's invitation only.
    #[must_use]
    pub const fn secret(&self) -> &Secret32 {
        &self.secret
    }
}

impl fmt::Debug for TopicSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicSecret({}, ..)", self.topic)
    }
}

fn first<const N: usize>(bytes: &[u8; 32]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn sorted(a: ConnectId, b: ConnectId) -> [ConnectId; 2] {
    if a.as_bytes() <= b.as_bytes() { [a, b] } else { [b, a] }
}

/// Id of the direct conversation of two identities: founding data = both ConnectIDs, the smaller first.
#[must_use]
pub fn direct_id(topic: Topic, a: ConnectId, b: ConnectId) -> ConversationId {
    let [low, high] = sorted(a, b);
    conversation_id(ConversationKind::Direct, topic, &[low, high])
}

/// Id of the conversation of my own instances: founding data = my ConnectID.
#[must_use]
pub fn own_id(topic: Topic, me: ConnectId) -> ConversationId {
    conversation_id(ConversationKind::Own, topic, &[me])
}

fn conversation_id(kind: ConversationKind, topic: Topic, members: &[ConnectId]) -> ConversationId {
    let kind = [kind.code()];
    let mut parts = vec![kind.as_slice(), topic.as_bytes().as_slice()];
    parts.extend(members.iter().map(|who| who.as_bytes().as_slice()));
    ConversationId::from_bytes(derive(CONVERSATION_CONTEXT, &parts))
}

/// The key of an instance's log: `Ed25519(HKDF(instance seed, topic ‖ kind))`.
#[must_use]
pub fn log_key(instance: &InstanceSecret, topic: Topic, kind: LogKind) -> SigningKey {
    SigningKey::from_seed(hkdf32(instance.seed(), &[topic.as_bytes(), &[kind.code()]]))
}
