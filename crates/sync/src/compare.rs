//! Compares the branches of one log at both ends: what the peer lacks, what it has that I lack.

use std::collections::BTreeMap;

use nexus_log::ids::{EntryHash, Head, LogHead, Seq};

use crate::store::{Store, StoreError};

/// Where to go on with one of my branches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Push {
    /// First seq that the peer lacks.
    pub(crate) from: Seq,
    /// The peer shows a head that is on none of my branches and not beyond them: it holds another
    /// branch. One run is sent to find out where they part.
    pub(crate) probe: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// What the peer lacks, by branch.
    pub(crate) push: BTreeMap<Option<EntryHash>, Push>,
    /// The peer has something that I lack.
    pub(crate) lacking: bool,
    /// The peer's heads that I hold, on the branch that holds them.
    pub(crate) held: Vec<LogHead>,
}

/// Compares my branches of a log with the heads that the peer shows, and with `points` that it
/// named in a FORK and that are held here too (`None`: it sent none).
pub(crate) fn compare<S: Store>(
    mine: &[LogHead],
    theirs: &[Head],
    points: Option<&[Head]>,
    store: &S,
) -> Result<Compared, StoreError> {
    let mut out = Compared::default();
    let mut stray = None;
    let longest = mine.iter().map(|tip| tip.head.seq).max();
    for tip in theirs {
        match locate(mine, tip, store)? {
            Some(chain) => out.held.push(LogHead { head: *tip, ..chain }),
            None => {
                out.lacking = true;
                if longest.is_some_and(|longest| tip.seq <= longest) {
                    stray = stray.max(Some(tip.seq));
                }
            }
        }
    }
    for point in points.unwrap_or_default() {
        out.held.extend(locate(mine, point, store)?.map(|chain| LogHead { head: *point, ..chain }));
    }
    for chain in mine {
        let push = match common(chain, &out.held, mine, store)? {
            Some(next) if next <= chain.head.seq => Push { from: next, probe: false },
            Some(_) => continue,
            // After a FORK that names nothing that is held here not even the OPEN is shared.
            None if theirs.is_empty() || points.is_some() => {
                Push { from: chain.first, probe: false }
            }
            None => match stray {
                Some(seq) if seq <= chain.head.seq => Push { from: seq, probe: true },
                // The peer is ahead of me: it sends.
                _ => continue,
            },
        };
        out.push.insert(chain.branch, push);
    }
    Ok(out)
}

/// The branch of mine that holds this head.
fn locate<S: Store>(
    mine: &[LogHead],
    tip: &Head,
    store: &S,
) -> Result<Option<LogHead>, StoreError> {
    for chain in mine {
        if chain.head == *tip {
            return Ok(Some(*chain));
        }
    }
    for chain in mine.iter().filter(|chain| chain.head.seq > tip.seq) {
        if store.hash_at(&chain.log, chain.branch.as_ref(), tip.seq)? == Some(tip.hash) {
            return Ok(Some(*chain));
        }
    }
    Ok(None)
}

/// The first seq of `chain` that the peer lacks, by the heads of its that I hold; `None` if it
/// shows none that I hold.
fn common<S: Store>(
    chain: &LogHead,
    held: &[LogHead],
    mine: &[LogHead],
    store: &S,
) -> Result<Option<Seq>, StoreError> {
    if held.is_empty() {
        return Ok(None);
    }
    let mut best = None;
    for tip in held {
        let shared = if tip.branch == chain.branch {
            Some(tip.head.seq.min(chain.head.seq))
        } else {
            parting(chain, tip, mine, store)?
        };
        best = best.max(shared);
    }
    Ok(Some(best.map_or(chain.first, |base| base + 1)))
}

/// The last seq that two branches share, up to `tip`: found by halving.
fn parting<S: Store>(
    chain: &LogHead,
    tip: &LogHead,
    mine: &[LogHead],
    store: &S,
) -> Result<Option<Seq>, StoreError> {
    debug_assert!(mine.len() > 1);
    let same = |seq: Seq| -> Result<bool, StoreError> {
        let a = store.hash_at(&chain.log, chain.branch.as_ref(), seq)?;
        Ok(a.is_some() && a == store.hash_at(&tip.log, tip.branch.as_ref(), seq)?)
    };
    let (mut low, mut high) = (0, tip.head.seq.min(chain.head.seq));
    if same(high)? {
        return Ok(Some(high));
    }
    if !same(low)? {
        return Ok(None);
    }
    // Same at `low`, different at `high`.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if same(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(low))
}

/// Points of a chain from its head down, each twice as far from the head as the one before, the
/// first entry last: what a FORK carries.
pub(crate) fn locator<S: Store>(chain: &LogHead, store: &S) -> Result<Vec<Head>, StoreError> {
    let mut points = vec![chain.head];
    let mut step: Seq = 1;
    let mut seq = chain.head.seq;
    while seq > 0 {
        seq = chain.head.seq.saturating_sub(step);
        let Some(hash) = store.hash_at(&chain.log, chain.branch.as_ref(), seq)? else { break };
        points.push(Head { seq, hash });
        step = step.saturating_mul(2);
    }
    Ok(points)
}

/// The last of `points` that each of my branches holds.
pub(crate) fn known_points<S: Store>(
    mine: &[LogHead],
    points: &[Head],
    store: &S,
) -> Result<Vec<Head>, StoreError> {
    let mut known: Vec<Head> = Vec::new();
    for chain in mine {
        for point in points {
            if store.hash_at(&chain.log, chain.branch.as_ref(), point.seq)? == Some(point.hash) {
                known.push(*point);
                break;
            }
        }
    }
    Ok(known)
}
