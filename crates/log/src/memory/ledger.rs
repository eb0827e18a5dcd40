//! The calls of [`Ledger`], each checked for sense.

use nexus_identity::id::{ConnectId, Millis};
use nexus_identity::kdf::Secret32;

use super::{HeldKey, MemoryLedger, Misuse};
use crate::cipher::Commitment;
use crate::entry::Entry;
use crate::fold::{Message, Operation};
use crate::header::{Header, entry_hash};
use crate::hlc::Hlc;
use crate::ids::{ConversationId, EntryHash, EntryRef, Epoch, Head, LogKey, Seq, Topic};
use crate::ledger::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, Ledger, NewEntry, OpenRequest,
    OwnEpoch, StoredEntry, Times, Waiting,
};
use crate::order::Position;

fn misuse<T>(what: &'static str) -> Result<T, Misuse> {
    Err(Misuse(what))
}

impl Ledger for MemoryLedger {
    type Error = Misuse;

    fn chains(&mut self, log: &LogKey) -> Result<Vec<Chain>, Misuse> {
        Ok(self.chains.values().filter(|chain| chain.log == *log).cloned().collect())
    }

    fn topic_chains(&mut self, topic: &Topic) -> Result<Vec<Chain>, Misuse> {
        let mut chains: Vec<_> =
            self.chains.values().filter(|chain| chain.topic == *topic).cloned().collect();
        chains.sort_by_key(|chain| (chain.log, chain.branch));
        Ok(chains)
    }

    fn create_chain(&mut self, chain: &Chain) -> Result<ChainId, Misuse> {
        let mut same = self.chains.values().filter(|other| other.log == chain.log);
        if same.any(|other| other.branch == chain.branch || other.topic != chain.topic) {
            return misuse("a second chain of one name, or in two topics");
        }
        if chain.base.is_none() && chain.first != 0 {
            return misuse("a chain that hangs on nothing");
        }
        let next = self.chains.last_key_value().map_or(1, |(id, _)| id.0 + 1);
        let id = ChainId(next);
        self.chains.insert(id, Chain { id, ..chain.clone() });
        Ok(id)
    }

    fn update_chain(&mut self, chain: &Chain) -> Result<(), Misuse> {
        let Some(held) = self.chains.get_mut(&chain.id) else {
            return misuse("update of an unknown chain");
        };
        let head = held.head;
        *held = Chain { head, ..chain.clone() };
        Ok(())
    }

    fn append(
        &mut self,
        id: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), Misuse> {
        let Some(chain) = self.chains.get_mut(&id) else {
            return misuse("append to an unknown chain");
        };
        for new in entries {
            let empty = !self.entries.contains_key(&(id, chain.head.seq));
            let next = if empty { chain.first } else { chain.head.seq + 1 };
            let header =
                Header::decode(new.header).map_err(|_| Misuse("a header that can't be read"))?;
            if new.seq != next || header.seq != next || header.log != chain.log {
                return misuse("an entry out of its place");
            }
            if new.hash != entry_hash(new.header) || self.by_hash.contains_key(&new.hash) {
                return misuse("a wrong hash, or one that is held already");
            }
            if !empty && header.prev != chain.head.hash {
                return misuse("an entry that does not follow the head");
            }
            let entry = Entry {
                header: *new.header,
                payload: new.payload.to_vec(),
                signature: new.signature,
            };
            if !entry.payload_fits() {
                return misuse("a payload that its header does not name");
            }
            let (seq, hash, pending) = (new.seq, new.hash, new.pending);
            chain.head = Head { seq, hash };
            self.by_hash.insert(hash, (id, seq));
            let stored = StoredEntry { chain: id, seq, hash, stored, pending, entry };
            self.entries.insert((id, seq), stored);
        }
        Ok(())
    }

    fn locate(&mut self, hash: &EntryHash) -> Result<Option<(ChainId, Seq)>, Misuse> {
        Ok(self.by_hash.get(hash).copied())
    }

