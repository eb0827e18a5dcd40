//! What people do.

use super::draw::{Swarm, Switch};
use super::{Act, ContactAct, Fault, Plan, SECOND, Say, Step};
use crate::dice::Dice;

/// Most things said in a run of two people.
const MOST: u64 = 120;

pub(super) fn draw(plan: &mut Plan, swarm: Swarm, dice: &mut Dice) {
    let pairs: Vec<(usize, usize)> = plan.friends.iter().chain(&plan.strangers).copied().collect();
    if pairs.is_empty() {
        return;
    }
    requests(plan, dice);
    if swarm.has(Switch::Blocks) && dice.chance(500) {
        blocks(plan, &pairs, dice);
    }
    if swarm.has(Switch::Backups) && dice.chance(600) {
        backups(plan, dice);
    }
    let count = dice.scale(4, MOST);
    // Some talk all the time, some in bursts.
    let bursts = dice.range(1, 20);
    for number in 0..count {
        let burst = plan.span / bursts * (number * bursts / count);
        let at = if dice.chance(300) {
            dice.below(plan.span)
        } else {
            (burst + dice.scale(1, plan.span / bursts + 1)).min(plan.span)
        };
        let Some(act) = say(plan, &pairs, swarm, dice) else { continue };
        plan.steps.push(Step { at, act });
    }
}

fn say(plan: &Plan, pairs: &[(usize, usize)], swarm: Swarm, dice: &mut Dice) -> Option<Act> {
    let (a, b) = *dice.pick(pairs)?;
    let (from, to) = if dice.chance(500) { (a, b) } else { (b, a) };
    let to = if swarm.has(Switch::Notes) && dice.chance(50) { from } else { to };
    let node = device(plan, from, dice);
    Some(Act::Say { node, to, what: what(swarm, dice), pick: dice.bits() })
}

/// One of the devices that somebody has from the start.
fn device(plan: &Plan, person: usize, dice: &mut Dice) -> usize {
    let all = plan.first_nodes().filter(|at| plan.nodes[*at].person == person);
    dice.pick(&all.collect::<Vec<_>>()).copied().unwrap_or(0)
}

/// Who is a stranger asks, the other one accepts; at times both ask.
fn requests(plan: &mut Plan, dice: &mut Dice) {
    for (a, b) in plan.strangers.clone() {
        let (from, to) = if dice.chance(500) { (a, b) } else { (b, a) };
        let asked = dice.below(plan.span / 4 + 1);
        let mut at = asked;
        contact(plan, asked, (from, to), ContactAct::Ask, dice);
        for _ in 0..6 {
            at += dice.scale(1_000, plan.span / 6 + 2_000);
            let what = if dice.chance(200) { ContactAct::Ask } else { ContactAct::Accept };
            contact(plan, at.min(plan.span), (to, from), what, dice);
        }
    }
}

fn contact(
    plan: &mut Plan,
    at: u64,
    (from, who): (usize, usize),
    what: ContactAct,
    dice: &mut Dice,
) {
    let node = device(plan, from, dice);
    plan.steps.push(Step { at, act: Act::Contact { node, who, what } });
}

fn blocks(plan: &mut Plan, pairs: &[(usize, usize)], dice: &mut Dice) {
    let (a, b) = pairs[dice.index(pairs.len())];
    let mut at = dice.below(plan.span);
    for _ in 0..dice.range(1, 3) {
        for what in [ContactAct::Block, ContactAct::Unblock] {
            contact(plan, at.min(plan.span), (a, b), what, dice);
            at += dice.scale(1_000, plan.span / 3 + 2_000);
        }
    }
}

/// Much is said faster than slow disks can take it in, so that runs of one log wait for each other; at times a disk fills
/// up among them.
pub(super) fn rush(plan: &mut Plan, dice: &mut Dice) {
    let pairs: Vec<(usize, usize)> = plan.friends.iter().chain(&plan.strangers).copied().collect();
    if pairs.is_empty() || !dice.chance(800) {
        return;
    }
    plan.commit = plan.commit.max(dice.range(1_000, 2_000));
    for _ in 0..dice.range(2, 6) {
        let (a, b) = pairs[dice.index(pairs.len())];
        let (from, to) = if dice.chance(500) { (a, b) } else { (b, a) };
        let node = device(plan, from, dice);
        let mut at = dice.below(plan.span);
        if dice.chance(600) {
            let node = device(plan, to, dice);
            let (writes, during) = (dice.scale(1, 60) - 1, dice.scale(SECOND, 20 * SECOND));
            let act = Act::Fault(Fault::Full { node, writes, during });
            plan.steps.push(Step { at, act });
        }
        for _ in 0..dice.range(10, 30) {
            at = (at + dice.scale(1, 500)).min(plan.span);
            let act = Act::Say { node, to, what: Say::Text(20), pick: dice.bits() };
            plan.steps.push(Step { at, act });
        }
    }
}

