//! Nodes, wires and one clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use nexus_identity::{ConnectId, InstanceKey, Secret32};
use nexus_log::ids::{LogHead, LogKey, Topic};
use nexus_log::run::CheckedRun;
use nexus_sync::{
    ByeCode, Config, Engine, Frame, LinkId, LinkParams, Output, Received, Refused, Serial, Shared,
    Side, Ticket, ViolationCode,
};

use super::store::{MemoryStore, Stored};
use super::wire::{Lane, Wire, framed};
use super::{Room, Writer};

/// How long a transaction takes.
/// Time for a few small frames beside the delay of the wire.
pub const BREATH: Duration = Duration::from_millis(1);
const COMMIT: Duration = Duration::from_millis(4);
/// Steps after which a test that does not come to rest is a livelock.
const MAX_STEPS: usize = 2_000_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Deliver { wire: usize, lane: usize, bytes: Vec<u8> },
    Written { node: usize, life: u32, link: LinkId, serial: Serial },
    Commit { node: usize, life: u32 },
    Timeout { node: usize, life: u32 },
}

pub struct Node {
    pub engine: Engine,
    pub store: MemoryStore,
    pub rooms: Vec<(Room, u64)>,
    pub writers: BTreeMap<Topic, Writer>,
    pub remembered: BTreeMap<InstanceKey, Shared>,
    /// Counts restarts: what was under way before is lost.
    pub life: u32,
    staged: Vec<(Ticket, CheckedRun)>,
    committing: Vec<(Ticket, CheckedRun)>,
    links: BTreeMap<LinkId, (usize, usize)>,
    timeout: Option<Duration>,
    pub violations: Vec<(LinkId, ViolationCode)>,
    pub closed: Vec<(LinkId, ByeCode, bool)>,
    pub ended: Vec<(LinkId, Topic, Option<ByeCode>)>,
    pub peer_has: Vec<(LinkId, LogHead)>,
    pub wrote: Vec<(LinkId, LogKey, u64)>,
    pub done: Vec<(LinkId, Topic)>,
    pub over_limit: Vec<(LinkId, Option<Topic>)>,
    pub forks: usize,
    /// Frames for links that have no wire: a test plays the peer.
    pub stray: Vec<(LinkId, Frame)>,
    /// Commits are kept back.
    pub hold: bool,
    /// Entries that were stored twice: the same run arrived again.
    pub twice: usize,
}

pub struct World {
    pub now: Duration,
    pub nodes: Vec<Node>,
    pub wires: Vec<Wire>,
    pub config: Config,
    events: BinaryHeap<Reverse<(Duration, u64, Event)>>,
    order: u64,
    next_link: u64,
    /// Bytes handed to wires, by frame code, with the 5 bytes of framing.
    pub sent: BTreeMap<u8, u64>,
    pub steps: usize,
}

impl World {
    pub fn new(nodes: usize) -> Self {
        Self::with(nodes, Config::default())
    }

    pub fn with(nodes: usize, config: Config) -> Self {
        let node = |_| Node {
            engine: Engine::new(config),
            store: MemoryStore::default(),
            rooms: Vec::new(),
            writers: BTreeMap::new(),
            remembered: BTreeMap::new(),
            life: 0,
            staged: Vec::new(),
            committing: Vec::new(),
            links: BTreeMap::new(),
            timeout: None,
            violations: Vec::new(),
            closed: Vec::new(),
            ended: Vec::new(),
            peer_has: Vec::new(),
            wrote: Vec::new(),
            done: Vec::new(),
            over_limit: Vec::new(),
            forks: 0,
            stray: Vec::new(),
            hold: false,
            twice: 0,
        };
        Self {
            now: Duration::ZERO,
            nodes: (0..nodes).map(node).collect(),
            wires: Vec::new(),
            config,
            events: BinaryHeap::new(),
            order: 0,
            next_link: 0,
            sent: BTreeMap::new(),
            steps: 0,
        }
    }

    /// A node wants a room; takes effect on its links at once.
    pub fn join(&mut self, node: usize, room: &Room) {
        let priority = self.nodes[node].rooms.len() as u64;
        self.nodes[node].rooms.push((room.clone(), priority));
        self.rewant(node);
    }

    pub fn leave(&mut self, node: usize, room: &Room) {
        self.nodes[node].rooms.retain(|(other, _)| other.topic != room.topic);
        self.rewant(node);
    }

