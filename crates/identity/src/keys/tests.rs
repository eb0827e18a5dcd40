use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::id::{BadSignature, verify};

fn secrets(seed: u8) -> IdentitySecrets {
    IdentitySecrets::generate(&mut ChaCha12Rng::from_seed([seed; 32]))
}

#[test]
fn signatures_are_bound_to_key_context_and_message() {
    let key = SigningKey::from_seed(Secret32::new([1; 32]));
    let other = SigningKey::from_seed(Secret32::new([2; 32]));
    let signature = key.sign("nexus test v1", b"hello");
    assert_eq!(verify(&key.public(), "nexus test v1", b"hello", &signature), Ok(()));
    assert_eq!(verify(&key.public(), "nexus test v2", b"hello", &signature), Err(BadSignature));
    assert_eq!(verify(&key.public(), "nexus test v1", b"hellp", &signature), Err(BadSignature));
    assert_eq!(verify(&other.public(), "nexus test v1", b"hello", &signature), Err(BadSignature));
    // The zero byte keeps context and message apart.
    assert_eq!(verify(&key.public(), "nexus test v1h", b"ello", &signature), Err(BadSignature));
}

#[test]
fn a_key_of_small_order_verifies_nothing() {
    let identity_point = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    let mut signature = [0; 64];
    signature[0] = 1;
    assert_eq!(verify(&identity_point, "c", b"m", &Signature(signature)), Err(BadSignature));
}

#[test]
fn both_sides_agree_and_a_zero_result_is_refused() {
    let (a, b) = (secrets(1), secrets(2));
    assert_eq!(a.agree(&b.contact_key()), b.agree(&a.contact_key()));
    assert_eq!(a.agree(&ContactKey([0; 32])), Err(AllZero));
    let mut one = [0; 32];
    one[0] = 1;
    assert_eq!(a.agree(&ContactKey(one)), Err(AllZero));
}

#[test]
fn identity_file_reads_back() {
    let a = secrets(3);
    let bytes = a.to_bytes();
    assert_eq!(bytes.len(), FILE_LENGTH);
    let b = IdentitySecrets::from_bytes(&bytes).unwrap();
    assert_eq!(a.connect_id(), b.connect_id());
    assert_eq!(a.contact_key(), b.contact_key());
    assert_eq!(a.self_secret(), b.self_secret());
}

#[test]
fn any_flipped_bit_of_an_identity_file_is_refused() {
    let bytes = secrets(4).to_bytes();
    for at in 0..bytes.len() * 8 {
        let mut wrong = bytes.to_vec();
        wrong[at / 8] ^= 1 << (at % 8);
        assert!(IdentitySecrets::from_bytes(&wrong).is_err(), "bit {at}");
    }
    let mut newer = bytes.to_vec();
    newer[15] = 2;
    assert_eq!(IdentitySecrets::from_bytes(&newer).err(), Some(IdentityFileError::Version(2)));
    assert_eq!(
        IdentitySecrets::from_bytes(&bytes[..100]).err(),
        Some(IdentityFileError::NotIdentity)
    );
}

#[test]
fn the_tls_key_is_the_instance_key() {
    let instance = InstanceSecret::from_seed(Secret32::new([9; 32]));
    let der = instance.pkcs8_der();
    assert_eq!(der.len(), 48);
    let seed = Secret32::from_slice(&der[16..]).unwrap();
    assert_eq!(SigningKey::from_seed(seed).public(), instance.key().0);
    let signature = instance.sign("nexus test v1", b"m");
    assert_eq!(instance.key().verify("nexus test v1", b"m", &signature), Ok(()));
}

#[test]
fn debug_shows_no_secret() {
    let rng = &mut ChaCha12Rng::from_seed([5; 32]);
    insta::assert_debug_snapshot!("secret32", Secret32::random(rng));
    insta::assert_debug_snapshot!("signing_key", SigningKey::from_seed(Secret32::random(rng)));
    insta::assert_debug_snapshot!("identity_secrets", secrets(5));
    insta::assert_debug_snapshot!("instance_secret", InstanceSecret::generate(rng));
}

proptest! {
    #[test]
    fn arbitrary_identity_files_never_panic(bytes in proptest::collection::vec(0u8.., 0..200)) {
        prop_assert!(IdentitySecrets::from_bytes(&bytes).is_err());
    }
}
