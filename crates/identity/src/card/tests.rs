use proptest::prelude::*;
use proptest::sample::subsequence;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

fn secrets(seed: u8) -> IdentitySecrets {
    IdentitySecrets::generate(&mut ChaCha12Rng::from_seed([seed; 32]))
}

fn key(n: u8) -> InstanceKey {
    InstanceKey([n; 32])
}

fn add(n: u8, created: u64) -> Statement {
    Statement::Add { instance: key(n), created: Millis(created) }
}

fn revoke(n: u8) -> Statement {
    Statement::Revoke { instance: key(n) }
}

fn profile(hlc: u64, name: &str) -> Statement {
    Statement::Profile { hlc, name: name.into() }
}

fn contact(n: u8) -> Statement {
    Statement::Contact { key: ContactKey([n; 32]) }
}

fn card(says: &[Statement]) -> VerifiedCard {
    VerifiedCard::create(&secrets(1), says).unwrap()
}

fn live(card: &VerifiedCard) -> Vec<u8> {
    card.live().map(|(key, _)| key.0[0]).collect()
}

/// Signs bytes that [`IdentitySecrets::sign_statement`] would not.
fn sign(bytes: Vec<u8>) -> SignedStatement {
    let signature = secrets(1).sign("nexus card v1", &bytes);
    SignedStatement { bytes, signature }
}

fn encode(key: &IdentityKey, signed: &[SignedStatement]) -> Vec<u8> {
    let mut map = MapWriter::new();
    map.bytes(1, &key.0).value(2, |w| {
        w.array(signed.len());
        signed.iter().for_each(|one| one.write(w));
    });
    map.into_bytes()
}

#[test]
fn a_card_reads_back() {
    let a = card(&[add(1, 10), add(2, 5), revoke(3), profile(1, "Alice"), contact(9)]);
    let b = VerifiedCard::decode(&a.to_bytes()).unwrap();
    assert_eq!(a, b);
    assert_eq!(live(&b), [2, 1], "oldest first");
    assert_eq!(b.name(), Some("Alice"));
    assert_eq!(b.contact_key(), Some(ContactKey([9; 32])));
    assert!(b.is_revoked(&key(3)) && !b.is_live(&key(3)));
    assert_eq!(b.connect_id(), secrets(1).connect_id());
}

#[test]
fn revoke_wins_in_whatever_order() {
    let all = [add(1, 10), revoke(1)];
    for says in [[0, 1], [1, 0]] {
        let card =
            says.iter().fold(card(&[]), |card, at| card.with(&secrets(1), &all[*at]).unwrap());
        assert_eq!(live(&card), []);
        assert_eq!(card.add_statement(&key(1)), None);
    }
    let again = card(&[revoke(1)]).merge(&card(&[add(1, 99)]));
    assert!(!again.changed && live(&again.card).is_empty());
}

#[test]
fn the_latest_profile_wins_and_ties_are_decided_alike() {
    let a = card(&[profile(5, "A")]).merge(&card(&[profile(4, "B")]));
    assert_eq!((a.card.name(), a.changed), (Some("A"), false));
    let (c, d) = (card(&[profile(5, "C")]), card(&[profile(5, "D")]));
    assert_eq!(c.merge(&d).card, d.merge(&c).card);
    assert_eq!(c.merge(&d).card.profile_hlc(), Some(5));
}

#[test]
fn a_second_contact_key_is_refused_and_reported_and_all_else_merged() {
    let mine = card(&[contact(1)]);
    let theirs = card(&[contact(2), add(7, 1)]);
    let merge = mine.merge(&theirs);
    assert!(merge.second_contact_key && merge.changed);
    assert_eq!(merge.card.contact_key(), Some(ContactKey([1; 32])));
    assert!(merge.card.is_live(&key(7)));
    let none = card(&[]).merge(&theirs);
    assert!(!none.second_contact_key);
    assert_eq!(none.card.contact_key(), Some(ContactKey([2; 32])));
    let both = mine.with(&secrets(1), &contact(2));
    assert_eq!(both, Err(CardError::SecondContactKey));
    let signed = [contact(1), contact(2)].map(|s| secrets(1).sign_statement(&s).unwrap());
    let bytes = encode(&secrets(1).identity_key(), &signed);
    assert_eq!(VerifiedCard::decode(&bytes), Err(CardError::SecondContactKey));
}

