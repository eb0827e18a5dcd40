//! A failing plan, made as small as it can be and still fail: fewer steps, fewer things wrong with wires, clocks and devices.
//!
//! Any failure counts, not only the one that it began with: whatever is left is a broken promise, and smaller.

use crate::disk::StoreKind;
use crate::plan::{Act, ClockPlan, Fault, Lie, Plan, Step};
use crate::sweep::{Watch, run};
use crate::world::Failure;

/// Runs spent on one plan at most.
const MOST_RUNS: u64 = 1_500;

/// The small plan.
#[derive(Debug, Clone)]
pub struct Small {
    /// What fails.
    pub plan: Plan,
    /// How it fails.
    pub failure: Failure,
    /// Runs that it took.
    pub runs: u64,
}

struct Shrinker {
    best: Small,
    kind: StoreKind,
}

/// Makes a failing plan small; `None` if it does not fail.
#[must_use]
pub fn shrink(plan: &Plan, kind: StoreKind) -> Option<Small> {
    let failure = run(plan, kind, Watch::Hash).failure?;
    let mut shrinker = Shrinker { best: Small { plan: plan.clone(), failure, runs: 1 }, kind };
    loop {
        let before = shrinker.best.plan.clone();
        shrinker.fewer_steps();
        shrinker.fewer_people();
        shrinker.calmer();
        shrinker.shorter();
        if shrinker.best.plan == before || shrinker.is_spent() {
            return Some(shrinker.best);
        }
    }
}

impl Shrinker {
    const fn is_spent(&self) -> bool {
        self.best.runs >= MOST_RUNS
    }

    /// Takes a smaller plan if it still fails.
    fn try_plan(&mut self, plan: Plan) -> bool {
        if plan == self.best.plan || self.is_spent() {
            return false;
        }
        self.best.runs += 1;
        match run(&plan, self.kind, Watch::Hash).failure {
            Some(failure) => {
                self.best = Small { plan, failure, runs: self.best.runs };
                true
            }
            None => false,
        }
    }

    fn with(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.best.plan.clone();
        change(&mut plan);
        self.try_plan(plan)
    }

    /// Leaves out steps, half of them at first, in the end one by one.
    fn fewer_steps(&mut self) {
        let mut size = self.best.plan.steps.len().max(1);
        loop {
            let mut at = 0;
            while at < self.best.plan.steps.len() && !self.is_spent() {
                let end = (at + size).min(self.best.plan.steps.len());
                if !self.with(|plan| drop(plan.steps.drain(at..end))) {
                    at = end;
                }
            }
            if size == 1 {
                return;
            }
            size /= 2;
        }
    }

    /// Lets devices do nothing and reach nobody: their places stay, so that steps mean the same.
    fn fewer_people(&mut self) {
        for node in (0..self.best.plan.nodes.len()).rev() {
            let alone = |plan: &mut Plan| {
                plan.edges.retain(|(a, b)| *a != node && *b != node);
                plan.steps.retain(|step| !concerns(step, node));
                plan.nodes[node].later = true;
            };
            // Edges are named by their place, so steps about them go too.
            self.with(|plan| {
                plan.steps.retain(|step| !names_edge(step));
                alone(plan);
            });
        }
        for node in 0..self.best.plan.nodes.len() {
            self.with(|plan| plan.nodes[node].clock = ClockPlan::Right);
            // Whoever shows two faces is no honest device, and what it breaks is no promise.
            self.with(|plan| plan.nodes[node].lies.retain(|one| *one == Lie::Equivocate));
            let lies = self.best.plan.nodes[node].lies.clone();
            for lie in lies.into_iter().filter(|one| *one != Lie::Equivocate) {
                self.with(|plan| plan.nodes[node].lies.retain(|one| *one != lie));
            }
        }
    }

    /// Makes wires and disks better.
    fn calmer(&mut self) {
        self.with(|plan| plan.net.cuts = 0);
        self.with(|plan| plan.net.half_open = 0);
        self.with(|plan| plan.net.double = 0);
        self.with(|plan| plan.net.delay = 1);
        self.with(|plan| plan.net.rate = 50_000_000);
        self.with(|plan| plan.net.window = nexus_sync::limits::WINDOW);
        self.with(|plan| plan.commit = 1);
    }

    /// Lets less time pass.
    fn shorter(&mut self) {
        let last = self.best.plan.steps.last().map_or(0, |step| step.at);
        self.with(|plan| plan.span = last + 1_000);
        while self.with(|plan| {
            plan.span /= 2;
            plan.steps.iter_mut().for_each(|step| step.at /= 2);
        }) {}
    }
}

/// Whether a step is about a device.
fn concerns(step: &Step, node: usize) -> bool {
    match &step.act {
        Act::Say { node: of, .. }
        | Act::Write { node: of, .. }
        | Act::Look { node: of, .. }
        | Act::Contact { node: of, .. }
        | Act::Rename { node: of, .. }
        | Act::Backup { node: of } => *of == node,
        Act::Restore { node: of, from } | Act::Revoke { node: of, other: from } => {
            *of == node || *from == node
        }
        Act::Fault(fault) => match fault {
            Fault::Crash { node: of, .. }
            | Fault::Full { node: of, .. }
            | Fault::Remember { node: of }
            | Fault::Forget { node: of }
            | Fault::Leave { node: of }
            | Fault::Clock { node: of, .. } => *of == node,
            Fault::Clone { node: of, from } | Fault::Equivocate { node: of, from, .. } => {
                *of == node || *from == node
            }
            Fault::Cut { .. } | Fault::Away { .. } | Fault::Partition { .. } => false,
        },
    }
}

/// Whether a step names an edge by its place.
const fn names_edge(step: &Step) -> bool {
    matches!(step.act, Act::Fault(Fault::Cut { .. } | Fault::Away { .. }))
}
