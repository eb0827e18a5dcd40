use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::card::{Statement, VerifiedCard};
use crate::id::{ConnectId, InstanceKey, Millis};
use crate::keys::IdentitySecrets;

fn rng() -> ChaCha12Rng {
    ChaCha12Rng::from_seed([9; 32])
}

fn phrase() -> Phrase {
    Phrase::generate(&mut rng())
}

fn card(seed: u8) -> (IdentitySecrets, VerifiedCard) {
    let secrets = IdentitySecrets::generate(&mut ChaCha12Rng::from_seed([seed; 32]));
    let says = [
        Statement::Add { instance: InstanceKey([seed; 32]), created: Millis(1) },
        Statement::Contact { key: secrets.contact_key() },
    ];
    let card = VerifiedCard::create(&secrets, &says).unwrap();
    (secrets, card)
}

fn contents() -> Contents {
    let (secrets, own) = card(1);
    let (_, bob) = card(2);
    let contact = |connect_id, card, name: Option<&str>, state| Contact {
        connect_id,
        card,
        name: name.map(str::to_owned),
        state,
        verified: state == 3,
    };
    Contents {
        secrets,
        version: 3,
        created: Millis(77),
        card: own,
        keyring: vec![EpochKey { log: [1; 32], epoch: u32::MAX, key: Secret32::new([2; 32]) }; 3],
        contacts: vec![
            contact(bob.connect_id(), Some(bob), Some("Bob"), 3),
            contact(ConnectId::from_bytes([5; 32]), None, None, 1),
        ],
    }
}

fn sealed() -> Vec<u8> {
    seal(&contents(), &phrase(), Argon2Cost::FOR_TESTS, &mut rng()).unwrap()
}

#[test]
fn a_backup_opens_with_its_phrase_however_it_is_typed() {
    let file = sealed();
    let typed = phrase().text().to_uppercase().replace(' ', " \n ");
    for phrase in [phrase().text(), &typed] {
        let opened = open(&file, phrase).unwrap();
        assert_eq!(opened.secrets.to_bytes(), contents().secrets.to_bytes());
        assert_eq!(opened.card, contents().card);
        assert_eq!(opened.keyring, contents().keyring);
        assert_eq!(opened.contacts, contents().contacts);
        assert_eq!((opened.version, opened.created), (3, Millis(77)));
    }
}

#[test]
fn a_wrong_phrase_and_a_damaged_file_are_told_apart() {
    let mut file = sealed();
    assert_eq!(open(&file, "some other phrase").err(), Some(BackupError::WrongPhrase));
    let cut = &file[..file.len() - 1];
    assert_eq!(open(cut, phrase().text()).err(), Some(BackupError::Damaged));
    *file.last_mut().unwrap() ^= 1;
    assert_eq!(open(&file, phrase().text()).err(), Some(BackupError::Damaged));
}

#[test]
fn any_flipped_bit_is_refused() {
    let file = sealed();
    // All of the header, then a sample of the rest.
    for at in (0..HEADER).chain((HEADER..file.len()).step_by(7)) {
        let mut wrong = file.clone();
        wrong[at] ^= 1 << (at % 8);
        assert!(open(&wrong, phrase().text()).is_err(), "byte {at}");
    }
}

#[test]
fn other_files_and_versions_are_named() {
    let mut file = sealed();
    assert_eq!(open(b"", "").err(), Some(BackupError::NotBackup));
    assert_eq!(open(b"PK\x03\x04 something", "").err(), Some(BackupError::NotBackup));
    assert_eq!(open(&file[..50], "").err(), Some(BackupError::NotBackup));
    file[13] = 2;
    assert_eq!(open(&file, "").err(), Some(BackupError::Version(2)));
}

#[test]
fn a_file_can_not_ask_for_an_unreasonable_cost() {
    for (at, value) in [(14, MAX_MEMORY + 1), (18, MAX_PASSES + 1), (22, MAX_LANES + 1), (18, 0)] {
        let mut file = sealed();
        file[at..at + 4].copy_from_slice(&value.to_be_bytes());
        assert_eq!(open(&file, phrase().text()).err(), Some(BackupError::Cost), "{at}");
    }
}

#[test]
fn what_does_not_belong_together_is_not_sealed() {
    let seal = |contents: Contents| {
        seal(&contents, &phrase(), Argon2Cost::FOR_TESTS, &mut rng()).unwrap_err()
    };
    let mut wrong = contents();
    wrong.contacts[0].connect_id = ConnectId::from_bytes([9; 32]);
    assert_eq!(seal(wrong), BackupError::Card(CardError::OtherIdentity));
    let mut wrong = contents();
    wrong.contacts[0].name = Some("n".repeat(MAX_LOCAL_NAME + 1));
    assert_eq!(seal(wrong), BackupError::Encoding(CborError::Range));
    let mut wrong = contents();
    wrong.card = card(2).1;
    assert_eq!(seal(wrong), BackupError::Card(CardError::OtherIdentity));
}

#[test]
fn contents_that_another_identity_signed_are_refused() {
    let signed = contents().sign().unwrap();
    let mut forged = signed.to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    assert!(matches!(Contents::verify(&forged), Err(BackupError::Signature(_))));
}

#[test]
fn a_large_keyring_goes_in_and_comes_out() {
    let key = |n: u32| EpochKey { log: [7; 32], epoch: n, key: Secret32::new([8; 32]) };
    let contents = Contents { keyring: (0..20_000).map(key).collect(), ..contents() };
    let file = seal(&contents, &phrase(), Argon2Cost::FOR_TESTS, &mut rng()).unwrap();
    assert!(file.len() < 2 << 20);
    assert_eq!(open(&file, phrase().text()).unwrap().keyring, contents.keyring);
}

#[test]
fn debug_shows_no_secret() {
    let keys = phrase_keys("phrase", &[0; 16], Argon2Cost::FOR_TESTS).unwrap();
    insta::assert_debug_snapshot!("phrase_keys", keys);
    insta::assert_debug_snapshot!("epoch_key", contents().keyring[0]);
    insta::assert_debug_snapshot!("secrets_in_contents", contents().secrets);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..300)) {
        prop_assert!(open(&bytes, "phrase").is_err());
        prop_assert!(Contents::verify(&bytes).is_err());
        let mut file = sealed()[..HEADER].to_vec();
        file.extend(&bytes);
        prop_assert!(open(&file, phrase().text()).is_err());
    }
}
