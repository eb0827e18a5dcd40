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
use lab::hostile::Hostile;
use lab::world::{World, content_bytes};
use nexus_sync::Frame;
use nexus_sync::frame::{Heads, Listing};

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

#[test]
fn openings_go_first_and_newest_conversations_before_older_ones() {
    let mut world = World::new(1);
    let rooms = [Room::new(1), Room::new(2)];
    for room in &rooms {
        world.join(0, room);
        world.write(0, room, 200, 1_000);
    }
    let peer = Hostile::shared(&mut world, 0, 1, &rooms);
    for room in &rooms {
        let heads = Heads { topic: room.topic, listing: Listing::Last, heads: Vec::new() };
        peer.tell(&mut world, 3, &Frame::Heads(heads).encode_body());
    }
    world.drain(0);
    // The second room is the one with the higher priority.
    let logs = rooms.each_ref().map(|room| world.nodes[0].writers[&room.topic].log());
    let heard = peer.heard(&world);
    let runs: Vec<_> = heard
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Run(run) => Some(run.clone().check().unwrap()),
            _ => None,
        })
        .map(|run| (logs.iter().position(|log| *log == run.log()).unwrap(), run.first_seq()))
        .collect();
    assert!(runs.len() > 3);
    assert_eq!(runs[0].1, 0);
    assert_eq!(runs[1].1, 0);
    assert_ne!(runs[0].0, runs[1].0, "both openings first: {runs:?}");
    assert!(runs[2..].is_sorted_by(|a, b| a.0 >= b.0), "then the newest: {runs:?}");
}

#[test]
fn a_set_that_changes_on_a_live_link_is_compared_again() {
    let mut world = World::new(2);
    let (one, two) = (Room::new(1), Room::new(2));
    for node in 0..2 {
        world.join(node, &one);
        world.write(node, &one, 3, 100);
    }
    world.lan(0, 1);
    world.settle();
    world.join(0, &two);
    world.write(0, &two, 5, 100);
    world.settle();
    assert!(world.nodes[1].store.contents(&two.topic).is_empty(), "not wanted there yet");
    world.join(1, &two);
    world.settle();
    world.assert_equal(&two);
    assert!(!world.nodes[1].store.contents(&two.topic).is_empty());
    world.leave(1, &two);
    world.settle();
    assert_eq!(world.nodes[0].ended.len(), 1);
    world.write(0, &two, 1, 100);
    world.write(0, &one, 1, 100);
    world.settle();
    world.assert_equal(&one);
    let log = world.nodes[0].writers[&two.topic].log();
    assert_eq!(world.nodes[1].store.logs[&log].branches[0].entries.len(), 5);
    world.assert_no_violations();
}

#[test]
fn an_id_that_is_not_wanted_is_met_with_silence() {
    let (mut world, room) = pair();
    world.write(0, &room, 3, 100);
    let ask = |world: &mut World, number: u64, rooms: &[Room]| {
        let peer = Hostile::shared(world, 0, number, rooms);
        world.settle();
        let heard = peer.heard(world);
        heard.iter().map(|frame| (frame.code(), frame.body_len())).collect::<Vec<_>>()
    };
    // An id that the node would not know, and none at all: it says the same.
    let unknown = ask(&mut world, 1, &[Room::new(9)]);
    assert_eq!(unknown, ask(&mut world, 2, &[]));
    assert_ne!(unknown, ask(&mut world, 3, &[room]));
}
