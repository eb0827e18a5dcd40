//! Does it bite? Mistakes that are built into the shipped crates, and into simulated disks and wires, and how many seeds it takes to
//! find each.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use nexus_identity::bugs::{Bug, select};

use crate::disk::StoreKind;
use crate::plan::Plan;
use crate::sweep::{Watch, run_with};
use crate::world::{Failure, Flaw};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// In a shipped crate.
    Seeded(Bug),
    /// In a simulated disk or wire.
    World(Flaw),
}

impl Mistake {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let seeded = Bug::ALL.iter().copied().map(Self::Seeded);
        seeded.chain(Flaw::ALL.map(Self::World)).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Seeded(bug) => format!("{bug:?}"),
            Self::World(flaw) => format!("{flaw:?}"),
        }
    }

    /// What goes wrong, in words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        match self {
            Self::Seeded(bug) => bug.what(),
            Self::World(flaw) => flaw.what(),
        }
    }
}

/// What became of the search for a mistake.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// Which.
    pub mistake: Mistake,
    /// How many seeds it took, which one it was and how it showed; `None`: not found.
    pub found: Option<(u64, u64, Failure)>,
}

/// Looks for a mistake with seeds from `from` on.
#[must_use]
pub fn hunt(mistake: Mistake, from: u64, most: u64) -> Hunt {
    let flaw = match mistake {
        Mistake::Seeded(bug) => {
            select(Some(bug));
            None
        }
        Mistake::World(flaw) => Some(flaw),
    };
    let found = (from..from + most).enumerate().find_map(|(count, seed)| {
        let plan = Plan::draw(seed);
        let failure = run_with(&plan, StoreKind::Memory, Watch::Hash, flaw).failure?;
        // A seed that fails anyway finds nothing.
        select(None);
        let fails_anyway = run_with(&plan, StoreKind::Memory, Watch::Hash, None).failure.is_some();
        if let Mistake::Seeded(bug) = mistake {
            select(Some(bug));
        }
        (!fails_anyway).then_some((count as u64 + 1, seed, failure))
    });
    select(None);
    Hunt { mistake, found }
}

/// Looks for all mistakes, on several threads; `told` hears of each as it is found.
pub fn hunt_all(from: u64, most: u64, jobs: usize, told: &(dyn Fn(&Hunt) + Sync)) -> Vec<Hunt> {
    let all = Mistake::all();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(mistake) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hunt = hunt(*mistake, from, most);
                    told(&hunt);
                    found.lock().expect("nobody panics while holding it").push(hunt);
                }
            });
        }
    });
    found.into_inner().expect("nobody panics while holding it")
}
