//! Whole transfers in virtual time: what is honest, slow, silent, gone or lying, from many seeds.
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

use lab::{Faults, ROOT, World, millis, size};
use nexus_blobs::fetch::{Blame, Waiting};
use nexus_blobs::limits::WINDOW_GROUPS;
use nexus_blobs::wire::NoCode;
use nexus_blobs::{Action, Fetch, GroupSet};

use nexus_blobs::SourceKind::{Author, Holder};

const FINE: Faults = Faults {
    lies_every: 0,
    wrong_list: false,
    dies_after: None,
    stalls: None,
    says_no: None,
    breaks_rules_after: None,
};

#[test]
fn one_honest_source_sends_every_group_once() {
    for groups in [1, 2, 63, 64, 65, 1000] {
        let mut world = World::new(1, groups, None);
        world.source(millis(0), Author, millis(1), FINE);
        world.run();
        world.check();
        assert_eq!(world.facts.received(), groups);
        assert_eq!(world.facts.hashes, if groups > 1 { groups } else { 0 });
    }
}

#[test]
fn before_the_root_is_known_everything_flows_from_the_author_and_needs_no_list() {
    let mut world = World::new(2, 500, Some(Duration::from_secs(60)));
    let author = world.source(millis(0), Author, millis(1), FINE);
    world.source(millis(0), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert_eq!(world.facts.groups.keys().copied().collect::<Vec<_>>(), [author]);
    assert_eq!((world.facts.received(), world.facts.hashes, world.facts.need_root), (500, 0, 1));
}

#[test]
fn when_the_root_comes_in_the_middle_the_list_is_fetched_and_nothing_twice() {
    let mut world = World::new(3, 500, Some(millis(200)));
    world.source(millis(0), Author, millis(1), FINE);
    world.source(millis(0), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert_eq!((world.facts.received(), world.facts.hashes), (500, 500));
    assert_eq!(world.facts.groups.len(), 2);
}

#[test]
fn provisional_groups_that_do_not_fit_the_root_are_fetched_again() {
    for root_at in [millis(200), Duration::from_secs(60)] {
        let mut world = World::new(4, 500, Some(root_at));
        let liar = Faults { lies_every: 50, dies_after: Some(510), ..FINE };
        world.source(millis(0), Author, millis(1), liar);
        world.source(millis(250), Holder, millis(1), FINE);
        world.run();
        world.check();
        let wrong = if root_at == millis(200) { 3..=6 } else { 10..=10 };
        assert!(wrong.contains(&(world.facts.received() - 500)), "{:?}", world.facts);
    }
}

#[test]
fn a_single_provisional_group_that_is_wrong_is_fetched_again_without_a_list() {
    let mut world = World::new(5, 1, Some(Duration::from_secs(1)));
    world.source(
        millis(0),
        Author,
        millis(1),
        Faults { lies_every: 1, dies_after: Some(1), ..FINE },
    );
    world.source(Duration::from_secs(2), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert_eq!((world.facts.received(), world.facts.hashes), (2, 0));
}

#[test]
fn who_sends_a_wrong_group_is_blamed_and_asked_nothing_more() {
    let mut world = World::new(6, 600, None);
    let liar = world.source(millis(0), Author, millis(1), Faults { lies_every: 20, ..FINE });
    world.source(millis(5), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert!(matches!(world.facts.blamed[&liar], Blame::Group(_)));
    assert!(world.facts.groups[&liar] <= 20 + WINDOW_GROUPS);
}

#[test]
fn who_sends_a_wrong_list_is_blamed_and_another_is_asked() {
    let mut world = World::new(7, 3000, None);
    let liar = world.source(millis(0), Author, millis(1), Faults { wrong_list: true, ..FINE });
    world.source(millis(1), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert_eq!(world.facts.blamed[&liar], Blame::List);
    assert!(!world.facts.groups.contains_key(&liar));
    assert_eq!(world.facts.hashes, 6000);
}

#[test]
fn nobody_honest_is_blamed_for_the_other_half_of_a_wrong_list() {
    let mut world = World::new(8, 12_000, None);
    let liar = Faults { wrong_list: true, dies_after: Some(5), ..FINE };
    world.source(millis(0), Author, millis(1), liar);
    world.source(millis(0), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert!(world.facts.blamed.is_empty(), "{:?}", world.facts.blamed);
}

#[test]
fn a_source_that_dies_costs_nothing_twice() {
    let mut world = World::new(9, 1000, None);
    world.source(millis(0), Author, millis(1), Faults { dies_after: Some(400), ..FINE });
    world.source(millis(0), Holder, millis(1), FINE);
    world.source(millis(0), Holder, millis(1), Faults { dies_after: Some(100), ..FINE });
    world.run();
    world.check();
    assert_eq!(world.facts.received(), 1000);
}

#[test]
fn a_stalled_source_gives_way_and_may_come_back() {
    let mut world = World::new(10, 3000, None);
    let slept = Duration::from_secs(12);
    let faults = Faults { stalls: Some((50, slept)), ..FINE };
    let sleeper = world.source(millis(0), Author, millis(5), faults);
    world.source(millis(0), Holder, millis(10), FINE);
    world.run();
    world.check();
    assert!(world.facts.groups[&sleeper] > 500, "{:?}", world.facts);
    assert!(world.fetch.unwanted() <= WINDOW_GROUPS);
}

#[test]
fn the_only_source_may_stall_as_long_as_it_likes() {
    let mut world = World::new(11, 300, None);
    let faults = Faults { stalls: Some((50, Duration::from_secs(3600))), ..FINE };
    world.source(millis(0), Author, millis(1), faults);
    world.run();
    world.check();
    assert_eq!((world.facts.received(), world.facts.stops), (300, 0));
    assert!(world.facts.complete.unwrap() > Duration::from_secs(3600));
}

#[test]
fn sources_share_by_their_speed_and_a_slow_one_does_not_hold_up_the_end() {
    let mut world = World::new(12, 4000, None);
    let fast = world.source(millis(0), Author, millis(1), FINE);
    let slow = world.source(millis(0), Holder, millis(10), FINE);
    let slowest = world.source(millis(0), Holder, millis(3000), FINE);
    world.run();
    world.check();
    let groups = &world.facts.groups;
    assert!(groups[&fast] > 3000 && groups[&slow] > 200, "{groups:?}");
    assert!(groups.get(&slowest).is_none_or(|groups| *groups < 40), "{groups:?}");
    assert!(world.facts.complete.unwrap() < Duration::from_secs(12), "{:?}", world.facts);
}

#[test]
fn two_equal_sources_halve_the_work() {
    let mut world = World::new(13, 4000, None);
    let one = world.source(millis(0), Author, millis(2), FINE);
    let two = world.source(millis(500), Holder, millis(2), FINE);
    world.run();
    world.check();
    assert_eq!(world.facts.received(), 4000);
    assert!(
        world.facts.groups[&one] < 2400 && world.facts.groups[&two] > 1600,
        "{:?}",
        world.facts
    );
}

#[test]
fn who_cannot_now_is_asked_later_and_who_will_not_is_not() {
    for code in [NoCode::Busy, NoCode::NotReady] {
        let mut world = World::new(14, 100, None);
        world.source(millis(0), Author, millis(1), Faults { says_no: Some((9, code)), ..FINE });
        world.run();
        world.check();
        assert!(world.facts.asks < 40, "{:?}", world.facts);
    }
    use NoCode::{Changed, Failed, Refused, Unknown, Withdrawn};
    for code in [Unknown, Changed, Withdrawn, Refused, Failed] {
        let mut world = World::new(15, 100, None);
        world.source(millis(0), Author, millis(1), Faults { says_no: Some((9, code)), ..FINE });
        world.run();
        assert_eq!(world.fetch.waiting(world.now), Some(Waiting::Source));
        assert!(world.facts.asks <= 4);
    }
}

#[test]
fn who_sends_what_was_not_asked_for_is_not_asked_again() {
    let mut world = World::new(16, 600, None);
    let faults = Faults { breaks_rules_after: Some(30), ..FINE };
    let rude = world.source(millis(0), Author, millis(1), faults);
    world.source(millis(0), Holder, millis(1), FINE);
    world.run();
    world.check();
    assert!(world.facts.violators.contains(&rude));
}

#[test]
fn a_slow_disk_stops_the_asking() {
    let mut world = World::new(17, 900, None);
    world.write_takes(Duration::from_secs(2));
    for _ in 0..8 {
        world.source(millis(0), Holder, millis(1), FINE);
    }
    world.run();
    world.check();
    assert_eq!(world.facts.received(), 900);
}

#[test]
fn a_pause_stops_everything_and_resuming_goes_on() {
    let mut world = World::new(18, 1000, None);
    world.source(millis(0), Author, millis(1), FINE);
    world.run_until(millis(300));
    world.fetch.pause();
    world.run_until(Duration::from_secs(100));
    assert_eq!(world.fetch.waiting(world.now), Some(Waiting::Paused));
    let here = world.fetch.have().len();
    assert!(here < 400);
    world.fetch.resume();
    world.run();
    world.check();
    assert_eq!(world.facts.received(), 1000);
}

#[test]
fn what_is_here_is_not_asked_for_and_what_was_spoiled_is_found() {
    let have: GroupSet = (0..1000).filter(|index| index % 3 > 0).collect();
    let fetch = Fetch::new(size(1000), have, Some(ROOT), false);
    let mut world = World::resumed(19, 1000, fetch);
    world.spoil(4);
    world.source(millis(0), Author, millis(1), FINE);
    world.run();
    world.check();
    assert_eq!(world.facts.received(), 335);
}

#[test]
fn a_whole_blob_is_verified_without_any_source() {
    let have = GroupSet::from_range(0..50);
    let mut fetch = Fetch::new(size(50), have.clone(), None, false);
    assert_eq!(fetch.poll_action(millis(0)), Some(Action::NeedRoot));
    assert_eq!(fetch.poll_action(millis(0)), None);
    fetch.set_root(ROOT);
    assert_eq!(fetch.poll_action(millis(0)), Some(Action::Verify));
    assert_eq!(
        (fetch.poll_action(millis(0)), fetch.waiting(millis(0))),
        (None, Some(Waiting::Caller))
    );
    fetch.verified(true);
    assert_eq!(fetch.poll_action(millis(0)), Some(Action::Complete));
    let mut fetch = Fetch::new(size(50), have, Some(ROOT), true);
    assert_eq!(fetch.poll_action(millis(0)), Some(Action::Complete));
    assert_eq!(fetch.bytes_here(), 50 * 65_536);
}

/// Whatever the others do: while one honest source stays, the transfer completes.
#[test]
fn with_one_honest_source_every_transfer_completes() {
    let seeds = std::env::var("NEXUS_BLOB_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(150);
    let mut twice = 0;
    for seed in 0..seeds {
        let mut world = World::new(seed, 1, None);
        let groups = 1 + world.below(800);
        let root_at = (world.below(2) == 0).then(|| millis(world.below(3000)));
        world = World::new(seed, groups, root_at);
        world.below(3);
        let each = 1 + world.below(20);
        let honest = world.below(5);
        world.source(millis(0), Author, millis(each), FINE);
        let mut stalls = 0;
        for _ in 0..honest {
            let (at, each) = (world.below(4000), 1 + world.below(200));
            let mut faults = FINE;
            let after = world.below(300);
            match world.below(7) {
                0 => faults.lies_every = 1 + after,
                1 => faults.wrong_list = true,
                2 => faults.dies_after = Some(after + 1),
                3 => {
                    stalls += 1;
                    faults.stalls = Some((after, millis(world.below(40_000))));
                }
                4 => faults.says_no = Some((world.below(5), NoCode::from_byte(after as u8 % 7))),
                5 => faults.breaks_rules_after = Some(after),
                _ => {}
            }
            world.source(millis(at), Holder, millis(each), faults);
        }
        world.run();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| world.check()));
        assert!(result.is_ok(), "seed {seed}");
        let wrong = world.facts.blamed.len() as u64;
        // What a source has under way when it is stopped may come although others were asked.
        let most = groups + (stalls + wrong + honest) * WINDOW_GROUPS;
        assert!(world.facts.received() <= most, "seed {seed}: {:?}", world.facts);
        twice += world.facts.received() - groups;
    }
    println!("{seeds} seeds, {twice} groups more than needed");
}
