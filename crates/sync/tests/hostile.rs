//! What no honest peer sends: each ends with its named code, and other links go on.
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

use lab::hostile::{Hostile, invented, run_of};
use lab::store::MemoryStore;
use lab::world::World;
use lab::{Room, Writer};
use nexus_identity::{ConnectId, InstanceKey, Secret32};
use nexus_log::entry::Entry;
use nexus_sync::frame::{Fork, Listing, Refusal, Want};
use nexus_sync::ids::{SetHash, TopicFingerprint, WantId};
use nexus_sync::limits::{
    EAGER_LIMIT, MAX_BODY, MAX_BRANCHES, MAX_FORKS_ANSWERED, MAX_HEADS_PER_FRAME,
    MAX_LOGS_PER_PEER, MAX_REFUSED_LOGS, MAX_REMEMBERED, MAX_VIOLATIONS, MAX_WANT_IDS, MAX_WINDOW,
    MIN_RUN_CHARGE, MIN_WINDOW, ROUND_BURST, WINDOW,
};
use nexus_sync::{ByeCode, Config, Engine, Frame, LinkId, LinkParams, Shared, Side, ViolationCode};

/// Two honest nodes that share `room` over a link; node 0 is the one attacked. It also wants
/// `other`.
fn honest() -> (World, Room, Room) {
    let mut world = World::new(2);
    let (room, other) = (Room::new(1), Room::new(2));
    for node in 0..2 {
        world.join(node, &room);
        world.write(node, &room, 3, 100);
    }
    world.join(0, &other);
    world.write(0, &other, 2, 100);
    world.lan(0, 1);
    world.settle();
    (world, room, other)
}

/// The honest link still carries entries both ways.
fn goes_on(world: &mut World, room: &Room) {
    world.write(0, room, 2, 50);
    world.write(1, room, 2, 50);
    world.settle();
    world.assert_equal(room);
    assert!(world.nodes[1].violations.is_empty() && world.nodes[1].closed.is_empty());
}

fn three_times(code: ViolationCode, say: impl Fn(&mut World, &Hostile, &Room, u8)) {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&other));
    for time in 0..MAX_VIOLATIONS {
        assert_eq!(hostile.closed(&world), None, "{code:?} closed after {time}");
        say(&mut world, &hostile, &other, time);
        assert_eq!(hostile.violations(&world), vec![code; usize::from(time) + 1]);
    }
    assert_eq!(hostile.closed(&world), Some(ByeCode::Violations));
    let last = *hostile.heard(&world).last().unwrap();
    assert!(matches!(last, Frame::Bye(bye) if bye.code == ByeCode::Violations));
    // Whatever else comes is not read.
    say(&mut world, &hostile, &other, 9);
    assert_eq!(hostile.violations(&world).len(), usize::from(MAX_VIOLATIONS));
    goes_on(&mut world, &room);
}

fn entries(room: &Room, seed: u64, count: usize) -> Vec<Entry> {
    let mut writer = Writer::new(seed, room);
    (0..count).map(|_| writer.write(80, 1)).collect()
}

#[test]
fn forged_runs_are_refused_whole() {
    three_times(ViolationCode::ForgedRun, |world, hostile, other, time| {
        let mut bytes = run_of(&entries(other, 70, 3)).into_vec();
        let at = [5, bytes.len() - 1, bytes.len() / 2][usize::from(time) % 3];
        bytes[at] ^= 1;
        hostile.say_bytes(world, 4, &bytes);
        assert_eq!(world.outstanding(0), 0);
    });
}

#[test]
fn gaps_are_named() {
    three_times(ViolationCode::Gap, |world, hostile, other, time| {
        let all = entries(other, 70, 40);
        if time == 0 {
            hostile.say(world, &Frame::Run(run_of(&all[..2])));
            world.settle();
        }
        hostile.say(world, &Frame::Run(run_of(&all[3 + usize::from(time)..])));
    });
}

#[test]
fn after_a_gap_the_link_goes_on_and_what_was_left_out_is_taken_when_it_comes() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&other));
    let all = entries(&other, 70, 40);
    let held = |world: &World| {
        let logs = world.nodes[0].store.contents(&other.topic);
        logs.iter().map(|(_, entries)| entries.len()).max().unwrap()
    };
    hostile.say(&mut world, &Frame::Run(run_of(&all[..3])));
    world.settle();
    hostile.say(&mut world, &Frame::Run(run_of(&all[4..])));
    world.settle();
    assert_eq!((hostile.violations(&world), held(&world)), (vec![ViolationCode::Gap], 3));
    hostile.say(&mut world, &Frame::Run(run_of(&all[3..])));
    world.settle();
    assert_eq!((hostile.closed(&world), held(&world)), (None, all.len()));
    assert_eq!(hostile.violations(&world).len(), 1);
    goes_on(&mut world, &room);
}

