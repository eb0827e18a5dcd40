//! Logs that part: how both ends find out where, and who hears of it.
//!
//! A run that begins within what is held but differs is a branch and stored as one. A run whose
//! beginning is on no branch here can't be: it is answered with points of the chain that is held,
//! each twice as far back as the one before; its sender goes on from the last point that it holds
//! too, and so sends at most twice the branch.

use nexus_log::fork::ForkProof;
use nexus_log::ids::{LogHead, LogKey, Topic};
use nexus_log::run::CheckedRun;

use super::Engine;
use super::trouble::Trouble;
use crate::compare::{known_points, locator};
use crate::frame::{Fork, Frame};
use crate::ids::LinkId;
use crate::limits::{MAX_FORKS_ANSWERED, MAX_FORKS_SEEN, MAX_PROOFS, OPENING_BYTES};
use crate::output::Output;
use crate::store::Store;

impl Engine {
    /// Answers a run that is on no branch here, once until something of its log fits.
    pub(super) fn answer_misfit<S: Store>(
        &mut self,
        id: LinkId,
        topic: Topic,
        log: LogKey,
        store: &S,
    ) -> Result<(), Trouble> {
        let longest = self.view.tips(&topic, &log).iter().max_by_key(|tip| tip.head.seq).copied();
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        let Some(longest) = longest.filter(|_| link.forked.insert(log)) else { return Ok(()) };
        if link.count_fork(topic) > MAX_FORKS_ANSWERED {
            return Err(Trouble::Topic(topic));
        }
        let locator = locator(&longest, store)?;
        let fork = Fork { log, proof: None, locator };
        let send = link.send(Frame::Fork(Box::new(fork)), None);
        self.outputs.push_back(send);
        Ok(())
    }

    /// A run parts from a branch that is held: says so here and on every link that shares it.
    pub(super) fn tell_fork<S: Store>(
        &mut self,
        id: LinkId,
        topic: Topic,
        chain: &LogHead,
        run: &CheckedRun,
        store: &S,
    ) -> Result<(), Trouble> {
        let log = run.log();
        let mut differs = None;
        for seq in run.first_seq()..=run.last().seq.min(chain.head.seq) {
            if store.hash_at(&log, chain.branch.as_ref(), seq)? != run.hash_at(seq) {
                differs = Some(seq);
                break;
            }
        }
        let Some(seq) = differs else { return Ok(()) };
        let Some(mine) = store.run(&log, chain.branch.as_ref(), seq, OPENING_BYTES)? else {
            return Ok(());
        };
        let Ok(mine) = mine.check() else { return Ok(()) };
        let Some(proof) = ForkProof::from_runs(&mine, run) else { return Ok(()) };
        if !self.note_fork(id, Some(topic), &proof) {
            return Ok(());
        }
        for link in self.links.values_mut() {
            // The branches reach everybody anyway: beyond the limit without the proof.
            if link.shares.contains_key(&topic) && link.proofs < MAX_PROOFS {
                link.proofs += 1;
                let fork = Fork { log, proof: Some(proof.clone()), locator: Vec::new() };
                let send = link.send(Frame::Fork(Box::new(fork)), None);
                self.outputs.push_back(send);
            }
        }
        Ok(())
    }

    /// Reports a proof once; `false` if it was reported before.
    fn note_fork(&mut self, id: LinkId, topic: Option<Topic>, proof: &ForkProof) -> bool {
        if self.forks_seen.len() >= MAX_FORKS_SEEN {
            self.forks_seen.pop_first();
        }
        let new = self.forks_seen.insert((proof.log(), proof.branches()));
        if new {
            let proof = Box::new(proof.clone());
            self.outputs.push_back(Output::ForkSeen { link: id, topic, proof });
        }
        new
    }

    pub(super) fn on_fork<S: Store>(
        &mut self,
        id: LinkId,
        fork: Fork,
        store: &S,
    ) -> Result<(), Trouble> {
        // A log that I don't hold says nothing to me yet; its branches will come by themselves.
        let Some(topic) = self.view.topic_of(&fork.log) else { return Ok(()) };
        if !self.is_shared(id, &topic)? {
            return Ok(());
        }
        if let Some(proof) = &fork.proof {
            self.note_fork(id, Some(topic), proof);
        }
        if fork.locator.is_empty() {
            return Ok(());
        }
        let Some(link) = self.links.get_mut(&id) else { return Ok(()) };
        if link.count_fork(topic) > MAX_FORKS_ANSWERED {
            return Err(Trouble::Topic(topic));
        }
        let mine = self.view.tips(&topic, &fork.log);
        let Some(share) = link.shares.get_mut(&topic) else { return Ok(()) };
        // What was sent so far did not fit, or comes out as known.
        share.sent.retain(|(log, _), _| *log != fork.log);
        share.points.insert(fork.log, known_points(mine, &fork.locator, store)?);
        self.refresh(id, &topic, &fork.log, None, store)?;
        Ok(())
    }
}
