use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

const DAY: u64 = 86_400_000;
const START: u64 = 1_795_000_000_000;

fn ring() -> (Prekeys, ChaCha12Rng) {
    let mut rng = ChaCha12Rng::from_seed([1; 32]);
    (Prekeys::generate(Millis(START), &mut rng).unwrap(), rng)
}

#[test]
fn a_prekey_is_replaced_after_seven_days_and_not_before() {
    let (mut ring, mut rng) = ring();
    let first = ring.current().id();
    assert_eq!(ring.next_deadline(Millis(START)), Millis(START + 7 * DAY));
    assert!(!ring.rotate_if_due(Millis(START + 7 * DAY - 1), &mut rng));
    assert!(ring.rotate_if_due(Millis(START + 7 * DAY), &mut rng));
    assert_ne!(ring.current().id(), first);
    assert!(ring.find(&first).is_some(), "it still opens");
}

#[test]
fn a_replaced_prekey_is_erased_thirty_days_later() {
    let (mut ring, mut rng) = ring();
    let first = ring.current().id();
    ring.rotate_if_due(Millis(START + 7 * DAY), &mut rng);
    assert_eq!(ring.erase_due(Millis(START + 37 * DAY - 1)), []);
    assert_eq!(ring.erase_due(Millis(START + 37 * DAY)), [first]);
    assert!(ring.find(&first).is_none());
    assert_eq!(ring.all().count(), 1);
}

#[test]
fn run_for_a_year_by_its_deadlines_the_ring_stays_small() {
    let (mut ring, mut rng) = ring();
    let mut now = Millis(START);
    let mut steps = 0;
    while now < Millis(START + 365 * DAY) {
        let next = ring.next_deadline(now);
        assert!(next > now, "a deadline that is over is dealt with");
        now = next;
        let rotated = ring.rotate_if_due(now, &mut rng);
        assert!(rotated || !ring.erase_due(now).is_empty(), "a deadline is never for nothing");
        ring.erase_due(now);
        assert!(ring.all().count() <= 6);
        steps += 1;
    }
    assert!(steps < 120);
}

#[test]
fn a_device_that_slept_rotates_once_and_erases_what_is_due() {
    let (mut ring, mut rng) = ring();
    let first = ring.current().id();
    let late = Millis(START + 90 * DAY);
    assert!(ring.rotate_if_due(late, &mut rng));
    assert!(!ring.rotate_if_due(late, &mut rng));
    assert_eq!(
        ring.erase_due(late),
        [],
        "it was in use until now: seals to it may be on their way"
    );
    assert!(ring.find(&first).is_some());
}

#[test]
fn a_clock_that_was_ahead_neither_stops_rotation_nor_erasure() {
    let (mut ring, mut rng) = ring();
    let ahead = Millis(START + 40_000 * DAY);
    assert!(ring.rotate_if_due(ahead, &mut rng));
    let old = ring.all().nth(1).unwrap().id();
    let now = Millis(START + DAY);
    assert_eq!(
        ring.next_deadline(now),
        now,
        "whoever waits for the deadline must not wait until then"
    );
    assert!(ring.rotate_if_due(now, &mut rng), "made in a future that never was");
    assert_eq!(ring.next_deadline(now), now, "one is still replaced in that future");
    assert_eq!(ring.erase_due(now), []);
    assert_eq!(ring.next_deadline(now), Millis(START + 8 * DAY));
    assert!(ring.erase_due(Millis(START + 32 * DAY)).contains(&old));
}

#[test]
fn a_small_step_back_of_the_clock_changes_nothing() {
    let (mut ring, mut rng) = ring();
    assert!(!ring.rotate_if_due(Millis(START - DAY), &mut rng));
    assert!(ring.rotate_if_due(Millis(START - DAY - 1), &mut rng));
}

#[test]
fn never_more_than_the_limit_are_kept() {
    let (mut ring, mut rng) = ring();
    for step in 1..=40u64 {
        // A clock that leaps back and forth rotates each time.
        let now = Millis(START + if step % 2 == 0 { 0 } else { 8 * DAY });
        assert!(ring.rotate_if_due(now, &mut rng));
        ring.erase_due(now);
    }
    assert_eq!(ring.all().count(), MAX_PREKEYS);
    assert_eq!(Prekeys::from_bytes(&ring.to_bytes()).unwrap().all().count(), MAX_PREKEYS);
}

#[test]
fn the_ring_survives_the_store() {
    let (mut ring, mut rng) = ring();
    ring.rotate_if_due(Millis(START + 7 * DAY), &mut rng);
    let again = Prekeys::from_bytes(&ring.to_bytes()).unwrap();
    assert_eq!(again.to_bytes(), ring.to_bytes());
    let now = Millis(START + 8 * DAY);
    assert_eq!(again.next_deadline(now), ring.next_deadline(now));
    for (a, b) in again.all().zip(ring.all()) {
        assert_eq!((a.id(), a.public()), (b.id(), b.public()));
    }
    let sealed =
        seal::seal(Suite::XWing, ring.current().public(), b"", b"", b"hi", &mut rng).unwrap();
    assert_eq!(again.current().open(b"", b"", &sealed).unwrap().as_slice(), b"hi");
}

#[test]
fn malformed_rings_are_refused() {
    let (ring, _) = ring();
    let bytes = ring.to_bytes();
    let with = |at: usize, value: u8| {
        let mut wrong = bytes.to_vec();
        wrong[at] = value;
        Prekeys::from_bytes(&wrong).err()
    };
    let refused = Some(PrekeysError::Malformed);
    assert_eq!(with(0, 2), refused, "version");
    assert_eq!(with(1, 0), refused, "count");
    assert_eq!(with(2, 9), refused, "suite");
    assert_eq!(with(bytes.len() - 1, 0), refused, "the first is the current one");
    assert_eq!(Prekeys::from_bytes(&bytes[..bytes.len() - 1]).err(), refused);
}

#[test]
fn debug_shows_no_secret() {
    let (ring, _) = ring();
    insta::assert_debug_snapshot!("prekey", ring.current());
    insta::assert_debug_snapshot!("prekeys", ring);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(0u8.., 0..120)) {
        let _ = Prekeys::from_bytes(&bytes);
    }
}
