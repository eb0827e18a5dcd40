//! RUNs that come in: into the store, to wait for others, known already, or not fitting.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::bugs::{self, Bug};
use nexus_log::ids::{Head, LogHead, LogKey, Topic};
use nexus_log::run::CheckedRun;

use super::trouble::Trouble;
use super::{Engine, Refused};
use crate::code::{ByeCode, ViolationCode};
use crate::ids::{LinkId, Ticket};
use crate::intake::Commit;
use crate::limits::MAX_BRANCHES;
use crate::link::charge;
use crate::output::Output;
use crate::store::Store;

/// What the place of a run in its log is.
enum Place {
    /// It follows what is held or under way.
    Next,
    /// It begins within what is held and goes beyond.
    Overlap,
    /// It begins within what is held and is another branch from some entry on.
    Branch(LogHead),
    /// All of it is held.
    Known,
    /// That can only be said when what is under way is durable.
    Wait,
    /// Its beginning is on no branch that is held.
    Misfit,
}

impl Engine {
    pub(super) fn on_run<S: Store>(
        &mut self,
        id: LinkId,
        run: CheckedRun,
        store: &S,
    ) -> Result<(), Trouble> {
        let cost = charge(run.bytes().len());
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Some(left) = link.granted.checked_sub(cost) else {
            return Err(Trouble::Violation(ViolationCode::CreditOverrun));
        };
        link.granted = left;
        let Some(topic) = self.admit(id, &run)? else {
            self.free(id, cost);
            return Ok(());
        };
        self.progress(id, &topic);
        self.peer_pushes(id, &topic, &run);
        if self.view.tips(&topic, &run.log()).is_empty() {
            self.check_logs(id, &topic)?;
        }
        self.place(id, topic, run, store)
    }

