use super::*;
use nexus_identity::{
    IdentitySecrets, InstanceRecord, InstanceSecret, Millis, Prekeys, Secret32, Statement,
};
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

struct Person {
    secrets: IdentitySecrets,
    instance: InstanceSecret,
    card: VerifiedCard,
    hello: Hello,
}

fn person(seed: u64) -> Person {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let secrets = IdentitySecrets::generate(&mut rng);
    let instance = InstanceSecret::from_seed(Secret32::random(&mut rng));
    let add = Statement::Add { instance: instance.key(), created: Millis(1) };
    let contact = Statement::Contact { key: secrets.contact_key() };
    let card = VerifiedCard::create(&secrets, &[add, contact]).unwrap();
    let prekeys = Prekeys::generate(Millis(1), &mut rng).unwrap();
    let prekey = prekeys.all().next().unwrap();
    let record = InstanceRecord::new(secrets.connect_id(), instance.key(), 1, prekey, Millis(1))
        .sign(&instance)
        .unwrap();
    let local = LocalHello { card: card.clone(), record, capabilities: 0 };
    let hello = Hello::local(secrets.connect_id(), &local, 4242, BootId([1; 8]));
    Person { secrets, instance, card, hello }
}

#[test]
fn an_honest_hello_passes() {
    let a = person(1);
    let hello = Hello::decode(&a.hello.encode()).unwrap();
    assert_eq!(hello, a.hello);
    let checked = hello.check(a.instance.key(), Some(&a.secrets.connect_id()), None).unwrap();
    assert_eq!(
        (checked.connect_id, checked.instance, checked.port),
        (a.secrets.connect_id(), a.instance.key(), 4242)
    );
}

#[test]
fn more_versions_than_anybody_speaks_are_refused() {
    let speaks = |count: usize| {
        let versions = (0..count as u64).collect();
        Hello::decode(&Hello { versions, ..person(1).hello }.encode())
    };
    assert!(speaks(MAX_VERSIONS).is_ok());
    assert!(speaks(MAX_VERSIONS + 1).is_err());
}

#[test]
fn each_check_has_its_code() {
    let (a, b) = (person(1), person(2));
    let (key, id) = (a.instance.key(), a.secrets.connect_id());
    let refused = |hello: &Hello, expected: Option<&ConnectId>, known: Option<&VerifiedCard>| {
        hello.check(key, expected, known).map(|_| ()).unwrap_err()
    };
    assert_eq!(
        refused(&Hello { versions: vec![2, 3], ..a.hello.clone() }, None, None),
        CloseCode::Version
    );
    assert_eq!(refused(&a.hello, Some(&b.secrets.connect_id()), None), CloseCode::WrongIdentity);
    assert_eq!(
        refused(&Hello { card: vec![0xa0], ..a.hello.clone() }, None, None),
        CloseCode::BadHello
    );
    assert_eq!(
        refused(&Hello { card: b.hello.card.clone(), ..a.hello.clone() }, Some(&id), None),
        CloseCode::BadHello,
        "the card of another"
    );
    assert_eq!(
        refused(&b.hello, None, None),
        CloseCode::NotLive,
        "another's whole Hello with my own key"
    );
    assert_eq!(
        refused(&Hello { record: b.hello.record.clone(), ..a.hello.clone() }, None, None),
        CloseCode::BadHello,
        "the record of another"
    );
}

#[test]
fn a_revocation_that_only_i_know_counts_and_comes_out_merged() {
    let a = person(1);
    let known = a.card.with(&a.secrets, &Statement::Revoke { instance: a.instance.key() }).unwrap();
    assert_eq!(
        a.hello.check(a.instance.key(), None, Some(&known)).unwrap_err(),
        CloseCode::NotLive
    );
    let other = InstanceSecret::from_seed(Secret32::new([9; 32]));
    let more = a
        .card
        .with(&a.secrets, &Statement::Add { instance: other.key(), created: Millis(2) })
        .unwrap();
    let checked = a.hello.check(a.instance.key(), None, Some(&more)).unwrap();
    assert!(checked.card.is_live(&other.key()));
}

#[test]
fn a_hello_over_the_limit_is_refused_and_the_largest_card_fits() {
    let a = person(1);
    let over = Hello { card: vec![0; MAX_HELLO], ..a.hello.clone() };
    assert!(Hello::decode(&over.encode()).is_err());
    let largest = Hello {
        card: vec![0; nexus_identity::card::MAX_CARD],
        record: vec![0; nexus_identity::record::MAX_RECORD],
        ..a.hello
    };
    assert!(Hello::decode(&largest.encode()).is_ok());
    const { assert!(MAX_HELLO < crate::frame::MAX_FRAME) }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(hello) = Hello::decode(&bytes) {
            let _no_panic = hello.check(person(1).instance.key(), None, None).is_ok();
        }
    }

    #[test]
    fn a_changed_byte_never_passes_as_somebody_else(position in 0usize..2000, bit in 0u8..8) {
        let a = person(1);
        let mut bytes = a.hello.encode();
        let position = position % bytes.len();
        bytes[position] ^= 1 << bit;
        if let Ok(hello) = Hello::decode(&bytes)
            && let Ok(checked) = hello.check(a.instance.key(), None, None)
        {
            prop_assert_eq!(checked.connect_id, a.secrets.connect_id());
            prop_assert_eq!(checked.record.instance(), a.instance.key());
        }
    }
}
