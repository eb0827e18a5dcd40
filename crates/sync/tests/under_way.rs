//! What is under way into a store, what waits for it, and whose turn it is.
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
use nexus_sync::fingerprint::{topic_fingerprint, want_id};
use nexus_sync::frame::{Listing, Mark, Mode, Refusal, Want};
use nexus_sync::ids::{SetHash, TopicFingerprint, WantId};
use nexus_sync::limits::{
    EAGER_PATIENCE, MAX_BRANCHES, MAX_FRAME, MAX_HEADS_PER_FRAME, MAX_LOGS_PER_PEER,
    MAX_LOGS_PER_TOPIC, MAX_UNWRITTEN, MAX_WANT_IDS, MAX_WANT_IDS_PER_FRAME, MIN_WINDOW,
    OPENING_BYTES, ROUND_BURST, ROUND_EVERY, TAIL_ENTRIES,
};
use nexus_sync::{ByeCode, Frame, Refused, Serial, Shared, Side, ViolationCode};

fn run(entries: &[Entry]) -> Frame {
    Frame::Run(run_of(entries))
}

/// The node's store works again for one transaction, and is slow after it.
fn one_commit(world: &mut World) {
    world.nodes[0].hold = false;
    world.drain(0);
    world.nodes[0].hold = true;
    world.run_for(Duration::from_millis(10));
}

/// A node with a slow store that holds three entries of a log, and two peers that share its room.
fn slow_store(room: &Room) -> (World, [Hostile; 2], Vec<Entry>) {
    let mut world = alone(std::slice::from_ref(room));
    let all = entries(room, 70, 12);
    let log = Writer::new(70, room).log();
    world.nodes[0].store.append_own(room.topic, log, all[..3].to_vec());
    let peers = [1, 2].map(|number| peer(&mut world, number, room));
    world.nodes[0].hold = true;
    (world, peers, all)
}

#[test]
fn what_is_on_its_way_into_the_store_is_not_taken_from_another_link_too() {
    let room = Room::new(1);
    for runs in 1..=3 {
        let (mut world, peers, all) = slow_store(&room);
        for entry in &all[3..3 + runs] {
            peers[0].say(&mut world, &run(std::slice::from_ref(entry)));
        }
        assert_eq!(world.outstanding(0), runs, "runs that follow each other go at once");
        peers[1].say(&mut world, &run(&all[3..4]));
        assert_eq!(world.outstanding(0), runs);
        world.nodes[0].hold = false;
        world.drain(0);
        world.settle();
        assert_eq!((world.nodes[0].store.entries(), world.nodes[0].twice), (3 + runs, 0));
        world.assert_no_violations();
    }
}

#[test]
fn what_follows_a_run_whose_place_is_not_known_waits_for_it_and_then_goes_at_once() {
    let room = Room::new(1);
    let (mut world, peers, all) = slow_store(&room);
    // It begins with what is held.
    peers[0].say(&mut world, &run(&all[..5]));
    for entry in &all[5..8] {
        peers[0].say(&mut world, &run(std::slice::from_ref(entry)));
    }
    assert_eq!(world.outstanding(0), 1);
    one_commit(&mut world);
    assert_eq!(world.outstanding(0), 3);
    one_commit(&mut world);
    assert_eq!(world.nodes[0].store.entries(), 8);
    world.assert_no_violations();
}

#[test]
fn a_run_that_waits_goes_on_waiting_while_another_is_on_its_way() {
    let room = Room::new(1);
    let (mut world, peers, all) = slow_store(&room);
    peers[0].say(&mut world, &run(&all[3..4]));
    world.nodes[0].hold = false;
    world.drain(0);
    peers[0].say(&mut world, &run(&all[4..5]));
    peers[1].say(&mut world, &run(&all[3..7]));
    world.settle();
    assert_eq!(world.nodes[0].store.entries(), 7);
    world.assert_no_violations();
}

