//! One ledger type over both stores, so that everything above is the same code; it can fail at any write.

use nexus_identity::Secret32;
use nexus_identity::id::{ConnectId, Millis};
use nexus_log::cipher::Commitment;
use nexus_log::fold::{Message, Operation};
use nexus_log::hlc::Hlc;
use nexus_log::ids::{ConversationId, EntryHash, EntryRef, Epoch, LogKey, Seq, Topic};
use nexus_log::ledger::{
    Chain, ChainId, Due, EpochStart, FleetingKey, KeyState, Ledger, NewEntry, OpenRequest,
    OwnEpoch, StoredEntry, Times, Waiting,
};
use nexus_log::memory::{MemoryLedger, Misuse};
use nexus_log::order::Position;
use nexus_storage::{StoreError, Tx};

/// Why a transaction came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// No room was left at this write.
    #[error("the disk is full")]
    Full,
    /// The machine died at this write.
    #[error("the machine died")]
    Died,
    /// The log used its ledger wrongly: always a bug.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The database failed by itself: always a bug here.
    #[error("the database failed: {0}")]
    Store(#[from] StoreError),
}

/// What happens at a write that is counted down to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// The disk is full from there on.
    Full,
    /// The machine dies there.
    Dies,
}

/// Writes that still succeed, and what happens then.
#[derive(Debug, Clone, Copy)]
pub struct Fuse {
    /// Writes left.
    pub left: u64,
    /// What then.
    pub trap: Trap,
}

pub(super) enum Held<'a, 'w> {
    Memory(&'a mut MemoryLedger),
    Sqlite(&'a mut Tx<'w>),
}

/// A transaction on a simulated disk.
pub struct DiskTx<'a, 'w> {
    pub(super) held: Held<'a, 'w>,
    pub(super) fuse: Option<&'a mut Fuse>,
}

impl DiskTx<'_, '_> {
    fn write(&mut self) -> Result<(), DiskError> {
        match self.fuse.as_deref_mut() {
            None => Ok(()),
            Some(Fuse { left: 0, trap: Trap::Full }) => Err(DiskError::Full),
            Some(Fuse { left: 0, trap: Trap::Dies }) => Err(DiskError::Died),
            Some(fuse) => {
                fuse.left -= 1;
                Ok(())
            }
        }
    }
}

impl DiskTx<'_, '_> {
    /// Forgets all keys of a topic, as removing a contact does.
    pub fn erase_keys(&mut self, topic: &Topic) -> Result<(), DiskError> {
        self.write()?;
        match &mut self.held {
            Held::Memory(ledger) => ledger.forget_keys_of(topic),
            Held::Sqlite(tx) => tx.erase_keys(topic)?,
        }
        Ok(())
    }
}

macro_rules! forward {
    ($($kind:ident $name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl Ledger for DiskTx<'_, '_> {
            type Error = DiskError;
            $(fn $name(&mut self, $($arg: $ty),*) -> Result<$out, DiskError> {
                forward!($kind self);
                Ok(match &mut self.held {
                    Held::Memory(ledger) => ledger.$name($($arg),*)?,
                    Held::Sqlite(tx) => tx.$name($($arg),*)?,
                })
            })*
        }
    };
    (read $this:ident) => {};
    (write $this:ident) => { $this.write()? };
}

forward! {
    read chains(log: &LogKey) -> Vec<Chain>;
    read topic_chains(topic: &Topic) -> Vec<Chain>;
    write create_chain(chain: &Chain) -> ChainId;
    write update_chain(chain: &Chain) -> ();
    write append(chain: ChainId, entries: &[NewEntry<'_>], stored: Millis) -> ();
    read locate(hash: &EntryHash) -> Option<(ChainId, Seq)>;
    read entries(chain: ChainId, from: Seq, limit: usize) -> Vec<StoredEntry>;
    read pending(log: &LogKey, epoch: Epoch, after: Option<(ChainId, Seq)>, limit: usize) -> Vec<StoredEntry>;
    write wait(chain: ChainId, seq: Seq, epoch: Epoch) -> ();
    write settle(chain: ChainId, seq: Seq) -> ();
    read pending_epochs(topic: &Topic, limit: usize) -> Vec<Waiting>;
    write put_epoch(start: &EpochStart) -> ();
    read epochs(log: &LogKey, epoch: Epoch) -> Vec<EpochStart>;
    write put_key(log: &LogKey, epoch: Epoch, commitment: &Commitment, key: &Secret32) -> ();
    read key(log: &LogKey, epoch: Epoch, commitment: &Commitment) -> KeyState;
    write set_fleeting(key: &FleetingKey) -> ();
    read fleeting(now: Millis, limit: usize) -> Vec<FleetingKey>;
    write erase_key(log: &LogKey, epoch: Epoch, commitment: &Commitment) -> ();
    read own_epoch(log: &LogKey) -> Option<OwnEpoch>;
    write put_own_epoch(log: &LogKey, epoch: &OwnEpoch) -> ();
    write insert_message(conversation: &ConversationId, chain: ChainId, message: &Message) -> ();
    write update_message(conversation: &ConversationId, message: &Message) -> ();
    read message(conversation: &ConversationId, hash: &EntryHash) -> Option<Message>;
    write remove_message(conversation: &ConversationId, hash: &EntryHash) -> ();
    read messages(conversation: &ConversationId, after: &Position, limit: usize) -> Vec<Message>;
    write insert_operation(conversation: &ConversationId, operation: &Operation) -> ();
    read operations(conversation: &ConversationId, target: &EntryHash) -> Vec<Operation>;
    write remove_operation(conversation: &ConversationId, hash: &EntryHash) -> Option<EntryHash>;
    write clear_view(conversation: &ConversationId) -> ();
    read due(now: Millis, limit: usize) -> Vec<Due>;
    read next_due() -> Option<Millis>;
    read clock(conversation: &ConversationId) -> Hlc;
    write set_clock(conversation: &ConversationId, clock: Hlc) -> ();
    read timer(conversation: &ConversationId) -> Option<(Position, Option<u64>)>;
    write set_timer(conversation: &ConversationId, position: &Position, seconds: Option<u64>) -> ();
    write raise_read_mark(conversation: &ConversationId, reader: &ConnectId, mark: &EntryRef) -> bool;
    write put_request(request: &OpenRequest) -> ();
    read open_requests(topic: &Topic, limit: usize) -> Vec<OpenRequest>;
    write close_request(request: &OpenRequest) -> ();
    write close_requests(topic: &Topic, log: &LogKey, epoch: Epoch) -> ();
    read answered(request: &OpenRequest) -> Option<Times>;
    write set_answered(request: &OpenRequest, times: Times, until: Millis) -> ();
    write set_asked(log: &LogKey, epoch: Epoch, when: Millis) -> ();
    read crowded(topic: &Topic) -> Vec<LogKey>;
    write set_crowded(topic: &Topic, log: &LogKey) -> ();
    write put_citation(entry: &EntryRef) -> ();
    read citations(log: &LogKey) -> Vec<EntryRef>;
}
