//! A ledger in memory, for tests and simulation. Strict: a call that breaks the contract of [`Ledger`] is an error.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::id::{ConnectId, InstanceKey, Millis};
use nexus_identity::kdf::Secret32;
use thiserror::Error;

use crate::cipher::Commitment;
use crate::fold::{Message, Operation};
use crate::hlc::Hlc;
use crate::ids::{ConversationId, EntryHash, EntryRef, Epoch, Head, LogKey, Seq, Topic};
use crate::ledger::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, Ledger, NewEntry, OpenRequest,
    OwnEpoch, StoredEntry,
};
use crate::order::Position;

#[cfg(test)]
mod tests;

/// A call broke the contract of [`Ledger`]: the caller is wrong, not the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MemoryError {
    /// No chain has this number.
    #[error("there is no chain {0:?}")]
    NoChain(ChainId),
    /// The entry does not follow the head of its chain, or starts where the chain does not.
    #[error("entry {seq} does not continue {chain:?}")]
    OutOfOrder {
        /// The chain.
        chain: ChainId,
        /// The sequence number that came.
        seq: Seq,
    },
    /// The entry is stored already.
    #[error("entry {0} is stored already")]
    Twice(EntryHash),
    /// There is no such entry.
    #[error("entry {seq} of {chain:?} is not stored")]
    NoEntry {
        /// The chain.
        chain: ChainId,
        /// The sequence number asked for.
        seq: Seq,
    },
    /// The message is there already.
    #[error("message {0} is there already")]
    MessageTwice(EntryHash),
    /// There is no such message.
    #[error("message {0} is not there")]
    NoMessage(EntryHash),
    /// The operation is there already.
    #[error("operation {0} is there already")]
    OperationTwice(EntryHash),
}

/// Messages and operations of one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct View {
    messages: BTreeMap<Position, Message>,
    positions: BTreeMap<EntryHash, Position>,
    operations: BTreeMap<EntryHash, Operation>,
    by_target: BTreeSet<(EntryHash, EntryHash)>,
}

/// A key and what is to become of it.
#[derive(Debug, Clone)]
struct HeldKey {
    /// `None` once erased.
    key: Option<Secret32>,
    /// When it goes, if it goes with its last message.
    until: Option<Millis>,
}

type KeyName = (LogKey, Epoch, Commitment);

/// Everything a device stores of its conversations. A clone is a snapshot.
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    chains: BTreeMap<ChainId, Chain>,
    entries: BTreeMap<(ChainId, Seq), StoredEntry>,
    places: BTreeMap<EntryHash, (ChainId, Seq)>,
    pending: BTreeSet<(LogKey, Epoch, ChainId, Seq)>,
    epochs: BTreeMap<(LogKey, Epoch), Vec<EpochStart>>,
    keys: BTreeMap<KeyName, HeldKey>,
    own_epochs: BTreeMap<LogKey, OwnEpoch>,
    views: BTreeMap<ConversationId, View>,
    clocks: BTreeMap<ConversationId, Hlc>,
    timers: BTreeMap<ConversationId, (Position, Option<u64>)>,
    marks: BTreeMap<(ConversationId, ConnectId, LogKey), EntryRef>,
    requests: BTreeMap<Topic, BTreeSet<(InstanceKey, LogKey, Epoch)>>,
    asked: BTreeMap<(LogKey, Epoch), Millis>,
    citations: BTreeMap<LogKey, BTreeSet<EntryRef>>,
}

impl MemoryLedger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All keys that are held and not fleeting: what a backup takes along.
    #[must_use]
    pub fn keyring(&self) -> Vec<(LogKey, Epoch, Secret32)> {
        let lasting = self.keys.iter().filter(|(_, held)| held.until.is_none());
        lasting
            .filter_map(|((log, epoch, _), held)| Some((*log, *epoch, held.key.clone()?)))
            .collect()
    }

    /// How far somebody has read a log.
    #[must_use]
    pub fn read_mark(
        &self,
        conversation: &ConversationId,
        reader: &ConnectId,
        log: &LogKey,
    ) -> Option<EntryRef> {
        self.marks.get(&(*conversation, *reader, *log)).copied()
    }

    fn chain_mut(&mut self, id: ChainId) -> Result<&mut Chain, MemoryError> {
        self.chains.get_mut(&id).ok_or(MemoryError::NoChain(id))
    }

    fn held(&mut self, name: KeyName) -> &mut HeldKey {
        self.keys.entry(name).or_insert(HeldKey { key: None, until: None })
    }
}

