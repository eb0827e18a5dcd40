//! Limits that only show after a while or in a crowd: each is reached, gone past, and the rest goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod lab;

use std::collections::BTreeSet;
use std::time::Duration;

use lab::hostile::{Hostile, invented, run_of};
use lab::world::World;
use lab::{Room, Writer};
use nexus_log::entry::Entry;
use nexus_log::fork::ForkProof;
use nexus_log::ids::Topic;
use nexus_log::run::Run;
use nexus_sync::Frame;
use nexus_sync::fingerprint::want_id;
use nexus_sync::frame::{Fork, Listing, Mode, Want};
use nexus_sync::ids::TopicFingerprint;
use nexus_sync::limits::{
    EAGER_LIMIT, MAX_DISTRUST, MAX_FORKS_SEEN, MAX_MARKS_PER_FRAME, MAX_PROOFS,
    MAX_WANT_IDS_PER_FRAME, WINDOW,
};

/// A node that wants `room`, alone.
fn alone(room: &Room) -> World {
    let mut world = World::new(1);
    world.join(0, room);
    world
}

/// One log in two versions that part after their OPEN.
fn twins(room: &Room, seed: u64) -> (Run, Run) {
    let mut one = Writer::new(seed, room);
    let open = one.write(0, 0);
    let mut other = one.clone();
    let run = |second: Entry| run_of(&[open.clone(), second]);
    (run(one.write(20, 1)), run(other.write(20, 2)))
}

fn proofs(frames: &[&Frame]) -> usize {
    frames.iter().filter(|frame| matches!(frame, Frame::Fork(fork) if fork.proof.is_some())).count()
}

#[test]
fn proofs_of_forks_are_passed_on_up_to_a_limit_and_the_branches_still_are() {
    let room = Room::new(1);
    let mut world = alone(&room);
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&room));
    let forks = MAX_PROOFS + 5;
    for seed in 0..forks as u64 {
        let (one, other) = twins(&room, 1_000 + seed);
        for run in [one, other] {
            hostile.say(&mut world, &Frame::Run(run));
            world.settle();
        }
    }
    assert_eq!(proofs(&hostile.heard(&world)), MAX_PROOFS);
    assert_eq!(hostile.closed(&world), None, "over the limit is nobody's fault");
    assert_eq!(world.nodes[0].forks, forks, "each is reported here");
    assert_eq!(world.nodes[0].store.contents(&room.topic).len(), 2 * forks);
    // Another link has a count of its own.
    let next = Hostile::shared(&mut world, 0, 2, std::slice::from_ref(&room));
    for run in <[Run; 2]>::from(twins(&room, 9_999)) {
        hostile.say(&mut world, &Frame::Run(run));
        world.settle();
    }
    assert_eq!(proofs(&next.heard(&world)), 1);
    assert_eq!(proofs(&hostile.heard(&world)), MAX_PROOFS);
}

#[test]
fn forks_that_are_remembered_as_reported_have_a_limit() {
    let room = Room::new(1);
    let mut world = alone(&room);
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&room));
    let forks = MAX_FORKS_SEEN + 1;
    let mut told = Vec::new();
    for seed in 0..forks as u64 {
        let (one, other) = twins(&room, 1_000 + seed);
        let (mine, theirs) = (one.clone().check().unwrap(), other.check().unwrap());
        hostile.say(&mut world, &Frame::Run(one));
        world.settle();
        let proof = ForkProof::from_runs(&mine, &theirs).expect("they part");
        let fork = Fork { log: mine.log(), proof: Some(proof), locator: Vec::new() };
        let frame = Frame::Fork(Box::new(fork));
        hostile.say(&mut world, &frame);
        assert_eq!(world.nodes[0].forks, seed as usize + 1);
        // The same once more is no news.
        hostile.say(&mut world, &frame);
        assert_eq!(world.nodes[0].forks, seed as usize + 1);
        told.push(frame);
    }
    // One is forgotten by now; it is reported again, in the place of another, and so on.
    for frame in &told {
        hostile.say(&mut world, frame);
    }
    let again = world.nodes[0].forks - forks;
    assert!(again >= 1, "{again} of {forks} were forgotten");
    assert_eq!(hostile.closed(&world), None);
}

