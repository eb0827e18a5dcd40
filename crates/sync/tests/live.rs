//! Links that are up: what is said on them, what is not said twice, and who is asked next.
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

use lab::by_hand::{HEADS, RUN, alone, codes, down, entries, marks, peer};
use lab::hostile::{Hostile, invented, run_of};
use lab::world::{Node, World};
use lab::{Room, Writer};
use nexus_log::entry::Entry;
use nexus_log::ids::{Head, LogKey};
use nexus_sync::frame::{Bye, Fork, Listing, Mark, Mode, Refusal, ShownHead};
use nexus_sync::limits::{
    MAX_FORKS_ANSWERED, MAX_FRAME, MAX_HEADS_PER_FRAME, MAX_REFUSED_LOGS, MAX_UNWRITTEN_RUNS,
    MIN_WINDOW,
};
use nexus_sync::{ByeCode, Frame, Refused};

#[test]
fn what_is_pushed_is_not_announced_too() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let before = peer.heard(&world).len();
    world.write(0, &room, 1, 0);
    world.write(0, &room, 1, 50);
    assert_eq!(codes(&peer, &world, before), [RUN, RUN]);
    // To whom it is lazy an own entry is pushed all the same, and what others wrote only shown.
    peer.say(&mut world, &Frame::Mark(Mark { mode: Mode::Lazy, topics: vec![room.topic] }));
    let before = peer.heard(&world).len();
    world.write(0, &room, 1, 50);
    assert_eq!(codes(&peer, &world, before), [RUN]);
    let other = Hostile::shared(&mut world, 0, 2, std::slice::from_ref(&room));
    let before = peer.heard(&world).len();
    other.say(&mut world, &Frame::Run(run_of(&entries(&room, 70, 2))));
    world.settle();
    assert_eq!(codes(&peer, &world, before), [HEADS]);
}

#[test]
fn an_own_entry_that_is_told_late_or_twice_is_not_said_again() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let mut heads = Vec::new();
    for _ in 0..3 {
        world.write(0, &room, 1, 50);
        heads.push(world.nodes[0].writers[&room.topic].head.unwrap());
    }
    let log = world.nodes[0].writers[&room.topic].log();
    let before = peer.heard(&world).len();
    for head in heads.into_iter().rev() {
        let now = world.now;
        let Node { engine, store, .. } = &mut world.nodes[0];
        engine.handle_appended(room.topic, log, head, now, store);
        world.drain(0);
    }
    assert_eq!(codes(&peer, &world, before), []);
}

#[test]
fn the_heads_of_many_logs_go_in_as_few_frames_as_hold_them() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let logs = MAX_HEADS_PER_FRAME + 10;
    for seed in 0..logs as u64 {
        let mut writer = Writer::new(seed, &room);
        let open = writer.write(0, 0);
        world.nodes[0].store.append_own(room.topic, writer.log(), vec![open]);
    }
    let peer = peer(&mut world, 1, &room);
    let heard = peer.heard(&world);
    let counts: Vec<usize> = heard
        .iter()
        .filter_map(|frame| match frame {
            Frame::Heads(heads) => Some(heads.heads.len()),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [MAX_HEADS_PER_FRAME, 10]);
}

#[test]
fn a_topic_is_done_when_both_hold_the_same_and_not_before() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.write(0, &room, 3, 50);
    let peer = peer(&mut world, 1, &room);
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let settled = |world: &World| -> Vec<bool> {
        world.nodes[0].engine.shared(peer.link).map(|(_, settled)| settled).collect()
    };
    assert_eq!((settled(&world), world.nodes[0].done.len()), (vec![false], 0));
    let (log, head) = {
        let writer = &world.nodes[0].writers[&room.topic];
        (writer.log(), writer.head.unwrap())
    };
    peer.show(&mut world, room.topic, vec![ShownHead { log, head, first: 0 }], Listing::News);
    assert_eq!((settled(&world), world.nodes[0].done.len()), (vec![true], 1));
}

#[test]
fn what_was_stored_while_nobody_wanted_a_topic_is_there_when_it_is_wanted_again() {
    let (mut world, room) = (World::new(2), Room::new(1));
    for node in 0..2 {
        world.join(node, &room);
        world.write(node, &room, 2, 50);
    }
    world.lan(0, 1);
    world.settle();
    world.leave(0, &room);
    world.settle();
    // As a backup does that is read in meanwhile.
    let log = Writer::new(70, &room).log();
    world.nodes[0].store.append_own(room.topic, log, entries(&room, 70, 3));
    world.join(0, &room);
    world.settle();
    world.assert_equal(&room);
    assert_eq!(world.nodes[1].store.entries(), 7);
}

