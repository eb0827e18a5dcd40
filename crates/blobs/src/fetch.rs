//! One transfer at the receiver: whom to ask for what, and what to do with what comes.
//!
//! Events go in by `handle_*` and the other methods, [`Action`]s come out of [`Fetch::poll_action`]
//! until there is none; `now` is the time since any fixed moment. Everything it does is caused by an
//! event, and it holds ranges, not groups: memory depends on how broken up the blob is, not on its
//! size.
//!
//! The rules:
//!
//! - Before the root is known only the author is asked, and what comes is provisional.
//! - Once it is known and something is missing, the hash list is fetched first, so that every group
//!   is checked when it arrives. It comes from one source at a time; a wrong one blames its source.
//! - If all groups are there when the root becomes known, the caller merges its own hashes
//!   ([`Action::Verify`]); the list is only fetched if they do not fit.
//! - A wrong group is dropped, and its source is not asked again in this transfer.
//! - Nothing is asked twice while it is under way, but when its source stalls, dies, or would take
//!   longer than a stall for what it owes while another has nothing to do.

use core::time::Duration;
use std::collections::VecDeque;

use crate::ids::{RequestId, Root};
use crate::set::GroupSet;
use crate::size::BlobSize;
use crate::wire::{NoCode, What};

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
    /// Write it; then say [`Fetch::written`] (a group only).
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
    /// Everything is here but the root, without which nothing is complete: [`Fetch::set_root`].
    NeedRoot,
    /// All hashes of the list are here. Merge them; if they give the root, compare the hashes of
    /// groups that are here provisionally with it ([`Fetch::lost`] for each that differs); then
    /// [`Fetch::list_complete`].
    CheckList,
    /// All groups are here and the root is known. Merge the own hashes of the groups, then
    /// [`Fetch::verified`].
    Verify,
    /// Every group is here, written and checked. Comes once.
    Complete,
}

/// Why a transfer does not go on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// [`Fetch::pause`] was called.
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

/// One transfer at the receiver.
#[derive(Debug)]
pub struct Fetch {
    size: BlobSize,
    root: Option<Root>,
    have: GroupSet,
    actions: VecDeque<Action>,
}

#[expect(unused_variables, reason = "to be filled")]
impl Fetch {
    /// A transfer of a blob of `size` bytes. `have` are the groups that are written; `list_known`
    /// says that the hash list is here, right, and that they were compared with it.
    pub fn new(size: BlobSize, have: GroupSet, root: Option<Root>, list_known: bool) -> Self {
        Self { size, root, have, actions: VecDeque::new() }
    }

    /// A source that can be asked from now on. Whether there was room for it
    /// ([`crate::limits::MAX_SOURCES`]).
    pub fn add_source(&mut self, source: SourceId, kind: SourceKind, now: Duration) -> bool {
        true
    }

    /// A source is gone: its stream ended. What it owed is asked of others.
    pub fn remove_source(&mut self, source: SourceId) {}

    /// The root became known.
    pub fn set_root(&mut self, root: Root) {}

    /// Answer to [`Action::CheckList`].
    pub fn list_complete(&mut self, right: bool) {}

    /// Answer to [`Action::Verify`].
    pub fn verified(&mut self, right: bool) {}

    /// A group is not here after all: provisional and wrong, not written, damaged on the disk.
    pub fn lost(&mut self, index: u64) {}

    /// A group that was to be written is written.
    pub fn written(&mut self, index: u64) {}

    /// Asks for nothing until [`Fetch::resume`], and stops what is under way.
    pub fn pause(&mut self) {}

    /// Goes on after [`Fetch::pause`].
    pub fn resume(&mut self) {}

    /// A group came.
    pub fn handle_group(
        &mut self,
        source: SourceId,
        request: RequestId,
        index: u64,
        check: Check,
        now: Duration,
    ) -> Result<Take, Violation> {
        Ok(Take::Write)
    }

    /// `count` hashes came, from index `first` on. Write them to the list only if told so.
    pub fn handle_hashes(
        &mut self,
        source: SourceId,
        request: RequestId,
        first: u64,
        count: usize,
        now: Duration,
    ) -> Result<Take, Violation> {
        Ok(Take::Write)
    }

    /// An END came.
    pub fn handle_end(
        &mut self,
        source: SourceId,
        request: RequestId,
        now: Duration,
    ) -> Result<(), Violation> {
        Ok(())
    }

    /// A NO came.
    pub fn handle_no(
        &mut self,
        source: SourceId,
        request: RequestId,
        code: NoCode,
        now: Duration,
    ) -> Result<(), Violation> {
        Ok(())
    }

    /// The time that [`Fetch::poll_timeout`] named is there.
    pub fn handle_timeout(&mut self, now: Duration) {}

    /// What to do next; call until `None` after every event.
    pub fn poll_action(&mut self, now: Duration) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Fetch::handle_timeout`] is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        None
    }

    /// Groups that are here and written.
    pub const fn have(&self) -> &GroupSet {
        &self.have
    }

    /// Bytes that are here and written.
    pub fn bytes_here(&self) -> u64 {
        self.have.len()
    }

    /// The root, if it is known.
    pub const fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// The size of the blob.
    pub const fn size(&self) -> BlobSize {
        self.size
    }

    /// Groups that came and were not wanted: twice, or after all of them were here.
    pub const fn unwanted(&self) -> u64 {
        0
    }

    /// Bytes a second, over all sources, as measured last.
    pub fn rate(&self) -> u64 {
        0
    }

    /// Why nothing goes on by itself, if so.
    pub fn waiting(&self, now: Duration) -> Option<Waiting> {
        None
    }
}