#[test]
fn the_end_of_one_link_leaves_what_another_brings() {
    let room = Room::new(1);
    let (mut world, peers, all) = slow_store(&room);
    peers[0].say(&mut world, &run(&all[3..4]));
    down(&mut world, &peers[1]);
    peers[0].say(&mut world, &run(&all[4..5]));
    assert_eq!((peers[0].violations(&world), world.outstanding(0)), (vec![], 2));
}

#[test]
fn nobody_is_blamed_for_what_was_sent_before_a_refusal_was_heard() {
    for why in [Refused::Log, Refused::Topic] {
        let room = Room::new(1);
        let (mut world, peers, all) = slow_store(&room);
        peers[0].say(&mut world, &run(&all[..5]));
        for entry in &all[5..8] {
            peers[0].say(&mut world, &run(std::slice::from_ref(entry)));
        }
        world.refuse(0, why);
        assert_eq!(peers[0].violations(&world), [], "{why:?}");
        assert_eq!((peers[0].closed(&world), world.outstanding(0)), (None, 0));
    }
}

#[test]
fn rounds_are_paid_for_by_time_and_not_by_asking() {
    for (every, rounds, ends) in [
        (ROUND_EVERY, 3 * ROUND_BURST, false),
        (ROUND_EVERY * 6 / 10, ROUND_BURST * 3 / 2, false),
        (ROUND_EVERY / 10, ROUND_BURST * 3 / 2, true),
    ] {
        let room = Room::new(1);
        let mut world = alone(std::slice::from_ref(&room));
        let peer = peer(&mut world, 1, &room);
        for _ in 0..rounds {
            world.run_for(every);
            if peer.closed(&world).is_none() {
                peer.summary(&mut world, 0);
                peer.want(&mut world, std::slice::from_ref(&room));
            }
        }
        assert_eq!(peer.closed(&world), ends.then_some(ByeCode::Limit), "one in {every:?}");
    }
}

#[test]
fn logs_that_a_peer_shows_count_as_long_as_it_shows_them() {
    let rooms = [Room::new(1), Room::new(2)];
    let mut world = alone(&rooms);
    let peer = Hostile::shared(&mut world, 0, 1, &rooms);
    let most = MAX_LOGS_PER_PEER as u32 * 2 / 3;
    let list = |world: &mut World, room: &Room, from: u32| {
        let heads: Vec<_> = (from..from + most).map(invented).collect();
        for part in heads.chunks(MAX_HEADS_PER_FRAME) {
            peer.show(world, room.topic, part.to_vec(), Listing::More);
        }
        peer.show(world, room.topic, vec![], Listing::Last);
        assert_eq!(world.nodes[0].over_limit, []);
    };
    list(&mut world, &rooms[0], 0);
    // Another list takes the place of the first, and one in another round does, too.
    peer.show(&mut world, rooms[0].topic, vec![], Listing::Last);
    list(&mut world, &rooms[0], most);
    peer.summary(&mut world, 0);
    peer.want(&mut world, &rooms);
    list(&mut world, &rooms[0], 2 * most);
    // What ended does not count for what goes on.
    world.leave(0, &rooms[0]);
    peer.summary(&mut world, 0);
    peer.want(&mut world, &rooms[1..]);
    list(&mut world, &rooms[1], 3 * most);
    assert_eq!(peer.violations(&world), []);
}

#[test]
fn nothing_is_pushed_over_a_lazy_link_to_whom_more_is_missing_than_what_was_just_written() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.write(0, &room, 3, 50);
    let peer = peer(&mut world, 1, &room);
    peer.say(&mut world, &Frame::Mark(Mark { mode: Mode::Lazy, topics: vec![room.topic] }));
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let before = peer.heard(&world).len();
    world.write(0, &room, 1, 50);
    assert_eq!(codes(&peer, &world, before), [HEADS]);
}

