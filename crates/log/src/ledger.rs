//! What the log needs from a store: one transaction over logs, keys and view.
//!
//! [`crate::memory::MemoryLedger`] and the SQLite store implement it; [`crate::ingest`] and [`crate::compose`] run over
//! it. Every call is small and typed. For a run of 300 messages in order `ingest` calls, once: `chains`, `clock`,
//! `epochs` and `key` for each epoch met, `append` with all entries, `update_chain`, `set_clock`; and for each message:
//! `operations` (is there something waiting for it?) and `insert_message`.
//!
//! A log's entries form a chain, or, once forked, a tree cut into chains: each chain has a head that nothing follows,
//! and all but the first hang on an entry of another (`base`).

use nexus_identity::id::{ConnectId, InstanceKey, Millis, Signature};
use nexus_identity::kdf::Secret32;
use nexus_identity::prekey::PrekeyId;

use crate::cipher::Commitment;
use crate::entry::Entry;
use crate::fold::{Message, Operation};
use crate::header::HEADER_LEN;
use crate::hlc::Hlc;
use crate::ids::{ConversationId, EntryHash, EntryRef, Epoch, Head, LogHead, LogKey, Seq, Topic};
use crate::open::Author;
use crate::order::Position;

/// A store's own number of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub i64);

/// One chain of entries: a log, or a branch of a forked one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The store's number; ignored by [`Ledger::create_chain`].
    pub id: ChainId,
    /// The topic.
    pub topic: Topic,
    /// The log.
    pub log: LogKey,
    /// `None` for the chain met first, else the first hash that differs from it.
    pub branch: Option<EntryHash>,
    /// The chain and entry it hangs on; `None` when it starts at seq 0.
    pub base: Option<(ChainId, Seq)>,
    /// Sequence number of the first entry that is this chain's own.
    pub first: Seq,
    /// Last entry. [`Ledger::append`] moves it; [`Ledger::update_chain`] leaves it alone.
    pub head: Head,
    /// Who writes it; `None` if the certificate says nothing to me, or the author is no member: then nothing of it shows.
    pub author: Option<Author>,
    /// The highest clock among its readable entries.
    pub hlc: Hlc,
    /// The last entry of it that my own entries cite.
    pub cited: Option<Seq>,
    /// Entries from here on do not show (a third branch, or after a retirement).
    pub hidden_from: Option<Seq>,
    /// Where its author retired: no more sealing to that instance, and what follows does not show.
    pub retired: Option<Seq>,
    /// Mine, and not to be continued: an entry turned up in it that this instance did not write.
    pub stopped: bool,
}

impl Chain {
    /// As sync names it.
    #[must_use]
    pub const fn log_head(&self) -> LogHead {
        // What a branch shares with others is held with them.
        LogHead { log: self.log, branch: self.branch, first: self.first, head: self.head }
    }
}

/// An entry to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewEntry<'a> {
    /// Place in its log.
    pub seq: Seq,
    /// The entry hash.
    pub hash: EntryHash,
    /// The 112 header bytes.
    pub header: &'a [u8; HEADER_LEN],
    /// The payload.
    pub payload: &'a [u8],
    /// The log key's signature, at the end of a run and on every entry of mine.
    pub signature: Option<Signature>,
    /// The epoch whose key it waits for, if it can't be read yet.
    pub pending: Option<Epoch>,
}

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEntry {
    /// The chain it is stored with.
    pub chain: ChainId,
    /// Its place.
    pub seq: Seq,
    /// Its hash.
    pub hash: EntryHash,
    /// When it became durable here: the `stored` of its [`Ledger::append`].
    pub stored: Millis,
    /// The epoch whose key it waits for.
    pub pending: Option<Epoch>,
    /// Header, payload, signature.
    pub entry: Entry,
}

/// A SEALS entry that started an epoch: the original commitment, which decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EpochStart {
    /// The log.
    pub log: LogKey,
    /// The epoch.
    pub epoch: Epoch,
    /// The chain that holds the SEALS.
    pub chain: ChainId,
    /// Its place there.
    pub seq: Seq,
    /// What it commits to.
    pub commitment: Commitment,
}

/// What is known of an epoch key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// Not here.
    Unknown,
    /// Here.
    Held(Secret32),
    /// Was here and was erased with its last message; it must not come back.
    Erased,
}

/// The epoch that one of my own logs is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnEpoch {
    /// Its number.
    pub epoch: Epoch,
    /// The key's commitment.
    pub commitment: Commitment,
    /// When it started.
    pub started: Millis,
    /// ENTRYs written under it.
    pub entries: u32,
    /// The timer of its messages, in seconds.
    pub timer: Option<u64>,
    /// The instances that have a slot and the prekey it was sealed to, sorted.
    pub sealed: Vec<(InstanceKey, PrekeyId)>,
}

/// Keys that go with their last message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FleetingKey {
    /// The log.
    pub log: LogKey,
    /// The epoch.
    pub epoch: Epoch,
    /// The key's commitment.
    pub commitment: Commitment,
    /// When the last message known of it disappears here.
    pub until: Millis,
}

/// Somebody asked for the key of an epoch and has no answer yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenRequest {
    /// The topic.
    pub topic: Topic,
    /// The instance that asks, by the certificate of the log in which it asked.
    pub instance: InstanceKey,
    /// Log of the epoch asked for.
    pub log: LogKey,
    /// The epoch asked for.
    pub epoch: Epoch,
}

/// Something whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The conversation.
    pub conversation: ConversationId,
    /// Hash of the message, or of an operation whose target is not here.
    pub hash: EntryHash,
    /// Which of the two.
    pub operation: bool,
}

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

    /// Epochs for which entries wait, each once, sorted, at most `limit`.
    fn pending_epochs(
        &mut self,
        topic: &Topic,
        limit: usize,
    ) -> Result<Vec<(LogKey, Epoch)>, Self::Error>;

    // --- keys ---

    /// Records where an epoch starts.
    fn put_epoch(&mut self, start: &EpochStart) -> Result<(), Self::Error>;

    /// All starts of an epoch: one, but for forks.
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

    /// Operations on a target, in any order.
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

    /// The request was answered, by whomever.
    fn close_request(&mut self, request: &OpenRequest) -> Result<(), Self::Error>;

    /// When I last asked for the key of an epoch.
    fn asked(&mut self, log: &LogKey, epoch: Epoch) -> Result<Option<Millis>, Self::Error>;

    /// I asked for the key of an epoch.
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
