//! Where a run fits among the chains that are held.

use std::collections::{BTreeMap, BTreeSet};

use nexus_identity::bugs::{self, Bug};

use crate::ids::{EntryHash, LogKey, Seq};
use crate::ledger::{Chain, ChainId, Ledger};
use crate::run::CheckedRun;

/// Branches of one log that are kept, at most. Only a cheat has more than two or three.
pub const MAX_BRANCHES: usize = 16;

/// Where a run belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// After the head of this chain, leaving out so many leading entries that are held.
    Append {
        /// The chain.
        chain: ChainId,
        /// Entries to leave out.
        skip: usize,
    },
    /// A chain of its own: the first of its log, or a branch that hangs on a held entry.
    Branch {
        /// What it hangs on; `None` when it starts at seq 0.
        base: Option<(ChainId, Seq)>,
        /// Entries to leave out.
        skip: usize,
    },
    /// Everything is held.
    Known,
    /// What comes before is not held.
    Gap,
}

/// Finds where `run` belongs among `chains`, which are all of its log. Two comparisons if it follows the head.
///
/// # Errors
/// Those of the ledger, which is asked only when the run does not simply follow.
pub fn fits<L: Ledger>(
    ledger: &mut L,
    chains: &[Chain],
    run: &CheckedRun,
) -> Result<Fit, L::Error> {
    let (first, prev) = (run.first_seq(), run.first_prev());
    for chain in chains {
        let head = chain.head;
        if head.hash == prev && head.seq.checked_add(1) == Some(first) {
            return Ok(Fit::Append { chain: chain.id, skip: 0 });
        }
        if run.hash_at(head.seq) == Some(head.hash) {
            if run.last() == head {
                return Ok(Fit::Known);
            }
            let skip = usize::try_from(head.seq - first + 1).unwrap_or(usize::MAX);
            return Ok(Fit::Append { chain: chain.id, skip });
        }
    }
    let skip = held_prefix(ledger, run)?;
    if skip == run.len() {
        return Ok(Fit::Known);
    }
    if first == 0 && skip == 0 {
        return Ok(Fit::Branch { base: None, skip });
    }
    let before = match skip {
        0 => prev,
        _ => run.hash_at(first + skip as u64 - 1).unwrap_or(prev),
    };
    let base = ledger.locate(&before)?.filter(|(id, seq)| {
        let here = chains.iter().any(|chain| chain.id == *id);
        here && seq.checked_add(1) == Some(first + skip as u64)
    });
    Ok(base.map_or(Fit::Gap, |base| Fit::Branch { base: Some(base), skip }))
}

/// How many leading entries of `run` are held: who holds an entry holds all before it, so halving finds the number.
fn held_prefix<L: Ledger>(ledger: &mut L, run: &CheckedRun) -> Result<usize, L::Error> {
    let (mut held, mut end) = (0, run.len());
    while held < end {
        let middle = held + (end - held) / 2;
        let hash = run.hash_at(run.first_seq() + middle as u64);
        let here = match hash {
            Some(hash) => ledger.locate(&hash)?.is_some(),
            None => false,
        };
        if here {
            held = middle + 1;
        } else {
            end = middle;
        }
    }
    Ok(held)
}

/// The chains through which an entry of `chain` is reached, from it to the root, each with the last seq on the way.
#[must_use]
pub fn path(chains: &[Chain], chain: ChainId) -> Vec<(ChainId, Seq)> {
    let mut path: Vec<(ChainId, Seq)> = Vec::new();
    let mut at = Some((chain, Seq::MAX));
    while let Some((id, until)) = at {
        // A chain hangs on an older one; a store that says otherwise must not hang us.
        if path.len() > chains.len() {
            break;
        }
        path.push((id, until));
        at = chains.iter().find(|chain| chain.id == id).and_then(|chain| chain.base);
    }
    path
}

