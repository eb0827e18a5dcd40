//! One link: where its round stands, what is shared on it, what is to be sent.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_log::ids::{Head, LogHead, LogKey, Topic};

use crate::fingerprint::want_id;
use crate::frame::{Frame, Mode, Summary};
use crate::ids::{Chain, LinkId, LinkParams, Serial, WantId, WantSecret, WantedTopic};
use crate::limits::{MAX_WANT_IDS, MIN_RUN_CHARGE, ROUND_BURST, ROUND_EVERY};
use crate::output::Output;
use crate::share::{Listing, PeerLog, Share};
use crate::shared::Shared;

/// Where a round of comparison stands.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// None is under way.
    Idle,
    /// My SUMMARY is out, theirs is to come.
    Summary(Round),
    /// The summaries differ, my WANT is out, theirs is to come: what came of it.
    Want(Round, Summary, Vec<WantEntry>),
}

pub(crate) type WantEntry = (WantId, crate::ids::TopicFingerprint);

/// What this node said in a round.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// The topics that the round is about, whatever is wanted since.
    pub(crate) topics: BTreeMap<Topic, WantSecret>,
    /// What was remembered of the peer when the round began.
    pub(crate) memory: Option<Shared>,
    pub(crate) summary: Summary,
    /// The fingerprints in my WANT, once it is out.
    pub(crate) fingerprints: BTreeMap<Topic, crate::ids::TopicFingerprint>,
    /// How the peer names the topics in my WANT.
    pub(crate) theirs: BTreeMap<WantId, Topic>,
}

/// The order in which runs are sent: first the openings of logs that the peer does not have, then
/// short tails (what was just written), then the rest, always the newest conversations first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Opening,
    Tail,
    Bulk,
}

pub(crate) type QueueKey = (Class, Reverse<u64>, Topic, Chain);

#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) secret: WantSecret,
    pub(crate) priority: u64,
}

/// A frame that was handed out.
#[derive(Debug)]
struct Unwritten {
    serial: Serial,
    bytes: usize,
    run: Option<(Topic, LogKey, Head)>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: LinkId,
    pub(crate) params: LinkParams,
    pub(crate) wanted: BTreeMap<Topic, Wanted>,
    /// Left out of the next round: they were removed since the last, even if they came back.
    pub(crate) removed: BTreeSet<Topic>,
    pub(crate) stage: Stage,
    /// The set changed since the round under way began.
    pub(crate) dirty: bool,
    pub(crate) first_round: bool,
    /// The peer's first SUMMARY brought its window.
    pub(crate) window_seen: bool,
    rounds_left: u32,
    rounds_since: Duration,
    pub(crate) shares: BTreeMap<Topic, Share>,
    /// Logs on all shares of which I hold nothing.
    strange: usize,
    /// Topics that were shared at some time: frames about them may still be under way.
    pub(crate) once: BTreeSet<Topic>,
    /// What logs were before they changed, since my last SUMMARY or WANT: what it spoke of.
    pub(crate) since: BTreeMap<Topic, BTreeMap<LogKey, Vec<LogHead>>>,
    /// RUN bytes that the peer may still send.
    pub(crate) granted: u32,
    /// RUN bytes that became free and are to be granted again.
    pub(crate) credit_due: u32,
    /// RUN bytes that I may still send.
    pub(crate) credit: u32,
    pub(crate) announce: BTreeMap<Topic, BTreeSet<LogKey>>,
    pub(crate) listings: BTreeSet<Topic>,
    pub(crate) marks: BTreeMap<Topic, Mode>,
    queue: BTreeSet<QueueKey>,
    queued: BTreeMap<(Topic, Chain), QueueKey>,
    serial: u64,
    unwritten: VecDeque<Unwritten>,
    pub(crate) unwritten_bytes: usize,
    pub(crate) unwritten_runs: usize,
    pub(crate) violations: u8,
    pub(crate) refused_by_peer: BTreeSet<LogKey>,
    pub(crate) told_no: BTreeSet<LogKey>,
    /// Logs for which a FORK was answered and nothing fitting came yet.
    pub(crate) forked: BTreeSet<LogKey>,
    /// FORKs answered, by topic: one is not ended for what is said in another.
    pub(crate) forks: BTreeMap<Topic, usize>,
    /// Fork proofs that were passed on.
    pub(crate) proofs: usize,
}

