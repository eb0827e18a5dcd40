//! HEADS that come in: what the peer holds, and what follows from it.

use std::collections::BTreeSet;

use nexus_log::ids::{Head, LogKey, Topic};

use super::Engine;
use super::trouble::Trouble;
use crate::code::ViolationCode;
use crate::frame::{Heads, Listing as Part, Mark, Mode};
use crate::ids::LinkId;
use crate::limits::MAX_BRANCHES;
use crate::output::Output;
use crate::share::Listing;
use crate::store::Store;

impl Engine {
    /// Whether a frame about this topic is to be read. Topics that were shared may still be under
    /// way; others are nothing that the peer can know of.
    pub(super) fn is_shared(&self, id: LinkId, topic: &Topic) -> Result<bool, Trouble> {
        let Some(link) = self.links.get(&id) else { return Ok(false) };
        if link.shares.contains_key(topic) {
            return Ok(true);
        }
        if link.once.contains(topic) {
            return Ok(false);
        }
        Err(Trouble::Violation(ViolationCode::UnsharedTopic))
    }

    pub(super) fn on_heads<S: Store>(
        &mut self,
        id: LinkId,
        heads: Heads,
        store: &S,
    ) -> Result<(), Trouble> {
        let topic = heads.topic;
        if !self.is_shared(id, &topic)? {
            return Ok(());
        }
        self.begin_listing(id, &topic, heads.listing);
        let mut held = Vec::new();
        for branches in heads.heads.chunk_by(|a, b| a.log == b.log) {
            let Some(log) = branches.first().map(|shown| shown.log) else { continue };
            let tips = branches.iter().take(MAX_BRANCHES).map(|shown| shown.head).collect();
            if self.may_show(id, &topic, &log) {
                held.extend(self.refresh(id, &topic, &log, Some(tips), store)?);
                self.mention(id, &topic, log);
            }
        }
        if !held.is_empty() {
            self.outputs.push_back(Output::PeerHas { link: id, topic, heads: held });
        }
        self.check_logs(id, &topic)?;
        if heads.listing == Part::Last {
            self.end_listing(id, &topic, store)?;
        }
        self.say_done(id, &topic);
        self.lacking_on(id, &topic);
        Ok(())
    }

    /// A log of another topic, or one that is refused, is answered with `NO`.
    fn may_show(&mut self, id: LinkId, topic: &Topic, log: &LogKey) -> bool {
        let elsewhere = self.view.topic_of(log).is_some_and(|other| other != *topic);
        let refused = elsewhere
            || self.refused.contains(log)
            || self.links.get(&id).is_some_and(|link| link.told_no.contains(log));
        if refused {
            self.say_no(id, *log);
        }
        !refused
    }

    fn begin_listing(&mut self, id: LinkId, topic: &Topic, part: Part) {
        let link = self.links.get_mut(&id);
        let Some(share) = link.and_then(|link| link.shares.get_mut(topic)) else { return };
        // A list that was not asked for is one of an earlier round, and as true.
        if part != Part::News && share.listing == Listing::Known {
            share.listing = Listing::Awaited(BTreeSet::new());
        }
    }

    fn mention(&mut self, id: LinkId, topic: &Topic, log: LogKey) {
        let link = self.links.get_mut(&id);
        let share = link.and_then(|link| link.shares.get_mut(topic));
        if let Some(Listing::Awaited(mentioned)) = share.map(|share| &mut share.listing) {
            mentioned.insert(log);
        }
    }

    /// What the list did not name the peer does not hold.
    fn end_listing<S: Store>(
        &mut self,
        id: LinkId,
        topic: &Topic,
        store: &S,
    ) -> Result<(), Trouble> {
        let link = self.links.get_mut(&id);
        let Some(share) = link.and_then(|link| link.shares.get_mut(topic)) else { return Ok(()) };
        let Listing::Awaited(mentioned) = std::mem::replace(&mut share.listing, Listing::Known)
        else {
            return Ok(());
        };
        let mut unnamed: BTreeSet<LogKey> =
            self.view.heads(topic).iter().map(|head| head.log).collect();
        unnamed.extend(share.diff.keys().copied());
        for log in unnamed.difference(&mentioned) {
            if self.view.tips(topic, log).is_empty() {
                if let Some(link) = self.links.get_mut(&id) {
                    link.set_log(topic, *log, None);
                }
                continue;
            }
            self.refresh(id, topic, log, Some(Vec::new()), store)?;
        }
        Ok(())
    }

    /// The peer pushes this run, so it holds it.
    pub(super) fn peer_pushes(
        &mut self,
        id: LinkId,
        topic: &Topic,
        run: &nexus_log::run::CheckedRun,
    ) {
        let log = run.log();
        let mine = self.view.tips(topic, &log);
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some(share) = link.shares.get(topic) else { return };
        if share.listing != Listing::Known {
            return;
        }
        let mut peer = share.diff.get(&log).cloned().unwrap_or_default();
        if !share.diff.contains_key(&log) {
            peer.tips = mine.iter().map(|tip| tip.head).collect();
        }
        let last = run.last();
        if peer.tips.iter().any(|tip| tip.seq >= last.seq) {
            return;
        }
        let extended = |tip: &&mut Head| {
            run.hash_at(tip.seq) == Some(tip.hash)
                || (tip.seq.checked_add(1) == Some(run.first_seq()) && tip.hash == run.first_prev())
        };
        if let Some(tip) = peer.tips.iter_mut().find(extended) {
            *tip = last;
        } else if peer.tips.len() < MAX_BRANCHES {
            peer.tips.push(last);
        } else {
            return;
        }
        peer.lacking = true;
        peer.strange = mine.is_empty();
        link.set_log(topic, log, Some(peer));
    }

    pub(super) fn on_mark<S: Store>(
        &mut self,
        id: LinkId,
        mark: &Mark,
        store: &S,
    ) -> Result<(), Trouble> {
        for topic in &mark.topics {
            if !self.is_shared(id, topic)? {
                continue;
            }
            let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
            let Some(share) = link.shares.get_mut(topic) else { continue };
            if share.outbound == mark.mode {
                continue;
            }
            share.outbound = mark.mode;
            if mark.mode == Mode::Lazy {
                // What was about to be pushed is shown instead.
                let logs = link.dequeue_topic(topic);
                if !link.listings.contains(topic) && !logs.is_empty() {
                    link.announce.entry(*topic).or_default().extend(logs);
                }
                continue;
            }
            let logs: Vec<LogKey> = share.diff.keys().copied().collect();
            for log in logs {
                self.refresh(id, topic, &log, None, store)?;
            }
        }
        Ok(())
    }
}
