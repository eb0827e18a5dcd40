//! Logs that parted: both branches reach everybody, and so does the proof.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use std::time::Duration;

use lab::hostile::run_of;
use lab::world::World;
use lab::{Room, Writer};
use nexus_log::entry::Entry;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// Says the seed when a test fails.
struct Guard(u64);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("NEXUS_SEED={}", self.0);
        }
    }
}

/// Stores entries as a peer does: in runs, signed at their ends.
fn give(world: &mut World, node: usize, entries: &[Entry]) {
    for part in entries.chunks(100) {
        let mut bare: Vec<Entry> = part.to_vec();
        let last = bare.len() - 1;
        bare[..last].iter_mut().for_each(|entry| entry.signature = None);
        let run = run_of(&bare).check().unwrap();
        world.nodes[node].store.ingest(&run);
    }
}

fn world(nodes: usize, room: &Room) -> World {
    let mut world = World::new(nodes);
    for node in 0..nodes {
        world.join(node, room);
    }
    world
}

/// `shared` entries, then `a` more of one branch and `b` more of another.
fn parted(room: &Room, shared: usize, a: usize, b: usize) -> (Vec<Entry>, Vec<Entry>) {
    let mut one = Writer::new(70, room);
    let common: Vec<Entry> = (0..shared).map(|_| one.write(100, 1)).collect();
    let mut other = one.clone();
    let branch = |writer: &mut Writer, count: usize, noise: u8| {
        let mut all = common.clone();
        for _ in 0..count {
            all.push(if all.is_empty() && noise == 3 {
                // Another OPEN: its certificate is sealed under another nonce.
                let mut twin = Writer::new(70, room);
                let mut entry = twin.write(0, 0);
                entry.payload[100] ^= 1;
                let entry = Entry::write(
                    &twin.key,
                    nexus_log::header::Kind::Open,
                    0,
                    nexus_log::ids::EntryHash::ZERO,
                    entry.payload,
                )
                .unwrap();
                writer.head = Some(nexus_log::ids::Head { seq: 0, hash: entry.hash() });
                entry
            } else {
                writer.write(100, noise)
            });
        }
        all
    };
    (branch(&mut one, a, 2), branch(&mut other, b, 3))
}

#[test]
fn two_branches_meet_and_both_sides_hold_both() {
    for (shared, a, b) in [
        (5, 1, 1),
        (5, 1, 3),
        (6, 5, 1),
        (1, 300, 2),
        (1000, 500, 800),
        (0, 1, 1),
        (0, 5, 400),
        (3, 0, 7),
    ] {
        let room = Room::new(1);
        let mut world = world(2, &room);
        let (one, other) = parted(&room, shared, a, b);
        give(&mut world, 0, &one);
        give(&mut world, 1, &other);
        world.lan(0, 1);
        world.settle();
        world.assert_equal(&room);
        world.assert_no_violations();
        let branches = if a == 0 { 1 } else { 2 };
        assert_eq!(world.nodes[0].store.contents(&room.topic).len(), branches);
        assert_eq!(world.nodes[0].forks, branches - 1, "the fork is reported once");
        assert_eq!(world.nodes[1].forks, branches - 1);
        let missing: usize =
            one[shared..].iter().chain(&other[shared..]).map(|e| 112 + e.payload.len()).sum();
        let ratio = world.total_sent() as f64 / missing as f64;
        println!(
            "fork after {shared}, branches of {a} and {b}: {missing} bytes differ, ratio {ratio:.2}"
        );
        if a + b > 500 {
            assert!(ratio < 2.1, "{ratio}");
        }
        // The next link has nothing to do.
        world.cut(0);
        let again = world.lan(0, 1);
        world.settle();
        assert!(world.wires[again].lanes.iter().all(|lane| lane.sent <= 128));
    }
}

#[test]
fn a_rolled_back_writer_that_goes_on_live_is_noticed_and_both_branches_live() {
    let room = Room::new(1);
    let mut world = world(3, &room);
    world.write(0, &room, 10, 100);
    world.lan(0, 1);
    world.settle();
    world.cut(0);
    // The disk of node 0 is as it was five entries ago; its next entries differ.
    let log = world.nodes[0].writers[&room.topic].log();
    let held = world.nodes[0].store.logs.get_mut(&log).unwrap();
    held.branches[0].entries.truncate(5);
    held.branches[0].hashes.truncate(5);
    let head = nexus_log::ids::Head { seq: 4, hash: held.branches[0].hashes[4] };
    world.nodes[0].writers.get_mut(&room.topic).unwrap().head = Some(head);
    world.crash(0);
    world.lan(1, 2);
    world.settle();
    // The old entries come back at once; before that, it writes.
    world.write(0, &room, 2, 120);
    world.lan(0, 1);
    world.run_for(Duration::from_millis(2));
    world.write(0, &room, 3, 120);
    world.settle();
    world.assert_equal(&room);
    world.assert_no_violations();
    assert_eq!(world.nodes[2].store.contents(&room.topic).len(), 2);
    assert!(world.nodes.iter().all(|node| node.forks == 1));
}

#[test]
fn trees_of_branches_spread_over_any_nodes_converge() {
    let count = if std::env::var("NEXUS_TEST_LONG").is_ok() { 600 } else { 40 };
    let one = std::env::var("NEXUS_SEED").ok().map(|seed| seed.parse().unwrap());
    for seed in one.map_or(0..count, |seed: u64| seed..seed + 1) {
        let _guard = Guard(seed);
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut below = |limit: usize| (dice.next_u64() % limit as u64) as usize;
        let room = Room::new(1);
        let nodes = 2 + below(3);
        let mut world = world(nodes, &room);
        for log in 0..2 {
            // A tree: each branch leaves an earlier one anywhere.
            let mut writer = Writer::new(70 + log, &room);
            let mut chains: Vec<Vec<Entry>> =
                vec![(0..1 + below(30)).map(|_| writer.write(60, 0)).collect()];
            for noise in 1..1 + below(4) {
                let from = &chains[below(chains.len())];
                let mut chain = from[..1 + below(from.len())].to_vec();
                let last = chain.last().unwrap();
                let mut writer = Writer::new(70 + log, &room);
                writer.head =
                    Some(nexus_log::ids::Head { seq: chain.len() as u64 - 1, hash: last.hash() });
                for _ in 0..1 + below(40) {
                    chain.push(writer.write(60, noise as u8));
                }
                chains.push(chain);
            }
            for chain in &chains {
                let node = below(nodes);
                give(&mut world, node, chain);
                let node = below(nodes);
                give(&mut world, node, &chain[..1 + below(chain.len())]);
            }
        }
        for _ in 0..below(3) {
            let wire = world.lan(0, 1 + below(nodes - 1));
            world.wires[wire].cut_after[below(2)] = Some(below(20_000) as u64);
            world.settle();
            world.cut(wire);
        }
        for a in 0..nodes {
            for b in 0..a {
                world.lan(b, a);
            }
        }
        world.settle();
        world.assert_equal(&room);
        world.assert_no_violations();
    }
}
