//! Whose conversation this is: what every operation on a ledger needs to know besides the ledger.

use nexus_identity::id::{ConnectId, ContactKey};
use nexus_identity::keys::{AllZero, IdentitySecrets};

use crate::ids::{ConversationId, Topic};
use crate::topic::{ConversationKind, TopicSecret, direct_id, own_id};

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
