//! Which link is to bring a topic at once, and when another one takes its place.
//!
//! A topic has one eager link; the others are lazy and only show heads. When a lazy one shows what
//! the eager one does not bring in time it becomes the eager one. A link that showed heads and did
//! not bring them is passed over for a while that doubles.

use std::time::Duration;

use nexus_identity::bugs::{self, Bug};
use nexus_log::ids::Topic;

use super::Engine;
use crate::frame::Mode;
use crate::ids::LinkId;
use crate::limits::{EAGER_LIMIT, MAX_DISTRUST};
use crate::link::Link;

/// A lazy link showed something of a topic that is not here yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    /// When it was shown first.
    since: Duration,
    /// When the eager link last brought something.
    progress: Duration,
    /// Not before: every link that shows something is distrusted.
    not_before: Duration,
}

impl Late {
    pub(super) fn deadline(&self, patience: Duration) -> Duration {
        let patient = (self.progress + patience).min(self.since + EAGER_LIMIT);
        patient.max(self.not_before)
    }
}

impl Engine {
    /// Whether most of what is wanted over this link is brought by other links already: then it
    /// begins lazy, which spares a MARK for each topic.
    pub(super) fn mostly_covered(&self, id: LinkId) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        let elsewhere = |topic: &&Topic| self.eager.get(*topic).is_some_and(|eager| *eager != id);
        let covered = link.wanted.keys().filter(elsewhere).count();
        covered * 2 > link.wanted.len()
    }

    /// Chooses how a topic is wanted over a link after a round; `same`: nothing is to come now.
    pub(super) fn choose(&mut self, id: LinkId, topic: Topic, same: bool) {
        let eager = self.eager.get(&topic).copied();
        let mode = self.inbound(id, &topic);
        match (eager, mode) {
            (Some(other), Some(Mode::Eager)) if other != id => self.mark(id, topic, Mode::Lazy),
            (None, Some(Mode::Eager)) => {
                self.eager.insert(topic, id);
            }
            (None, Some(Mode::Lazy)) if !same => self.make_eager(id, topic),
            _ => {}
        }
    }

    fn inbound(&self, id: LinkId, topic: &Topic) -> Option<Mode> {
        let share = self.links.get(&id)?.shares.get(topic)?;
        Some(share.inbound)
    }

    fn mark(&mut self, id: LinkId, topic: Topic, mode: Mode) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if let Some(share) = link.shares.get_mut(&topic) {
            share.inbound = mode;
            link.marks.insert(topic, mode);
        }
    }

    fn make_eager(&mut self, id: LinkId, topic: Topic) {
        if let Some(old) = self.eager.insert(topic, id)
            && old != id
        {
            self.mark(old, topic, Mode::Lazy);
        }
        self.mark(id, topic, Mode::Eager);
    }

    /// A link that was eager for a topic does not share it any more.
    pub(super) fn lost_eager(&mut self, id: LinkId, topic: &Topic) {
        if self.eager.get(topic) != Some(&id) {
            return;
        }
        self.eager.remove(topic);
        if let Some(next) = self.candidate(topic, Some(id), true) {
            self.make_eager(next, *topic);
        }
    }

    /// A link shows something of a topic: if that is not here, somebody has to bring it.
    pub(super) fn lacking_on(&mut self, id: LinkId, topic: &Topic) {
        let Some(share) = self.links.get(&id).and_then(|link| link.shares.get(topic)) else {
            return;
        };
        if share.inbound == Mode::Eager || !share.lacking() {
            return;
        }
        if self.eager.contains_key(topic) {
            let now = self.now;
            self.late.entry(*topic).or_insert(Late { since: now, progress: now, not_before: now });
        } else {
            self.make_eager(id, *topic);
        }
    }

    /// A link brought something of a topic.
    pub(super) fn progress(&mut self, id: LinkId, topic: &Topic) {
        let link = self.links.get_mut(&id);
        if let Some(share) = link.and_then(|link| link.shares.get_mut(topic)) {
            share.distrust.step = 0;
        }
        if self.eager.get(topic) == Some(&id)
            && let Some(late) = self.late.get_mut(topic)
        {
            late.progress = self.now;
        }
    }

    /// Something of a topic became durable: perhaps nothing is late any more.
    pub(super) fn less_late(&mut self, topic: &Topic) {
        if self.late.contains_key(topic) && self.candidate(topic, None, true).is_none() {
            self.late.remove(topic);
        }
    }

    /// The next link after `after` that is lazy and shows what is not here.
    fn candidate(&self, topic: &Topic, after: Option<LinkId>, even: bool) -> Option<LinkId> {
        let fits = |link: &&Link| {
            link.shares.get(topic).is_some_and(|share| {
                let trusted = even || share.distrust.until <= self.now;
                share.inbound == Mode::Lazy && trusted && share.lacking()
            })
        };
        let later = self.links.values().filter(|link| Some(link.id) > after).find(fits);
        later.or_else(|| self.links.values().find(fits)).map(|link| link.id)
    }

    /// Changes the eager link of every topic whose patience is over.
    pub(super) fn reconsider(&mut self) {
        let patience = self.config.patience;
        let due: Vec<(Topic, Late)> = self
            .late
            .iter()
            .filter(|(_, late)| late.deadline(patience) <= self.now)
            .map(|(topic, late)| (*topic, *late))
            .collect();
        for (topic, late) in due {
            self.late.remove(&topic);
            let eager = self.eager.get(&topic).copied();
            if self.candidate(&topic, eager, true).is_none() || bugs::is(Bug::EagerNeverReplaced) {
                continue;
            }
            let now = self.now;
            let Some(next) = self.candidate(&topic, eager, false) else {
                // All of them promised and did not keep it: again when the first may try.
                let not_before = self.trusted_again(&topic).max(now + patience);
                self.late.insert(topic, Late { since: now, progress: now, not_before });
                continue;
            };
            if let Some(old) = eager {
                self.distrust(old, &topic, late.progress > late.since);
            }
            self.make_eager(next, topic);
            self.late.insert(topic, Late { since: now, progress: now, not_before: now });
        }
    }

    fn trusted_again(&self, topic: &Topic) -> Duration {
        let shares = self.links.values().filter_map(|link| link.shares.get(topic));
        let lazy = shares.filter(|share| share.inbound == Mode::Lazy && share.lacking());
        lazy.map(|share| share.distrust.until).min().unwrap_or_default()
    }

    /// An eager link is replaced; if it showed heads and brought nothing it waits for its turn.
    fn distrust(&mut self, id: LinkId, topic: &Topic, brought: bool) {
        let (now, patience) = (self.now, self.config.patience);
        let link = self.links.get_mut(&id);
        let Some(share) = link.and_then(|link| link.shares.get_mut(topic)) else { return };
        if brought || !share.lacking() {
            return;
        }
        let pause = patience.saturating_mul(2u32.saturating_pow(share.distrust.step));
        share.distrust.step = share.distrust.step.saturating_add(1);
        share.distrust.until = now + pause.min(MAX_DISTRUST);
    }
}
