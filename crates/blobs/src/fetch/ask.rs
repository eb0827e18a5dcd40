//! Whom to ask for what, and whom to give up.

use core::ops::Range;
use core::time::Duration;

use super::source::Source;
use super::{Action, Fetch, SourceId};
use crate::limits::{ASK_GROUPS, HASH_REQUESTS, MAX_GET, MAX_PENDING, STALL, WINDOW_GROUPS};
use crate::wire::What;

impl Fetch {
    /// Asks one source for something; whether there was anything to ask for.
    pub(super) fn ask(&mut self, now: Duration) -> bool {
        if self.wants_list() {
            return self.list.is_gathering() && self.ask_hashes(now);
        }
        // In turns, beginning after who was asked last.
        let after = |id: &SourceId| self.turn.is_some_and(|turn| *id <= turn);
        let (late, early): (Vec<_>, Vec<_>) = self.sources.keys().copied().partition(after);
        early.into_iter().chain(late).any(|source| self.ask_groups(source, now))
    }

    fn ask_groups(&mut self, id: SourceId, now: Duration) -> bool {
        let quota = self.quota(id, now);
        if quota == 0 || self.free.is_empty() {
            return false;
        }
        let Some(run) = self.next_run(id, quota) else { return false };
        self.free.remove_range(run.clone());
        self.turn = Some(id);
        self.push_ask(id, What::Content, run, now)
    }

    /// How many groups a source may be asked for now.
    fn quota(&self, id: SourceId, now: Duration) -> u64 {
        let able = |source: &Source| source.serves(self.root.is_some(), now);
        let Some(source) = self.sources.get(&id).filter(|source| able(source)) else { return 0 };
        if !source.has_room() {
            return 0;
        }
        let under_way: u64 = self.sources.values().map(|source| source.owes(What::Content)).sum();
        let window = self.share(id, self.free.len() + under_way, now).min(WINDOW_GROUPS);
        let owes = source.owes(What::Content);
        let room = MAX_PENDING.saturating_sub(under_way + self.taken.len());
        let quota = window.saturating_sub(owes).min(room).min(ASK_GROUPS);
        // Few requests for many groups rather than one for each group that came.
        if quota < ASK_GROUPS && owes > window / 2 { 0 } else { quota }
    }

    /// How many of the missing groups fall to a source, by its speed; who was not measured yet
    /// counts as the fastest. The fastest gets one at least, so that somebody is asked for the last.
    fn share(&self, id: SourceId, missing: u64, now: Duration) -> u64 {
        let able = |source: &&Source| source.serves(self.root.is_some(), now);
        let best = self.sources.values().filter(able).filter_map(Source::rate).max().unwrap_or(1);
        let rate = |source: &Source| u128::from(source.rate().unwrap_or(best).max(1));
        let all: u128 = self.sources.values().filter(able).map(rate).sum();
        let mine = self.sources.get(&id).map_or(0, rate);
        let share = u128::from(missing) * mine / all.max(1);
        let least = u64::from(mine >= u128::from(best));
        u64::try_from(share).unwrap_or(u64::MAX).max(least)
    }

    /// Where a source goes on: after its last run; a new one in the middle of the longest gap, as
    /// somebody else fills that from its front.
    fn next_run(&self, id: SourceId, most: u64) -> Option<Range<u64>> {
        let cursor = self.sources.get(&id)?.cursor;
        if let Some(run) = cursor.and_then(|at| self.free.first_present(at, most)) {
            return Some(run);
        }
        if self.sources.values().all(|source| source.owes(What::Content) == 0) {
            return self.free.first_present(0, most);
        }
        let longest = self.free.longest()?;
        let short = longest.end - longest.start < 2 * ASK_GROUPS;
        let middle = longest.start.midpoint(longest.end);
        self.free.first_present(if short { longest.start } else { middle }, most)
    }

    fn ask_hashes(&mut self, now: Duration) -> bool {
        let usable = |id: &SourceId| self.sources.get(id).is_some_and(|s| s.is_usable(now));
        let from = self.list.from.filter(usable);
        let Some(from) = from.or_else(|| self.fastest(now)) else { return false };
        if self.list.from != Some(from) && self.list.turn_to(from) {
            // What is under way belongs to the list that was given up.
            let all: Vec<_> = self.sources.keys().copied().collect();
            all.into_iter().for_each(|id| self.release(id));
        }
        let Some(source) = self.sources.get(&from) else { return false };
        let under_way = source.open.values().filter(|open| open.what == What::Hashes);
        if under_way.count() >= HASH_REQUESTS || !source.has_room() {
            return false;
        }
        let Some(run) = self.list.next(MAX_GET.into()) else { return false };
        self.list.asked(run.clone());
        self.push_ask(from, What::Hashes, run, now)
    }

    fn fastest(&self, now: Duration) -> Option<SourceId> {
        let able = self.sources.iter().filter(|(_, source)| source.is_usable(now));
        able.max_by_key(|(_, source)| source.rate()).map(|(id, _)| *id)
    }

    fn push_ask(&mut self, id: SourceId, what: What, run: Range<u64>, now: Duration) -> bool {
        let Some(source) = self.sources.get_mut(&id) else { return false };
        let request = source.ask(what, run.start, run.end, now);
        if what == What::Content {
            source.cursor = Some(run.end);
        }
        // At most MAX_GET.
        let count = u32::try_from(run.end - run.start).unwrap_or(MAX_GET);
        self.actions.push_back(Action::Ask { source: id, request, what, first: run.start, count });
        true
    }

    /// Takes back what stalled sources owe, and what slow ones owe while a faster one is idle.
    pub(super) fn give_up(&mut self, now: Duration) {
        let given_up = |(id, source): (&SourceId, &Source)| {
            source.live().next()?;
            let gives_way = if source.stalled {
                self.others(*id, now).next().is_some()
            } else {
                self.free.is_empty()
                    && source.takes().is_some_and(|takes| takes > STALL)
                    && self.others(*id, now).any(|other| {
                        let faster = other.rate() > source.rate().map(|rate| rate * 2);
                        let idle = other.owes(What::Content) == 0 && other.has_room();
                        idle && (faster || other.rate().is_none())
                    })
            };
            gives_way.then_some(*id)
        };
        let slow: Vec<_> = self.sources.iter().filter_map(given_up).collect();
        slow.into_iter().for_each(|id| self.release(id));
    }

    fn others(&self, id: SourceId, now: Duration) -> impl Iterator<Item = &Source> {
        let root_known = self.root.is_some();
        let others = self.sources.iter().filter(move |(other, _)| **other != id);
        others.map(|(_, source)| source).filter(move |source| source.serves(root_known, now))
    }
}
