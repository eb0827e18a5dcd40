//! One topic on one link: what the peer holds of it, as far as that differs from what I hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nexus_log::ids::{EntryHash, Head, LogKey, Seq};

use crate::compare::Push;
use crate::frame::Mode;
use crate::ids::Chain;

/// A log of which the peer holds something else than I do.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeerLog {
    /// The heads that the peer showed, or pushed.
    pub(crate) tips: Vec<Head>,
    /// What of mine it lacks, by branch.
    pub(crate) push: BTreeMap<Option<EntryHash>, Push>,
    /// It has something that I lack.
    pub(crate) lacking: bool,
    /// I hold nothing of this log.
    pub(crate) strange: bool,
}

/// Whether the peer's heads are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// They are: equal to mine but for [`Share::diff`].
    Known,
    /// The peer's list is still to come, or came in part: the logs that were named.
    Awaited(BTreeSet<LogKey>),
}

/// What hinders a link from being made eager: it showed heads and did not bring them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Distrust {
    pub(crate) until: Duration,
    pub(crate) step: u32,
}

/// One topic on one link.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) listing: Listing,
    pub(crate) diff: BTreeMap<LogKey, PeerLog>,
    /// What the peer's FORKs named that I hold too: there it can follow.
    pub(crate) points: BTreeMap<LogKey, Vec<Head>>,
    /// Logs in `diff` of which I hold nothing.
    strange: usize,
    /// Logs in `diff` of which the peer shows something that I lack.
    lacking: usize,
    /// Last seq sent of each branch, until the peer shows it: never sent twice.
    pub(crate) sent: BTreeMap<Chain, Seq>,
    /// How the peer wants the topic from me.
    pub(crate) outbound: Mode,
    /// How I want it from the peer.
    pub(crate) inbound: Mode,
    pub(crate) distrust: Distrust,
    /// `TopicDone` was said in this round.
    pub(crate) done: bool,
}

impl Share {
    pub(crate) const fn new(outbound: Mode, inbound: Mode) -> Self {
        Self {
            listing: Listing::Known,
            diff: BTreeMap::new(),
            points: BTreeMap::new(),
            strange: 0,
            lacking: 0,
            sent: BTreeMap::new(),
            outbound,
            inbound,
            distrust: Distrust { until: Duration::ZERO, step: 0 },
            done: false,
        }
    }

    /// Replaces what is known of a log; `None` = the same as mine. By how much that changes the
    /// number of logs of which I hold nothing.
    pub(crate) fn set(&mut self, log: LogKey, peer: Option<PeerLog>) -> isize {
        let strange = peer.as_ref().is_some_and(|peer| peer.strange);
        let lacking = peer.as_ref().is_some_and(|peer| peer.lacking);
        let before = match peer {
            Some(peer) => self.diff.insert(log, peer),
            None => self.diff.remove(&log),
        };
        let was_strange = before.as_ref().is_some_and(|before| before.strange);
        let was_lacking = before.is_some_and(|before| before.lacking);
        self.strange = self.strange + usize::from(strange) - usize::from(was_strange);
        self.lacking = self.lacking + usize::from(lacking) - usize::from(was_lacking);
        isize::from(strange) - isize::from(was_strange)
    }

    /// Logs of which I hold nothing.
    pub(crate) const fn strange(&self) -> usize {
        self.strange
    }

    /// Starts over: the peer holds what I hold.
    pub(crate) fn reset(&mut self, listing: Listing) {
        self.listing = listing;
        self.diff.clear();
        self.strange = 0;
        self.lacking = 0;
        self.done = false;
    }

    /// Both sides hold the same, as far as they told each other.
    pub(crate) fn settled(&self) -> bool {
        self.listing == Listing::Known && self.diff.is_empty()
    }

    /// The peer shows something that I lack.
    pub(crate) const fn lacking(&self) -> bool {
        self.lacking > 0
    }

    /// What to send next of a branch: from where, and whether to find out first.
    pub(crate) fn next(&self, chain: &Chain) -> Option<Push> {
        let push = self.diff.get(&chain.0)?.push.get(&chain.1)?;
        let sent = self.sent.get(chain).map_or(0, |seq| seq + 1);
        Some(Push { from: push.from.max(sent), probe: push.probe })
    }
}
