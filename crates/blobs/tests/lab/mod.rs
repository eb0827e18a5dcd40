//! A receiver, its sources and the way between them, in virtual time and from one seed.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(unreachable_pub, reason = "shared by test files")]

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use nexus_blobs::fetch::Blame;
use nexus_blobs::limits::{GROUP, MAX_PENDING, WINDOW_GROUPS};
use nexus_blobs::serve::Next;
use nexus_blobs::wire::{Get, NoCode, What};
use nexus_blobs::{
    Action, BlobId, BlobSize, Check, Fetch, GroupSet, RequestId, Root, Serve, SourceId, SourceKind,
    Take,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

pub const ROOT: Root = Root::from_bytes([7; 32]);
const BLOB: BlobId = BlobId::from_bytes([1; 32]);

pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn size(groups: u64) -> BlobSize {
    BlobSize::new(groups * GROUP as u64).unwrap()
}

/// What is wrong with a source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// Every so many groups one is wrong; 0: none.
    pub lies_every: u64,
    /// Its hash list is wrong.
    pub wrong_list: bool,
    /// Its stream ends after so many pieces.
    pub dies_after: Option<u64>,
    /// It says nothing more after so many pieces, for this long.
    pub stalls: Option<(u64, Duration)>,
    /// It says NO to its first requests.
    pub says_no: Option<(u64, NoCode)>,
    /// After so many pieces it sends what was not asked for.
    pub breaks_rules_after: Option<u64>,
}

struct Source {
    kind: SourceKind,
    faults: Faults,
    each: Duration,
    delay: Duration,
    serve: Serve,
    pumping: bool,
    sent: u64,
    noes: u64,
    alive: bool,
}

#[derive(Clone, Copy, Debug)]
enum Message {
    Group { request: RequestId, index: u64, right: bool },
    Hashes { request: RequestId, first: u64, count: u64, right: bool },
    End(RequestId),
    No(RequestId, NoCode),
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Asked(SourceId, Get),
    Stopped(SourceId, RequestId),
    Pump(SourceId),
    Arrived(SourceId, Message),
    Dead(SourceId),
    Written(u64),
    Root,
    Timeout,
    Add(SourceId),
}

/// What happened, for the assertions at the end.
#[derive(Debug, Default)]
pub struct Facts {
    pub complete: Option<Duration>,
    pub blamed: BTreeMap<SourceId, Blame>,
    pub violators: BTreeSet<SourceId>,
    /// Groups that came from each source.
    pub groups: BTreeMap<SourceId, u64>,
    pub hashes: u64,
    pub asks: u64,
    pub stops: u64,
    pub need_root: u64,
    pub most_pending: u64,
    pub most_ranges: usize,
    pub events: u64,
}

impl Facts {
    pub fn received(&self) -> u64 {
        self.groups.values().sum()
    }
}

pub struct World {
    pub fetch: Fetch,
    pub now: Duration,
    pub facts: Facts,
    pub rng: ChaCha20Rng,
    groups: u64,
    sources: BTreeMap<SourceId, Source>,
    /// What is on the disk or on its way there: whether it is right.
    store: BTreeMap<u64, bool>,
    list: BTreeMap<u64, bool>,
    queue: BinaryHeap<std::cmp::Reverse<(Duration, u64)>>,
    events: BTreeMap<u64, Event>,
    serial: u64,
    write: Duration,
    timeout: Option<Duration>,
    /// Groups that the scheduler counts on from somebody.
    under_way: BTreeMap<u64, (SourceId, RequestId)>,
}

impl World {
    pub fn new(seed: u64, groups: u64, root_at: Option<Duration>) -> Self {
        let root = root_at.is_none().then_some(ROOT);
        let mut world =
            Self::resumed(seed, groups, Fetch::new(size(groups), GroupSet::new(), root, false));
        if let Some(at) = root_at {
            world.at(at, Event::Root);
        }
        world
    }

    pub fn resumed(seed: u64, groups: u64, fetch: Fetch) -> Self {
        let store = fetch.have().ranges().flatten().map(|index| (index, true)).collect();
        Self {
            fetch,
            now: Duration::ZERO,
            facts: Facts::default(),
            rng: ChaCha20Rng::seed_from_u64(seed),
            groups,
            sources: BTreeMap::new(),
            store,
            list: BTreeMap::new(),
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            serial: 0,
            write: millis(1),
            timeout: None,
            under_way: BTreeMap::new(),
        }
    }

    pub fn write_takes(&mut self, each: Duration) {
        self.write = each;
    }

    /// What is on the disk is wrong, though nobody has seen it.
    pub fn spoil(&mut self, index: u64) {
        self.store.insert(index, false);
    }

