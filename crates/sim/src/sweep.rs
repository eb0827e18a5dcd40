//! Runs of plans: one, or many seeds on several threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::coverage::Coverage;
use crate::disk::StoreKind;
use crate::plan::Plan;
use crate::world::{Failure, Flaw, Traffic, World};

/// What became of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The first broken promise.
    pub failure: Option<Failure>,
    /// The hash of everything that happened.
    pub hash: [u8; 32],
    /// Events.
    pub steps: u64,
    /// Virtual time that passed.
    pub time: Duration,
    /// Bytes.
    pub traffic: Traffic,
    /// What was reached.
    pub cover: Coverage,
    /// What happened last at each node, if it was kept.
    pub trace: String,
}

/// How a run is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Only its hash.
    Hash,
    /// The last lines of each node.
    Last,
    /// Everything.
    All,
}

/// Runs a plan to its end. A panic is a failure.
#[must_use]
pub fn run(plan: &Plan, kind: StoreKind, watch: Watch) -> Report {
    run_with(plan, kind, watch, None)
}

/// … with a mistake built into the disks.
#[must_use]
pub fn run_with(plan: &Plan, kind: StoreKind, watch: Watch, flaw: Option<Flaw>) -> Report {
    let mut world = match World::new(plan.clone(), kind, watch != Watch::Hash) {
        Ok(world) => world,
        Err(failure) => return report_of(failure),
    };
    world.set_flaw(flaw);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| world.run())) {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        world.fail(format!("panic: {}", words.unwrap_or_default()));
    }
    Report {
        failure: world.failure,
        hash: world.trace.hash(),
        steps: world.steps,
        time: world.now,
        traffic: world.traffic,
        cover: world.cover,
        trace: world.trace.tell(watch == Watch::All),
    }
}

fn report_of(failure: Failure) -> Report {
    Report {
        failure: Some(failure),
        hash: [0; 32],
        steps: 0,
        time: Duration::ZERO,
        traffic: Traffic::default(),
        cover: Coverage::default(),
        trace: String::new(),
    }
}

/// What became of many seeds.
#[derive(Debug, Default)]
pub struct Sweep {
    /// Seeds that broke a promise, and which.
    pub failures: Vec<(u64, Failure)>,
    /// Seeds that ran.
    pub seeds: u64,
    /// Events of all.
    pub steps: u64,
    /// Virtual time of all.
    pub time: Duration,
    /// What was reached.
    pub cover: Coverage,
}

/// Runs seeds from `from` on, so many or as long as `go_on` says, on several threads; `failed` hears of each failure.
pub fn sweep(
    from: u64,
    seeds: u64,
    jobs: usize,
    kind: StoreKind,
    go_on: &(dyn Fn() -> bool + Sync),
    failed: &(dyn Fn(u64, &Failure) + Sync),
) -> Sweep {
    let next = AtomicU64::new(0);
    let all = Mutex::new(Sweep::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds || !go_on() {
                        return;
                    }
                    let seed = from + number;
                    let report = run(&Plan::draw(seed), kind, Watch::Hash);
                    if let Some(failure) = &report.failure {
                        failed(seed, failure);
                    }
                    let mut all = all.lock().expect("nobody panics while holding it");
                    all.seeds += 1;
                    all.steps += report.steps;
                    all.time += report.time;
                    all.cover.merge(&report.cover);
                    all.failures.extend(report.failure.map(|failure| (seed, failure)));
                }
            });
        }
    });
    let mut all = all.into_inner().expect("nobody panics while holding it");
    all.failures.sort_by_key(|(seed, _)| *seed);
    all
}
