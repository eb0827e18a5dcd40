use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;
use crate::keys::IdentitySecrets;

fn invite() -> Invite {
    let secrets = IdentitySecrets::generate(&mut ChaCha12Rng::from_seed([1; 32]));
    let contact = Statement::Contact { key: secrets.contact_key() };
    let card = VerifiedCard::create(&secrets, &[contact]).unwrap();
    let mut invite = Invite::new(&card, InviteSecret::new([7; 16]), 2, Millis(99)).unwrap();
    invite.addresses = vec!["10.0.0.1:46340".into()];
    invite
}

fn link(bytes: &[u8]) -> String {
    format!("nexus:{}", URL_SAFE_NO_PAD.encode([bytes, &check(bytes)].concat()))
}

#[test]
fn an_invite_reads_back() {
    let invite = invite();
    let link = invite.encode().unwrap();
    assert!(link.starts_with("nexus:"));
    assert_eq!(link.parse(), Ok(invite.clone()));
    assert_eq!(link.replacen("nexus", "NEXUS", 1).parse(), Ok(invite.clone()));
    assert_eq!(invite.card().unwrap().contact_key(), Some(invite.contact_key()));
}

#[test]
fn a_card_without_contact_key_can_not_invite() {
    let secrets = IdentitySecrets::generate(&mut ChaCha12Rng::from_seed([1; 32]));
    let card = VerifiedCard::create(&secrets, &[]).unwrap();
    let refused = Invite::new(&card, InviteSecret::new([7; 16]), 1, Millis(0));
    assert_eq!(refused, Err(InviteError::NoContactKey));
}

#[test]
fn any_changed_or_missing_character_is_found() {
    let link = invite().encode().unwrap();
    for at in SCHEME.len()..link.len() {
        let mut wrong = link.clone().into_bytes();
        wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
        let wrong = String::from_utf8(wrong).unwrap();
        assert_eq!(wrong.parse::<Invite>(), Err(InviteError::Damaged), "character {at}");
        assert_eq!(link[..at].parse::<Invite>(), Err(InviteError::Damaged), "cut at {at}");
    }
    assert_eq!("http://x".parse::<Invite>(), Err(InviteError::Scheme));
    assert_eq!("nex".parse::<Invite>(), Err(InviteError::Scheme));
}

#[test]
fn an_invite_with_another_identity_in_it_is_refused() {
    let link_bytes = URL_SAFE_NO_PAD.decode(&invite().encode().unwrap()[6..]).unwrap();
    let mut forged = link_bytes[..link_bytes.len() - CHECK].to_vec();
    let other = IdentitySecrets::generate(&mut ChaCha12Rng::from_seed([2; 32]));
    forged[4..36].copy_from_slice(other.identity_key().as_bytes());
    assert!(matches!(link(&forged).parse::<Invite>(), Err(InviteError::Contact(_))));
}

#[test]
fn each_limit_holds() {
    let refused = |change: fn(&mut Invite)| {
        let mut invite = invite();
        change(&mut invite);
        invite.encode().unwrap_err()
    };
    let range = InviteError::Encoding(CborError::Range);
    assert_eq!(refused(|i| i.addresses = vec![String::new(); MAX_PLACES + 1]), range);
    assert_eq!(refused(|i| i.relays = vec!["r".repeat(MAX_PLACE + 1)]), range);
    assert_eq!(refused(|i| i.servers = vec!["s".repeat(MAX_PLACE); 8]), InviteError::TooLong);
}

#[test]
fn unknown_keys_are_kept() {
    let bytes = URL_SAFE_NO_PAD.decode(&invite().encode().unwrap()[6..]).unwrap();
    let mut bytes = bytes[..bytes.len() - CHECK].to_vec();
    bytes[0] += 1;
    bytes.extend([0x18, 0x63, 0x05]);
    let newer = link(&bytes);
    assert_eq!(newer.parse::<Invite>().unwrap().encode(), Ok(newer));
}

#[test]
fn debug_shows_no_secret() {
    insta::assert_debug_snapshot!("invite_secret", InviteSecret::new([7; 16]));
    insta::assert_debug_snapshot!("invite", invite());
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in ".{0,60}", bytes in proptest::collection::vec(0u8.., 0..100)) {
        prop_assert!(text.parse::<Invite>().is_err());
        let with_scheme = [SCHEME, &text].concat();
        prop_assert!(with_scheme.parse::<Invite>().is_err());
        prop_assert!(link(&bytes).parse::<Invite>().is_err());
    }
}
