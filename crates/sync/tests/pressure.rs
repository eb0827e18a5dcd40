//! Slow peers, full windows, broken stores, many logs: memory and work stay bounded.
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

use lab::hostile::Hostile;
use lab::world::World;
use lab::{Room, Writer};
use nexus_sync::frame::Listing;
use nexus_sync::limits::{MAX_FRAME, MAX_UNWRITTEN, MAX_UNWRITTEN_RUNS, MIN_WINDOW};
use nexus_sync::{ByeCode, Config, Frame};

fn sent_runs(hostile: &Hostile, world: &World) -> usize {
    let frames = hostile.heard(world).into_iter();
    frames.filter(|frame| matches!(frame, Frame::Run(_))).map(Frame::body_len).sum()
}

#[test]
fn a_peer_that_does_not_read_gets_a_bounded_number_of_bytes() {
    let mut world = World::new(1);
    let room = Room::new(1);
    world.join(0, &room);
    world.write(0, &room, 4_000, 1_000);
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&room));
    hostile.show(&mut world, room.topic, Vec::new(), Listing::Last);
    // What the node says to it is never reported as written.
    assert!(sent_runs(&hostile, &world) <= MAX_UNWRITTEN_RUNS + MAX_FRAME);
    for _ in 0..20_000 {
        world.write(0, &room, 1, 10);
    }
    let all: usize = hostile.heard(&world).iter().map(|frame| frame.body_len()).sum();
    assert!(all <= MAX_UNWRITTEN + MAX_FRAME, "{all}");
}

#[test]
fn a_peer_that_gives_no_credit_gets_its_window_and_no_more() {
    let mut world = World::new(1);
    let room = Room::new(1);
    world.join(0, &room);
    world.write(0, &room, 4_000, 1_000);
    let hostile = Hostile::connect(&mut world, 0, 1);
    hostile.summary(&mut world, MIN_WINDOW);
    hostile.want(&mut world, std::slice::from_ref(&room));
    hostile.show(&mut world, room.topic, Vec::new(), Listing::Last);
    let sent = sent_runs(&hostile, &world);
    assert!(sent > 0 && sent <= MIN_WINDOW as usize, "{sent}");
    // One frame's worth of credit is enough to go on.
    hostile.say(&mut world, &Frame::Credit(MAX_FRAME as u32));
    assert!(sent_runs(&hostile, &world) > sent);
}

#[test]
fn the_smallest_window_still_carries_everything() {
    let config = Config { window: MIN_WINDOW, ..Config::default() };
    let mut world = World::with(2, config);
    let room = Room::new(1);
    for node in 0..2 {
        world.join(node, &room);
        // Every size of frame: the largest payloads, and the smallest.
        world.write(node, &room, 20, 65_000);
        world.write(node, &room, 300, 1);
    }
    world.lan(0, 1);
    for _ in 0..200 {
        world.write(0, &room, 1, 1);
    }
    world.settle();
    world.assert_equal(&room);
    world.assert_no_violations();
}

#[test]
fn a_store_that_breaks_closes_the_link_that_needs_it_and_says_so() {
    let mut world = World::new(2);
    let room = Room::new(1);
    for node in 0..2 {
        world.join(node, &room);
        world.write(node, &room, 2_000, 200);
    }
    let wire = world.lan(0, 1);
    world.run_for(Duration::from_millis(2));
    world.nodes[0].store.broken.set(true);
    world.settle();
    assert!(world.nodes[0].closed.iter().any(|(_, code, peer)| *code == ByeCode::Storage && !peer));
    assert!(world.nodes[1].closed.iter().any(|(_, code, peer)| *code == ByeCode::Storage && *peer));
    world.cut(wire);
    world.nodes[0].store.broken.set(false);
    world.lan(0, 1);
    world.settle();
    world.assert_equal(&room);
}

#[test]
fn a_new_message_overtakes_a_long_catch_up_of_other_conversations() {
    let mut world = World::new(2);
    let (old, new) = (Room::new(1), Room::new(2));
    for room in [&old, &new] {
        for node in 0..2 {
            world.join(node, room);
            world.write(node, room, 1, 0);
        }
    }
    world.write(0, &old, 20_000, 1_000);
    world.link(0, 1, Duration::from_millis(10), 2_000_000);
    world.run_for(Duration::from_secs(1));
    assert!(world.nodes[1].store.entries() < 10_000, "the catch-up is under way");
    let log = world.nodes[0].writers[&new.topic].log();
    world.write(0, &new, 1, 100);
    let start = world.now;
    while world.nodes[1].store.logs[&log].branches[0].entries.len() < 2 {
        assert!(world.step());
    }
    let took = world.now - start;
    assert!(took < Duration::from_millis(400), "{took:?}");
}

#[test]
fn ten_thousand_logs_and_nothing_new_take_106_bytes_each_way() {
    let mut world = World::new(2);
    let rooms: Vec<Room> = (1..=20).map(Room::new).collect();
    for room in &rooms {
        for number in 0..500 {
            let mut writer = Writer::new(number, room);
            let entry = writer.write(0, 0);
            for node in 0..2 {
                world.nodes[node].store.append_own(room.topic, writer.log(), vec![entry.clone()]);
            }
        }
        world.join(0, room);
        world.join(1, room);
    }
    let first = world.lan(0, 1);
    world.settle();
    world.cut(first);
    let again = world.lan(0, 1);
    world.settle();
    assert_eq!(world.wires[again].lanes.each_ref().map(|lane| lane.sent), [106, 106]);
    assert_eq!(world.nodes[0].done.len(), 40);
    world.assert_no_violations();
}

#[test]
fn thousands_of_new_logs_cost_one_read_each() {
    let logs = if std::env::var("NEXUS_TEST_LONG").is_ok() { 10_000 } else { 2_000 };
    let mut world = World::new(2);
    let room = Room::new(1);
    for number in 0..logs {
        let mut writer = Writer::new(number, &room);
        let entry = writer.write(0, 0);
        world.nodes[0].store.append_own(room.topic, writer.log(), vec![entry]);
    }
    world.join(0, &room);
    world.join(1, &room);
    world.lan(0, 1);
    world.settle();
    let reads = |node: usize| {
        let store = &world.nodes[node].store;
        (store.runs_read.get() as u64, store.hashes_read.get() as u64)
    };
    // One read for each run that is sent, and nothing to look up where nothing differs.
    assert_eq!(reads(0), (logs, 0));
    assert_eq!(reads(1), (0, 0));
    world.assert_equal(&room);
    world.assert_no_violations();
}
