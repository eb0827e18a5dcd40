//! What passes between the log and its store: plain rows.

use nexus_identity::id::{InstanceKey, Millis, Signature};
use nexus_identity::kdf::Secret32;
use nexus_identity::prekey::PrekeyId;

use crate::cipher::Commitment;
use crate::entry::Entry;
use crate::header::HEADER_LEN;
use crate::hlc::Hlc;
use crate::ids::ConversationId;
use crate::ids::{EntryHash, Epoch, Head, LogHead, LogKey, Seq, Topic};
use crate::open::Author;

/// A store's own number of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub i64);

/// One chain of entries: a log, or a branch of a forked one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The store's number; ignored by [`Ledger::create_chain`](super::Ledger::create_chain).
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
    /// Last entry. [`Ledger::append`](super::Ledger::append) moves it;
    /// [`Ledger::update_chain`](super::Ledger::update_chain) leaves it alone.
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
    /// When it became durable here: the `stored` of its [`Ledger::append`](super::Ledger::append).
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

/// How often something was done, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When: last, or at first, as the call says.
    pub at: Millis,
    /// How often.
    pub count: u32,
}

/// An epoch for which entries wait, and when I asked for its key.
pub type Waiting = (LogKey, Epoch, Option<Times>);

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