    fn rewant(&mut self, node: usize) {
        let links: Vec<LinkId> = self.nodes[node].links.keys().copied().collect();
        for link in links {
            let wanted = self.wanted(node);
            let now = self.now;
            let Node { engine, store, .. } = &mut self.nodes[node];
            engine.set_wanted(link, wanted, now, store);
        }
        self.drain(node);
    }

    fn wanted(&self, node: usize) -> Vec<nexus_sync::WantedTopic> {
        self.nodes[node].rooms.iter().map(|(room, priority)| room.wanted(*priority)).collect()
    }

    /// Writes entries in a node's own log of a room (OPEN first, if it is new).
    pub fn write(&mut self, node: usize, room: &Room, count: usize, size: usize) {
        if count == 0 {
            return;
        }
        let seed = node as u64;
        let held = &mut self.nodes[node];
        let writer = held.writers.entry(room.topic).or_insert_with(|| Writer::new(seed, room));
        let noise = (self.steps % 251) as u8;
        let entries = (0..count).map(|_| writer.write(size, noise)).collect();
        let (log, head) = (writer.log(), writer.head.unwrap());
        held.store.append_own(room.topic, log, entries);
        let now = self.now;
        let Node { engine, store, .. } = &mut self.nodes[node];
        engine.handle_appended(room.topic, log, head, now, store);
        self.drain(node);
    }

    /// Links two nodes; `delay` one way.
    pub fn link(&mut self, a: usize, b: usize, delay: Duration, rate: u64) -> usize {
        let wire = self.wires.len();
        let links = [LinkId(self.next_link), LinkId(self.next_link + 1)];
        self.next_link += 2;
        self.wires.push(Wire {
            nodes: [a, b],
            links,
            lanes: [Lane::default(), Lane::default()],
            delay,
            rate,
            cut_after: [None; 2],
            up: true,
        });
        let mut exporter = [9; 32];
        exporter[..8].copy_from_slice(&(wire as u64).to_be_bytes());
        for (end, node) in [a, b].into_iter().enumerate() {
            let side = if end == 0 { Side::Dialler } else { Side::Listener };
            let instance = instance([b, a][end]);
            let remembered = self.nodes[node].remembered.get(&instance).cloned();
            let params = LinkParams {
                side,
                exporter: Secret32::new(exporter),
                peer: ConnectId::from_bytes([0; 32]),
                instance,
                remembered,
            };
            self.nodes[node].links.insert(links[end], (wire, end));
            let wanted = self.wanted(node);
            let now = self.now;
            let Node { engine, store, .. } = &mut self.nodes[node];
            engine.link_up(links[end], params, wanted, now, store);
            self.drain(node);
        }
        wire
    }

    /// A LAN-like link.
    pub fn lan(&mut self, a: usize, b: usize) -> usize {
        self.link(a, b, Duration::from_micros(500), 100_000_000)
    }

    pub fn cut(&mut self, wire: usize) {
        if !std::mem::replace(&mut self.wires[wire].up, false) {
            return;
        }
        for end in 0..2 {
            let (node, link) = (self.wires[wire].nodes[end], self.wires[wire].links[end]);
            self.nodes[node].links.remove(&link);
            let now = self.now;
            self.nodes[node].engine.link_down(link, now);
            self.drain(node);
        }
    }

    /// A process dies and starts again with what was durable.
    pub fn crash(&mut self, node: usize) {
        for wire in 0..self.wires.len() {
            if self.wires[wire].nodes.contains(&node) {
                self.cut(wire);
            }
        }
        let config = self.config;
        let held = &mut self.nodes[node];
        held.engine = Engine::new(config);
        held.life += 1;
        held.staged.clear();
        held.committing.clear();
        held.timeout = None;
    }

    /// The store takes nothing of what was handed out and is not stored yet.
    pub fn refuse(&mut self, node: usize, why: Refused) {
        let now = self.now;
        let Node { engine, store, staged, .. } = &mut self.nodes[node];
        for (ticket, _) in std::mem::take(staged) {
            engine.handle_refused(ticket, why, now, store);
        }
        self.drain(node);
    }

    pub fn outstanding(&self, node: usize) -> usize {
        self.nodes[node].staged.len() + self.nodes[node].committing.len()
    }

    fn schedule(&mut self, at: Duration, event: Event) {
        self.order += 1;
        self.events.push(Reverse((at, self.order, event)));
    }