#[test]
fn what_the_store_refuses_gives_its_credit_back_and_only_a_broken_store_ends_the_link() {
    for (why, closed, refusals) in [
        (Refused::Log, None, 1),
        (Refused::Topic, None, 0),
        (Refused::Storage, Some(ByeCode::Storage), 0),
    ] {
        let room = Room::new(1);
        let mut world = alone(std::slice::from_ref(&room));
        world.nodes[0].hold = true;
        let peer = peer(&mut world, 1, &room);
        // More than is granted again at a time.
        for entry in entries(&room, 70, 40) {
            peer.say(&mut world, &Frame::Run(run_of(&[entry])));
        }
        assert_eq!(world.outstanding(0), 40);
        world.refuse(0, why);
        assert_eq!(peer.closed(&world), closed, "{why:?}");
        let heard = peer.heard(&world);
        let credit = heard.iter().any(|frame| matches!(frame, Frame::Credit(_)));
        assert_eq!(credit, closed.is_none(), "{why:?}");
        let no = heard.iter().filter(|frame| matches!(frame, Frame::No(Refusal::Log(_))));
        assert_eq!(no.count(), refusals, "{why:?}");
    }
}

#[test]
fn a_log_is_refused_once_on_a_link_and_only_so_many_are() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    let refusals = |world: &World| {
        peer.heard(world).iter().filter(|frame| matches!(frame, Frame::No(_))).count()
    };
    let unwanted = Writer::new(70, &room).log();
    world.nodes[0].engine.refuse_log(unwanted);
    for _ in 0..3 {
        peer.say(&mut world, &Frame::Run(run_of(&entries(&room, 70, 2))));
    }
    assert_eq!((refusals(&world), world.outstanding(0)), (1, 0));
    for number in 0..MAX_REFUSED_LOGS as u32 {
        world.nodes[0].engine.refuse_log(invented(number).log);
    }
    world.drain(0);
    assert_eq!(refusals(&world), MAX_REFUSED_LOGS);
}

#[test]
fn a_run_that_waits_is_forgotten_with_its_own_link_and_no_other() {
    for (gone, held) in [(1, 2), (2, 5)] {
        let room = Room::new(1);
        let mut world = alone(std::slice::from_ref(&room));
        let peers = [1, 2, 3].map(|number| peer(&mut world, number, &room));
        world.nodes[0].hold = true;
        let all = entries(&room, 70, 5);
        peers[0].say(&mut world, &Frame::Run(run_of(&all[..2])));
        // It begins with what is on its way into the store.
        peers[1].say(&mut world, &Frame::Run(run_of(&all)));
        assert_eq!(world.outstanding(0), 1);
        down(&mut world, &peers[gone]);
        world.nodes[0].hold = false;
        world.drain(0);
        world.settle();
        assert_eq!(world.nodes[0].store.entries(), held, "without link {gone}");
    }
}

#[test]
fn on_a_slow_link_no_more_waits_to_be_written_than_the_limit() {
    const RATE: u64 = 1_000_000;
    let (mut world, room) = (World::new(2), Room::new(1));
    world.join(0, &room);
    world.join(1, &room);
    world.write(0, &room, 3_000, 1_000);
    let wire = world.link(0, 1, Duration::from_millis(10), RATE);
    let (mut most, mut sent) = (0, 0);
    while world.step() {
        let lane = &world.wires[wire].lanes[0];
        let waits = lane.busy_until.saturating_sub(world.now).as_micros() as u64;
        (most, sent) = (waits.max(most), lane.sent);
    }
    world.assert_equal(&room);
    let limit = (MAX_UNWRITTEN_RUNS + MAX_FRAME) as u64;
    assert!(sent > 4 * limit && most <= limit, "{most} of {sent} bytes");
}

