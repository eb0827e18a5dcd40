use nexus_identity::kdf::derive;
use proptest::prelude::*;

use super::*;

fn sample() -> Header {
    let log = LogKey::from_bytes([7; 32]);
    let prev = EntryHash::from_bytes([9; 32]);
    Header::for_payload(Kind::Entry, log, 5, prev, b"payload").unwrap()
}

#[test]
fn the_layout_is_fixed() {
    let bytes = sample().encode();
    assert_eq!(bytes[..4], [1, 3, 0, 0]);
    assert_eq!(bytes[4..36], [7; 32]);
    assert_eq!(bytes[36..44], 5_u64.to_be_bytes());
    assert_eq!(bytes[44..76], [9; 32]);
    assert_eq!(bytes[76..80], 7_u32.to_be_bytes());
    assert_eq!(bytes[80..], derive("nexus payload v1", &[b"payload"]));
    assert_eq!(*sample().hash().as_bytes(), derive("nexus entry v1", &[&bytes]));
}

#[test]
fn unknown_low_kinds_flags_and_versions_are_refused_and_high_ones_carried() {
    let mut bytes = sample().encode();
    bytes[1] = 4;
    assert_eq!(Header::decode(&bytes), Err(HeaderError::Kind(4)));
    bytes[1] = 0x80;
    assert_eq!(Header::decode(&bytes).unwrap().kind, Kind::Carried(0x80));
    bytes[3] = 1;
    assert_eq!(Header::decode(&bytes), Err(HeaderError::Flags(1)));
    bytes[2..4].copy_from_slice(&[0x80, 0]);
    let carried = Header::decode(&bytes).unwrap();
    assert_eq!((carried.flags, carried.encode()), (0x8000, bytes));
    bytes[0] = 2;
    assert_eq!(Header::decode(&bytes), Err(HeaderError::Version(2)));
}

#[test]
fn a_payload_past_the_limit_is_refused() {
    let over = vec![0; MAX_PAYLOAD + 1];
    let log = LogKey::from_bytes([7; 32]);
    let make = |payload: &[u8]| Header::for_payload(Kind::Entry, log, 0, EntryHash::ZERO, payload);
    assert!(make(&over[1..]).is_ok());
    assert_eq!(make(&over), Err(HeaderError::PayloadLength(65_537)));
    let mut bytes = sample().encode();
    bytes[76..80].copy_from_slice(&65_537_u32.to_be_bytes());
    assert_eq!(Header::decode(&bytes), Err(HeaderError::PayloadLength(65_537)));
}

proptest! {
    #[test]
    fn decoding_never_panics_and_round_trips(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(header) = Header::decode(&bytes) {
            prop_assert_eq!(&header.encode()[..], &bytes[..HEADER_LEN]);
        }
    }

    #[test]
    fn what_is_encoded_decodes(mut bytes in prop::array::uniform32(any::<u8>()), seq in any::<u64>(), high in any::<u8>()) {
        bytes[0] |= 1;
        let mut header = sample();
        header.log = LogKey::from_bytes(bytes);
        header.seq = seq;
        header.flags = u16::from(high) << 8;
        prop_assert_eq!(Header::decode(&header.encode()), Ok(header));
    }
}
