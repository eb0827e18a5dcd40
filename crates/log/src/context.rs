//! Whose conversation this is: what every operation on a ledger needs to know besides the ledger.

use nexus_identity::card::SignedStatement;
use nexus_identity::id::{ConnectId, ContactKey, IdentityKey};
use nexus_identity::keys::{AllZero, IdentitySecrets, InstanceSecret, SigningKey};
use nexus_identity::prekey::Prekeys;

use crate::ids::LogKey;
use crate::ids::{ConversationId, Topic};
use crate::open::Binding;
use crate::topic::{ConversationKind, LogKind, TopicSecret, direct_id, log_key, own_id};

/// A conversation that this device can read.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// Who may read it.
    pub kind: ConversationKind,
    /// Everybody in it, sorted.
    pub members: Vec<ConnectId>,
    /// What the members share.
    pub secret: TopicSecret,
}

impl Conversation {
    /// The one that I have with somebody.
    ///
    /// # Errors
    /// [`AllZero`] if their contact key is unusable.
    pub fn direct(
        my: &IdentitySecrets,
        their: ConnectId,
        contact: &ContactKey,
    ) -> Result<Self, AllZero> {
        let secret = TopicSecret::direct(my, &their, contact)?;
        let id = direct_id(secret.topic(), my.connect_id(), their);
        let mut members = vec![my.connect_id(), their];
        members.sort();
        Ok(Self { id, kind: ConversationKind::Direct, members, secret })
    }

    /// The one that my instances have among themselves.
    #[must_use]
    pub fn own(my: &IdentitySecrets) -> Self {
        let secret = TopicSecret::own(my);
        let id = own_id(secret.topic(), my.connect_id());
        Self { id, kind: ConversationKind::Own, members: vec![my.connect_id()], secret }
    }

    /// Its topic.
    #[must_use]
    pub const fn topic(&self) -> Topic {
        self.secret.topic()
    }

    /// Whether that identity belongs to it.
    #[must_use]
    pub fn has(&self, who: &ConnectId) -> bool {
        self.members.contains(who)
    }
}

/// Who I am on this device.
#[derive(Debug, Clone)]
pub struct Me {
    /// My ConnectID.
    pub who: ConnectId,
    /// My identity key.
    pub identity: IdentityKey,
    /// This instance.
    pub instance: InstanceSecret,
    /// My identity's word for this instance, which goes into each OPEN.
    pub add: SignedStatement,
    /// What others seal to.
    pub prekeys: Prekeys,
}

impl Me {
    /// The key of my log in a conversation.
    #[must_use]
    pub fn log_key(&self, conversation: &Conversation) -> SigningKey {
        log_key(&self.instance, conversation.topic(), LogKind::MESSAGES)
    }

    /// The id of my log in a conversation.
    #[must_use]
    pub fn log(&self, conversation: &Conversation) -> LogKey {
        LogKey::from_bytes(self.log_key(conversation).public())
    }
}

impl Conversation {
    /// What the certificate of a message log of this conversation binds together.
    #[must_use]
    pub const fn binding(&self, log: LogKey) -> Binding {
        Binding { conversation: self.id, kind: LogKind::MESSAGES, log }
    }
}
