//! One device: the shipped engine and log, and the glue around them as the shipped node has it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use nexus_identity::{ConnectId, Millis};
use nexus_log::hlc::Now;
use nexus_log::ids::LogKey;
use nexus_sync::{Config, Engine, LinkId, WantSecret, WantedTopic};

use crate::dice::Dice;
use crate::disk::{Disk, Snapshot};
use crate::plan::{ClockPlan, Lie};

mod contacts;
mod jobs;
mod lines;
mod own;
mod take;
mod work;

pub use jobs::{Backup, Done, Job, JobError, run};
pub use lines::words;
pub use take::Taken;
pub use work::{After, Signed, Work};

/// When everything begins: 2026-11-18.
pub const START: Millis = Millis(1_795_000_000_000);
/// The release date that every node knows.
pub const RELEASED: Millis = Millis(1_793_491_200_000);

/// A wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    /// Off by so many milliseconds.
    pub off: i64,
    /// Gains so many millionths.
    pub drift: i64,
    /// Says 1970.
    pub stuck: bool,
}

impl Clock {
    /// As a plan has it.
    #[must_use]
    pub fn new(plan: ClockPlan) -> Self {
        match plan {
            ClockPlan::Right => Self::default(),
            ClockPlan::Off(off) => Self { off, ..Self::default() },
            ClockPlan::Drifts(drift) => Self { drift, ..Self::default() },
            ClockPlan::Stuck => Self { stuck: true, ..Self::default() },
        }
    }

    /// What it says.
    #[must_use]
    pub fn wall(&self, now: Duration) -> Millis {
        let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        if self.stuck {
            return Millis(12 + now.unsigned_abs() % 1_000_000);
        }
        let start = i64::try_from(START.0).unwrap_or(0);
        let gained = now / 1_000 * self.drift / 1_000;
        let says = start.saturating_add(now).saturating_add(gained).saturating_add(self.off);
        Millis(u64::try_from(says).unwrap_or(0))
    }
}

/// What a clock says, as the log wants it.
#[must_use]
pub fn log_clock(wall: Millis) -> Now {
    Now::new(wall, RELEASED)
}

/// One device.
#[derive(Debug)]
pub struct Node {
    /// Its place.
    pub id: usize,
    /// Whose it is.
    pub person: usize,
    /// What survives.
    pub disk: Disk,
    /// What does not.
    pub engine: Engine,
    /// It runs.
    pub up: bool,
    /// Counts restarts: what was under way before is lost.
    pub life: u32,
    /// Its wall clock.
    pub clock: Clock,
    /// Its links.
    pub links: BTreeSet<LinkId>,
    /// Jobs for the store, in order.
    pub jobs: VecDeque<Job>,
    /// A commit is on its way.
    pub committing: bool,
    /// When the engine wants to be called, as it was scheduled.
    pub timeout: Option<Duration>,
    /// When the clock is looked at next, as it was scheduled.
    pub ticking: Option<Duration>,
    /// Its chance.
    pub dice: Dice,
    /// How it lies.
    pub lies: BTreeSet<Lie>,
    /// An old state of its disk, to which it will go back.
    pub old: Option<Snapshot>,
    /// Whether a log is mine, as the shipped node remembers it.
    pub mine: BTreeMap<LogKey, bool>,
    /// Its disk went back to an old state at some time.
    pub forgot: bool,
    /// Its disk was full at some time, and is.
    pub full: bool,
    /// Logs in which it took in entries that it did not write.
    pub tainted: BTreeSet<LogKey>,
    /// It is not to come back.
    pub gone: bool,
    /// How its engine is set.
    pub config: Config,
    /// Frames that a liar holds back, and of which links.
    pub kept: Vec<(LinkId, crate::net::Heard)>,
    /// Frames it heard, to be replayed by a liar.
    pub heard: Vec<crate::net::Heard>,
}

impl Node {
    /// A device that runs.
    #[must_use]
    pub fn new(id: usize, person: usize, disk: Disk, dice: Dice, config: Config) -> Self {
        Self {
            id,
            person,
            disk,
            engine: Engine::new(config),
            up: true,
            life: 0,
            clock: Clock::default(),
            links: BTreeSet::new(),
            jobs: VecDeque::new(),
            committing: false,
            timeout: None,
            ticking: None,
            dice,
            lies: BTreeSet::new(),
            old: None,
            mine: BTreeMap::new(),
            forgot: false,
            full: false,
            tainted: BTreeSet::new(),
            gone: false,
            config,
            kept: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Whether it keeps to the protocol.
    #[must_use]
    pub fn is_honest(&self) -> bool {
        self.lies.is_empty()
    }

    /// Whether this liar does not want to know what others say of a log: it shows two faces, and each goes on as if it were
    /// the only one.
    #[must_use]
    pub fn denies(&self, log: &LogKey) -> bool {
        let facts = &self.disk.facts;
        self.lies.contains(&Lie::Equivocate)
            && facts
                .me()
                .is_some_and(|me| facts.conversations.values().any(|one| me.log(one) == *log))
    }

    /// What may be shared with somebody, as the engine wants it.
    #[must_use]
    pub fn wanted(&self, peer: &ConnectId) -> Vec<WantedTopic> {
        let wanted = self.disk.facts.wanted_with(peer);
        wanted
            .into_iter()
            .map(|conversation| WantedTopic {
                topic: conversation.topic(),
                want: WantSecret::new(conversation.secret.want_secret().clone()),
                priority: self.disk.newest(&conversation.id),
            })
            .collect()
    }

    /// What was in memory is lost.
    pub fn die(&mut self) {
        self.up = false;
        self.life += 1;
        self.engine = Engine::new(self.config);
        self.links.clear();
        self.jobs.clear();
        self.committing = false;
        self.timeout = None;
        self.ticking = None;
        self.mine.clear();
        self.disk.fuse = None;
        self.full = false;
    }
}
