//! [`Ledger`] over a transaction: what the log needs, answered by the modules that hold it.

use nexus_identity::id::{ConnectId, Millis};
use nexus_identity::kdf::Secret32;
use nexus_log::cipher::Commitment;
use nexus_log::fold::{Message, Operation};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, EntryRef, Epoch, LogKey, Seq, Topic};
use nexus_log::ledger::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, Ledger, NewEntry, OpenRequest,
    OwnEpoch, StoredEntry, Times, Waiting,
};
use nexus_log::order::Position;

use crate::error::StoreError;
use crate::queries::Queries;
use crate::writer::Tx;

impl Ledger for Tx<'_> {
    type Error = StoreError;

    fn chains(&mut self, log: &LogKey) -> Result<Vec<Chain>, StoreError> {
        Queries::chains_of_log(self, log)
    }

    fn topic_chains(&mut self, topic: &Topic) -> Result<Vec<Chain>, StoreError> {
        Queries::chains_of_topic(self, topic)
    }

    fn create_chain(&mut self, chain: &Chain) -> Result<ChainId, StoreError> {
        Queries::insert_chain(self, chain)
    }

    fn update_chain(&mut self, chain: &Chain) -> Result<(), StoreError> {
        Queries::change_chain(self, chain)
    }

    fn append(
        &mut self,
        chain: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), StoreError> {
        Queries::append_entries(self, chain, entries, stored)
    }

    fn locate(&mut self, hash: &EntryHash) -> Result<Option<(ChainId, Seq)>, StoreError> {
        Ok(self.find_entry(hash)?.map(|found| (found.chain, found.seq)))
    }

    fn entries(
        &mut self,
        chain: ChainId,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        Queries::entries_of_chain(self, chain, from, limit)
    }

    fn pending(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        after: Option<(ChainId, Seq)>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        Queries::pending_entries(self, log, epoch, after, limit)
    }

    fn wait(&mut self, chain: ChainId, seq: Seq, epoch: Epoch) -> Result<(), StoreError> {
        Queries::wait_again(self, chain, seq, epoch)
    }

    fn settle(&mut self, chain: ChainId, seq: Seq) -> Result<(), StoreError> {
        Queries::settle_entry(self, chain, seq)
    }

    fn pending_epochs(&mut self, topic: &Topic, limit: usize) -> Result<Vec<Waiting>, StoreError> {
        Queries::waiting_epochs(self, topic, limit)
    }

    fn put_epoch(&mut self, start: &EpochStart) -> Result<(), StoreError> {
        Queries::insert_epoch(self, start)
    }

    fn epochs(&mut self, log: &LogKey, epoch: Epoch) -> Result<Vec<EpochStart>, StoreError> {
        Queries::epoch_starts(self, log, epoch)
    }

    fn put_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), StoreError> {
        Queries::insert_key(self, log, epoch, commitment, key)
    }

    fn key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<KeyState, StoreError> {
        Queries::key_state(self, log, epoch, commitment)
    }

    fn set_fleeting(&mut self, key: &FleetingKey) -> Result<(), StoreError> {
        Queries::mark_fleeting(self, key)
    }

    fn fleeting(&mut self, now: Millis, limit: usize) -> Result<Vec<FleetingKey>, StoreError> {
        Queries::fleeting_keys(self, now, limit)
    }

    fn erase_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<(), StoreError> {
        Queries::erase_epoch_key(self, log, epoch, commitment)
    }

    fn own_epoch(&mut self, log: &LogKey) -> Result<Option<OwnEpoch>, StoreError> {
        Queries::own_epoch_of(self, log)
    }

    fn put_own_epoch(&mut self, log: &LogKey, epoch: &OwnEpoch) -> Result<(), StoreError> {
        Queries::keep_own_epoch(self, log, epoch)
    }

    fn insert_message(
        &mut self,
        conversation: &ConversationId,
        _chain: ChainId,
        message: &Message,
    ) -> Result<(), StoreError> {
        self.add_message(conversation, message)
    }

    fn update_message(
        &mut self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), StoreError> {
        Queries::change_message(self, conversation, message)
    }

    fn message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<Message>, StoreError> {
        Queries::one_message(self, conversation, hash)
    }

    fn remove_message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<(), StoreError> {
        Queries::delete_message(self, conversation, hash)
    }

    fn messages(
        &mut self,
        conversation: &ConversationId,
        after: &Position,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        Queries::messages_after(self, conversation, after, limit)
    }

    fn insert_operation(
        &mut self,
        conversation: &ConversationId,
        operation: &Operation,
    ) -> Result<(), StoreError> {
        Queries::add_operation(self, conversation, operation)
    }

    fn operations(
        &mut self,
        conversation: &ConversationId,
        target: &EntryHash,
    ) -> Result<Vec<Operation>, StoreError> {
        Queries::operations_on(self, conversation, target)
    }

    fn remove_operation(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<EntryHash>, StoreError> {
        Queries::delete_operation(self, conversation, hash)
    }

    fn clear_view(&mut self, conversation: &ConversationId) -> Result<(), StoreError> {
        Queries::clear_conversation(self, conversation)
    }

    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Due>, StoreError> {
        Queries::due_items(self, now, limit)
    }

    fn next_due(&mut self) -> Result<Option<Millis>, StoreError> {
        Queries::next_due_at(self)
    }

    fn clock(&mut self, conversation: &ConversationId) -> Result<Hlc, StoreError> {
        Queries::clock_of(self, conversation)
    }

    fn set_clock(&mut self, conversation: &ConversationId, clock: Hlc) -> Result<(), StoreError> {
        Queries::keep_clock(self, conversation, clock)
    }

    fn timer(
        &mut self,
        conversation: &ConversationId,
    ) -> Result<Option<(Position, Option<u64>)>, StoreError> {
        Queries::timer_of(self, conversation)
    }

    fn set_timer(
        &mut self,
        conversation: &ConversationId,
        position: &Position,
        seconds: Option<u64>,
    ) -> Result<(), StoreError> {
        Queries::keep_timer(self, conversation, position, seconds)
    }

    fn raise_read_mark(
        &mut self,
        conversation: &ConversationId,
        reader: &ConnectId,
        mark: &EntryRef,
    ) -> Result<bool, StoreError> {
        Queries::raise_mark(self, conversation, reader, mark)
    }

    fn put_request(&mut self, request: &OpenRequest) -> Result<(), StoreError> {
        Queries::keep_request(self, request)
    }

    fn open_requests(
        &mut self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<OpenRequest>, StoreError> {
        Queries::requests_open(self, topic, limit)
    }

    fn close_request(&mut self, request: &OpenRequest) -> Result<(), StoreError> {
        Queries::end_request(self, request)
    }

    fn close_requests(
        &mut self,
        topic: &Topic,
        log: &LogKey,
        epoch: Epoch,
    ) -> Result<(), StoreError> {
        Queries::end_requests(self, topic, log, epoch)
    }

    fn answered(&mut self, request: &OpenRequest) -> Result<Option<Times>, StoreError> {
        Queries::answers_to(self, request)
    }

    fn set_answered(
        &mut self,
        request: &OpenRequest,
        times: Times,
        until: Millis,
    ) -> Result<(), StoreError> {
        Queries::note_answers(self, request, times, until)
    }

    fn set_asked(&mut self, log: &LogKey, epoch: Epoch, when: Millis) -> Result<(), StoreError> {
        Queries::note_asked(self, log, epoch, when)
    }

    fn crowded(&mut self, topic: &Topic) -> Result<Vec<LogKey>, StoreError> {
        Queries::crowded_logs(self, topic)
    }

    fn set_crowded(&mut self, topic: &Topic, log: &LogKey) -> Result<(), StoreError> {
        Queries::insert_crowded(self, topic, log)
    }

    fn put_citation(&mut self, entry: &EntryRef) -> Result<(), StoreError> {
        Queries::insert_citation(self, entry)
    }

    fn citations(&mut self, log: &LogKey) -> Result<Vec<EntryRef>, StoreError> {
        Queries::citations_of(self, log)
    }
}