    fn entries(
        &mut self,
        chain: ChainId,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, Misuse> {
        let range = self.entries.range((chain, from)..=(chain, Seq::MAX));
        Ok(range.take(limit).map(|(_, stored)| stored.clone()).collect())
    }

    fn pending(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        after: Option<(ChainId, Seq)>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, Misuse> {
        let chains = &self.chains;
        let waits = self
            .entries
            .iter()
            .filter(|(at, _)| after.is_none_or(|after| **at > after))
            .filter(|((id, _), _)| chains.get(id).is_some_and(|chain| chain.log == *log))
            .filter(|(_, stored)| stored.pending == Some(epoch));
        Ok(waits.take(limit).map(|(_, stored)| stored.clone()).collect())
    }

    fn wait(&mut self, chain: ChainId, seq: Seq, epoch: Epoch) -> Result<(), Misuse> {
        match self.entries.get_mut(&(chain, seq)) {
            Some(stored) if stored.pending.is_none() => {
                stored.pending = Some(epoch);
                Ok(())
            }
            _ => misuse("letting wait what is not there or waits already"),
        }
    }

    fn settle(&mut self, chain: ChainId, seq: Seq) -> Result<(), Misuse> {
        let stored = self.entries.get_mut(&(chain, seq));
        match stored.and_then(|stored| stored.pending.take()) {
            Some(_) => Ok(()),
            None => misuse("settling what does not wait"),
        }
    }

    fn pending_epochs(&mut self, topic: &Topic, limit: usize) -> Result<Vec<Waiting>, Misuse> {
        let waits = self.entries.iter().filter_map(|((id, _), stored)| {
            let chain = self.chains.get(id).filter(|chain| chain.topic == *topic)?;
            Some((chain.log, stored.pending?))
        });
        let sorted: std::collections::BTreeSet<_> = waits.collect();
        let mut of_log = (None, 0);
        let first = sorted.into_iter().filter(|(log, _)| {
            of_log =
                if of_log.0 == Some(*log) { (of_log.0, of_log.1 + 1) } else { (Some(*log), 1) };
            of_log.1 <= limit
        });
        Ok(first.map(|(log, epoch)| (log, epoch, self.asked.get(&(log, epoch)).copied())).collect())
    }

    fn put_epoch(&mut self, start: &EpochStart) -> Result<(), Misuse> {
        let starts = self.epochs.entry((start.log, start.epoch)).or_default();
        if starts.contains(start) {
            return misuse("an epoch that is recorded already");
        }
        starts.push(*start);
        Ok(())
    }

    fn epochs(&mut self, log: &LogKey, epoch: Epoch) -> Result<Vec<EpochStart>, Misuse> {
        Ok(self.epochs.get(&(*log, epoch)).cloned().unwrap_or_default())
    }

    fn put_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), Misuse> {
        if Commitment::of(key, log, epoch) != *commitment {
            return misuse("a key that does not match its commitment");
        }
        let at = (*log, epoch, *commitment);
        let held =
            self.keys.entry(at).or_insert(HeldKey { state: KeyState::Unknown, fleeting: None });
        if held.state == KeyState::Unknown {
            held.state = KeyState::Held(key.clone());
        }
        Ok(())
    }

    fn key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<KeyState, Misuse> {
        let held = self.keys.get(&(*log, epoch, *commitment));
        Ok(held.map_or(KeyState::Unknown, |held| held.state.clone()))
    }

    fn set_fleeting(&mut self, key: &FleetingKey) -> Result<(), Misuse> {
        match self.keys.get_mut(&(key.log, key.epoch, key.commitment)) {
            Some(held) => {
                held.fleeting = held.fleeting.max(Some(key.until));
                Ok(())
            }
            None => misuse("a fleeting key that is not here"),
        }
    }

    fn fleeting(&mut self, now: Millis, limit: usize) -> Result<Vec<FleetingKey>, Misuse> {
        Ok(self.fleeting_keys().filter(|key| key.until <= now).take(limit).collect())
    }

    fn erase_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<(), Misuse> {
        let erased = HeldKey { state: KeyState::Erased, fleeting: None };
        self.keys.insert((*log, epoch, *commitment), erased);
        Ok(())
    }

    fn own_epoch(&mut self, log: &LogKey) -> Result<Option<OwnEpoch>, Misuse> {
        Ok(self.own.get(log).cloned())
    }

    fn put_own_epoch(&mut self, log: &LogKey, epoch: &OwnEpoch) -> Result<(), Misuse> {
        self.own.insert(*log, epoch.clone());
        Ok(())
    }

    fn insert_message(
        &mut self,
        conversation: &ConversationId,
        chain: ChainId,
        message: &Message,
    ) -> Result<(), Misuse> {
        let position = message.base.position;
        if self.by_hash.get(&position.hash) != Some(&(chain, position.seq)) {
            return misuse("a message whose entry is not stored there");
        }
        let view = self.views.entry(*conversation).or_default();
        if view.positions.insert(position.hash, position).is_some() {
            return misuse("a message that is there already");
        }
        view.messages.insert(position, message.clone());
        Ok(())
    }

    fn update_message(
        &mut self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), Misuse> {
        let position = message.base.position;
        let view = self.views.entry(*conversation).or_default();
        let Some(old) = view.positions.insert(position.hash, position) else {
            return misuse("an update of a message that is not there");
        };
        view.messages.remove(&old);
        view.messages.insert(position, message.clone());
        Ok(())
    }

    fn message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<Message>, Misuse> {
        let view = self.views.entry(*conversation).or_default();
        let position = view.positions.get(hash);
        Ok(position.and_then(|position| view.messages.get(position)).cloned())
    }

    fn remove_message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<(), Misuse> {
        let view = self.views.entry(*conversation).or_default();
        if let Some(position) = view.positions.remove(hash) {
            view.messages.remove(&position);
        }
        Ok(())
    }

    fn messages(
        &mut self,
        conversation: &ConversationId,
        after: &Position,
        limit: usize,
    ) -> Result<Vec<Message>, Misuse> {
        let view = self.views.entry(*conversation).or_default();
        let from = (std::ops::Bound::Excluded(*after), std::ops::Bound::Unbounded);
        Ok(view.messages.range(from).take(limit).map(|(_, message)| message.clone()).collect())
    }

    fn insert_operation(
        &mut self,
        conversation: &ConversationId,
        operation: &Operation,
    ) -> Result<(), Misuse> {
        let view = self.views.entry(*conversation).or_default();
        let hash = operation.position.hash;
        if view.operations.insert(hash, operation.clone()).is_some() {
            return misuse("an operation that is there already");
        }
        view.by_target.entry(operation.target).or_default().insert(hash);
        Ok(())
    }

    fn operations(
        &mut self,
        conversation: &ConversationId,
        target: &EntryHash,
    ) -> Result<Vec<Operation>, Misuse> {
        let view = self.views.entry(*conversation).or_default();
        let hashes = view.by_target.get(target).into_iter().flatten();
        Ok(hashes.filter_map(|hash| view.operations.get(hash)).cloned().collect())
    }

    fn remove_operation(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<EntryHash>, Misuse> {
        let view = self.views.entry(*conversation).or_default();
        let Some(operation) = view.operations.remove(hash) else { return Ok(None) };
        if let Some(others) = view.by_target.get_mut(&operation.target) {
            others.remove(hash);
        }
        Ok(Some(operation.target))
    }

    fn clear_view(&mut self, conversation: &ConversationId) -> Result<(), Misuse> {
        self.views.remove(conversation);
        Ok(())
    }

    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Due>, Misuse> {
        let due = self.due_until().filter(|(until, _)| *until <= now).map(|(_, due)| due);
        Ok(due.take(limit).collect())
    }

    fn next_due(&mut self) -> Result<Option<Millis>, Misuse> {
        Ok(self.due_until().map(|(until, _)| until).min())
    }

    fn clock(&mut self, conversation: &ConversationId) -> Result<Hlc, Misuse> {
        Ok(self.clocks.get(conversation).copied().unwrap_or_default())
    }

    fn set_clock(&mut self, conversation: &ConversationId, clock: Hlc) -> Result<(), Misuse> {
        match self.clocks.insert(*conversation, clock) {
            Some(before) if before > clock => misuse("a clock that runs backwards"),
            _ => Ok(()),
        }
    }

    fn timer(
        &mut self,
        conversation: &ConversationId,
    ) -> Result<Option<(Position, Option<u64>)>, Misuse> {
        Ok(self.timers.get(conversation).copied())
    }

    fn set_timer(
        &mut self,
        conversation: &ConversationId,
        position: &Position,
        seconds: Option<u64>,
    ) -> Result<(), Misuse> {
        match self.timers.insert(*conversation, (*position, seconds)) {
            Some((before, _)) if before > *position => misuse("a timer that was set before"),
            _ => Ok(()),
        }
    }

    fn raise_read_mark(
        &mut self,
        conversation: &ConversationId,
        reader: &ConnectId,
        mark: &EntryRef,
    ) -> Result<bool, Misuse> {
        let at = (*conversation, *reader, mark.log);
        let before = self.marks.get(&at).map(|(seq, _)| *seq);
        if before.is_some_and(|before| before >= mark.seq) {
            return Ok(false);
        }
        self.marks.insert(at, (mark.seq, mark.hash));
        Ok(true)
    }

    fn put_request(&mut self, request: &OpenRequest) -> Result<(), Misuse> {
        self.requests.insert((request.topic, request.log, request.epoch, request.instance));
        Ok(())
    }

    fn open_requests(&mut self, topic: &Topic, limit: usize) -> Result<Vec<OpenRequest>, Misuse> {
        let own = self.requests.iter().filter(|(of, ..)| of == topic).take(limit);
        Ok(own
            .map(|&(topic, log, epoch, instance)| OpenRequest { topic, instance, log, epoch })
            .collect())
    }

    fn close_request(&mut self, request: &OpenRequest) -> Result<(), Misuse> {
        self.requests.remove(&(request.topic, request.log, request.epoch, request.instance));
        Ok(())
    }

    fn close_requests(&mut self, topic: &Topic, log: &LogKey, epoch: Epoch) -> Result<(), Misuse> {
        self.requests.retain(|(of, asked, number, _)| (of, asked, *number) != (topic, log, epoch));
        Ok(())
    }

    fn answered(&mut self, request: &OpenRequest) -> Result<Option<Times>, Misuse> {
        let OpenRequest { topic, instance, log, epoch } = *request;
        Ok(self.answered.get(&(topic, log, epoch, instance)).copied())
    }

    fn set_answered(
        &mut self,
        request: &OpenRequest,
        times: Times,
        until: Millis,
    ) -> Result<(), Misuse> {
        let OpenRequest { topic, instance, log, epoch } = *request;
        self.answered.retain(|_, times| times.at >= until);
        self.answered.insert((topic, log, epoch, instance), times);
        Ok(())
    }

    fn set_asked(&mut self, log: &LogKey, epoch: Epoch, when: Millis) -> Result<(), Misuse> {
        let count = self.asked.get(&(*log, epoch)).map_or(0, |asked| asked.count);
        self.asked.insert((*log, epoch), Times { at: when, count: count.saturating_add(1) });
        Ok(())
    }

    fn crowded(&mut self, topic: &Topic) -> Result<Vec<LogKey>, Misuse> {
        Ok(self.crowded.iter().filter(|(of, _)| of == topic).map(|(_, log)| *log).collect())
    }

    fn set_crowded(&mut self, topic: &Topic, log: &LogKey) -> Result<(), Misuse> {
        self.crowded.insert((*topic, *log));
        Ok(())
    }

    fn put_citation(&mut self, entry: &EntryRef) -> Result<(), Misuse> {
        self.citations.insert(*entry);
        Ok(())
    }

    fn citations(&mut self, log: &LogKey) -> Result<Vec<EntryRef>, Misuse> {
        Ok(self.citations.iter().filter(|entry| entry.log == *log).copied().collect())
    }
}