    /// Adds a source that sends a group every `each`, `delay` away, from `at` on.
    pub fn source(
        &mut self,
        at: Duration,
        kind: SourceKind,
        each: Duration,
        faults: Faults,
    ) -> SourceId {
        let id = SourceId(self.sources.len() as u64);
        let delay = millis(u64::from(self.rng.next_u32() % 5));
        let serve = Serve::new();
        let source = Source {
            kind,
            faults,
            each,
            delay,
            serve,
            pumping: false,
            sent: 0,
            noes: 0,
            alive: true,
        };
        self.sources.insert(id, source);
        self.at(at, Event::Add(id));
        id
    }

    pub fn below(&mut self, below: u64) -> u64 {
        self.rng.next_u64() % below
    }

    fn at(&mut self, at: Duration, event: Event) {
        self.serial += 1;
        self.queue.push(std::cmp::Reverse((at, self.serial)));
        self.events.insert(self.serial, event);
    }

    /// Goes on until nothing happens any more or `until`.
    pub fn run_until(&mut self, until: Duration) {
        self.drain();
        while let Some(std::cmp::Reverse((at, serial))) = self.queue.peek().copied() {
            if at > until || self.facts.complete.is_some() {
                break;
            }
            self.queue.pop();
            let event = self.events.remove(&serial).unwrap();
            self.now = at;
            self.facts.events += 1;
            assert!(self.facts.events < 100 * self.groups + 100_000, "it does not come to an end");
            self.handle(event);
            self.drain();
        }
    }

    pub fn run(&mut self) {
        self.run_until(Duration::from_secs(1_000_000));
    }

