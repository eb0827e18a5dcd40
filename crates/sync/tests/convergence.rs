//! Whatever is cut, crashed, delayed or joined: in the end all hold the same, and not much more
//! than the difference was sent.
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

use lab::Room;
use lab::world::World;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A seeded die that says its seed when a test fails.
struct Dice(ChaCha8Rng, u64);

impl Drop for Dice {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("NEXUS_SEED={}", self.1);
        }
    }
}

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed), seed)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.0.next_u64() % limit as u64) as usize
    }
}

/// Seeds a property test runs over; one in the environment runs alone.
fn seeds(count: u64) -> Vec<u64> {
    match std::env::var("NEXUS_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) if std::env::var("NEXUS_TEST_LONG").is_ok() => (0..count * 20).collect(),
        Err(_) => (0..count).collect(),
    }
}

/// Joins every node with every other by a LAN and waits for rest.
fn join_all(world: &mut World) {
    for a in 0..world.nodes.len() {
        for b in 0..a {
            world.lan(b, a);
        }
    }
    world.settle();
}

#[test]
fn a_cut_after_any_byte_loses_nothing_and_the_next_link_brings_the_rest() {
    for seed in seeds(60) {
        let mut dice = Dice::new(seed);
        let mut world = World::new(2);
        let rooms = [Room::new(1), Room::new(2), Room::new(3)];
        for room in &rooms {
            for node in 0..2 {
                world.join(node, room);
                let (count, size) = (dice.below(400), dice.below(400));
                world.write(node, room, count, size);
            }
        }
        for _ in 0..dice.below(6) {
            let wire = world.lan(0, 1);
            world.wires[wire].cut_after[dice.below(2)] = Some(dice.below(200_000) as u64);
            if dice.below(2) == 0 {
                let (node, room) = (dice.below(2), dice.below(3));
                world.run_for(Duration::from_millis(dice.below(8) as u64));
                world.write(node, &rooms[room], 1 + dice.below(5), 100);
            }
            if dice.below(4) == 0 {
                world.run_for(Duration::from_millis(dice.below(12) as u64));
                world.crash(dice.below(2));
            }
            world.settle();
            world.cut(wire);
        }
        world.lan(0, 1);
        world.settle();
        for room in &rooms {
            world.assert_equal(room);
        }
        world.assert_no_violations();
    }
}

#[test]
fn a_cut_after_each_single_byte_of_the_first_frames_is_survived() {
    for cut in 0..400 {
        for lane in 0..2 {
            let mut world = World::new(2);
            let room = Room::new(1);
            for node in 0..2 {
                world.join(node, &room);
                world.write(node, &room, 2, 10);
            }
            let wire = world.lan(0, 1);
            world.wires[wire].cut_after[lane] = Some(cut);
            world.settle();
            world.cut(wire);
            world.lan(0, 1);
            world.settle();
            world.assert_equal(&room);
            world.assert_no_violations();
        }
    }
}

/// Nodes that come and go, rooms that are joined and left, links of all kinds, several between the
/// same two nodes, until all is joined for good.
#[test]
fn many_nodes_converge_whatever_happened_before() {
    for seed in seeds(60) {
        let mut dice = Dice::new(seed);
        let nodes = 2 + dice.below(4);
        let mut world = World::new(nodes);
        let rooms: Vec<Room> = (1..=3).map(Room::new).collect();
        for node in 0..nodes {
            for room in &rooms {
                if dice.below(4) > 0 {
                    world.join(node, room);
                    let count = dice.below(60);
                    world.write(node, room, count, 150);
                }
            }
        }
        for _ in 0..dice.below(40) {
            let (a, b) = (dice.below(nodes), dice.below(nodes));
            let room = rooms[dice.below(3)].clone();
            match dice.below(8) {
                0 | 1 if a != b => {
                    let delay = Duration::from_micros(dice.below(80_000) as u64);
                    let wire = world.link(a, b, delay, 200_000 + dice.below(50_000_000) as u64);
                    if dice.below(3) == 0 {
                        world.wires[wire].cut_after[dice.below(2)] =
                            Some(dice.below(60_000) as u64);
                    }
                }
                2 if !world.wires.is_empty() => {
                    let wire = dice.below(world.wires.len());
                    world.cut(wire);
                }
                3 if dice.below(3) == 0 => world.crash(a),
                4 => world.leave(a, &room),
                5 => {
                    world.leave(a, &room);
                    world.join(a, &room);
                }
                _ => {
                    if world.nodes[a].rooms.iter().any(|(other, _)| other.topic == room.topic) {
                        world.write(a, &room, 1 + dice.below(4), dice.below(3000));
                    }
                }
            }
            world.run_for(Duration::from_millis(dice.below(30) as u64));
        }
        for node in 0..nodes {
            for room in &rooms {
                world.leave(node, room);
                world.join(node, room);
            }
        }
        join_all(&mut world);
        for room in &rooms {
            world.assert_equal(room);
        }
        world.assert_no_violations();
    }
}