/// Works out from which entry on each chain does not show, over all chains of one log.
///
/// Hidden is every branch at one place but the two with the smallest first hashes, with all that hangs on it; but
/// entries that other logs cite show, and what is before them. Hidden is, whoever cites it, what follows a retirement.
/// The result goes with `chains`, one by one.
///
/// `next` is the hash of an entry of a chain, `cited` are held entries as (chain, seq).
#[must_use]
pub fn hidden(
    chains: &[Chain],
    next: &BTreeMap<(ChainId, Seq), EntryHash>,
    cited: &[(ChainId, Seq)],
) -> Vec<Option<Seq>> {
    let mut ordered: Vec<&Chain> = chains.iter().collect();
    ordered.sort_by_key(|chain| (chain.first, chain.id));
    let mut cuts = crowded_out(chains, next);
    inherit(&ordered, &mut cuts, false);
    for (id, seq) in cited {
        for (id, until) in path(chains, *id) {
            let shown = (*seq).min(until).saturating_add(1);
            if let Some(cut) = cuts.get_mut(&id) {
                *cut = shown.max(*cut);
            }
        }
    }
    let retired =
        chains.iter().filter_map(|chain| Some((chain.id, chain.retired?.saturating_add(1))));
    let mut ends: BTreeMap<ChainId, Seq> = retired.collect();
    // After the retirement itself nothing shows, on whichever branch.
    inherit(&ordered, &mut ends, true);
    let cut = |chain: &Chain| match (cuts.get(&chain.id), ends.get(&chain.id)) {
        (Some(cut), Some(end)) => Some(*cut.min(end)),
        (one, other) => one.or(other).copied(),
    };
    chains.iter().map(cut).collect()
}

/// Where each chain is cut because too many part at one place.
fn crowded_out(
    chains: &[Chain],
    next: &BTreeMap<(ChainId, Seq), EntryHash>,
) -> BTreeMap<ChainId, Seq> {
    let mut cuts: BTreeMap<ChainId, Seq> = BTreeMap::new();
    for place in places(chains) {
        let seq = place.map_or(0, |(_, seq)| seq.saturating_add(1));
        let hanging = chains.iter().filter(|chain| chain.base == place).map(|chain| chain.id);
        let mut siblings: Vec<_> = hanging
            .chain(place.map(|(id, _)| id))
            .filter_map(|id| next.get(&(id, seq)).map(|hash| (*hash, id)))
            .collect();
        siblings.sort_unstable();
        for (_, id) in siblings.into_iter().skip(READABLE_BRANCHES) {
            let cut = cuts.entry(id).or_insert(seq);
            *cut = seq.min(*cut);
        }
    }
    cuts
}

/// What hangs on a cut part is cut from its first entry on; with `beside` also what hangs on the entry right before the
/// cut. `ordered` has each chain after the one it hangs on.
fn inherit(ordered: &[&Chain], cuts: &mut BTreeMap<ChainId, Seq>, beside: bool) {
    for chain in ordered {
        if let Some((base, seq)) = chain.base
            && cuts.get(&base).is_some_and(|cut| *cut <= seq.saturating_add(u64::from(beside)))
        {
            cuts.insert(chain.id, chain.first);
        }
    }
}

/// Branches at one place that show without being cited.
pub const READABLE_BRANCHES: usize = 2;

/// The places where chains of one log part: what each chain hangs on.
#[must_use]
pub fn places(chains: &[Chain]) -> BTreeSet<Option<(ChainId, Seq)>> {
    chains.iter().map(|chain| chain.base).collect()
}

/// Whether some place of the log has more branches than [`READABLE_BRANCHES`].
#[must_use]
pub fn is_crowded(chains: &[Chain]) -> bool {
    places(chains).into_iter().any(|place| {
        let hanging = chains.iter().filter(|chain| chain.base == place).count();
        hanging + usize::from(place.is_some()) > READABLE_BRANCHES
    })
}

/// The chain of a log that is mine to continue, if it is one chain and nobody else wrote there.
#[must_use]
pub fn writable<'a>(chains: &'a [Chain], log: &LogKey) -> Option<&'a Chain> {
    match chains {
        [chain] if chain.log == *log && (!chain.stopped || bugs::is(Bug::OwnLogContinued)) => {
            Some(chain)
        }
        _ => None,
    }
}