#[test]
fn of_a_log_that_a_peer_refuses_nothing_more_is_sent_there() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let (refuses, brings) = (peer(&mut world, 1, &room), peer(&mut world, 2, &room));
    refuses.show(&mut world, room.topic, vec![], Listing::Last);
    let all = entries(&room, 70, 5);
    brings.say(&mut world, &run(&all[..2]));
    world.write(0, &room, 2, 50);
    world.settle();
    for log in [Writer::new(70, &room).log(), world.nodes[0].writers[&room.topic].log()] {
        refuses.say(&mut world, &Frame::No(Refusal::Log(log)));
    }
    let before = refuses.heard(&world).len();
    brings.say(&mut world, &run(&all[2..]));
    world.write(0, &room, 2, 50);
    world.settle();
    assert!(!codes(&refuses, &world, before).contains(&RUN));
}

#[test]
fn over_a_lazy_link_a_topic_that_nobody_else_brings_is_asked_for_if_it_differs() {
    for same in [false, true] {
        let rooms: Vec<Room> = (1..=4).map(Room::new).collect();
        let mut world = alone(&rooms);
        Hostile::shared(&mut world, 0, 1, &rooms[..3]);
        let lazy = Hostile::connect(&mut world, 0, 2);
        lazy.summary(&mut world, nexus_sync::limits::WINDOW);
        let topic = rooms[3].topic;
        let mut fingerprint = topic_fingerprint(&topic, &[]);
        fingerprint.0[0] ^= u8::from(!same);
        let id = want_id(&rooms[3].wanted(0).want, &[2; 32], Side::Dialler);
        lazy.say(&mut world, &Frame::Want(Want { last: true, ids: vec![(id, fingerprint)] }));
        let expected: &[Mode] = if same { &[] } else { &[Mode::Eager] };
        assert_eq!(marks(&lazy, &world), *expected, "same: {same}");
    }
}

#[test]
fn nobody_waits_for_what_only_a_link_showed_that_is_gone() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peers = [1, 2].map(|number| peer(&mut world, number, &room));
    for peer in &peers {
        peer.show(&mut world, room.topic, vec![], Listing::Last);
    }
    peers[1].show(&mut world, room.topic, vec![invented(1)], Listing::News);
    down(&mut world, &peers[1]);
    world.run_for(4 * EAGER_PATIENCE);
    assert_eq!(world.nodes[0].engine.poll_timeout(), None);
}

#[test]
fn links_take_turns() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.write(0, &room, 500, 1_000);
    let peers = [1, 2].map(|number| peer(&mut world, number, &room));
    let all = Frame::Heads(nexus_sync::frame::Heads {
        topic: room.topic,
        listing: Listing::Last,
        heads: vec![],
    });
    for peer in &peers {
        peer.tell(&mut world, all.code() as u8, &all.encode_body());
    }
    world.drain(0);
    let runs: Vec<_> = world.nodes[0]
        .stray
        .iter()
        .filter(|(_, frame)| matches!(frame, Frame::Run(_)))
        .map(|(link, _)| *link)
        .collect();
    assert!(runs.len() > 3 && runs.windows(2).all(|two| two[0] != two[1]), "{runs:?}");
}

