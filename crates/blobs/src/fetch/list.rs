//! The hash list while it is fetched: from one source at a time, so that a wrong one has somebody to
//! blame.

use core::ops::Range;
use std::collections::BTreeSet;

use super::SourceId;
use crate::set::GroupSet;
use crate::size::BlobSize;

#[derive(Debug)]
pub(super) struct List {
    state: State,
    groups: u64,
    /// Hashes neither here nor under way.
    free: GroupSet,
    /// Hashes that are here.
    here: u64,
    /// Whose they are.
    givers: BTreeSet<SourceId>,
    /// Who is asked.
    pub(super) from: Option<SourceId>,
    /// Parts of several sources did not fit together: from now on only whole lists of one.
    whole: bool,
    /// Needed although nothing is missing: what is here does not fit the root.
    needed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Gathering,
    Checking,
    Known,
}

impl List {
    pub(super) fn new(size: BlobSize, known: bool) -> Self {
        Self {
            state: if known { State::Known } else { State::Gathering },
            groups: size.groups(),
            free: GroupSet::from_range(0..size.groups()),
            here: 0,
            givers: BTreeSet::new(),
            from: None,
            whole: false,
            needed: false,
        }
    }

    /// Whether groups can be checked once the root is known: a blob of one group has no list.
    pub(super) const fn is_known(&self) -> bool {
        matches!(self.state, State::Known) || self.groups == 1
    }

    pub(super) const fn is_checking(&self) -> bool {
        matches!(self.state, State::Checking)
    }

    pub(super) const fn is_gathering(&self) -> bool {
        matches!(self.state, State::Gathering)
    }

    pub(super) const fn is_needed(&self) -> bool {
        self.needed
    }

    pub(super) const fn need(&mut self) {
        self.needed = true;
    }

    /// Ends the check; whether there was one.
    pub(super) fn checked(&mut self) -> bool {
        let was = self.state == State::Checking;
        if was {
            self.state = State::Gathering;
        }
        was
    }

    pub(super) fn know(&mut self) {
        self.state = State::Known;
        self.needed = false;
        self.free = GroupSet::new();
    }

    /// It did not merge to the root: begins again. Who is to blame, if it is one.
    pub(super) fn wrong(&mut self) -> Option<SourceId> {
        let blamed = self.givers.first().copied().filter(|_| self.givers.len() == 1);
        self.whole |= blamed.is_none();
        self.begin(None);
        blamed
    }

    /// Takes another source. Whether what is here and under way of others is of no use now.
    pub(super) fn turn_to(&mut self, source: SourceId) -> bool {
        let again = self.whole && self.from.is_some();
        if again {
            self.begin(Some(source));
        }
        self.from = Some(source);
        again
    }

    fn begin(&mut self, from: Option<SourceId>) {
        self.free = GroupSet::from_range(0..self.groups);
        self.here = 0;
        self.givers.clear();
        self.from = from;
    }

    /// The next hashes to ask for.
    pub(super) fn next(&self, most: u64) -> Option<Range<u64>> {
        self.free.first_present(0, most)
    }

    pub(super) fn asked(&mut self, range: Range<u64>) {
        self.free.remove_range(range);
    }

    pub(super) fn give_back(&mut self, range: Range<u64>) {
        if self.state == State::Gathering {
            self.free.insert_range(range);
        }
    }

    /// Hashes came that were under way; whether all are here now.
    pub(super) fn took(&mut self, from: SourceId, count: u64) -> bool {
        self.here += count;
        self.givers.insert(from);
        let all = self.here == self.groups;
        if all {
            self.state = State::Checking;
        }
        all
    }
}