fn eager(frames: &[&Frame], topic: Topic) -> usize {
    let asks = |frame: &&&Frame| matches!(frame, Frame::Mark(mark) if mark.mode == Mode::Eager && mark.topics.contains(&topic));
    frames.iter().filter(asks).count()
}

#[test]
fn links_that_never_keep_their_promise_get_another_try_within_the_longest_distrust() {
    let room = Room::new(1);
    let mut world = alone(&room);
    let liars: Vec<Hostile> = (1..=3)
        .map(|number| Hostile::shared(&mut world, 0, number, std::slice::from_ref(&room)))
        .collect();
    for (at, liar) in liars.iter().enumerate() {
        liar.show(&mut world, room.topic, vec![invented(at as u32)], Listing::Last);
    }
    let tries = |world: &World| -> usize {
        liars.iter().map(|liar| eager(&liar.heard(world), room.topic)).sum()
    };
    // The pauses have long grown to their longest when it is looked at, for four hours.
    world.run_for(Duration::from_secs(2 * 3_600));
    let (mut last, mut longest, mut since) = (tries(&world), 0, 0);
    for moment in 0..4 * 360 {
        world.run_for(Duration::from_secs(10));
        let now = tries(&world);
        if now > last {
            (last, longest, since) = (now, longest.max(moment - since), moment);
        }
    }
    let longest = Duration::from_secs(longest * 10);
    println!("{last} tries in six hours, the longest pause {longest:?}");
    assert!(longest <= MAX_DISTRUST + EAGER_LIMIT + Duration::from_secs(10), "{longest:?}");
    assert!(last < 200, "{last} tries: nothing holds them back");
    assert!(last >= 40, "{last} tries: they are given up");
    // A link that does bring something is taken at once, whatever the others did.
    let honest = Hostile::shared(&mut world, 0, 9, std::slice::from_ref(&room));
    let mut writer = Writer::new(5, &room);
    honest.say(&mut world, &Frame::Run(run_of(&[writer.write(0, 0), writer.write(50, 1)])));
    world.run_for(Duration::from_secs(1));
    assert_eq!(world.nodes[0].store.contents(&room.topic).len(), 1);
}

/// Shares more topics than one WANT names.
fn share_many(world: &mut World, hostile: &Hostile, rooms: &[Room], exporter: [u8; 32]) {
    let mut ids: Vec<_> = rooms
        .iter()
        .map(|room| {
            let id = want_id(&room.wanted(0).want, &exporter, nexus_sync::Side::Dialler);
            (id, TopicFingerprint([5; 16]))
        })
        .collect();
    ids.sort_unstable();
    let parts = ids.len().div_ceil(MAX_WANT_IDS_PER_FRAME);
    for (at, part) in ids.chunks(MAX_WANT_IDS_PER_FRAME).enumerate() {
        hostile.say(world, &Frame::Want(Want { last: at + 1 == parts, ids: part.to_vec() }));
    }
}

#[test]
fn more_topics_than_a_mark_holds_are_marked_in_several_frames() {
    let count = MAX_MARKS_PER_FRAME + 10;
    let rooms: Vec<Room> = (0..count as u32).map(Room::numbered).collect();
    let mut world = World::new(1);
    for room in &rooms {
        world.nodes[0].rooms.push((room.clone(), 0));
    }
    // Both links come up before either shares anything, so both begin eager, and the second becomes lazy by MARK.
    let first = Hostile::connect(&mut world, 0, 1);
    let second = Hostile::connect(&mut world, 0, 2);
    for (number, hostile) in [(1, first), (2, second)] {
        hostile.summary(&mut world, WINDOW);
        share_many(&mut world, &hostile, &rooms, [number; 32]);
    }
    world.settle();
    let marks: Vec<&Frame> = second
        .heard(&world)
        .into_iter()
        .filter(|frame| matches!(frame, Frame::Mark(mark) if mark.mode == Mode::Lazy))
        .collect();
    assert!(marks.len() > 1, "{} frames", marks.len());
    let mut marked = BTreeSet::new();
    for frame in marks {
        let Frame::Mark(mark) = frame else { continue };
        assert!(mark.topics.len() <= MAX_MARKS_PER_FRAME);
        marked.extend(mark.topics.iter().copied());
    }
    assert_eq!(marked, rooms.iter().map(|room| room.topic).collect());
    assert_eq!(second.closed(&world), None);
}