#[test]
fn what_waits_for_a_slow_link_goes_when_enough_is_written_and_not_before() {
    let rooms: Vec<Room> = (0..MAX_WANT_IDS as u32).map(Room::numbered).collect();
    let mut world = World::new(1);
    let wanted: Vec<(Room, u64)> = rooms.iter().map(|room| (room.clone(), 0)).collect();
    world.nodes[0].rooms = wanted;
    let peer = Hostile::connect(&mut world, 0, 1);
    peer.summary(&mut world, nexus_sync::limits::WINDOW);
    let asked: std::collections::BTreeSet<_> = peer
        .heard(&world)
        .iter()
        .filter_map(|frame| match frame {
            Frame::Want(want) => Some(want.ids.iter().map(|(id, _)| *id)),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(asked.len(), MAX_WANT_IDS);
    // As many as are allowed are no violation.
    let others = (0..MAX_WANT_IDS - 1).map(|number| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&(number as u64).to_be_bytes());
        (WantId(id), TopicFingerprint([5; 16]))
    });
    let mine = want_id(&rooms[0].wanted(0).want, &[1; 32], Side::Dialler);
    let mut ids: Vec<_> = others.chain([(mine, TopicFingerprint([5; 16]))]).collect();
    ids.sort_unstable();
    let parts = ids.chunks(MAX_WANT_IDS_PER_FRAME);
    let count = parts.len();
    for (at, part) in parts.enumerate() {
        peer.say(&mut world, &Frame::Want(Want { last: at + 1 == count, ids: part.to_vec() }));
    }
    assert_eq!(peer.violations(&world), []);
    let unwritten: usize = peer.heard(&world).iter().map(|frame| frame.body_len()).sum();
    assert!(unwritten > MAX_UNWRITTEN && !codes(&peer, &world, 0).contains(&HEADS));
    let mut left = unwritten;
    for at in 0..peer.heard(&world).len() {
        left -= peer.heard(&world)[at].body_len();
        let now = world.now;
        let Node { engine, .. } = &mut world.nodes[0];
        engine.handle_written(peer.link, Serial(at as u64 + 1), now);
        world.drain(0);
        let shown = codes(&peer, &world, 0).contains(&HEADS);
        assert_eq!(shown, left < MAX_UNWRITTEN, "{left} bytes left");
        if shown {
            return;
        }
    }
    panic!("never shown");
}

#[test]
fn a_link_that_is_closed_says_why() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    world.nodes[0].engine.close(peer.link, ByeCode::Unwelcome);
    world.drain(0);
    assert_eq!(world.nodes[0].closed, [(peer.link, ByeCode::Unwelcome, false)]);
    let heard = peer.heard(&world);
    let bye = |frame: &&Frame| matches!(frame, Frame::Bye(bye) if bye.code == ByeCode::Unwelcome && bye.topic.is_none());
    assert!(heard.last().is_some_and(bye));
    assert_eq!(world.nodes[0].engine.shared(peer.link).count(), 0);
}

#[test]
fn each_bye_is_read_as_it_was_said_and_an_unknown_one_as_done() {
    for code in
        [ByeCode::Done, ByeCode::Limit, ByeCode::Violations, ByeCode::Storage, ByeCode::Unwelcome]
    {
        assert_eq!(ByeCode::from_byte(code as u8), code);
    }
    assert_eq!(ByeCode::from_byte(5), ByeCode::Done);
}

#[test]
fn a_memory_that_names_a_topic_twice_is_none() {
    let shared = |topics| Shared { mine: SetHash([1; 32]), theirs: SetHash([2; 32]), topics };
    let topic = Room::new(1).topic;
    assert!(Shared::from_bytes(&shared(vec![topic]).to_bytes()).is_some());
    assert_eq!(Shared::from_bytes(&shared(vec![topic, topic]).to_bytes()), None);
}

/// Sets what node 0 wants over the link to a played peer.
fn want_over(world: &mut World, peer: &Hostile, rooms: &[Room]) {
    let (wanted, now) = (rooms.iter().map(|room| room.wanted(0)).collect(), world.now);
    let Node { engine, store, .. } = &mut world.nodes[0];
    engine.set_wanted(peer.link, wanted, now, store);
    world.drain(0);
}

const SUMMARY: u8 = 1;

#[test]
fn what_is_wanted_while_both_compare_is_compared_in_the_next_round() {
    let rooms = [Room::new(1), Room::new(2)];
    let mut world = alone(&rooms[..1]);
    let peer = Hostile::connect(&mut world, 0, 1);
    want_over(&mut world, &peer, &rooms);
    assert_eq!(codes(&peer, &world, 0), [SUMMARY]);
    peer.summary(&mut world, nexus_sync::limits::WINDOW);
    peer.want(&mut world, &rooms[..1]);
    assert_eq!(codes(&peer, &world, 0).iter().filter(|code| **code == SUMMARY).count(), 2);
    peer.summary(&mut world, 0);
    peer.want(&mut world, &rooms);
    assert_eq!(world.nodes[0].engine.shared(peer.link).count(), 2);
}

