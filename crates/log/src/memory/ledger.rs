//! The calls of [`Ledger`], each checked for sense.

use nexus_identity::id::{ConnectId, Millis};
use nexus_identity::kdf::Secret32;

use super::{HeldKey, MemoryLedger, Misuse, misuse};
use crate::cipher::Commitment;
use crate::fold::{Message, Operation};
use crate::hlc::Hlc;
use crate::ids::{ConversationId, EntryHash, EntryRef, Epoch, LogKey, Seq, Topic};
use crate::ledger::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, Ledger, NewEntry, OpenRequest,
    OwnEpoch, StoredEntry, Times, Waiting,
};
use crate::order::Position;

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
        self.begin(chain)
    }

    fn update_chain(&mut self, chain: &Chain) -> Result<(), Misuse> {
        self.revise(chain)
    }

    fn append(
        &mut self,
        id: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), Misuse> {
        self.extend(id, entries, stored)
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
        starts.sort_by_key(|start| (start.chain, start.seq));
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
        self.view_mut(conversation).insert(message)
    }

    fn update_message(
        &mut self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), Misuse> {
        self.view_mut(conversation).update(message)
    }

    fn message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<Message>, Misuse> {
        Ok(self.view_mut(conversation).message(hash).cloned())
    }

    fn remove_message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<(), Misuse> {
        self.view_mut(conversation).remove(hash);
        Ok(())
    }

    fn messages(
        &mut self,
        conversation: &ConversationId,
        after: &Position,
        limit: usize,
    ) -> Result<Vec<Message>, Misuse> {
        Ok(self.view_mut(conversation).after(after).take(limit).cloned().collect())
    }

    fn insert_operation(
        &mut self,
        conversation: &ConversationId,
        operation: &Operation,
    ) -> Result<(), Misuse> {
        self.view_mut(conversation).insert_operation(operation)
    }

    fn operations(
        &mut self,
        conversation: &ConversationId,
        target: &EntryHash,
    ) -> Result<Vec<Operation>, Misuse> {
        Ok(self.view_mut(conversation).operations_on(target).cloned().collect())
    }

    fn remove_operation(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<EntryHash>, Misuse> {
        Ok(self.view_mut(conversation).remove_operation(hash))
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