    pub fn all_right(&self) -> bool {
        self.store.len() as u64 == self.groups && self.store.values().all(|right| *right)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Add(id) => {
                assert!(self.fetch.add_source(id, self.sources[&id].kind));
            }
            Event::Root => self.fetch.set_root(ROOT),
            Event::Timeout => {
                self.timeout = None;
                self.fetch.handle_timeout(self.now);
            }
            Event::Written(index) => self.fetch.written(index),
            Event::Dead(id) => {
                self.sources.get_mut(&id).unwrap().alive = false;
                self.forget(id, |_| true);
                self.fetch.remove_source(id);
            }
            Event::Asked(id, get) => self.asked(id, get),
            Event::Stopped(id, request) => {
                let source = self.sources.get_mut(&id).unwrap();
                source.serve.handle_stop(request);
                self.pump_soon(id);
            }
            Event::Pump(id) => self.pump(id),
            Event::Arrived(id, message) => self.arrived(id, message),
        }
    }

    fn forget(&mut self, id: SourceId, which: impl Fn(RequestId) -> bool) {
        self.under_way.retain(|_, (source, request)| *source != id || !which(*request));
    }

    fn asked(&mut self, id: SourceId, get: Get) {
        let source = self.sources.get_mut(&id).unwrap();
        if !source.alive {
            return;
        }
        if let Some((times, code)) = source.faults.says_no
            && source.noes < times
        {
            source.noes += 1;
            let at = self.now + source.delay;
            return self.at(at, Event::Arrived(id, Message::No(get.request, code)));
        }
        source.serve.handle_get(get).unwrap();
        self.pump_soon(id);
    }

    fn pump_soon(&mut self, id: SourceId) {
        let source = self.sources.get_mut(&id).unwrap();
        if source.alive && !source.pumping && source.serve.open() > 0 {
            source.pumping = true;
            let wait = match source.faults.stalls {
                Some((after, long)) if source.sent >= after => {
                    source.faults.stalls = None;
                    long
                }
                _ => source.each,
            };
            let at = self.now + wait;
            self.at(at, Event::Pump(id));
        }
    }

    fn pump(&mut self, id: SourceId) {
        let source = self.sources.get_mut(&id).unwrap();
        source.pumping = false;
        let Some(next) = source.serve.poll_next().filter(|_| source.alive) else { return };
        let faults = source.faults;
        let message = match next {
            Next::End(request) => Message::End(request),
            Next::Piece(piece) if piece.what == What::Content => {
                source.sent += 1;
                let sent = source.sent;
                let right = faults.lies_every == 0 || !sent.is_multiple_of(faults.lies_every);
                let broken = faults.breaks_rules_after.is_some_and(|after| sent > after);
                let index = if broken { piece.index ^ 1 } else { piece.index };
                Message::Group { request: piece.request, index, right }
            }
            Next::Piece(piece) => {
                source.sent += 1;
                let (first, count) = (piece.index, u64::from(piece.count));
                Message::Hashes { request: piece.request, first, count, right: !faults.wrong_list }
            }
        };
        let (at, dies) = (self.now + source.delay, faults.dies_after == Some(source.sent));
        self.at(at, Event::Arrived(id, message));
        if dies {
            self.at(at, Event::Dead(id));
            self.sources.get_mut(&id).unwrap().alive = false;
        }
        self.pump_soon(id);
    }

    fn arrived(&mut self, id: SourceId, message: Message) {
        if !self.sources[&id].alive && self.sources[&id].faults.dies_after.is_none() {
            return;
        }
        let now = self.now;
        let result = match message {
            Message::Group { request, index, right } => {
                *self.facts.groups.entry(id).or_default() += 1;
                let known = self.fetch.list_known();
                let check = match right {
                    _ if !known => Check::Provisional,
                    true => Check::Good,
                    false => Check::Bad,
                };
                let taken = self.fetch.handle_group(id, request, index, check, now);
                if self.under_way.get(&index) == Some(&(id, request)) {
                    self.under_way.remove(&index);
                }
                if taken == Ok(Take::Write) {
                    self.store.insert(index, right);
                    let at = now + self.write;
                    self.at(at, Event::Written(index));
                }
                taken.map(|_| ())
            }
            Message::Hashes { request, first, count, right } => {
                self.facts.hashes += count;
                let taken = self.fetch.handle_hashes(id, request, first, count as usize, now);
                if taken == Ok(Take::Write) {
                    self.list.extend((first..first + count).map(|index| (index, right)));
                }
                taken.map(|_| ())
            }
            Message::End(request) => {
                self.forget(id, |of| of == request);
                self.fetch.handle_end(id, request, now)
            }
            Message::No(request, code) => {
                self.forget(id, |of| of == request);
                self.fetch.handle_no(id, request, code, now)
            }
        };
        if result.is_err() {
            self.facts.violators.insert(id);
            self.handle(Event::Dead(id));
        }
    }

    fn drain(&mut self) {
        while let Some(action) = self.fetch.poll_action(self.now) {
            self.act(action);
        }
        let pending = self.under_way.len() as u64
            + self.store.keys().filter(|index| !self.fetch.have().contains(**index)).count() as u64;
        if self.groups <= 1000 {
            self.facts.most_pending = self.facts.most_pending.max(pending);
        }
        self.facts.most_ranges = self.facts.most_ranges.max(self.fetch.have().range_count());
        if let Some(at) = self.fetch.poll_timeout()
            && self.timeout.is_none_or(|set| at < set)
        {
            let at = at.max(self.now);
            self.timeout = Some(at);
            self.at(at, Event::Timeout);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Ask { source, request, what, first, count } => {
                self.facts.asks += 1;
                let end = first + u64::from(count);
                assert!(end <= self.groups, "asked beyond the end");
                if what == What::Content {
                    for index in first..end {
                        assert!(!self.fetch.have().contains(index), "{index} is here");
                        let last = self.under_way.insert(index, (source, request));
                        assert_eq!(last, None, "{index} is under way");
                    }
                }
                let owes = self.under_way.values().filter(|(of, _)| *of == source).count() as u64;
                assert!(owes <= WINDOW_GROUPS, "{owes} groups under way from one source");
                let get = Get { request, blob: BLOB, what, first, count };
                let at = self.now + self.sources[&source].delay;
                self.at(at, Event::Asked(source, get));
            }
            Action::Stop { source, request } => {
                self.facts.stops += 1;
                self.forget(source, |of| of == request);
                let at = self.now + self.sources[&source].delay;
                self.at(at, Event::Stopped(source, request));
            }
            Action::Blame { source, why } => {
                self.facts.blamed.insert(source, why);
            }
            Action::NeedRoot => self.facts.need_root += 1,
            Action::CheckList => {
                let right = self.list.len() as u64 == self.groups && self.list.values().all(|r| *r);
                if right {
                    self.name_lost();
                }
                self.fetch.list_complete(right);
            }
            Action::Verify => {
                let right = self.all_right();
                if !right && self.fetch.list_known() {
                    self.name_lost();
                }
                self.fetch.verified(right);
            }
            Action::Complete => {
                assert_eq!(self.facts.complete, None, "complete twice");
                assert!(self.all_right(), "complete, but not right");
                self.facts.complete = Some(self.now);
            }
        }
    }

    fn name_lost(&mut self) {
        let wrong: Vec<_> =
            self.store.iter().filter(|(_, right)| !**right).map(|(i, _)| *i).collect();
        for index in wrong {
            self.store.remove(&index);
            self.fetch.lost(index);
        }
    }

    /// What must hold after every run.
    pub fn check(&self) {
        let facts = &self.facts;
        assert!(
            facts.complete.is_some(),
            "not complete: {:?} {facts:?}",
            self.fetch.waiting(self.now)
        );
        assert!(self.all_right());
        assert!(facts.most_pending <= MAX_PENDING, "{facts:?}");
        for source in facts.blamed.keys() {
            let faults = self.sources[source].faults;
            assert!(faults.lies_every > 0 || faults.wrong_list, "blamed for nothing: {source:?}");
        }
        for source in &facts.violators {
            assert!(self.sources[source].faults.breaks_rules_after.is_some(), "{source:?}");
        }
    }
}