#[test]
fn a_topic_that_went_and_came_back_while_both_compare_is_shared_in_the_next_round_only() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = Hostile::connect(&mut world, 0, 1);
    want_over(&mut world, &peer, &[]);
    want_over(&mut world, &peer, std::slice::from_ref(&room));
    peer.summary(&mut world, nexus_sync::limits::WINDOW);
    peer.want(&mut world, std::slice::from_ref(&room));
    assert_eq!(world.nodes[0].engine.shared(peer.link).count(), 0);
    for expected in [0, 1] {
        peer.summary(&mut world, 0);
        peer.want(&mut world, if expected == 0 { &[] } else { std::slice::from_ref(&room) });
        assert_eq!(world.nodes[0].engine.shared(peer.link).count(), expected);
    }
}

/// The heads that a played peer shows if it holds the first entries of each of these logs.
fn first_of(logs: &[(&[Entry], u64)]) -> Vec<nexus_sync::frame::ShownHead> {
    let shown = |(all, seed): &(&[Entry], u64)| nexus_sync::frame::ShownHead {
        log: Writer::new(*seed, &Room::new(1)).log(),
        head: nexus_log::ids::Head { seq: all.len() as u64 - 1, hash: all.last().unwrap().hash() },
        first: 0,
    };
    let mut heads: Vec<_> = logs.iter().map(shown).collect();
    heads.sort_unstable();
    heads
}

#[test]
fn what_was_just_written_goes_before_a_longer_rest_of_the_same_topic() {
    let tail = TAIL_ENTRIES as usize;
    for (short, long) in [(70, 71), (71, 70)] {
        let room = Room::new(1);
        let mut world = alone(std::slice::from_ref(&room));
        let logs = [short, long].map(|seed| entries(&room, seed, 200));
        for (all, seed) in logs.iter().zip([short, long]) {
            let log = Writer::new(seed, &room).log();
            world.nodes[0].store.append_own(room.topic, log, all.clone());
        }
        let peer = peer(&mut world, 1, &room);
        let held = [&logs[0][..200 - tail], &logs[1][..200 - tail - 1]];
        let heads = first_of(&[(held[0], short), (held[1], long)]);
        peer.show(&mut world, room.topic, heads, Listing::Last);
        let first = peer.heard(&world).into_iter().find_map(|frame| match frame {
            Frame::Run(run) => Some(run.clone().check().unwrap().log()),
            _ => None,
        });
        assert_eq!(first, Some(Writer::new(short, &room).log()));
    }
}

fn runs(peer: &Hostile, world: &World) -> Vec<nexus_log::run::Run> {
    let run = |frame: &&Frame| match frame {
        Frame::Run(run) => Some(run.clone()),
        _ => None,
    };
    peer.heard(world).iter().filter_map(run).collect()
}

#[test]
fn a_new_log_begins_with_a_short_run_and_goes_on_with_long_ones() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.write(0, &room, 100, 1_000);
    let peer = peer(&mut world, 1, &room);
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let sizes: Vec<usize> = runs(&peer, &world).iter().map(|run| run.bytes().len()).collect();
    assert!(sizes[0] <= OPENING_BYTES && sizes[1] > 2 * OPENING_BYTES, "{sizes:?}");
}

