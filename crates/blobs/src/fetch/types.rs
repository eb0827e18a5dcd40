//! What the scheduler is told and what it asks for.

use crate::ids::RequestId;
use crate::wire::What;

/// One stream to one instance, numbered by the caller. Never used twice in a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u64);

/// What a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// The instance that made the offer: it alone serves before the root is known.
    Author,
    /// Another that holds the blob.
    Holder,
}

/// What the caller found when it hashed a group that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Its hash is that of the list (or, of a blob of one group, the root).
    Good,
    /// There is nothing yet to compare it with. Remember its hash.
    Provisional,
    /// Its hash or its length is another one.
    Bad,
}

/// What to do with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Write it; then say [`super::Fetch::written`] (a group only).
    Write,
    /// Drop it: it is here already, wrong, or not wanted any more.
    Unwanted,
}

/// What no honest source does. It is not asked again; end its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// An answer to a request that is not open.
    #[error("unknown_request")]
    UnknownRequest,
    /// Groups or hashes that were not asked for, or not in their order.
    #[error("out_of_turn")]
    OutOfTurn,
    /// An END before everything was sent that was asked for.
    #[error("short_answer")]
    ShortAnswer,
}

/// Why a source is blamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blame {
    /// It sent a group that is not part of the blob; which one.
    #[error("group {0} is wrong")]
    Group(u64),
    /// It sent a hash list that does not merge to the root.
    #[error("the hash list is wrong")]
    List,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a GET to this source.
    Ask {
        /// Whom.
        source: SourceId,
        /// Number of the request on that stream.
        request: RequestId,
        /// Groups or hashes.
        what: What,
        /// First index.
        first: u64,
        /// How many.
        count: u32,
    },
    /// Send a STOP. Its END comes; groups that come before it are still taken.
    Stop {
        /// Whom.
        source: SourceId,
        /// Number of the request.
        request: RequestId,
    },
    /// This source sent what is wrong. It is not asked again in this transfer.
    Blame {
        /// Who.
        source: SourceId,
        /// What it did.
        why: Blame,
    },
    /// Everything is here but the root, without which nothing is complete: [`super::Fetch::set_root`].
    NeedRoot,
    /// All hashes of the list are here. Merge them; if they give the root, compare the hashes of
    /// groups that are here provisionally with it ([`super::Fetch::lost`] for each that differs); then
    /// [`super::Fetch::list_complete`].
    CheckList,
    /// All groups are here and the root is known. Merge the own hashes of the groups, then
    /// [`super::Fetch::verified`].
    Verify,
    /// Every group is here, written and checked. Comes once.
    Complete,
}

impl Action {
    /// Whether it is to be sent to this source: it is no use any more once that is gone.
    pub(super) fn is_for(&self, gone: SourceId) -> bool {
        matches!(self, Self::Ask { source, .. } | Self::Stop { source, .. } if *source == gone)
    }
}

/// Why a transfer does not go on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// [`super::Fetch::pause`] was called.
    Paused,
    /// No source that can be asked now.
    Source,
    /// Everything is here but the root.
    Root,
    /// The caller has something to check or to write.
    Caller,
    /// It is complete.
    Complete,
}
