//! Runs on their way into the store: handed out as commits, or waiting for one before them.

use std::collections::{BTreeMap, VecDeque};

use nexus_log::ids::{Head, LogHead, LogKey, Topic};
use nexus_log::run::CheckedRun;

use crate::ids::{LinkId, Ticket};

/// A run that was handed out to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Commit {
    pub(crate) link: LinkId,
    pub(crate) topic: Topic,
    pub(crate) log: LogKey,
    pub(crate) before: Option<Head>,
    pub(crate) last: Head,
    pub(crate) charge: u32,
    /// It extends a branch by exactly these entries; else the store is asked what became of it.
    pub(crate) plain: bool,
}

/// What is under way for one log.
#[derive(Debug, Default)]
struct PendingLog {
    topic: Option<Topic>,
    /// The heads that the log will have once all is durable.
    tips: Vec<Head>,
    outstanding: usize,
    /// One of the outstanding runs is not plain: its outcome is known only when it is durable.
    opaque: bool,
    parked: VecDeque<(LinkId, CheckedRun)>,
}

impl PendingLog {
    fn is_idle(&self) -> bool {
        self.outstanding == 0 && self.parked.is_empty()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Intake {
    logs: BTreeMap<LogKey, PendingLog>,
    commits: BTreeMap<Ticket, Commit>,
    next: u64,
}

impl Intake {
    /// The topic of a log that is under way.
    pub(crate) fn topic_of(&self, log: &LogKey) -> Option<Topic> {
        self.logs.get(log).and_then(|pending| pending.topic)
    }

    /// Whether a run that follows `before` extends what is held or under way.
    pub(crate) fn follows(&self, log: &LogKey, before: Option<Head>, durable: &[LogHead]) -> bool {
        match self.logs.get(log).filter(|pending| pending.outstanding > 0) {
            Some(pending) => !pending.opaque && extends(before, pending.tips.iter().copied()),
            None => extends(before, durable.iter().map(|tip| tip.head)),
        }
    }

    pub(crate) fn outstanding(&self, log: &LogKey) -> usize {
        self.logs.get(log).map_or(0, |pending| pending.outstanding)
    }

    /// Notes a run as handed out.
    pub(crate) fn commit(&mut self, commit: Commit, durable: &[LogHead]) -> Ticket {
        let pending = self.logs.entry(commit.log).or_default();
        if pending.outstanding == 0 {
            pending.tips = durable.iter().map(|tip| tip.head).collect();
        }
        pending.topic = Some(commit.topic);
        pending.outstanding += 1;
        pending.opaque |= !commit.plain;
        match pending.tips.iter_mut().find(|tip| Some(**tip) == commit.before) {
            Some(tip) => *tip = commit.last,
            None => pending.tips.push(commit.last),
        }
        self.next += 1;
        let ticket = Ticket(self.next);
        self.commits.insert(ticket, commit);
        ticket
    }

    /// Takes a ticket back: its run is durable, or never will be.
    pub(crate) fn settle(&mut self, ticket: Ticket) -> Option<Commit> {
        let commit = self.commits.remove(&ticket)?;
        if let Some(pending) = self.logs.get_mut(&commit.log) {
            pending.outstanding = pending.outstanding.saturating_sub(1);
            if pending.outstanding == 0 {
                pending.opaque = false;
            }
        }
        self.tidy(&commit.log);
        Some(commit)
    }

    /// Keeps a run until the ones before it are durable.
    pub(crate) fn park(&mut self, link: LinkId, run: CheckedRun) {
        self.logs.entry(run.log()).or_default().parked.push_back((link, run));
    }

    /// Takes the oldest waiting run of a log out, to look at it again.
    pub(crate) fn unpark(&mut self, log: &LogKey) -> Option<(LinkId, CheckedRun)> {
        let run = self.logs.get_mut(log)?.parked.pop_front();
        self.tidy(log);
        run
    }

    /// Puts a run back that must go on waiting.
    pub(crate) fn repark(&mut self, link: LinkId, run: CheckedRun) {
        self.logs.entry(run.log()).or_default().parked.push_front((link, run));
    }

    /// Forgets what waits from a link that is gone. What was handed out is still stored.
    pub(crate) fn drop_parked(&mut self, link: LinkId) {
        for pending in self.logs.values_mut() {
            pending.parked.retain(|(from, _)| *from != link);
        }
        self.logs.retain(|_, pending| !pending.is_idle());
    }

    /// Takes out what waits of a log from a link where the log is refused: it may go on from what is not stored.
    pub(crate) fn take_parked(&mut self, link: LinkId, log: &LogKey) -> Vec<CheckedRun> {
        let Some(pending) = self.logs.get_mut(log) else { return Vec::new() };
        let parked = std::mem::take(&mut pending.parked);
        let (out, rest) = parked.into_iter().partition(|(from, _)| *from == link);
        pending.parked = rest;
        self.tidy(log);
        let out: VecDeque<(LinkId, CheckedRun)> = out;
        out.into_iter().map(|(_, run)| run).collect()
    }

    fn tidy(&mut self, log: &LogKey) {
        if self.logs.get(log).is_some_and(PendingLog::is_idle) {
            self.logs.remove(log);
        }
    }
}

/// Whether what comes after `before` (`None`: an OPEN) goes on from one of these heads.
fn extends(before: Option<Head>, mut heads: impl Iterator<Item = Head>) -> bool {
    match before {
        Some(before) => heads.any(|head| head == before),
        None => heads.next().is_none(),
    }
}
