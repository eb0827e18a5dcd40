use super::*;
use proptest::prelude::*;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

fn head(answer: bool) -> Head {
    Head { port: 4242, boot: BootId([5; 8]), answer }
}

fn instance() -> InstanceSecret {
    InstanceSecret::from_seed(Secret32::new([3; 32]))
}

const ME: ConnectId = ConnectId::from_bytes([1; 32]);

#[test]
fn a_beacon_for_everyone_comes_back_and_verifies() {
    let bytes = encode_everyone(&head(true), &instance(), &ME, "Ada");
    let beacon = Beacon::decode(&bytes).unwrap();
    assert_eq!(beacon.head, head(true));
    assert!(
        matches!(&beacon.claim, Claim::Everyone { name, connect_id, .. } if name == "Ada" && *connect_id == ME)
    );
    assert_eq!(beacon.verify(&bytes), Ok(()));
}

#[test]
fn each_changed_byte_of_a_signed_beacon_is_noticed() {
    let bytes = encode_everyone(&head(false), &instance(), &ME, "Ada");
    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        assert!(
            Beacon::decode(&changed).and_then(|beacon| beacon.verify(&changed)).is_err(),
            "byte {position}"
        );
    }
}

#[test]
fn the_longest_beacons_fit_and_a_long_name_is_cut_at_a_character() {
    let bytes = encode_everyone(&head(false), &instance(), &ME, &"ä".repeat(50));
    assert!(bytes.len() <= MAX_BEACON);
    let Claim::Everyone { name, .. } = Beacon::decode(&bytes).unwrap().claim else {
        panic!("kind")
    };
    assert_eq!(name, "ä".repeat(32));
    let odd = format!("x{}", "ä".repeat(50));
    assert_eq!(cut(&odd).len(), 63);
}

#[test]
fn a_beacon_for_contacts_has_always_the_same_size_and_fits() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let secrets: Vec<Secret32> = (0..40u8).map(|n| Secret32::new([n; 32])).collect();
    let sizes: Vec<usize> = [0, 1, 24, 40]
        .into_iter()
        .map(|n| {
            encode_contacts(&head(false), &ME, &[7; 16], secrets.iter().take(n), &mut rng).len()
        })
        .collect();
    assert_eq!(sizes, [417; 4]);
    const { assert!(417 <= MAX_BEACON) }
}

#[test]
fn only_the_contact_finds_its_token() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (mine, other) = (Secret32::new([8; 32]), Secret32::new([9; 32]));
    let bytes = encode_contacts(&head(false), &ME, &[7; 16], [&mine].into_iter(), &mut rng);
    let beacon = Beacon::decode(&bytes).unwrap();
    let Claim::Contacts { nonce, tokens } = &beacon.claim else { panic!("kind") };
    assert!(tokens.contains(&token(&mine, &ME, &beacon.head_bytes(), nonce)));
    assert!(!tokens.contains(&token(&other, &ME, &beacon.head_bytes(), nonce)));
    assert!(!tokens.contains(&token(
        &mine,
        &ConnectId::from_bytes([2; 32]),
        &beacon.head_bytes(),
        nonce
    )));
}

#[test]
fn a_token_holds_for_its_port_and_boot_only() {
    let mine = Secret32::new([8; 32]);
    let tokens: std::collections::BTreeSet<_> = [(1u16, 1u8), (2, 1), (1, 2)]
        .into_iter()
        .map(|(port, boot)| {
            token(
                &mine,
                &ME,
                &encode_head(&Head { port, boot: BootId([boot; 8]), answer: false }, true),
                &[7; 16],
            )
        })
        .collect();
    assert_eq!(tokens.len(), 3);
}

#[test]
fn what_is_no_beacon_says_why() {
    assert_eq!(Beacon::decode(b""), Err(BeaconError::Magic));
    assert_eq!(Beacon::decode(b"HTTP/1.1 200 OK"), Err(BeaconError::Magic));
    assert_eq!(Beacon::decode(b"NEXB\x02"), Err(BeaconError::Length));
    assert_eq!(Beacon::decode(b"NEXB\x02\x00\x00\x00"), Err(BeaconError::Version));
    assert_eq!(Beacon::decode(&[0; MAX_BEACON + 1]), Err(BeaconError::Length));
    let mut bytes = encode_everyone(&head(false), &instance(), &ME, "Ada");
    bytes[6] = 0;
    bytes[7] = 0;
    assert_eq!(Beacon::decode(&bytes), Err(BeaconError::Range));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _no_panic = Beacon::decode(&tail);
        let mut bytes = b"NEXB\x01".to_vec();
        bytes.extend(tail);
        if let Ok(beacon) = Beacon::decode(&bytes) {
            let _no_panic = beacon.verify(&bytes);
        }
    }

    #[test]
    fn cutting_or_lengthening_a_beacon_makes_it_unreadable(cut in 0usize..417, contacts: bool) {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let bytes = if contacts {
            encode_contacts(&head(false), &ME, &[7; 16], [].into_iter(), &mut rng)
        } else {
            encode_everyone(&head(false), &instance(), &ME, "Ada")
        };
        prop_assert!(Beacon::decode(&bytes[..cut.min(bytes.len() - 1)]).is_err());
        let mut longer = bytes.clone();
        longer.push(0);
        prop_assert!(Beacon::decode(&longer).is_err());
    }
}
