//! What the log needs from a store: one transaction over logs, keys and view.
//!
//! [`crate::memory::MemoryLedger`] and the SQLite store implement it; [`crate::ingest`] and [`crate::compose`] run over
//! it. Every call is small and typed. For a run of 300 messages in order `ingest` calls, once: `chains`, `clock`,
//! `epochs` and `key` for each epoch met, `append` with all entries, `update_chain`, `set_clock`; and for each message:
//! `operations` (is there something waiting for it?) and `insert_message`.
//!
//! A log's entries form a chain, or, once forked, a tree cut into chains: each chain has a head that nothing follows,
//! and all but the first hang on an entry of another (`base`).

use nexus_identity::id::{ConnectId, Millis};
use nexus_identity::kdf::Secret32;

use crate::cipher::Commitment;
use crate::fold::{Message, Operation};
use crate::hlc::Hlc;
use crate::ids::{ConversationId, EntryHash, EntryRef, Epoch, LogKey, Seq, Topic};
use crate::order::Position;

mod rows;

pub use rows::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, NewEntry, OpenRequest, OwnEpoch,
    StoredEntry, Times, Waiting,
};

/// One transaction over the store of logs, keys and view.
///
/// Nothing here judges: what is put is kept as it is. "Conversation" arguments are those of the caller's context and
/// correspond one to one to topics.
pub trait Ledger {
    /// Why the store failed.
    type Error: std::error::Error + Send + Sync + 'static;

    // --- logs and entries ---

    /// All chains of a log, the one met first in front; empty if the log is unknown. Once a run.
    fn chains(&mut self, log: &LogKey) -> Result<Vec<Chain>, Self::Error>;

    /// All chains of a topic, by (log, branch). Once a written entry.
    fn topic_chains(&mut self, topic: &Topic) -> Result<Vec<Chain>, Self::Error>;

    /// Adds a chain; its head is meaningless until the first [`Ledger::append`], which follows at once.
    fn create_chain(&mut self, chain: &Chain) -> Result<ChainId, Self::Error>;

    /// Keeps what changed in `author`, `hlc`, `cited`, `hidden_from`, `retired`, `stopped`.
    fn update_chain(&mut self, chain: &Chain) -> Result<(), Self::Error>;

