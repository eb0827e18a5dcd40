use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::card::Statement;
use crate::keys::IdentitySecrets;
use crate::prekey::Prekeys;

struct Who {
    secrets: IdentitySecrets,
    instance: InstanceSecret,
    card: VerifiedCard,
    record: InstanceRecord,
}

fn who(seed: u8) -> Who {
    let rng = &mut ChaCha12Rng::from_seed([seed; 32]);
    let secrets = IdentitySecrets::generate(rng);
    let instance = InstanceSecret::generate(rng);
    let add = Statement::Add { instance: instance.key(), created: Millis(1) };
    let card = VerifiedCard::create(&secrets, &[add]).unwrap();
    let prekeys = Prekeys::generate(Millis(1), rng).unwrap();
    let (id, key) = (secrets.connect_id(), instance.key());
    let record = InstanceRecord::new(id, key, 1, prekeys.current(), Millis(2));
    Who { secrets, instance, card, record }
}

#[test]
fn a_record_reads_back_and_belongs_to_its_card() {
    let mut a = who(1);
    a.record.hints = vec!["relay.example".into(); MAX_HINTS];
    let signed = a.record.sign(&a.instance).unwrap();
    let read = VerifiedRecord::verify(signed.to_bytes(), &a.card).unwrap();
    assert_eq!(*read.record(), a.record);
    assert_eq!(read, signed);
    assert_eq!(read.prekey_id(), PrekeyId::of(1, read.prekey()));
}

#[test]
fn records_of_others_and_of_revoked_instances_are_refused() {
    let (a, b) = (who(1), who(2));
    let record = a.record.sign(&a.instance).unwrap();
    let bytes = record.to_bytes();
    assert_eq!(VerifiedRecord::verify(bytes, &b.card), Err(RecordError::OtherIdentity));
    let revoke = Statement::Revoke { instance: a.instance.key() };
    let revoked = a.card.with(&a.secrets, &revoke).unwrap();
    assert_eq!(VerifiedRecord::verify(bytes, &revoked), Err(RecordError::NotLive));
    assert!(matches!(a.record.sign(&b.instance), Err(RecordError::Signature(_))));
    // An instance of b that claims to be a's.
    let mut claim = b.record.clone();
    claim.connect_id = a.secrets.connect_id();
    let claim = claim.sign(&b.instance).unwrap();
    assert_eq!(VerifiedRecord::verify(claim.to_bytes(), &a.card), Err(RecordError::NotLive));
}

#[test]
fn the_higher_seq_wins_and_at_equal_seq_exactly_one() {
    let a = who(1);
    let sign = |seq, created| {
        let record = InstanceRecord { seq, created: Millis(created), ..a.record.clone() };
        record.sign(&a.instance).unwrap()
    };
    let (old, new, twin) = (sign(1, 9), sign(2, 5), sign(2, 6));
    assert!(new.newer_than(&old) && !old.newer_than(&new));
    assert_ne!(new.newer_than(&twin), twin.newer_than(&new));
    assert!(!new.newer_than(&new));
    let other = who(2);
    let other = other.record.sign(&other.instance).unwrap();
    assert!(!new.newer_than(&other), "another instance's record is never replaced");
}

#[test]
fn each_limit_holds() {
    let a = who(1);
    let refused = |change: fn(&mut InstanceRecord)| {
        let mut record = a.record.clone();
        change(&mut record);
        record.sign(&a.instance).unwrap_err()
    };
    let range = RecordError::Encoding(CborError::Range);
    assert_eq!(refused(|r| r.hints = vec![String::new(); MAX_HINTS + 1]), range);
    assert_eq!(refused(|r| r.hints = vec!["h".repeat(MAX_HINT + 1)]), range);
    assert_eq!(refused(|r| r.prekey.truncate(1215)), range);
    assert_eq!(refused(|r| (r.suite, r.prekey) = (9, vec![0; MAX_PREKEY + 1])), range);
    let bad_key = RecordError::Prekey(SealError::BadKey);
    assert_eq!(refused(|r| r.prekey.fill(0xff)), bad_key);
    let huge = vec![0; MAX_RECORD + 1];
    assert_eq!(VerifiedRecord::verify_alone(&huge), Err(RecordError::TooLong));
}

#[test]
fn a_suite_of_the_future_is_kept_but_not_sealed_to() {
    let mut a = who(1);
    (a.record.suite, a.record.prekey) = (9, vec![1; MAX_PREKEY]);
    let record = a.record.sign(&a.instance).unwrap();
    assert_eq!(record.suite(), None);
    (a.record.suite, a.record.prekey) = (2, vec![9; 32]);
    let record = a.record.sign(&a.instance).unwrap();
    assert_eq!(record.suite(), None, "X25519 is not a suite for prekeys");
}

#[test]
fn unknown_keys_are_kept() {
    let a = who(1);
    let mut newer = MapWriter::new();
    newer.uint(99, 5);
    let newer = newer.into_bytes();
    let extra = Map::decode(&newer).unwrap().unknown(&[]);
    let record = InstanceRecord { extra, ..a.record.clone() };
    let signed = record.sign(&a.instance).unwrap();
    assert_eq!(signed.record().extra, record.extra);
    assert_eq!(signed.record().sign(&a.instance).unwrap(), signed);
}

#[test]
fn any_flipped_bit_is_refused() {
    let a = who(1);
    let record = a.record.sign(&a.instance).unwrap();
    let bytes = record.to_bytes();
    for at in 0..bytes.len() {
        let mut wrong = bytes.to_vec();
        wrong[at] ^= 1 << (at % 8);
        assert!(VerifiedRecord::verify(&wrong, &a.card).is_err(), "byte {at}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
        prop_assert!(VerifiedRecord::verify_alone(&bytes).is_err());
    }
}
