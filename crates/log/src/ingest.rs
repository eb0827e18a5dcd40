//! Taking in what others wrote: a checked run becomes entries, keys, messages.

use nexus_identity::id::ConnectId;

use crate::body::ContactData;
use crate::context::Conversation;
use crate::fork::ForkProof;
use crate::hlc::Now;
use crate::ids::{EntryHash, EntryRef, Head};
use crate::ledger::Ledger;
use crate::open::Author;
use crate::order::Position;
use crate::run::CheckedRun;

/// Where a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placed {
    /// So many entries are new and stored, from this seq on.
    New {
        /// How many.
        count: usize,
        /// The first of them.
        from: u64,
    },
    /// Everything in it is held already.
    Known,
    /// What comes before it is not held; nothing was stored.
    Gap,
    /// It is of another topic than the conversation; nothing was stored.
    OtherTopic,
    /// It is one branch too many of this log; nothing was stored.
    TooManyBranches,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was not there before.
    New,
    /// It became readable, or was edited, retracted or reacted to.
    Changed,
    /// It no longer shows.
    Removed,
}

/// One message that is new or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Its hash.
    pub hash: EntryHash,
    /// What became of it.
    pub kind: ChangeKind,
}

/// Something said that does not show but that the node wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A name for others; the latest by position counts.
    Profile {
        /// Whose.
        who: ConnectId,
        /// Where it was said.
        position: Position,
        /// The name.
        name: String,
    },
    /// What another instance of mine knows of a contact; the latest by position counts.
    Contact {
        /// Where it was said.
        position: Position,
        /// What it knows.
        data: ContactData,
    },
    /// An instance writes here no more.
    Retired(Author),
    /// The timer in force changed.
    Timer(Option<u64>),
    /// Somebody read further; of each log only the highest.
    Read {
        /// Who.
        who: ConnectId,
        /// Up to which entry.
        mark: EntryRef,
    },
    /// Somebody cites an entry: they hold it and what is before it.
    Cites {
        /// Who.
        who: Author,
        /// What.
        entry: EntryRef,
    },
}

/// What [`ingest`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// Where the run went.
    pub placed: Placed,
    /// The head of the chain that the run belongs to, after it; `None` if nothing of the log is held.
    pub head: Option<Head>,
    /// Who writes that log, if known and a member.
    pub author: Option<Author>,
    /// The run brought the OPEN of a member's log that was not known.
    pub opened: bool,
    /// New and changed messages, each once.
    pub changes: Vec<Change>,
    /// What else was said.
    pub said: Vec<Said>,
    /// Keys are missing, or requests of others have no answer yet: call [`crate::requests::due`] and
    /// [`crate::requests::answer`] when the links have calmed down.
    pub keys_wanted: bool,
    /// The run forks its log.
    pub fork: Option<Box<ForkProof>>,
    /// The log is mine and this instance did not write these entries: it must not write there again. Open a new
    /// instance and say so.
    pub own_log_continued: bool,
}

/// Takes in one run of a conversation's log, in the caller's transaction.
///
/// # Errors
/// Only those of the ledger. What does not fit is told in [`Ingested::placed`].
pub fn ingest<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    run: &CheckedRun,
    now: Now,
) -> Result<Ingested, L::Error> {
    let _ = (ledger, conversation, now);
    Ok(Ingested {
        placed: Placed::Gap,
        head: None,
        author: None,
        opened: run.topic().is_some(),
        changes: Vec::new(),
        said: Vec::new(),
        keys_wanted: false,
        fork: None,
        own_log_continued: false,
    })
}
