//! Taking in what others wrote: a checked run becomes entries, keys, messages.

use nexus_identity::bugs::{self, Bug};
use nexus_identity::id::ConnectId;

use crate::body::ContactData;
use crate::chain::{Fit, MAX_BRANCHES, fits};
use crate::context::{Conversation, Me};
use crate::entry::{Entry, EntryView};
use crate::fork::ForkProof;
use crate::hlc::{Hlc, Now};
use crate::ids::{EntryHash, EntryRef, Head};
use crate::ledger::{Chain, ChainId, Ledger};
use crate::open::{self, Author};
use crate::order::Position;
use crate::run::{CheckedRun, MAX_RUN_ENTRIES, RunBuilder};

mod beside;
mod keys;
mod session;
mod visible;

pub(crate) use session::{Happened, Session};
pub(crate) use visible::is_hidden;
pub use visible::{MAX_CITATIONS, MAX_CROWDED};

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
    /// An instance wrote a time that is too far ahead to be followed; the entry shows, and is marked.
    FarAhead(Author),
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
    /// New and changed messages, each once, in the order in which they came.
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
    me: &Me,
    run: &CheckedRun,
    now: Now,
) -> Result<Ingested, L::Error> {
    let mut chains = ledger.chains(&run.log())?;
    let topic = conversation.topic();
    let elsewhere = chains.first().is_some_and(|chain| chain.topic != topic);
    if elsewhere || run.topic().is_some_and(|of| of != topic) {
        return Ok(not_taken(Placed::OtherTopic, &chains));
    }
    let (index, skip, fork) = match fits(ledger, &chains, run)? {
        Fit::Known => return Ok(not_taken(Placed::Known, &chains)),
        Fit::Gap => return Ok(not_taken(Placed::Gap, &chains)),
        Fit::Append { .. }
            if chains.len() > 1
                && run.log() != me.log(conversation)
                && bugs::is(Bug::ForkedLogFrozen) =>
        {
            return Ok(not_taken(Placed::Known, &chains));
        }
        Fit::Append { chain, skip } => {
            (chains.iter().position(|held| held.id == chain).unwrap_or(0), skip, None)
        }
        Fit::Branch { .. } if !chains.is_empty() && bugs::is(Bug::ForkBranchDropped) => {
            return Ok(not_taken(Placed::Known, &chains));
        }
        Fit::Branch { .. } if chains.len() >= MAX_BRANCHES => {
            return Ok(not_taken(Placed::TooManyBranches, &chains));
        }
        Fit::Branch { base, skip } => {
            let fork = prove(ledger, &chains, base, run)?;
            chains.push(new_chain(ledger, conversation, &chains, base, skip, run)?);
            (chains.len() - 1, skip, fork)
        }
    };
    let opened = skip == 0 && run.topic().is_some();
    let mut session = Session::new(ledger, conversation, me, now)?;
    let last = run.last();
    let entries: Vec<_> = run
        .entries()
        .skip(skip)
        .map(|view| (view, (view.head() == last).then_some(*run.signature())))
        .collect();
    let from = run.first_seq() + skip as u64;
    let mine = run.log() == me.log(conversation);
    session.absorb(&mut chains, index, &entries)?;
    if mine {
        chains.iter_mut().for_each(|chain| chain.stopped = true);
    }
    if chains.len() > 1 {
        session.revisit.insert(run.log());
    }
    for (at, chain) in chains.iter().enumerate() {
        if at == index || mine {
            session.ledger.update_chain(chain)?;
        }
    }
    session.settle_all()?;
    let author = chains.get(index).and_then(|chain| chain.author);
    let Happened { changes, said, keys_wanted } = session.finish()?;
    Ok(Ingested {
        placed: Placed::New { count: entries.len(), from },
        head: Some(last),
        author,
        opened: opened && author.is_some(),
        changes,
        said,
        keys_wanted,
        fork: fork.map(Box::new),
        own_log_continued: mine,
    })
}

fn not_taken(placed: Placed, chains: &[Chain]) -> Ingested {
    let first = chains.first();
    Ingested {
        placed,
        head: first.map(|chain| chain.head),
        author: first.and_then(|chain| chain.author),
        opened: false,
        changes: Vec::new(),
        said: Vec::new(),
        keys_wanted: false,
        fork: None,
        own_log_continued: false,
    }
}

/// Adds the chain that a run starts, without entries yet.
fn new_chain<L: Ledger>(
    ledger: &mut L,
    conversation: &Conversation,
    chains: &[Chain],
    base: Option<(ChainId, u64)>,
    skip: usize,
    run: &CheckedRun,
) -> Result<Chain, L::Error> {
    let first = run.first_seq() + skip as u64;
    let hash = run.hash_at(first).unwrap_or(EntryHash::ZERO);
    let author = match base {
        Some((id, _)) => chains.iter().find(|chain| chain.id == id).and_then(|chain| chain.author),
        None => run.entries().next().and_then(|view| author_of(conversation, &view)),
    };
    let mut chain = Chain {
        id: ChainId(0),
        topic: conversation.topic(),
        log: run.log(),
        branch: (!chains.is_empty()).then_some(hash),
        base,
        first,
        head: Head { seq: first, hash },
        author,
        hlc: Hlc::default(),
        cited: None,
        hidden_from: None,
        retired: None,
        stopped: false,
    };
    chain.id = ledger.create_chain(&chain)?;
    Ok(chain)
}

/// Who the certificate in an OPEN names, if it is right and they are a member.
pub(crate) fn author_of(conversation: &Conversation, open: &EntryView<'_>) -> Option<Author> {
    let binding = conversation.binding(open.header.log);
    let author = open::author(&conversation.secret, &binding, open.payload).ok()?;
    conversation.has(&author.who).then_some(author)
}

/// The proof that a run forks its log: against what is held after the place where they part.
fn prove<L: Ledger>(
    ledger: &mut L,
    chains: &[Chain],
    base: Option<(ChainId, u64)>,
    run: &CheckedRun,
) -> Result<Option<ForkProof>, L::Error> {
    let (chain, seq) = match (base, chains.first()) {
        (Some((chain, seq)), _) => (chain, seq.saturating_add(1)),
        (None, Some(first)) => (first.id, 0),
        (None, None) => return Ok(None),
    };
    let mut builder = RunBuilder::new();
    for stored in ledger.entries(chain, seq, MAX_RUN_ENTRIES)? {
        let Entry { header, payload, signature } = &stored.entry;
        if !builder.push(header, payload, signature.as_ref(), usize::MAX) || signature.is_some() {
            break;
        }
    }
    let held = builder.finish().and_then(|held| held.check().ok());
    Ok(held.and_then(|held| ForkProof::from_runs(&held, run)))
}
