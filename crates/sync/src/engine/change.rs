//! What follows when a log changed here, or the peer showed other heads of it.

use nexus_log::ids::{Head, LogHead, LogKey, Topic};

use super::Engine;
use super::trouble::Trouble;
use crate::compare::compare;
use crate::frame::Mode;
use crate::ids::LinkId;
use crate::limits::TAIL_ENTRIES;
use crate::link::{Class, Link, Stage};
use crate::output::Output;
use crate::share::{Listing, PeerLog, Share};
use crate::store::Store;

impl Engine {
    /// A log of a topic in use has other heads now; `own`: this instance wrote it just now.
    pub(super) fn changed<S: Store>(
        &mut self,
        topic: &Topic,
        log: &LogKey,
        before: Vec<LogHead>,
        own: bool,
        store: &S,
    ) {
        let ids: Vec<LinkId> = self.links.keys().copied().collect();
        for id in ids {
            self.note_since(id, topic, log, &before);
            if let Err(trouble) = self.changed_on(id, topic, log, &before, own, store) {
                self.trouble(id, trouble);
            }
        }
        self.less_late(topic);
    }

    fn note_since(&mut self, id: LinkId, topic: &Topic, log: &LogKey, before: &[LogHead]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let (Stage::Summary(round) | Stage::Want(round, ..)) = &link.stage else { return };
        if round.topics.contains_key(topic) {
            let logs = link.since.entry(*topic).or_default();
            logs.entry(*log).or_insert_with(|| before.to_vec());
        }
    }

    fn changed_on<S: Store>(
        &mut self,
        id: LinkId,
        topic: &Topic,
        log: &LogKey,
        before: &[LogHead],
        own: bool,
        store: &S,
    ) -> Result<(), Trouble> {
        let Some(link) = self.links.get(&id) else { return Ok(()) };
        let Some(share) = link.shares.get(topic) else { return Ok(()) };
        if share.listing == Listing::Known {
            let tips = match share.diff.get(log) {
                Some(peer) => peer.tips.clone(),
                None => before.iter().map(|tip| tip.head).collect(),
            };
            self.refresh(id, topic, log, Some(tips), store)?;
            if own {
                self.push_own(id, topic, log, before);
            }
            self.say_done(id, topic);
        }
        self.announce_unless_pushed(id, topic, log);
        Ok(())
    }

    /// Shows the heads of a log that changed, if nothing of it is about to be pushed.
    pub(super) fn announce_unless_pushed(&mut self, id: LinkId, topic: &Topic, log: &LogKey) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let tips = self.view.tips(topic, log);
        let pushed = tips.iter().any(|tip| link.is_queued(*topic, (*log, tip.branch)));
        // A list of all heads that is still to be sent will show it.
        if !pushed && !link.listings.contains(topic) {
            link.announce.entry(*topic).or_default().insert(*log);
        }
    }

    /// Authors push what they write now over every link, lazy or not, to whom it is the next entry.
    fn push_own(&mut self, id: LinkId, topic: &Topic, log: &LogKey, before: &[LogHead]) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.refused_by_peer.contains(log) {
            return;
        }
        let from = before.iter().map(|tip| tip.head.seq + 1).max().unwrap_or(0);
        for tip in self.view.tips(topic, log) {
            let chain = (*log, tip.branch);
            let next = link.shares.get(topic).and_then(|share| share.next(&chain));
            if next.is_some_and(|next| next.from == from && !next.probe) {
                link.enqueue(Class::Tail, *topic, chain);
            }
        }
    }

    /// Compares a log with what the peer shows of it (`None`: what it showed last), and queues
    /// what it lacks. Gives back the peer's heads that are held here.
    pub(super) fn refresh<S: Store>(
        &mut self,
        id: LinkId,
        topic: &Topic,
        log: &LogKey,
        tips: Option<Vec<Head>>,
        store: &S,
    ) -> Result<Vec<LogHead>, Trouble> {
        let Some(link) = self.links.get_mut(&id) else { return Ok(Vec::new()) };
        let Some(share) = link.shares.get_mut(topic) else { return Ok(Vec::new()) };
        let mine = self.view.tips(topic, log);
        let tips = match tips.or_else(|| share.diff.get(log).map(|peer| peer.tips.clone())) {
            Some(tips) => tips,
            None => return Ok(Vec::new()),
        };
        let points = share.points.get(log).map(Vec::as_slice);
        let compared = compare(mine, &tips, points, store)?;
        for held in &compared.held {
            let chain = (*log, held.branch);
            if share.sent.get(&chain).is_some_and(|seq| *seq <= held.head.seq) {
                share.sent.remove(&chain);
            }
        }
        let same = tips.len() == mine.len()
            && mine.iter().all(|tip| tips.contains(&tip.head))
            && !compared.lacking;
        let peer = PeerLog {
            tips,
            push: compared.push,
            lacking: compared.lacking,
            strange: mine.is_empty(),
        };
        link.set_log(topic, *log, (!same).then_some(peer));
        queue_log(link, topic, log, mine, self.refused.contains(log));
        Ok(compared.held)
    }

    pub(super) fn say_done(&mut self, id: LinkId, topic: &Topic) {
        let link = self.links.get_mut(&id);
        let Some(share) = link.and_then(|link| link.shares.get_mut(topic)) else { return };
        if share.settled() && !share.done {
            share.done = true;
            self.outputs.push_back(Output::TopicDone { link: id, topic: *topic });
        }
    }
}

/// Queues the first branch of a log that the peer lacks something of; the others follow it, since
/// a branch hangs on an entry of another. What is queued over a lazy link stays so, nothing new is.
pub(super) fn queue_log(
    link: &mut Link,
    topic: &Topic,
    log: &LogKey,
    mine: &[LogHead],
    refused: bool,
) {
    let Some(share) = link.shares.get(topic) else { return };
    let mut found = None;
    let mut branches: Vec<&LogHead> = mine.iter().collect();
    branches.sort_unstable_by_key(|tip| tip.first);
    let refused = refused || link.refused_by_peer.contains(log);
    for tip in branches {
        let chain = (*log, tip.branch);
        let next = share.next(&chain).filter(|next| next.from <= tip.head.seq && !refused);
        let allowed = share.outbound == Mode::Eager || link.is_queued(*topic, chain);
        if let Some(next) = next
            && allowed
            && found.is_none()
        {
            let left = tip.head.seq - next.from;
            found = Some((class(share, log, next.from, left), chain));
        }
    }
    for tip in mine {
        link.dequeue(*topic, (*log, tip.branch));
    }
    if let Some((class, chain)) = found {
        link.enqueue(class, *topic, chain);
    }
}

fn class(share: &Share, log: &LogKey, from: u64, left: u64) -> Class {
    let unknown = share.diff.get(log).is_some_and(|peer| peer.tips.is_empty());
    if from == 0 && unknown {
        Class::Opening
    } else if left < TAIL_ENTRIES {
        Class::Tail
    } else {
        Class::Bulk
    }
}
