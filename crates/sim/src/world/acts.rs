//! Steps of the plan.

use std::sync::Arc;

use nexus_identity::ConnectId;
use nexus_log::ids::{Head, LogKey};

use super::World;
use crate::dice::Dice;
use crate::disk::Disk;
use crate::facts::Facts;
use crate::node::{Backup, Clock, Job, words};
use crate::plan::Act;
use crate::trace::short;

impl World {
    pub(super) fn act(&mut self, step: usize) {
        let act = self.plan.steps[step].act.clone();
        self.trace
            .note(self.now, None, "step", &(step as u64).to_be_bytes(), || format!("{act:?}"));
        match act {
            Act::Say { node, to, what, pick } => {
                let to = self.who(to);
                self.ask_of(node, Job::Say(to, what, pick));
            }
            Act::Write { node, to, line } => {
                let to = self.who(to);
                self.ask_of(node, Job::Write(to, line));
            }
            Act::Look { node, with, shows } => self.look(node, with, &shows),
            Act::Contact { node, who, what } => {
                let card = self.card(who);
                let who = self.who(who);
                self.ask_of(node, Job::Contact(who, what, card));
            }
            Act::Rename { node, pick } => self.ask_of(node, Job::Rename(pick)),
            Act::Revoke { node, other } => {
                let instance = self.nodes.get(&other).map(|held| held.disk.facts.instance.key());
                if let Some(instance) = instance {
                    self.ask_of(node, Job::Revoke(instance));
                }
            }
            Act::Backup { node } => self.back_up(node),
            Act::Restore { node, from } => self.restore(node, from),
            Act::Fault(fault) => self.strike(fault),
        }
    }

    fn look(&mut self, node: usize, with: usize, wanted: &[String]) {
        let who = self.who(with);
        let Some(held) = self.nodes.get(&node) else {
            return self.fail(format!("n{node} is not there"));
        };
        let view = held.disk.facts.with(&who).map(|one| held.disk.view(&one.id));
        let shows: Vec<String> = view.unwrap_or_default().iter().map(words).collect();
        if shows != wanted {
            self.fail(format!("n{node} shows {shows:?} with p{with}, not {wanted:?}"));
        }
    }

    fn ask_of(&mut self, node: usize, job: Job) {
        if self.nodes.get(&node).is_some_and(|held| held.up) {
            self.queue(node, job);
        }
    }

    /// The card of somebody, as an invite would bring it.
    fn card(&self, person: usize) -> Option<Arc<nexus_identity::VerifiedCard>> {
        let node = self.nodes.values().find(|node| node.person == person)?;
        Some(Arc::new(node.disk.facts.card.live_part()))
    }

    fn back_up(&mut self, node: usize) {
        let Some(held) = self.nodes.get(&node) else { return };
        let facts = &held.disk.facts;
        let contacts = facts.contacts.iter();
        let contacts = contacts.map(|(who, one)| (*who, one.standing, one.card.clone())).collect();
        let backup =
            Backup { keyring: held.disk.keyring(), contacts, card: Arc::clone(&facts.card) };
        self.backups.insert(node, Arc::new(backup));
        self.cover.hit("backup");
    }

    fn restore(&mut self, node: usize, from: usize) {
        let Some(backup) = self.backups.get(&from).cloned() else { return };
        if self.nodes.contains_key(&node) {
            return;
        }
        let person = self.plan.nodes[node].person;
        let mut dice = Dice::new(self.plan.seed, "node", node as u64);
        let clock = Clock::new(self.plan.nodes[node].clock);
        let now = clock.wall(self.now);
        let Some(facts) = Facts::new(&self.people[person], Some(&backup.card), now, &mut dice)
        else {
            return self.fail("a restored node could not be made".into());
        };
        match Disk::new(self.kind, facts) {
            Ok(disk) => self.born(node, disk, vec![Job::Restored(backup)]),
            Err(error) => self.fail(format!("a restored disk could not be made: {error}")),
        }
        self.cover.hit("restored from a backup");
    }

    /// A device that was not there before.
    pub(super) fn born(&mut self, node: usize, disk: Disk, jobs: Vec<Job>) {
        let held = self.device(node, disk);
        self.nodes.insert(node, held);
        for job in jobs {
            self.queue(node, job);
        }
        self.tick_at(node, self.now);
        self.dial_all(node);
    }

    /// Somebody is said to have an entry: one of their devices must have it, or have had it before its disk went back.
    pub(super) fn check_delivered(
        &mut self,
        node: usize,
        person: usize,
        log: &LogKey,
        who: &ConnectId,
        head: Head,
    ) {
        self.cover.hit("delivered");
        let bytes = [&log.as_bytes()[..], &head.seq.to_be_bytes()].concat();
        self.trace.note(self.now, Some(node), "delivered", &bytes, || {
            format!("{} seq {} to {}", short(log.as_bytes()), head.seq, short(who.as_bytes()))
        });
        let Some(other) = self.person(who) else { return };
        if !self.is_honest(other) || !self.is_honest(person) {
            return;
        }
        let mut theirs = self.nodes.values().filter(|node| node.person == other);
        let excused = theirs.clone().any(|node| node.forgot);
        if !excused && !theirs.any(|held| held.disk.holds(log, head.seq, &head.hash)) {
            self.fail(format!(
                "n{node} shows seq {} of {} as delivered, but nobody there has it",
                head.seq,
                short(log.as_bytes())
            ));
        }
    }
}
