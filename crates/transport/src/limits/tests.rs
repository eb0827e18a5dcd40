use super::*;

const RATE: Rate = Rate { per_second: 10.0, burst: 20.0 };

fn source(n: u32) -> Source {
    Source::from(IpAddr::V4(n.into()))
}

fn at(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn a_source_gets_its_burst_and_then_its_rate() {
    let mut rates = SourceRates::new(RATE);
    let allowed = (0..100).filter(|_| rates.allow(source(1), at(0))).count();
    assert_eq!(allowed, 20);
    let allowed = (0..1000).filter(|ms| rates.allow(source(1), at(*ms))).count();
    assert!((9..=10).contains(&allowed), "{allowed}");
}

#[test]
fn strangers_of_all_sources_together_begin_so_many_handshakes() {
    let mut knocks = TotalRate::new(STRANGER_RATE);
    assert_eq!((0..1000).filter(|_| knocks.allow(at(0))).count(), 64);
    let allowed = (0..1000).filter(|ms| knocks.allow(at(*ms))).count();
    assert!((19..=20).contains(&allowed), "{allowed}");
}

#[test]
fn one_that_floods_takes_nothing_from_another() {
    let mut rates = SourceRates::new(RATE);
    for _ in 0..100_000 {
        rates.allow(source(1), at(0));
    }
    assert!(rates.allow(source(2), at(0)));
}

#[test]
fn a_million_sources_take_bounded_memory_and_known_ones_keep_their_bucket() {
    let mut rates = SourceRates::new(RATE);
    assert!(rates.allow(source(0), at(0)));
    for n in 1..1_000_000 {
        rates.allow(source(n), at(u64::from(n) / 10_000));
    }
    assert!(rates.buckets.len() <= MAX_SOURCES);
    assert!(rates.allow(source(0), at(100)));
}

#[test]
fn idle_sources_make_room() {
    let mut rates = SourceRates::new(RATE);
    for n in 0..u32::try_from(MAX_SOURCES).unwrap() {
        rates.allow(source(n), at(0));
    }
    rates.allow(source(1_000_000), at(10_000));
    assert_eq!(rates.buckets.len(), 1);
}

#[test]
fn an_ipv6_network_is_one_source_and_a_link_local_address_is_its_own() {
    let of = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::2"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_ne!(of("fe80::1"), of("fe80::2"));
    assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
}

#[test]
fn the_oldest_of_those_that_say_nothing_makes_room() {
    let mut lobby = Lobby::default();
    let dropped: Vec<_> = (0..MAX_LOBBY + 3).filter_map(|_| lobby.enter().1).collect();
    assert_eq!(dropped, [0, 1, 2]);
    assert_eq!(lobby.waiting.len(), MAX_LOBBY);
    lobby.leave(100);
    assert_eq!(lobby.enter().1, None);
}

#[test]
fn slow_handshakes_of_one_source_do_not_keep_others_out() {
    let mut handshakes = Handshakes::default();
    for id in 0..MAX_HANDSHAKES_PER_SOURCE as u64 {
        assert_eq!(handshakes.stranger(id, source(1), at(0)), Admission::Admitted);
    }
    assert_eq!(handshakes.stranger(8, source(1), at(10)), Admission::Full);
    assert_eq!(handshakes.stranger(9, source(2), at(10)), Admission::Admitted);
    assert_eq!(handshakes.stranger(10, source(1), at(1000)), Admission::Instead(0));
}

#[test]
fn when_all_places_are_taken_a_slow_one_makes_room() {
    let mut handshakes = Handshakes::default();
    for n in 0..u32::try_from(MAX_HANDSHAKES).unwrap() {
        assert_eq!(handshakes.stranger(n.into(), source(n), at(0)), Admission::Admitted);
    }
    assert_eq!(handshakes.stranger(1000, source(1000), at(10)), Admission::Full);
    assert_eq!(handshakes.stranger(1000, source(1000), at(1500)), Admission::Instead(0));
    assert_eq!(handshakes.strangers.len(), MAX_HANDSHAKES);
}

#[test]
fn contacts_do_not_take_the_places_of_strangers_nor_they_theirs() {
    let mut handshakes = Handshakes::default();
    for id in 0..MAX_CONTACT_HANDSHAKES as u64 {
        assert!(handshakes.contact(id));
    }
    assert!(!handshakes.contact(9999), "over the limit of contacts");
    assert_eq!(handshakes.stranger(10_000, source(1), at(0)), Admission::Admitted);
    handshakes.done(5);
    assert!(handshakes.contact(9999));
}

#[test]
fn strangers_links_are_limited_in_all_and_by_source() {
    let mut strangers = Strangers::default();
    let mut enter = |n| strangers.enter(source(n));
    for id in 0..MAX_STRANGERS_PER_SOURCE as u64 {
        assert_eq!(enter(0), Some((id, None)));
    }
    assert_eq!(enter(0), None);
    for n in 1..15 {
        assert!(matches!(enter(n), Some((_, None))));
    }
    strangers.leave(1);
    assert_eq!(strangers.enter(source(99)), Some((16, None)));
}

#[test]
fn a_stranger_that_says_nothing_makes_room_and_one_with_a_letter_does_not() {
    let mut strangers = Strangers::default();
    for n in 0..u32::try_from(MAX_STRANGERS).unwrap() {
        assert!(strangers.enter(source(n)).is_some());
    }
    for id in [0, 2] {
        strangers.spoke(id);
    }
    assert_eq!(strangers.enter(source(20)), Some((16, Some(1))));
    assert_eq!(strangers.enter(source(21)), Some((17, Some(3))));
    for id in 0..18 {
        strangers.spoke(id);
    }
    assert_eq!(strangers.enter(source(22)), None);
}
