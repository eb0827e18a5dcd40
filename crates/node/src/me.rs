//! Who this node is: identity, instance, card, record, prekeys, and the conversations it shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use nexus_identity::card::{Statement, VerifiedCard};
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::{InstanceRecord, VerifiedRecord};
use nexus_identity::{ConnectId, IdentitySecrets, InstanceKey, InstanceSecret, Millis, Secret32};
use nexus_log::context::Conversation;
use nexus_log::ids::Topic;
use nexus_storage::own::{OwnInstance, Retirement};
use nexus_storage::{Queries, StoreError, Tx};
use zeroize::Zeroizing;

use crate::api::ErrorBody;
use crate::error::{self, Answered};

/// Setting: this instance is new to conversations that go on; its log has to be opened in each.
pub(crate) const FRESH: &str = "fresh_instance";

/// Name of somebody whose name was lost with the store.
pub(crate) const NAMELESS: &str = "unnamed";

/// This instance as of some commit.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    /// The identity's secrets.
    pub secrets: Arc<IdentitySecrets>,
    /// This instance.
    pub instance: InstanceSecret,
    /// The identity's card as known here.
    pub card: VerifiedCard,
    /// What this instance says of itself.
    pub record: VerifiedRecord,
    /// This instance's prekeys.
    pub prekeys: Prekeys,
    /// Prekeys of instances before this one, which still open what was sealed to them.
    pub retired: Vec<Prekeys>,
    /// Conversations whose secret is known, in every state of the contact.
    pub conversations: BTreeMap<Topic, Arc<Conversation>>,
    /// Topic of the conversation with each peer; mine with my own instances is under my own ConnectID.
    pub topics: BTreeMap<ConnectId, Topic>,
}

impl Me {
    /// Who.
    pub(crate) fn connect_id(&self) -> ConnectId {
        self.card.connect_id()
    }

    /// My name for others.
    pub(crate) fn name(&self) -> &str {
        self.card.name().unwrap_or_default()
    }

    /// The conversation with a peer, when their card is known.
    pub(crate) fn conversation_with(&self, peer: &ConnectId) -> Option<&Arc<Conversation>> {
        self.conversations.get(self.topics.get(peer)?)
    }

    /// The other side of a conversation; `None` for my own.
    pub(crate) fn peer_of(&self, conversation: &Conversation) -> Option<ConnectId> {
        conversation.members.iter().copied().find(|m| *m != self.connect_id())
    }

    /// Whether this instance may write: not while it is beyond the limit of live instances, nor revoked.
    pub(crate) fn is_live(&self) -> bool {
        self.card.is_live(&self.instance.key())
    }

    /// As [`Me::author`], but to read only: works also when this instance is not live.
    pub(crate) fn reader(&self) -> Option<nexus_log::context::Me> {
        let instance = self.instance.key();
        let add = self.card.add_statement(&instance);
        let add = add.or_else(|| {
            self.secrets.sign_statement(&Statement::Add { instance, created: Millis(0) }).ok()
        })?;
        Some(nexus_log::context::Me {
            who: self.connect_id(),
            identity: self.card.identity_key(),
            instance: self.instance.clone(),
            add,
            prekeys: self.prekeys.clone(),
        })
    }

    /// Adds a conversation to what is known.
    pub(crate) fn learn(&mut self, peer: ConnectId, conversation: Conversation) {
        self.topics.insert(peer, conversation.topic());
        self.conversations.insert(conversation.topic(), Arc::new(conversation));
    }

    /// Reads everything back from the store; `None` when there is no instance in it.
    pub(crate) fn load(secrets: &Arc<IdentitySecrets>, store: &Queries) -> Answered<Option<Self>> {
        let Some(own) = store.own_instance()? else { return Ok(None) };
        let card = VerifiedCard::decode(&own.card).map_err(|e| unreadable("the own card", &e))?;
        if card.identity_key() != secrets.identity_key() {
            return Err(error::failed("the store belongs to another identity than identity.key"));
        }
        let instance = InstanceSecret::from_seed(Secret32::new(*own.seed));
        if instance.key() != own.instance {
            return Err(unreadable("this device", &"its key is another one"));
        }
        let mut me = Self {
            secrets: Arc::clone(secrets),
            instance,
            record: VerifiedRecord::verify_alone(&own.record)
                .map_err(|e| unreadable("the own record", &e))?,
            prekeys: Prekeys::from_bytes(&own.prekeys)
                .map_err(|e| unreadable("the own prekeys", &e))?,
            card,
            retired: Vec::new(),
            conversations: BTreeMap::new(),
            topics: BTreeMap::new(),
        };
        for old in store.retired_instances()? {
            if !old.prekeys.is_empty() {
                let prekeys = Prekeys::from_bytes(&old.prekeys);
                me.retired.push(prekeys.map_err(|e| unreadable("old prekeys", &e))?);
            }
        }
        me.learn(me.connect_id(), Conversation::own(secrets));
        for contact in store.all_contacts()? {
            if contact.card.is_empty() {
                continue;
            }
            let card = VerifiedCard::decode(&contact.card)
                .map_err(|e| unreadable("a contact's card", &e))?;
            if let Some(key) = card.contact_key()
                && let Ok(conversation) = Conversation::direct(secrets, contact.connect_id, &key)
            {
                me.learn(contact.connect_id, conversation);
            }
        }
        Ok(Some(me))
    }
}

