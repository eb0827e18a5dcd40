use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const GROUPS: u64 = 40;

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(u64),
    InsertRange(Range<u64>),
    RemoveRange(Range<u64>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = || 0..GROUPS;
    let range = || (index(), 0..12u64).prop_map(|(start, len)| start..(start + len).min(GROUPS));
    prop::collection::vec(
        prop_oneof![
            index().prop_map(Step::Insert),
            index().prop_map(Step::Remove),
            range().prop_map(Step::InsertRange),
            range().prop_map(Step::RemoveRange),
        ],
        0..30,
    )
}

fn both(steps: Vec<Step>) -> (GroupSet, BTreeSet<u64>) {
    let (mut set, mut model) = (GroupSet::new(), BTreeSet::new());
    for step in steps {
        match step {
            Step::Insert(index) => assert_eq!(set.insert(index), model.insert(index)),
            Step::Remove(index) => assert_eq!(set.remove(index), model.remove(&index)),
            Step::InsertRange(range) => {
                set.insert_range(range.clone());
                model.extend(range);
            }
            Step::RemoveRange(range) => {
                set.remove_range(range.clone());
                model.retain(|index| !range.contains(index));
            }
        }
    }
    (set, model)
}

proptest! {
    #[test]
    fn it_does_what_a_set_of_numbers_does(steps in steps(), from in 0..GROUPS, most in 1..9u64) {
        let (set, model) = both(steps);
        prop_assert_eq!(set.len(), model.len() as u64);
        prop_assert_eq!(set.is_empty(), model.is_empty());
        for index in 0..=GROUPS {
            prop_assert_eq!(set.contains(index), model.contains(&index));
        }
        prop_assert_eq!(set.ranges().flatten().collect::<BTreeSet<_>>(), model.clone());
        let ranges: Vec<_> = set.ranges().collect();
        prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        let missing: Vec<_> = (0..GROUPS).filter(|index| !model.contains(index)).collect();
        prop_assert_eq!(set.missing(GROUPS).flatten().collect::<Vec<_>>(), missing.clone());
        let run = set.first_missing(GROUPS, from, most);
        let first = missing.iter().copied().find(|index| *index >= from);
        prop_assert_eq!(run.clone().map(|run| run.start), first);
        if let Some(run) = run {
            prop_assert!(run.end - run.start <= most);
            prop_assert!(run.clone().all(|index| missing.contains(&index)));
            prop_assert!(run.end - run.start == most || !missing.contains(&run.end));
        }
        let run = set.first_present(from, most);
        prop_assert_eq!(run.clone().map(|run| run.start), model.range(from..).next().copied());
        if let Some(run) = run {
            prop_assert!(run.clone().all(|index| model.contains(&index)));
            prop_assert!(run.end - run.start == most || !model.contains(&run.end));
        }
        let longest = set.longest().map_or(0, |range| range.end - range.start);
        prop_assert_eq!(longest, ranges.iter().map(|r| r.end - r.start).max().unwrap_or(0));
        prop_assert_eq!(model.iter().copied().collect::<GroupSet>(), set.clone());
        prop_assert_eq!(GroupSet::from_bytes(&set.to_bytes(), GROUPS), Ok(set));
    }

    #[test]
    fn bytes_from_anywhere_are_a_set_of_one_encoding_or_refused(bytes: Vec<u8>) {
        if let Ok(set) = GroupSet::from_bytes(&bytes, u64::MAX) {
            prop_assert_eq!(set.to_bytes(), bytes);
        }
    }
}

#[test]
fn bytes_that_are_no_set_are_refused() {
    let bytes = |bounds: &[u64]| bounds.iter().flat_map(|b| b.to_be_bytes()).collect::<Vec<_>>();
    assert_eq!(GroupSet::from_bytes(&bytes(&[0, 5, 6, 10]), 10).map(|set| set.len()), Ok(9));
    for bounds in [
        &[0, 11][..],
        &[3, 3],
        &[5, 3],
        &[0, 5, 5, 6],
        &[0, 5, 4, 6],
        &[4, 6, 0, 1],
        &[1],
        &[0, 1, 2],
    ] {
        assert_eq!(GroupSet::from_bytes(&bytes(bounds), 10), Err(NotASet), "{bounds:?}");
    }
    assert_eq!(GroupSet::from_bytes(&[0; 15], 10), Err(NotASet));
}

#[test]
fn a_whole_blob_is_one_range() {
    let mut set: GroupSet = (0..1000).filter(|index| index % 2 == 0).collect();
    assert_eq!(set.range_count(), 500);
    set.insert_all(&(0..1000).filter(|index| index % 2 == 1).collect());
    assert_eq!((set.range_count(), set.len()), (1, 1000));
}