    /// Takes all outputs of a node and does them.
    pub fn drain(&mut self, node: usize) {
        let mut outputs = 0;
        loop {
            let Node { engine, store, .. } = &mut self.nodes[node];
            let Some(output) = engine.poll_output(store) else { break };
            outputs += 1;
            assert!(outputs < 500_000, "poll_output does not come to an end");
            self.perform(node, output);
        }
        let life = self.nodes[node].life;
        if let Some(at) = self.nodes[node].engine.poll_timeout()
            && self.nodes[node].timeout.is_none_or(|set| at < set || set <= self.now)
        {
            self.nodes[node].timeout = Some(at);
            self.schedule(at.max(self.now), Event::Timeout { node, life });
        }
        let held = &self.nodes[node];
        if held.committing.is_empty() && !held.staged.is_empty() && !held.hold {
            self.nodes[node].committing = std::mem::take(&mut self.nodes[node].staged);
            self.schedule(self.now + COMMIT, Event::Commit { node, life });
        }
    }

    fn perform(&mut self, node: usize, output: Output) {
        let held = &mut self.nodes[node];
        match output {
            Output::Send { link, frame, .. } if !held.links.contains_key(&link) => {
                held.stray.push((link, frame));
            }
            Output::Send { link, serial, frame } => {
                let code = frame.code() as u8;
                let len = frame.body_len();
                let body = frame.into_body();
                assert_eq!(len, body.len(), "body_len of {code}");
                self.transmit(node, link, serial, code, &body);
            }
            Output::Commit { ticket, run, .. } => held.staged.push((ticket, run)),
            Output::PeerHas { link, heads, .. } => {
                held.peer_has.extend(heads.into_iter().map(|head| (link, head)));
            }
            Output::WroteOut { link, log, upto, .. } => held.wrote.push((link, log, upto.seq)),
            Output::TopicDone { link, topic } => held.done.push((link, topic)),
            Output::TopicEnded { link, topic, code } => held.ended.push((link, topic, code)),
            Output::ForkSeen { .. } => held.forks += 1,
            Output::Remember { instance, shared } => {
                let shared = Shared::from_bytes(&shared.to_bytes()).unwrap();
                held.remembered.insert(instance, shared);
            }
            Output::Violation { link, code } => held.violations.push((link, code)),
            Output::Close { link, code, peer } => {
                held.closed.push((link, code, peer));
                if peer && let Some((wire, _)) = held.links.get(&link).copied() {
                    self.cut(wire);
                }
            }
            Output::OverLimit { link, topic } => held.over_limit.push((link, topic)),
            Output::StoreFailed { .. } | Output::TopicShared { .. } => {}
        }
    }

    fn transmit(&mut self, node: usize, link: LinkId, serial: Serial, code: u8, body: &[u8]) {
        let Some((wire, end)) = self.nodes[node].links.get(&link).copied() else { return };
        let bytes = framed(code, body);
        *self.sent.entry(code).or_default() += bytes.len() as u64;
        let written = self.put(wire, end, bytes);
        let life = self.nodes[node].life;
        self.schedule(written, Event::Written { node, life, link, serial });
    }

    /// Puts bytes on a lane; when the last of them is on the wire.
    pub fn put(&mut self, wire: usize, lane: usize, bytes: Vec<u8>) -> Duration {
        let now = self.now;
        let held = &mut self.wires[wire];
        let took = Duration::from_nanos(bytes.len() as u64 * 1_000_000_000 / held.rate);
        let delay = held.delay;
        let line = &mut held.lanes[lane];
        line.sent += bytes.len() as u64;
        line.busy_until = line.busy_until.max(now) + took;
        let written = line.busy_until;
        // In two pieces, so that frames arrive in parts.
        let half = bytes.len() / 2;
        let (a, b) = bytes.split_at(half);
        self.schedule(written + delay, Event::Deliver { wire, lane, bytes: a.to_vec() });
        self.schedule(written + delay, Event::Deliver { wire, lane, bytes: b.to_vec() });
        written
    }

    /// One event; `false` when nothing is left to happen.
    pub fn step(&mut self) -> bool {
        let Some(Reverse((at, _, event))) = self.events.pop() else { return false };
        self.steps += 1;
        assert!(self.steps < MAX_STEPS, "livelock: no rest after {MAX_STEPS} steps");
        self.now = self.now.max(at);
        match event {
            Event::Deliver { wire, lane, bytes } => self.deliver(wire, lane, &bytes),
            Event::Written { node, life, link, serial } if self.nodes[node].life == life => {
                let now = self.now;
                self.nodes[node].engine.handle_written(link, serial, now);
                self.drain(node);
            }
            Event::Commit { node, life } if self.nodes[node].life == life => self.commit(node),
            Event::Timeout { node, life } if self.nodes[node].life == life => {
                self.nodes[node].timeout = None;
                let now = self.now;
                let Node { engine, store, .. } = &mut self.nodes[node];
                if engine.poll_timeout().is_some_and(|due| due <= now) {
                    engine.handle_timeout(now, store);
                }
                self.drain(node);
            }
            _ => {}
        }
        true
    }

