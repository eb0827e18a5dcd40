use super::*;
use proptest::prelude::*;

fn facts(side: Side, at: u64) -> LinkFacts {
    LinkFacts {
        side,
        boot: BootId([1; 8]),
        quality: Quality::Near,
        up_at: Duration::from_millis(at),
    }
}

fn key(byte: u8) -> InstanceKey {
    InstanceKey::from_bytes([byte; 32])
}

#[test]
fn of_two_dials_that_crossed_the_smaller_keys_stays_at_both_ends() {
    let small_first = prefer(&facts(Side::Dialler, 0), &facts(Side::Listener, 5), &key(1), &key(2));
    assert_eq!(small_first, Keep::Existing);
    assert_eq!(
        prefer(&facts(Side::Dialler, 0), &facts(Side::Listener, 5), &key(2), &key(1)),
        Keep::New
    );
}

#[test]
fn of_two_dials_of_one_side_the_newer_stays() {
    assert_eq!(
        prefer(&facts(Side::Dialler, 0), &facts(Side::Dialler, 5), &key(1), &key(2)),
        Keep::New
    );
    assert_eq!(
        prefer(&facts(Side::Listener, 0), &facts(Side::Listener, 5), &key(1), &key(2)),
        Keep::New
    );
}

#[test]
fn a_restarted_peer_and_a_late_dial_win_over_what_must_be_dead() {
    let mut new = facts(Side::Listener, 5);
    new.boot = BootId([2; 8]);
    assert_eq!(prefer(&facts(Side::Dialler, 0), &new, &key(1), &key(2)), Keep::New);
    assert_eq!(
        prefer(&facts(Side::Dialler, 0), &facts(Side::Listener, 10_001), &key(1), &key(2)),
        Keep::New
    );
}

#[test]
fn paths_are_rated_by_both_addresses() {
    let of = |a: &str, b: &str| Quality::of(a.parse().unwrap(), b.parse().unwrap());
    assert_eq!(of("127.0.0.1", "127.0.0.1"), Quality::Host);
    assert_eq!(of("192.168.1.2", "192.168.1.3"), Quality::Near);
    assert_eq!(of("fe80::1", "fe80::2"), Quality::Near);
    assert_eq!(of("fd00::1", "fd00::2"), Quality::Near);
    assert_eq!(of("::ffff:10.0.0.1", "10.0.0.2"), Quality::Near);
    assert_eq!(of("192.168.1.2", "1.2.3.4"), Quality::Far);
    assert_eq!(of("2001:db8::1", "2001:db8::2"), Quality::Far);
}

proptest! {
    // Two links between the same two processes, seen from both ends, in whichever order each end finished them.
    #[test]
    fn both_ends_keep_the_same_of_crossed_links(
        dialled_by_a in any::<[bool; 2]>(), quality in any::<[bool; 2]>(), order in any::<[bool; 2]>(), a in 0u8..4, b in 4u8..9, swap: bool,
    ) {
        let (a, b) = if swap { (key(b), key(a)) } else { (key(a), key(b)) };
        let link = |index: usize, at_a: bool, at: u64| {
            let side = if dialled_by_a[index] == at_a { Side::Dialler } else { Side::Listener };
            let quality = if quality[index] { Quality::Near } else { Quality::Far };
            LinkFacts { side, boot: BootId([u8::from(at_a); 8]), quality, up_at: Duration::from_millis(at) }
        };
        // Dials of one side follow one another, so both ends see them in the same order.
        let order = if dialled_by_a[0] == dialled_by_a[1] { [false; 2] } else { order };
        let kept = |at_a: bool, reversed: bool, mine, peer| {
            let (first, second) = if reversed { (1, 0) } else { (0, 1) };
            match prefer(&link(first, at_a, 0), &link(second, at_a, 100), mine, peer) {
                Keep::Existing => first,
                Keep::New => second,
            }
        };
        prop_assert_eq!(kept(true, order[0], &a, &b), kept(false, order[1], &b, &a));
    }
}
