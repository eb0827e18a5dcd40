use nexus_identity::kdf::Secret32;
use nexus_identity::keys::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::header::MAX_PAYLOAD;
use crate::open::OPEN_CONTEXT;

fn log_key() -> SigningKey {
    SigningKey::from_seed(Secret32::new([7; 32]))
}

fn open_payload() -> Vec<u8> {
    let topic = SigningKey::from_seed(Secret32::new([8; 32]));
    let signature = topic.sign(OPEN_CONTEXT, &log_key().public());
    [topic.public().as_slice(), signature.as_bytes(), &[0; 24]].concat()
}

fn chain(payloads: &[Vec<u8>]) -> Vec<Entry> {
    let mut prev = EntryHash::ZERO;
    let mut entries = vec![];
    for (seq, payload) in payloads.iter().enumerate() {
        let kind = if seq == 0 { Kind::Open } else { Kind::Entry };
        let entry = Entry::write(&log_key(), kind, seq as u64, prev, payload.clone()).unwrap();
        prev = entry.hash();
        entries.push(entry);
    }
    entries
}

fn run(entries: &[Entry]) -> Run {
    let mut builder = RunBuilder::new();
    for entry in entries {
        assert!(builder.push(&entry.header, &entry.payload, entry.signature.as_ref(), usize::MAX));
    }
    builder.finish().unwrap()
}

fn payloads(count: usize, len: usize) -> Vec<Vec<u8>> {
    let mut payloads = vec![vec![5; len]; count];
    payloads[0] = open_payload();
    payloads
}

#[test]
fn a_whole_log_and_any_part_of_it_pass() {
    let entries = chain(&payloads(6, 30));
    let whole = run(&entries).check().unwrap();
    assert_eq!((whole.len(), whole.first_seq(), whole.last().seq), (6, 0, 5));
    assert!(whole.topic().is_some());
    let part = run(&entries[2..5]).check().unwrap();
    assert_eq!((part.first_seq(), part.first_prev()), (2, entries[1].hash()));
    assert_eq!(part.hash_at(4), Some(entries[4].hash()));
    assert_eq!((part.hash_at(1), part.hash_at(5)), (None, None));
    assert_eq!(part.topic(), None);
    let copies = part.to_entries();
    assert_eq!(copies[2], entries[4]);
    assert_eq!(copies[0].signature, None);
    assert_eq!(run(&copies).bytes(), part.bytes());
}

#[test]
fn entries_of_one_run_must_follow_each_other() {
    let entries = chain(&payloads(6, 30));
    let gap = [entries[1].clone(), entries[3].clone()];
    assert_eq!(run(&gap).check().unwrap_err(), RunError::Sequence(1));
    let twice = [entries[1].clone(), entries[1].clone()];
    assert_eq!(run(&twice).check().unwrap_err(), RunError::Sequence(1));
    let other = chain(&payloads(6, 31));
    let mixed = [entries[1].clone(), other[2].clone()];
    assert_eq!(run(&mixed).check().unwrap_err(), RunError::Prev(1));
}

#[test]
fn an_open_is_first_and_only_first() {
    let open = open_payload();
    let key = log_key();
    let late = Entry::write(&key, Kind::Open, 1, EntryHash::from_bytes([1; 32]), open.clone());
    assert_eq!(run(&[late.unwrap()]).check().unwrap_err(), RunError::Open(0));
    let early = Entry::write(&key, Kind::Entry, 0, EntryHash::ZERO, vec![]);
    assert_eq!(run(&[early.unwrap()]).check().unwrap_err(), RunError::Open(0));
    let prev = Entry::write(&key, Kind::Open, 0, EntryHash::from_bytes([1; 32]), open.clone());
    assert_eq!(run(&[prev.unwrap()]).check().unwrap_err(), RunError::Prev(0));
    let none = Entry::write(&key, Kind::Entry, 4, EntryHash::ZERO, vec![]);
    assert_eq!(run(&[none.unwrap()]).check().unwrap_err(), RunError::Prev(0));
    let mut forged = open;
    forged[40] ^= 1;
    let forged = Entry::write(&key, Kind::Open, 0, EntryHash::ZERO, forged).unwrap();
    assert_eq!(run(&[forged]).check().unwrap_err(), RunError::TopicSignature);
}

#[test]
fn another_key_signs_nothing() {
    let mut entries = chain(&payloads(3, 30));
    let other = SigningKey::from_seed(Secret32::new([9; 32]));
    let hash = entries[2].hash();
    entries[2].signature = Some(other.sign(HEAD_CONTEXT, hash.as_bytes()));
    assert_eq!(run(&entries).check().unwrap_err(), RunError::Signature);
}

#[test]
fn a_run_past_a_limit_is_refused_and_a_builder_stops_before_it() {
    let entries = chain(&payloads(MAX_RUN_ENTRIES + 1, 0));
    let mut bytes: Vec<u8> =
        entries.iter().flat_map(|one| [&one.header, one.payload.as_slice()].concat()).collect();
    bytes.extend_from_slice(entries[MAX_RUN_ENTRIES].signature.unwrap().as_bytes());
    assert_eq!(Run::from_vec(bytes).check().unwrap_err(), RunError::TooLong);
    let over = Run::from_vec(vec![0; MAX_RUN_BYTES + 1]).check();
    assert_eq!(over.unwrap_err(), RunError::TooLong);
    let mut builder = RunBuilder::new();
    let taken = entries
        .iter()
        .filter(|one| builder.push(&one.header, &one.payload, one.signature.as_ref(), usize::MAX));
    assert_eq!(taken.count(), MAX_RUN_ENTRIES);
    assert_eq!(builder.finish().unwrap().check().unwrap().len(), MAX_RUN_ENTRIES);
    // The largest entry travels alone.
    let large = chain(&[open_payload(), vec![1; MAX_PAYLOAD], vec![1; MAX_PAYLOAD]]);
    let mut builder = RunBuilder::new();
    for one in &large {
        builder.push(&one.header, &one.payload, one.signature.as_ref(), usize::MAX);
    }
    assert_eq!(builder.finish().unwrap().check().unwrap().len(), 2);
}

#[test]
fn a_run_ends_with_the_last_entry_whose_signature_is_held() {
    let mut entries = chain(&payloads(5, 30));
    entries[3].signature = None;
    entries[4].signature = None;
    assert_eq!(run(&entries).check().unwrap().last().seq, 2);
    assert!(RunBuilder::new().finish().is_none());
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Run::from_vec(bytes).check().is_err());
    }

    #[test]
    fn any_changed_byte_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let entries = chain(&payloads(4, 20));
        let mut bytes = run(&entries).into_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        // The flags of the upper byte are carried: they change hashes, so the signature or prev fails.
        prop_assert!(Run::from_vec(bytes).check().is_err());
    }
}
