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
use std::collections::{BTreeMap, VecDeque};

use crate::ids::Root;
use crate::limits::{GROUP, MAX_SOURCES};
use crate::set::GroupSet;
use crate::size::BlobSize;
use crate::wire::What;

mod ask;
mod intake;
mod list;
mod source;
mod types;

use list::List;
use source::Source;
pub use types::{Action, Blame, Check, SourceId, SourceKind, Take, Violation, Waiting};

/// One transfer at the receiver.
#[derive(Debug)]
pub struct Fetch {
    size: BlobSize,
    root: Option<Root>,
    /// Written.
    have: GroupSet,
    /// Came, and not written yet.
    taken: GroupSet,
    /// Neither here nor under way.
    free: GroupSet,
    /// Something here was not compared with anything yet.
    unverified: bool,
    list: List,
    sources: BTreeMap<SourceId, Source>,
    /// Whose turn to be asked it was last.
    turn: Option<SourceId>,
    stage: Stage,
    paused: bool,
    actions: VecDeque<Action>,
    unwanted: u64,
}

/// What the caller was told last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Moving,
    NeedRoot,
    Verifying,
    Complete,
}

impl Fetch {
    /// A transfer of a blob of `size` bytes. `have` are the groups that are written; `list_known`
    /// says that the hash list is here, right, and that they were compared with it.
    pub fn new(size: BlobSize, have: GroupSet, root: Option<Root>, list_known: bool) -> Self {
        let mut free = GroupSet::new();
        have.missing(size.groups()).for_each(|gap| free.insert_range(gap));
        Self {
            size,
            root,
            unverified: !list_known && !have.is_empty(),
            have,
            taken: GroupSet::new(),
            free,
            list: List::new(size, list_known),
            sources: BTreeMap::new(),
            turn: None,
            stage: Stage::Moving,
            paused: false,
            actions: VecDeque::new(),
            unwanted: 0,
        }
    }

    /// A source that can be asked from now on; whether there was room for it ([`MAX_SOURCES`]).
    pub fn add_source(&mut self, source: SourceId, kind: SourceKind) -> bool {
        self.remove_source(source);
        let room = self.sources.len() < MAX_SOURCES;
        if room {
            self.sources.insert(source, Source::new(kind));
        }
        room
    }

    /// A source is gone: its stream ended. What it owed is asked of others.
    pub fn remove_source(&mut self, source: SourceId) {
        self.actions.retain(|action| !action.is_for(source));
        if let Some(gone) = self.sources.remove(&source) {
            for open in gone.open.values().filter(|open| !open.stopping) {
                self.give_back(open.what, open.next..open.end);
            }
        }
    }

    /// The root became known.
    pub fn set_root(&mut self, root: Root) {
        if self.root.is_none() {
            self.root = Some(root);
        }
    }

    /// Answer to [`Action::CheckList`]: whether the hashes merge to the root.
    pub fn list_complete(&mut self, right: bool) {
        if !self.list.checked() {
            return;
        }
        if right {
            self.list.know();
            self.unverified = false;
        } else if let Some(source) = self.list.wrong() {
            self.blame(source, Blame::List);
        }
    }

    /// Answer to [`Action::Verify`]: whether the hashes of the groups merge to the root. If not,
    /// and the list is known, [`Fetch::lost`] comes first for each group that differs from it.
    pub fn verified(&mut self, right: bool) {
        if self.stage != Stage::Verifying {
            return;
        }
        self.stage = Stage::Moving;
        if right {
            self.unverified = false;
        } else if self.list.is_known() {
            self.unverified = false;
            self.lose_all();
        } else {
            self.list.need();
        }
    }

    /// A group is not here after all: provisional and wrong, not written, damaged on the disk.
    pub fn lost(&mut self, index: u64) {
        let here = self.have.remove(index) | self.taken.remove(index);
        if here {
            self.free.insert(index);
            self.stage = Stage::Moving;
        }
    }

    /// A group that was to be written is written.
    pub fn written(&mut self, index: u64) {
        if self.taken.remove(index) {
            self.have.insert(index);
        }
    }