#[test]
fn room_for_one_frame_is_enough_and_one_byte_less_is_not() {
    for less in [0, 1] {
        let room = Room::new(1);
        let mut world = alone(std::slice::from_ref(&room));
        world.write(0, &room, 500, 1_000);
        let peer = Hostile::connect(&mut world, 0, 1);
        peer.summary(&mut world, MIN_WINDOW);
        peer.want(&mut world, std::slice::from_ref(&room));
        peer.show(&mut world, room.topic, vec![], Listing::Last);
        let before = runs(&peer, &world);
        let spent: usize = before.iter().map(|run| run.bytes().len()).sum();
        let left = MIN_WINDOW as usize - spent;
        peer.say(&mut world, &Frame::Credit((MAX_FRAME - left - less) as u32));
        assert_eq!(runs(&peer, &world).len() - before.len(), 1 - less);
    }
}

#[test]
fn all_that_was_written_at_once_is_pushed_over_a_lazy_link_however_slow_it_is() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    peer.say(&mut world, &Frame::Mark(Mark { mode: Mode::Lazy, topics: vec![room.topic] }));
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    world.write(0, &room, 600, 1_000);
    // It waits for the link; one more makes it wait as a longer rest.
    world.write(0, &room, 1, 50);
    let mut written = 0;
    while written < peer.heard(&world).len() {
        written = peer.heard(&world).len();
        let now = world.now;
        world.nodes[0].engine.handle_written(peer.link, Serial(written as u64), now);
        world.drain(0);
    }
    let last = runs(&peer, &world).pop().unwrap().check().unwrap().last();
    assert_eq!(last.seq, 600);
}

fn settled(peer: &Hostile, world: &World) -> bool {
    world.nodes[0].engine.shared(peer.link).all(|(_, settled)| settled)
}

#[test]
fn who_pushes_holds_what_it_pushed_and_is_sent_none_of_it() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    let all = entries(&room, 70, 9);
    let mut other = all[..3].to_vec();
    let mut writer = Writer::new(70, &room);
    writer.head = Some(nexus_log::ids::Head { seq: 2, hash: all[2].hash() });
    other.extend((0..7).map(|_| writer.write(80, 2)));
    // The opening, what follows, what begins before it, another branch.
    for part in [&all[..2], &all[2..4], &all[1..6], &other[3..9], &other[9..]] {
        peer.say(&mut world, &run(part));
        world.settle();
        assert!(settled(&peer, &world));
    }
    assert_eq!(runs(&peer, &world).len(), 0);
    assert_eq!(world.nodes[0].store.contents(&room.topic).len(), 2);
}

#[test]
fn a_log_that_the_store_refuses_is_no_difference() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    peer.show(&mut world, room.topic, vec![], Listing::Last);
    world.nodes[0].hold = true;
    peer.say(&mut world, &run(&entries(&room, 70, 2)));
    assert!(!settled(&peer, &world));
    world.refuse(0, Refused::Log);
    assert!(settled(&peer, &world));
}

#[test]
fn what_is_held_already_is_not_stored_again() {
    let room = Room::new(1);
    let (mut world, peers, all) = slow_store(&room);
    for part in [&all[..2], &all[1..2], &all[..3], &all[2..3]] {
        peers[0].say(&mut world, &run(part));
        assert_eq!(world.outstanding(0), 0);
    }
}

#[test]
fn a_run_after_another_entry_of_the_same_place_is_answered_and_is_no_gap() {
    let room = Room::new(1);
    let (mut world, peers, all) = slow_store(&room);
    let mut writer = Writer::new(70, &room);
    writer.head = Some(nexus_log::ids::Head { seq: 1, hash: all[1].hash() });
    writer.write(80, 2);
    let next = writer.write(80, 2);
    let before = peers[0].heard(&world).len();
    peers[0].say(&mut world, &run(&[next]));
    assert_eq!(peers[0].violations(&world), []);
    assert_eq!(codes(&peers[0], &world, before), [7], "FORK");
}

