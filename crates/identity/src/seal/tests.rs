use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

const BOTH: [Suite; 2] = [Suite::XWing, Suite::X25519];

fn sealed(suite: Suite, plain: &[u8]) -> (Secret32, Vec<u8>) {
    let secret = Secret32::new([7; 32]);
    let public = public_key(suite, &secret).unwrap();
    let rng = &mut ChaCha12Rng::from_seed([1; 32]);
    (secret, seal(suite, &public, b"info", b"aad", plain, rng).unwrap())
}

#[test]
fn what_is_sealed_opens_and_is_longer_by_the_overhead() {
    for suite in BOTH {
        let (secret, sealed) = sealed(suite, b"hello");
        assert_eq!(sealed.len(), 5 + suite.overhead());
        assert_eq!(open(suite, &secret, b"info", b"aad", &sealed).unwrap().as_slice(), b"hello");
    }
}

#[test]
fn another_key_purpose_or_header_does_not_open() {
    for suite in BOTH {
        let (secret, sealed) = sealed(suite, b"hello");
        let refused = Err(SealError::Opening);
        let other = Secret32::new([8; 32]);
        assert_eq!(open(suite, &other, b"info", b"aad", &sealed), refused);
        assert_eq!(open(suite, &secret, b"inf", b"aad", &sealed), refused);
        assert_eq!(open(suite, &secret, b"info", b"aaD", &sealed), refused);
    }
}

#[test]
fn any_flipped_bit_is_refused() {
    for suite in BOTH {
        let (secret, sealed) = sealed(suite, b"hello");
        for at in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[at] ^= 1 << (at % 8);
            let opened = open(suite, &secret, b"info", b"aad", &wrong);
            assert_eq!(opened, Err(SealError::Opening), "{suite:?} byte {at}");
        }
        assert_eq!(open(suite, &secret, b"info", b"aad", &sealed[..20]), Err(SealError::Opening));
    }
}

#[test]
fn unusable_recipients_are_refused() {
    let rng = &mut ChaCha12Rng::from_seed([1; 32]);
    let mut to = |suite, key: &[u8]| {
        let sealed = seal(suite, key, b"", b"", b"", rng).map(drop);
        assert_eq!(check_public_key(suite, key), sealed, "the check foresees it");
        sealed
    };
    assert_eq!(to(Suite::X25519, &[9; 32]), Ok(()));
    assert_eq!(to(Suite::X25519, &[0; 32]), Err(SealError::BadKey));
    assert_eq!(to(Suite::X25519, &[9; 31]), Err(SealError::BadKey));
    assert_eq!(to(Suite::XWing, &[0xff; XWING_PUBLIC]), Err(SealError::BadKey));
    assert_eq!(to(Suite::XWing, &[1; XWING_PUBLIC - 1]), Err(SealError::BadKey));
}

#[test]
fn suites_have_their_bytes() {
    for suite in BOTH {
        assert_eq!(Suite::from_byte(suite.byte()), Ok(suite));
    }
    assert_eq!(Suite::from_byte(0), Err(SealError::UnknownSuite));
    assert_eq!(Suite::from_byte(3), Err(SealError::UnknownSuite));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..1300)) {
        for suite in BOTH {
            prop_assert!(open(suite, &Secret32::new([7; 32]), b"", b"", &bytes).is_err());
            let rng = &mut ChaCha12Rng::from_seed([1; 32]);
            let _ = seal(suite, &bytes, b"", b"", b"", rng);
        }
    }
}
