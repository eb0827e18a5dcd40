//! Two peers over one link.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use lab::Room;
use lab::world::{World, content_bytes};

fn pair() -> (World, Room) {
    let mut world = World::new(2);
    let room = Room::new(1);
    world.join(0, &room);
    world.join(1, &room);
    (world, room)
}

#[test]
fn what_both_wrote_apart_is_on_both_sides_after_they_meet() {
    let (mut world, room) = pair();
    world.write(0, &room, 500, 200);
    world.write(1, &room, 700, 200);
    world.lan(0, 1);
    world.settle();
    world.assert_equal(&room);
    world.assert_no_violations();
    assert_eq!(world.nodes[0].store.entries(), 1200);
    let (sent, content) = (world.total_sent(), content_bytes(&world.nodes[0].store));
    let ratio = sent as f64 / content as f64;
    println!("one link, both ways: {sent} bytes for {content}: {ratio:.4} {:?}", world.sent);
    assert!(ratio < 1.02, "{ratio}");
}

#[test]
fn nothing_new_takes_one_round_trip_and_128_bytes_whatever_the_number_of_logs() {
    let mut world = World::new(2);
    for number in 0..300 {
        let room = Room::numbered(number);
        world.join(0, &room);
        world.join(1, &room);
        world.write(0, &room, 2, 100);
        world.write(1, &room, 2, 100);
    }
    let wire = world.lan(0, 1);
    world.settle();
    world.cut(wire);
    let again = world.lan(0, 1);
    let before = world.now;
    world.settle();
    for lane in &world.wires[again].lanes {
        assert!(lane.sent <= 128, "{} bytes", lane.sent);
    }
    assert!(world.now - before < 2 * world.wires[again].delay + lab::world::BREATH);
    let done = world.nodes[0].done.len();
    assert_eq!(done, 600, "each topic is said to be done on each link");
    world.assert_no_violations();
}

#[test]
fn new_entries_are_pushed_live_and_acknowledged() {
    let (mut world, room) = pair();
    world.write(0, &room, 1, 0);
    world.write(1, &room, 1, 0);
    world.lan(0, 1);
    world.settle();
    let before = world.total_sent();
    world.write(0, &room, 1, 300);
    world.settle();
    world.assert_equal(&room);
    println!("one live entry of 412 bytes: {} bytes both ways", world.total_sent() - before);
    let log = world.nodes[0].writers[&room.topic].log();
    let acknowledged = world.nodes[0].peer_has.iter().filter(|(_, head)| head.log == log);
    assert_eq!(acknowledged.map(|(_, head)| head.head.seq).max(), Some(1));
    assert_eq!(world.nodes[0].wrote.last().map(|(_, log, seq)| (*log, *seq)), Some((log, 1)));
}