    /// Asks for nothing until [`Fetch::resume`], and stops what is under way.
    pub fn pause(&mut self) {
        self.paused = true;
        let all: Vec<_> = self.sources.keys().copied().collect();
        all.into_iter().for_each(|source| self.release(source));
    }

    /// Goes on after [`Fetch::pause`].
    pub const fn resume(&mut self) {
        self.paused = false;
    }

    /// The time that [`Fetch::poll_timeout`] named is there.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.sources.values_mut().for_each(|source| source.handle_timeout(now));
    }

    /// What to do next; call until `None` after every event.
    pub fn poll_action(&mut self, now: Duration) -> Option<Action> {
        if self.actions.is_empty() {
            self.settle(now);
        }
        self.actions.pop_front()
    }

    /// When [`Fetch::handle_timeout`] is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        self.sources.values().filter_map(Source::poll_timeout).min()
    }

    /// Groups that are here and written.
    pub const fn have(&self) -> &GroupSet {
        &self.have
    }

    /// Bytes that are here and written.
    pub fn bytes_here(&self) -> u64 {
        let last = self.size.groups() - 1;
        let short = GROUP - self.size.group_len(last);
        let whole = self.have.len() * GROUP as u64;
        if self.have.contains(last) { whole - short as u64 } else { whole }
    }

    /// The root, if it is known.
    pub const fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// The size of the blob.
    pub const fn size(&self) -> BlobSize {
        self.size
    }

    /// Whether groups can be checked when they come. Before that they are [`Check::Provisional`].
    pub const fn list_known(&self) -> bool {
        self.root.is_some() && self.list.is_known()
    }

    /// Groups that came and were not wanted: twice, or from a source that was given up.
    pub const fn unwanted(&self) -> u64 {
        self.unwanted
    }

    /// Bytes a second, over all sources, as measured last.
    pub fn rate(&self) -> u64 {
        let busy = self.sources.values().filter(|source| source.owes(What::Content) > 0);
        busy.filter_map(Source::rate).sum()
    }

    /// Why nothing goes on by itself, if so.
    pub fn waiting(&self, now: Duration) -> Option<Waiting> {
        let full = self.have.len() == self.size.groups();
        if self.stage == Stage::Complete {
            return Some(Waiting::Complete);
        }
        if self.stage == Stage::Verifying || self.list.is_checking() {
            return Some(Waiting::Caller);
        }
        if full && self.root.is_none() {
            return Some(Waiting::Root);
        }
        if self.paused {
            return Some(Waiting::Paused);
        }
        if self.sources.values().any(|source| !source.stalled && source.live().next().is_some()) {
            return None;
        }
        if !self.taken.is_empty() {
            return Some(Waiting::Caller);
        }
        let able = self.sources.values().any(|source| source.serves(self.root.is_some(), now));
        (!able).then_some(Waiting::Source)
    }

    /// Looks at what became of everything and queues what follows from it.
    fn settle(&mut self, now: Duration) {
        if self.stage == Stage::Complete {
            return;
        }
        if self.have.len() == self.size.groups() && !self.wants_list() {
            self.finish();
        } else if !self.paused {
            self.give_up(now);
            while self.ask(now) {}
        }
    }

    fn finish(&mut self) {
        let (stage, action) = match (self.root, self.unverified) {
            (None, _) => (Stage::NeedRoot, Action::NeedRoot),
            (Some(_), true) => (Stage::Verifying, Action::Verify),
            (Some(_), false) => (Stage::Complete, Action::Complete),
        };
        if self.stage != stage {
            self.stage = stage;
            self.actions.push_back(action);
        }
    }

    /// Whether the hash list is to be fetched before anything else.
    fn wants_list(&self) -> bool {
        let missing = self.list.is_needed() || !self.free.is_empty();
        self.root.is_some() && !self.list.is_known() && missing
    }

    fn lose_all(&mut self) {
        for range in [&self.have, &self.taken].into_iter().flat_map(GroupSet::ranges) {
            self.free.insert_range(range);
        }
        self.have = GroupSet::new();
        self.taken = GroupSet::new();
    }
}
