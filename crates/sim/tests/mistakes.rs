//! Does it bite? Every mistake that is built in on purpose is found.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use nexus_sim::mistakes::hunt_all;

/// Seeds for each: the long suite looks as long as it may take, the short one a little further than it takes now.
fn most() -> u64 {
    if std::env::var_os("NEXUS_TEST_LONG").is_some() { 2_000 } else { 600 }
}

#[test]
fn every_mistake_that_is_built_in_on_purpose_is_found() {
    let hunts = hunt_all(0, most(), 2, &|_| {});
    let missed: Vec<_> = hunts.iter().filter(|hunt| hunt.found.is_none()).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
