use proptest::prelude::*;

use super::*;

fn id(seed: u8) -> ConnectId {
    ConnectId::of(&IdentityKey([seed; 32]))
}

#[test]
fn a_connect_id_has_62_characters_and_begins_with_nx1q() {
    let text = id(1).to_string();
    assert_eq!(text.len(), TEXT_LENGTH);
    assert!(text.starts_with("nx1q"));
    assert_eq!(text.get(4..12), Some(id(1).short().as_str()));
    assert_eq!(text.parse(), Ok(id(1)));
    assert_eq!(text.to_uppercase().parse(), Ok(id(1)));
}

#[test]
fn the_text_is_what_the_bech32_library_writes() {
    use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
    let hrp = bech32::Hrp::parse("nx").unwrap();
    let bytes = *id(7).as_bytes();
    let chars = bytes.iter().copied().bytes_to_fes().with_checksum::<bech32::Bech32m>(&hrp);
    let text: String = chars.with_witness_version(bech32::Fe32::Q).chars().collect();
    assert_eq!(id(7).to_string(), text);
}

#[test]
fn every_single_mistyped_character_is_located() {
    let text = id(2).to_string();
    for at in 3..TEXT_LENGTH {
        let mut wrong = text.clone().into_bytes();
        wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
        let wrong = String::from_utf8(wrong).unwrap();
        let expected = ConnectIdError::Typo { position: at + 1 };
        assert_eq!(wrong.parse::<ConnectId>(), Err(expected), "{wrong}");
    }
}

#[test]
fn two_mistyped_characters_are_never_passed_off_as_one() {
    let text = id(3).to_string();
    for at in 4..TEXT_LENGTH - 1 {
        let mut wrong = text.clone().into_bytes();
        wrong.swap(at, at + 1);
        let wrong = String::from_utf8(wrong).unwrap();
        if wrong != text {
            assert_eq!(wrong.parse::<ConnectId>(), Err(ConnectIdError::Checksum));
        }
    }
}

#[test]
fn other_mistakes_are_named() {
    let text = id(4).to_string();
    let parse = |text: &str| text.parse::<ConnectId>().unwrap_err();
    assert_eq!(parse(""), ConnectIdError::Prefix);
    assert_eq!(parse("nx"), ConnectIdError::Prefix);
    assert_eq!(parse("né1"), ConnectIdError::Prefix);
    assert_eq!(parse(&text.replacen("nx", "nz", 1)), ConnectIdError::Prefix);
    assert_eq!(parse(&text[..61]), ConnectIdError::Length { found: 61 });
    assert_eq!(parse(&format!("{text}q")), ConnectIdError::Length { found: 63 });
    let upper = format!("{}{}", &text[..61], text[61..].to_uppercase());
    if upper != text {
        assert_eq!(parse(&upper), ConnectIdError::MixedCase { position: 62 });
    }
    let bad = format!("{}b{}", &text[..9], &text[10..]);
    assert_eq!(parse(&bad), ConnectIdError::Character { position: 10, found: 'b' });
    let bad = format!("{}\u{e9}{}", &text[..9], &text[10..]);
    assert_eq!(parse(&bad), ConnectIdError::Character { position: 10, found: '\u{e9}' });
}

#[test]
fn another_version_is_named_and_unused_bits_must_be_zero() {
    use bech32::primitives::iter::{ByteIterExt as _, Fe32IterExt as _};
    let hrp = bech32::Hrp::parse("nx").unwrap();
    let bytes = [0u8; 32];
    let fes = bytes.iter().copied().bytes_to_fes().with_checksum::<bech32::Bech32m>(&hrp);
    let other: String = fes.with_witness_version(bech32::Fe32::P).chars().collect();
    assert_eq!(other.parse::<ConnectId>(), Err(ConnectIdError::Version));
    let mut symbols: Vec<_> = bytes.iter().copied().bytes_to_fes().collect();
    *symbols.last_mut().unwrap() = bech32::Fe32::P;
    let fes = symbols.into_iter().with_checksum::<bech32::Bech32m>(&hrp);
    let padded: String = fes.with_witness_version(bech32::Fe32::Q).chars().collect();
    assert_eq!(padded.parse::<ConnectId>(), Err(ConnectIdError::Padding));
}

#[test]
fn keys_show_as_hexadecimal() {
    assert_eq!(InstanceKey([0xab; 32]).to_string(), "ab".repeat(32));
    assert_eq!(IdentityKey::from_slice(&[0; 31]), None);
}

#[test]
fn time_neither_overflows_nor_goes_below_zero() {
    let day = core::time::Duration::from_secs(86_400);
    assert_eq!(Millis(5).saturating_add(day), Millis(86_400_005));
    assert_eq!(Millis(u64::MAX).saturating_add(day), Millis(u64::MAX));
    assert_eq!(Millis(5).since(Millis(9)), core::time::Duration::ZERO);
    assert_eq!(Millis(9).since(Millis(5)).as_millis(), 4);
}

proptest! {
    #[test]
    fn every_connect_id_reads_back(bytes: [u8; 32]) {
        let id = ConnectId::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn arbitrary_text_never_panics(text in ".{0,80}", tail in "nx1[a-z0-9]{50,62}") {
        let _ = text.parse::<ConnectId>();
        let _ = tail.parse::<ConnectId>();
    }
}
