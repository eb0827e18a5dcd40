//! What a node keeps beside its logs: who it is, whom it knows, what reached whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_identity::card::{Statement, VerifiedCard};
use nexus_identity::prekey::Prekeys;
use nexus_identity::record::{InstanceRecord, VerifiedRecord};
use nexus_identity::{
    ConnectId, IdentitySecrets, InstanceKey, InstanceSecret, LetterId, Millis, PrekeyId,
};
use nexus_log::context::{Conversation, Me};
use nexus_log::ids::{LogKey, Seq, Topic};
use nexus_log::order::Position;

use crate::dice::Dice;

/// Where a contact stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// I asked.
    Requested,
    /// They asked.
    Incoming,
    /// Both want it.
    Accepted,
    /// I do not want to hear them.
    Blocked,
    /// I do not want them any more, or never did.
    Removed,
}

/// Somebody known.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Where they stand.
    pub standing: Standing,
    /// … and where they stood before they were blocked.
    pub before: Standing,
    /// Until when what they ask is not looked at.
    pub declined: Option<Millis>,
    /// Their card.
    pub card: Option<Arc<VerifiedCard>>,
}

/// All of it. A clone is a snapshot; what is big is shared.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The identity's secrets.
    pub secrets: Arc<IdentitySecrets>,
    /// This instance.
    pub instance: InstanceSecret,
    /// The own card.
    pub card: Arc<VerifiedCard>,
    /// What this instance says of itself.
    pub record: Arc<VerifiedRecord>,
    /// Its prekeys.
    pub prekeys: Arc<Prekeys>,
    /// Prekeys of instances before it.
    pub retired: Arc<Vec<(Prekeys, Millis)>>,
    /// Everybody known.
    pub contacts: BTreeMap<ConnectId, Contact>,
    /// The newest record of every other instance.
    pub records: BTreeMap<InstanceKey, Arc<VerifiedRecord>>,
    /// Conversations whose secret is known.
    pub conversations: Arc<BTreeMap<Topic, Arc<Conversation>>>,
    /// Topic of the conversation with each; mine with my own instances is under my own ConnectID.
    pub topics: Arc<BTreeMap<ConnectId, Topic>>,
    /// What sync remembers of each instance.
    pub shares: Arc<BTreeMap<InstanceKey, Vec<u8>>>,
    /// How far somebody has a log of mine.
    pub delivered: BTreeMap<(LogKey, ConnectId), Seq>,
    /// My letters that were not answered by an OPEN: id, when made, when due again.
    pub letters: BTreeMap<ConnectId, (LetterId, Millis, Millis)>,
    /// When each prekey was replaced: what the ring is to remember, kept beside it.
    pub replaced: BTreeMap<PrekeyId, Millis>,
    /// Conversations whose keys went with a contact who was removed, at some time.
    pub erased: BTreeSet<Topic>,
    /// The last word of my devices on each contact.
    pub said: BTreeMap<ConnectId, Position>,
}

impl Facts {
    /// A fresh instance; `card` is what is known of the own card.
    pub fn new(
        secrets: &Arc<IdentitySecrets>,
        card: Option<&VerifiedCard>,
        now: Millis,
        dice: &mut Dice,
    ) -> Option<Self> {
        let instance = InstanceSecret::generate(dice.rng());
        let says = [
            Statement::Contact { key: secrets.contact_key() },
            Statement::Add { instance: instance.key(), created: now },
        ];
        let card = match card {
            Some(card) => {
                says.iter().try_fold(card.clone(), |card, one| card.with(secrets, one)).ok()?
            }
            None => VerifiedCard::create(secrets, &says).ok()?,
        };
        let prekeys = Prekeys::generate(now, dice.rng()).ok()?;
        let (who, key) = (secrets.connect_id(), instance.key());
        let record =
            InstanceRecord::new(who, key, 1, prekeys.current(), now).sign(&instance).ok()?;
        let own = Conversation::own(secrets);
        let topic = own.topic();
        Some(Self {
            secrets: Arc::clone(secrets),
            instance,
            card: Arc::new(card),
            record: Arc::new(record),
            prekeys: Arc::new(prekeys),
            retired: Arc::default(),
            contacts: BTreeMap::new(),
            records: BTreeMap::new(),
            conversations: Arc::new([(topic, Arc::new(own))].into()),
            topics: Arc::new([(who, topic)].into()),
            shares: Arc::default(),
            delivered: BTreeMap::new(),
            letters: BTreeMap::new(),
            replaced: BTreeMap::new(),
            erased: BTreeSet::new(),
            said: BTreeMap::new(),
        })
    }