/// What this program wrote is not what is there.
fn unreadable(what: &str, why: &dyn std::fmt::Display) -> ErrorBody {
    StoreError::Damaged { detail: format!("{what} can't be read: {why}") }.into()
}

/// In a healed store: lets go of what [`Me::load`] could not read, and tells whether there was any. Keys that were here
/// are lost with it; a card comes again with the next word from that contact.
pub(crate) fn forget_unreadable(tx: &mut Tx<'_>) -> Answered<bool> {
    let mut any = false;
    for old in tx.retired_instances()? {
        if !old.prekeys.is_empty() && Prekeys::from_bytes(&old.prekeys).is_err() {
            tx.erase_retired_prekeys(&old.instance)?;
            any = true;
        }
    }
    for mut contact in tx.all_contacts()? {
        if !contact.card.is_empty() && VerifiedCard::decode(&contact.card).is_err() {
            contact.card.clear();
            tx.put_contact(&contact)?;
            any = true;
        }
    }
    Ok(any)
}

/// Makes a fresh instance for this identity and writes it to the store; `card` is what is known of the own card.
///
/// With eight live instances the ninth is made all the same: it is not live, and so may only read.
pub(crate) fn new_instance(
    tx: &mut Tx<'_>,
    secrets: &IdentitySecrets,
    card: Option<&VerifiedCard>,
    name: Option<&str>,
    now: Millis,
) -> Answered<InstanceKey> {
    let mut rng = rand::rng();
    let instance = InstanceSecret::generate(&mut rng);
    let mut says = vec![
        Statement::Contact { key: secrets.contact_key() },
        Statement::Add { instance: instance.key(), created: now },
    ];
    if let Some(name) = name {
        let hlc =
            card.and_then(VerifiedCard::profile_hlc).map_or(now.0, |known| now.0.max(known + 1));
        says.push(Statement::Profile { hlc, name: name.to_owned() });
    }
    let card = match card {
        Some(card) => says.iter().try_fold(card.clone(), |card, one| card.with(secrets, one)),
        None => VerifiedCard::create(secrets, &says),
    }
    .map_err(error::failed)?;
    let prekeys = Prekeys::generate(now, &mut rng).map_err(error::failed)?;
    let record =
        InstanceRecord::new(secrets.connect_id(), instance.key(), 1, prekeys.current(), now)
            .sign(&instance)
            .map_err(error::failed)?;
    let own = OwnInstance {
        connect_id: secrets.connect_id(),
        instance: instance.key(),
        seed: Zeroizing::new(*instance.seed().expose()),
        prekeys: prekeys.to_bytes(),
        record: record.to_bytes().to_vec(),
        card: card.to_bytes(),
        created: now,
    };
    tx.set_own_instance(&own, &machine())?;
    Ok(instance.key())
}

/// Gives up the instance in the store and makes another one. Its log keys are never used again.
pub(crate) fn replace_instance(
    tx: &mut Tx<'_>,
    secrets: &IdentitySecrets,
    reason: Retirement,
    now: Millis,
) -> Answered<InstanceKey> {
    let card = match tx.own_instance()? {
        Some(own) => match VerifiedCard::decode(&own.card) {
            // It was healed, but what is in the row is damaged all the same.
            Err(_) if reason == Retirement::Damaged => None,
            card => Some(card.map_err(error::failed)?),
        },
        None => None,
    };
    tx.retire_own_instance(reason, now)?;
    tx.set_setting(FRESH, &[1])?;
    let name = if card.is_none() { Some(NAMELESS) } else { None };
    new_instance(tx, secrets, card.as_ref(), name, now)
}

/// What names this machine: the database remembers it, to notice that it was copied to another one.
pub(crate) fn machine() -> Vec<u8> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/hostname"]
        .iter()
        .filter_map(|path| std::fs::read(path).ok())
        .find(|id| !id.trim_ascii().is_empty())
        .map_or_else(Vec::new, |id| id.trim_ascii().to_vec())
}
