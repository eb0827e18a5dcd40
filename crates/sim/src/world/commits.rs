//! The store of a node: jobs wait, become durable together, and only then anybody hears of it.

use std::sync::Arc;
use std::time::Duration;

use nexus_identity::ConnectId;
use nexus_sync::{LinkId, Refused, Ticket};

use super::{Event, Flaw, World};
use crate::dice::Dice;
use crate::disk::Trap;
use crate::net::Control;
use crate::node::{After, Done, Job, Taken};
use crate::plan::Lie;
use crate::trace::short;

mod one;

use one::one;

/// How long it takes until a device asks for keys that are missing.
const CALM: Duration = Duration::from_secs(2);
/// Longest time between two looks at a clock.
const LONGEST_TICK: Duration = Duration::from_secs(12 * 3_600);
/// … and shortest.
const SHORTEST_TICK: Duration = Duration::from_millis(20);
/// Jobs that may wait for a store: the window of each link in runs of the smallest charge, and what people do.
const MOST_JOBS: usize = 4_096 * 4;

/// What a commit left to do.
#[derive(Default)]
struct Outcome {
    durable: Vec<Ticket>,
    refused: Vec<(Ticket, Refused)>,
    done: Vec<Done>,
    after: After,
    useful: u64,
    died: bool,
    bug: Option<String>,
}

impl Outcome {
    /// Nothing more can be done.
    const fn is_over(&self) -> bool {
        self.died || self.bug.is_some()
    }

    /// Adds what further jobs left.
    fn merge(&mut self, other: Self) {
        self.durable.extend(other.durable);
        self.refused.extend(other.refused);
        self.done.extend(other.done);
        self.after.merge(other.after);
        self.useful += other.useful;
        self.died |= other.died;
        self.bug = self.bug.take().or(other.bug);
    }
}

impl World {
    /// Adds a job to those that wait for a device's store.
    pub(super) fn queue(&mut self, node: usize, job: Job) {
        let longest = self.plan.commit.max(1);
        let wait = Duration::from_micros(self.dice.range(200, longest * 1_000));
        let held = self.node(node);
        if !held.up {
            return;
        }
        held.jobs.push_back(job);
        let (life, waiting) = (held.life, held.jobs.len());
        if !held.committing {
            held.committing = true;
            self.after(wait, Event::Commit { node, life });
        }
        if waiting > MOST_JOBS {
            self.fail(format!("n{node} has {waiting} jobs waiting"));
        }
    }

    pub(super) fn commit(&mut self, node: usize, life: u32) {
        if !self.lives(node, life) {
            return;
        }
        // With this mistake, what is synced comes to the disk only now and then.
        let synced = self.flaw == Some(Flaw::LostFsync) && self.tear.chance(200);
        let held = self.node(node);
        held.committing = false;
        let jobs = std::mem::take(&mut held.jobs);
        if synced {
            held.old = held.disk.snapshot().ok();
        }
        let dies = held.disk.fuse.is_some_and(|fuse| fuse.trap == Trap::Dies);
        // A machine that dies may take what it committed and had not synced yet.
        let safe = match dies {
            true if self.tear.chance(600) => 0,
            true => self.tear.index(jobs.len() + 1),
            false => jobs.len(),
        };
        let mut out = Outcome::default();
        self.jobs(node, jobs.range(..safe), &mut out);
        if safe < jobs.len() && !out.is_over() {
            self.unsafe_jobs(node, jobs.range(safe..), &mut out);
        }
        self.effects(node, out);
    }

