use nexus_identity::kdf::Secret32;
use nexus_identity::keys::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::entry::Entry;
use crate::header::Kind;
use crate::run::RunBuilder;

fn key() -> SigningKey {
    SigningKey::from_seed(Secret32::new([1; 32]))
}

fn branch(key: &SigningKey, first: Seq, count: usize, mark: u8) -> CheckedRun {
    let mut prev = EntryHash::from_bytes([9; 32]);
    let mut builder = RunBuilder::new();
    for seq in (first..).take(count) {
        let entry = Entry::write(key, Kind::Entry, seq, prev, vec![mark]).unwrap();
        builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), usize::MAX);
        prev = entry.hash();
    }
    builder.finish().unwrap().check().unwrap()
}

#[test]
fn a_proof_is_the_same_from_both_sides_and_stands_alone() {
    let (a, b) = (branch(&key(), 4, 3, 1), branch(&key(), 4, 5, 2));
    let proof = ForkProof::from_runs(&a, &b).unwrap();
    assert_eq!(Some(&proof), ForkProof::from_runs(&b, &a).as_ref());
    assert_eq!((proof.seq(), proof.log().as_bytes()), (4, &key().public()));
    assert_eq!(ForkProof::decode(&proof.encode()), Ok(proof));
}

#[test]
fn the_same_entries_other_logs_and_other_places_prove_nothing() {
    let a = branch(&key(), 4, 3, 1);
    assert_eq!(ForkProof::from_runs(&a, &a), None);
    assert_eq!(ForkProof::from_runs(&a, &branch(&key(), 4, 2, 1)), None);
    assert_eq!(ForkProof::from_runs(&a, &branch(&key(), 9, 3, 2)), None);
    let other = SigningKey::from_seed(Secret32::new([2; 32]));
    assert_eq!(ForkProof::from_runs(&a, &branch(&other, 4, 3, 2)), None);
}

#[test]
fn the_longest_proof_fits_a_frame() {
    let (a, b) = (branch(&key(), 4, 300, 1), branch(&key(), 4, 300, 2));
    let bytes = ForkProof::from_runs(&a, &b).unwrap().encode();
    assert!(bytes.len() <= crate::run::MAX_RUN_BYTES, "{}", bytes.len());
}

#[test]
fn a_changed_proof_is_none() {
    let proof = ForkProof::from_runs(&branch(&key(), 4, 2, 1), &branch(&key(), 4, 2, 2)).unwrap();
    let bytes = proof.encode();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(ForkProof::decode(&changed).is_err(), "byte {at}");
    }
    let half = bytes.len() / 2;
    let swapped = [&bytes[half..], &bytes[..half]].concat();
    assert_eq!(ForkProof::decode(&swapped), Err(ForkError::Malformed));
}

/// The bytes of one side of a proof, as a cheat may write them: signed whatever they say.
fn side(key: &SigningKey, headers: &[Header]) -> Vec<u8> {
    let mut bytes = u16::try_from(headers.len()).unwrap().to_be_bytes().to_vec();
    headers.iter().for_each(|header| bytes.extend_from_slice(&header.encode()));
    let last = headers.last().unwrap().hash();
    bytes.extend_from_slice(key.sign(HEAD_CONTEXT, last.as_bytes()).as_bytes());
    bytes
}

/// Headers of `key` that follow each other from seq 4 on.
fn headers(key: &SigningKey, count: usize, mark: u8) -> Vec<Header> {
    let mut prev = EntryHash::from_bytes([9; 32]);
    let log = LogKey::from_bytes(key.public());
    let one = |seq| {
        let header = Header::for_payload(Kind::Entry, log, seq, prev, &[mark]).unwrap();
        prev = header.hash();
        header
    };
    (4..).take(count).map(one).collect()
}

/// Both sides in their order.
fn proof_of(mine: &[Header], other: &[Header]) -> Result<ForkProof, ForkError> {
    let mut sides = [mine, other];
    sides.sort_by_key(|headers| headers[0].hash());
    ForkProof::decode(&sides.map(|headers| side(&key(), headers)).concat())
}

#[test]
fn sides_that_are_no_chain_prove_nothing_though_their_end_is_signed() {
    let (mine, other) = (headers(&key(), 3, 1), headers(&key(), 3, 2));
    assert!(proof_of(&mine, &other).is_ok());
    let stranger = headers(&SigningKey::from_seed(Secret32::new([2; 32])), 3, 1);
    let change = |change: fn(&mut Header, &Header)| {
        let mut changed = mine.clone();
        change(&mut changed[1], &stranger[1]);
        // What follows it goes on from it.
        changed[2].prev = changed[1].hash();
        proof_of(&changed, &other)
    };
    assert_eq!(change(|header, _| header.prev = EntryHash::ZERO), Err(ForkError::Chain));
    assert_eq!(change(|header, _| header.seq += 1), Err(ForkError::Chain));
    assert_eq!(change(|header, stranger| header.log = stranger.log), Err(ForkError::Chain));
}

#[test]
fn sides_at_two_places_or_of_one_entry_prove_nothing() {
    let (mine, other) = (headers(&key(), 3, 1), headers(&key(), 3, 2));
    assert_eq!(proof_of(&mine, &other[1..]), Err(ForkError::Same));
    assert_eq!(proof_of(&mine, &mine), Err(ForkError::Same));
    assert_eq!(proof_of(&mine, &mine[..2]), Err(ForkError::Same));
}

#[test]
fn a_side_has_as_many_headers_as_a_run_and_not_one_more() {
    let (mine, other) = (headers(&key(), MAX_RUN_ENTRIES, 1), headers(&key(), 1, 2));
    assert!(proof_of(&mine, &other).is_ok());
    let longer = headers(&key(), MAX_RUN_ENTRIES + 1, 1);
    assert_eq!(proof_of(&longer, &other), Err(ForkError::Malformed));
}

proptest! {
    #[test]
    fn arbitrary_bytes_prove_nothing(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(ForkProof::decode(&bytes).is_err());
    }
}
