//! Rounds: SUMMARY against SUMMARY, and WANT against WANT where they differ.
//!
//! A round is one SUMMARY from each side. Whoever gets one while it has none out answers with its
//! own; both then know the same six hashes and decide alike. If anything differs both send WANT,
//! and both know from what was sent which topics are shared and which of them differ.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::bugs::{self, Bug};
use nexus_log::ids::{LogHead, Topic};

use super::Engine;
use super::trouble::Trouble;
use crate::code::ViolationCode;
use crate::fingerprint::{scope_fingerprint, set_hash};
use crate::frame::{Frame, Mode, Summary, Want};
use crate::ids::{LinkId, ScopeFingerprint, SetHash};
use crate::limits::{
    MAX_LOGS_PER_PEER, MAX_LOGS_PER_TOPIC, MAX_WANT_IDS, MAX_WANT_IDS_PER_FRAME, MAX_WINDOW,
    MIN_WINDOW,
};
use crate::link::{Round, Stage};
use crate::output::Output;
use crate::share::{Listing, Share};
use crate::shared::Shared;
use crate::store::Store;

impl Engine {
    /// Sends SUMMARY, or notes that another round is due after the one under way.
    pub(super) fn start_round(&mut self, id: LinkId) {
        if !self.is_idle(id) {
            if let Some(link) = self.links.get_mut(&id) {
                link.dirty = !bugs::is(Bug::RoundNotRepeated);
            }
            return;
        }
        let lazy = self.mostly_covered(id);
        let Some(link) = self.links.get_mut(&id) else { return };
        let topics = link.round_topics();
        // What was removed and came back since the last round takes part only in the next one, so
        // that both sides see it go.
        link.dirty = link.removed.iter().any(|topic| link.wanted.contains_key(topic));
        link.removed.clear();
        let set = set_hash(topics.keys());
        let memory = self
            .memory
            .get(&link.params.instance)
            .filter(|shared| shared.mine == set || bugs::is(Bug::FastPathIgnoresTopics));
        let memory = memory.cloned();
        let credit = if link.first_round { self.config.window } else { 0 };
        let summary = Summary {
            lazy,
            credit,
            set,
            remembered: memory.as_ref().map_or(SetHash::NONE, |shared| shared.theirs),
            scope: memory.as_ref().map_or(ScopeFingerprint([0; 32]), |shared| {
                scope_fingerprint(shared.topics.iter().map(|topic| (topic, self.view.heads(topic))))
            }),
        };
        link.first_round = false;
        link.granted += credit;
        link.since.clear();
        link.stage = Stage::Summary(Round {
            topics,
            memory,
            summary,
            fingerprints: BTreeMap::new(),
            theirs: BTreeMap::new(),
        });
        let send = link.send(Frame::Summary(summary), None);
        self.outputs.push_back(send);
    }

    pub(super) fn on_summary<S: Store>(
        &mut self,
        id: LinkId,
        theirs: Summary,
        store: &S,
    ) -> Result<(), Trouble> {
        self.take_window(id, theirs.credit)?;
        if self.is_idle(id) {
            let now = self.now;
            if !self.links.get_mut(&id).is_some_and(|link| link.spend_round(now)) {
                return Err(Trouble::Limit);
            }
            self.start_round(id);
        }
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Stage::Summary(round) = std::mem::replace(&mut link.stage, Stage::Idle) else {
            return Err(Trouble::Fatal(ViolationCode::OutOfTurn));
        };
        let mine = round.summary;
        let same = theirs.set == mine.remembered && mine.set == theirs.remembered;
        let ignored = bugs::is(Bug::FastPathIgnoresTopics) && mine.remembered != SetHash::NONE;
        let equal = (same || ignored) && theirs.scope == mine.scope;
        if equal {
            let topics = round.memory.as_ref().map(|shared| shared.topics.clone());
            let topics = topics.unwrap_or_default();
            let shared = topics.into_iter().map(|topic| (topic, true)).collect();
            return self.settle(id, &round, theirs.lazy, shared, store);
        }
        self.send_want(id, round, theirs);
        Ok(())
    }