#[test]
fn logs_that_nobody_asked_for_are_named() {
    three_times(ViolationCode::UnsolicitedLog, |world, hostile, other, time| {
        let all = entries(other, 70 + u64::from(time), 4);
        hostile.say(world, &Frame::Run(run_of(&all[1..])));
    });
}

#[test]
fn topics_that_are_not_shared_are_named() {
    three_times(ViolationCode::UnsharedTopic, |world, hostile, _, time| {
        let unknown = Room::new(99);
        match time {
            0 => hostile.show(world, unknown.topic, vec![invented(1)], Listing::News),
            1 => hostile.say(world, &Frame::Run(run_of(&entries(&unknown, 1, 2)))),
            // Wanted by the node, but the peer did not show that it knows it.
            _ => hostile.show(world, Room::new(1).topic, vec![invented(1)], Listing::Last),
        }
    });
}

#[test]
fn frames_over_the_limit_are_named() {
    three_times(ViolationCode::Oversized, |world, hostile, _, _| {
        hostile.say_bytes(world, 3, &vec![0; MAX_BODY + 1]);
    });
}

#[test]
fn frames_that_do_not_exist_are_named_and_later_ones_ignored() {
    three_times(ViolationCode::UnknownFrame, |world, hostile, _, time| {
        hostile.say_bytes(world, 200, b"of a later version");
        hostile.say_bytes(world, [0, 10, 127, 55][usize::from(time.min(3))], b"");
    });
}

#[test]
fn malformed_frames_are_named() {
    let bad: [(u8, Vec<u8>); 14] = [
        (1, vec![0; 100]),
        (1, vec![2; 101]),
        (1, vec![0; 102]),
        (2, vec![]),
        (2, vec![2]),
        (2, [vec![1], vec![7; 64]].concat()),
        (3, vec![0; 32]),
        (3, [vec![0; 32], vec![3]].concat()),
        (3, [vec![0; 33], vec![0xff; 8]].concat()),
        (5, vec![0; 5]),
        (6, vec![0]),
        (8, vec![2; 33]),
        (8, vec![0; 32]),
        (9, vec![0; 5]),
    ];
    for three in bad.chunks(3).filter(|three| three.len() == 3) {
        three_times(ViolationCode::Malformed, |world, hostile, _, time| {
            let (code, body) = &three[usize::from(time) % 3];
            hostile.say_bytes(world, *code, body);
        });
    }
}

#[test]
fn proofs_that_prove_nothing_are_named() {
    three_times(ViolationCode::ForgedProof, |world, hostile, other, _| {
        let (run, _) = two_branches(other, 70, 1, 5);
        let fork = Fork { log: run.clone().check().unwrap().log(), proof: None, locator: vec![] };
        let mut body = Frame::Fork(Box::new(fork)).encode_body();
        body.extend_from_slice(&[0; 300]);
        hostile.say_bytes(world, 7, &body);
    });
}

#[test]
fn more_runs_than_granted_are_named_and_cost_no_memory() {
    let (mut world, room, other) = honest();
    world.nodes[0].hold = true;
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&other));
    let mut writer = Writer::new(70, &other);
    let most = (WINDOW / MIN_RUN_CHARGE) as usize;
    for _ in 0..most {
        hostile.say(&mut world, &Frame::Run(run_of(&[writer.write(10, 1)])));
    }
    assert_eq!(hostile.violations(&world), []);
    assert_eq!(world.outstanding(0), most);
    for time in 1..=3 {
        hostile.say(&mut world, &Frame::Run(run_of(&[writer.write(10, 1)])));
        assert_eq!(hostile.violations(&world), vec![ViolationCode::CreditOverrun; time]);
    }
    assert_eq!(world.outstanding(0), most, "outstanding commits have a limit");
    assert_eq!(hostile.closed(&world), Some(ByeCode::Violations));
    world.nodes[0].hold = false;
    goes_on(&mut world, &room);
}

#[test]
fn credit_that_can_not_be_is_named() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::connect(&mut world, 0, 1);
    hostile.summary(&mut world, MIN_WINDOW - 1);
    assert_eq!(hostile.violations(&world), [ViolationCode::BadCredit]);
    assert_eq!(hostile.closed(&world), Some(ByeCode::Violations));
    let hostile = Hostile::shared(&mut world, 0, 2, &[other]);
    for _ in 0..3 {
        hostile.say(&mut world, &Frame::Credit(MAX_WINDOW));
    }
    assert_eq!(hostile.violations(&world), [ViolationCode::BadCredit; 3]);
    goes_on(&mut world, &room);
}

