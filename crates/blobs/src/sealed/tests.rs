use super::*;
use crate::limits::{GROUP, MAX_BLOB};

const SECRET: [u8; 32] = [7; 32];

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 253) as u8).collect()
}

fn sealer(content: &[u8]) -> Sealer {
    let root = Root::from_bytes(*blake3::hash(content).as_bytes());
    let size = BlobSize::new(content.len() as u64).unwrap();
    Sealer::new(&Secret32::new(SECRET), &root, size).unwrap()
}

fn seal(content: &[u8]) -> Vec<Vec<u8>> {
    let sealer = sealer(content);
    let group = |index: u64| {
        let start = sealer.size.group_start(index) as usize;
        let mut group = content[start..start + sealer.size.group_len(index)].to_vec();
        let tag = sealer.seal(index, &mut group).unwrap();
        group.extend_from_slice(&tag);
        assert_eq!(sealed_place(sealer.size, index).unwrap().1, group.len());
        group
    };
    (0..sealer.size.groups()).map(group).collect()
}

#[test]
fn any_member_makes_the_same_bytes_and_opens_them() {
    for len in [0, 1, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP] {
        let content = content(len);
        let sealed = seal(&content);
        assert_eq!(sealed, seal(&content));
        let size = BlobSize::new(len as u64).unwrap();
        assert_eq!(sealed_size(size).unwrap().get(), sealed.concat().len() as u64);
        let opener = sealer(&content);
        let mut opened = Vec::new();
        for (index, mut group) in sealed.into_iter().enumerate() {
            opened.extend_from_slice(opener.open(index as u64, &mut group).unwrap());
        }
        assert_eq!(opened, content);
    }
}

#[test]
fn what_is_changed_swapped_or_of_another_blob_is_refused() {
    let content = content(3 * GROUP);
    let (sealed, opener) = (seal(&content), sealer(&content));
    let opens = |index: u64, group: &[u8]| opener.open(index, &mut group.to_vec()).map(|_| ());
    assert_eq!(opens(1, &sealed[1]), Ok(()));
    assert_eq!(opens(1, &sealed[0]), Err(SealError::Forged));
    for at in [0, 100, GROUP - 1, GROUP, GROUP + TAG - 1] {
        let mut changed = sealed[1].clone();
        changed[at] ^= 1;
        assert_eq!(opens(1, &changed), Err(SealError::Forged));
    }
    let mut other = content;
    other[2 * GROUP] ^= 1;
    assert_eq!(opens(0, &seal(&other)[0]), Err(SealError::Forged));
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    let content = content(3 * GROUP);
    let sealed = seal(&content);
    // As if the blob ended earlier or later: its last group is not the last, or the other way.
    for groups in [2, 4] {
        let size = BlobSize::new(groups * GROUP as u64).unwrap();
        let root = Root::from_bytes(*blake3::hash(&content).as_bytes());
        let opener = Sealer::new(&Secret32::new(SECRET), &root, size).unwrap();
        let last = groups.min(3) - 1;
        let mut group = sealed[last as usize].clone();
        assert_eq!(opener.open(last, &mut group).map(|_| ()), Err(SealError::Forged));
    }
    let opener = sealer(&content);
    for len in [0, 15, 16, GROUP, GROUP + TAG - 1, GROUP + TAG + 1] {
        let mut group = sealed[1].clone();
        group.resize(len, 0);
        assert_eq!(opener.open(1, &mut group).map(|_| ()), Err(SealError::Length));
    }
    assert_eq!(opener.open(3, &mut sealed[2].clone()).map(|_| ()), Err(SealError::Length));
    assert_eq!(opener.seal(0, &mut [0; 5]), Err(SealError::Length));
}

#[test]
fn the_largest_blob_has_no_sealed_form_and_one_with_room_for_the_tags_has() {
    assert_eq!(sealed_size(BlobSize::new(MAX_BLOB).unwrap()), None);
    let group = (GROUP + TAG) as u64;
    let fits = MAX_BLOB / group * GROUP as u64;
    assert!(sealed_size(BlobSize::new(fits).unwrap()).is_some());
    assert_eq!(sealed_place(BlobSize::new(fits).unwrap(), u64::MAX), None);
}