impl Link {
    pub(crate) fn new(id: LinkId, params: LinkParams, now: Duration) -> Self {
        Self {
            id,
            params,
            wanted: BTreeMap::new(),
            removed: BTreeSet::new(),
            stage: Stage::Idle,
            dirty: false,
            first_round: true,
            window_seen: false,
            rounds_left: ROUND_BURST,
            rounds_since: now,
            shares: BTreeMap::new(),
            strange: 0,
            once: BTreeSet::new(),
            since: BTreeMap::new(),
            granted: 0,
            credit_due: 0,
            credit: 0,
            announce: BTreeMap::new(),
            listings: BTreeSet::new(),
            marks: BTreeMap::new(),
            queue: BTreeSet::new(),
            queued: BTreeMap::new(),
            serial: 0,
            unwritten: VecDeque::new(),
            unwritten_bytes: 0,
            unwritten_runs: 0,
            violations: 0,
            refused_by_peer: BTreeSet::new(),
            told_no: BTreeSet::new(),
            forked: BTreeSet::new(),
            forks: BTreeMap::new(),
            proofs: 0,
        }
    }

    /// One more FORK of this topic; how many there are.
    pub(crate) fn count_fork(&mut self, topic: Topic) -> usize {
        let forks = self.forks.entry(topic).or_default();
        *forks += 1;
        *forks
    }

    /// Replaces the wanted set; what is new and what is gone, ascending.
    pub(crate) fn replace_wanted(&mut self, wanted: Vec<WantedTopic>) -> (Vec<Topic>, Vec<Topic>) {
        let mut next = BTreeMap::new();
        for topic in wanted {
            next.insert(topic.topic, Wanted { secret: topic.want, priority: topic.priority });
        }
        let added =
            next.keys().filter(|topic| !self.wanted.contains_key(*topic)).copied().collect();
        let gone: Vec<Topic> =
            self.wanted.keys().filter(|topic| !next.contains_key(*topic)).copied().collect();
        self.removed.extend(gone.iter().copied());
        self.wanted = next;
        (added, gone)
    }

    /// The topics of the next round: the most urgent [`MAX_WANT_IDS`].
    pub(crate) fn round_topics(&self) -> BTreeMap<Topic, WantSecret> {
        let present = self.wanted.iter().filter(|(topic, _)| !self.removed.contains(*topic));
        let mut topics: Vec<(Reverse<u64>, Topic, &WantSecret)> = present
            .map(|(topic, wanted)| (Reverse(wanted.priority), *topic, &wanted.secret))
            .collect();
        topics.sort_unstable_by_key(|(priority, topic, _)| (*priority, *topic));
        topics.truncate(MAX_WANT_IDS);
        topics.into_iter().map(|(_, topic, secret)| (topic, secret.clone())).collect()
    }

    /// How I name a topic on this link, and how the peer does.
    pub(crate) fn want_ids(&self, secret: &WantSecret) -> (WantId, WantId) {
        let (exporter, side) = (self.params.exporter.expose(), self.params.side);
        (want_id(secret, exporter, side), want_id(secret, exporter, side.other()))
    }