    /// Who.
    #[must_use]
    pub fn who(&self) -> ConnectId {
        self.card.connect_id()
    }

    /// Whether this instance may write.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.card.is_live(&self.instance.key())
    }

    /// As the log wants to know it; also when this instance may only read.
    #[must_use]
    pub fn me(&self) -> Option<Me> {
        let instance = self.instance.key();
        let add = self.card.add_statement(&instance).or_else(|| {
            self.secrets.sign_statement(&Statement::Add { instance, created: Millis(0) }).ok()
        })?;
        Some(Me {
            who: self.who(),
            identity: self.card.identity_key(),
            instance: self.instance.clone(),
            add,
            prekeys: Prekeys::clone(&self.prekeys),
        })
    }

    /// The conversation with somebody, when their contact key is known.
    #[must_use]
    pub fn with(&self, peer: &ConnectId) -> Option<&Arc<Conversation>> {
        self.conversations.get(self.topics.get(peer)?)
    }

    /// The other side of a conversation; `None` for my own.
    #[must_use]
    pub fn peer_of(&self, conversation: &Conversation) -> Option<ConnectId> {
        let me = self.who();
        conversation.members.iter().copied().find(|member| *member != me)
    }

    /// Whether the conversation with them is wanted.
    #[must_use]
    pub fn wants(&self, peer: &ConnectId) -> bool {
        let standing = self.contacts.get(peer).map(|contact| contact.standing);
        *peer == self.who() || matches!(standing, Some(Standing::Requested | Standing::Accepted))
    }

    /// What may be shared with somebody: our conversation; with my own instances, everything.
    #[must_use]
    pub fn wanted_with(&self, peer: &ConnectId) -> Vec<&Arc<Conversation>> {
        let all = self.topics.iter().filter(|(who, _)| *peer == self.who() || *who == peer);
        let wanted = all.filter(|(who, _)| self.wants(who));
        wanted.filter_map(|(_, topic)| self.conversations.get(topic)).collect()
    }

    /// The card of somebody as known here.
    #[must_use]
    pub fn card_of(&self, who: &ConnectId) -> Option<&Arc<VerifiedCard>> {
        if *who == self.who() {
            return Some(&self.card);
        }
        self.contacts.get(who)?.card.as_ref()
    }

    /// Records of all live instances of the members, but this one.
    #[must_use]
    pub fn recipients(&self, conversation: &Conversation) -> Vec<VerifiedRecord> {
        let live = |record: &&Arc<VerifiedRecord>| {
            conversation.has(&record.connect_id())
                && self
                    .card_of(&record.connect_id())
                    .is_some_and(|card| card.is_live(&record.instance()))
        };
        self.records.values().filter(live).map(|record| VerifiedRecord::clone(record)).collect()
    }

    /// Derives the conversation with somebody whose card is known; whether it is new.
    pub fn learn_conversation(&mut self, peer: &ConnectId) -> bool {
        if self.with(peer).is_some() {
            return false;
        }
        let key = self.card_of(peer).and_then(|card| card.contact_key());
        let Some(key) = key else { return false };
        let Ok(conversation) = Conversation::direct(&self.secrets, *peer, &key) else {
            return false;
        };
        let topic = conversation.topic();
        Arc::make_mut(&mut self.conversations).insert(topic, Arc::new(conversation));
        Arc::make_mut(&mut self.topics).insert(*peer, topic);
        true
    }
}
