//! From a seed to a plan: swarm testing. Each seed leaves out about half of what can happen, so that what is left
//! happens together in ways that nobody thought of.

use super::{
    Act, ClockPlan, DAY, HOUR, Lie, Ms, NetPlan, NodePlan, Plan, SECOND, faults, topology, workload,
};
use crate::dice::Dice;
use nexus_sync::limits::{MIN_WINDOW, WINDOW};

/// Longest time that a liar lies.
const MOST_LYING: Ms = 2 * DAY;
/// Of a thousand seeds, so many have about as many devices as there may be.
const CROWDS: u64 = 4;

/// What a seed may switch off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Swarm {
    bits: u64,
}

/// Names of the switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Edits,
    Retractions,
    Reactions,
    Reads,
    Timers,
    Replies,
    Renames,
    Unknown,
    Long,
    Notes,
    Cuts,
    HalfOpen,
    Double,
    Slow,
    Partitions,
    Bridge,
    Crashes,
    TornCrashes,
    FullDisks,
    OldDisks,
    Clones,
    Clocks,
    WildClocks,
    Lies,
    Letters,
    Blocks,
    Backups,
    Absence,
    SmallWindow,
    Equivocation,
    Declines,
    Removals,
    Revocations,
    Names,
    Orders,
    Rush,
}

impl Swarm {
    pub(super) const fn has(self, switch: Switch) -> bool {
        self.bits & (1 << switch as u64) != 0
    }
}

pub(super) fn draw(seed: u64) -> Plan {
    let mut dice = Dice::new(seed, "plan", 0);
    // One seed in sixteen has everything, one nothing that goes wrong: both find what the mixed ones hide.
    let bits = match seed % 16 {
        0 => u64::MAX,
        1 => (1 << Switch::Cuts as u64) - 1,
        _ => dice.bits(),
    };
    let swarm = Swarm { bits };
    let span = span(swarm, &mut dice);
    let crowd = Dice::new(seed, "crowd", 0).chance(CROWDS);
    let (people, mut nodes) = people(swarm, crowd, &mut dice);
    if swarm.has(Switch::Orders) {
        orders(&mut nodes, &mut Dice::new(seed, "orders", 0));
    }
    // What a liar shows and does not have is asked for once a minute as long as its link lives.
    let liars = nodes.iter().any(|node| !node.lies.is_empty());
    let span = if liars { span.min(MOST_LYING) } else { span };
    let edges = topology::edges(&nodes, &mut dice);
    let (strangers, friends) = topology::pairs(&nodes, &edges)
        .into_iter()
        .partition(|_| swarm.has(Switch::Letters) && dice.chance(600));
    let net = net(swarm, &mut dice);
    let commit = dice.scale(1, if swarm.has(Switch::Slow) { 2_000 } else { 20 });
    let steps = Vec::new();
    let mut plan =
        Plan { seed, people, nodes, edges, friends, strangers, net, commit, span, steps };
    workload::draw(&mut plan, swarm, &mut Dice::new(seed, "workload", 0));
    if swarm.has(Switch::Rush) {
        workload::rush(&mut plan, &mut Dice::new(seed, "rush", 0));
    }
    workload::rare(&mut plan, swarm, &mut Dice::new(seed, "rare", 0));
    faults::draw(&mut plan, swarm, &mut Dice::new(seed, "faults", 0));
    if swarm.has(Switch::Equivocation) {
        faults::equivocate(&mut plan, &mut Dice::new(seed, "equivocation", 0));
    }
    // Later nodes take their place when their step comes, so order is all that matters.
    plan.steps.sort_by_key(|step| (step.at, matches!(step.act, Act::Fault(_))));
    plan
}

/// A minute to two years.
fn span(swarm: Swarm, dice: &mut Dice) -> Ms {
    if swarm.has(Switch::Absence) && dice.chance(700) {
        dice.range(60 * DAY, 400 * DAY)
    } else {
        dice.scale(60 * SECOND, 20 * DAY).max(HOUR)
    }
}

fn people(swarm: Swarm, crowd: bool, dice: &mut Dice) -> (usize, Vec<NodePlan>) {
    let people = match dice.below(100) {
        _ if crowd => dice.range(16, 20),
        0..60 => 2,
        60..80 => dice.range(3, 4),
        80..97 => dice.range(4, 7),
        _ => dice.range(8, 20),
    };
    let people = usize::try_from(people).unwrap_or(2);
    let mut nodes = Vec::new();
    for person in 0..people {
        let devices = match (people, dice.below(100)) {
            (_, 5..) if crowd => 2,
            (8.., 0..60) | (_, 0..50) => 1,
            (8.., _) | (_, 50..80) => 2,
            _ => dice.range(2, 4),
        };
        for _ in 0..devices {
            nodes.push(NodePlan {
                person,
                later: false,
                clock: clock(swarm, dice),
                lies: Vec::new(),
            });
        }
    }
    if swarm.has(Switch::Lies) {
        lies(&mut nodes, people, dice);
    }
    (people, nodes)
}

/// One person lies, with all devices or some of them; never all people.
fn lies(nodes: &mut [NodePlan], people: usize, dice: &mut Dice) {
    let liar = dice.index(people);
    let all = dice.chance(500);
    for node in nodes.iter_mut().filter(|node| node.person == liar) {
        if all || dice.chance(500) {
            node.lies = Lie::OF_FRAMES.into_iter().filter(|_| dice.chance(400)).collect();
        }
    }
}

/// Who lies may send things in an order of its own, too.
fn orders(nodes: &mut [NodePlan], dice: &mut Dice) {
    for node in nodes.iter_mut().filter(|node| !node.lies.is_empty()) {
        if dice.chance(500) {
            node.lies.push(Lie::Reorder);
        }
    }
}

fn clock(swarm: Swarm, dice: &mut Dice) -> ClockPlan {
    if !swarm.has(Switch::Clocks) || dice.chance(400) {
        return ClockPlan::Right;
    }
    let days = |dice: &mut Dice, most: u64| {
        let off = i64::try_from(dice.scale(1, most)).unwrap_or(0);
        if dice.chance(500) { off } else { -off }
    };
    match dice.below(4) {
        0 => ClockPlan::Off(days(dice, 30 * DAY)),
        1 => ClockPlan::Drifts(days(dice, 20_000)),
        2 if swarm.has(Switch::WildClocks) => ClockPlan::Off(days(dice, 30 * 365 * DAY)),
        3 if swarm.has(Switch::WildClocks) => ClockPlan::Stuck,
        _ => ClockPlan::Off(days(dice, 60 * SECOND)),
    }
}

fn net(swarm: Swarm, dice: &mut Dice) -> NetPlan {
    let slow = swarm.has(Switch::Slow);
    NetPlan {
        delay: dice.scale(1, if slow { 3_000 } else { 100 }),
        rate: dice.scale(if slow { 2_000 } else { 200_000 }, 50_000_000),
        cuts: if swarm.has(Switch::Cuts) { dice.range(50, 900) } else { 0 },
        cut_within: dice.scale(200, 200_000),
        half_open: if swarm.has(Switch::HalfOpen) { dice.range(50, 900) } else { 0 },
        window: if swarm.has(Switch::SmallWindow) { MIN_WINDOW } else { WINDOW },
        double: if swarm.has(Switch::Double) { dice.range(50, 500) } else { 0 },
    }
}