    /// The topic of a run that may be taken; `None` if it is to be dropped in silence.
    fn admit(&mut self, id: LinkId, run: &CheckedRun) -> Result<Option<Topic>, Trouble> {
        let log = run.log();
        let known = self.view.topic_of(&log).or_else(|| self.intake.topic_of(&log));
        let Some(topic) = run.topic().or(known) else {
            // The log may be of a topic that was shared until now; else it is none of ours.
            let Some(link) = self.links.get(&id) else { return Ok(None) };
            let ended = link.once.iter().any(|topic| !link.shares.contains_key(topic));
            return if ended || link.told_no.contains(&log) {
                Ok(None)
            } else {
                self.free(id, charge(run.bytes().len()));
                Err(Trouble::Violation(ViolationCode::UnsolicitedLog))
            };
        };
        match self.is_shared(id, &topic) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(trouble) => {
                self.free(id, charge(run.bytes().len()));
                return Err(trouble);
            }
        }
        let elsewhere = known.is_some_and(|known| known != topic);
        if elsewhere || self.refused.contains(&log) {
            self.say_no(id, log);
            return Ok(None);
        }
        let told = self.links.get(&id).is_some_and(|link| link.told_no.contains(&log));
        Ok((!told).then_some(topic))
    }

    /// RUN bytes that are dealt with and may be granted again.
    pub(super) fn free(&mut self, id: LinkId, bytes: u32) {
        if let Some(link) = self.links.get_mut(&id) {
            link.credit_due += if bugs::is(Bug::CreditLeak) { bytes / 2 } else { bytes };
        }
    }

    /// Hands a run on to where it belongs, or keeps it until that can be said.
    fn place<S: Store>(
        &mut self,
        id: LinkId,
        topic: Topic,
        run: CheckedRun,
        store: &S,
    ) -> Result<(), Trouble> {
        match self.judge(id, &topic, &run, store) {
            Ok(Place::Wait) => {
                self.intake.park(id, run);
                Ok(())
            }
            Ok(place) => self.take(id, topic, run, place, store),
            Err(trouble) => {
                self.free(id, charge(run.bytes().len()));
                Err(trouble)
            }
        }
    }

    fn judge<S: Store>(
        &self,
        id: LinkId,
        topic: &Topic,
        run: &CheckedRun,
        store: &S,
    ) -> Result<Place, Trouble> {
        let log = run.log();
        let held = self.view.tips(topic, &log);
        let before = before(run);
        if self.intake.follows(&log, before, held) {
            return Ok(Place::Next);
        }
        let last = run.last();
        for chain in held.iter().filter(|chain| chain.head.seq >= last.seq) {
            if store.hash_at(&log, chain.branch.as_ref(), last.seq)? == Some(last.hash) {
                return Ok(Place::Known);
            }
        }
        if self.intake.outstanding(&log) > 0 {
            return Ok(Place::Wait);
        }
        let Some(before) = before else {
            return Ok(match held.iter().find(|chain| continues(run, chain)) {
                Some(_) => Place::Overlap,
                None => held.first().map_or(Place::Next, |chain| Place::Branch(*chain)),
            });
        };
        let mut base = None;
        for chain in held.iter().filter(|chain| chain.head.seq >= before.seq) {
            if store.hash_at(&log, chain.branch.as_ref(), before.seq)? == Some(before.hash) {
                if continues(run, chain) {
                    return Ok(Place::Overlap);
                }
                base = Some(*chain);
            }
        }
        if let Some(chain) = base {
            return Ok(Place::Branch(chain));
        }
        // What was pushed before my FORK arrived goes on with a branch that I don't hold yet.
        let forked = self.links.get(&id).is_some_and(|link| link.forked.contains(&log));
        if !forked && held.iter().all(|chain| chain.head.seq < before.seq) {
            let code =
                if held.is_empty() { ViolationCode::UnsolicitedLog } else { ViolationCode::Gap };
            return Err(Trouble::Violation(code));
        }
        Ok(Place::Misfit)
    }

    fn take<S: Store>(
        &mut self,
        id: LinkId,
        topic: Topic,
        run: CheckedRun,
        place: Place,
        store: &S,
    ) -> Result<(), Trouble> {
        let cost = charge(run.bytes().len());
        let log = run.log();
        let plain = matches!(place, Place::Next);
        match place {
            Place::Known => {
                self.free(id, cost);
                // It would not have been sent if the peer knew.
                if let Some(link) = self.links.get_mut(&id) {
                    link.announce.entry(topic).or_default().insert(log);
                }
                self.refresh(id, &topic, &log, None, store)?;
                return Ok(());
            }
            Place::Misfit => {
                self.free(id, cost);
                return self.answer_misfit(id, topic, log, store);
            }
            Place::Branch(chain) => {
                self.tell_fork(id, topic, &chain, &run, store)?;
                if self.view.tips(&topic, &log).len() >= MAX_BRANCHES {
                    self.free(id, cost);
                    self.say_no(id, log);
                    return Ok(());
                }
            }
            Place::Next | Place::Overlap | Place::Wait => {}
        }
        if let Some(link) = self.links.get_mut(&id) {
            link.forked.remove(&log);
        }
        let commit = Commit {
            link: id,
            topic,
            log,
            before: before(&run),
            last: run.last(),
            charge: cost,
            plain,
        };
        let ticket = self.intake.commit(commit, self.view.tips(&topic, &log));
        if bugs::is(Bug::HeadsBeforeDurable) && plain {
            let before = self.advance(&commit, store).unwrap_or_default();
            self.changed(&topic, &log, before, false, store);
        }
        self.outputs.push_back(Output::Commit { ticket, link: id, topic, run });
        Ok(())
    }

    pub(super) fn on_committed<S: Store>(&mut self, tickets: &[Ticket], store: &S) {
        let mut changed: BTreeMap<(Topic, LogKey), Option<Vec<LogHead>>> = BTreeMap::new();
        for ticket in tickets {
            let Some(commit) = self.intake.settle(*ticket) else { continue };
            self.free(commit.link, commit.charge);
            let before = self.advance(&commit, store);
            let first = changed.entry((commit.topic, commit.log)).or_insert(None);
            *first = first.take().or(before);
        }
        let logs: BTreeSet<LogKey> = changed.keys().map(|(_, log)| *log).collect();
        for ((topic, log), before) in changed {
            if let Some(before) = before {
                self.changed(&topic, &log, before, false, store);
            }
        }
        for log in logs {
            self.wake(&log, store);
        }
    }

    /// Moves the view to what a commit made durable; what the log's branches were, if they changed.
    fn advance<S: Store>(&mut self, commit: &Commit, store: &S) -> Option<Vec<LogHead>> {
        let Commit { topic, log, last, .. } = commit;
        if !self.view.holds(topic) {
            return None;
        }
        let mut tips = self.view.tips(topic, log).to_vec();
        let extended = tips.iter_mut().find(|tip| Some(tip.head) == commit.before);
        let opening = commit.plain && commit.before.is_none();
        if let Some(tip) = extended.filter(|_| commit.plain) {
            tip.head = *last;
        } else if opening && tips.is_empty() {
            tips.push(LogHead { log: *log, branch: None, first: 0, head: *last });
        } else {
            match store.tips(log) {
                Ok(read) => tips = read,
                Err(error) => {
                    self.trouble(commit.link, Trouble::Store(error));
                    return None;
                }
            }
        }
        if tips.is_empty() || tips == self.view.tips(topic, log) {
            return Some(tips);
        }
        Some(self.view.set_tips(topic, *log, tips))
    }

    /// Looks again at runs that waited for this log.
    fn wake<S: Store>(&mut self, log: &LogKey, store: &S) {
        while let Some((id, run)) = self.intake.unpark(log) {
            let Some(topic) = run.topic().or_else(|| self.view.topic_of(log)) else { continue };
            if !self.links.get(&id).is_some_and(|link| link.shares.contains_key(&topic)) {
                self.free(id, charge(run.bytes().len()));
                continue;
            }
            let result = match self.judge(id, &topic, &run, store) {
                Ok(Place::Wait) if bugs::is(Bug::WaitingRunDropped) => return,
                Ok(Place::Wait) => {
                    self.intake.repark(id, run);
                    return;
                }
                Ok(place) => self.take(id, topic, run, place, store),
                Err(trouble) => {
                    self.free(id, charge(run.bytes().len()));
                    Err(trouble)
                }
            };
            if let Err(trouble) = result {
                self.trouble(id, trouble);
            }
        }
    }

    pub(super) fn on_refused<S: Store>(&mut self, ticket: Ticket, why: Refused, store: &S) {
        let Some(commit) = self.intake.settle(ticket) else { return };
        match why {
            Refused::Storage => self.end_link(commit.link, ByeCode::Storage),
            Refused::Topic => self.drop_refused(&commit),
            Refused::Log => {
                self.drop_refused(&commit);
                self.say_no(commit.link, commit.log);
                self.forget_log(commit.link, &commit.topic, commit.log);
            }
        }
        self.wake(&commit.log, store);
    }

    /// What waits behind a refused run goes with it: whoever sent it could not know.
    fn drop_refused(&mut self, commit: &Commit) {
        self.free(commit.link, commit.charge);
        for run in self.intake.take_parked(commit.link, &commit.log) {
            self.free(commit.link, charge(run.bytes().len()));
        }
    }

    /// A log that is refused on a link is no difference any more.
    fn forget_log(&mut self, id: LinkId, topic: &Topic, log: LogKey) {
        if let Some(link) = self.links.get_mut(&id) {
            link.set_log(topic, log, None);
        }
    }
}

/// What a run names as the entry before it; `None` for an OPEN.
fn before(run: &CheckedRun) -> Option<Head> {
    let seq = run.first_seq().checked_sub(1)?;
    Some(Head { seq, hash: run.first_prev() })
}

/// The run holds the head of this branch: it goes on with it.
fn continues(run: &CheckedRun, chain: &LogHead) -> bool {
    run.hash_at(chain.head.seq) == Some(chain.head.hash)
        || before(run).is_some_and(|before| before == chain.head)
}