/// What people seldom do: each in some of the seeds that may.
pub(super) fn rare(plan: &mut Plan, swarm: Swarm, dice: &mut Dice) {
    let pairs: Vec<(usize, usize)> = plan.friends.iter().chain(&plan.strangers).copied().collect();
    if swarm.has(Switch::Declines) {
        for (a, b) in plan.strangers.clone() {
            for (from, who) in [(a, b), (b, a)] {
                if dice.chance(300) {
                    let at = dice.scale(1_000, plan.span + 1_000).min(plan.span);
                    contact(plan, at, (from, who), ContactAct::Decline, dice);
                }
            }
        }
    }
    if swarm.has(Switch::Names) && dice.chance(500) {
        for _ in 0..dice.scale(1, 6) {
            let person = dice.index(plan.people);
            let act = Act::Rename { node: device(plan, person, dice), pick: dice.bits() };
            plan.steps.push(Step { at: dice.below(plan.span), act });
        }
    }
    if swarm.has(Switch::Removals) && dice.chance(300) && !pairs.is_empty() {
        removals(plan, &pairs, dice);
    }
    if swarm.has(Switch::Revocations) && dice.chance(300) {
        revocation(plan, dice);
    }
}

/// Somebody wants somebody else no longer, and most of the time does again.
fn removals(plan: &mut Plan, pairs: &[(usize, usize)], dice: &mut Dice) {
    let (a, b) = pairs[dice.index(pairs.len())];
    let mut at = dice.below(plan.span);
    for _ in 0..dice.range(1, 2) {
        contact(plan, at.min(plan.span), (a, b), ContactAct::Remove, dice);
        at += dice.scale(1_000, plan.span / 3 + 2_000);
        if dice.chance(700) {
            contact(plan, at.min(plan.span), (a, b), ContactAct::Ask, dice);
            at += dice.scale(1_000, plan.span / 3 + 2_000);
        }
    }
}

/// A device is lost, and another one of the same person says so; whoever has it goes on for a while.
fn revocation(plan: &mut Plan, dice: &mut Dice) {
    let first: Vec<usize> = plan.first_nodes().collect();
    let node = first[dice.index(first.len())];
    let person = plan.nodes[node].person;
    let others = first.iter().copied().filter(|at| *at != node && plan.nodes[*at].person == person);
    let Some(other) = dice.pick(&others.collect::<Vec<_>>()).copied() else { return };
    plan.steps.push(Step { at: dice.below(plan.span), act: Act::Revoke { node, other } });
}

/// A device is backed up, and later another one starts from that, in the same place.
fn backups(plan: &mut Plan, dice: &mut Dice) {
    let first: Vec<usize> = plan.first_nodes().collect();
    let from = first[dice.index(first.len())];
    let at = dice.below(plan.span);
    let later = dice.range(at, plan.span);
    let Some(node) = plan.beside(from) else { return };
    plan.steps.push(Step { at, act: Act::Backup { node: from } });
    plan.steps.push(Step { at: later, act: Act::Restore { node, from } });
}

fn what(swarm: Swarm, dice: &mut Dice) -> Say {
    let has = |switch| swarm.has(switch);
    match dice.below(100) {
        0..10 if has(Switch::Replies) => Say::Reply,
        10..22 if has(Switch::Edits) => Say::Edit,
        22..28 if has(Switch::Retractions) => Say::Retract,
        28..40 if has(Switch::Reactions) => Say::React,
        40..50 if has(Switch::Reads) => Say::Read,
        50..53 if has(Switch::Timers) => {
            Say::Timer(dice.chance(700).then(|| dice.scale(1, 3 * 86_400)))
        }
        53..55 if has(Switch::Renames) => Say::Rename,
        55..57 if has(Switch::Unknown) => Say::Unknown,
        57..59 if has(Switch::Long) => Say::Text(30_000),
        _ => Say::Text(usize::try_from(dice.scale(1, 400)).unwrap_or(1)),
    }
}
