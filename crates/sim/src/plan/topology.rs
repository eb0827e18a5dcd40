//! Who can reach whom.

use std::collections::BTreeSet;

use super::NodePlan;
use crate::dice::Dice;

/// The edges of one policy over all devices.
pub(super) fn edges(nodes: &[NodePlan], dice: &mut Dice) -> Vec<(usize, usize)> {
    let n = nodes.len();
    let mut order: Vec<usize> = (0..n).collect();
    for at in (1..n).rev() {
        order.swap(at, dice.index(at + 1));
    }
    let mut edges = BTreeSet::new();
    let mut join = |a: usize, b: usize| {
        let (a, b) = (order[a], order[b]);
        if a != b {
            edges.insert((a.min(b), a.max(b)));
        }
    };
    match dice.below(5) {
        // A line.
        0 => (1..n).for_each(|at| join(at - 1, at)),
        // A star.
        1 => (1..n).for_each(|at| join(0, at)),
        // Two clusters and a bridge.
        2 if n > 3 => {
            let half = n / 2;
            for a in 0..n {
                for b in a + 1..n {
                    if (a < half) == (b < half) {
                        join(a, b);
                    }
                }
            }
            join(half - 1, half);
        }
        // A ring with a few short cuts.
        3 if n > 3 => {
            (0..n).for_each(|at| join(at, (at + 1) % n));
            (0..dice.below(n as u64)).for_each(|_| join(dice.index(n), dice.index(n)));
        }
        // Everybody.
        _ => {
            for a in 0..n {
                (a + 1..n).for_each(|b| join(a, b));
            }
        }
    }
    edges.into_iter().collect()
}

/// People who can reach each other directly somewhere: others would wait for ever.
pub(super) fn pairs(nodes: &[NodePlan], edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let pairs = edges.iter().map(|(a, b)| (nodes[*a].person, nodes[*b].person));
    let friends: BTreeSet<_> =
        pairs.filter(|(a, b)| a != b).map(|(a, b)| (a.min(b), a.max(b))).collect();
    friends.into_iter().collect()
}
