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

proptest! {
    #[test]
    fn arbitrary_bytes_prove_nothing(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(ForkProof::decode(&bytes).is_err());
    }
}