#[test]
fn a_ninth_instance_waits_for_a_revocation() {
    let nine: Vec<_> = (1..=9).map(|n| add(n, u64::from(n))).collect();
    let card = card(&nine);
    assert_eq!(live(&card), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(!card.is_live(&key(9)));
    assert_eq!(card.over_limit().map(|(key, _)| key).collect::<Vec<_>>(), [key(9)]);
    let card = card.with(&secrets(1), &revoke(3)).unwrap();
    assert_eq!(live(&card), [1, 2, 4, 5, 6, 7, 8, 9]);
    assert_eq!(card.over_limit().count(), 0);
}

#[test]
fn of_several_adds_of_one_instance_the_earliest_stays() {
    let a = card(&[add(1, 10)]).merge(&card(&[add(1, 5)])).card;
    let b = card(&[add(1, 5)]).merge(&card(&[add(1, 10)])).card;
    assert_eq!(a, b);
    assert_eq!(a.live().collect::<Vec<_>>(), [(key(1), Millis(5))]);
}

#[test]
fn cards_of_two_identities_do_not_mix() {
    let other = VerifiedCard::create(&secrets(2), &[add(5, 5)]).unwrap();
    let merge = card(&[add(1, 1)]).merge(&other);
    assert!(!merge.changed && merge.card == card(&[add(1, 1)]));
    assert_eq!(other.with(&secrets(1), &add(1, 1)), Err(CardError::OtherIdentity));
    // A statement of another identity, put into one's own card.
    let mut stolen = other.to_bytes();
    stolen[4..36].copy_from_slice(secrets(1).identity_key().as_bytes());
    assert!(matches!(VerifiedCard::decode(&stolen), Err(CardError::Signature(_))));
}

#[test]
fn what_a_newer_version_says_is_kept_and_merged() {
    let mut map = MapWriter::new();
    map.uint(1, 77).text(40, "later");
    let unknown = sign(map.into_bytes());
    let mut map = MapWriter::new();
    map.uint(1, 1).bytes(2, &[6; 32]).uint(3, 1).uint(900, 1);
    let extended = sign(map.into_bytes());
    let key1 = secrets(1).identity_key();
    let newer = VerifiedCard::from_signed(key1, vec![unknown.clone(), extended.clone()]).unwrap();
    let merged = card(&[add(1, 1)]).merge(&newer).card;
    assert!(merged.is_live(&key(6)));
    assert_eq!(merged.add_statement(&key(6)), Some(extended));
    let again = VerifiedCard::decode(&merged.to_bytes()).unwrap();
    assert_eq!(again, merged);
    assert_eq!(verify_statement(&key1, &unknown), Ok(Statement::Unknown { kind: 77 }));
    let refused = secrets(1).sign_statement(&Statement::Unknown { kind: 77 });
    assert!(matches!(refused, Err(CardError::Encoding(_))));
}

#[test]
fn the_live_part_is_enough_to_talk() {
    let whole = card(&[add(1, 1), add(2, 2), revoke(2), revoke(3), profile(1, "A"), contact(9)]);
    let part = VerifiedCard::decode(&whole.live_part().to_bytes()).unwrap();
    assert_eq!(live(&part), [1]);
    assert_eq!((part.name(), part.contact_key()), (whole.name(), whole.contact_key()));
    assert_eq!(part.revoked().count(), 0);
    assert_eq!(whole.merge(&part).card, whole);
}

#[test]
fn names_and_statements_past_their_limits_are_refused() {
    let long = profile(1, &"a".repeat(65));
    assert_eq!(secrets(1).sign_statement(&long), Err(CardError::Name));
    assert!(secrets(1).sign_statement(&profile(1, &"a".repeat(64))).is_ok());
    let mut map = MapWriter::new();
    map.uint(1, 99).bytes(2, &[0; MAX_STATEMENT]);
    let key1 = secrets(1).identity_key();
    let bytes = encode(&key1, &[sign(map.into_bytes())]);
    assert_eq!(VerifiedCard::decode(&bytes), Err(CardError::TooLong));
    assert_eq!(VerifiedCard::decode(&vec![0; MAX_CARD + 1]), Err(CardError::TooLong));
}

fn revocations(count: usize) -> Vec<SignedStatement> {
    let revoke = |n: usize| {
        let mut instance = [0; 32];
        instance[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        let says = Statement::Revoke { instance: InstanceKey(instance) };
        secrets(1).sign_statement(&says).unwrap()
    };
    (0..count).map(revoke).collect()
}

#[test]
fn a_card_ends_at_its_limit_and_a_merge_past_it_changes_nothing() {
    let key1 = secrets(1).identity_key();
    let mut all = revocations(MAX_STATEMENTS + 1);
    let bytes = encode(&key1, &all);
    assert_eq!(VerifiedCard::decode(&bytes), Err(CardError::TooMany));
    assert_eq!(VerifiedCard::from_signed(key1, all.clone()), Err(CardError::TooMany));
    all.pop();
    let full = VerifiedCard::decode(&encode(&key1, &all)).unwrap();
    assert!(full.to_bytes().len() <= MAX_CARD);
    assert_eq!(full.with(&secrets(1), &add(9, 9)), Err(CardError::TooMany));
    let merge = full.merge(&card(&[add(9, 9)]));
    assert!(merge.full && !merge.changed && merge.card == full);
}

#[test]
fn statements_out_of_order_or_twice_are_refused() {
    let key1 = secrets(1).identity_key();
    let all = revocations(2);
    let reversed: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(VerifiedCard::decode(&encode(&key1, &reversed)), Err(CardError::Order));
    let twice = [all[0].clone(), all[0].clone()];
    assert_eq!(VerifiedCard::decode(&encode(&key1, &twice)), Err(CardError::Order));
}

#[test]
fn known_statements_are_taken_as_checked_only_with_the_same_signature() {
    let known = card(&[add(1, 1), contact(9)]);
    let newer = known.with(&secrets(1), &add(2, 2)).unwrap();
    let read = VerifiedCard::decode_knowing(&newer.to_bytes(), Some(&known)).unwrap();
    assert_eq!(read, newer);
    let mut signed = known.add_statement(&key(1)).unwrap();
    signed.signature.0[5] ^= 1;
    let bytes = encode(&known.identity_key(), &[signed]);
    let refused = VerifiedCard::decode_knowing(&bytes, Some(&known));
    assert!(matches!(refused, Err(CardError::Signature(_))));
}

#[test]
fn any_flipped_bit_is_refused() {
    let bytes = card(&[add(1, 10), revoke(3), profile(1, "Alice"), contact(9)]).to_bytes();
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(VerifiedCard::decode(&wrong).is_err(), "byte {at}");
    }
}

fn pool() -> Vec<Statement> {
    let mut all: Vec<_> = (1..=10).map(|n| add(n, u64::from(n % 4))).collect();
    all.extend([add(1, 7), add(2, 0), revoke(1), revoke(4), revoke(20), contact(9)]);
    all.extend([profile(1, "A"), profile(2, "B"), profile(2, "C"), profile(0, "D")]);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn merging_is_a_union_whatever_the_order_and_the_parts(
        a in subsequence(pool(), 0..=20), b in subsequence(pool(), 0..=20), c in subsequence(pool(), 0..=20)
    ) {
        let [a, b, c] = [card(&a), card(&b), card(&c)];
        let ab = a.merge(&b).card;
        prop_assert_eq!(&ab, &b.merge(&a).card);
        prop_assert_eq!(ab.merge(&c).card, a.merge(&b.merge(&c).card).card);
        let same = ab.merge(&ab);
        prop_assert!(!same.changed && same.card == ab);
        prop_assert!(!ab.merge(&a).changed && !ab.merge(&b).changed);
        prop_assert_eq!(VerifiedCard::decode(&ab.to_bytes()), Ok(ab));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
        prop_assert!(VerifiedCard::decode(&bytes).is_err());
        let _ = SignedStatement::read(&mut Reader::new(&bytes));
    }

    #[test]
    fn arbitrary_signed_statements_never_panic(bytes in proptest::collection::vec(0u8..0xb0, 0..60)) {
        let _ = verify_statement(&secrets(1).identity_key(), &sign(bytes));
    }
}
