//! Which groups are there: ranges in order, so that a whole blob costs as much as one group.

use core::ops::Range;
use std::collections::BTreeMap;

/// A set of group indices, held as ranges that neither touch nor overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupSet {
    /// First index → one past the last.
    ranges: BTreeMap<u64, u64>,
    len: u64,
}

/// Bytes that are not a set: refuse them, and look at the groups themselves instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no set of groups")]
pub struct NotASet;

impl GroupSet {
    /// Nothing.
    pub const fn new() -> Self {
        Self { ranges: BTreeMap::new(), len: 0 }
    }

    /// All groups from `start` on, up to and without `end`.
    pub fn from_range(range: Range<u64>) -> Self {
        let mut set = Self::new();
        set.insert_range(range);
        set
    }

    /// How many groups.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many ranges: what it costs in memory, 16 bytes and the tree's share each.
    pub fn range_count(&self) -> usize {
        self.ranges.len()
    }

    /// Whether group `index` is there.
    pub fn contains(&self, index: u64) -> bool {
        self.ranges.range(..=index).next_back().is_some_and(|(_, end)| index < *end)
    }

    /// Adds one group; whether it was not there.
    pub fn insert(&mut self, index: u64) -> bool {
        let before = self.len;
        self.insert_range(index..index.saturating_add(1));
        self.len > before
    }

    /// Removes one group; whether it was there.
    pub fn remove(&mut self, index: u64) -> bool {
        let before = self.len;
        self.remove_range(index..index.saturating_add(1));
        self.len < before
    }

    /// Adds all groups of a range.
    pub fn insert_range(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut start, mut end) = (range.start, range.end);
        while let Some((from, to)) = self.last_until(end).filter(|(_, to)| *to >= start) {
            self.ranges.remove(&from);
            self.len -= to - from;
            start = start.min(from);
            end = end.max(to);
        }
        self.ranges.insert(start, end);
        self.len += end - start;
    }

    /// Removes all groups of a range.
    pub fn remove_range(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        while let Some((from, to)) =
            self.last_until(range.end.saturating_sub(1)).filter(|(_, to)| *to > range.start)
        {
            self.ranges.remove(&from);
            self.len -= to - from;
            for (from, to) in [(from, range.start), (range.end, to)] {
                if from < to {
                    self.ranges.insert(from, to);
                    self.len += to - from;
                }
            }
        }
    }

    /// Adds what another set holds.
    pub fn insert_all(&mut self, other: &Self) {
        for range in other.ranges() {
            self.insert_range(range);
        }
    }

    /// The ranges, rising.
    pub fn ranges(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + '_ {
        self.ranges.iter().map(|(from, to)| *from..*to)
    }

    /// The ranges of `0..groups` that are not there, rising.
    pub fn missing(&self, groups: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut at = 0;
        let gaps = self.ranges().chain(core::iter::once(groups..groups)).map(move |range| {
            let gap = at..range.start.min(groups);
            at = range.end;
            gap
        });
        gaps.filter(|gap| !gap.is_empty())
    }

    /// The first run of `0..groups` at or after `from` that is not there, at most `most` long.
    pub fn first_missing(&self, groups: u64, from: u64, most: u64) -> Option<Range<u64>> {
        let covering = self.last_until(from).filter(|(_, to)| *to > from);
        let start = covering.map_or(from, |(_, to)| to);
        let next = self.ranges.range(start..).next().map_or(groups, |(from, _)| *from);
        let end = next.min(groups).min(start.saturating_add(most));
        (start < end).then_some(start..end)
    }

    /// The first run at or after `from` that is there, at most `most` long.
    pub fn first_present(&self, from: u64, most: u64) -> Option<Range<u64>> {
        let covering = self.last_until(from).filter(|(_, to)| *to > from).map(|(_, to)| from..to);
        let next = || self.ranges.range(from..).next().map(|(from, to)| *from..*to);
        let run = covering.or_else(next)?;
        let end = run.end.min(run.start.saturating_add(most));
        (run.start < end).then_some(run.start..end)
    }

    /// The longest range that is there; the first of several.
    pub fn longest(&self) -> Option<Range<u64>> {
        let longer = |a: Range<u64>, b: Range<u64>| {
            if b.end - b.start > a.end - a.start { b } else { a }
        };
        self.ranges().reduce(longer)
    }

    /// The set as bytes: for each range, first index 8 and one past the last 8, big-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let bounds = self.ranges.iter().flat_map(|(from, to)| [*from, *to]);
        bounds.flat_map(u64::to_be_bytes).collect()
    }

    /// Reads what [`GroupSet::to_bytes`] wrote, for a blob of `groups` groups.
    pub fn from_bytes(bytes: &[u8], groups: u64) -> Result<Self, NotASet> {
        let (bounds, rest) = bytes.as_chunks::<8>();
        let (ranges, odd) = bounds.as_chunks::<2>();
        if !rest.is_empty() || !odd.is_empty() {
            return Err(NotASet);
        }
        let mut set = Self::new();
        let mut least = 0;
        for [from, to] in ranges {
            let (from, to) = (u64::from_be_bytes(*from), u64::from_be_bytes(*to));
            if from < least || from >= to || to > groups {
                return Err(NotASet);
            }
            // Ranges that touch would be one.
            least = to.saturating_add(1);
            set.ranges.insert(from, to);
            set.len += to - from;
        }
        Ok(set)
    }

    /// The last range that begins at or before `at`.
    fn last_until(&self, at: u64) -> Option<(u64, u64)> {
        self.ranges.range(..=at).next_back().map(|(from, to)| (*from, *to))
    }
}

impl FromIterator<u64> for GroupSet {
    fn from_iter<I: IntoIterator<Item = u64>>(indices: I) -> Self {
        let mut set = Self::new();
        for index in indices {
            set.insert(index);
        }
        set
    }
}

#[cfg(test)]
mod tests;
