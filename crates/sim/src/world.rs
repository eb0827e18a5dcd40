//! One world: nodes, wires and one clock. Everything happens in one thread, in an order that the seed decides.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use nexus_identity::{ConnectId, IdentitySecrets};
use nexus_sync::{Config, LinkId, Serial};

use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::disk::{Disk, StoreKind};
use crate::facts::{Contact, Facts, Standing};
use crate::net::{Edge, Item, Link};
use crate::node::{Backup, Clock, Job, Node, START};
use crate::oracle::Oracle;
use crate::plan::{Act, Fault, NodePlan, Plan, Step};
use crate::trace::Trace;

mod acts;
mod commits;
mod faults;
mod flaw;
mod lies;
mod links;
mod outputs;
mod patience;
pub mod quiet;
mod wire;

pub use flaw::Flaw;
pub use patience::Patience;

/// What broke a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Duration,
    /// Which promise, and how.
    pub what: String,
}

/// What is to happen.
#[derive(Debug)]
enum Event {
    /// The next step of the plan.
    Step(usize),
    /// Two devices try to meet.
    Dial(usize),
    /// A dial came to its end.
    Meet { edge: usize, lives: (u32, u32), double: bool },
    /// Something arrives at the end of a lane.
    Arrive { link: LinkId, lane: usize, item: Item },
    /// Bytes are on the wire.
    Written { link: LinkId, end: usize, serial: Option<Serial>, bytes: u64 },
    /// The wire breaks.
    Break(LinkId),
    /// An end notices that the link is gone.
    Notice(LinkId, usize),
    /// What waits for the store becomes durable.
    Commit { node: usize, life: u32 },
    /// The engine wants to be called.
    Timeout { node: usize, life: u32 },
    /// The clock is looked at.
    Tick { node: usize, life: u32 },
    /// Jobs are added after a while.
    Later { node: usize, life: u32, job: Box<Job> },
    /// A device starts again.
    Start(usize),
    /// A fault that kept edges away ends.
    Back(Vec<usize>),
    /// There is room on the disk again.
    Room { node: usize, life: u32 },
}

#[derive(Debug)]
struct Scheduled {
    at: Duration,
    order: u64,
    event: Event,
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

/// Bytes that went over wires and into stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// RUN bytes that arrived.
    pub runs: u64,
    /// Bytes of all sync frames handed to wires.
    pub sent: u64,
    /// … of them, bytes of RUN frames.
    pub sent_runs: u64,
    /// Sync frames handed to wires.
    pub frames: u64,
    /// RUN frames handed to wires.
    pub run_frames: u64,
    /// Entries that were new where they arrived.
    pub entries: u64,
    /// Bytes of runs that brought something new.
    pub useful: u64,
    /// Links that came up.
    pub links: u64,
}

/// Nodes, wires and one clock.
#[derive(Debug)]
pub struct World {
    /// What is to happen.
    pub plan: Plan,
    /// Since the beginning.
    pub now: Duration,
    /// The devices that are there, by place.
    pub nodes: BTreeMap<usize, Node>,
    /// Identities.
    pub people: Vec<Arc<IdentitySecrets>>,
    /// What truly happened.
    pub oracle: Oracle,
    /// What happened, to be compared and read.
    pub trace: Trace,
    /// What was reached.
    pub cover: Coverage,
    /// Bytes.
    pub traffic: Traffic,
    /// The first broken promise.
    pub failure: Option<Failure>,
    /// Events so far.
    pub steps: u64,
    links: BTreeMap<LinkId, Link>,
    edges: Vec<Edge>,
    backups: BTreeMap<usize, Arc<Backup>>,
    kind: StoreKind,
    events: BinaryHeap<Reverse<Scheduled>>,
    order: u64,
    next_link: u64,
    dice: Dice,
    /// Chance of what was added later, so that plans that were saved go on to mean the same.
    tear: Dice,
    /// No more faults of wires.
    quiet: bool,
    /// A mistake of the simulated disks and wires themselves.
    flaw: Option<Flaw>,
}