#[test]
fn summary_and_want_out_of_turn_end_the_link() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::connect(&mut world, 0, 1);
    hostile.want(&mut world, std::slice::from_ref(&other));
    assert_eq!(hostile.violations(&world), [ViolationCode::OutOfTurn]);
    assert_eq!(hostile.closed(&world), Some(ByeCode::Violations));
    let hostile = Hostile::connect(&mut world, 0, 2);
    hostile.summary(&mut world, WINDOW);
    hostile.summary(&mut world, 0);
    assert_eq!(hostile.violations(&world), [ViolationCode::OutOfTurn]);
    goes_on(&mut world, &room);
}

#[test]
fn more_want_ids_than_the_limit_end_the_link() {
    let (mut world, room, _) = honest();
    let hostile = Hostile::connect(&mut world, 0, 1);
    hostile.summary(&mut world, WINDOW);
    let ids: Vec<_> = (0..=MAX_WANT_IDS as u32)
        .map(|number| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            (WantId(id), TopicFingerprint([0; 16]))
        })
        .collect();
    for part in ids.chunks(2000) {
        assert_eq!(hostile.closed(&world), None);
        hostile.say(&mut world, &Frame::Want(Want { last: false, ids: part.to_vec() }));
    }
    assert_eq!(hostile.violations(&world), [ViolationCode::TooManyWants]);
    assert_eq!(hostile.closed(&world), Some(ByeCode::Violations));
    goes_on(&mut world, &room);
}

#[test]
fn the_65537th_log_ends_its_topic_and_nothing_else() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, &[room.clone(), other.clone()]);
    // Node 0 itself holds two logs of `room` and one of `other`: they count too.
    let held = 3;
    let heads: Vec<_> = (0..(MAX_LOGS_PER_PEER - held) as u32).map(invented).collect();
    for part in heads.chunks(MAX_HEADS_PER_FRAME) {
        hostile.show(&mut world, other.topic, part.to_vec(), Listing::More);
    }
    assert!(world.nodes[0].ended.is_empty(), "the limit itself is allowed");
    hostile.show(&mut world, other.topic, vec![invented(u32::MAX)], Listing::Last);
    assert_eq!(hostile.violations(&world), []);
    assert_eq!(hostile.closed(&world), None);
    assert_eq!(
        world.nodes[0].ended,
        [(hostile.link, other.topic, Some(ByeCode::Limit))],
        "BYE for that topic"
    );
    assert_eq!(world.nodes[0].over_limit, [(hostile.link, Some(other.topic))]);
    let bye = hostile.heard(&world).into_iter().any(
        |frame| matches!(frame, Frame::Bye(bye) if bye.topic == Some(other.topic) && bye.code == ByeCode::Limit),
    );
    assert!(bye);
    // The other topic goes on over the same link.
    let new = entries(&room, 70, 3);
    hostile.say(&mut world, &Frame::Run(run_of(&new)));
    world.settle();
    world.assert_equal(&room);
    assert_eq!(world.nodes[1].store.contents(&room.topic).len(), 3);
    goes_on(&mut world, &room);
}

#[test]
fn rounds_without_end_end_the_link() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&other));
    let mut rounds = 0;
    while hostile.closed(&world).is_none() {
        hostile.summary(&mut world, 0);
        hostile.want(&mut world, std::slice::from_ref(&other));
        rounds += 1;
        assert!(rounds <= ROUND_BURST + 1);
    }
    assert_eq!(hostile.closed(&world), Some(ByeCode::Limit));
    assert_eq!(world.nodes[0].over_limit, [(hostile.link, None)]);
    goes_on(&mut world, &room);
}

#[test]
fn heads_that_are_promised_and_never_brought_do_not_keep_others_waiting() {
    let (mut world, room, _) = honest();
    let liars: Vec<Hostile> = (1..=5)
        .map(|number| Hostile::shared(&mut world, 0, number, std::slice::from_ref(&room)))
        .collect();
    for (at, liar) in liars.iter().enumerate() {
        liar.show(&mut world, room.topic, vec![invented(at as u32)], Listing::Last);
    }
    let steps = world.steps;
    for _ in 0..100 {
        world.run_for(Duration::from_secs(1));
        world.write(1, &room, 1, 100);
    }
    world.run_for(Duration::from_secs(3));
    world.assert_equal(&room);
    assert!(world.steps - steps < 20_000, "{} steps", world.steps - steps);
}

#[test]
fn refusals_without_end_end_the_link() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, &[other]);
    for number in 0..=MAX_REFUSED_LOGS as u32 {
        assert_eq!(hostile.closed(&world), None);
        hostile.say(&mut world, &Frame::No(Refusal::Log(invented(number).log)));
    }
    assert_eq!(hostile.closed(&world), Some(ByeCode::Limit));
    goes_on(&mut world, &room);
}

