use super::*;

fn peer(byte: u8) -> ConnectId {
    ConnectId::from_bytes([byte; 32])
}

fn secret(byte: u8) -> Secret32 {
    Secret32::new([byte; 32])
}

const NOW: u64 = 1_763_900_000;

#[test]
fn a_contact_is_known_by_the_hour_and_by_my_nonce() {
    let mut keeper = GateKeeper::default();
    keeper.insert(peer(1), secret(7));
    keeper.sent_nonce([9; 16]);
    assert_eq!(keeper.check(&gate_for_nonce(&secret(7), &peer(1), &[9; 16]), NOW), Some(peer(1)));
    for hour in [NOW / HOUR - 1, NOW / HOUR, NOW / HOUR + 1] {
        assert_eq!(keeper.check(&gate_for_hour(&secret(7), &peer(1), hour), NOW), Some(peer(1)));
    }
}

#[test]
fn others_are_not() {
    let mut keeper = GateKeeper::default();
    keeper.insert(peer(1), secret(7));
    keeper.sent_nonce([9; 16]);
    assert_eq!(keeper.check(&[0; 16], NOW), None);
    assert_eq!(keeper.check(&gate_for_hour(&secret(8), &peer(1), NOW / HOUR), NOW), None);
    assert_eq!(
        keeper.check(&gate_for_hour(&secret(7), &peer(2), NOW / HOUR), NOW),
        None,
        "thrown back at its maker"
    );
    assert_eq!(keeper.check(&gate_for_hour(&secret(7), &peer(1), NOW / HOUR + 2), NOW), None);
    assert_eq!(keeper.check(&gate_for_nonce(&secret(7), &peer(1), &[8; 16]), NOW), None);
}

#[test]
fn a_removed_contact_is_forgotten() {
    let mut keeper = GateKeeper::default();
    keeper.insert(peer(1), secret(7));
    keeper.sent_nonce([9; 16]);
    keeper.remove(&peer(1));
    assert_eq!(keeper.check(&gate_for_nonce(&secret(7), &peer(1), &[9; 16]), NOW), None);
    assert_eq!(keeper.check(&gate_for_hour(&secret(7), &peer(1), NOW / HOUR), NOW), None);
    assert!(keeper.by_hour.is_empty() && keeper.by_nonce.is_empty());
}

#[test]
fn old_nonces_are_forgotten_and_the_table_stays_small() {
    let mut keeper = GateKeeper::default();
    keeper.insert(peer(1), secret(7));
    for round in 0..100u8 {
        keeper.sent_nonce([round; 16]);
    }
    assert_eq!(keeper.by_nonce.len(), KEPT_NONCES);
    assert_eq!(keeper.check(&gate_for_nonce(&secret(7), &peer(1), &[83; 16]), NOW), None);
    assert_eq!(keeper.check(&gate_for_nonce(&secret(7), &peer(1), &[84; 16]), NOW), Some(peer(1)));
}

#[test]
fn a_contact_that_comes_later_may_use_an_earlier_nonce() {
    let mut keeper = GateKeeper::default();
    keeper.sent_nonce([9; 16]);
    keeper.insert(peer(1), secret(7));
    assert_eq!(keeper.check(&gate_for_nonce(&secret(7), &peer(1), &[9; 16]), NOW), Some(peer(1)));
}