#[test]
fn a_link_begins_lazy_only_if_others_bring_more_than_half_of_what_is_wanted() {
    let rooms: Vec<Room> = (1..=4).map(Room::new).collect();
    for (shared, expected) in [(0, false), (2, false), (3, true), (4, true)] {
        let mut world = alone(&rooms);
        let first = Hostile::shared(&mut world, 0, 1, &rooms[..shared]);
        let second = Hostile::connect(&mut world, 0, 2);
        let lazy = |peer: &Hostile| match peer.heard(&world)[0] {
            Frame::Summary(summary) => summary.lazy,
            other => panic!("{other:?}"),
        };
        assert_eq!((lazy(&first), lazy(&second)), (false, expected), "{shared} shared");
    }
}

#[test]
fn another_round_leaves_the_eager_link_as_it_was() {
    let (mut world, room, more) = (World::new(3), Room::new(1), Room::new(2));
    for node in 0..3 {
        world.join(node, &room);
        world.write(node, &room, 1, 0);
    }
    world.lan(0, 1);
    world.lan(1, 2);
    world.settle();
    for node in 1..3 {
        world.join(node, &more);
        world.settle();
    }
    // Not its author pushes it to node 2, but a node of which node 2 wants everything at once.
    world.write(0, &room, 1, 50);
    world.run_for(Duration::from_millis(50));
    world.assert_equal(&room);
}

/// Two peers that share a room, of which the first is to bring it at once.
fn eager_and_lazy(world: &mut World, room: &Room) -> [Hostile; 2] {
    let peers = [1, 2].map(|number| peer(world, number, room));
    for peer in &peers {
        peer.show(world, room.topic, vec![], Listing::Last);
    }
    assert_eq!(world.nodes[0].engine.poll_timeout(), None, "nothing is late");
    peers
}

fn shown(entries: &[Entry], log: LogKey) -> ShownHead {
    let head = Head { seq: entries.len() as u64 - 1, hash: entries.last().unwrap().hash() };
    ShownHead { log, head, first: 0 }
}

#[test]
fn who_shows_what_does_not_come_takes_the_place_of_who_does_not_bring_it() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let [eager, lazy] = eager_and_lazy(&mut world, &room);
    lazy.show(&mut world, room.topic, vec![invented(1)], Listing::News);
    let before = (marks(&eager, &world), marks(&lazy, &world).len());
    assert_eq!(before.0, [], "it is given time");
    world.run_for(Duration::from_secs(1));
    assert_eq!(marks(&eager, &world), [Mode::Lazy]);
    assert_eq!(marks(&lazy, &world)[before.1..], [Mode::Eager]);
}

#[test]
fn nothing_is_late_once_it_came() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let [eager, lazy] = eager_and_lazy(&mut world, &room);
    let (all, log) = (entries(&room, 70, 3), Writer::new(70, &room).log());
    lazy.show(&mut world, room.topic, vec![shown(&all, log)], Listing::News);
    assert!(world.nodes[0].engine.poll_timeout().is_some());
    eager.say(&mut world, &Frame::Run(run_of(&all)));
    world.run_for(Duration::from_millis(20));
    assert_eq!(world.nodes[0].engine.poll_timeout(), None);
    // Nor is what is here when it is shown.
    lazy.show(&mut world, room.topic, vec![shown(&all, log)], Listing::News);
    assert_eq!(world.nodes[0].engine.poll_timeout(), None);
}

#[test]
fn when_the_eager_link_goes_who_shows_more_is_asked_at_once_and_else_nobody() {
    for gone in [0, 1] {
        let room = Room::new(1);
        let mut world = alone(std::slice::from_ref(&room));
        let peers = eager_and_lazy(&mut world, &room);
        let third = peer(&mut world, 3, &room);
        third.show(&mut world, room.topic, vec![invented(1)], Listing::Last);
        let before = marks(&third, &world).len();
        down(&mut world, &peers[gone]);
        let expected: &[Mode] = if gone == 0 { &[Mode::Eager] } else { &[] };
        assert_eq!(marks(&third, &world)[before..], *expected, "link {gone} went");
    }
}