    fn jobs<'a>(&mut self, node: usize, jobs: impl Iterator<Item = &'a Job>, out: &mut Outcome) {
        let now = self.now;
        let held = self.node(node);
        for job in jobs {
            one(held, job, now, out);
            if out.is_over() {
                break;
            }
        }
    }

    /// Jobs that are committed and not synced: if the machine dies among them, all of them are gone.
    fn unsafe_jobs<'a>(
        &mut self,
        node: usize,
        jobs: impl Iterator<Item = &'a Job>,
        out: &mut Outcome,
    ) {
        let held = self.node(node);
        let tainted = held.tainted.clone();
        let synced = match held.disk.synced() {
            Ok(synced) => synced,
            Err(error) => return self.fail(format!("n{node}: before a power cut: {error}")),
        };
        let mut late = Outcome::default();
        self.jobs(node, jobs, &mut late);
        if !late.died {
            return out.merge(late);
        }
        out.died = true;
        if !late.done.is_empty() {
            self.cover.hit("crash takes what was not synced");
        }
        let mut dice = Dice::new(self.plan.seed, "power", self.steps);
        let held = self.node(node);
        held.tainted = tainted;
        let torn = held.disk.tear(synced, &mut dice);
        torn.unwrap_or_else(|error| self.fail(format!("n{node}: after a power cut: {error}")));
    }

    fn effects(&mut self, node: usize, out: Outcome) {
        let Outcome { durable, refused, done, mut after, useful, died, bug } = out;
        self.traffic.useful += useful;
        if let Some(bug) = bug {
            return self.fail(format!("n{node}: {bug}"));
        }
        for what in std::mem::take(&mut after.seen) {
            self.cover.hit(what);
        }
        let person = self.nodes[&node].person;
        for signed in std::mem::take(&mut after.signed) {
            self.trace.note(self.now, Some(node), "wrote", signed.hash.as_bytes(), || {
                let name = format!("{:?}", signed.payload);
                let name: String = name.chars().take(60).collect();
                format!("{} seq {} {name}", short(signed.hash.as_bytes()), signed.position.seq)
            });
            self.oracle.wrote(signed);
        }
        for (log, who, head) in std::mem::take(&mut after.raised) {
            self.check_delivered(node, person, &log, &who, head);
        }
        if died {
            self.cover.hit("crash inside a transaction");
            return self.crash(node);
        }
        self.tell_engine(node, &durable, &refused, &after);
        for one in done {
            self.done(node, one);
        }
        self.follow(node, after);
    }

    /// The engine hears what is durable and what is not.
    fn tell_engine(
        &mut self,
        node: usize,
        durable: &[Ticket],
        refused: &[(Ticket, Refused)],
        after: &After,
    ) {
        let now = self.now;
        let held = self.node(node);
        for ((topic, log), head) in &after.appended {
            held.engine.handle_appended(*topic, *log, *head, now, &held.disk);
        }
        if !durable.is_empty() {
            held.engine.handle_committed(durable, now, &held.disk);
        }
        for (ticket, why) in refused {
            held.engine.handle_refused(*ticket, *why, now, &held.disk);
        }
        for (_, why) in refused {
            self.cover.hit(match why {
                Refused::Log => "run refused",
                Refused::Topic => "run unwanted",
                Refused::Storage => "run gap",
            });
        }
        self.drain(node);
    }

    fn done(&mut self, node: usize, done: Done) {
        match done {
            Done::Taken(_, Taken::Stored(count)) => {
                self.traffic.entries += count as u64;
                let bytes = (count as u64).to_be_bytes();
                self.trace.note(self.now, Some(node), "stored", &bytes, || format!("{count} new"));
            }
            Done::Taken(..) | Done::Nothing => {}
            Done::Met(link) => self.link_up(node, link),
            Done::Tell(link, who) => self.tell_of(node, link, who),
            Done::LetterIsHere(link, id) => self.say(node, link, Control::LetterOk(id)),
            Done::SendLetter(link, letter) => self.say(node, link, Control::Letter(letter)),
            Done::Next(next) => {
                let wall = self.nodes[&node].clock.wall(self.now);
                let wait = next.since(wall).clamp(SHORTEST_TICK, LONGEST_TICK);
                self.tick_at(node, self.now + wait);
            }
        }
    }

    /// What must happen outside once a commit is durable.
    fn follow(&mut self, node: usize, after: After) {
        let life = self.nodes[&node].life;
        if after.wants {
            self.wants(node);
        }
        if after.hello {
            self.tell_hello(node);
        }
        if after.hello || !after.cards.is_empty() {
            self.end_revoked(node);
        }
        for who in after.cards {
            if let Some(card) = self.nodes[&node].disk.facts.card_of(&who).cloned() {
                self.pass_on(node, &who, &Control::Card(card));
            }
        }
        for record in after.records {
            let who = record.connect_id();
            self.pass_on(node, &who, &Control::Record(record));
        }
        if after.letters {
            for link in self.nodes[&node].links.clone() {
                if let Some((other, _)) = self.peer(node, link) {
                    let who = self.nodes[&other].disk.facts.who();
                    self.queue(node, Job::LetterDue(link, who));
                }
            }
        }
        if after.timers {
            self.tick_at(node, self.now + Duration::from_millis(50));
        }
        for topic in after.requests {
            let job = Box::new(Job::Requests(topic));
            self.after(CALM, Event::Later { node, life, job });
        }
        let two_faces = self.nodes[&node].lies.contains(&Lie::Equivocate);
        if let Some(instance) = after.give_up.filter(|_| !two_faces) {
            // Whoever makes the new instance is another task, and may be busy.
            let busy = Duration::from_millis(self.dice.scale(1, 3_000));
            let job = Box::new(Job::GiveUp(instance));
            self.after(busy, Event::Later { node, life, job });
            for job in after.held {
                self.cover.hit("held back between instances");
                self.after(busy, Event::Later { node, life, job: Box::new(job) });
            }
        }
    }

    /// Links with instances that do not count any more end.
    fn end_revoked(&mut self, node: usize) {
        for link in self.nodes[&node].links.clone() {
            let Some((other, instance)) = self.peer(node, link) else { continue };
            let peer = self.nodes[&other].disk.facts.who();
            let card = self.nodes[&node].disk.facts.card_of(&peer);
            if card.is_some_and(|card| card.is_revoked(&instance)) {
                self.cover.hit("link with a revoked device ended");
                self.node(node).engine.close(link, nexus_sync::ByeCode::Done);
            }
        }
        self.drain(node);
    }

    fn wants(&mut self, node: usize) {
        let now = self.now;
        for link in self.nodes[&node].links.clone() {
            let Some((other, _)) = self.peer(node, link) else { continue };
            let who = self.nodes[&other].disk.facts.who();
            let held = self.node(node);
            let wanted = held.wanted(&who);
            held.engine.set_wanted(link, wanted, now, &held.disk);
        }
        // Another instance has other links: those of the one before end.
        let key = self.nodes[&node].disk.facts.instance.key();
        for link in self.nodes[&node].links.clone() {
            let mine = self
                .links
                .get(&link)
                .and_then(|held| held.end_of(node).map(|end| held.ends[end].instance));
            if mine.is_some_and(|mine| mine != key) {
                self.node(node).engine.close(link, nexus_sync::ByeCode::Done);
            }
        }
        self.drain(node);
        self.dial_all(node);
    }

    /// A device of mine knows less of somebody than this one: it is told, and what it could not take before, too.
    fn tell_of(&mut self, node: usize, link: LinkId, who: ConnectId) {
        self.cover.hit("a device told what it missed");
        let facts = Arc::clone(&self.nodes[&node].disk.facts);
        if let Some(card) = facts.card_of(&who) {
            self.say(node, link, Control::Card(Arc::clone(card)));
        }
        for record in facts.records.values().filter(|record| record.connect_id() == who) {
            self.say(node, link, Control::Record(Arc::clone(record)));
        }
    }

    /// Passes on what was learned of somebody: a card to them and to my other devices, a record to those and, if it is that
    /// of another device of mine, to everybody. Whoever knows it already passes nothing on, so that ends.
    fn pass_on(&mut self, node: usize, about: &ConnectId, control: &Control) {
        let me = self.nodes[&node].disk.facts.who();
        let all = *about == me && matches!(control, Control::Record(_));
        for link in self.nodes[&node].links.clone() {
            let Some((other, _)) = self.peer(node, link) else { continue };
            let to = self.nodes[&other].disk.facts.who();
            if all || to == me || to == *about {
                self.say(node, link, control.clone());
            }
        }
    }
}
