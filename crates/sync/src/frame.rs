//! Frames of the sync stream: what they hold, how they are written, what is refused.
//!
//! Everything is big-endian and has one encoding only. Decoding checks all that needs no state; a
//! [`Frame::Run`] that came in holds a [`CheckedRun`], so its signatures were verified by whoever
//! decoded it, on whatever thread.

mod codec;

use nexus_log::fork::ForkProof;
use nexus_log::ids::{Head, LogHead, LogKey, Seq, Topic};
use nexus_log::run::{CheckedRun, Run};

use crate::code::{ByeCode, FrameCode, ViolationCode};
use crate::ids::{ScopeFingerprint, SetHash, TopicFingerprint, WantId};

/// Why a frame is refused; each is a violation of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FrameError(pub ViolationCode);

/// A frame to be sent (`R` = [`Run`]) or that came in and was checked (`R` = [`CheckedRun`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<R = Run> {
    /// Opens a round of comparison.
    Summary(Summary),
    /// Part of the list of wanted topics.
    Want(Want),
    /// Heads of one topic.
    Heads(Heads),
    /// Entries of one log.
    Run(R),
    /// That many RUN bytes may be sent again.
    Credit(u32),
    /// The receiver of these topics wants them pushed, or only shown.
    Mark(Mark),
    /// A log that parted in two.
    Fork(Box<Fork>),
    /// Not over this link.
    No(Refusal),
    /// The end.
    Bye(Bye),
}

/// A frame that came in and was checked.
pub type Received = Frame<CheckedRun>;

/// Opens a round: 101 bytes whatever the number of topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Topics that become shared in this round are lazy until a MARK says otherwise.
    pub lazy: bool,
    /// RUN bytes granted with this frame, on top of what was granted before.
    pub credit: u32,
    /// Hash of the set of topics that I want.
    pub set: SetHash,
    /// Hash of your set under which I last computed what we share.
    pub remembered: SetHash,
    /// Fingerprint of the heads of what we share.
    pub scope: ScopeFingerprint,
}

/// Part of the list of wanted topics; the list ends with the frame that says `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// No more follow in this round.
    pub last: bool,
    /// Ids ascending, each with the fingerprint of its topic.
    pub ids: Vec<(WantId, TopicFingerprint)>,
}

/// What a HEADS frame says about the logs that it does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Nothing: these are news.
    News,
    /// The list of all my logs goes on in the next HEADS frame of this topic.
    More,
    /// The list of all my logs ends here: what was not named I do not hold.
    Last,
}

/// Heads of logs in one topic, all durable at the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The topic.
    pub topic: Topic,
    /// What the frame says about other logs.
    pub listing: Listing,
    /// Ascending by (log, seq, hash); several heads of one log are branches. A frame names all
    /// branches of a log that it names.
    pub heads: Vec<ShownHead>,
}

/// One head as it is shown to the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShownHead {
    /// The log.
    pub log: LogKey,
    /// Its last entry (of this branch).
    pub head: Head,
    /// First seq held.
    pub first: Seq,
}

impl From<&LogHead> for ShownHead {
    fn from(head: &LogHead) -> Self {
        Self { log: head.log, head: head.head, first: head.first }
    }
}

/// How a receiver wants a topic over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Others' entries are pushed at once.
    Eager,
    /// Others' entries are shown by HEADS; only what their own author writes now is pushed.
    Lazy,
}

/// Changes the mode of topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The mode from now on.
    pub mode: Mode,
    /// The topics, ascending.
    pub topics: Vec<Topic>,
}

/// Answer to a signed run that does not fit what is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    /// The log that parted.
    pub log: LogKey,
    /// Both signed heads, which nobody but the log's key can make; `None` while the place where
    /// the branches part is still looked for.
    pub proof: Option<ForkProof>,
    /// Points of the sender's chain from its head down, so that the other finds where they part.
    pub locator: Vec<Head>,
}

/// What is not to be sent over this link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A whole topic.
    Topic(Topic),
    /// One log.
    Log(LogKey),
}

/// The end of a topic on this link, or of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bye {
    /// Why.
    pub code: ByeCode,
    /// The topic; `None` ends the link.
    pub topic: Option<Topic>,
}

impl<R> Frame<R> {
    /// The code of the frame.
    pub const fn code(&self) -> FrameCode {
        match self {
            Self::Summary(_) => FrameCode::Summary,
            Self::Want(_) => FrameCode::Want,
            Self::Heads(_) => FrameCode::Heads,
            Self::Run(_) => FrameCode::Run,
            Self::Credit(_) => FrameCode::Credit,
            Self::Mark(_) => FrameCode::Mark,
            Self::Fork(_) => FrameCode::Fork,
            Self::No(_) => FrameCode::No,
            Self::Bye(_) => FrameCode::Bye,
        }
    }
}
