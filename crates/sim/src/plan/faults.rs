//! What goes wrong.

use super::draw::{Swarm, Switch};
use super::{Act, DAY, Fault, Lie, Ms, Plan, SECOND, Say, Step};
use crate::dice::Dice;

/// Of a thousand seeds that may, so many have somebody who shows two faces.
const EQUIVOCATIONS: u64 = 200;

pub(super) fn draw(plan: &mut Plan, swarm: Swarm, dice: &mut Dice) {
    let span = plan.span;
    let first: Vec<usize> = plan.first_nodes().collect();
    let node = |dice: &mut Dice| first[dice.index(first.len())];
    let add = |plan: &mut Plan, at: Ms, fault: Fault| {
        plan.steps.push(Step { at, act: Act::Fault(fault) });
    };
    let times = |dice: &mut Dice, most: u64| dice.scale(1, most);
    if swarm.has(Switch::Cuts) && !plan.edges.is_empty() {
        for _ in 0..times(dice, 30) {
            let edge = dice.index(plan.edges.len());
            let half = swarm.has(Switch::HalfOpen) && dice.chance(500);
            add(plan, dice.below(span), Fault::Cut { edge, half });
        }
    }
    if swarm.has(Switch::Partitions) {
        for _ in 0..times(dice, 8) {
            let nodes = (0..plan.nodes.len()).filter(|_| dice.chance(400)).collect();
            let during = dice.scale(SECOND, span);
            add(plan, dice.below(span), Fault::Partition { nodes, during });
        }
    }
    if swarm.has(Switch::Absence) {
        // One is away for long: past the life of its prekeys, if the run is long enough.
        let nodes = vec![node(dice)];
        let during = dice.range(span / 3, span);
        add(plan, dice.below(span / 2 + 1), Fault::Partition { nodes, during });
    }
    if swarm.has(Switch::Bridge) && !plan.edges.is_empty() {
        let edge = dice.index(plan.edges.len());
        for _ in 0..times(dice, 20) {
            add(
                plan,
                dice.below(span),
                Fault::Away { edge, during: dice.scale(SECOND, span / 4 + 1) },
            );
        }
    }
    if swarm.has(Switch::Crashes) {
        for _ in 0..times(dice, 12) {
            let during = dice.scale(10, (span / 8).max(10));
            let torn = swarm.has(Switch::TornCrashes) && dice.chance(600);
            let writes = torn.then(|| dice.scale(1, 60) - 1);
            add(plan, dice.below(span), Fault::Crash { node: node(dice), writes, during });
        }
    }
    if swarm.has(Switch::FullDisks) {
        for _ in 0..times(dice, 4) {
            let (writes, during) = (dice.scale(1, 60) - 1, dice.scale(SECOND, span / 8 + SECOND));
            add(plan, dice.below(span), Fault::Full { node: node(dice), writes, during });
        }
    }
    if swarm.has(Switch::OldDisks) && dice.chance(500) {
        let node = node(dice);
        let at = dice.below(span);
        let later = at + dice.scale(1, span - at + 1);
        add(plan, at, Fault::Remember { node });
        add(plan, later, Fault::Forget { node });
        talk(plan, node, later, dice);
    }
    if swarm.has(Switch::Clones) && dice.chance(400) {
        let from = node(dice);
        let at = dice.below(span);
        if let Some(new) = plan.beside(from) {
            add(plan, at, Fault::Clone { node: new, from });
            talk(plan, from, at, dice);
            talk(plan, new, at, dice);
        }
    }
    if swarm.has(Switch::Clocks) {
        for _ in 0..times(dice, 6) {
            let most = if swarm.has(Switch::WildClocks) { 12 * 365 * DAY } else { 5 * DAY };
            let by = i64::try_from(dice.scale(SECOND, most)).unwrap_or(0);
            let by = if dice.chance(500) { by } else { -by };
            add(plan, dice.below(span), Fault::Clock { node: node(dice), by });
        }
    }
}

/// One device of the liar, if there is one, else of anybody, begins to show two faces: each to some of those it can reach.
pub(super) fn equivocate(plan: &mut Plan, dice: &mut Dice) {
    if !dice.chance(EQUIVOCATIONS) {
        return;
    }
    let liar = plan.nodes.iter().find(|node| !node.lies.is_empty()).map(|node| node.person);
    let able = plan.first_nodes().filter(|at| liar.is_none_or(|who| plan.nodes[*at].person == who));
    let Some(from) = dice.pick(&able.collect::<Vec<_>>()).copied() else { return };
    let Some(node) = plan.beside(from) else { return };
    let mut hidden = Vec::new();
    let mut edges = std::mem::take(&mut plan.edges);
    // Edges are named by their place: those of the second face are the last ones.
    edges.retain(|(a, b)| {
        let other = if *a == node { *b } else { *a };
        let keep = (*a != node && *b != node) || (other != from && dice.chance(500));
        if keep && (*a == node || *b == node) {
            hidden.push(other);
        }
        keep
    });
    plan.edges = edges;
    for face in [from, node] {
        plan.nodes[face].lies.push(Lie::Equivocate);
    }
    let at = dice.below(plan.span);
    let act = Act::Fault(Fault::Equivocate { node, from, hidden });
    plan.steps.push(Step { at, act });
    talk(plan, from, at, dice);
    talk(plan, node, at, dice);
    if dice.chance(400) {
        // The second branch is shown once, and whoever has it must pass it on.
        let at = at + dice.scale(20 * SECOND, plan.span - at + 20 * SECOND);
        plan.steps.push(Step { at, act: Act::Fault(Fault::Leave { node }) });
    }
}

/// A device that does not know yet what happened to it goes on talking.
fn talk(plan: &mut Plan, node: usize, from: Ms, dice: &mut Dice) {
    let me = plan.nodes[node].person;
    let pairs = plan.friends.iter().chain(&plan.strangers);
    let with: Vec<usize> = pairs
        .filter_map(|(a, b)| (*a == me).then_some(*b).or_else(|| (*b == me).then_some(*a)))
        .collect();
    let Some(to) = dice.pick(&with).copied() else { return };
    for _ in 0..dice.range(2, 12) {
        let at = (from + dice.scale(20, 900_000)).min(plan.span);
        let act = Act::Say { node, to, what: Say::Text(20), pick: dice.bits() };
        plan.steps.push(Step { at, act });
    }
}