    fn deliver(&mut self, wire: usize, lane: usize, bytes: &[u8]) {
        let held = &mut self.wires[wire];
        if !held.up {
            return;
        }
        let carried = held.lanes[lane].carried;
        let room = held.cut_after[lane].map_or(u64::MAX, |cut| cut.saturating_sub(carried));
        let take = (bytes.len() as u64).min(room) as usize;
        held.lanes[lane].carried += take as u64;
        held.lanes[lane].received.extend_from_slice(&bytes[..take]);
        let frames = held.frames(lane);
        let (node, link) = (held.nodes[1 - lane], held.links[1 - lane]);
        for (code, body) in frames {
            let now = self.now;
            let Node { engine, store, .. } = &mut self.nodes[node];
            match Received::decode(code, &body) {
                Ok(Some(frame)) => engine.handle_frame(link, frame, now, store),
                Ok(None) => {}
                Err(error) => engine.handle_malformed(link, error, now),
            }
            self.drain(node);
        }
        if take < bytes.len() {
            self.cut(wire);
        }
    }

    fn commit(&mut self, node: usize) {
        let now = self.now;
        let batch = std::mem::take(&mut self.nodes[node].committing);
        let mut done = Vec::new();
        for (ticket, run) in batch {
            let held = &mut self.nodes[node];
            let before = held.store.entries();
            match held.store.ingest(&run) {
                Stored::New | Stored::Known => {
                    // A branch copies what it shares in this store, so count only shortfalls.
                    let new = held.store.entries() - before;
                    held.twice += run.len().saturating_sub(new);
                    done.push(ticket);
                }
                Stored::Gap | Stored::OtherTopic => {
                    held.engine.handle_refused(ticket, Refused::Log, now, &held.store);
                }
            }
        }
        let Node { engine, store, .. } = &mut self.nodes[node];
        engine.handle_committed(&done, now, store);
        self.drain(node);
    }

    /// Runs until nothing happens any more, timers included.
    pub fn settle(&mut self) {
        while self.step() {}
    }

    /// Runs for a while.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.events.peek().is_some_and(|Reverse((at, ..))| *at <= until) {
            self.step();
        }
        self.now = until;
    }

    pub fn total_sent(&self) -> u64 {
        self.sent.values().sum()
    }

    pub fn assert_equal(&self, room: &Room) {
        let who: BTreeSet<usize> = (0..self.nodes.len())
            .filter(|node| self.nodes[*node].rooms.iter().any(|(r, _)| r.topic == room.topic))
            .collect();
        let mut contents =
            who.iter().map(|node| (node, self.nodes[*node].store.contents(&room.topic)));
        let (_, first) = contents.next().unwrap();
        for (node, other) in contents {
            let sizes = |all: &[(LogKey, Vec<_>)]| -> Vec<(LogKey, usize)> {
                all.iter().map(|(log, hashes)| (*log, hashes.len())).collect()
            };
            assert_eq!(sizes(&first), sizes(&other), "node {node} holds something else");
            assert!(first == other, "node {node} holds other hashes");
        }
    }

    pub fn assert_no_violations(&self) {
        let all = self.nodes.iter().enumerate();
        let bad: Vec<_> = all
            .filter(|(_, node)| !node.violations.is_empty() || !node.closed.is_empty())
            .map(|(at, node)| (at, &node.violations, &node.closed))
            .collect();
        assert!(bad.is_empty(), "violations and closed links: {bad:?}");
    }
}

pub fn instance(node: usize) -> InstanceKey {
    InstanceKey::from_bytes([node as u8 + 1; 32])
}

/// Bytes of all entries of a store's topic: headers and payloads.
pub fn content_bytes(store: &MemoryStore) -> u64 {
    let branches = store.logs.values().flat_map(|log| &log.branches);
    let entries = branches.flat_map(|branch| &branch.entries[branch.first as usize..]);
    entries.map(|entry| (entry.header.len() + entry.payload.len()) as u64).sum()
}