    /// Takes one round from the budget; `false` when the peer asks for them faster than any set
    /// of topics changes.
    pub(crate) fn spend_round(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.rounds_since).as_millis() / ROUND_EVERY.as_millis();
        if let Ok(passed) = u32::try_from(passed)
            && passed > 0
        {
            self.rounds_left = self.rounds_left.saturating_add(passed).min(ROUND_BURST);
            self.rounds_since = now;
        }
        let some = self.rounds_left > 0;
        self.rounds_left = self.rounds_left.saturating_sub(1);
        some
    }

    /// Queues a branch to be sent, or moves it.
    pub(crate) fn enqueue(&mut self, class: Class, topic: Topic, chain: Chain) {
        let priority = self.wanted.get(&topic).map_or(0, |wanted| wanted.priority);
        let key = (class, Reverse(priority), topic, chain);
        if let Some(old) = self.queued.insert((topic, chain), key) {
            self.queue.remove(&old);
        }
        self.queue.insert(key);
    }

    pub(crate) fn dequeue(&mut self, topic: Topic, chain: Chain) {
        if let Some(key) = self.queued.remove(&(topic, chain)) {
            self.queue.remove(&key);
        }
    }

    /// Takes all branches of a topic off the queue: their logs.
    pub(crate) fn dequeue_topic(&mut self, topic: &Topic) -> BTreeSet<LogKey> {
        let first = (*topic, (LogKey::from_bytes([0; 32]), None));
        let of_topic = self.queued.range(first..).take_while(|((at, _), _)| at == topic);
        let keys: Vec<QueueKey> = of_topic.map(|(_, key)| *key).collect();
        for (_, _, topic, chain) in &keys {
            self.dequeue(*topic, *chain);
        }
        keys.iter().map(|key| key.3.0).collect()
    }

    pub(crate) fn is_queued(&self, topic: Topic, chain: Chain) -> bool {
        self.queued.contains_key(&(topic, chain))
    }

    pub(crate) fn first_queued(&self) -> Option<QueueKey> {
        self.queue.first().copied()
    }

    /// Hands out a frame.
    pub(crate) fn send(&mut self, frame: Frame, run: Option<(Topic, LogKey, Head)>) -> Output {
        self.serial += 1;
        let serial = Serial(self.serial);
        let bytes = frame.body_len();
        self.unwritten_bytes += bytes;
        if run.is_some() {
            self.unwritten_runs += bytes;
        }
        self.unwritten.push_back(Unwritten { serial, bytes, run });
        Output::Send { link: self.id, serial, frame }
    }

    /// Everything up to `serial` is written: the runs among it.
    pub(crate) fn written(&mut self, serial: Serial) -> Vec<(Topic, LogKey, Head)> {
        let mut runs = Vec::new();
        while let Some(first) = self.unwritten.front()
            && first.serial <= serial
        {
            self.unwritten_bytes -= first.bytes;
            if let Some(run) = first.run {
                self.unwritten_runs -= first.bytes;
                runs.push(run);
            }
            self.unwritten.pop_front();
        }
        runs
    }

    /// Forgets a topic on this link; `true` if it was shared.
    pub(crate) fn unshare(&mut self, topic: &Topic) -> bool {
        self.announce.remove(topic);
        self.listings.remove(topic);
        self.marks.remove(topic);
        self.dequeue_topic(topic);
        let share = self.shares.remove(topic);
        self.strange -= share.as_ref().map_or(0, Share::strange);
        share.is_some()
    }

    /// Starts a shared topic over, before its heads are compared.
    pub(crate) fn restart(&mut self, topic: &Topic, listing: Listing) {
        self.dequeue_topic(topic);
        if let Some(share) = self.shares.get_mut(topic) {
            self.strange -= share.strange();
            share.reset(listing);
        }
    }

    /// Replaces what is known of a log at the peer; `None` = the same as mine.
    pub(crate) fn set_log(&mut self, topic: &Topic, log: LogKey, peer: Option<PeerLog>) {
        if let Some(share) = self.shares.get_mut(topic) {
            self.strange = self.strange.saturating_add_signed(share.set(log, peer));
        }
    }

    /// Logs that the peer shows and of which I hold nothing.
    pub(crate) const fn strange(&self) -> usize {
        self.strange
    }
}

/// What a RUN of this length costs in credit.
pub(crate) fn charge(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX).max(MIN_RUN_CHARGE)
}
