//! One seed is one run, on every machine and over both stores.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

use nexus_sim::disk::StoreKind;
use nexus_sim::plan::Plan;
use nexus_sim::sweep::{Watch, run, sweep};

/// Small and large, with nothing wrong and with everything; the last with a log that forked within an epoch.
const SEEDS: [u64; 7] = [0, 1, 2, 3, 4, 5, 48];
/// Seeds that every run of the tests looks at; CI looks at 2,000 with `nexus-sim stats`.
const SWEEP: u64 = 100;

#[test]
fn the_same_seed_draws_the_same_plan_and_gives_the_same_trace_twice() {
    for seed in SEEDS {
        assert_eq!(Plan::draw(seed), Plan::draw(seed));
        let [first, second] =
            [0; 2].map(|_| run(&Plan::draw(seed), StoreKind::Memory, Watch::Hash));
        assert_eq!(first.hash, second.hash, "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_over_both_stores() {
    for seed in SEEDS {
        let plan = Plan::draw(seed);
        let memory = run(&plan, StoreKind::Memory, Watch::All);
        let sqlite = run(&plan, StoreKind::Sqlite, Watch::All);
        let mut pairs = memory.trace.lines().zip(sqlite.trace.lines());
        if let Some((there, here)) = pairs.find(|(a, b)| a != b) {
            panic!("seed {seed}: in memory {there}\n in the database {here}");
        }
        assert_eq!(memory.hash, sqlite.hash, "seed {seed}");
    }
}

#[test]
fn every_promise_holds_whatever_the_seed() {
    let failures = sweep(0, SWEEP, 2, StoreKind::Memory, &|| true, &|_, _| {}).failures;
    let lines = failures.iter().map(|(seed, failure)| {
        format!("{}\n  replay: cargo run -p nexus-sim -- replay {seed}", failure.what)
    });
    assert!(failures.is_empty(), "{}", lines.collect::<Vec<_>>().join("\n"));
}
