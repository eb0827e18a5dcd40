//! Several links at once: one brings a topic, the others only show heads, and nothing comes twice.
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
use lab::world::{World, content_bytes};

fn world(nodes: usize, room: &Room) -> World {
    let mut world = World::new(nodes);
    for node in 0..nodes {
        world.join(node, room);
    }
    world
}

/// `full` holders have everything; the last node has nothing and is linked with all of them.
fn catch_up(full: usize, stagger: Duration) -> f64 {
    let room = Room::new(1);
    let mut world = world(full + 1, &room);
    for node in 0..full {
        world.write(node, &room, 3_000, 200);
    }
    for a in 0..full {
        for b in 0..a {
            world.lan(a, b);
        }
    }
    world.settle();
    let before = world.total_sent();
    for node in 0..full {
        world.lan(node, full);
        world.run_for(stagger);
    }
    world.settle();
    world.assert_equal(&room);
    world.assert_no_violations();
    let content = content_bytes(&world.nodes[full].store);
    let twice = world.nodes[full].twice;
    let ratio = (world.total_sent() - before) as f64 / content as f64;
    println!(
        "catch-up over {full} links, {stagger:?} apart: {content} bytes, ratio {ratio:.4}, {twice} twice"
    );
    ratio
}

#[test]
fn catching_up_over_several_links_at_once_sends_nothing_twice() {
    for full in 1..=4 {
        for stagger in [0, 3, 40] {
            assert!(catch_up(full, Duration::from_millis(stagger)) < 1.05);
        }
    }
}

/// The code of a RUN, and the bytes of one with an entry of 200 bytes.
const RUN: u8 = 4;
const LIVE: u64 = 5 + 112 + 200 + 64;

#[test]
fn live_entries_among_many_linked_nodes_come_at_most_about_twice() {
    for nodes in 2..=5 {
        let room = Room::new(1);
        let mut world = world(nodes, &room);
        for node in 0..nodes {
            world.write(node, &room, 1, 0);
        }
        for a in 0..nodes {
            for b in 0..a {
                world.lan(a, b);
            }
        }
        world.settle();
        let (sent, held) = (world.total_sent(), content_bytes(&world.nodes[0].store));
        let runs = world.sent[&RUN];
        for round in 0..100 {
            world.write(round % nodes, &room, 1, 200);
            world.run_for(Duration::from_millis(10));
            world.assert_equal(&room);
            world.run_for(Duration::from_millis(90));
        }
        world.settle();
        world.assert_no_violations();
        let content = (content_bytes(&world.nodes[0].store) - held) * (nodes as u64 - 1);
        let ratio = (world.total_sent() - sent) as f64 / content as f64;
        println!("live, {nodes} nodes, all linked: ratio {ratio:.3} {:?}", world.sent);
        let copies = (world.sent[&RUN] - runs) as f64 / (LIVE * 100 * (nodes as u64 - 1)) as f64;
        assert!(copies <= 2.0, "{copies} of each, {nodes} nodes");
    }
}

#[test]
fn what_is_written_during_the_first_round_of_a_lazy_link_comes_too() {
    // The round takes 2 or 4 journeys of 10 ms; an entry is written at any time of it.
    for remembered in [false, true] {
        for millis in 0..60 {
            let room = Room::new(1);
            let mut world = world(3, &room);
            for node in 0..3 {
                world.write(node, &room, 2, 100);
            }
            // 1 brings the room to 0; to 2 there was a link before, and so it may be remembered.
            world.lan(0, 1);
            let before = world.lan(1, 2);
            let with_memory = remembered.then(|| world.lan(0, 2));
            world.settle();
            world.cut(before);
            with_memory.into_iter().for_each(|wire| world.cut(wire));
            world.settle();
            world.link(0, 2, Duration::from_millis(10), 1_000_000);
            world.run_for(Duration::from_millis(millis));
            world.write(2, &room, 1, 100);
            world.settle();
            world.assert_equal(&room);
            world.assert_no_violations();
        }
    }
}

#[test]
fn what_only_a_lazy_link_has_comes_when_the_eager_one_fails_to_bring_it() {
    let room = Room::new(1);
    let mut world = world(4, &room);
    world.write(0, &room, 5, 100);
    // Node 3 hears of the room from 1 first, which has nothing; then from 2, which has it all.
    world.lan(0, 2);
    world.settle();
    world.lan(1, 3);
    world.settle();
    let start = world.now;
    world.lan(2, 3);
    world.settle();
    world.assert_equal(&room);
    assert!(world.now - start < Duration::from_secs(2), "{:?}", world.now - start);
    world.assert_no_violations();
}

#[test]
fn when_the_eager_link_dies_another_takes_its_place() {
    let room = Room::new(1);
    let mut world = world(3, &room);
    world.write(0, &room, 3_000, 200);
    world.lan(0, 1);
    world.settle();
    let slow = world.link(0, 2, Duration::from_millis(1), 1_000_000);
    world.lan(1, 2);
    world.run_for(Duration::from_millis(300));
    assert!(world.nodes[2].store.entries() > 0);
    world.cut(slow);
    let cut = world.now;
    world.settle();
    world.assert_equal(&room);
    assert!(world.now - cut < Duration::from_secs(1));
}
