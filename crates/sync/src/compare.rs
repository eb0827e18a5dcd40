//! Compares the branches of one log at both ends: what the peer lacks, what it has that I lack.

use std::cell::RefCell;
use std::collections::BTreeMap;

use nexus_identity::bugs::{self, Bug};
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
    let hashes = Hashes { store, seen: RefCell::default() };
    for chain in mine {
        let push = match common(chain, &out.held, mine, &hashes)? {
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
    hashes: &Hashes<'_, S>,
) -> Result<Option<Seq>, StoreError> {
    if held.is_empty() {
        return Ok(None);
    }
    let mut best = None;
    for tip in held {
        let shared = if tip.branch == chain.branch {
            Some(tip.head.seq.min(chain.head.seq))
        } else {
            parting(chain, tip, mine, hashes)?
        };
        best = best.max(shared);
    }
    let late = u64::from(bugs::is(Bug::FrontierOffByOne));
    Ok(Some(best.map_or(chain.first, |base| base + 1 + late)))
}

/// A branch, and a place on it.
type Place = (Option<EntryHash>, Seq);

/// Hashes of one log, each looked up once: all its branches are compared with each other.
struct Hashes<'a, S> {
    store: &'a S,
    seen: RefCell<BTreeMap<Place, Option<EntryHash>>>,
}

impl<S: Store> Hashes<'_, S> {
    fn at(&self, chain: &LogHead, seq: Seq) -> Result<Option<EntryHash>, StoreError> {
        if let Some(hash) = self.seen.borrow().get(&(chain.branch, seq)) {
            return Ok(*hash);
        }
        let hash = self.store.hash_at(&chain.log, chain.branch.as_ref(), seq)?;
        self.seen.borrow_mut().insert((chain.branch, seq), hash);
        Ok(hash)
    }
}

/// The last seq that two branches share, up to `tip`: found by halving over the few places where one of mine begins, since
/// that is where two of them part.
fn parting<S: Store>(
    chain: &LogHead,
    tip: &LogHead,
    mine: &[LogHead],
    hashes: &Hashes<'_, S>,
) -> Result<Option<Seq>, StoreError> {
    debug_assert!(mine.len() > 1);
    let same = |seq: Seq| -> Result<bool, StoreError> {
        let a = hashes.at(chain, seq)?;
        Ok(a.is_some() && a == hashes.at(tip, seq)?)
    };
    let (mut low, high) = (0, tip.head.seq.min(chain.head.seq));
    if same(high)? {
        return Ok(Some(high));
    }
    if !same(low)? {
        return Ok(None);
    }
    let mut places: Vec<Seq> = mine.iter().filter_map(|one| one.first.checked_sub(1)).collect();
    places.retain(|place| *place > low && *place < high);
    places.sort_unstable();
    places.dedup();
    let mut rest = places.as_slice();
    while let Some((&place, after)) = rest.get(rest.len() / 2..).and_then(<[_]>::split_first) {
        if same(place)? {
            low = place;
            rest = after;
        } else {
            rest = rest.get(..rest.len() / 2).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use nexus_log::ids::{LogKey, Topic};
    use nexus_log::run::Run;

    use super::*;

    const LOG: LogKey = LogKey::from_bytes([1; 32]);
    const LENGTH: Seq = 100_000;

    /// A log of which each branch parts from the first chain where its number says.
    #[derive(Default)]
    struct Branches {
        looks: Cell<usize>,
    }

    fn hash(branch: u8, seq: Seq) -> EntryHash {
        let mut bytes = [branch; 32];
        bytes[..8].copy_from_slice(&seq.to_be_bytes());
        EntryHash::from_bytes(bytes)
    }

    fn branch(number: u8) -> LogHead {
        let first = if number == 0 { 0 } else { 1_000 + 77 * Seq::from(number) };
        let head = Head { seq: LENGTH, hash: hash(number, LENGTH) };
        LogHead { log: LOG, branch: (number > 0).then(|| hash(number, first)), first, head }
    }

    impl Store for Branches {
        fn logs(&self, _: &Topic) -> Result<Vec<LogHead>, StoreError> {
            Ok(Vec::new())
        }

        fn tips(&self, _: &LogKey) -> Result<Vec<LogHead>, StoreError> {
            Ok(Vec::new())
        }

        fn run(
            &self,
            _: &LogKey,
            _: Option<&EntryHash>,
            _: Seq,
            _: usize,
        ) -> Result<Option<Run>, StoreError> {
            Ok(None)
        }

        fn hash_at(
            &self,
            _: &LogKey,
            of: Option<&EntryHash>,
            seq: Seq,
        ) -> Result<Option<EntryHash>, StoreError> {
            self.looks.set(self.looks.get() + 1);
            let number = of.map_or(0, |of| of.as_bytes()[31]);
            let shared = seq < branch(number).first;
            Ok((seq <= LENGTH).then(|| hash(if shared { 0 } else { number }, seq)))
        }
    }

    #[test]
    fn many_branches_are_compared_with_few_looks() {
        let (store, mine) = (Branches::default(), (0..16).map(branch).collect::<Vec<_>>());
        let theirs: Vec<Head> = mine.iter().map(|chain| chain.head).collect();
        let compared = compare(&mine, &theirs, None, &store).unwrap();
        assert!(compared.push.is_empty() && !compared.lacking);
        assert!(store.looks.get() < 1_500, "{} looks", store.looks.get());
        // Of two branches that the peer lacks, the rest is sent from where they part from what it has.
        let compared = compare(&mine, &theirs[..1], None, &store).unwrap();
        for chain in &mine[1..] {
            let push = Push { from: chain.first, probe: false };
            assert_eq!(compared.push.get(&chain.branch), Some(&push));
        }
    }
}