#[test]
fn a_bye_ends_its_topic_or_the_link_and_nobody_is_blamed() {
    let rooms = [Room::new(1), Room::new(2)];
    let mut world = alone(&rooms);
    let peer = Hostile::shared(&mut world, 0, 1, &rooms);
    let bye = |topic| Frame::Bye(Bye { code: ByeCode::Limit, topic });
    peer.say(&mut world, &bye(Some(rooms[0].topic)));
    assert_eq!(world.nodes[0].ended, [(peer.link, rooms[0].topic, Some(ByeCode::Limit))]);
    assert_eq!(world.nodes[0].engine.shared(peer.link).count(), 1);
    peer.say(&mut world, &bye(None));
    assert_eq!(world.nodes[0].closed, [(peer.link, ByeCode::Limit, true)]);
    assert_eq!(world.nodes[0].engine.shared(peer.link).count(), 0);
    assert_eq!(peer.violations(&world), []);
}

fn refused(peer: &Hostile, world: &World, log: LogKey) -> bool {
    let heard = peer.heard(world);
    heard.iter().any(|frame| matches!(frame, Frame::No(Refusal::Log(no)) if *no == log))
}

#[test]
fn a_log_that_is_refused_is_so_on_links_that_come_later_whether_shown_or_sent() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let (all, log) = (entries(&room, 70, 3), Writer::new(70, &room).log());
    world.nodes[0].engine.refuse_log(log);
    let sends = peer(&mut world, 1, &room);
    sends.say(&mut world, &Frame::Run(run_of(&all)));
    let shows = peer(&mut world, 2, &room);
    shows.show(&mut world, room.topic, vec![shown(&all, log)], Listing::Last);
    assert!(refused(&sends, &world, log) && refused(&shows, &world, log));
    assert_eq!(world.outstanding(0), 0);
    // What is refused is no difference that anybody waits for.
    assert!(world.nodes[0].engine.shared(shows.link).all(|(_, settled)| settled));
}

#[test]
fn a_log_of_one_topic_is_refused_in_another_whether_shown_or_sent() {
    let rooms = [Room::new(1), Room::new(2)];
    let mut world = alone(&rooms);
    let mut writer = Writer::new(70, &rooms[0]);
    let mut elsewhere = writer.clone();
    elsewhere.room = rooms[1].clone();
    let (log, open, other) = (writer.log(), writer.write(0, 0), elsewhere.write(0, 0));
    world.nodes[0].store.append_own(rooms[0].topic, log, vec![open]);
    let sends = Hostile::shared(&mut world, 0, 1, &rooms);
    sends.say(&mut world, &Frame::Run(run_of(std::slice::from_ref(&other))));
    let shows = Hostile::shared(&mut world, 0, 2, &rooms);
    shows.show(&mut world, rooms[1].topic, vec![shown(&[other], log)], Listing::News);
    assert!(refused(&sends, &world, log) && refused(&shows, &world, log));
    assert_eq!(world.outstanding(0), 0);
    assert_eq!(sends.violations(&world), []);
}

#[test]
fn to_whom_a_topic_becomes_lazy_nothing_more_is_pushed_and_what_there_is_is_shown() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.write(0, &room, 2_000, 1_000);
    let peer = Hostile::connect(&mut world, 0, 1);
    peer.summary(&mut world, MIN_WINDOW);
    peer.want(&mut world, std::slice::from_ref(&room));
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let before = peer.heard(&world).len();
    assert!(codes(&peer, &world, 0).contains(&RUN), "it began");
    peer.say(&mut world, &Frame::Mark(Mark { mode: Mode::Lazy, topics: vec![room.topic] }));
    peer.say(&mut world, &Frame::Credit(4 * MAX_FRAME as u32));
    assert_eq!(codes(&peer, &world, before), [HEADS]);
    // Eager again, it goes on.
    peer.say(&mut world, &Frame::Mark(Mark { mode: Mode::Eager, topics: vec![room.topic] }));
    assert!(codes(&peer, &world, before).contains(&RUN));
}

#[test]
fn so_many_forks_of_a_topic_are_answered_and_the_next_ends_it() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.write(0, &room, 5, 50);
    let log = world.nodes[0].writers[&room.topic].log();
    let peer = peer(&mut world, 1, &room);
    let locator = vec![invented(1).head];
    let fork = Frame::Fork(Box::new(Fork { log, proof: None, locator }));
    for _ in 0..MAX_FORKS_ANSWERED {
        peer.say(&mut world, &fork);
    }
    assert_eq!(world.nodes[0].ended, []);
    peer.say(&mut world, &fork);
    assert_eq!(world.nodes[0].ended, [(peer.link, room.topic, Some(ByeCode::Limit))]);
    assert_eq!(peer.closed(&world), None);
}