/// Two runs of one log that share `shared` entries and then differ.
fn two_branches(
    room: &Room,
    seed: u64,
    shared: usize,
    after: usize,
) -> (nexus_log::run::Run, nexus_log::run::Run) {
    let mut a = Writer::new(seed, room);
    let mut first: Vec<Entry> = (0..shared).map(|_| a.write(50, 1)).collect();
    let mut b = a.clone();
    let mut second = first.clone();
    first.extend((0..after).map(|_| a.write(50, 2)));
    second.extend((0..after).map(|_| b.write(50, 3)));
    (run_of(&first), run_of(&second))
}

#[test]
fn branches_over_the_limit_are_refused_and_the_topic_goes_on() {
    let (mut world, room, _) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&room));
    for noise in 0..MAX_BRANCHES as u8 + 3 {
        let mut writer = Writer::new(70, &room);
        let run = [writer.write(50, 1), writer.write(50, noise)];
        hostile.say(&mut world, &Frame::Run(run_of(&run)));
        world.settle();
    }
    let log = Writer::new(70, &room).log();
    assert_eq!(world.nodes[0].store.logs[&log].branches.len(), MAX_BRANCHES);
    let no = hostile
        .heard(&world)
        .into_iter()
        .any(|f| matches!(f, Frame::No(Refusal::Log(l)) if *l == log));
    assert!(no);
    assert_eq!(hostile.violations(&world), []);
    goes_on(&mut world, &room);
}

/// A log, and a run of it that fits nowhere.
fn misfit(world: &mut World, hostile: &Hostile, room: &Room, seed: u64) {
    let mut a = Writer::new(1000 + seed, room);
    let mut all = vec![a.write(50, 1)];
    let mut b = a.clone();
    all.extend([a.write(50, 2), a.write(50, 2)]);
    b.write(50, 3);
    let misfit = b.write(50, 3);
    hostile.say(world, &Frame::Run(run_of(&all)));
    world.settle();
    hostile.say(world, &Frame::Run(run_of(&[misfit])));
}

#[test]
fn misfits_of_one_topic_do_not_end_another() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, &[room.clone(), other.clone()]);
    for seed in 0..MAX_FORKS_ANSWERED as u64 {
        misfit(&mut world, &hostile, &other, seed);
    }
    misfit(&mut world, &hostile, &room, 500);
    assert_eq!(world.nodes[0].ended, []);
    goes_on(&mut world, &room);
}

#[test]
fn misfits_without_end_end_the_topic() {
    let (mut world, room, other) = honest();
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&other));
    for seed in 0..=MAX_FORKS_ANSWERED as u64 {
        misfit(&mut world, &hostile, &other, seed);
    }
    assert_eq!(world.nodes[0].ended, [(hostile.link, other.topic, Some(ByeCode::Limit))]);
    assert_eq!(hostile.violations(&world), [], "a signed run that does not fit is no violation");
    goes_on(&mut world, &room);
}

#[test]
fn an_eager_peer_that_drips_holds_off_the_others_only_for_a_while() {
    let mut world = World::new(2);
    let room = Room::new(1);
    world.join(0, &room);
    world.join(1, &room);
    world.write(1, &room, 50, 100);
    let hostile = Hostile::shared(&mut world, 0, 1, std::slice::from_ref(&room));
    let mut writer = Writer::new(70, &room);
    world.lan(0, 1);
    let mut took = None;
    for tick in 0..100 {
        hostile.say(&mut world, &Frame::Run(run_of(&[writer.write(10, 1)])));
        world.run_for(Duration::from_millis(300));
        let log = world.nodes[1].writers[&room.topic].log();
        if took.is_none() && world.nodes[0].store.logs.contains_key(&log) {
            took = Some(tick * 300);
        }
    }
    let took = Duration::from_millis(took.expect("the honest entries never came"));
    assert!(took > Duration::from_secs(1), "the eager link is trusted while it brings something");
    assert!(took < EAGER_LIMIT + Duration::from_secs(1), "{took:?}");
    world.assert_equal(&room);
}

#[test]
fn peers_that_are_remembered_have_a_limit() {
    let mut engine = Engine::new(Config::default());
    let store = MemoryStore::default();
    let instance = |number: usize| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&(number as u64).to_be_bytes());
        InstanceKey::from_bytes(key)
    };
    for number in 0..=MAX_REMEMBERED {
        let shared = Shared { mine: SetHash([1; 32]), theirs: SetHash([2; 32]), topics: vec![] };
        let params = LinkParams {
            side: Side::Dialler,
            exporter: Secret32::new([0; 32]),
            peer: ConnectId::from_bytes([0; 32]),
            instance: instance(number),
            remembered: Some(shared),
        };
        engine.link_up(LinkId(number as u64), params, vec![], Duration::ZERO, &store);
    }
    let known =
        (0..=MAX_REMEMBERED).filter(|number| engine.remembered(&instance(*number)).is_some());
    assert_eq!(known.count(), MAX_REMEMBERED);
}