    /// The credit of a SUMMARY: the first of a link brings the window.
    fn take_window(&mut self, id: LinkId, credit: u32) -> Result<(), Trouble> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        if !link.window_seen && credit < MIN_WINDOW {
            return Err(Trouble::Fatal(ViolationCode::BadCredit));
        }
        link.window_seen = true;
        self.on_credit(id, credit)
    }

    pub(super) fn on_credit(&mut self, id: LinkId, bytes: u32) -> Result<(), Trouble> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        match link.credit.checked_add(bytes).filter(|credit| *credit <= MAX_WINDOW) {
            Some(credit) => link.credit = credit,
            None => return Err(Trouble::Violation(ViolationCode::BadCredit)),
        }
        Ok(())
    }

    fn send_want(&mut self, id: LinkId, mut round: Round, theirs: Summary) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.since.clear();
        let mut ids = Vec::with_capacity(round.topics.len());
        for (topic, secret) in &round.topics {
            let fingerprint = self.view.fingerprint(topic);
            let (mine, theirs) = link.want_ids(secret);
            round.fingerprints.insert(*topic, fingerprint);
            round.theirs.insert(theirs, *topic);
            ids.push((mine, fingerprint));
        }
        ids.sort_unstable();
        let frames = ids.len().div_ceil(MAX_WANT_IDS_PER_FRAME).max(1);
        for at in 0..frames {
            let part = ids.iter().skip(at * MAX_WANT_IDS_PER_FRAME).take(MAX_WANT_IDS_PER_FRAME);
            let want = Want { last: at + 1 == frames, ids: part.copied().collect() };
            let send = link.send(Frame::Want(want), None);
            self.outputs.push_back(send);
        }
        link.stage = Stage::Want(round, theirs, Vec::new());
    }

    pub(super) fn on_want<S: Store>(
        &mut self,
        id: LinkId,
        want: Want,
        store: &S,
    ) -> Result<(), Trouble> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Stage::Want(_, _, ids) = &mut link.stage else {
            return Err(Trouble::Fatal(ViolationCode::OutOfTurn));
        };
        if ids.len() + want.ids.len() > MAX_WANT_IDS {
            return Err(Trouble::Fatal(ViolationCode::TooManyWants));
        }
        ids.extend(want.ids);
        if !want.last {
            return Ok(());
        }
        let Stage::Want(round, theirs, ids) = std::mem::replace(&mut link.stage, Stage::Idle)
        else {
            return Ok(());
        };
        // Decided by what both sent, also if a topic is not wanted any more by now: the peer can't
        // know that yet.
        let shared: BTreeMap<Topic, bool> = ids
            .into_iter()
            .filter_map(|(want, fingerprint)| {
                let topic = *round.theirs.get(&want)?;
                Some((topic, round.fingerprints.get(&topic) == Some(&fingerprint)))
            })
            .collect();
        // If the set changed meanwhile the next round is due already, and says more.
        if !link.dirty {
            let topics = shared.keys().copied().collect();
            let memory = Shared { mine: round.summary.set, theirs: theirs.set, topics };
            let instance = link.params.instance;
            self.outputs.push_back(Output::Remember { instance, shared: memory.clone() });
            self.remember(instance, memory);
        }
        self.settle(id, &round, theirs.lazy, shared, store)
    }

    /// Both sides know what is shared, and of which topics both hold the same.
    fn settle<S: Store>(
        &mut self,
        id: LinkId,
        round: &Round,
        lazy: bool,
        shared: BTreeMap<Topic, bool>,
        store: &S,
    ) -> Result<(), Trouble> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let mut since = std::mem::take(&mut link.since);
        if bugs::is(Bug::ChangeInRoundLost) {
            since.clear();
        }
        let gone: Vec<Topic> =
            link.shares.keys().filter(|topic| !shared.contains_key(*topic)).copied().collect();
        for topic in &gone {
            self.unshare(id, topic, None);
        }
        for (topic, same) in shared {
            if !self.share(id, topic, round.summary.lazy, lazy) {
                continue;
            }
            if same {
                let changed = since.get(&topic);
                self.settle_same(id, topic, changed.unwrap_or(&BTreeMap::new()), store)?;
            } else if let Some(link) = self.links.get_mut(&id) {
                link.restart(&topic, Listing::Awaited(BTreeSet::new()));
                link.listings.insert(topic);
            }
            self.choose(id, topic, same);
        }
        if self.links.get(&id).is_some_and(|link| link.dirty) {
            self.start_round(id);
        }
        Ok(())
    }

    /// Makes a topic shared on a link; `false` if it is not wanted any more.
    fn share(&mut self, id: LinkId, topic: Topic, mine_lazy: bool, theirs_lazy: bool) -> bool {
        let Some(link) = self.links.get_mut(&id) else { return false };
        link.once.insert(topic);
        // What came back after it was removed waits until the peer saw it go: runs were dropped.
        if !link.wanted.contains_key(&topic) || link.removed.contains(&topic) {
            return false;
        }
        let mode = |lazy: bool| if lazy { Mode::Lazy } else { Mode::Eager };
        if let Entry::Vacant(share) = link.shares.entry(topic) {
            share.insert(Share::new(mode(theirs_lazy), mode(mine_lazy)));
            self.outputs.push_back(Output::TopicShared { link: id, topic });
        }
        true
    }

    /// Both held the same when the fingerprints were sent; what changed here since is in `since`.
    fn settle_same<S: Store>(
        &mut self,
        id: LinkId,
        topic: Topic,
        since: &BTreeMap<nexus_log::ids::LogKey, Vec<LogHead>>,
        store: &S,
    ) -> Result<(), Trouble> {
        let mut heads = self.view.heads(&topic);
        heads.retain(|head| !since.contains_key(&head.log));
        heads.extend(since.values().flatten().copied());
        if let Some(link) = self.links.get_mut(&id) {
            link.restart(&topic, Listing::Known);
            link.listings.remove(&topic);
        }
        if !heads.is_empty() {
            self.outputs.push_back(Output::PeerHas { link: id, topic, heads });
        }
        for (log, before) in since {
            let tips = before.iter().map(|tip| tip.head).collect();
            self.refresh(id, &topic, log, Some(tips), store)?;
            // Nothing of it is pushed over a lazy link: the peer has to see it to ask for it.
            self.announce_unless_pushed(id, &topic, log);
        }
        self.say_done(id, &topic);
        Ok(())
    }

    /// Whether the peer shows more logs than I deal with, now that it showed some of `topic`.
    pub(super) fn check_logs(&self, id: LinkId, topic: &Topic) -> Result<(), Trouble> {
        let Some(link) = self.links.get(&id) else { return Ok(()) };
        let here = self.view.log_count(topic) + link.shares.get(topic).map_or(0, Share::strange);
        // Counted one by one only when it is near: most nodes hold less than the limit in all.
        let mut all = self.view.logs_in_all() + link.strange();
        if all > MAX_LOGS_PER_PEER {
            let held: usize = link.shares.keys().map(|topic| self.view.log_count(topic)).sum();
            all = held + link.strange();
        }
        let over = all > MAX_LOGS_PER_PEER || here > MAX_LOGS_PER_TOPIC;
        if over { Err(Trouble::Topic(*topic)) } else { Ok(()) }
    }
}