#[test]
fn nobody_is_blamed_for_a_run_of_a_topic_that_ended_or_a_log_that_was_refused() {
    let rooms = [Room::new(1), Room::new(2)];
    let mut world = alone(&rooms);
    let peer = Hostile::shared(&mut world, 0, 1, &rooms);
    let all = entries(&rooms[0], 70, 3);
    world.nodes[0].engine.refuse_log(Writer::new(70, &rooms[0]).log());
    world.drain(0);
    peer.say(&mut world, &run(&all[1..]));
    assert_eq!(peer.violations(&world), []);
    want_over(&mut world, &peer, &rooms[1..]);
    peer.say(&mut world, &run(&entries(&rooms[0], 71, 3)[1..]));
    assert_eq!(peer.violations(&world), []);
}

#[test]
fn a_branch_of_a_log_with_as_many_as_are_allowed_still_goes_on() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    let branch = |noise: u8, count: usize| -> Vec<Entry> {
        let mut writer = Writer::new(70, &room);
        (0..count).map(|_| writer.write(50, noise)).collect()
    };
    for noise in 0..MAX_BRANCHES as u8 {
        peer.say(&mut world, &run(&branch(noise, 2)));
        world.settle();
    }
    peer.say(&mut world, &run(&branch(3, 5)));
    world.settle();
    let log = Writer::new(70, &room).log();
    let branches = &world.nodes[0].store.logs[&log].branches;
    assert_eq!(branches.len(), MAX_BRANCHES);
    assert_eq!(branches.iter().map(|branch| branch.entries.len()).max(), Some(5));
}

#[test]
fn what_both_hold_counts_as_held_by_the_other_as_soon_as_both_know() {
    let (mut world, room) = (World::new(2), Room::new(1));
    for node in 0..2 {
        world.join(node, &room);
        world.write(node, &room, 2, 50);
    }
    let wire = world.lan(0, 1);
    world.settle();
    // By the sets that both remember, and by WANT.
    for forgets in [false, true] {
        world.cut(wire);
        if forgets {
            world.crash(1);
            world.nodes[1].remembered.clear();
        }
        world.nodes[0].peer_has.clear();
        let wire = world.lan(0, 1);
        world.settle();
        let (_, own) = (wire, world.nodes[0].writers[&room.topic].head.unwrap());
        assert!(world.nodes[0].peer_has.iter().any(|(_, held)| held.head == own));
        world.cut(wire);
    }
}

#[test]
fn logs_of_all_topics_of_a_link_count_and_those_of_no_topic_of_it_do_not() {
    let rooms = [Room::new(1), Room::new(2), Room::new(3)];
    let most = MAX_LOGS_PER_PEER as u32 * 2 / 3;
    let entry = entries(&rooms[2], 70, 1);
    for elsewhere in [0, most] {
        let mut world = alone(&rooms);
        for number in 0..elsewhere {
            let log = invented(2 * most + number).log;
            world.nodes[0].store.append_own(rooms[2].topic, log, entry.clone());
        }
        let peer = Hostile::shared(&mut world, 0, 1, &rooms[..2]);
        let mut ended = Vec::new();
        for (at, room) in rooms[..2].iter().enumerate() {
            let from = at as u32 * most;
            let heads: Vec<_> = (from..from + most).map(invented).collect();
            for part in heads.chunks(MAX_HEADS_PER_FRAME) {
                peer.show(&mut world, room.topic, part.to_vec(), Listing::More);
            }
            ended.push(world.nodes[0].over_limit.len());
        }
        assert_eq!(ended, [0, 1]);
        assert_eq!(world.nodes[0].over_limit, [(peer.link, Some(rooms[1].topic))]);
    }
}

#[test]
fn a_list_of_heads_in_several_frames_is_one() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let logs = [70, 71].map(|seed| entries(&room, seed, 3));
    for (all, seed) in logs.iter().zip([70, 71]) {
        let log = Writer::new(seed, &room).log();
        world.nodes[0].store.append_own(room.topic, log, all.clone());
    }
    let peer = peer(&mut world, 1, &room);
    let heads = first_of(&[(&logs[0], 70), (&logs[1], 71)]);
    peer.show(&mut world, room.topic, heads[..1].to_vec(), Listing::More);
    peer.show(&mut world, room.topic, heads[1..].to_vec(), Listing::Last);
    assert_eq!((runs(&peer, &world).len(), settled(&peer, &world)), (0, true));
}

