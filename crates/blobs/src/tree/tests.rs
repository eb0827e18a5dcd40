use proptest::prelude::*;

use super::*;
use crate::limits::GROUP;

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

fn hashes(content: &[u8]) -> (BlobSize, Vec<GroupHash>) {
    let size = BlobSize::new(content.len() as u64).unwrap();
    let group = |index: u64| {
        let start = size.group_start(index) as usize;
        group_hash(size, index, &content[start..start + size.group_len(index)]).unwrap()
    };
    (size, (0..size.groups()).map(group).collect())
}

fn root(size: BlobSize, hashes: &[GroupHash]) -> Result<Root, TreeError> {
    let mut builder = RootBuilder::new(size);
    for hash in hashes {
        builder.push(*hash)?;
    }
    builder.finish()
}

fn agrees_with_blake3(len: usize) {
    let content = bytes(len);
    let (size, hashes) = hashes(&content);
    let expected = Root::from_bytes(*blake3::hash(&content).as_bytes());
    assert_eq!(root(size, &hashes), Ok(expected), "{len} bytes");
    assert!(list_fits(size, &expected, hashes));
}

#[test]
fn the_root_is_the_plain_hash_for_every_number_of_groups_up_to_20() {
    for groups in 0..20 {
        for more in [0, 1, 1024, GROUP - 1] {
            agrees_with_blake3(groups * GROUP + more);
        }
    }
}

#[test]
fn bytes_of_another_length_or_place_have_no_hash() {
    let size = BlobSize::new(GROUP as u64 + 5).unwrap();
    let long = bytes(GROUP + 1);
    for (index, len) in [(0, GROUP - 1), (0, GROUP + 1), (1, 4), (1, 6), (2, 0), (u64::MAX, 0)] {
        assert!(group_hash(size, index, &long[..len]).is_err(), "{len} bytes as group {index}");
    }
}

#[test]
fn a_list_that_is_too_short_too_long_or_wrong_is_noticed() {
    let (size, mut list) = hashes(&bytes(5 * GROUP));
    let right = root(size, &list).unwrap();
    assert_eq!(root(size, &list[..4]), Err(TreeError::Missing(1)));
    assert!(!list_fits(size, &right, list[..4].iter().copied()));
    list.push(list[0]);
    assert_eq!(root(size, &list), Err(TreeError::TooMany));
    assert!(!list_fits(size, &right, list.iter().copied()));
    list.pop();
    list.swap(1, 2);
    assert!(!list_fits(size, &right, list));
}

#[test]
fn equal_bytes_in_two_places_have_two_hashes() {
    let (_, list) = hashes(&vec![7; 3 * GROUP]);
    assert_ne!(list[0], list[1]);
}

#[test]
fn a_builder_for_the_largest_blob_holds_one_hash_for_each_level() {
    let size = BlobSize::new(MAX_BLOB).unwrap();
    let mut builder = RootBuilder::new(size);
    builder.pushed = size.groups() - 2;
    builder.stack = vec![[1; 32]; 27];
    builder.push(GroupHash::from_bytes([2; 32])).unwrap();
    builder.push(GroupHash::from_bytes([3; 32])).unwrap();
    assert_eq!(builder.stack.len(), 29);
    assert!(builder.finish().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_root_is_the_plain_hash(len in 0..40 * GROUP) {
        agrees_with_blake3(len);
    }
}