    /// Adds entries at the end of a chain, in order, and moves its head to the last.
    fn append(
        &mut self,
        chain: ChainId,
        entries: &[NewEntry<'_>],
        stored: Millis,
    ) -> Result<(), Self::Error>;

    /// Where the entry with this hash is stored.
    fn locate(&mut self, hash: &EntryHash) -> Result<Option<(ChainId, Seq)>, Self::Error>;

    /// Entries of one chain (without what it shares with others) from `from` on, at most `limit`.
    fn entries(
        &mut self,
        chain: ChainId,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, Self::Error>;

    /// Entries of a log that wait for the key of `epoch`, after `after`, at most `limit`, by (chain, seq).
    fn pending(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        after: Option<(ChainId, Seq)>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, Self::Error>;

    /// The entry waits for the key of `epoch` again: it was erased with a removed conversation. It does not wait now.
    fn wait(&mut self, chain: ChainId, seq: Seq, epoch: Epoch) -> Result<(), Self::Error>;

    /// The entry waits no longer.
    fn settle(&mut self, chain: ChainId, seq: Seq) -> Result<(), Self::Error>;

    /// Epochs for which entries wait, each once, sorted, the first `limit` of each log; and when I asked for its key.
    fn pending_epochs(&mut self, topic: &Topic, limit: usize) -> Result<Vec<Waiting>, Self::Error>;

    // --- keys ---

    /// Records where an epoch starts.
    fn put_epoch(&mut self, start: &EpochStart) -> Result<(), Self::Error>;

    /// All starts of an epoch, by chain and seq: one, but for forks.
    fn epochs(&mut self, log: &LogKey, epoch: Epoch) -> Result<Vec<EpochStart>, Self::Error>;

    /// Keeps a key under its commitment, unless it was erased. The start of the epoch may not be known yet.
    fn put_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
        key: &Secret32,
    ) -> Result<(), Self::Error>;

    /// The key with this commitment.
    fn key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<KeyState, Self::Error>;

    /// Marks a key as one that goes with its last message, `until` then or later. It never enters a backup.
    fn set_fleeting(&mut self, key: &FleetingKey) -> Result<(), Self::Error>;

    /// Fleeting keys, not erased, whose `until` is at or before `now`; at most `limit`.
    fn fleeting(&mut self, now: Millis, limit: usize) -> Result<Vec<FleetingKey>, Self::Error>;

    /// Erases a key for good and leaves [`KeyState::Erased`].
    fn erase_key(
        &mut self,
        log: &LogKey,
        epoch: Epoch,
        commitment: &Commitment,
    ) -> Result<(), Self::Error>;

    /// The epoch that a log of mine is in; `None` if the log is not mine or has no epoch yet.
    fn own_epoch(&mut self, log: &LogKey) -> Result<Option<OwnEpoch>, Self::Error>;

    /// Keeps the epoch that a log of mine is in.
    fn put_own_epoch(&mut self, log: &LogKey, epoch: &OwnEpoch) -> Result<(), Self::Error>;

    // --- view ---

    /// Adds a message that was not there. `chain` is where its entry is stored.
    fn insert_message(
        &mut self,
        conversation: &ConversationId,
        chain: ChainId,
        message: &Message,
    ) -> Result<(), Self::Error>;

    /// Replaces a message that is there, found by its hash; its position may have changed (it became readable).
    fn update_message(
        &mut self,
        conversation: &ConversationId,
        message: &Message,
    ) -> Result<(), Self::Error>;

    /// The message with this hash. Its `base.text` must be the text as first written, unless retracted.
    fn message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<Message>, Self::Error>;

    /// Removes a message and its traces (search row, texts); nothing if it is not there.
    fn remove_message(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<(), Self::Error>;

    /// Messages after `after` by position, at most `limit`.
    fn messages(
        &mut self,
        conversation: &ConversationId,
        after: &Position,
        limit: usize,
    ) -> Result<Vec<Message>, Self::Error>;

    /// Adds an operation, whether or not its target is there.
    fn insert_operation(
        &mut self,
        conversation: &ConversationId,
        operation: &Operation,
    ) -> Result<(), Self::Error>;

    /// Operations on a target, in any order: at least the last of each kind by each author, since no other counts. None
    /// only if there is none.
    fn operations(
        &mut self,
        conversation: &ConversationId,
        target: &EntryHash,
    ) -> Result<Vec<Operation>, Self::Error>;

    /// Removes the operation whose own entry has this hash, with its text; gives its target.
    fn remove_operation(
        &mut self,
        conversation: &ConversationId,
        hash: &EntryHash,
    ) -> Result<Option<EntryHash>, Self::Error>;

    /// Drops all messages and operations of a conversation, to be rebuilt.
    fn clear_view(&mut self, conversation: &ConversationId) -> Result<(), Self::Error>;

    /// Messages, and operations without target, whose time is over, at most `limit`; of all conversations.
    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Due>, Self::Error>;

    /// When the next of them is due; keys go along with them, or an hour later.
    fn next_due(&mut self) -> Result<Option<Millis>, Self::Error>;

    // --- state of a conversation ---

    /// The highest clock value followed so far; 0 at first.
    fn clock(&mut self, conversation: &ConversationId) -> Result<Hlc, Self::Error>;

    /// Keeps the highest clock value followed.
    fn set_clock(&mut self, conversation: &ConversationId, clock: Hlc) -> Result<(), Self::Error>;

    /// The timer in force: the one set at the highest position, and where.
    fn timer(
        &mut self,
        conversation: &ConversationId,
    ) -> Result<Option<(Position, Option<u64>)>, Self::Error>;

    /// Keeps the timer in force.
    fn set_timer(
        &mut self,
        conversation: &ConversationId,
        position: &Position,
        seconds: Option<u64>,
    ) -> Result<(), Self::Error>;

    /// Raises how far `reader` has read the log that `mark` names; whether that changed anything. Never lowers.
    fn raise_read_mark(
        &mut self,
        conversation: &ConversationId,
        reader: &ConnectId,
        mark: &EntryRef,
    ) -> Result<bool, Self::Error>;

    // --- key requests ---

    /// Keeps a request until it is answered; one of each (instance, log, epoch).
    fn put_request(&mut self, request: &OpenRequest) -> Result<(), Self::Error>;

    /// Requests without answer, in a steady order, at most `limit`.
    fn open_requests(
        &mut self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<OpenRequest>, Self::Error>;

    /// The request was answered.
    fn close_request(&mut self, request: &OpenRequest) -> Result<(), Self::Error>;

    /// Whoever asked for this epoch has an answer.
    fn close_requests(
        &mut self,
        topic: &Topic,
        log: &LogKey,
        epoch: Epoch,
    ) -> Result<(), Self::Error>;

    /// How often I answered this request lately, and since when that is counted.
    fn answered(&mut self, request: &OpenRequest) -> Result<Option<Times>, Self::Error>;

    /// Keeps how often I answered this request. What was counted since before `until` may be forgotten.
    fn set_answered(
        &mut self,
        request: &OpenRequest,
        times: Times,
        until: Millis,
    ) -> Result<(), Self::Error>;

    /// I asked for the key of an epoch, once more.
    fn set_asked(&mut self, log: &LogKey, epoch: Epoch, when: Millis) -> Result<(), Self::Error>;

    // --- logs with a third branch: rare, and always a cheat ---

    /// Logs of a topic with a third branch somewhere. Nearly always none; asked once a run.
    fn crowded(&mut self, topic: &Topic) -> Result<Vec<LogKey>, Self::Error>;

    /// The log has a third branch: from now on who cites it matters.
    fn set_crowded(&mut self, topic: &Topic, log: &LogKey) -> Result<(), Self::Error>;

    /// An entry of a crowded log is cited by an entry of another log. Kept once.
    fn put_citation(&mut self, entry: &EntryRef) -> Result<(), Self::Error>;

    /// Cited entries of a crowded log.
    fn citations(&mut self, log: &LogKey) -> Result<Vec<EntryRef>, Self::Error>;
}