impl Ledger for MemoryLedger {
    type Error = MemoryError;

    fn chains(&mut self, log: &LogKey) -> Result<Vec<Chain>, MemoryError> {
        Ok(self.chains.values().filter(|chain| chain.log == *log).cloned().collect())
    }

    fn topic_chains(&mut self, topic: &Topic) -> Result<Vec<Chain>, MemoryError> {
        let mut chains: Vec<Chain> =
            self.chains.values().filter(|chain| chain.topic == *topic).cloned().collect();
        chains.sort_by_key(|chain| (chain.log, chain.branch));
        Ok(chains)
    }

    fn create_chain(&mut self, chain: &Chain) -> Result<ChainId, MemoryError> {
        let next = self.chains.last_key_value().map_or(1, |(id, _)| id.0.saturating_add(1));
        let id = ChainId(next);
        self.chains.insert(id, Chain { id, ..chain.clone() });
        Ok(id)
    }

    fn update_chain(&mut self, chain: &Chain) -> Result<(), MemoryError> {
        let held = self.chain_mut(chain.id)?;
        let head = held.head;
        *held = Chain { head, ..chain.clone() };
        Ok(())
    }

    fn append(
        &mut self,
        id: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), MemoryError> {
        for new in entries {
            let empty = self.entries.range((id, 0)..=(id, Seq::MAX)).next().is_none();
            let chain = self.chain_mut(id)?;
            let expected = if empty { chain.first } else { chain.head.seq.saturating_add(1) };
            if new.seq != expected {
                return Err(MemoryError::OutOfOrder { chain: id, seq: new.seq });
            }
            chain.head = Head { seq: new.seq, hash: new.hash };
            let log = chain.log;
            if self.places.insert(new.hash, (id, new.seq)).is_some() {
                return Err(MemoryError::Twice(new.hash));
            }
            if let Some(epoch) = new.pending {
                self.pending.insert((log, epoch, id, new.seq));
            }
            let entry = StoredEntry {
                chain: id,
                seq: new.seq,
                hash: new.hash,
                stored,
                pending: new.pending,
                entry: crate::entry::Entry {
                    header: *new.header,
                    payload: new.payload.to_vec(),
                    signature: new.signature,
                },
            };
            self.entries.insert((id, new.seq), entry);
        }
        Ok(())
    }

    fn locate(&mut self, hash: &EntryHash) -> Result<Option<(ChainId, Seq)>, MemoryError> {
        Ok(self.places.get(hash).copied())
    }

