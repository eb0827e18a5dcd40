//! A ledger in memory, for tests and simulation. Stricter than any store: a call that makes no sense is an error.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use thiserror::Error;

use crate::cipher::Commitment;
use crate::entry::Entry;
use crate::fold::Message;
use crate::hlc::Hlc;
use crate::ids::{ConversationId, EntryHash, EntryRef, Epoch, LogHead, LogKey, Seq, Topic};
use crate::ledger::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, OwnEpoch, StoredEntry, Times,
};
use crate::order::Position;
use crate::run::{MAX_RUN_ENTRIES, Run, RunBuilder};

mod chains;
mod ledger;
mod view;

use view::View;

/// A caller used the ledger wrongly: a fault of this crate, never of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("wrong use of the ledger: {0}")]
pub struct Misuse(pub &'static str);

fn misuse<T>(what: &'static str) -> Result<T, Misuse> {
    Err(Misuse(what))
}

#[derive(Debug, Clone)]
struct HeldKey {
    state: KeyState,
    fleeting: Option<Millis>,
}

/// Everything in ordered maps, so that a run is the same each time. `Clone` is a snapshot.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    chains: BTreeMap<ChainId, Chain>,
    entries: BTreeMap<(ChainId, Seq), StoredEntry>,
    by_hash: BTreeMap<EntryHash, (ChainId, Seq)>,
    epochs: BTreeMap<(LogKey, Epoch), Vec<EpochStart>>,
    keys: BTreeMap<(LogKey, Epoch, Commitment), HeldKey>,
    own: BTreeMap<LogKey, OwnEpoch>,
    views: BTreeMap<ConversationId, View>,
    clocks: BTreeMap<ConversationId, Hlc>,
    timers: BTreeMap<ConversationId, (Position, Option<u64>)>,
    marks: BTreeMap<(ConversationId, ConnectId, LogKey), (Seq, EntryHash)>,
    requests: BTreeSet<(Topic, LogKey, Epoch, InstanceKey)>,
    answered: BTreeMap<(Topic, LogKey, Epoch, InstanceKey), Times>,
    asked: BTreeMap<(LogKey, Epoch), Times>,
    crowded: BTreeSet<(Topic, LogKey)>,
    citations: BTreeSet<EntryRef>,
}

impl MemoryLedger {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is held of a topic, sorted, as sync asks for it.
    #[must_use]
    pub fn heads(&self, topic: &Topic) -> Vec<LogHead> {
        let mut heads: Vec<_> = self
            .chains
            .values()
            .filter(|chain| chain.topic == *topic)
            .map(Chain::log_head)
            .collect();
        heads.sort();
        heads
    }