#[test]
fn who_never_keeps_a_promise_is_asked_less_and_less_often() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peers = [1, 2, 3].map(|number| peer(&mut world, number, &room));
    peers[2].show(&mut world, room.topic, vec![], Listing::Last);
    for (number, peer) in peers[..2].iter().enumerate() {
        peer.show(&mut world, room.topic, vec![invented(number as u32)], Listing::Last);
    }
    let mut longest = Duration::ZERO;
    for _ in 0..200 {
        world.run_for(Duration::from_secs(1));
        let next = world.nodes[0].engine.poll_timeout().unwrap();
        longest = longest.max(next.saturating_sub(world.now));
    }
    assert!(longest > 20 * EAGER_PATIENCE, "{longest:?}");
}

#[test]
fn as_many_logs_as_a_topic_may_have_are_no_limit_passed_and_one_more_is() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    let peer = peer(&mut world, 1, &room);
    let heads: Vec<_> = (0..MAX_LOGS_PER_TOPIC as u32).map(invented).collect();
    for part in heads.chunks(MAX_HEADS_PER_FRAME) {
        peer.show(&mut world, room.topic, part.to_vec(), Listing::More);
    }
    assert_eq!(world.nodes[0].over_limit, []);
    peer.show(&mut world, room.topic, vec![invented(u32::MAX)], Listing::Last);
    assert_eq!(world.nodes[0].over_limit, [(peer.link, Some(room.topic))]);
}

#[test]
fn what_follows_only_what_was_refused_on_another_link_is_a_gap() {
    let room = Room::new(1);
    let (mut world, peers, all) = slow_store(&room);
    peers[0].say(&mut world, &run(&all[..5]));
    for entry in &all[5..7] {
        peers[1].say(&mut world, &run(std::slice::from_ref(entry)));
    }
    world.refuse(0, Refused::Topic);
    assert_eq!(world.outstanding(0), 0);
    assert_eq!(peers[1].violations(&world), [ViolationCode::Gap; 2]);
}

#[test]
fn nothing_remains_of_a_log_that_was_refused_in_one_topic_when_it_opens_in_another() {
    let rooms = [Room::new(1), Room::new(2)];
    let mut world = alone(&rooms);
    world.nodes[0].hold = true;
    let peer = Hostile::shared(&mut world, 0, 1, &rooms);
    let mut writer = Writer::new(70, &rooms[0]);
    let mut elsewhere = writer.clone();
    elsewhere.room = rooms[1].clone();
    peer.say(&mut world, &run(&[writer.write(0, 0)]));
    world.refuse(0, Refused::Topic);
    peer.say(&mut world, &run(&[elsewhere.write(0, 0)]));
    assert_eq!((world.outstanding(0), peer.violations(&world)), (1, vec![]));
}

#[test]
fn what_was_stored_while_its_topic_went_and_came_back_is_shown_once() {
    let room = Room::new(1);
    let mut world = alone(std::slice::from_ref(&room));
    world.nodes[0].hold = true;
    let brings = peer(&mut world, 1, &room);
    let all = entries(&room, 70, 2);
    brings.say(&mut world, &run(&all));
    // The store has it before the engine is told.
    let log = Writer::new(70, &room).log();
    world.nodes[0].store.append_own(room.topic, log, all);
    want_over(&mut world, &brings, &[]);
    want_over(&mut world, &brings, std::slice::from_ref(&room));
    one_commit(&mut world);
    let asks = peer(&mut world, 2, &room);
    let shown: Vec<usize> = asks
        .heard(&world)
        .iter()
        .filter_map(|frame| match frame {
            Frame::Heads(heads) => Some(heads.heads.len()),
            _ => None,
        })
        .collect();
    assert_eq!(shown, [1]);
}