    fn entries(
        &mut self,
        chain: ChainId,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, MemoryError> {
        let range = self.entries.range((chain, from)..=(chain, Seq::MAX));
        Ok(range.take(limit).map(|(_, entry)| entry.clone()).collect())
    }

    fn pending(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, MemoryError> {
        let waiting = self.pending.iter().filter(|(l, e, ..)| l == log && *e == epoch);
        waiting
            .take(limit)
            .map(|(_, _, chain, seq)| {
                let entry = self.entries.get(&(*chain, *seq)).cloned();
                entry.ok_or(MemoryError::NoEntry { chain: *chain, seq: *seq })
            })
            .collect()
    }

    fn settle(&mut self, chain: ChainId, seq: Seq) -> Result<(), MemoryError> {
        let entry = self.entries.get_mut(&(chain, seq));
        let epoch = entry.ok_or(MemoryError::NoEntry { chain, seq })?.pending.take();
        let log = self.chain_mut(chain)?.log;
        if let Some(epoch) = epoch {
            self.pending.remove(&(log, epoch, chain, seq));
        }
        Ok(())
    }

    fn pending_epochs(
        &mut self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<(LogKey, Epoch)>, MemoryError> {
        let of_topic = |chain: &ChainId| self.chains.get(chain).is_some_and(|c| c.topic == *topic);
        let waiting = self.pending.iter().filter(|(_, _, chain, _)| of_topic(chain));
        let epochs: BTreeSet<_> = waiting.map(|(log, epoch, ..)| (*log, *epoch)).collect();
        Ok(epochs.into_iter().take(limit).collect())
    }

    fn put_epoch(&mut self, start: &EpochStart) -> Result<(), MemoryError> {
        let starts = self.epochs.entry((start.log, start.epoch)).or_default();
        if !starts.contains(start) {
            starts.push(*start);
        }
        Ok(())
    }

    fn epochs(&mut self, log: &LogKey, epoch: Epoch) -> Result<Vec<EpochStart>, MemoryError> {
        Ok(self.epochs.get(&(*log, epoch)).cloned().unwrap_or_default())
    }

    fn put_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), MemoryError> {
        let name = (*log, epoch, *commitment);
        self.keys.entry(name).or_insert_with(|| HeldKey { key: Some(key.clone()), until: None });
        Ok(())
    }

    fn key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<KeyState, MemoryError> {
        Ok(match self.keys.get(&(*log, epoch, *commitment)) {
            None => KeyState::Unknown,
            Some(HeldKey { key: None, .. }) => KeyState::Erased,
            Some(HeldKey { key: Some(key), .. }) => KeyState::Held(key.clone()),
        })
    }

    fn set_fleeting(&mut self, key: &FleetingKey) -> Result<(), MemoryError> {
        let name = (key.log, key.epoch, key.commitment);
        if let Some(held) = self.keys.get_mut(&name) {
            held.until = held.until.max(Some(key.until));
        }
        Ok(())
    }

    fn fleeting(&mut self, now: Millis, limit: usize) -> Result<Vec<FleetingKey>, MemoryError> {
        let due = self.keys.iter().filter_map(|((log, epoch, commitment), held)| {
            let until = held.until.filter(|until| held.key.is_some() && *until <= now)?;
            Some(FleetingKey { log: *log, epoch: *epoch, commitment: *commitment, until })
        });
        Ok(due.take(limit).collect())
    }

    fn erase_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<(), MemoryError> {
        self.held((*log, epoch, *commitment)).key = None;
        Ok(())
    }

    fn own_epoch(&mut self, log: &LogKey) -> Result<Option<OwnEpoch>, MemoryError> {
        Ok(self.own_epochs.get(log).cloned())
    }

    fn put_own_epoch(&mut self, log: &LogKey, epoch: &OwnEpoch) -> Result<(), MemoryError> {
        self.own_epochs.insert(*log, epoch.clone());
        Ok(())
    }

    fn insert_message(
        &mut self,
        conversation: &ConversationId,
        chain: ChainId,
        message: &Message,
    ) -> Result<(), MemoryError> {
        self.chain_mut(chain)?;
        let view = self.views.entry(*conversation).or_default();
        let position = message.base.position;
        if view.positions.insert(position.hash, position).is_some() {
            return Err(MemoryError::MessageTwice(position.hash));
        }
        view.messages.insert(position, message.clone());
        Ok(())
    }

    fn update_message(
        &mut self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), MemoryError> {
        let position = message.base.position;
        let missing = MemoryError::NoMessage(position.hash);
        let view = self.views.get_mut(conversation).ok_or(missing)?;
        let old = view.positions.insert(position.hash, position).ok_or(missing)?;
        view.messages.remove(&old);
        view.messages.insert(position, message.clone());
        Ok(())
    }

    fn message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<Message>, MemoryError> {
        let Some(view) = self.views.get(conversation) else { return Ok(None) };
        let position = view.positions.get(hash);
        Ok(position.and_then(|position| view.messages.get(position)).cloned())
    }

    fn remove_message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<(), MemoryError> {
        if let Some(view) = self.views.get_mut(conversation)
            && let Some(position) = view.positions.remove(hash)
        {
            view.messages.remove(&position);
        }
        Ok(())
    }

    fn messages(
        &mut self,
        conversation: &ConversationId,
        after: &Position,
        limit: usize,
    ) -> Result<Vec<Message>, MemoryError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let Some(view) = self.views.get(conversation) else { return Ok(Vec::new()) };
        let range = view.messages.range((Excluded(*after), Unbounded));
        Ok(range.take(limit).map(|(_, message)| message.clone()).collect())
    }

    fn insert_operation(
        &mut self,
        conversation: &ConversationId,
        operation: &Operation,
    ) -> Result<(), MemoryError> {
        let view = self.views.entry(*conversation).or_default();
        let hash = operation.position.hash;
        view.by_target.insert((operation.target, hash));
        match view.operations.insert(hash, operation.clone()) {
            Some(_) => Err(MemoryError::OperationTwice(hash)),
            None => Ok(()),
        }
    }

    fn operations(
        &mut self,
        conversation: &ConversationId,
        target: &EntryHash,
    ) -> Result<Vec<Operation>, MemoryError> {
        let Some(view) = self.views.get(conversation) else { return Ok(Vec::new()) };
        let last = EntryHash::from_bytes([0xff; 32]);
        let range = view.by_target.range((*target, EntryHash::ZERO)..=(*target, last));
        Ok(range.filter_map(|(_, hash)| view.operations.get(hash)).cloned().collect())
    }

    fn remove_operation(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<EntryHash>, MemoryError> {
        let Some(view) = self.views.get_mut(conversation) else { return Ok(None) };
        let Some(operation) = view.operations.remove(hash) else { return Ok(None) };
        view.by_target.remove(&(operation.target, *hash));
        Ok(Some(operation.target))
    }

    fn clear_view(&mut self, conversation: &ConversationId) -> Result<(), MemoryError> {
        self.views.remove(conversation);
        Ok(())
    }

    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Due>, MemoryError> {
        Ok(self.expiries().filter(|(at, _)| *at <= now).map(|(_, due)| due).take(limit).collect())
    }

    fn next_due(&mut self) -> Result<Option<Millis>, MemoryError> {
        let shown = self.expiries().map(|(at, _)| at);
        let keys = self.keys.values().filter(|held| held.key.is_some());
        Ok(shown.chain(keys.filter_map(|held| held.until)).min())
    }

    fn clock(&mut self, conversation: &ConversationId) -> Result<Hlc, MemoryError> {
        Ok(self.clocks.get(conversation).copied().unwrap_or_default())
    }

    fn set_clock(&mut self, conversation: &ConversationId, clock: Hlc) -> Result<(), MemoryError> {
        self.clocks.insert(*conversation, clock);
        Ok(())
    }

    fn timer(
        &mut self,
        conversation: &ConversationId,
    ) -> Result<Option<(Position, Option<u64>)>, MemoryError> {
        Ok(self.timers.get(conversation).copied())
    }

    fn set_timer(
        &mut self,
        conversation: &ConversationId,
        position: &Position,
        seconds: Option<u64>,
    ) -> Result<(), MemoryError> {
        self.timers.insert(*conversation, (*position, seconds));
        Ok(())
    }

    fn raise_read_mark(
        &mut self,
        conversation: &ConversationId,
        reader: &ConnectId,
        mark: &EntryRef,
    ) -> Result<bool, MemoryError> {
        let key = (*conversation, *reader, mark.log);
        let higher = self.marks.get(&key).is_none_or(|held| held.seq < mark.seq);
        if higher {
            self.marks.insert(key, *mark);
        }
        Ok(higher)
    }

    fn put_request(&mut self, request: &OpenRequest) -> Result<(), MemoryError> {
        let open = self.requests.entry(request.topic).or_default();
        open.insert((request.instance, request.log, request.epoch));
        Ok(())
    }

    fn open_requests(
        &mut self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<OpenRequest>, MemoryError> {
        let open = self.requests.get(topic).into_iter().flatten();
        let named = open.map(|(instance, log, epoch)| OpenRequest {
            topic: *topic,
            instance: *instance,
            log: *log,
            epoch: *epoch,
        });
        Ok(named.take(limit).collect())
    }

    fn close_request(&mut self, request: &OpenRequest) -> Result<(), MemoryError> {
        if let Some(open) = self.requests.get_mut(&request.topic) {
            open.remove(&(request.instance, request.log, request.epoch));
        }
        Ok(())
    }

    fn asked(&mut self, log: &LogKey, epoch: Epoch) -> Result<Option<Millis>, MemoryError> {
        Ok(self.asked.get(&(*log, epoch)).copied())
    }

    fn set_asked(&mut self, log: &LogKey, epoch: Epoch, when: Millis) -> Result<(), MemoryError> {
        self.asked.insert((*log, epoch), when);
        Ok(())
    }

    fn put_citation(&mut self, entry: &EntryRef) -> Result<(), MemoryError> {
        self.citations.entry(entry.log).or_default().insert(*entry);
        Ok(())
    }

    fn citations(&mut self, log: &LogKey) -> Result<Vec<EntryRef>, MemoryError> {
        Ok(self.citations.get(log).into_iter().flatten().copied().collect())
    }
}

impl MemoryLedger {
    /// What disappears some day: messages, and operations whose target is not here.
    fn expiries(&self) -> impl Iterator<Item = (Millis, Due)> {
        self.views.iter().flat_map(|(conversation, view)| {
            let due = |hash, operation| Due { conversation: *conversation, hash, operation };
            let messages = view.messages.values().filter_map(move |message| {
                Some((message.base.expires?, due(message.base.position.hash, false)))
            });
            let lone = view.operations.values();
            let lone = lone.filter(|operation| !view.positions.contains_key(&operation.target));
            let operations = lone.filter_map(move |operation| {
                Some((operation.expires?, due(operation.position.hash, true)))
            });
            messages.chain(operations)
        })
    }
}
