//! Does it bite? Every mistake that is built in on purpose is found.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use nexus_sim::mistakes::{Mistake, hunt};

/// Seeds for each in the long suite.
const MOST: u64 = 2_000;
/// … and in the short one, which leaves out what takes longer to find.
const FEW: u64 = 60;
const RARE: [&str; 1] = ["ChangeInRoundLost"];

#[test]
fn every_mistake_that_is_built_in_on_purpose_is_found() {
    let long = std::env::var_os("NEXUS_TEST_LONG").is_some();
    let all = Mistake::all();
    let looked_for = all.into_iter().filter(|one| long || !RARE.contains(&one.name().as_str()));
    let hunts = looked_for.map(|mistake| hunt(mistake, 0, if long { MOST } else { FEW }));
    let missed: Vec<_> = hunts.filter(|hunt| hunt.found.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
