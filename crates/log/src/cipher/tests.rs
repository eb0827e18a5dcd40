use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::*;

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([1; 32])
}

const CONVERSATION: ConversationId = ConversationId::from_bytes([5; 32]);

fn place() -> Place<'static> {
    let log = LogKey::from_bytes([1; 32]);
    Place { conversation: &CONVERSATION, log, seq: 2, prev: EntryHash::from_bytes([3; 32]) }
}

fn header_of(place: &Place<'_>, payload: &[u8]) -> [u8; 112] {
    Header::for_payload(Kind::Entry, place.log, place.seq, place.prev, payload).unwrap().encode()
}

#[test]
fn lengths_follow_padme_and_start_at_64() {
    let cases = [
        (0, 64),
        (64, 64),
        (65, 72),
        (72, 72),
        (200, 208),
        (1000, 1024),
        (1025, 1088),
        (63_488, 63_488),
    ];
    for (len, padded) in cases {
        assert_eq!(padded_len(len), padded, "{len}");
    }
}

#[test]
fn the_largest_body_fits_and_one_byte_more_does_not() {
    let key = Secret32::new([2; 32]);
    let payload = seal(&place(), 0, &key, &vec![1; MAX_BODY], &mut rng()).unwrap();
    assert!(payload.len() <= MAX_PAYLOAD);
    assert!(seal(&place(), 0, &key, &vec![1; MAX_BODY + 1], &mut rng()).is_none());
}

#[test]
fn another_place_conversation_or_key_opens_nothing() {
    let (key, place) = (Secret32::new([2; 32]), place());
    let payload = seal(&place, 7, &key, b"body", &mut rng()).unwrap();
    let header = header_of(&place, &payload);
    assert_eq!(epoch_of(&payload), Some(7));
    let opens =
        |conversation: &ConversationId, header: &[u8], seq, key: &Secret32, payload: &[u8]| {
            open(conversation, header, &place.log, seq, key, payload).map(|plain| plain.to_vec())
        };
    assert_eq!(opens(&CONVERSATION, &header, 2, &key, &payload), Some(b"body".to_vec()));
    assert_eq!(opens(&ConversationId::from_bytes([6; 32]), &header, 2, &key, &payload), None);
    assert_eq!(opens(&CONVERSATION, &header, 3, &key, &payload), None);
    assert_eq!(opens(&CONVERSATION, &header, 2, &Secret32::new([3; 32]), &payload), None);
    let mut moved = header;
    moved[70] ^= 1;
    assert_eq!(opens(&CONVERSATION, &moved, 2, &key, &payload), None);
    let mut damaged = payload.clone();
    damaged[40] ^= 1;
    assert_eq!(opens(&CONVERSATION, &header, 2, &key, &damaged), None);
}

proptest! {
    #[test]
    fn what_is_sealed_opens(body in prop::collection::vec(any::<u8>(), 0..2000), epoch in any::<u32>()) {
        let (key, place) = (Secret32::new([2; 32]), place());
        let payload = seal(&place, epoch, &key, &body, &mut rng()).unwrap();
        prop_assert_eq!(payload.len(), 4 + 24 + padded_len(body.len() + 1) + 16);
        let header = header_of(&place, &payload);
        let plain = open(&CONVERSATION, &header, &place.log, place.seq, &key, &payload).unwrap();
        prop_assert_eq!(&*plain, &body);
    }

    #[test]
    fn arbitrary_payloads_do_no_harm(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let place = place();
        let header = header_of(&place, &payload);
        prop_assert!(open(&CONVERSATION, &header, &place.log, 2, &Secret32::new([2; 32]), &payload).is_none());
        let _ = epoch_of(&payload);
    }
}