impl World {
    /// The world of a plan, before anything happened.
    ///
    /// # Errors
    /// When a disk or an identity can't be made.
    pub fn new(plan: Plan, kind: StoreKind, keep_trace: bool) -> Result<Self, Failure> {
        let dice = Dice::new(plan.seed, "world", 0);
        let tear = Dice::new(plan.seed, "tear", 0);
        let person = |number: usize| {
            let mut dice = Dice::new(plan.seed, "person", number as u64);
            Arc::new(IdentitySecrets::generate(dice.rng()))
        };
        let people = (0..plan.people).map(person).collect();
        let edge = |ends: &(usize, usize)| Edge {
            ends: *ends,
            away: 0,
            closed: false,
            dialling: false,
            failed: 0,
            patience: Patience::default(),
            refused: false,
        };
        let edges = plan.edges.iter().map(edge).collect();
        let mut world = Self {
            plan,
            now: Duration::ZERO,
            nodes: BTreeMap::new(),
            people,
            oracle: Oracle::default(),
            trace: Trace::new(keep_trace),
            cover: Coverage::default(),
            traffic: Traffic::default(),
            failure: None,
            steps: 0,
            links: BTreeMap::new(),
            edges,
            backups: BTreeMap::new(),
            kind,
            events: BinaryHeap::new(),
            order: 0,
            next_link: 0,
            dice,
            tear,
            quiet: false,
            flaw: None,
        };
        world.populate()?;
        for step in 0..world.plan.steps.len() {
            let at = Duration::from_millis(world.plan.steps[step].at);
            world.schedule(at, Event::Step(step));
        }
        Ok(world)
    }

    /// Everybody who is there from the start, friends as contacts, each log opened.
    fn populate(&mut self) -> Result<(), Failure> {
        let mut facts: BTreeMap<usize, Facts> = BTreeMap::new();
        let mut cards = BTreeMap::new();
        for id in self.plan.first_nodes().collect::<Vec<_>>() {
            let person = self.plan.nodes[id].person;
            let mut dice = Dice::new(self.plan.seed, "node", id as u64);
            let one = Facts::new(&self.people[person], cards.get(&person), START, &mut dice);
            let one = one.ok_or_else(|| self.failure("a node could not be made".into()))?;
            cards.insert(person, nexus_identity::VerifiedCard::clone(&one.card));
            facts.insert(id, one);
        }
        for (id, mut one) in facts {
            let person = self.plan.nodes[id].person;
            for (a, b) in self.plan.friends.clone() {
                if a != person && b != person {
                    continue;
                }
                let friend = if a == person { b } else { a };
                let who = self.people[friend].connect_id();
                let card = cards.get(&friend).cloned().map(Arc::new);
                let standing = Standing::Accepted;
                one.contacts
                    .insert(who, Contact { standing, before: standing, declined: None, card });
                one.learn_conversation(&who);
            }
            let disk = Disk::new(self.kind, one)
                .map_err(|error| self.failure(format!("a disk could not be made: {error}")))?;
            let node = self.device(id, disk);
            self.nodes.insert(id, node);
            self.queue(id, Job::OpenAll);
            self.tick_at(id, Duration::from_millis(1));
        }
        for edge in 0..self.edges.len() {
            self.dial_soon(edge, Duration::from_secs(2));
        }
        Ok(())
    }

    /// A device as it is planned.
    fn device(&self, id: usize, disk: Disk) -> Node {
        let NodePlan { person, clock, lies, .. } = self.plan.nodes[id].clone();
        let dice = Dice::new(self.plan.seed, "node life", id as u64);
        let config = Config { window: self.plan.net.window, ..Config::default() };
        let mut node = Node::new(id, person, disk, dice, config);
        node.clock = Clock::new(clock);
        node.lies = lies.into_iter().collect();
        node
    }

    /// Runs the whole plan and the quiet time after it.
    pub fn run(&mut self) {
        let span = Duration::from_millis(self.plan.span);
        self.run_until(span);
        if self.failure.is_none() {
            self.finish();
        }
    }

    /// From now on disks or wires make this mistake.
    pub const fn set_flaw(&mut self, flaw: Option<Flaw>) {
        self.flaw = flaw;
    }