    /// Whether the entry with this hash is held.
    #[must_use]
    pub fn has(&self, hash: &EntryHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    /// The heads of one log, one a branch, sorted, as sync asks for them.
    #[must_use]
    pub fn tips(&self, log: &LogKey) -> Vec<LogHead> {
        let chains = self.chains.values().filter(|chain| chain.log == *log);
        let mut heads: Vec<_> = chains.map(Chain::log_head).collect();
        heads.sort();
        heads
    }

    /// The hash of the entry at `seq` on a branch of a log.
    #[must_use]
    pub fn hash_at(&self, log: &LogKey, branch: Option<&EntryHash>, seq: Seq) -> Option<EntryHash> {
        let chain = self.chain_of(log, branch).filter(|chain| seq <= chain.head.seq)?;
        self.entry_on(chain.id, seq).map(|stored| stored.hash)
    }

    /// A run of one chain from `from` on, with what it shares with others: the longest of at most `max_bytes`; the
    /// shortest there is if not even that fits.
    #[must_use]
    pub fn run(
        &self,
        log: &LogKey,
        branch: Option<EntryHash>,
        from: Seq,
        max_bytes: usize,
    ) -> Option<Run> {
        let chain = self.chain_of(log, branch.as_ref())?;
        let mut builder = RunBuilder::new();
        let mut signed = false;
        for seq in from..=chain.head.seq {
            let Entry { header, payload, signature } = &self.entry_on(chain.id, seq)?.entry;
            let limit = if signed { max_bytes } else { usize::MAX };
            if !builder.push(header, payload, signature.as_ref(), limit) {
                break;
            }
            signed |= signature.is_some();
        }
        builder.finish()
    }

    /// All runs that bring an empty ledger to what is held of a topic, parents in front, each at most `entries` long.
    #[must_use]
    pub fn all_runs(&self, topic: &Topic, entries: usize) -> Vec<Run> {
        let mut runs = Vec::new();
        for chain in self.chains.values().filter(|chain| chain.topic == *topic) {
            let own = self.entries.range((chain.id, 0)..=(chain.id, Seq::MAX));
            let mut builder = RunBuilder::new();
            let mut count = 0;
            for (_, stored) in own {
                let Entry { header, payload, signature } = &stored.entry;
                if !builder.push(header, payload, signature.as_ref(), usize::MAX) {
                    runs.extend(std::mem::take(&mut builder).finish());
                    builder.push(header, payload, signature.as_ref(), usize::MAX);
                    count = 0;
                }
                count += 1;
                if signature.is_some() && count >= entries.min(MAX_RUN_ENTRIES) {
                    runs.extend(std::mem::take(&mut builder).finish());
                    count = 0;
                }
            }
            runs.extend(builder.finish());
        }
        runs
    }

    /// The whole view of a conversation, in order.
    #[must_use]
    pub fn view(&self, conversation: &ConversationId) -> Vec<Message> {
        let view = self.views.get(conversation);
        view.map(|view| view.messages.values().cloned().collect()).unwrap_or_default()
    }

    /// The place of the last message of a conversation.
    #[must_use]
    pub fn newest(&self, conversation: &ConversationId) -> Option<Position> {
        self.views.get(conversation)?.messages.last_key_value().map(|(position, _)| *position)
    }

    /// How far everybody has read, per log.
    #[must_use]
    pub fn read_marks(&self, conversation: &ConversationId) -> BTreeMap<(ConnectId, LogKey), Seq> {
        let own = self.marks.iter().filter(|((id, _, _), _)| id == conversation);
        own.map(|((_, who, log), (seq, _))| ((*who, *log), *seq)).collect()
    }

    /// Keys that are held, for a backup: none that goes with its last message.
    #[must_use]
    pub fn keyring(&self) -> Vec<(LogKey, Epoch, nexus_identity::kdf::Secret32)> {
        self.keys
            .iter()
            .filter_map(|((log, epoch, _), held)| match (&held.state, held.fleeting) {
                (KeyState::Held(key), None) => Some((*log, *epoch, key.clone())),
                _ => None,
            })
            .collect()
    }

    /// Forgets all keys without a trace, as removing every conversation does.
    pub fn forget_keys(&mut self) {
        self.keys.clear();
    }

    /// … all of one topic that were not erased for good, and when they were asked for: removing its conversation does.
    pub fn forget_keys_of(&mut self, topic: &Topic) {
        let chains = self.chains.values().filter(|chain| chain.topic == *topic);
        let logs: BTreeSet<LogKey> = chains.map(|chain| chain.log).collect();
        self.keys.retain(|(log, ..), held| !logs.contains(log) || held.state == KeyState::Erased);
        self.asked.retain(|(log, _), _| !logs.contains(log));
    }

    fn view_mut(&mut self, conversation: &ConversationId) -> &mut View {
        self.views.entry(*conversation).or_default()
    }

    fn chain_of(&self, log: &LogKey, branch: Option<&EntryHash>) -> Option<&Chain> {
        let mut chains = self.chains.values();
        chains.find(|chain| chain.log == *log && chain.branch.as_ref() == branch)
    }

    fn entry_on(&self, chain: ChainId, seq: Seq) -> Option<&StoredEntry> {
        let mut at = self.chains.get(&chain)?;
        while seq < at.first {
            let (base, _) = at.base?;
            at = self.chains.get(&base)?;
        }
        self.entries.get(&(at.id, seq))
    }

    fn due_until(&self) -> impl Iterator<Item = (Millis, Due)> + '_ {
        self.views.iter().flat_map(|(conversation, view)| {
            let messages = view.messages.values().filter_map(move |message| {
                let hash = message.base.position.hash;
                let due = Due { conversation: *conversation, hash, operation: false };
                message.base.expires.map(|until| (until, due))
            });
            let operations = view
                .operations
                .values()
                .filter(|operation| !view.positions.contains_key(&operation.target))
                .filter_map(move |operation| {
                    let hash = operation.position.hash;
                    let due = Due { conversation: *conversation, hash, operation: true };
                    operation.expires.map(|until| (until, due))
                });
            messages.chain(operations)
        })
    }

    fn fleeting_keys(&self) -> impl Iterator<Item = FleetingKey> + '_ {
        self.keys.iter().filter_map(|((log, epoch, commitment), held)| {
            let erased = held.state == KeyState::Erased;
            let until = held.fleeting.filter(|_| !erased)?;
            Some(FleetingKey { log: *log, epoch: *epoch, commitment: *commitment, until })
        })
    }
}