    /// Runs everything that happens until then.
    pub fn run_until(&mut self, until: Duration) {
        let limit = self.event_limit();
        while self.failure.is_none()
            && self.events.peek().is_some_and(|Reverse(next)| next.at <= until)
        {
            let Some(Reverse(next)) = self.events.pop() else { break };
            self.now = self.now.max(next.at);
            self.steps += 1;
            if self.steps > limit {
                self.fail(format!("livelock: more than {limit} events"));
            }
            self.happen(next.event);
        }
        self.now = self.now.max(until);
    }

    /// Events after which a run that goes on is a livelock: some for each step and node, and for each look at a clock.
    fn event_limit(&self) -> u64 {
        let nodes = self.plan.nodes.len() as u64;
        let steps = 2_000 * (self.plan.steps.len() as u64) * nodes;
        200_000
            + 20_000 * nodes
            + steps
            + self.plan.steps.iter().map(|s| self.tries(s)).sum::<u64>()
    }

    /// Events of links that come up while a disk is full, and end when something is to be written: as rarely as it gets.
    fn tries(&self, step: &Step) -> u64 {
        let Act::Fault(Fault::Full { node, during, .. }) = &step.act else { return 0 };
        let most = u64::try_from(patience::TROUBLE_MAX.as_millis()).unwrap_or(u64::MAX);
        let at = |(a, b): &&(usize, usize)| a == node || b == node;
        // Where links are also cut, most end before that, and are tried again sooner.
        let each = if self.plan.net.cuts == 0 { 50 } else { 300 };
        each * (during / most + 1) * self.plan.edges.iter().filter(at).count() as u64
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Step(step) => self.act(step),
            Event::Dial(edge) => self.dial(edge),
            Event::Meet { edge, lives, double } => self.meet(edge, lives, double),
            Event::Arrive { link, lane, item } => self.arrive(link, lane, item),
            Event::Written { link, end, serial, bytes } => self.written(link, end, serial, bytes),
            Event::Break(link) => self.break_link(link),
            Event::Notice(link, end) => self.notice(link, end),
            Event::Commit { node, life } => self.commit(node, life),
            Event::Timeout { node, life } => self.timeout(node, life),
            Event::Tick { node, life } => self.tick(node, life),
            Event::Later { node, life, job } => {
                if self.lives(node, life) {
                    self.queue(node, *job);
                }
            }
            Event::Start(node) => self.start(node),
            Event::Back(edges) => self.back(&edges),
            Event::Room { node, life } => self.room(node, life),
        }
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.order += 1;
        let at = at.max(self.now);
        self.events.push(Reverse(Scheduled { at, order: self.order, event }));
    }

    fn after(&mut self, wait: Duration, event: Event) {
        self.schedule(self.now + wait, event);
    }

    fn failure(&self, what: String) -> Failure {
        Failure { at: self.now, what }
    }

    /// A promise is broken: the first one counts.
    pub fn fail(&mut self, what: String) {
        self.trace.note(self.now, None, "FAILED", &[], || what.clone());
        if self.failure.is_none() {
            self.failure = Some(self.failure(what));
        }
    }

    fn lives(&self, node: usize, life: u32) -> bool {
        self.nodes.get(&node).is_some_and(|node| node.up && node.life == life)
    }

    /// Somebody's ConnectID.
    #[must_use]
    pub fn who(&self, person: usize) -> ConnectId {
        self.people[person].connect_id()
    }

    /// The person with this ConnectID.
    #[must_use]
    pub fn person(&self, who: &ConnectId) -> Option<usize> {
        self.people.iter().position(|one| one.connect_id() == *who)
    }

    /// Whether no device of this person lies.
    #[must_use]
    pub fn is_honest(&self, person: usize) -> bool {
        self.plan.nodes.iter().all(|node| node.person != person || node.lies.is_empty())
    }

    /// Honest devices that are there.
    #[must_use]
    pub fn honest(&self) -> BTreeSet<usize> {
        self.nodes.values().filter(|node| node.is_honest()).map(|node| node.id).collect()
    }
}
